"""Gaps per stream: what is missing, and whose turn it is to ask, judged in the database.

Several subscribers may share the database. Whoever finds a gap due moves its next turn on in the
same transaction, so that one of them asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, or_, select, update

from dynod.config.subscriber import ResendConfig
from dynod.subscribe.envelope import Place, Status, Stream
from dynod.subscribe.holes import Numbers, complete_to, find_holes, portions
from dynod.subscribe.intake import add_stream, upsert_range, upsert_station
from dynod.subscribe.tables import message, purged, station, stream


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is missing in a stream, and what of it to ask for now."""

    stream: Stream
    missing: int
    ask: tuple[Numbers, ...]


def note_statuses(connection: Connection, said: Iterable[Status], at: datetime) -> list[Status]:
    """Keep what stations say of themselves; return those whose state is another now."""
    newest = {status.stream.place: status for status in said}
    # In one order, so that no subscriber waits for another in a circle.
    return [newest[place] for place in sorted(newest) if _note(connection, newest[place], at)]


def _note(connection: Connection, said: Status, at: datetime) -> bool:
    of, place = said.stream, said.stream.place
    known = connection.execute(
        select(station.c.state, station.c.stream).where(
            station.c.site == place.site, station.c.station == place.station
        )
    ).one_or_none()
    if known is None or (known.state, known.stream) != (said.state, of.stream):
        upsert_station(
            connection,
            {"site": place.site, "station": place.station},
            {"state": said.state, "stream": of.stream, "software": said.software, "at": at},
        )
        add_stream(connection, of)
    last = said.last_sequence or 0
    connection.execute(
        update(stream).where(_is(stream, of), stream.c.announced < last).values(announced=last)
    )
    changed = known is None or said.state != known.state
    if changed and said.state == "online":  # it may be asked again at once
        waiting = and_(_is(stream, of), stream.c.next_ask_at.is_not(None))
        connection.execute(update(stream).where(waiting).values(next_ask_at=at, asks=0))
    return changed


def due_streams(connection: Connection, now: datetime, longest_s: float) -> list[Stream]:
    """Return the streams whose gaps may be asked for now."""
    rows = connection.execute(
        select(stream.c.site, stream.c.station, stream.c.stream).where(
            stream.c.closed.is_(None), _come(now, longest_s)
        )
    )
    return [Stream(Place(row.site, row.station), row.stream) for row in rows]


def judge(connection: Connection, of: Stream, now: datetime, config: ResendConfig) -> Judgement:
    """Look for gaps in a stream; where they are due, take the turn to ask for them.

    A gap is given ``wait_s`` to close by itself, and so it is after each progress; then it is
    asked for at growing intervals. Numbers that came up meanwhile wait for the next turn: perhaps
    they are still on their way.
    """
    row = connection.execute(
        select(stream).where(_is(stream, of)).with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None or row.closed is not None:  # another subscriber is at it, or none can fill it
        return Judgement(of, 0, ())
    holes, highest = _holes(connection, of, row)
    missing = sum(len(hole) for hole in holes)
    reached = complete_to(holes, highest)
    changes: dict[str, object] = {"complete_to": reached, "missing": missing}
    ask: tuple[Numbers, ...] = ()
    soon = now + timedelta(seconds=config.wait_s)
    if not holes:
        changes |= {"next_ask_at": None, "asks": 0}
    elif row.next_ask_at is None or missing < row.missing or reached > row.complete_to:
        changes |= {"next_ask_at": soon, "asks": 0, "waited_to": highest}
    elif _is_come(row.next_ask_at, now, config.longest_s) and not _is_offline(connection, of.place):
        ask = tuple(portions(holes, row.waited_to))
        wait_s = config.delay_s(row.asks + 1)
        changes |= {
            "next_ask_at": now + timedelta(seconds=wait_s),
            "asks": row.asks + 1,
            "waited_to": highest,
        }
    if any(changes[key] != getattr(row, key) for key in changes):
        connection.execute(update(stream).where(_is(stream, of)).values(**changes))
    return Judgement(of, missing, ask)


def note_purged(connection: Connection, of: Stream, ranges: Iterable[Numbers]) -> int:
    """Keep which numbers a station has no longer; return how many ranges are new or longer."""
    return sum(
        upsert_range(connection, _key(of), numbers.first, numbers.last)
        for numbers in sorted(ranges)
    )


def close_stream(connection: Connection, of: Stream, reason: str) -> None:
    """Note that a stream's gaps can never be filled; its results stay, and more may come."""
    connection.execute(
        update(stream).where(_is(stream, of)).values(closed=reason, next_ask_at=None)
    )


def _holes(
    connection: Connection, of: Stream, row: Row[tuple[object, ...]]
) -> tuple[list[Numbers], int]:
    """Return the gaps of a stream and its highest known number."""
    done: int = row.complete_to
    seen = connection.execute(
        select(message.c.sequence)
        .where(_is(message, of), message.c.sequence > done)
        .distinct()
        .order_by(message.c.sequence)
    ).scalars()
    numbers = list(seen)
    gone = [
        Numbers(found.from_sequence, found.to_sequence)
        for found in connection.execute(
            select(purged).where(_is(purged, of), purged.c.to_sequence > done)
        )
    ]
    highest = max([done, row.announced, *numbers[-1:], *(part.last for part in gone)])
    return find_holes(done, numbers, gone, row.announced), highest


def _is_offline(connection: Connection, place: Place) -> bool:
    """Tell whether a station said that it is away: a command would be lost."""
    state = connection.execute(
        select(station.c.state).where(
            station.c.site == place.site, station.c.station == place.station
        )
    ).scalar()
    return state == "offline"


def _come(now: datetime, longest_s: float) -> ColumnElement[bool]:
    # A time further off than the longest wait was set by a clock that has since been put back.
    furthest = now + timedelta(seconds=longest_s)
    return or_(stream.c.next_ask_at <= now, stream.c.next_ask_at > furthest)


def _is_come(at: datetime, now: datetime, longest_s: float) -> bool:
    return at <= now or at > now + timedelta(seconds=longest_s)


def _key(of: Stream) -> dict[str, object]:
    return {"site": of.place.site, "station": of.place.station, "stream": of.stream}


def _is(table: Table, of: Stream) -> ColumnElement[bool]:
    """Return the condition that a row of a table belongs to a stream."""
    return and_(
        table.c.site == of.place.site,
        table.c.station == of.place.station,
        table.c.stream == of.stream,
    )
