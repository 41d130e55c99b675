"""What a house must not lose: its tables in SQLite with one writer, and the ledger of who did what.

with Store.open(data_dir) as store:            one writer at a time, in all processes
    with store.write() as change:              one transaction: all of it or nothing
        change.execute(…)
        ledger.record(change, …)               every Action writes its own entry, in the same transaction
    with store.read() as connection: …
"""

from beffroi.store.database import Store
from beffroi.store.ledger import Entry, Personal, Verification

__all__ = ["Entry", "Personal", "Store", "Verification"]
