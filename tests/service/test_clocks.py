"""A whole house whose clock is set wrongly and right again, or whose battery is dead."""

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.service import adversity
from tests.service.house import House, archived, searched
from tests.service.test_poison import shadows

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]
OFTEN = adversity.FalseClock.code + adversity.constants(running__MINUTE=0.5, archiving__PAUSE=0.5)
DAY = 86_400


class Life:
    """A house with a source that has a token, and what was sent."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sent = 0
        self.token = house.act("sources.token", name="PC 7")["token"]

    def send(self) -> None:
        """A batch on whose events a rule fires, and see it understood."""
        events = [shadows(self.sent + number) for number in range(25)]
        content = "".join(f'{{"create":{{}}}}\n{json.dumps(event)}\n' for event in events)
        headers = {"Authorization": f"Bearer {self.token}"}
        patience = time.monotonic() + 30
        while True:
            answer = httpx.post(
                f"http://127.0.0.1:{self.house.ports['bulk']}/_bulk", content=content, headers=headers, timeout=20
            )
            # Whom somebody has just given a token the receivers know a moment later.
            if self.sent or answer.status_code != 401 or time.monotonic() > patience:
                break
            time.sleep(0.05)
        assert answer.status_code == 200
        self.sent += len(events)
        assert self.house.until("SELECT 1 WHERE (SELECT count(*) FROM matches) = ?", self.sent)

    def leaps(self, count: int) -> None:
        """Wait until so many were told."""
        assert self.house.until("SELECT 1 WHERE (SELECT count(*) FROM findings WHERE kind = 'house.clock') >= ?", count)
        chores = self.house.rows("SELECT updated FROM checkpoints WHERE name = 'alive'")
        self.house.until("SELECT 1 FROM checkpoints WHERE name = 'alive' AND updated != ?", *chores[0])

    def nobody_is_blamed(self) -> None:
        assert not self.house.rows("SELECT message FROM findings WHERE kind LIKE 'source.%'")


def test_a_clock_that_leaps_forgets_nothing_and_blames_nobody(tmp_path: Path) -> None:
    clock = adversity.FalseClock(tmp_path)
    made = House(tmp_path / "house", plain=("bulk",), python=adversity.python(tmp_path, OFTEN), env=clock.env)
    with made as house:
        life = Life(house)
        life.send()
        for leap, seconds in enumerate((DAY, 400 * DAY, -3_600, 0), 1):
            clock.off(seconds)
            life.leaps(leap)
            life.send()
            life.nobody_is_blamed()
        archived(house)
        assert len(searched(house, "--text", "delete shadows")) == life.sent
        positions = [position for (position,) in house.rows("SELECT position FROM matches ORDER BY id")]
        assert positions == sorted(positions)
        assert "Traceback" not in house.log()


def test_a_house_whose_battery_is_dead_loses_nothing_when_its_clock_is_set(tmp_path: Path) -> None:
    clock = adversity.FalseClock(tmp_path)
    made = House(tmp_path / "house", plain=("bulk",), python=adversity.python(tmp_path, OFTEN), env=clock.env)
    with made as house:
        life = Life(house)
        life.send()
        house.kill()
        clock.off(-int(time.time()))
        house.start()
        life.send()
        assert house.rows("SELECT 1 FROM matches WHERE noted < '2026'") == []
        archived(house)
        life.nobody_is_blamed()
        clock.off(0)
        # The house was killed a few seconds ago: that is where its clock went on.
        life.send()
        archived(house)
        assert len(searched(house, "--text", "delete shadows")) == life.sent
        assert house.act("sources.list")
        assert "Traceback" not in house.log()
