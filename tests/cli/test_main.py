"""What somebody meets who types `beffroi`: help, exit codes, sentences instead of tracebacks, silence when told to stop."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from beffroi import __version__
from beffroi.cli import main as cli
from beffroi.cli.options import Shared, shared_options
from beffroi.core.errors import ConfigurationError, Exit, InputError
from beffroi.core.model import Fault, message

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a function as if it were the verb `try`; the exit code."""

    def run(act: Callable[[Shared], object], *arguments: str) -> int:
        verb = click.command("try")(shared_options(act))
        monkeypatch.setitem(cli.VERBS, "try", "A verb of this test.")
        monkeypatch.setattr(cli, "import_module", lambda _name: SimpleNamespace(**{"try": verb}))
        return cli.main(["try", *arguments])

    return run


@pytest.fixture
def shell(root: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start a real process that runs `try` with a body, one statement."""
    started: list[subprocess.Popen[bytes]] = []

    def shell(body: str) -> subprocess.Popen[bytes]:
        program = (
            "import sys, time, types, click; from beffroi.cli import main as cli\n"
            f"@click.command()\ndef verb():\n    {body}\n"
            "cli.VERBS['try'] = ''; cli.import_module = lambda name: types.SimpleNamespace(**{'try': verb})\n"
            "sys.exit(cli.main(['try']))"
        )
        started.append(subprocess.Popen([sys.executable, "-I", "-c", program], stdout=-1, stderr=-1, cwd=root))
        return started[-1]

    yield shell
    for process in started:
        process.kill()
        process.communicate()


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == Exit.DONE
    assert capsys.readouterr().out == f"beffroi {__version__}\n"


def test_help_names_every_verb_and_imports_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "import_module", pytest.fail)
    assert cli.main(["--help"]) == Exit.DONE
    out = capsys.readouterr().out
    assert all(f"  {verb}" in out and line in out for verb, line in cli.VERBS.items())


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_has_a_file_with_help_and_the_common_options(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = cli.beffroi.get_command(click.Context(cli.beffroi), verb)
    assert command is not None
    leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        assert {"--json", "--quiet", "--lang"} <= {option for parameter in leaf.params for option in parameter.opts}, (
            leaf.name
        )
    assert cli.main([verb, "--help"]) == Exit.DONE
    assert verb in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["hunnt"], ["--jsn"], ["try", "--lang", "la"], ["try", "--nonsense"]])
def test_misuse_ends_with_2_and_says_so_on_stderr(
    arguments: list[str], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run(lambda _shared: None)
    assert cli.main(arguments) == Exit.ERROR
    captured = capsys.readouterr()
    assert not captured.out
    assert "beffroi" in captured.err


def test_the_common_options_reach_the_verb(run: Run) -> None:
    seen: list[Shared] = []
    assert run(seen.append, "--json", "-q", "--lang", "nl") == Exit.DONE
    assert run(seen.append) == Exit.DONE
    assert seen == [Shared(json=True, quiet=True, lang="nl"), Shared(json=False, quiet=False, lang=None)]


def test_a_verb_may_end_with_partly_done(run: Run) -> None:
    assert run(lambda _shared: Exit.PARTLY) == 1


def test_what_a_person_caused_is_one_sentence_without_traceback(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def act(_shared: Shared) -> None:
        raise InputError(path="night.evtx", reason="there is no such file")

    assert run(act) == Exit.ERROR
    assert capsys.readouterr().err == "beffroi: night.evtx: there is no such file.\n"


@pytest.mark.parametrize("asked", [["--lang", "fr"], ["--lang=fr"]])
def test_an_error_is_told_in_the_language_asked_for(
    asked: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr("beffroi.core.wording.words", lambda language: lambda *_, **__: heard.append(language))

    def act(_shared: Shared) -> None:
        raise InputError(path="night.evtx", reason="there is no such file")

    run(act, *asked)
    assert heard == ["fr"]


def test_all_faults_stand_below_the_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def act(_shared: Shared) -> None:
        faults = [Fault("b.toml", message("line {line}", line=line), message("no number")) for line in (1, 4)]
        raise ConfigurationError("2 mistakes in b.toml", faults=faults)

    assert run(act) == Exit.CONFIGURATION
    assert capsys.readouterr().err.splitlines()[1:] == ["b.toml, line 1: no number", "b.toml, line 4: no number"]


def test_a_refusal_of_the_system_names_the_file(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _shared: (tmp_path / "gone").read_text()) == Exit.ERROR
    assert capsys.readouterr().err == f"beffroi: {tmp_path / 'gone'}: No such file or directory.\n"


def test_a_defect_of_ours_is_shown_whole_and_has_its_own_code(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _shared: 1 / 0) == Exit.DEFECT
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert err.splitlines()[-1].startswith("beffroi: Beffroi itself has a defect")


def test_ctrl_c_ends_quietly(shell: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = shell("print('started', flush=True); time.sleep(30)")
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (Exit.INTERRUPTED, b"", b"")


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_goes_away_ends_it_quietly(lines: int, shell: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = shell(f"time.sleep(0.2); sys.stdout.write('match\\n' * {lines})")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (Exit.PIPE_CLOSED, b"")


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="no /dev/full here")
def test_a_full_disk_under_stdout_is_a_sentence(root: Path) -> None:
    program = "import sys; from beffroi.cli.main import main; sys.exit(main(['--version']))"
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a file of ours
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], stdout=full, stderr=-1, text=True, cwd=root, check=False
        )
    assert (done.returncode, done.stderr) == (Exit.ERROR, "beffroi: No space left on device.\n")


def test_starting_a_verb_imports_no_other_verb_and_no_heavy_library(root: Path) -> None:
    program = "import sys, json; from beffroi.cli.main import main; main(['--help']); json.dump(list(sys.modules), sys.stderr)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=root, check=True)
    modules = set(json.loads(done.stderr))
    assert not {module for module in modules if module.startswith("beffroi.cli.")} - {"beffroi.cli.main"}
    assert not modules & {"sigma", "sqlalchemy", "hyperscan", "rich", "yaml", "requests", "jinja2"}
