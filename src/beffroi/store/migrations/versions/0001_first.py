"""The ledger with its erasable names, and the switches of rules."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEEPERS = (
    "CREATE TRIGGER ledger_never_changes BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
    "CREATE TRIGGER ledger_never_shrinks BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
)
"""A guard against our own mistakes; against others there are the hashes."""


def upgrade() -> None:
    op.create_table(
        "names",
        sa.Column("commitment", sa.Text, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sqlite_strict=True,
    )
    op.create_table(
        "rule_switches",
        sa.Column("rule_id", sa.Text, primary_key=True),
        sa.Column(
            "enabled", sa.Integer, sa.CheckConstraint("enabled IN (0, 1)", name="enabled_is_yes_or_no"), nullable=False
        ),
        sa.Column("seq", sa.Integer, sa.ForeignKey("ledger.seq"), nullable=False),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        for keeper in KEEPERS:
            op.execute(keeper)
