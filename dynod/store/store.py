"""The store: one owner, one connection, every change in one durable transaction.

Synchronous. The calls may come from any thread, but only one at a time: the daemon makes all of
them from one writer thread.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, insert, select

from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Verification
from dynod.model.deficit import Contribution, Deficit
from dynod.model.errors import StorageError
from dynod.model.session import Session, SessionSummary
from dynod.model.trial import Recording, Trial
from dynod.store import (
    audit,
    bundles,
    certificates,
    clock_marks,
    exports,
    outbox,
    purge,
    read,
    tables,
    verifications,
)
from dynod.store.audit import AuditEntry
from dynod.store.bundles import BundleMaterial
from dynod.store.change import Change
from dynod.store.clock_marks import SessionMarks
from dynod.store.codec import time_of, time_text
from dynod.store.engine import FileLock, create_file, expected_errors, make_engine
from dynod.store.exports import ExportMaterial
from dynod.store.integrity import check_log, check_whole
from dynod.store.outbox import Held, OutboxCounts, OutboxRow, OutboxState
from dynod.store.purge import OldSession, PurgeOrder
from dynod.store.records import StoredSession
from dynod.store.restored import note_restored
from dynod.store.schema import is_current
from dynod.store.write import write_change

DEFAULT_LIMIT = 100


class Store:
    """An open database. Every method raises StorageError when the file lets us down."""

    def __init__(self, path: Path, lock: FileLock, engine: Engine, connection: Connection) -> None:
        self._path = path
        self._lock = lock
        self._engine = engine
        self._connection = connection

    @classmethod
    def open(
        cls, path: Path, *, now: datetime, readonly: bool = False, check: bool = False
    ) -> Self:
        """Open the database, make it or migrate it as needed; ``now`` is the wall time, aware.

        The owner keeps every other process out until `close`. Readers may be several, none while
        there is an owner; they neither make nor migrate a database. Raises StorageError when the
        file is in use, missing to a reader, from a newer dynod, or no database of dynod;
        DamagedError when it is damaged, for which ``check`` looks through the whole of it.
        """
        if readonly and not path.is_file():
            raise StorageError(f"{path} does not exist; `dynod run` makes it")
        if not readonly:
            create_file(path)
        lock = FileLock(path, shared=readonly)
        engine = make_engine(path, readonly=readonly)
        try:
            with expected_errors(path):
                if check:
                    check_log(path)
                connection = engine.connect()
                if check:
                    check_whole(connection, path)
                _prepare(connection, path, now, readonly=readonly)
        except BaseException:
            engine.dispose()
            lock.release()
            raise
        return cls(path, lock, engine, connection)

    def close(self) -> None:
        """Close the file and let the next process in; harmless when closed already."""
        try:
            with expected_errors(self._path):
                self._connection.close()
                self._engine.dispose()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with expected_errors(self._path), self._connection.begin():
            yield self._connection

    # -- writing --------------------------------------------------------------------------

    def commit(self, change: Change) -> tuple[int, ...]:
        """Write a change durably and return the sequence numbers of its messages, in order.

        Everything or nothing: whatever is raised, by the database or by a draft's ``render``, has
        rolled back first, and no sequence number is lost. Raises StorageError also when a record
        is not newer than what is stored.
        """
        with self._transaction() as connection:
            return write_change(connection, change)

    def add_certificates(
        self, given: Iterable[Certificate], at: datetime, who: str = "dynod"
    ) -> tuple[str, ...]:
        """Add certificates, or revoke stored ones; see `dynod.store.certificates.add`."""
        with self._transaction() as connection:
            return certificates.add(connection, given, at, who)

    def revoke_certificate(self, certificate_id: str, reason: str, at: datetime, who: str) -> None:
        """Revoke a certificate; raises UsageError where `dynod.store.certificates.revoke` does."""
        with self._transaction() as connection:
            certificates.revoke(connection, certificate_id, reason, at, who)

    def add_verification(self, given: Verification) -> None:
        """Add a check; raises UsageError when its readings are no numbers."""
        with self._transaction() as connection:
            verifications.add(connection, given)

    def audit(self, entry: AuditEntry) -> None:
        """Write down who did what."""
        with self._transaction() as connection:
            audit.write(connection, entry)

    def purge(
        self, session_id: UUID, order: PurgeOrder, at: datetime, who: str
    ) -> OldSession | None:
        """Remove an old session, or its raw samples; see `dynod.store.purge.purge`."""
        with self._transaction() as connection:
            return purge.purge(connection, session_id, order, at, who)

    def scrub(self) -> None:
        """Let nothing that was purged remain in the write-ahead log."""
        purge.scrub(self._connection.connection.driver_connection, self._path)

    # -- reading --------------------------------------------------------------------------

    @property
    def stream(self) -> UUID:
        """Which database numbers the messages; made with it."""
        with self._transaction() as connection:
            return UUID(read.station(connection)["stream"])

    @property
    def last_sequence(self) -> int:
        """The sequence number given last; 0 before the first."""
        with self._transaction() as connection:
            return int(read.station(connection)["next_sequence"]) - 1

    def latest_time(self) -> datetime:
        """Return the latest wall time that was ever committed."""
        with self._transaction() as connection:
            return time_of(read.station(connection)["latest_time"])

    def open_session(self) -> StoredSession | None:
        """Return the session that has not ended, with its trials and deficits, or None."""
        with self._transaction() as connection:
            return read.open_session(connection)

    def session(self, session_id: UUID) -> StoredSession | None:
        """Return a session with its trials (no raw, in order of recording) and deficits."""
        with self._transaction() as connection:
            return read.session(connection, session_id)

    def session_of_result(self, result_id: UUID) -> StoredSession | None:
        """Return the session of a trial, deficit or session result, or None."""
        with self._transaction() as connection:
            return read.session_of_result(connection, result_id)

    def sessions(self, limit: int | None = DEFAULT_LIMIT) -> tuple[Session, ...]:
        """Return sessions, newest first."""
        with self._transaction() as connection:
            return read.sessions(connection, limit)

    def trial(self, result_id: UUID, *, with_raw: bool = False) -> Trial | None:
        """Return one trial, or None."""
        with self._transaction() as connection:
            return read.trial(connection, result_id, with_raw=with_raw)

    def trials(
        self, session_id: UUID | None = None, limit: int | None = DEFAULT_LIMIT
    ) -> tuple[Trial, ...]:
        """Return trials without raw, newest first."""
        with self._transaction() as connection:
            return read.trials(connection, session_id, limit)

    def recording(self, result_id: UUID) -> Recording | None:
        """Return the raw samples of a trial bit for bit, or None where it has none."""
        with self._transaction() as connection:
            return read.recording(connection, result_id)

    def deficits(
        self, session_id: UUID | None = None, limit: int | None = DEFAULT_LIMIT
    ) -> tuple[Deficit, ...]:
        """Return the latest revision of deficits, newest first."""
        with self._transaction() as connection:
            return read.deficits(connection, session_id, limit)

    def summaries(
        self, session_id: UUID | None = None, limit: int | None = DEFAULT_LIMIT
    ) -> tuple[SessionSummary, ...]:
        """Return the latest revision of the results of ended sessions, newest first."""
        with self._transaction() as connection:
            return read.summaries(connection, session_id, limit)

    def reply(self, request_id: str) -> bytes | None:
        """Return the reply that a command got, or None when it is not remembered."""
        with self._transaction() as connection:
            return read.reply(connection, request_id)

    def certificates(self) -> tuple[Certificate, ...]:
        """Return every certificate that was ever added, with its revocation."""
        with self._transaction() as connection:
            return certificates.stored(connection)

    def verifications(
        self, profile: str | None = None, serial_number: str | None = None
    ) -> tuple[Verification, ...]:
        """Return the checks of a unit, or of all, in the order of storing."""
        with self._transaction() as connection:
            return verifications.stored(connection, profile, serial_number)

    def audit_entries(self, subject: str | None = None) -> tuple[AuditEntry, ...]:
        """Return who did what, oldest first; to one subject, or all."""
        with self._transaction() as connection:
            return audit.entries(connection, subject)

    def old_session_ids(self, before: datetime) -> tuple[UUID, ...]:
        """Return the sessions that ended before a moment, oldest first."""
        with self._transaction() as connection:
            return purge.old_session_ids(connection, before)

    def old_session(self, session_id: UUID, order: PurgeOrder) -> OldSession | None:
        """Return what there is of an old session; see `dynod.store.purge.old_session`."""
        with self._transaction() as connection:
            return purge.old_session(connection, session_id, order)

    def first_to_correct(self, boot_id: str) -> SessionMarks | None:
        """Return a session whose times can be set right; see `dynod.store.clock_marks`."""
        with self._transaction() as connection:
            return clock_marks.first_to_correct(connection, boot_id)

    def first_due_bundle(
        self, boot_id: str = "", without: Collection[UUID] = ()
    ) -> BundleMaterial | None:
        """Return what the FHIR Bundle is made of that is due for longest, or None."""
        with self._transaction() as connection:
            return bundles.first_due(connection, boot_id, without)

    def forget_due_bundles(self) -> int:
        """Let no Bundle be due any more; return how many were."""
        with self._transaction() as connection:
            return bundles.forget_due(connection)

    def export_material(self, session_id: UUID) -> ExportMaterial | None:
        """Return what an export of a session is made of, or None."""
        with self._transaction() as connection:
            return exports.of_session(connection, session_id)

    # -- outbox ---------------------------------------------------------------------------

    def due(self, now: datetime, limit: int, *, resend_unreceipted: bool) -> tuple[OutboxRow, ...]:
        """Return the messages to send now, by sequence; see `dynod.store.outbox.due`."""
        with self._transaction() as connection:
            return outbox.due(connection, now, limit, resend_unreceipted=resend_unreceipted)

    def mark_sent(self, sequences: Sequence[int], at: datetime) -> None:
        """Note PUBACKs; without a receipt the messages fall due again after 30 s to one hour."""
        with self._transaction() as connection:
            outbox.mark_sent(connection, sequences, at)

    def mark_received(self, receipts: Iterable[Contribution], at: datetime) -> int:
        """Note receipts, pending messages included; return how many are unknown."""
        with self._transaction() as connection:
            return outbox.mark_received(connection, receipts, at)

    def resend_all_sent(self, at: datetime) -> int:
        """Let every message without a receipt fall due at once; return how many there are."""
        with self._transaction() as connection:
            return outbox.resend_all_sent(connection, at)

    def outbox_rows(
        self, limit: int = DEFAULT_LIMIT, state: OutboxState | None = None
    ) -> tuple[OutboxRow, ...]:
        """Return messages, newest first, of one state or all."""
        with self._transaction() as connection:
            return outbox.newest(connection, limit, state)

    def held(self, first: int, last: int) -> Held:
        """Return how many messages there are of a range of numbers, and which were purged."""
        with self._transaction() as connection:
            return outbox.held(connection, first, last)

    def asked_again(self, limit: int) -> tuple[OutboxRow, ...]:
        """Return what was asked for again and goes out next; see `dynod.store.outbox`."""
        with self._transaction() as connection:
            return outbox.asked_again(connection, limit)

    def note_again(self, sequence: int) -> None:
        """Note that what was asked for again went out up to a number."""
        with self._transaction() as connection:
            outbox.note_again(connection, sequence)

    def outbox_counts(self) -> OutboxCounts:
        """Count the messages by state."""
        with self._transaction() as connection:
            return outbox.counts(connection)


def _prepare(connection: Connection, path: Path, now: datetime, *, readonly: bool) -> None:
    """Bring the schema up to date and make the station's row; a reader only checks."""
    with connection.begin():
        current = is_current(connection, path)
    if readonly and not current:
        raise StorageError(f"{path} has an older schema; start `dynod run` once to migrate it")
    if not current:
        from dynod.store.migrations.upgrade import upgrade

        upgrade(connection)
    if not readonly:
        with connection.begin():
            _make_station(connection, time_text(now))
            note_restored(connection, now)


def _make_station(connection: Connection, at: str) -> None:
    if connection.execute(select(tables.station.c.id)).first() is None:
        row = {"id": 1, "stream": str(uuid4()), "next_sequence": 1}
        connection.execute(insert(tables.station), {**row, "created_at": at, "latest_time": at})
