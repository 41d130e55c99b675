"""The tables, as the newest migration leaves them (a test compares). Types are those of SQLite's STRICT tables and of PostgreSQL.

Times are ISO 8601 in UTC; a person's name stands in `names` only, everywhere else its commitment (ledger.py).
"""

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text

HEAD: Final = "0001"
"""The newest migration; a store that is there already needs no alembic to be opened."""

metadata: Final = MetaData()

names: Final = Table(
    "names",
    metadata,
    Column("commitment", Text, primary_key=True),  # hexadecimal SHA-256 of salt and name
    Column("salt", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    sqlite_strict=True,
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("body", Text, nullable=False),  # the entry as canonical JSON, just as it was hashed
    Column(
        "hash", Text, nullable=False, unique=True
    ),  # hexadecimal SHA-256 of the body, which names the hash before it
    sqlite_strict=True,
)

rule_switches: Final = Table(
    "rule_switches",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("enabled", Integer, CheckConstraint("enabled IN (0, 1)", name="enabled_is_yes_or_no"), nullable=False),
    Column("seq", Integer, ForeignKey("ledger.seq"), nullable=False),  # the entry that says who, when and why
    sqlite_strict=True,
)
