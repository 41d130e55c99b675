"""Where things lie: defaults, the file, and every fault of it at once."""

from pathlib import Path

import pytest

from beffroi.core import config
from beffroi.core.config import SETTINGS, Config, Files, Listen
from beffroi.core.errors import ConfigurationError


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "beffroi.toml"


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(path: Path, env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        config.load(path, env=env)
    assert caught.value.exit_code == 10
    return [f"{fault.place}: {fault.what}" for fault in caught.value.faults] or [str(caught.value)]


def test_without_a_file_a_person_keeps_everything_at_home(env: dict[str, str], nowhere: Path, tmp_path: Path) -> None:
    found = config.load(env=env, root=False, system_file=nowhere)
    home = tmp_path / "home"
    assert found == Config(home / ".local/share/beffroi", home / ".cache/beffroi", "Europe/Brussels", None)
    assert found.rules_dir == home / ".local/share/beffroi/rules"


def test_without_a_file_the_service_keeps_its_data_in_var(env: dict[str, str], nowhere: Path) -> None:
    assert config.load(env=env, root=True, system_file=nowhere).data_dir == Path("/var/lib/beffroi")


def test_the_base_folders_of_the_desktop_are_followed_if_they_are_absolute(nowhere: Path, env: dict[str, str]) -> None:
    env |= {"XDG_DATA_HOME": "/srv/data", "XDG_CACHE_HOME": "cache"}
    found = config.load(env=env, root=False, system_file=nowhere)
    assert found.data_dir == Path("/srv/data/beffroi")
    assert found.cache_dir == Path(env["HOME"]) / ".cache/beffroi"


def test_a_person_has_their_own_file_before_the_machine_s(env: dict[str, str], nowhere: Path) -> None:
    written(nowhere, '[paths]\ndata = "/srv/machine"\n')
    assert config.load(env=env, root=False, system_file=nowhere).data_dir == Path("/srv/machine")
    own = written(Path(env["HOME"]) / ".config/beffroi/beffroi.toml", '[paths]\ndata = "/srv/own"\n')
    found = config.load(env=env, root=False, system_file=nowhere)
    assert (found.data_dir, found.file) == (Path("/srv/own"), own)
    assert config.load(env=env, root=True, system_file=nowhere).data_dir == Path("/srv/machine")


def test_the_command_line_goes_before_the_file(env: dict[str, str], tmp_path: Path) -> None:
    file = written(tmp_path / "a.toml", '[paths]\ndata = "/srv/own"\ncache = "/srv/cache"\n')
    found = config.load(file, data_dir=tmp_path / "other", env=env)
    assert (found.data_dir, found.cache_dir) == (tmp_path / "other", Path("/srv/cache"))


def test_a_data_folder_given_from_where_one_stands_is_made_whole(
    env: dict[str, str], nowhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load(data_dir=Path("data"), env=env, system_file=nowhere).data_dir == tmp_path / "data"


def test_a_file_that_was_asked_for_must_exist(env: dict[str, str], tmp_path: Path) -> None:
    (said,) = faults(tmp_path / "missing.toml", env)
    assert said.endswith("missing.toml cannot be read: No such file or directory")


def test_all_faults_of_a_file_are_told_at_once_with_their_lines(env: dict[str, str], tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.toml",
        '# the house\n[paths]\ndata = "beffroi"\ncahce = "/srv/cache"\n\n[house]\n"time_zone" = "Europe/Liege"\n\n[listne]\nweb = 8443\n',
    )
    assert faults(file, env) == [
        'line 3: paths.data: "beffroi" is not a whole path: it must start with / or ~/',
        "line 4: there is no setting paths.cahce; did you mean paths.cache?",
        'line 7: house.time_zone: this machine knows no time zone "Europe/Liege"',
        "line 9: there is no setting listne; did you mean listen?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", ":1: this is not TOML: invalid value"),
        ("[paths\n", "this is not TOML: "),
        (b"[paths]\n# caf\xe9\n", ":2: the file is not UTF-8 text"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("#" * (1 << 21), "is longer than 1048576 bytes"),
        ("paths = 3\n", "there is no setting paths"),
        ("paths.data = 3\n", 'line 1: paths.data: a folder is expected, in quotes ("/srv/beffroi")'),
        ("[paths.data]\na = 1\n", "line 1: paths.data: a folder is expected"),
        ('[paths]\ndata = "~nobody-of-this-name/x"\n', "line 2: paths.data: "),
        ('[house]\ntime_zone = "../../etc/passwd"\n', "line 2: house.time_zone: "),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_in_words(
    text: str | bytes, said: str, env: dict[str, str], tmp_path: Path
) -> None:
    (found,) = faults(written(tmp_path / "a.toml", text), env)
    assert said in found


def test_every_setting_has_a_default_and_a_help_in_words() -> None:
    assert all(setting.default and setting.help.endswith(".") for setting in SETTINGS)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_a_home_is_understood(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/home")
    assert config.load(written(tmp_path / "a.toml", '[paths]\ndata = "~/d"\n'), env=env).data_dir == Path("/srv/home/d")


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("5140", Listen("", 5140)),
        ('"5140"', Listen("", 5140)),
        ('"192.0.2.1:5140"', Listen("192.0.2.1", 5140)),
        ('"[2001:db8::1]:5140"', Listen("2001:db8::1", 5140)),
        ("0", Listen("", 0)),
        ("false", None),
    ],
)
def test_a_receiver_listens_where_it_is_told(
    stated: str, read: Listen | None, tmp_path: Path, env: dict[str, str]
) -> None:
    file = written(tmp_path / "b.toml", f"[listen]\nsyslog_tcp = {stated}\n")
    found = config.load(file, env=env)
    assert found.listen["syslog_tcp"] == read
    assert found.listen["relp"] == Listen("", 2514)


@pytest.mark.parametrize("stated", ["true", "65536", "-1", '"beffroi.example:514"', '"999.0.0.1:514"', "[514]", '""'])
def test_what_is_no_place_to_listen_is_said(stated: str, tmp_path: Path, env: dict[str, str]) -> None:
    [fault] = faults(written(tmp_path / "b.toml", f"[listen]\nrelp = {stated}\n"), env)
    assert fault.startswith("line 2: listen.relp: ")


def test_networks_and_plain_receivers_are_checked_as_they_are_read(tmp_path: Path, env: dict[str, str]) -> None:
    file = written(
        tmp_path / "b.toml", '[listen]\nplain = ["bulk", "hec"]\nnetworks = ["192.0.2.0/24", "2001:db8::/32"]\n'
    )
    found = config.load(file, env=env)
    assert found.plain == {"bulk", "hec"}
    assert found.networks == ("192.0.2.0/24", "2001:db8::/32")
    bad = written(tmp_path / "bad.toml", '[listen]\nplain = ["syslog_tcp"]\nnetworks = ["192.0.2.1/24"]\n')
    assert faults(bad, env) == [
        'line 2: listen.plain: there is no receiver "syslog_tcp" with TLS; there are: ' + ", ".join(config.SECURED),
        'line 3: listen.networks: "192.0.2.1/24" is not a network',
    ]


@pytest.mark.parametrize(
    ("stated", "read"),
    [("9100", Listen("127.0.0.1", 9100)), ('"0.0.0.0:9100"', Listen("0.0.0.0", 9100)), ("false", None), (None, None)],
)
def test_figures_stay_on_this_machine_unless_an_address_is_stated(
    stated: str | None, read: Listen | None, tmp_path: Path, env: dict[str, str]
) -> None:
    text = "" if stated is None else f"[listen]\nmetrics = {stated}\n"
    found = config.load(written(tmp_path / "b.toml", text), env=env)
    assert found.metrics == read
    assert "metrics" not in found.listen


def test_files_are_followed_with_their_log_source(tmp_path: Path, env: dict[str, str]) -> None:
    text = '[read]\njournal = false\nfiles = ["/var/log/a.log", "/srv/*/x product=linux,service=app"]\ndrop = "/srv/drop"\n'
    found = config.load(written(tmp_path / "b.toml", text), env=env)
    assert found.followed == (Files("/var/log/a.log"), Files("/srv/*/x", "product=linux,service=app"))
    assert (found.journal, found.drop_dir) == (False, Path("/srv/drop"))
    bad = written(tmp_path / "bad.toml", '[read]\njournal = 1\nfiles = ["a.log"]\n')
    assert len(faults(bad, env)) == 2
