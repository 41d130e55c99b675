"""Writes the pages of docs/ that are made from the code: `.venv/bin/python -I tools/docs.py`. tests/test_docs.py fails when one is stale."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from beffroi.core import config, errors
from beffroi.logs.formats.fields import NAMES
from beffroi.rules import policy
from beffroi.rules.policy.windows import SUBCATEGORIES, TAIL
from beffroi.service.checks import NAMES as NAMES_OF_CHECKS
from beffroi.store import settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
HEAD = "<!-- Made by tools/docs.py; do not edit. -->\n"


def errors_page() -> str:
    """docs/errors.md: every exit code, and every sentence that can come with it."""
    codes = [f"| {code.value} | {code.meaning} |" for code in errors.Exit]
    sentences = [f"| `{kind.__name__}` | {kind.exit_code.value} | {_sentence(kind)} |" for kind in _kinds()]
    return "\n".join(
        [
            HEAD,
            "# Exit codes and errors\n",
            "A command says on stderr what went wrong, where, and what to do; its exit code says it to scripts.\n",
            "| Code | Meaning |",
            "|---|---|",
            *codes,
            "",
            "| Error | Code | Sentence |",
            "|---|---|---|",
            *sentences,
            "",
        ]
    )


def configuration_page() -> str:
    """docs/configuration.md: every key of the configuration file."""
    keys = [f"| `{setting.name}` | {_cell(setting.help)} | {_cell(setting.default)} |" for setting in config.SETTINGS]
    return "\n".join(
        [
            HEAD,
            "# Configuration\n",
            "One TOML file: the one `--config` names, else for a person `~/.config/beffroi/beffroi.toml`, else `/etc/beffroi/beffroi.toml`.",
            "None is needed. A dotted name is a table and a key: `listen.relp` is `relp` under `[listen]`.\n",
            "| Key | What it is | Unless set |",
            "|---|---|---|",
            *keys,
            "",
        ]
    )


def fields_page() -> str:
    """docs/fields.md: the names of fields that rules may ask for."""
    names = [f"| `{name}` | {_cell(meaning)} |" for name, meaning in NAMES.items()]
    return "\n".join(
        [
            HEAD,
            "# Fields of log lines\n",
            "What rules find in lines of firewalls, NAS boxes, VPNs and other programs. Windows events keep Windows' names. Devices that name",
            "their fields themselves (CEF, LEEF, `name=value`, JSON, netfilter's capitals) keep those beside these; one that is called",
            "like one of ours comes with `given.` in front, since a sender's word is no finding. The whole line always stays for keywords.\n",
            "| Field | What it is |",
            "|---|---|",
            *names,
            "",
        ]
    )


def settings_page() -> str:
    """docs/settings.md: everything a director changes."""
    rows = [f"| `{each.name}` | {_cell(each.help)} | {_default(each.default)} |" for each in settings.SETTINGS]
    return "\n".join(
        [
            HEAD,
            "# Settings\n",
            "What a director changes, kept in the store; who changed what stands in the ledger.\n",
            "| Setting | What it is | Unless set |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def doctor_page() -> str:
    """docs/doctor.md: every check."""
    rows = [f"| `{name}` | {_cell(meaning)} |" for name, meaning in NAMES_OF_CHECKS.items()]
    return "\n".join(
        [
            HEAD,
            "# What `beffroi doctor` looks at\n",
            "`beffroi doctor` shows what is not as it should be and what to do; `--all` shows everything, with the facts behind it. With sudo it",
            "sees the firewall's rules, who has a port, and what disks say of themselves. The exit code is 1 where something is bad.\n",
            '`--json` gives one document, `{"checks": […]}`; each check has `check` (below), `state` (`good`, `warning`, `bad`, `unknown`), and as',
            "sentences in the language asked for `what`, `do` (what to do, or null) and `facts` (or null). Names and keys stay as they are.\n",
            "| Check | What it is about |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def windows_page() -> str:
    """docs/windows.md: what Beffroi has Windows record, from the script that sets it."""
    said = {"": "nothing", "S": "successes", "F": "failures", "SF": "both"}
    audit = [
        f"| {each.name} | `{each.guid}` | {said[SUBCATEGORIES[each.guid.removesuffix(TAIL)].usual]} | {said[each.recorded]} | {_cell(each.why)} |"
        for each in policy.audited()
    ]
    values = [f"| `{each.key}` | `{each.name}` | `{each.content}` | {_cell(each.why)} |" for each in policy.values()]
    logs = [f"| `{each.channel}` | {each.size} MiB |" for each in policy.logs()]
    return "\n".join(
        [
            HEAD,
            "# What Windows should record\n",
            "Windows records little of what attacks leave behind unless it is told to. `beffroi rules policy --output beffroi-audit.ps1` writes a script",
            "that tells it, for Windows 10, Server 2016 and later. It only adds; `-WhatIf` shows what it would change, `-Undo` puts back what was there.",
            "In a domain the same belongs into a group policy, which otherwise takes the script's settings back.\n",
            "What it gains: `beffroi rules coverage --policy default`, `recommended` and `sysmon` say how many of the rules in use can fire with Windows as it",
            "comes, with this policy, and with Sysmon besides; `benchmarks/coverage.py` prints the three side by side for Beffroi's own rules.\n",
            "| Subcategory | GUID | Windows by itself, at most | With the script | Why |",
            "|---|---|---|---|---|",
            *audit,
            "",
            "| Key in `HKEY_LOCAL_MACHINE` | Value | Content | Why |",
            "|---|---|---|---|",
            *values,
            "",
            "| Log, switched on where it is off | Room at least |",
            "|---|---|",
            *logs,
            "",
            "Command lines and scripts can hold passwords: who may read these logs may read them. Files show in *File System* only where somebody marked",
            "their folder for auditing. *Detailed File Share* writes a line for each file that is opened over the network; on a busy file server it is most",
            "of the log, and what mass copying and encryption from another machine are seen by.",
            "",
        ]
    )


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration_page,
    "doctor.md": doctor_page,
    "errors.md": errors_page,
    "fields.md": fields_page,
    "settings.md": settings_page,
    "windows.md": windows_page,
}


def _kinds() -> Iterator[type[errors.BeffroiError]]:
    """Every error, in the order of the module."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.BeffroiError) and kind is not errors.BeffroiError:
            yield kind


def _sentence(kind: type[errors.BeffroiError]) -> str:
    """The sentence, its named places in capitals."""
    return re.sub(r"\{(\w+)\}", lambda place: place[1].upper(), _cell(kind.__doc__ or ""))


def _default(value: object) -> str:
    return f"`{value}`" if value != "" else "nothing"


def _cell(text: str) -> str:
    """A text as a table takes it."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
