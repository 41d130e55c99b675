"""Where things lie: what must be known before the store opens. Everything a director changes lives in the pages instead.

One file, TOML: the one named by `--config`, else for a person `~/.config/beffroi/beffroi.toml`, else
`/etc/beffroi/beffroi.toml`; root, who runs the service, reads only the latter. No file at all is fine. Every key is declared
once in `SETTINGS`; an unknown one is an error, and all errors of a file are told together.
"""

import difflib
import ipaddress
import os
import pwd
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from beffroi.core.errors import ConfigurationError
from beffroi.core.model import Fault, LogSource, Message, UnfitError, message

SYSTEM_FILE: Final = Path("/etc/beffroi/beffroi.toml")
LIMIT: Final = 1 << 20
"""Bytes of a configuration file that are read; a longer one is no configuration."""


class Setting(NamedTuple):
    """One key of the file: its dotted name, what its default is in words, what it is for, and how its value is read."""

    name: str
    default: str
    help: str
    read: Callable[[Any], Any]


def _folder(value: Any) -> Path:
    """An absolute folder; `~` is the home of whoever runs Beffroi. Raises UnfitError."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise UnfitError(message('a folder is expected, in quotes ("/srv/beffroi")'))
    folder = Path(value).expanduser()
    if not folder.is_absolute():
        raise UnfitError(message('"{path}" is not a whole path: it must start with / or ~/', path=value))
    return folder


def _zone(value: Any) -> str:
    """A time zone of the IANA database. Raises UnfitError."""
    if not isinstance(value, str):
        raise UnfitError(message('a time zone is expected, in quotes ("Europe/Brussels")'))
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise UnfitError(message('this machine knows no time zone "{zone}"', zone=value)) from error
    return value


class Listen(NamedTuple):
    """Where a receiver listens; an empty address means all of this machine's. Port 0 takes any free one."""

    address: str
    port: int


def _listen(value: Any) -> Listen | None:
    """A port, "address:port" ("[::1]:514"), or false for a receiver that is switched off. Raises UnfitError."""
    if value is False:
        return None
    address, port = "", value
    if isinstance(value, str):
        found = re.fullmatch(r"(?:(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):)?([0-9]{1,5})", value)
        if found is not None:
            address, port = found[1] or found[2] or "", int(found[3])
            _address(address)
    if not isinstance(port, int) or port is True or not 0 <= port <= 65535:
        raise UnfitError(message("a port (514), an address with a port (`192.0.2.1:514`) or false is expected"))
    return Listen(address, port)


def _metrics(value: Any) -> Listen | None:
    """As `_listen`, but a bare port is one of this machine alone. Raises UnfitError."""
    listen = _listen(value)
    return listen._replace(address=listen.address or LOOPBACK) if listen is not None else None


def _address(text: str) -> None:
    try:
        if text:
            ipaddress.ip_address(text)
    except ValueError as error:
        raise UnfitError(message('"{text}" is not an address', text=text)) from error


def _networks(value: Any) -> tuple[str, ...]:
    """Prefixes such as "192.0.2.0/24". Raises UnfitError."""
    if not isinstance(value, list):
        raise UnfitError(message('a list of networks is expected (["192.0.2.0/24"])'))
    found = []
    for each in value:
        try:
            found.append(str(ipaddress.ip_network(each)))
        except (ValueError, TypeError) as error:
            raise UnfitError(message('"{text}" is not a network', text=str(each))) from error
    return tuple(found)


def _receivers(value: Any) -> frozenset[str]:
    """Names of listeners that can do without TLS. Raises UnfitError."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnfitError(message('a list of receivers is expected (["bulk", "hec"])'))
    strange = [each for each in value if each not in SECURED]
    if strange:
        known = ", ".join(SECURED)
        raise UnfitError(
            message('there is no receiver "{name}" with TLS; there are: {known}', name=strange[0], known=known)
        )
    return frozenset(value)


class Files(NamedTuple):
    """Text files that are followed: a path, maybe with * and ?, and the log source that was stated for them."""

    pattern: str
    stated: str | None = None


def _followed(value: Any) -> tuple[Files, ...]:
    """Paths, each maybe with a log source behind a blank. Raises UnfitError."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnfitError(message("a list of files is expected ([`/var/log/app/*.log product=linux,service=app`])"))
    found = []
    for each in value:
        pattern, _, stated = each.partition(" ")
        if not pattern.startswith("/"):
            raise UnfitError(message('"{path}" is not a whole path: it must start with / or ~/', path=pattern))
        try:
            if stated.strip():
                LogSource.stated(stated)
        except ValueError as error:
            raise UnfitError(
                message('"{text}" is not a log source (product=…,category=…,service=…)', text=stated)
            ) from error
        found.append(Files(pattern, stated.strip() or None))
    return tuple(found)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnfitError(message("true or false is expected"))
    return value


RECEIVERS: Final = {
    "syslog_udp": (514, "syslog over UDP"),
    "syslog_tcp": (514, "syslog over TCP"),
    "syslog_tls": (6514, "syslog over TLS (RFC 5425)"),
    "relp": (2514, "RELP, as rsyslog speaks it"),
    "bulk": (9200, "Elasticsearch's _bulk, as Beats, Fluent Bit, Vector and Logstash speak it"),
    "hec": (8088, "Splunk's HTTP Event Collector"),
    "otlp": (4318, "OpenTelemetry logs over HTTP"),
    "lumberjack": (5044, "Lumberjack, as Beats speak it to Logstash"),
}
"""Each receiver with the port it listens on and what it is."""

SECURED: Final = ("relp", "bulk", "hec", "otlp", "lumberjack", "metrics")
"""Listeners that speak TLS unless `listen.plain` names them; the metrics do so only beyond this machine."""
LOOPBACK: Final = "127.0.0.1"

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "paths.data",
        "/var/lib/beffroi for the service, ~/.local/share/beffroi for a person",
        "Where Beffroi keeps the house's data: the store, the ledger, the rules that were loaded.",
        _folder,
    ),
    Setting(
        "paths.cache",
        "~/.cache/beffroi",
        "Where compiled rules are kept between two commands. It can be emptied at any time.",
        _folder,
    ),
    Setting(
        "house.time_zone",
        "Europe/Brussels",
        "The zone in which rules understand hours and days, and logs that name no zone are read.",
        _zone,
    ),
    *(
        Setting(f"listen.{name}", str(port), f'Where {what} is received: a port, "address:port", or false.', _listen)
        for name, (port, what) in RECEIVERS.items()
    ),
    Setting(
        "listen.metrics",
        "false",
        'Where figures for Prometheus are given (/metrics): a port of this machine alone, "address:port" (in TLS), or false.',
        _metrics,
    ),
    Setting(
        "listen.plain",
        "none",
        f"Receivers that go without TLS, of: {', '.join(SECURED)}. Whoever sends there is known by address only.",
        _receivers,
    ),
    Setting(
        "listen.networks",
        "the private networks this machine is attached to",
        "From which networks is received; anybody else is turned away.",
        _networks,
    ),
    Setting("read.journal", "true", "Whether this machine's own journal (systemd's) is read.", _yes_or_no),
    Setting(
        "read.files",
        "none",
        "Text files that are followed, maybe with * and ?, each with its log source behind a blank where it is known.",
        _followed,
    ),
    Setting(
        "read.drop",
        "drop, in the data folder",
        "A folder in which recordings (EVTX, archives) and Microsoft 365 audit exports are laid down to be read.",
        _folder,
    ),
)


_LISTEN: Final = {name: Listen("", port) for name, (port, _) in RECEIVERS.items()}


@dataclass(frozen=True, slots=True)
class Config:
    """What the file, the environment and the command line came to. `file` is the file that was read, if any."""

    data_dir: Path
    cache_dir: Path
    time_zone: str = "Europe/Brussels"
    file: Path | None = None
    listen: Mapping[str, Listen | None] = field(default_factory=lambda: dict(_LISTEN))
    """For each of RECEIVERS where it listens; None: it does not."""
    metrics: Listen | None = None
    """Where figures are given; None: on the socket for commands only."""
    plain: frozenset[str] = frozenset()
    networks: tuple[str, ...] | None = None
    """None: the private ones that this machine is attached to."""
    journal: bool = True
    followed: tuple[Files, ...] = ()
    drop: Path | None = None
    """None: in the data folder."""

    @property
    def drop_dir(self) -> Path:
        """Where recordings are laid down."""
        return self.data_dir / "drop" if self.drop is None else self.drop

    @property
    def rules_dir(self) -> Path:
        """What `beffroi rules update` loaded; beside it Beffroi's own pack always applies."""
        return self.data_dir / "rules"


def load(
    file: Path | None = None,
    *,
    data_dir: Path | None = None,
    env: Mapping[str, str] = os.environ,
    root: bool | None = None,
    system_file: Path = SYSTEM_FILE,
) -> Config:
    """The configuration; `file` and `data_dir` are `--config` and `--data-dir` and go before everything else.

    Raises ConfigurationError with every fault of the file, each with its line; a file named by `--config` must exist.
    """
    root = os.geteuid() == 0 if root is None else root
    found = (
        file
        if file is not None
        else next((path for path in _candidates(env, root, system_file) if path.exists()), None)
    )
    stated = {} if found is None else _read(found)
    data_home = Path("/var/lib") if root else _base(env, "XDG_DATA_HOME", ".local/share")
    return Config(
        data_dir=(data_dir.absolute() if data_dir is not None else stated.get("paths.data", data_home / "beffroi")),
        cache_dir=stated.get("paths.cache", _base(env, "XDG_CACHE_HOME", ".cache") / "beffroi"),
        time_zone=stated.get("house.time_zone", "Europe/Brussels"),
        file=found,
        listen={name: stated.get(f"listen.{name}", default) for name, default in _LISTEN.items()},
        metrics=stated.get("listen.metrics"),
        plain=stated.get("listen.plain", frozenset()),
        networks=stated.get("listen.networks"),
        journal=stated.get("read.journal", True),
        followed=stated.get("read.files", ()),
        drop=stated.get("read.drop"),
    )


def _candidates(env: Mapping[str, str], root: bool, system_file: Path) -> Iterator[Path]:
    if not root:
        yield _base(env, "XDG_CONFIG_HOME", ".config") / "beffroi" / "beffroi.toml"
    yield system_file


def _base(env: Mapping[str, str], variable: str, below_home: str) -> Path:
    """A base folder (XDG Base Directory Specification 0.8: a path that is not absolute is to be ignored)."""
    stated = Path(env.get(variable, ""))
    if stated.is_absolute():
        return stated
    home = Path(env.get("HOME", ""))
    if not home.is_absolute():  # unset or senseless: what the system says of this user
        try:
            home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
        except KeyError:  # a user without an entry has no home
            home = Path("/nonexistent")
    return home / below_home


def _read(path: Path) -> dict[str, Any]:
    """The values a file states, by dotted name. Raises ConfigurationError with all its faults."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(
            "The configuration file {path} cannot be read: {reason}", path=path, reason=error.strerror or error
        ) from error
    if len(raw) > LIMIT:
        raise ConfigurationError("The configuration file {path} is longer than {limit} bytes", path=path, limit=LIMIT)
    try:
        text = raw.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(path=path, line=line, reason=message("the file is not UTF-8 text")) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what, line = _toml_fault(error)
        raise ConfigurationError(path=path, line=line, reason=what) from error

    values: dict[str, Any] = {}
    faults: list[Fault] = []
    known = {setting.name: setting for setting in SETTINGS}
    for name, value in _flat(document, {setting.name.rpartition(".")[0] for setting in SETTINGS}):
        place = message("line {line}", line=_line_of(text, name))
        if name not in known:
            faults.append(Fault(str(path), place, _unknown(name, known)))
            continue
        try:
            values[name] = known[name].read(value)
        except UnfitError as error:
            faults.append(Fault(str(path), place, message("{name}: {error}", name=name, error=error.what)))
        except (ValueError, RuntimeError) as error:  # RuntimeError: "~somebody" of a machine that has no such person
            faults.append(Fault(str(path), place, message("{name}: {error}", name=name, error=str(error))))
    if faults:
        raise ConfigurationError("The configuration file {path} is wrong", path=path, faults=faults)
    return values


def _unknown(name: str, known: Iterable[str]) -> Message:
    sections = {each.partition(".")[0] for each in known}
    near = difflib.get_close_matches(name, known if "." in name else sections, n=1)
    if near:
        return message("there is no setting {name}; did you mean {near}?", name=name, near=near[0])
    return message("there is no setting {name}", name=name)


def _toml_fault(error: Exception) -> tuple[str | Message, int]:
    """What tomllib found and on which line (it says so only in its message; at the end of the text it says no number)."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
    if place is None:
        return message("it is nested too deeply") if isinstance(error, RecursionError) else str(error), 1
    what = str(error)[: place.start()]
    return message("this is not TOML: {error}", error=f"{what[:1].lower()}{what[1:]}"), int(place[1]) if place[1] else 1


def _flat(table: Mapping[str, Any], sections: set[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value under its dotted name. Only a declared section is opened, so that a table in a value's place is shown whole."""
    for key, value in table.items():
        name = f"{prefix}{key}"
        if name in sections and isinstance(value, dict):
            yield from _flat(value, sections, f"{name}.")
        else:
            yield name, value


def _line_of(text: str, name: str) -> int:
    """The line on which a dotted name is set (tomllib keeps none); 1 where it was written in a way this does not follow."""
    section = ""
    section_line = 1
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\[?\s*([^\]#]+?)\s*\]", line)
        if head is not None:
            section = _bare(head[1])
            if name == section:
                return number
            section_line = number if name.startswith(f"{section}.") else section_line
            continue
        key = re.match(r"\s*([^=#]+?)\s*=", line)
        if key is not None:
            full = f"{section}.{_bare(key[1])}" if section else _bare(key[1])
            if name == full or name.startswith(f"{full}."):
                return number
    return section_line


def _bare(key: str) -> str:
    """A dotted key without its quotes and blanks."""
    return ".".join(part.strip().strip("\"'") for part in key.split("."))
