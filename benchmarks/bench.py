"""What the tables of one run share: the material, each kind made when it is first asked for, and the commands to measure."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import material, own_values
from benchmarks.measure import Argument, Command, run, tell

PYTHON: list[Argument] = [sys.executable, "-I", "-X", "utf8"]
PROGRAMS = Path(__file__).resolve().parent


@dataclass
class Bench:
    """The corpus, a temporary folder to work in, and how much is asked for."""

    work: Path
    corpus: Path
    quick: bool
    runs: int

    @cached_property
    def recordings(self) -> Path:
        """The attack recordings as EVTX, repeated."""
        tell("copying recordings")
        copies = material.copies_for(len(self.events), self.quick)
        return material.repeated(self.attacks, self.work / "recordings", copies)

    @cached_property
    def different(self) -> Path:
        """The same with every longer value the only one of its kind."""
        tell("writing recordings of values all different")
        copies = material.copies_for(len(self.events), self.quick)
        return own_values.repeated_differing(self.attacks, self.work / "different", copies)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return material.flat_events(self.attacks)

    @property
    def attacks(self) -> Path:
        return self.corpus / "evtx-attack-samples"

    @cached_property
    def rules(self) -> dict[str, list[Path]]:
        return material.rule_sets(self.corpus / "sigma", self.work)

    @property
    def windows(self) -> str:
        """The name of the set that holds the Windows rules."""
        return next(name for name in self.rules if name.startswith("Windows"))

    @cached_property
    def alike(self) -> Path:
        return self._flat(self.events, "alike", "alike")

    @cached_property
    def differ(self) -> Path:
        return self._flat(self.events, "differ", "differ")

    @cached_property
    def quiet(self) -> Path:
        """An ordinary log: that of QUIET=FOLDER, else what is left of the recordings without what rules call suspicious."""
        given = os.environ.get("QUIET")
        if given:
            return self._flat(material.flat_events(Path(given)), "quiet", "alike")
        once, hits = material.write_flat(self.events, self.work / "once.ndjson", "alike", 1), self.work / "once.hits"
        rules = list(self.rules.values())[-1]
        run(self.hunt(once, rules, out=hits, more=("--level", "medium")))
        return self._flat(material.without(self.events, hits), "quiet", "alike")

    def _flat(self, events: list[dict[str, Any]], name: str, mode: material.Mode) -> Path:
        tell(f"writing {name}")
        copies = material.copies_for(len(events), self.quick)
        return material.write_flat(events, self.work / f"{name}.ndjson", mode, copies)

    # --- commands

    @cached_property
    def env(self) -> dict[str, str]:
        """No setting of whoever runs this counts; the rule cache is one of the benchmark's own."""
        home = self.work / "home"
        home.mkdir()
        return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "XDG_CACHE_HOME": str(self.cache)}

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    def hunt(
        self, path: Path, rules: Iterable[Path], *, out: Path | None = None, jobs: int = 1, more: Iterable[str] = ()
    ) -> Command:
        """The whole command as a person types it, its matches into a file."""
        chosen: list[Argument] = [part for folder in rules for part in ("--rules", folder)]
        argv: list[Argument] = [material.ROOT / "beffroi", "hunt", "--json", "--jobs", str(jobs), *chosen, *more, path]
        return Command(argv, out or self.work / "hunt.out", self.env)

    def parse_only(self, path: Path) -> Command:
        argv = [*PYTHON, PROGRAMS / "parse_only.py", path]
        return Command(argv, self.work / "parse.out", self.env, own_account=True)

    def shares(self, path: Path, rules: Iterable[Path], out: Path) -> Command:
        argv = [*PYTHON, PROGRAMS / "shares.py", "2", self.cache / "beffroi", self.work / "x", path, *rules]
        return Command(argv, out, self.env, own_account=True)

    def smallest(self, rules: Iterable[Path]) -> Command:
        return self.hunt(material.smallest(self.attacks), rules, out=self.work / "start.out")

    def fill_cache(self, sets: Iterable[str]) -> None:
        for name in sets:
            tell(f"filling the cache: {name}")
            run(self.smallest(self.rules[name]))

    def empty_cache(self) -> None:
        for path in (self.cache / "beffroi").glob("**/*"):
            if path.is_file():
                path.unlink()
