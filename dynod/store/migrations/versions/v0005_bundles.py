"""Which sessions have a FHIR Bundle, and which of them are due."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create a table; sessions that were published before get no Bundle by themselves."""
    op.create_table(
        "bundle",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("result_id", sa.Text, nullable=False, unique=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("session.session_id"), nullable=False),
        sa.Column("binding", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("due", sa.Integer, nullable=False),
    )
    op.create_index("bundle_due", "bundle", ["due"])
