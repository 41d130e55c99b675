"""The fields that Elastic's own pipelines rename away from `winlog.event_data`, back under Windows' names.

Winlogbeat 7 with its modules, and Elasticsearch's ingest pipelines for Winlogbeat 8 and the Elastic Agent, move what they
understand of Sysmon's and Security's events into ECS. Only what `event_data` lacks is taken from there.
Source: elastic/beats, x-pack/winlogbeat/module (pipelines and their golden files).
"""

from typing import Any, NamedTuple

from beffroi.core.model import Fields

Object = dict[str, Any]


class _Moved(NamedTuple):
    name: str  # Windows'
    path: tuple[str, ...]  # ECS'


def _table(text: str) -> tuple[_Moved, ...]:
    return tuple(
        _Moved(name, tuple(path.split("."))) for name, path in (line.split() for line in text.strip().splitlines())
    )


_SYSMON = _table("""
    ProcessGuid process.entity_id
    ProcessId process.pid
    Image process.executable
    CommandLine process.command_line
    CurrentDirectory process.working_directory
    ParentProcessGuid process.parent.entity_id
    ParentProcessId process.parent.pid
    ParentImage process.parent.executable
    ParentCommandLine process.parent.command_line
    SourceIp source.ip
    SourcePort source.port
    SourceHostname source.domain
    DestinationIp destination.ip
    DestinationPort destination.port
    DestinationHostname destination.domain
    Protocol network.transport
    QueryName dns.question.name
    TargetObject registry.path
""")
_SYSMON_OF_TWO = _table("""
    SourceProcessGuid process.entity_id
    SourceProcessGUID process.entity_id
    SourceProcessId process.pid
    SourceImage process.executable
""")
_TARGET = _table("TargetFilename file.path")
_LOADED = _table("""
    ProcessGuid process.entity_id
    ProcessId process.pid
    Image process.executable
    ImageLoaded file.path
""")
_PIPE = _table("PipeName file.name")
_SECURITY = {
    4688: _table("""
        NewProcessName process.executable
        CommandLine process.command_line
        ParentProcessName process.parent.executable
    """),
    4624: _table("IpAddress source.ip\nIpPort source.port\nWorkstationName source.domain"),
    4625: _table("IpAddress source.ip\nIpPort source.port\nWorkstationName source.domain"),
}
_SIZES = {"SZ_DWORD": "DWORD (0x{:08x})", "SZ_QWORD": "QWORD (0x{:08x}-0x{:08x})"}


def restore(fields: Fields, event: Object) -> None:
    """Adds to `fields` of a Winlogbeat event (nested, not dotted) what was moved to ECS."""
    number = fields["EventID"]
    if fields["Channel"] == "Security":
        _take(fields, event, _SECURITY.get(number, ()))
    elif fields["Channel"] == "Microsoft-Windows-Sysmon/Operational":
        if number in (8, 10):
            _take(fields, event, _SYSMON_OF_TWO)
        elif number in (6, 7):
            _take(fields, event, _LOADED)
        else:
            _take(fields, event, _SYSMON)
            _take(fields, event, _PIPE if number in (17, 18) else _TARGET)
        carrier = _at(event, ("file" if number in (6, 7, 15, 23, 26) else "process",))
        if isinstance(carrier, dict):
            _hashes(fields, carrier)
        _details(fields, _at(event, ("registry", "data")))
        user = _at(event, ("user", "name"))
        domain = _at(event, ("user", "domain"))
        if isinstance(user, str) and isinstance(domain, str):
            fields.setdefault("User", f"{domain}\\{user}")


def _at(event: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(event, dict):
            return None
        event = event.get(name)
    return event


def _take(fields: Fields, event: Object, table: tuple[_Moved, ...]) -> None:
    for name, path in table:
        value = _at(event, path)
        if isinstance(value, str | int | float):
            fields.setdefault(name, value)


def _hashes(fields: Fields, carrier: Object) -> None:
    """Sysmon writes `MD5=…,SHA256=…,IMPHASH=…`, in capitals."""
    found = carrier.get("hash")
    pairs = (
        [(name, value) for name, value in found.items() if isinstance(value, str)] if isinstance(found, dict) else []
    )
    pe = carrier.get("pe")
    if isinstance(pe, dict):
        if isinstance(pe.get("imphash"), str):
            pairs.append(("imphash", pe["imphash"]))
        _take(fields, pe, (_Moved("OriginalFileName", ("original_file_name",)),))
    if pairs:
        fields.setdefault("Hashes", ",".join(f"{name.upper()}={value.upper()}" for name, value in pairs))


def _details(fields: Fields, data: Any) -> None:
    """Registry values as Sysmon shows them: `DWORD (0x00000001)`, `QWORD (0x00000000-0x00000001)`, or the text itself."""
    strings = _at(data, ("strings",))
    if not isinstance(strings, list) or not strings or not isinstance(strings[0], str):
        return
    shown = strings[0]
    form = _SIZES.get(str(_at(data, ("type",))))
    if form and shown.isdecimal() and len(shown) <= 20:
        number = int(shown)
        shown = form.format(number) if form.count("{") == 1 else form.format(number >> 32, number & 0xFFFF_FFFF)
    fields.setdefault("Details", shown)
