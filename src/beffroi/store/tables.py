"""The tables, as the newest migration leaves them (a test compares). Types are those of SQLite's STRICT tables and of PostgreSQL.

Times are ISO 8601 in UTC; a person's name stands in `names` only, everywhere else its commitment (ledger.py).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD: Final = "0003"
"""The newest migration; a store that is there already needs no alembic to be opened."""

LONG: Final = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite's STRICT tables know one kind of whole number only."""

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

sources: Final = Table(
    "sources",
    metadata,
    Column("id", Text, primary_key=True),  # "s-" and random letters: names nobody, never changes, never used again
    Column("name", Text, nullable=False),  # what people call it
    Column("claimed", Text),  # what it calls itself: shown, never believed
    Column("kind", Text, nullable=False),  # the receiver it was met on, or "any" where it was made by hand
    Column(
        "assurance", Integer, CheckConstraint("assurance BETWEEN 0 AND 3", name="assurance_is_known"), nullable=False
    ),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('new', 'accepted', 'rejected', 'silent')", name="state_is_known"),
        nullable=False,
    ),
    Column(
        "proof_kind",
        Text,
        CheckConstraint("proof_kind IN ('address', 'token', 'certificate', 'local')", name="proof_is_known"),
        nullable=False,
    ),
    Column(
        "proof", Text, nullable=False
    ),  # the address, the hexadecimal SHA-256 of the token or certificate, or "receiver:name"
    Column("expires", Text),  # when its certificate does
    Column("created", Text, nullable=False),
    Column("accepted_by", Integer, ForeignKey("ledger.seq")),  # the entry of who accepted, rejected or made it
    Column("silenced_until", Text),  # its silence was announced: no finding before then
    Column("last_event", Text),  # the event time of its newest event
    Column("last_arrival", Text),  # when it was last heard
    UniqueConstraint("proof_kind", "proof"),
    sqlite_strict=True,
)

certificates: Final = Table(
    "certificates",
    metadata,
    Column("fingerprint", Text, primary_key=True),  # hexadecimal SHA-256 of a device's certificate in DER
    Column("source_id", Text, ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("made", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("shown", Text),  # when a sender first showed it
    sqlite_strict=True,
)

source_hours: Final = Table(
    "source_hours",
    metadata,
    Column("source_id", Text, ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # hours since 1970 (UTC) of the arrival
    Column("events", LONG, nullable=False, server_default="0"),
    Column("unread", LONG, nullable=False, server_default="0"),  # of these, nobody could make sense of
    sqlite_strict=True,
)

findings: Final = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # dotted: "source.quiet"
    Column("subject", Text, nullable=False),  # what it is about: a source's id, a disk, "" for the house
    Column("severity", Text, nullable=False),  # Sigma's levels
    Column("message", Text, nullable=False),  # core.model.Message as JSON
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("closed", Text),
    Index(
        "findings_are_open_once",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("closed IS NULL"),
        postgresql_where=text("closed IS NULL"),
    ),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

matches: Final = Table(
    "matches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", LONG, nullable=False),  # of the arrival in the journal
    Column("place", Integer, nullable=False),  # of the event in the arrival, from 0
    Column("identity", Text),  # the event's, where its source guarantees one (design: event identity)
    Column("rule_id", Text, nullable=False),
    Column("grouping", Text, nullable=False, server_default=""),  # a correlation's group as JSON; "" for a rule
    Column("title", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("time", Text),  # the event's; None where it names none
    Column("noted", Text, nullable=False),  # when it came into this table
    Column("host", Text),
    Column("source_id", Text, nullable=False),
    Column("logsource", Text, nullable=False),  # "product/category/service", as LogSource is written
    Column("fields", Text, nullable=False),  # JSON
    Column("events", Text),  # of a correlation: JSON, the events it came from
    Column("historic", Integer, CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"), nullable=False),
    # A batch that is read again after a crash records nothing twice.
    Index(
        "matches_are_once_by_identity",
        "identity",
        "rule_id",
        "grouping",
        unique=True,
        sqlite_where=text("identity IS NOT NULL"),
        postgresql_where=text("identity IS NOT NULL"),
    ),
    Index(
        "matches_are_once_by_position",
        "position",
        "place",
        "rule_id",
        "grouping",
        unique=True,
        sqlite_where=text("identity IS NULL"),
        postgresql_where=text("identity IS NULL"),
    ),
    Index("matches_by_noted", "noted"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("name", Text, primary_key=True),  # of who reads the journal
    Column("position", LONG, nullable=False),
    Column("updated", Text, nullable=False),
    sqlite_strict=True,
)

states: Final = Table(
    "states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("blob", LargeBinary, nullable=False),
    Column("updated", Text, nullable=False),
    sqlite_strict=True,
)

feed: Final = Table(
    "feed",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("row_id", Text, nullable=False),
    sqlite_strict=True,
    sqlite_autoincrement=True,  # a number that was told is never told again, also after pruning
)

cursors: Final = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),  # of who follows the feed
    Column("seq", Integer, nullable=False),  # the last one it has dealt with
    sqlite_strict=True,
)

settings: Final = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("seq", Integer, ForeignKey("ledger.seq"), nullable=False),  # the entry that says who and when
    sqlite_strict=True,
)
