"""Incidents: what matches leave, the strands they hang together in, the incidents they are, and what somebody called normal."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("matches", sa.Column("tags", sa.Text, nullable=False, server_default="[]"))
    op.add_column("matches", sa.Column("traces", sa.Text))
    op.add_column("matches", sa.Column("strand_id", LONG))
    op.add_column("matches", sa.Column("pending", sa.Integer, nullable=False, server_default="0"))
    op.add_column("matches", sa.Column("hidden_by", sa.Integer))
    _index("matches_are_pending", "matches", "id", "pending = 1")
    op.create_index("matches_by_strand", "matches", ["strand_id"])
    _index("matches_are_hidden", "matches", "hidden_by", "hidden_by IS NOT NULL")
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "state",
            sa.Text,
            sa.CheckConstraint("state IN ('new', 'taken', 'closed')", name="state_is_known"),
            nullable=False,
        ),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("first_event", LONG, nullable=False),
        sa.Column("last_event", LONG, nullable=False),
        sa.Column("matches", LONG, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column(
            "historic",
            sa.Integer,
            sa.CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"),
            nullable=False,
        ),
        sa.Column("opened", sa.Text, nullable=False),
        sa.Column("interrupted", sa.Text),
        sa.Column("taken_by", sa.Integer, sa.ForeignKey("ledger.seq")),
        sa.Column("closed_by", sa.Integer, sa.ForeignKey("ledger.seq")),
        sa.Column("closed_as", sa.Text),
        sa.Column("closed_level", sa.Text),
        sa.Column("closed_event", LONG),
        sa.Column("merged_into", sa.Integer, sa.ForeignKey("incidents.id")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("incidents_by_state", "incidents", ["state", "last_event"])
    op.create_table(
        "strands",
        sa.Column("id", LONG, primary_key=True, autoincrement=False),
        sa.Column("incident_id", sa.Integer, sa.ForeignKey("incidents.id")),
        sa.Column(
            "historic",
            sa.Integer,
            sa.CheckConstraint("historic IN (0, 1)", name="historic_is_yes_or_no"),
            nullable=False,
        ),
        sa.Column("alive", sa.Integer, nullable=False),
        sa.Column("stale", sa.Integer, nullable=False, server_default="0"),
        sa.Column("strand", sa.Text),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sqlite_strict=True,
    )
    op.create_index("strands_by_incident", "strands", ["incident_id"])
    _index("strands_alive", "strands", "id", "alive = 1")
    _index("strands_stale", "strands", "id", "stale = 1")
    op.create_table(
        "strand_bonds",
        sa.Column("one", LONG, primary_key=True, autoincrement=False),
        sa.Column("other", LONG, primary_key=True, autoincrement=False),
        sa.Column(
            "together",
            sa.Integer,
            sa.CheckConstraint("together IN (0, 1)", name="together_is_yes_or_no"),
            nullable=False,
        ),
        sa.Column("seq", sa.Integer, sa.ForeignKey("ledger.seq"), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "normals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("filter", sa.Text, nullable=False),
        sa.Column("made_by", sa.Integer, sa.ForeignKey("ledger.seq"), nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("ended", sa.Text),
        sa.Column("hits", LONG, nullable=False, server_default="0"),
        sa.Column("last_hit", sa.Text),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def _index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
