"""One decoded chunk comes apart in stream order."""

import numpy as np

from dynod.model.samples import (
    Decoded,
    DeviceEvent,
    EventKind,
    Reject,
    RejectReason,
    SampleBlock,
)
from dynod.session.order import in_stream_order


def block(*times: float, segment: int = 0) -> SampleBlock:
    count = len(times)
    return SampleBlock(
        np.array(times), np.zeros((count, 1)), np.zeros(count, np.uint8), ("force",), segment
    )


def shape(decoded: Decoded) -> list[object]:
    """Times of samples as lists, events and rejects as their letters."""
    pieces: list[object] = []
    for piece in in_stream_order(decoded):
        if isinstance(piece, SampleBlock):
            pieces.append(piece.t_s.tolist())
        else:
            pieces.append("event" if isinstance(piece, DeviceEvent) else "reject")
    return pieces


def press(t_s: float, segment: int = 0) -> DeviceEvent:
    return DeviceEvent(EventKind.PRESS, t_s, segment)


def test_a_press_lies_between_the_samples_around_it() -> None:
    decoded = Decoded((block(1, 2, 3, 4),), (press(2.5),))
    assert shape(decoded) == [[1, 2], "event", [3, 4]]


def test_samples_at_the_time_of_a_press_come_first() -> None:
    assert shape(Decoded((block(1, 2),), (press(2.0),))) == [[1, 2], "event"]


def test_marks_before_and_after_all_samples() -> None:
    decoded = Decoded(
        (block(1, 2),),
        (press(0.5), press(2.5)),
        (Reject(RejectReason.GARBAGE, float("-inf"), 0, 3),),
    )
    assert shape(decoded) == ["reject", "event", [1, 2], "event"]


def test_marks_keep_to_their_segment() -> None:
    decoded = Decoded((block(5, 6), block(0, 1, segment=1)), (press(5.5), press(0.5, 1)))
    assert shape(decoded) == [[5], "event", [6], [0], "event", [1]]


def test_an_event_after_the_last_sample_of_a_segment_stays_before_the_next_segment() -> None:
    decoded = Decoded((block(5, 6), block(0, 1, segment=1)), (press(6.5),))
    assert shape(decoded) == [[5, 6], "event", [0, 1]]


def test_events_without_samples() -> None:
    assert shape(Decoded((), (press(1.0), press(2.0)))) == ["event", "event"]
