"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_REFUSE_RAW = """
CREATE TRIGGER trial_raw_is_kept BEFORE UPDATE ON trial_raw
BEGIN SELECT RAISE(ABORT, 'raw samples never change'); END
"""
_REFUSE_CHANGE = """
CREATE TRIGGER certificate_never_changes BEFORE UPDATE ON certificate
WHEN NEW.ordinal IS NOT OLD.ordinal OR NEW.certificate_id IS NOT OLD.certificate_id
  OR NEW.record IS NOT OLD.record OR NEW.added_at IS NOT OLD.added_at
  OR OLD.revoked_reason IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a certificate can be revoked once, and nothing else'); END
"""
_REFUSE_DELETE = """
CREATE TRIGGER certificate_never_goes BEFORE DELETE ON certificate
BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END
"""


def upgrade() -> None:
    """Create every table of the first version."""
    _station()
    _records()
    _trial_parts()
    _messages()
    _certificates()


def _station() -> None:
    op.create_table(
        "station",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("next_sequence", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("latest_time", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="station_is_one"),
    )


def _records() -> None:
    op.create_table(
        "session",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False, unique=True),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Text),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("session_ended_at", "session", ["ended_at"])
    op.create_table(
        "trial",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("result_id", sa.Text, nullable=False, unique=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("session.session_id"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("movement", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("valid", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.Text, nullable=False),
        sa.Column("clock_synced", sa.Integer, nullable=False),
        sa.Column("software", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("calibration", sa.Text, nullable=False),
        sa.Column("analysis", sa.Text, nullable=False),
        sa.Column("pain_nrs", sa.Integer),
        sa.Column("note", sa.Text),
    )
    op.create_index("ix_trial_session_id", "trial", ["session_id"])
    for name in ("deficit", "session_summary"):
        op.create_table(
            name,
            sa.Column("ordinal", sa.Integer, primary_key=True),
            sa.Column("result_id", sa.Text, nullable=False, unique=True),
            sa.Column("session_id", sa.Text, sa.ForeignKey("session.session_id"), nullable=False),
            sa.Column("revision", sa.Integer, nullable=False),
            sa.Column("recorded_at", sa.Text, nullable=False),
            sa.Column("record", sa.Text, nullable=False),
        )
        op.create_index(f"ix_{name}_session_id", name, ["session_id"])


def _trial_parts() -> None:
    op.create_table(
        "trial_raw",
        sa.Column("result_id", sa.Text, sa.ForeignKey("trial.result_id"), primary_key=True),
        sa.Column("t_s", sa.LargeBinary, nullable=False),
        sa.Column("values", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.LargeBinary, nullable=False),
        sa.Column("pelvis_deg", sa.LargeBinary),
        sa.Column("channels", sa.Text, nullable=False),
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("nominal_rate_hz", sa.Float, nullable=False),
        sa.Column("axis", sa.Text, nullable=False),
        sa.Column("mount_sign", sa.Integer, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
    )
    op.execute(_REFUSE_RAW)
    op.create_table(
        "trial_metric",
        sa.Column("result_id", sa.Text, sa.ForeignKey("trial.result_id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Float),
        sqlite_with_rowid=False,
    )


def _messages() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("result_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Text),
        sa.Column("received_at", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.Text),
        sa.UniqueConstraint("result_id", "revision", name="outbox_result_revision"),
        sa.CheckConstraint("state IN ('pending', 'sent', 'received')", name="outbox_state_known"),
    )
    op.create_index("outbox_state", "outbox", ["state", "next_attempt_at"])
    op.create_table(
        "reply",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False, unique=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def _certificates() -> None:
    op.create_table(
        "certificate",
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("certificate_id", sa.Text, nullable=False, unique=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("added_at", sa.Text, nullable=False),
        sa.Column("revoked_reason", sa.Text),
    )
    op.execute(_REFUSE_CHANGE)
    op.execute(_REFUSE_DELETE)
