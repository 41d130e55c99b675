"""A whole house whose process that understands is killed, stopped, and met by messages that end it each time."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.service import adversity
from tests.service.house import House, archived, searched
from tests.service.test_whole import bulk, now, windows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SHADOWS = "vssadmin delete shadows /all"
HURRY = adversity.constants(child__PATIENCE=(0.05,), child__HANG=2.0, child__LOOK=0.2, archiving__PAUSE=0.5)


def shadows(number: int) -> dict[str, object]:
    return windows(number, 4688, now(), CommandLine=SHADOWS, NewProcessName="C:\\vssadmin.exe")


def house(folder: Path, code: str) -> House:
    folder.mkdir(exist_ok=True)
    return House(folder / "house", plain=("bulk",), python=adversity.python(folder, f"{HURRY}\n{code}"))


@pytest.mark.long
@pytest.mark.parametrize("poison", ["segfault-now", "loop-for-ever"])
def test_messages_that_end_their_reader_are_set_aside_and_all_others_understood(tmp_path: Path, poison: str) -> None:
    with house(tmp_path, adversity.POISON) as made:
        bulk(made, shadows(0))
        made.settled()
        batch = [shadows(number) for number in range(1, 60)]
        batch[7]["note"] = batch[31]["note"] = poison
        batch[32]["note"] = "eat-memory"
        bulk(made, *batch)
        bulk(made, shadows(60))
        made.settled()
        assert made.rows("SELECT count(*), count(DISTINCT identity) FROM matches") == [(58, 58)]
        told = [
            json.loads(said)[1] for (said,) in made.rows("SELECT message FROM findings WHERE kind = 'message.aside'")
        ]
        assert [each["number"] for each in told] == [7, 31]
        assert "beffroi_messages_set_aside_total 2.0" in made.metrics()
        log = made.log()
        assert "Traceback" not in log
        assert poison not in log  # nothing of what somebody sent
        archived(made)
        assert len(searched(made, "--text", poison)) == 2
        assert len(searched(made, "--text", "eat-memory")) == 1
        assert len(searched(made, "--text", "delete shadows")) == 61


def test_a_process_that_stands_still_is_ended_and_another_goes_on(tmp_path: Path) -> None:
    with house(tmp_path, "") as made:
        [process] = made.children(adversity.PROCESS)
        os.kill(process, signal.SIGSTOP)
        bulk(made, shadows(1))
        made.settled()
        assert made.children(adversity.PROCESS) != [process]


@pytest.mark.long
def test_killed_twenty_times_under_load_it_tells_everything_once(tmp_path: Path) -> None:
    with House(tmp_path / "house", plain=("bulk",), python=adversity.python(tmp_path, HURRY)) as made:
        sent = killed = 0
        while killed < 20:
            bulk(made, *(shadows(sent + number) for number in range(50)))
            sent += 50
            for process in made.children(adversity.PROCESS):
                if sent % 200 == 0:
                    os.kill(process, signal.SIGKILL)
                    killed += 1
        made.settled(120)
        assert made.rows("SELECT count(*), count(DISTINCT identity) FROM matches") == [(sent, sent)]
        assert not made.rows("SELECT 1 FROM findings WHERE kind = 'message.aside'")
        assert "beffroi_understanding_restarts_total 20.0" in made.metrics()
