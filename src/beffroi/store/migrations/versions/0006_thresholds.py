"""How many it takes before a correlation speaks, where a house says so itself."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_thresholds",
        sa.Column("rule_id", sa.Text, primary_key=True),
        sa.Column("least", sa.Integer, sa.CheckConstraint("least >= 1", name="least_is_positive"), nullable=False),
        sa.Column("seq", sa.Integer, sa.ForeignKey("ledger.seq"), nullable=False),
        sqlite_strict=True,
    )
