"""Removing old results: the operation ``purge`` of the control socket, and the same without daemon.

``{"op": "purge", "before": …, "raw_only": …, "dry_run": …, "by": …}`` gets a line for each session
that is old enough, ``{"session": …}``, and at last ``{"end": totals, "stopped": bool}``.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from dynod.config.settings import Config
from dynod.daemon.clock import instant
from dynod.daemon.control import Tell, check_keys, refusal_of
from dynod.daemon.writer import Writer
from dynod.model.errors import DynodError, UsageError
from dynod.store.purge import OldSession, PurgeOrder
from dynod.store.store import Store

log = logging.getLogger(__name__)

_TYPES: Mapping[str, type] = {"before": str, "raw_only": bool, "dry_run": bool, "by": str}
_MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """What is asked for; ``by`` is who asks, for the audit, ``before`` aware."""

    before: datetime
    raw_only: bool = False
    dry_run: bool = True
    by: str = "unknown"


def parse_purge(given: Mapping[str, object], now: datetime) -> PurgeRequest:
    """Return the request of plain JSON data; raises UsageError for what is none."""
    check_keys("purge", given, _TYPES)
    for key, value in given.items():
        if not isinstance(value, _TYPES[key]) or len(str(value)) > _MOST_CHARACTERS:
            raise UsageError(f"purge: {key} is not as it should be")
    try:
        before = datetime.fromisoformat(str(given.get("before")))
    except ValueError:
        raise UsageError("purge: before should be a time with its zone") from None
    if before.tzinfo is None or before > now:
        raise UsageError("purge: before should be a time with its zone, and in the past")
    return PurgeRequest(
        before,
        raw_only=bool(given.get("raw_only", False)),
        dry_run=bool(given.get("dry_run", True)),
        by=str(given.get("by", "unknown")),
    )


def purge_lines(
    store: Store, request: PurgeRequest, now: datetime, config: Config
) -> Iterator[dict[str, object]]:
    """Purge session by session, each in a transaction of its own; yield the lines of the answer.

    Between two lines no transaction is open. Whoever stops asking leaves the rest as it was.
    Raises StorageError.
    """
    order = PurgeOrder(
        request.before,
        request.raw_only,
        receipts_required=config.broker.receipts == "required",
        bundles=config.fhir.publish,
    )
    totals = {"sessions": 0, "trials": 0, "messages": 0, "raw_bytes": 0, "kept": 0}
    for session_id in store.old_session_ids(request.before):
        if request.dry_run:
            done = store.old_session(session_id, order)
        else:
            done = store.purge(session_id, order, now, request.by)
        if done is None:
            continue
        _add(totals, done, raw_only=request.raw_only)
        yield {"session": _row(done)}
    if not request.dry_run:
        store.scrub()
    yield {"end": totals, "stopped": False}


def _add(totals: dict[str, int], old: OldSession, *, raw_only: bool) -> None:
    if old.keep is not None:
        totals["kept"] += 1
        return
    totals["sessions"] += 1
    totals["trials"] += old.raw if raw_only else old.trials
    totals["messages"] += 0 if raw_only else old.messages
    totals["raw_bytes"] += old.raw_bytes


def _row(old: OldSession) -> dict[str, object]:
    return {
        "session_id": str(old.session_id),
        "started_at": old.started_at.isoformat(timespec="seconds"),
        "ended_at": old.ended_at.isoformat(timespec="seconds"),
        "trials": old.trials,
        "raw_bytes": old.raw_bytes,
        "messages": old.messages,
        "keep": None if old.keep is None else old.keep.value,
    }


class PurgeService:
    """Carries out the operation ``purge`` in the writer's thread, a session at a time."""

    def __init__(self, writer: Writer, config: Config) -> None:
        self._writer = writer
        self._config = config

    async def serve(self, request: dict[str, object], tell: Tell, enough: asyncio.Event) -> None:
        """Do what a request asks for and tell it line by line; stop early on ``enough``."""
        now = instant().wall
        try:
            given = {key: value for key, value in request.items() if key != "op"}
            asked = parse_purge(given, now)
            lines = purge_lines(self._writer.store, asked, now, self._config)
            # Trials that end meanwhile are written between two sessions.
            while not enough.is_set():
                line = await self._writer.call(next, lines, None)
                if line is None:
                    return
                if "end" in line and not asked.dry_run:
                    log.info("purge: %s", line["end"])
                await tell(json.dumps(line).encode())
            if not asked.dry_run:
                await self._writer.call(self._writer.store.scrub)
        except DynodError as error:
            await tell(refusal_of(error))
