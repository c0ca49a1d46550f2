"""Whether the times of raw samples are the device's own, and what its accelerometer said."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two columns to ``trial_raw``; what was recorded before counts as stamped."""
    stamped = sa.Column("stamped", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("trial_raw", stamped)
    op.add_column("trial_raw", sa.Column("acceleration_g", sa.LargeBinary))
