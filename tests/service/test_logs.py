"""Beffroi's own log: our own words, and nothing that came from outside."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import msgspec
import orjson
import pytest

from beffroi.cli.main import main
from beffroi.core import discreet
from beffroi.core.discreet import Word
from beffroi.core.errors import InputError, StoreError
from beffroi.core.model import UnfitError, message
from beffroi.service import logs, running
from beffroi.service.logs import Lines, Plain

ODETTE = "Odette Lambin"


def record(template: object, *values: object, name: str = "beffroi.x") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "x.py", 1, template, values, None)


def test_a_record_is_one_line_of_json() -> None:
    made = record("%s events\nfrom %s by %s", 3, "s-0123456789", Word("relp"))
    made.created, made.msecs = 1_800_000_000.25, 250.0
    line = Lines().format(made)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z", "level": "info", "logger": "beffroi.x",
        "message": "3 events\nfrom s-0123456789 by relp",
    }  # fmt: skip


@pytest.mark.parametrize(
    "held",
    [
        ODETTE,
        {"name": ODETTE},
        [ODETTE],
        Path(f"/srv/{ODETTE}"),
        message("{name} is there", name=ODETTE),
        message("why: {why}", why=message("{count:,} of {name}", count=3, name=ODETTE)),
        message("{count:,} of them", count=ODETTE),
        InputError(path=f"/srv/{ODETTE}", reason="x"),
        StoreError(path="/d", reason=message("{name}", name=ODETTE)),
        FileNotFoundError(2, "No such file", f"/srv/{ODETTE}"),
    ],
)
def test_a_value_from_outside_is_not_said(held: object) -> None:
    made_of_it = [] if isinstance(held, str) else [record(held)]  # a text is a template, and templates are ours
    for made in (record("about %s", held), record("%(who)s", {"who": held}), *made_of_it):
        line = Lines().format(made)
        assert "Odette" not in line
        assert json.loads(line)["message"]


def quotes_json() -> object:
    return int(ODETTE)


def quotes_struct() -> object:
    return msgspec.json.decode(f'{{"{ODETTE}": 1}}', type=dict[str, date])


def quotes_key() -> object:
    return dict[str, int]()[ODETTE]


def quotes_bytes() -> object:
    return ODETTE.encode("utf-16").decode("ascii")


def quotes_unfit() -> object:
    raise UnfitError(message("{name} is no date", name=ODETTE))


def quotes_chain() -> object:
    try:
        return int(ODETTE)
    except ValueError as error:
        raise ExceptionGroup(ODETTE, [RuntimeError(ODETTE)]) from error


@pytest.mark.parametrize(
    "fails",
    [quotes_json, quotes_struct, quotes_key, quotes_bytes, quotes_unfit, quotes_chain],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("formatter", [Lines(), Plain()])
def test_of_an_error_its_kind_and_place_are_said_and_not_its_words(
    fails: Callable[[], object], formatter: logging.Formatter
) -> None:
    with pytest.raises(Exception, match=r"(?s).") as caught:
        fails()
    error = caught.value
    made = logging.LogRecord(
        "beffroi.x", logging.ERROR, "x.py", 1, "broken", (), (type(error), error, error.__traceback__)
    )
    kind = type(error).__qualname__
    line = formatter.format(made)
    assert "Odette" not in line
    assert kind in line
    assert f"tests.service.test_logs:{fails.__code__.co_firstlineno + 1} {fails.__name__}" in line or "chain" in line


def test_our_own_words_of_an_error_are_said() -> None:
    told = discreet.error(StoreError(path="/srv/Odette", reason=message("the disk is full")))
    assert told == "beffroi.core.errors.StoreError (The store … cannot be used: the disk is full.)"
    assert discreet.error(OSError(28, "Odette")) == "OSError (No space left on device)"


@pytest.fixture
def heard(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What the log says; after the test logging is as it was before."""
    root, own = logging.getLogger(), logging.getLogger("beffroi")
    before = root.handlers[:], root.level, own.level
    logs.kept.lines.clear()
    yield lambda: capsys.readouterr().err
    logging.captureWarnings(capture=False)
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)
    logging.raiseExceptions = True


def test_what_libraries_say_stays_out(heard: Callable[[], str]) -> None:
    async def lost() -> None:
        async def fails() -> None:
            orjson.loads(f'"{ODETTE}')

        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": ODETTE, "exception": ValueError(ODETTE)})
        task = loop.create_task(fails(), name=ODETTE)
        await asyncio.wait([task])
        del task

    own = logging.getLogger("uvicorn")
    own.addHandler(logging.StreamHandler())
    own.propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    logs.set_up()
    asyncio.run(lost())
    logging.getLogger("uvicorn.error").error("Exception with %s", ODETTE)
    said = heard()
    assert "Odette" not in said + "".join(logs.kept.lines)
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["logger"] for line in lines} == {"asyncio", "uvicorn.error"}
    assert any("JSONDecodeError" in line.get("error", "") for line in lines)
    assert list(logs.kept.lines) == said.splitlines()


def test_a_process_of_ours_complains_discreetly(capfd: pytest.CaptureFixture[str]) -> None:
    def main(_arguments: list[str]) -> int:
        raise ValueError(ODETTE)

    assert discreet.guarded(main, []) == 99
    said = capfd.readouterr().err
    assert "Odette" not in said
    assert discreet.complaint(b"a library\n" + said.encode()).startswith("ValueError in beffroi.core.discreet:")
    assert discreet.complaint(f"terminate called: {ODETTE}".encode()) == ""


def test_a_service_that_falls_says_where_and_quotes_nothing(
    heard: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def falls(*_: object) -> None:
        raise ExceptionGroup(ODETTE, [ValueError(ODETTE)])

    monkeypatch.setattr(running, "serve", falls)
    assert main(["up", "--data-dir", str(tmp_path / "data"), "--lang", "en"]) == 99
    said = heard()
    assert "Odette" not in said
    assert "ValueError" in said
    assert "Beffroi itself has a defect" in said
