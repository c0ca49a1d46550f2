"""The tables. Times are UTC text of one width, so that they sort as they read.

Records that are only ever read whole are JSON (`dynod.store.codec`); what is searched or counted
has its own column. A change here needs a migration: a test compares the two.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

metadata = MetaData()

# One row: this database as a source of numbered messages.
station = Table(
    "station",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("next_sequence", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("latest_time", Text, nullable=False),
    CheckConstraint("id = 1", name="station_is_one"),
)

session = Table(
    "session",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("session_id", Text, nullable=False, unique=True),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("record", Text, nullable=False),
    Index("session_ended_at", "ended_at"),
)

# ``ordinal`` is the order of recording. ``binding`` counts the patients that the session was bound
# to; a trial that was copied for a later one shares the raw samples of ``copied_from``.
trial = Table(
    "trial",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("result_id", Text, nullable=False, unique=True),
    Column("session_id", Text, ForeignKey("session.session_id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("movement", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("valid", Integer, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("clock_synced", Integer, nullable=False),
    Column("software", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("calibration", Text, nullable=False),
    Column("analysis", Text, nullable=False),
    Column("pain_nrs", Integer),
    Column("note", Text),
    Column("binding", Integer, nullable=False, server_default=text("0")),
    Column("copied_from", Text),
    Column("clock_correction_s", Float),
)

# The device's own numbers, little-endian: t_s (n,) f8, "values" (n, channels) f8, status (n,) u1,
# pelvis_deg (n,) f8 or NULL, acceleration_g (n, 3) f8 or NULL. ``sha256`` is over what the blobs
# and the row say. ``stamped``: the times are the device's own.
trial_raw = Table(
    "trial_raw",
    metadata,
    Column("result_id", Text, ForeignKey("trial.result_id"), primary_key=True),
    Column("t_s", LargeBinary, nullable=False),
    Column("values", LargeBinary, nullable=False),
    Column("status", LargeBinary, nullable=False),
    Column("pelvis_deg", LargeBinary),
    Column("channels", Text, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("nominal_rate_hz", Float, nullable=False),
    Column("axis", Text, nullable=False),
    Column("mount_sign", Integer, nullable=False),
    Column("flags", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("stamped", Boolean, nullable=False, server_default=true()),
    Column("acceleration_g", LargeBinary),
)

trial_metric = Table(
    "trial_metric",
    metadata,
    Column("result_id", Text, ForeignKey("trial.result_id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Float),
    sqlite_with_rowid=False,
)

deficit = Table(
    "deficit",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("result_id", Text, nullable=False, unique=True),
    Column("session_id", Text, ForeignKey("session.session_id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("record", Text, nullable=False),
)

session_summary = Table(
    "session_summary",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("result_id", Text, nullable=False, unique=True),
    Column("session_id", Text, ForeignKey("session.session_id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("record", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("result_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("sent_at", Text),
    Column("received_at", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Text),
    UniqueConstraint("result_id", "revision", name="outbox_result_revision"),
    CheckConstraint("state IN ('pending', 'sent', 'received')", name="outbox_state_known"),
    Index("outbox_state", "state", "next_attempt_at"),
)

# Ranges of the outbox that the record system asked for again, in the order of asking; a row goes
# when its last number went out.
resend = Table(
    "resend",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("next_sequence", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
)

# The FHIR Bundle of a session in one of its patient bindings: the revision that was published last
# (0: none), and whether something changed since.
bundle = Table(
    "bundle",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("result_id", Text, nullable=False, unique=True),
    Column("session_id", Text, ForeignKey("session.session_id"), nullable=False),
    Column("binding", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("due", Integer, nullable=False),
    Index("bundle_due", "due"),
)

reply = Table(
    "reply",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("request_id", Text, nullable=False, unique=True),
    Column("payload", LargeBinary, nullable=False),
)

# Append-only: triggers of the first migration refuse every change but a revocation.
certificate = Table(
    "certificate",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("certificate_id", Text, nullable=False, unique=True),
    Column("record", Text, nullable=False),
    Column("added_at", Text, nullable=False),
    Column("revoked_reason", Text),
)

# Append-only, by triggers. ``at`` is the time of the check.
verification = Table(
    "verification",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("profile", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("certificate_id", Text),
    Column("at", Text, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Index("verification_unit", "profile", "serial_number", "at"),
)

# Append-only, by triggers. ``detail`` is JSON.
audit = Table(
    "audit",
    metadata,
    Column("ordinal", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_subject", "subject"),
)

# What the clock was when it was not set: wall less monotonic, in the boot of ``boot_id``. The
# record is a trial, a session's begin (its id) or its end (its id and ``/ended``).
clock_mark = Table(
    "clock_mark",
    metadata,
    Column("record_id", Text, primary_key=True),
    Column("session_id", Text, ForeignKey("session.session_id"), nullable=False, index=True),
    Column("boot_id", Text, nullable=False),
    Column("base_s", Float, nullable=False),
)
