"""The service without understanding: what comes in is received, synced and acknowledged, and nobody looks at it.

    python benchmarks/receive_only.py CONFIG

It prints each receiver's port as JSON and goes on until it is killed. What receiving alone costs is what understanding is measured
beside (intake.py).
"""

import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path

from beffroi.core.config import load
from beffroi.service.running import Service
from beffroi.store import Store


async def main(path: Path) -> None:
    config = load(path)
    with ExitStack() as held:
        service = Service(config, held.enter_context(Store.open(config.data_dir)), held)
        async with asyncio.TaskGroup() as group:
            for each in service.receiving:
                group.create_task(each.run())
            for each in service.receiving:
                await each.tried.wait()
            bound = {each.name: each.bound.port for each in service.receiving if each.bound is not None}
            print(json.dumps(bound), flush=True)


asyncio.run(main(Path(sys.argv[1])))
