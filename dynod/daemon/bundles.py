"""FHIR Bundles: made after a session has ended and after each amendment, once the clock is right.

The transaction that changes a session marks its Bundle as due. It is made here, later, in the
writer's thread: nobody who presses a button waits for it. A Bundle takes its number when it is
made, so that one which waits for a clock leaves no hole.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from dynod.daemon.clock import instant
from dynod.daemon.clock_base import boot_id
from dynod.daemon.records import OutgoingResult, sealing
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import StorageError
from dynod.publish.fhir_envelope import CONTENT_TYPE, fhir_properties
from dynod.session.inputs import Instant
from dynod.store.bundles import BundleMaterial
from dynod.store.change import Change, OutboxDraft
from dynod.store.outbox import OutboxRow
from dynod.store.store import Store

if TYPE_CHECKING:
    from dynod.daemon.bundle_maker import BundleMaker

log = logging.getLogger(__name__)

LOOK_S = 30.0  # how long a clock that was set goes unnoticed


class Bundles:
    """Makes the Bundles that are due; ``maker`` is asked for when the first of them is."""

    def __init__(
        self,
        writer: Writer,
        station: Station,
        topic: str,
        maker: Callable[[], "BundleMaker"],
        now: Callable[[], Instant] = instant,
    ) -> None:
        self._writer = writer
        self._station = station
        self._topic = topic
        self._maker = maker
        self._now = now
        self._wake = asyncio.Event()
        self._wake.set()
        self._given_up: set[UUID] = set()
        self.notices: tuple[str, ...] = ()

    def committed(self, rows: Sequence[OutboxRow]) -> None:
        """Take note that a session may have ended or changed."""
        if rows:
            self._wake.set()

    async def run(self) -> None:
        """Make what is due, as soon as it is and the clock is synchronised."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.make_due()
            except StorageError as error:
                log.warning("FHIR Bundle not made: %s", error)

    async def make_due(self) -> None:
        """Make every Bundle that is due; none while the clock is not synchronised."""
        while self._now().clock_synced:
            sealed = await self._writer.call(self._make, self._writer.store)
            if sealed is None:
                return
            self._station.sealed(sealed)

    def _make(self, store: Store) -> list[OutboxRow] | None:
        """Make one Bundle and commit it, in the writer's thread; None when none is due."""
        found = store.first_due_bundle(boot_id() or "", self._given_up)
        if found is None:
            return None
        try:
            payload = self._render(store, found)
        except StorageError:
            raise
        except Exception:
            # A defect, met again at every start: the station would measure nothing any more for
            # the sake of one message. It is told loudly, and that Bundle stays due.
            ids = {"session": found.mark.session_id}
            log.exception("no FHIR Bundle of session %s", found.mark.session_id, extra=ids)
            self._give_up(found.mark.result_id)
            return []
        sealed: list[OutboxRow] = []
        result_id = found.mark.result_id
        revision = found.revision + (payload is not None)
        drafts: tuple[OutboxDraft, ...] = ()
        if payload is not None:
            message = OutgoingResult(result_id, revision, self._topic, CONTENT_TYPE)
            drafts = (sealing(message, lambda _number: payload, sealed),)
        change = Change(at=self._now().wall, outbox=drafts, bundle_made=(result_id, revision))
        store.commit(change)
        return sealed

    def _give_up(self, result_id: UUID) -> None:
        """Leave a Bundle alone until the next start, and say so."""
        self._given_up.add(result_id)
        count = len(self._given_up)
        what = f"{count} FHIR Bundle{'s' if count > 1 else ''} could not be made"
        why = "for a defect of dynod; results go out all the same: report it, with the log"
        self.notices = (f"{what} {why}",)

    def _render(self, store: Store, found: BundleMaterial) -> bytes | None:
        """Return the Bundle's next revision; None where there is nothing new to say."""
        if found.withdrawn and found.revision == 0:
            return None
        payload = self._maker().render(store, found, found.revision + 1, self._now())
        says = _resources(payload)
        before = [] if found.previous is None else _resources(found.previous)
        return None if says == before else payload


def _resources(bundle: bytes) -> list[object]:
    """Return what a Bundle says of the patient: all but who assembled it, and when."""
    entries = json.loads(bundle)["entry"]
    resources = [entry["resource"] for entry in entries]
    return [item for item in resources if item["resourceType"] != "Provenance"]


def envelope(row: OutboxRow, stream: str) -> tuple[tuple[str, str], ...]:
    """Return the user properties of a message: the envelope of a Bundle, nothing for others."""
    if row.content_type != CONTENT_TYPE:
        return ()
    return tuple(fhir_properties(row.result_id, row.revision, stream, row.sequence).items())
