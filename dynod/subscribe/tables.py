"""The subscriber's tables, the same in SQLite and PostgreSQL.

``message`` keeps all that came, ``result`` points at the newest revision of each, and the view
``current_result`` joins the two: it is what a record system reads.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    Uuid,
)

VERSION = 1

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite has no type of its own that knows the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's times their zone back."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=UTC)


database_version = Table("database_version", metadata, Column("version", Integer, nullable=False))

# One row per (result_id, revision) that arrived, with the bytes that the station sent.
message = Table(
    "message",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("site", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("schema", Text, nullable=False),
    Column("status", Text),
    Column("payload", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    # Not unique: a station whose database was put back gives numbers for the second time.
    Index("message_by_sequence", "site", "station", "stream", "sequence"),
)

# One row per result: its newest revision. ``counts`` is whether a figure may be used: not
# invalid, not entered in error, no practice; null where we cannot tell.
result = Table(
    "result",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text),
    Column("counts", Boolean),
    Column("session_id", Uuid),
    ForeignKeyConstraint(["result_id", "revision"], ["message.result_id", "message.revision"]),
    Index("result_by_session", "session_id"),
)

CURRENT_RESULT = """\
CREATE VIEW current_result AS
SELECT r.result_id, r.revision, r.kind, r.status, r.counts, r.session_id,
       m.site, m.station, m.stream, m.sequence, m.schema, m.received_at, m.payload
FROM result r JOIN message m ON m.result_id = r.result_id AND m.revision = r.revision
"""

# What could not be read; it gets no receipt, so the station has it still.
set_aside = Table(
    "set_aside",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of topic and payload
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

# What each station said of itself last.
station = Table(
    "station",
    metadata,
    Column("site", Text, primary_key=True),
    Column("station", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("software", Text),
    Column("at", Moment, nullable=False),
)

# Per stream: all numbers up to ``complete_to`` are here or purged; ``announced`` is the last that
# the station gave. The rest says when its gaps are asked for next, and how often they were; those
# above ``waited_to`` are too young.
stream = Table(
    "stream",
    metadata,
    Column("site", Text, primary_key=True),
    Column("station", Text, primary_key=True),
    Column("stream", Uuid, primary_key=True),
    Column("complete_to", BigInteger, nullable=False),
    Column("announced", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("asks", Integer, nullable=False),
    Column("next_ask_at", Moment),
    Column("waited_to", BigInteger, nullable=False),
    Column("closed", Text),  # why no gap of it can be filled any more
)

# Ranges of numbers that a station has no longer.
purged = Table(
    "purged",
    metadata,
    Column("site", Text, primary_key=True),
    Column("station", Text, primary_key=True),
    Column("stream", Uuid, primary_key=True),
    Column("from_sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("to_sequence", BigInteger, nullable=False),
)

# Bundles on their way to the FHIR server: waiting, delivered, or refused.
bundle = Table(
    "bundle",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("site", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("stream", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("last_error", Text),
    Column("delivered_at", Moment),
    ForeignKeyConstraint(["result_id", "revision"], ["message.result_id", "message.revision"]),
    Index("bundle_by_state", "state", "site", "station", "stream", "sequence"),
)
