"""A device may show a new certificate beside the one it has, until that one ends."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("source_id", sa.Text, sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("expires", sa.Text, nullable=False),
        sa.Column("shown", sa.Text),
        sqlite_strict=True,
    )
    op.execute(
        "INSERT INTO certificates (fingerprint, source_id, made, expires, shown) "
        "SELECT proof, id, created, expires, last_arrival FROM sources "
        "WHERE proof_kind = 'certificate' AND expires IS NOT NULL"
    )
