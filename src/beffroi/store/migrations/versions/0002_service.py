"""What the service keeps: sources, findings, matches, how far detection and followers are, settings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("claimed", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column(
            "assurance",
            sa.Integer,
            sa.CheckConstraint("assurance BETWEEN 0 AND 3", name="assurance_is_known"),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Text,
            sa.CheckConstraint("state IN ('new', 'accepted', 'rejected', 'silent')", name="state_is_known"),
            nullable=False,
        ),
        sa.Column(
            "proof_kind",
            sa.Text,
            sa.CheckConstraint("proof_kind IN ('address', 'token', 'certificate', 'local')", name="proof_is_known"),
            nullable=False,
        ),
        sa.Column("proof", sa.Text, nullable=False),
        sa.Column("expires", sa.Text),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("accepted_by", sa.Integer, sa.ForeignKey("ledger.seq")),
        sa.Column("silenced_until", sa.Text),
        sa.Column("last_event", sa.Text),
        sa.Column("last_arrival", sa.Text),
        sa.UniqueConstraint("proof_kind", "proof"),
        sqlite_strict=True,
    )
    op.create_table(
        "source_hours",
        sa.Column("source_id", sa.Text, sa.ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("events", LONG, nullable=False, server_default="0"),
        sa.Column("unread", LONG, nullable=False, server_default="0"),
        sqlite_strict=True,
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Text, nullable=False),
        sa.Column("last_seen", sa.Text, nullable=False),
        sa.Column("closed", sa.Text),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index(
        "findings_are_open_once",
        "findings",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )
    op.create_table(
        "matches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", LONG, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("identity", sa.Text),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("grouping", sa.Text, nullable=False, server_default=""),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("time", sa.Text),
        sa.Column("noted", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("logsource", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("events", sa.Text),
        sa.Column(
            "historic",
            sa.Integer,
            sa.CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"),
            nullable=False,
        ),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index(
        "matches_are_once_by_identity",
        "matches",
        ["identity", "rule_id", "grouping"],
        unique=True,
        sqlite_where=sa.text("identity IS NOT NULL"),
        postgresql_where=sa.text("identity IS NOT NULL"),
    )
    op.create_index(
        "matches_are_once_by_position",
        "matches",
        ["position", "place", "rule_id", "grouping"],
        unique=True,
        sqlite_where=sa.text("identity IS NULL"),
        postgresql_where=sa.text("identity IS NULL"),
    )
    op.create_index("matches_by_noted", "matches", ["noted"])
    op.create_table(
        "checkpoints",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", LONG, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "states",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "feed",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("row_id", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, sa.ForeignKey("ledger.seq"), nullable=False),
        sqlite_strict=True,
    )
