"""The operation ``purge`` of the control socket: what it takes, and how it stops."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dynod.config.load import load_config
from dynod.daemon.purge import PurgeRequest, PurgeService, parse_purge
from dynod.daemon.writer import Writer
from dynod.model.errors import UsageError
from dynod.store.change import Change
from dynod.store.store import Store
from tests.config.files import WHOLE, write
from tests.store.samples import NOW, at, draft, session, trial

BEFORE = "2026-03-03T00:00:00+00:00"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three sessions that ended on 2 March 2026, each with one result that was sent."""
    with Store.open(tmp_path / "dynod.db", now=NOW) as store:
        for number in range(3):
            of = session(ended_at=at(600 + number))
            result = trial(of)
            messages = (draft(result.result_id),)
            store.commit(Change(at=NOW, sessions=(of,), trials=(result,), outbox=messages))
        store.mark_sent([1, 2, 3], NOW)
        yield store


def served(
    store: Store, request: dict[str, object], stop_after: int | None = None
) -> list[dict[str, Any]]:
    """Return the lines of an answer; the client hangs up after so many."""
    lines: list[dict[str, Any]] = []

    async def serve() -> None:
        writer, enough = Writer(store), asyncio.Event()
        config = write(store._path.parent / "dynod.toml", WHOLE)

        async def tell(line: bytes) -> None:
            lines.append(json.loads(line))
            if len(lines) == stop_after:
                enough.set()

        try:
            await PurgeService(writer, load_config(config, {})).serve(request, tell, enough)
        finally:
            writer._thread.shutdown()

    asyncio.run(serve())
    return lines


def test_without_a_word_about_it_nothing_is_removed(store: Store) -> None:
    lines = served(store, {"op": "purge", "before": BEFORE})
    assert [line["session"]["keep"] for line in lines[:-1]] == [None] * 3
    assert lines[-1]["end"]["sessions"] == 3
    assert len(store.sessions()) == 3


def test_a_session_a_line_and_totals_at_last(store: Store) -> None:
    lines = served(store, {"before": BEFORE, "dry_run": False, "by": "mary"})
    assert lines[-1] == {
        "end": {"sessions": 3, "trials": 3, "messages": 3, "raw_bytes": 3 * 410 * 17, "kept": 0},
        "stopped": False,
    }
    assert store.sessions() == ()
    assert [entry.who for entry in store.audit_entries()] == ["mary"] * 3


def test_who_hangs_up_leaves_the_rest_as_it_was(store: Store, tmp_path: Path) -> None:
    oldest, *rest = store.sessions()[::-1]
    assert len(served(store, {"before": BEFORE, "dry_run": False}, stop_after=1)) == 1
    assert store.sessions()[::-1] == tuple(rest)
    assert [entry.subject for entry in store.audit_entries()] == [str(oldest.session_id)]
    # What went is out of the log, although nobody waited for it.
    assert (tmp_path / "dynod.db-wal").stat().st_size == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "before should be"),
        ({"before": "yesterday"}, "before should be"),
        ({"before": "2026-03-02T09:00"}, "with its zone"),
        ({"before": "2999-01-01T00:00+00:00"}, "in the past"),
        ({"before": 7}, "before is not as it should be"),
        ({"before": BEFORE, "raw_only": "yes"}, "raw_only is not as it should be"),
        ({"before": BEFORE, "dry_run": 0}, "dry_run is not as it should be"),
        ({"before": BEFORE, "by": "x" * 1001}, "by is not as it should be"),
        ({"before": BEFORE, "rawonly": True}, "do you mean 'raw_only'?"),
    ],
)
def test_what_is_no_request(store: Store, given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        parse_purge(given, datetime(2026, 4, 1, tzinfo=UTC))
    (line,) = served(store, {"op": "purge", **given})
    assert line["ok"] is False
    assert message in line["error"]["message"]
    assert line["error"]["exit_code"] == 2
    assert len(store.sessions()) == 3


def test_a_request() -> None:
    given = {"before": BEFORE, "raw_only": True, "dry_run": False, "by": "mary"}
    now = datetime(2026, 4, 1, tzinfo=UTC)
    assert parse_purge(given, now) == PurgeRequest(
        datetime(2026, 3, 3, tzinfo=UTC), raw_only=True, dry_run=False, by="mary"
    )
