"""What goes into a bundle for whoever helps: figures, states and the log's tail, and nothing about anybody.

Each value is named here, and is a number, a word of Beffroi's own, or an identifier. The log holds nothing else by its making
(`core.discreet`); all the same its lines are gone through once more, as are the few texts that come from the house: addresses and names
become pseudonyms, the same ones throughout a bundle and other ones in the next.
"""

import ipaddress
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from beffroi import __version__
from beffroi.core.config import RECEIVERS, Config
from beffroi.service import machine
from beffroi.service.installing import UNIT
from beffroi.service.logs import KEPT

STATUS: Final = (
    "state", "running", "events_per_second", "events_24h", "journal_lag_s", "sources", "sources_silent", "sources_waiting",
    "matches_24h", "matches_by_level", "disk_free_bytes", "rules",
)  # fmt: skip
SOURCE: Final = ("id", "kind", "assurance", "state", "proof", "events_24h")
FOLDERS: Final = ("archive", "drop", "journal", "keys", "read", "rules", "store.db", "store.db-wal", "waiting")
"""What of the data folder is measured: names of Beffroi's own."""
LINE: Final = {"time", "level", "logger", "message", "error"}
"""What a line of our log may hold."""

OWN: Final = frozenset({"beffroi", "journald", *RECEIVERS})
"""Names of sources that are Beffroi's own words."""

_ADDRESS: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)|(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f.]{0,15}){2,8}(?![\w:])"
)
"""What may be an IPv4 or IPv6 address; `ipaddress` decides."""
_HARDWARE: Final = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])")
_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_SECRET: Final = re.compile(
    r"beffroi_[a-z2-7]{32}|[0-9A-Fa-f]{32,}|-----BEGIN.{0,4000}?(?:-----END[^-]*-----|$)", re.DOTALL
)


class Pseudonyms:
    """Other names for addresses and for what a house calls things, the same one for the same thing."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names` are looked for as they are, in capitals or not."""
        self._known: dict[tuple[str, str], str] = {}
        wanted = sorted({name for name in names if len(name.strip()) > 1}, key=len, reverse=True)
        known = "|".join(map(re.escape, wanted))
        self._names = re.compile(rf"(?<!\w)(?:{known})(?!\w)", re.IGNORECASE) if wanted else None

    def address(self, text: str) -> str:
        """Of an address, in whichever spelling; what is none stays as it is."""
        try:
            return self._another("address", str(ipaddress.ip_address(text.partition("%")[0])))
        except ValueError:
            return text

    def name(self, text: str) -> str:
        """Of what a person or a machine is called."""
        return self._another("name", text.casefold())

    def text(self, text: str) -> str:
        """A text without secrets, addresses and the known names."""
        text = _SECRET.sub("…", text)
        if self._names is not None:
            text = self._names.sub(lambda found: self.name(found[0]), text)
        text = _MAIL.sub(lambda found: self.name(found[0]), text)
        text = _HARDWARE.sub(lambda found: self._another("hardware", found[0].casefold().replace("-", ":")), text)
        return _ADDRESS.sub(lambda found: self.address(found[0]), text)

    def _another(self, kind: str, thing: str) -> str:
        count = sum(of == kind for of, _ in self._known)
        return self._known.setdefault((kind, thing), f"{kind}-{count + 1}")


def gathered(
    config: Config,
    told: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
    listed: Sequence[Mapping[str, Any]],
    sizes: Mapping[str, Any],
    lines: Iterable[str],
) -> dict[str, Any]:
    """The bundle: name of each file → what it holds, as JSON can. `told` is the status, `listed` are the sources, `lines` the log's."""
    others = Pseudonyms(_called(listed))
    system = platform.uname()
    return {
        "about.json": {
            "beffroi": __version__,
            "python": platform.python_version(),
            "system": [system.system, system.release, system.machine],
            "packages": {each.name: each.version for each in metadata.distributions()},
        },
        "status.json": {key: told[key] for key in STATUS},
        "findings.json": [
            {key: each[key] for key in ("kind", "severity", "first_seen", "last_seen")} for each in told["findings"]
        ],
        "receivers.json": [
            {"name": each["name"], "listens": each["port"] is not None, "tls": each["tls"], "counts": each["counts"]}
            for each in told["receivers"]
        ],
        "doctor.json": [{"check": each["check"], "state": each["state"]} for each in checks],
        "sources.json": [
            {
                **{key: each[key] for key in SOURCE},
                "name": others.name(each["name"]),
                "address": others.address(each["address"]) if each["address"] else None,
            }
            for each in listed
        ],
        "configuration.json": {
            "listen": {name: None if listen is None else listen.port for name, listen in config.listen.items()},
            "metrics": None if config.metrics is None else config.metrics.port,
            "plain": sorted(config.plain),
            "networks": None if config.networks is None else len(config.networks),
            "journal": config.journal,
            "followed": len(config.followed),
            "time_zone": config.time_zone,
        },
        "sizes.json": sizes,
        "log.json": tail(lines, others),
    }


def _called(listed: Iterable[Mapping[str, Any]]) -> set[str]:
    """What sources and this machine are called."""
    names = {str(each[key]) for each in listed for key in ("name", "claimed") if each[key]}
    return (names | {platform.node()}) - OWN


def tail(lines: Iterable[str], others: Pseudonyms) -> dict[str, Any]:
    """The log's newest lines, and how many were left out because they are not of our making."""
    kept: list[dict[str, Any]] = []
    left_out = 0
    for line in lines:
        try:
            held = json.loads(line)
        except ValueError:
            held = None
        if (
            not isinstance(held, dict)
            or not held.keys() <= LINE
            or not all(isinstance(each, str) for each in held.values())
        ):
            left_out += 1
            continue
        words = {key: others.text(held[key]) for key in ("message", "error") if key in held}
        kept.append({key: words.get(key, held[key]) for key in held})
    return {"lines": kept[-KEPT:], "left_out": left_out}


def journal() -> list[str]:
    """The service's lines in the machine's journal; none where there is no journal or it may not be read."""
    said = machine.asked("journalctl", f"--unit={UNIT}", "--output=cat", f"--lines={KEPT}", "--no-pager", "--quiet")
    return [line for line in (said or "").splitlines() if line.startswith("{")]


def sizes(data_dir: Path) -> dict[str, dict[str, int]]:
    """How much lies in each part of the data folder."""
    return {name: _size(data_dir / name) for name in FOLDERS}


def _size(path: Path) -> dict[str, int]:
    """How many files, and bytes."""
    files = [each for each in (path, *path.rglob("*")) if each.is_file() and not each.is_symlink()]
    return {"files": len(files), "bytes": sum(each.stat().st_size for each in files)}
