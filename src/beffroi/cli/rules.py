"""`beffroi rules`: list, test, explain, coverage, policy, update, and the switches of single rules."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import orjson

from beffroi.cli.hunt import stated_logsource
from beffroi.cli.options import Shared, shared_options
from beffroi.core.config import Config
from beffroi.core.config import load as load_config
from beffroi.core.errors import Exit, InputError, UsageError
from beffroi.core.files import fresh_file
from beffroi.core.model import Event, Fault, message
from beffroi.core.situations import situation_of
from beffroi.core.wording import LANGUAGES, number, printable, shown, spoken, words
from beffroi.rules.policy import POLICIES
from beffroi.rules.repository import PACK, RuleSet, load

if TYPE_CHECKING:
    from beffroi.detect.correlation import Correlation
    from beffroi.detect.ir import Rule
    from beffroi.rules.coverage import Coverage, Seen

_rules_option = click.option(
    "--rules", "folders", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
    help="Other rules than those in use; may be given again.",
)  # fmt: skip
_data_option = click.option("--data-dir", type=click.Path(path_type=Path), help="Where the house's data lie.")
_config_option = click.option("--config", type=click.Path(path_type=Path), help="Another configuration file.")


@click.group()
def rules() -> None:
    """List, test, explain and update the rules, and say what they can see."""


def _in_use(config: Config) -> list[Path]:
    """The rules in use: Beffroi's own, and what `rules update` took in."""
    link = config.rules_dir / "live" / "rules"
    return [PACK, link.resolve()] if link.is_dir() else [PACK]


def _loaded(config: Config, folders: tuple[Path, ...]) -> RuleSet:
    return load(folders or _in_use(config), cache_folder=config.cache_dir)


def _print(shared: Shared, rows: Iterable[dict[str, Any]], text: Iterable[str]) -> None:
    if shared.json:
        for row in rows:
            sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
    else:
        for line in text:
            click.echo(printable(line))


def _told(shared: Shared, faults: Iterable[Fault]) -> Exit:
    listed = list(faults)
    if listed and not shared.quiet:
        say = words(spoken(shared.lang))
        for fault in listed:
            click.echo(printable(say("refused: {fault}", fault=fault.told)), err=True)
    return Exit.PARTLY if listed else Exit.DONE


@rules.command("list")
@_rules_option
@_data_option
@_config_option
@shared_options
def list_rules(shared: Shared, folders: tuple[Path, ...], data_dir: Path | None, config: Path | None) -> Exit:
    """All rules, one a line."""
    settings = load_config(config, data_dir=data_dir)
    found = _loaded(settings, folders)
    rows = list(_rows(found, _switched_off(settings), _thresholds(settings)))
    say = words(spoken(shared.lang))
    kinds = {"rule": say("rule"), "correlation": say("correlation")}
    lines = (f"{say(row['level']):<13} {kinds[row['kind']]:<11} {row['id']}  {say(row['title'])}" for row in rows)
    _print(shared, rows, lines)
    return _told(shared, found.refused)


def _rows(found: RuleSet, off: frozenset[str], set_to: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    from beffroi.detect.correlation import arrange, silenced

    sources_of: dict[str, list[dict[str, str]]] = {}
    for rule in found.rules:
        sources_of[rule.id] = [{name: part for name, part in rule.logsource._asdict().items() if part is not None}]
        yield _row("rule", rule, sources_of[rule.id], off) | {"blind": rule.blind, "silent": rule.silent}
    for correlation in arrange(found.correlations)[0]:  # each after those it rests on
        below = [source for own_id in correlation.rules for source in sources_of.get(own_id, ())]
        sources_of[correlation.id] = below
    silent = silenced(found.correlations)
    for correlation in found.correlations:
        row = _row("correlation", correlation, sources_of.get(correlation.id, []), off)
        count = {"threshold": set_to.get(correlation.id, correlation.threshold), "own_threshold": correlation.threshold}
        yield row | {"blind": None, "silent": correlation.id in silent} | count


def _row(kind: str, rule: Any, sources: list[dict[str, str]], off: frozenset[str]) -> dict[str, Any]:
    own = Path(rule.path).is_relative_to(PACK)
    return {
        "id": rule.id,
        "kind": kind,
        "level": rule.level,
        "tags": list(rule.tags),
        "sources": [source for place, source in enumerate(sources) if source not in sources[:place]],
        "situation": situation_of(rule.tags),
        "languages": [language for language in LANGUAGES if own and _has_title(rule.title, language)],
        "title": rule.title,
        "path": rule.path,
        "enabled": rule.id not in off,
    }


def _has_title(title: str, language: str) -> bool:
    return language == "en" or words(language)(title) != title


def _switched_off(config: Config) -> frozenset[str]:
    return frozenset(_asked(config, "rules.off") or ())


def _thresholds(config: Config) -> dict[str, int]:
    return _asked(config, "rules.thresholds") or {}


def _asked(config: Config, action: str) -> Any:
    """What the house says; None where there is no house yet: asking makes none."""
    from beffroi.store.database import FILE

    if not (config.data_dir / FILE).exists():
        return None
    from beffroi.cli.client import act

    return act(config, action)


@rules.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[RULE_FILE|FOLDER]…")
@_config_option
@shared_options
def test_rules(shared: Shared, paths: tuple[Path, ...], config: Path | None) -> Exit:
    """Try each rule on its samples: it fires where it should, and nowhere else."""
    from beffroi.rules.pack import TRIED_WITH, samples
    from beffroi.rules.trial import Trial

    settings = load_config(config)
    found = load(paths or [PACK], placeholders=TRIED_WITH, cache_folder=settings.cache_dir)
    tried = [sample for path in paths or (PACK,) for sample in samples(path)]
    failed = Trial(found, ZoneInfo(settings.time_zone)).failures(tried)
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    rows = [{"path": fault.path, "sample": str(fault.place), "what": str(fault.what)} for fault in failed]
    summary = _counted(found) | {"samples": len(tried), "failed": len(failed)}
    line = say(
        "{speaking} rules that speak, {correlations} of them correlations, and {parts} parts of correlations; {samples} samples, {failed} failed",
        **{name: number(count, language) for name, count in summary.items()},
    )
    _print(shared, [*rows, summary], [*(say(fault.told) for fault in failed), line])
    _told(shared, found.refused)
    return Exit.ERROR if failed or found.refused else Exit.DONE


def _counted(found: RuleSet) -> dict[str, int]:
    """How many rules and correlations there are, and how many of them speak: the others are only parts of a correlation."""
    from beffroi.detect.correlation import silenced

    silent = silenced(found.correlations)
    all_of_them = len(found.rules) + len(found.correlations)
    parts = len(silent & {*(rule.id for rule in found.rules), *(each.id for each in found.correlations)})
    return {
        "rules": all_of_them,
        "speaking": all_of_them - parts,
        "correlations": sum(each.id not in silent for each in found.correlations),
        "parts": parts,
    }


@rules.command()
@click.argument("rule_id", metavar="ID")
@click.argument("event", metavar="EVENT")
@click.option(
    "--logsource", metavar="product=…,service=…", help="What the event is, where it names no Windows channel."
)
@_rules_option
@_data_option
@_config_option
@shared_options
def explain(
    shared: Shared, rule_id: str, event: str, logsource: str | None, folders: tuple[Path, ...],
    data_dir: Path | None, config: Path | None,
) -> Exit:  # fmt: skip
    """Why the rule ID fires on EVENT, or does not. EVENT is FILE:RECORD, FILE (its first event) or - (JSON on stdin)."""
    from beffroi.detect.explain import Node
    from beffroi.detect.explain import explain as explained

    settings = load_config(config, data_dir=data_dir)
    found = [rule for rule in _loaded(settings, folders).rules if rule.id.startswith(rule_id)]
    if len(found) != 1:
        if not found:
            raise UsageError("no rule has an id that begins with {id}", id=rule_id)
        raise UsageError("{count} rules have an id that begins with {id}", count=len(found), id=rule_id)
    said = explained(found[0], _event(event)[1], ZoneInfo(settings.time_zone), stated_logsource(logsource))
    say = words(spoken(shared.lang))

    def lines(node: Node, depth: int) -> Iterator[str]:
        value = "" if node.parts or node.value is None else f"   ← {_short(node.value)}"
        yield f"{'  ' * depth}{'✓' if node.holds else '✗'} {say(node.asks)}{value}"
        for part in node.parts:
            yield from lines(part, depth + 1)

    source = str(found[0].logsource)
    first = (
        say("The event is not of the log source {source} that the rule is about.", source=source)
        if not said.applies
        else say("The rule fires.")
        if said.fires
        else say("The rule does not fire.")
    )
    row = {"rule_id": found[0].id, "rule": found[0].title, "applies": said.applies, "fires": said.fires}
    _print(shared, [row | {"condition": said.root.to_plain()}], [say(found[0].title), first, *lines(said.root, 1)])
    return Exit.DONE


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:160] + "…"


def _event(where: str) -> Event:
    """The event that a person points at."""
    from beffroi.logs.formats import recordings

    if where == "-":
        try:
            fields = orjson.loads(sys.stdin.buffer.read(16 << 20))
        except ValueError as error:
            raise InputError(path="stdin", reason=message("no JSON: {error}", error=str(error))) from None
        if not isinstance(fields, dict):
            raise InputError(path="stdin", reason=message("it holds no JSON object"))
        return 1, fields, None
    path, wanted = where, ""
    if not Path(where).exists() and ":" in where:
        path, _, wanted = where.rpartition(":")
    for recording in recordings([Path(path)], faults=[]):
        for event in recording.events():
            if not wanted or str(event[0]) == wanted:
                return event
    raise InputError(
        path=where, reason=message("no such event; write it as FILE:RECORD (record_id in the matches of `hunt`)")
    )


@rules.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[RECORDING]…")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    help="Instead of recordings: what Windows sends as it comes, with the policy that Beffroi recommends (`beffroi rules policy`), or with Sysmon besides.",
)
@click.option(
    "--navigator",
    "layer_file",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    metavar="FILE|-",
    help="Write the techniques that the rules know as a layer for the ATT&CK Navigator; without recordings all rules count.",
)
@_rules_option
@_data_option
@_config_option
@shared_options
def coverage(
    shared: Shared, paths: tuple[Path, ...], folders: tuple[Path, ...], policy: str | None, layer_file: Path | None,
    data_dir: Path | None, config: Path | None,
) -> Exit:  # fmt: skip
    """Which rules could fire on what these recordings hold, which are blind, and what to switch on for them."""
    from beffroi.rules.coverage import coverage as covered
    from beffroi.rules.policy import comes
    from beffroi.rules.policy.gains import about_windows

    if paths and policy:
        raise UsageError("say either recordings or --policy", verb="rules coverage")
    if not (paths or policy or layer_file):
        raise UsageError("say what is sent: recordings, or --policy", verb="rules coverage")
    settings = load_config(config, data_dir=data_dir)
    found, faults = _loaded(settings, folders), list[Fault]()
    result = None
    if policy:
        result = covered(about_windows(found.rules), comes(policy))
    elif paths:
        result = covered(found.rules, _inventory(paths, faults))
    if layer_file is not None:
        _write_layer(shared, found, _switched_off(settings), result, layer_file)
    if result is not None and str(layer_file) != "-":
        _tell_coverage(shared, found, result, policy)
    if not shared.quiet:
        say = words(spoken(shared.lang))
        for fault in faults:
            click.echo(printable(say(fault.told)), err=True)
    return max(Exit.PARTLY if faults else Exit.DONE, _told(shared, found.refused))


def _inventory(paths: tuple[Path, ...], faults: list[Fault]) -> "Seen":
    from beffroi.logs.formats import recordings
    from beffroi.rules.coverage import Inventory

    inventory = Inventory()
    for recording in recordings(paths, faults=faults):
        inventory.add(recording.events())
        faults += recording.faults
    return inventory.seen()


def _tell_coverage(shared: Shared, found: RuleSet, result: "Coverage", policy: str | None) -> None:
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    rows: list[dict[str, Any]] = [
        {"kind": "summary", "able": len(result.able), "blind": len(result.blind), "refused": len(found.refused)},
        *({"kind": "advice", "advice": str(advice), "rules": count} for advice, count in result.advice),
        *(
            {
                "kind": "blind",
                "rule_id": blind.rule.id,
                "rule": blind.rule.title,
                "why": blind.why,
                "advice": [str(advice) for advice in blind.advice],
            }
            for blind in result.blind
        ),
    ]
    counts = {"able": number(len(result.able), language), "blind": number(len(result.blind), language)}
    first = {
        None: say("{able} rules can fire on what these recordings hold; {blind} are blind.", **counts),
        "default": say("{able} rules can fire on what Windows records unless told; {blind} are blind.", **counts),
        "recommended": say(
            "{able} rules can fire with the audit policy that Beffroi recommends; {blind} are blind.", **counts
        ),
        "sysmon": say("{able} rules can fire with that audit policy and Sysmon; {blind} are blind.", **counts),
    }
    advice = (
        say("{advice}: {count} more rules", advice=advice, count=number(count, language))
        for advice, count in result.advice
    )
    _print(shared, rows, [first[policy], *advice])


def _write_layer(shared: Shared, found: RuleSet, off: frozenset[str], result: "Coverage | None", where: Path) -> None:
    """The techniques of the rules in use. Where something is known of what is sent, those rules count that can fire on it."""
    from beffroi.detect.correlation import silenced
    from beffroi.rules.coverage import hearing
    from beffroi.rules.navigator import Known, layer

    say, silent = words(spoken(shared.lang)), silenced(found.correlations)
    seeing = result.able if result is not None else [rule for rule in found.rules if rule.blind is None]
    able = {rule.id for rule in seeing} - off
    able |= {each.id for each in hearing(found.correlations, able)}
    speaking: list[Rule | Correlation] = [*found.rules, *found.correlations]
    known = [Known(say(each.title), each.tags, each.id in able) for each in speaking if each.id not in silent | off]
    made = layer(
        "Beffroi",
        say("The techniques that Beffroi's rules know; the number of a technique is that of its rules."),
        known, blind=say("known, but no rule can fire on what is sent"),
    )  # fmt: skip
    one_line = shared.json and str(where) == "-"
    text = orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE | (0 if one_line else orjson.OPT_INDENT_2))
    if _written(where, text) and not shared.quiet:
        click.echo(
            say("The layer is in {path}: {count} techniques.", path=printable(shown(where)), count=number(len(made["techniques"]), spoken(shared.lang))),
            err=True,
        )  # fmt: skip


def _written(where: Path, text: bytes) -> bool:
    """Whether the text is in a file now; `-` is stdout."""
    if str(where) == "-":
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return False
    try:
        with fresh_file(where) as write:
            write(text)
    except OSError as error:
        raise InputError(
            path=where, reason=message("cannot be written: {error}", error=error.strerror or str(error))
        ) from None
    return True


@rules.command("policy")
@click.option(
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    default=Path("-"),
    metavar="FILE|-",
    help="Where to write it; unless said, it is shown.",
)
@shared_options
def write_policy(shared: Shared, output: Path) -> None:
    """The audit policy that Beffroi recommends for Windows, as a script that can be taken back (-Undo)."""
    from beffroi.rules.policy import SCRIPT, script

    if shared.json and str(output) == "-":
        _print(shared, [{"name": SCRIPT.name, "text": script()}], [])
    elif _written(output, script().encode("ascii")) and not shared.quiet:
        say = words(spoken(shared.lang))
        click.echo(
            say("The script is in {path}. Start it on Windows as administrator: powershell -ExecutionPolicy Bypass -File {name}", path=printable(shown(output)), name=printable(output.name)),
            err=True,
        )  # fmt: skip


class _Register:
    """The exchange of rules, done by the service where it runs."""

    def __init__(self, settings: Config) -> None:
        self._settings = settings

    def settle(self) -> None:
        self._act("rules.settle", {})

    def exchange(self, name: str, action: str, details: dict[str, Any]) -> None:
        self._act("rules.exchange", {"name": name, "action": action, "details": details})

    def _act(self, action: str, arguments: dict[str, Any]) -> None:
        from beffroi.cli.client import act

        act(self._settings, action, arguments)


@rules.command()
@click.option("--from", "source", metavar="FILE.zip|URL", help="Where the new rules are.")
@click.option("--sha256", help="The SHA-256 that the archive must have; without it, it is shown.")
@click.option("--back", "backwards", is_flag=True, help="Take the rules before the present ones into use again.")
@click.option("--dry-run", is_flag=True, help="Check and try the rules, change nothing.")
@_data_option
@_config_option
@shared_options
def update(
    shared: Shared, source: str | None, sha256: str | None, *, backwards: bool, dry_run: bool,
    data_dir: Path | None, config: Path | None,
) -> Exit:  # fmt: skip
    """Take new rules into use: all of them at once, after they were tried. The old ones are kept."""
    from beffroi.cli.owner import become_owner
    from beffroi.rules import update as updates
    from beffroi.rules.trial import try_rules

    if (source is None) is not backwards:
        raise UsageError("say where the rules are (--from FILE.zip or --from URL), or --back", verb="rules update")
    settings = load_config(config, data_dir=data_dir)
    zone = ZoneInfo(settings.time_zone)

    def tried(folder: Path) -> updates.Report:
        return try_rules(folder, zone=zone, cache_folder=settings.cache_dir)

    become_owner(settings.data_dir)
    register = _Register(settings)
    if backwards:
        result = updates.back(folder=settings.rules_dir, try_rules=tried, register=register)
    else:
        assert source is not None
        result = updates.update(
            source, sha256=sha256, dry_run=dry_run, folder=settings.rules_dir, try_rules=tried, register=register
        )
    report = result.report
    row = {
        "source": result.source, "sha256": result.sha256, "files": result.files, "left_out": result.left_out,
        "loaded": report.loaded, "refused": len(report.refused), "blind": report.blind, "samples": report.samples,
        "in_use": result.switched, "replaced": result.replaced,
    }  # fmt: skip
    say, language = words(spoken(shared.lang)), spoken(shared.lang)
    text = [
        f"SHA-256 {result.sha256}",
        say(
            "{loaded} rules loaded, {refused} refused, {blind} blind; {samples} samples tried.",
            loaded=number(report.loaded, language), refused=number(len(report.refused), language),
            blind=number(report.blind, language), samples=number(report.samples, language),
        ),
        say("They are in use now.") if result.switched else say("Nothing was changed (--dry-run)."),
    ]  # fmt: skip
    _print(shared, [row], text)
    return _told(shared, report.refused)


@rules.command()
@click.argument("rule_id", metavar="ID")
@click.argument("setting", type=click.Choice(["on", "off"]))
@click.option("--reason", required=True, help="Why: somebody will ask in a year.")
@_data_option
@_config_option
@shared_options
def switch(shared: Shared, rule_id: str, setting: str, reason: str, data_dir: Path | None, config: Path | None) -> Exit:
    """Switch one rule on or off. It stays so through every update."""
    from beffroi.cli.client import act

    wish = {"rule_id": rule_id, "enabled": setting == "on", "reason": reason}
    row = act(load_config(config, data_dir=data_dir), "rules.switch", wish)
    say = words(spoken(shared.lang))
    line = say("The rule {id} is on.", id=rule_id) if setting == "on" else say("The rule {id} is off.", id=rule_id)
    _print(shared, [row], [line])
    return Exit.DONE


@rules.command()
@click.argument("rule_id", metavar="ID")
@click.option("--count", type=click.IntRange(1), metavar="N", help="From how many on it speaks.")
@click.option("--default", "as_given", is_flag=True, help="As the rule's author says.")
@click.option("--reason", required=True, help="Why: somebody will ask in a year.")
@_data_option
@_config_option
@shared_options
def threshold(
    shared: Shared,
    rule_id: str,
    count: int | None,
    reason: str,
    *,
    as_given: bool,
    data_dir: Path | None,
    config: Path | None,
) -> Exit:
    """From how many on a rule that counts speaks in this house. It stays so through every update."""
    from beffroi.cli.client import act

    if (count is None) is not as_given:
        raise UsageError("say how many (--count N), or --default", verb="rules threshold")
    settings = load_config(config, data_dir=data_dir)
    known = {each.id: each for each in _loaded(settings, ()).correlations}
    if rule_id in known and known[rule_id].threshold is None:
        raise UsageError("the rule {id} counts nothing; it can be switched off", id=rule_id)
    row = act(settings, "rules.threshold", {"rule_id": rule_id, "count": count, "reason": reason})
    say = words(spoken(shared.lang))
    line = (
        say("The rule {id} speaks as its author says.", id=rule_id)
        if count is None
        else say("The rule {id} speaks from {count} on.", id=rule_id, count=count)
    )
    _print(shared, [row], [line])
    return Exit.DONE
