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

HEAD: Final = "0006"
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

rule_thresholds: Final = Table(
    "rule_thresholds",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("least", Integer, CheckConstraint("least >= 1", name="least_is_positive"), nullable=False),
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
    Column("tags", Text, nullable=False, server_default="[]"),  # JSON, the rule's
    Column("traces", Text),  # JSON, incidents.traces.Traces: who, where, with what
    Column("strand_id", LONG),  # of the strand that it is part of
    Column("pending", Integer, nullable=False, server_default="0"),  # 1: no incident has taken note of it yet
    Column("hidden_by", Integer),  # of `normals`: somebody said that this is normal
    Column("says", Text),  # JSON: the rule's own sentence, by language
    Index("matches_are_pending", "id", sqlite_where=text("pending = 1"), postgresql_where=text("pending = 1")),
    Index("matches_by_strand", "strand_id"),
    Index(
        "matches_are_hidden",
        "hidden_by",
        sqlite_where=text("hidden_by IS NOT NULL"),
        postgresql_where=text("hidden_by IS NOT NULL"),
    ),
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

incidents: Final = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "state", Text, CheckConstraint("state IN ('new', 'taken', 'closed')", name="state_is_known"), nullable=False
    ),
    Column("severity", Text, nullable=False),  # Sigma's levels
    Column("title", Text, nullable=False),  # core.model.Message as JSON, as `what` is
    Column("what", Text, nullable=False),
    Column("first_event", LONG, nullable=False),  # microseconds since 1970, as `last_event` is
    Column("last_event", LONG, nullable=False),
    Column("matches", LONG, nullable=False),
    Column("details", Text, nullable=False),  # JSON: entities, techniques, tactics, reasons
    Column("historic", Integer, CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"), nullable=False),
    Column("opened", Text, nullable=False),
    Column("interrupted", Text),  # when it was first grave enough to call somebody
    Column("taken_by", Integer, ForeignKey("ledger.seq")),  # the entry of who took it
    Column("closed_by", Integer, ForeignKey("ledger.seq")),  # the entry of who closed it
    Column("closed_as", Text),
    Column("closed_level", Text),  # how grave it was then: worse opens it again
    Column("closed_event", LONG),  # its last event then
    Column("merged_into", Integer, ForeignKey("incidents.id")),
    Index("incidents_by_state", "state", "last_event"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

strands: Final = Table(
    "strands",
    metadata,
    Column("id", LONG, primary_key=True, autoincrement=False),
    Column("incident_id", Integer, ForeignKey("incidents.id")),
    Column("historic", Integer, CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"), nullable=False),
    Column("alive", Integer, nullable=False),  # 1: it may be continued
    Column("stale", Integer, nullable=False, server_default="0"),  # 1: a match of it was withdrawn or hidden
    Column("strand", Text),  # JSON, incidents.strands.Strand; None where nothing will ever continue it
    Column("facts", Text, nullable=False),  # JSON, incidents.judging.Facts
    Column("why", Text),  # core.model.Message as JSON: why it is one story with the others
    Index("strands_by_incident", "incident_id"),
    Index("strands_alive", "id", sqlite_where=text("alive = 1"), postgresql_where=text("alive = 1")),
    Index("strands_stale", "id", sqlite_where=text("stale = 1"), postgresql_where=text("stale = 1")),
    sqlite_strict=True,
)

strand_bonds: Final = Table(
    "strand_bonds",
    metadata,
    Column("one", LONG, primary_key=True, autoincrement=False),  # of two strands, the smaller number first
    Column("other", LONG, primary_key=True, autoincrement=False),
    Column("together", Integer, CheckConstraint("together IN (0, 1)", name="together_is_yes_or_no"), nullable=False),
    Column("seq", Integer, ForeignKey("ledger.seq"), nullable=False),  # the entry of who decided it
    sqlite_strict=True,
)

normals: Final = Table(
    "normals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("filter", Text, nullable=False),  # a Sigma filter (YAML)
    Column("made_by", Integer, ForeignKey("ledger.seq"), nullable=False),  # the entry of who said so, when and why
    Column("expires", Text, nullable=False),
    Column("ended", Text),  # when somebody undid it, or it expired
    Column("hits", LONG, nullable=False, server_default="0"),  # matches that it has hidden
    Column("last_hit", Text),
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
