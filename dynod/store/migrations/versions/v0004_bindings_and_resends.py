"""Which patient binding a trial belongs to, and what was asked for again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add two columns to ``trial``, all of whose rows are of the first binding, and a table."""
    binding = sa.Column("binding", sa.Integer, nullable=False, server_default=sa.text("0"))
    op.add_column("trial", binding)
    op.add_column("trial", sa.Column("copied_from", sa.Text))
    op.create_table(
        "resend",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("next_sequence", sa.Integer, nullable=False),
        sa.Column("last_sequence", sa.Integer, nullable=False),
    )
