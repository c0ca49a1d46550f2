"""What the clock was when it had not been set yet, and by how much a time was corrected since."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create a table and a column; records of before have neither mark nor correction."""
    op.create_table(
        "clock_mark",
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("session.session_id"), nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("base_s", sa.Float, nullable=False),
    )
    op.create_index("ix_clock_mark_session_id", "clock_mark", ["session_id"])
    op.add_column("trial", sa.Column("clock_correction_s", sa.Float))
