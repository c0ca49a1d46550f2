"""Checks of units, and the book of who did what; neither ever changes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_REFUSE = """
CREATE TRIGGER {table}_never_{what} BEFORE {act} ON {table}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""


def upgrade() -> None:
    """Create the two tables and the triggers that keep them."""
    op.create_table(
        "verification",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("certificate_id", sa.Text),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("passed", sa.Integer, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("verification_unit", "verification", ["profile", "serial_number", "at"])
    op.create_table(
        "audit",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_subject", "audit", ["subject"])
    for table, message in (
        ("verification", "checks are kept as they were"),
        ("audit", "the audit is kept as it was written"),
    ):
        for what, act in (("changes", "UPDATE"), ("goes", "DELETE")):
            op.execute(_REFUSE.format(table=table, what=what, act=act, message=message))
