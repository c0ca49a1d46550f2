"""Recordings are cut by stream time.

Every figure (1 s, 15 s, 20 N …) is from docs/contract.md, section 2.

The test stream runs at 64 Hz: its sample times, and all sums of them here, are exact in binary.
"""

import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import Reject, RejectReason, SampleBlock, SampleStatus
from dynod.model.trial import Recording, StartedBy
from dynod.session.recorder import LATE_BEGIN_S, Began, Ended, Recorder, Source
from tests.support.builders import NOMINAL

RATE_HZ = 64.0
STEP_S = 1.0 / RATE_HZ
REST_N = 4.0
# What an hour of samples takes: time, value and status of each.
HOUR_BYTES = 3600 * RATE_HZ * (8 + 8 + 1)


def fresh() -> Recorder:
    return Recorder(Source(Kind.FORCE, ("force",), "force", RATE_HZ), AnalysisSettings(), NOMINAL)


def stream(
    seconds: float, level_n: float = REST_N, *, start_s: float = 0.0, segment: int = 0
) -> SampleBlock:
    count = round(seconds * RATE_HZ)
    return SampleBlock(
        np.asarray(start_s + np.arange(count) * STEP_S, np.float64),
        np.full((count, 1), level_n),
        np.zeros(count, np.uint8),
        ("force",),
        segment,
    )


def feed(recorder: Recorder, *blocks: SampleBlock) -> list[Recording]:
    """Feed blocks as a stream does, beginning what the detector finds; return what ended."""
    done = []
    for block in blocks:
        rest = block
        while len(rest):
            taken, happened = recorder.feed(rest)
            rest = rest[taken:]
            if isinstance(happened, Began):
                recorder.begin(happened.t_s, happened.started_by)
            elif isinstance(happened, Ended):
                done.append(happened.recording)
    return done


def split(block: SampleBlock, cuts: list[int]) -> list[SampleBlock]:
    edges = [0, *sorted(min(cut, len(block)) for cut in cuts), len(block)]
    return [block[first:last] for first, last in pairwise(edges)]


def reject(recorder: Recorder, reason: RejectReason = RejectReason.MALFORMED) -> None:
    recorder.reject(Reject(reason, recorder.last_s, max(recorder.segment, 0), 7))


def test_one_second_before_the_begin_is_kept() -> None:
    recorder = fresh()
    feed(recorder, stream(10.0))
    recorder.begin(None, StartedBy.PRESS)
    feed(recorder, stream(2.0, start_s=10.0))
    recording = recorder.end(None)
    assert (recording.start_s, recording.end_s) == (10.0 - STEP_S, 12.0 - STEP_S)
    assert recording.block.t_s[0] == recording.start_s - 1.0
    assert recording.block.t_s[-1] == recording.end_s
    assert recording.flags == ()


def test_less_than_a_second_is_accepted() -> None:
    recorder = fresh()
    feed(recorder, stream(0.25))
    recorder.begin(None, StartedBy.PRESS)
    feed(recorder, stream(2.0, start_s=0.25))
    assert recorder.end(None).block.t_s[0] == 0.0


def test_begin_and_end_lie_at_the_presses_not_at_the_newest_samples() -> None:
    recorder = fresh()
    feed(recorder, stream(6.0))
    recorder.begin(3.0, StartedBy.PRESS)
    recording = recorder.end(5.0)
    assert (recording.start_s, recording.end_s) == (3.0, 5.0)
    assert (recording.block.t_s[0], recording.block.t_s[-1]) == (2.0, 5.0)
    assert recording.started_by is StartedBy.PRESS


def test_a_begin_found_late_still_has_its_pre_roll() -> None:
    recorder = fresh()
    feed(recorder, *split(stream(60.0), list(range(0, 3840, 16))))
    recorder.begin(60.0 - LATE_BEGIN_S, StartedBy.HOLD)
    assert recorder.end(None).block.t_s[0] == 60.0 - LATE_BEGIN_S - 1.0


@pytest.mark.parametrize("stamped", [True, False])
def test_a_recording_says_whose_times_it_has(stamped: bool) -> None:
    source = Source(Kind.FORCE, ("force",), "force", RATE_HZ, stamped=stamped)
    recorder = Recorder(source, AnalysisSettings(), NOMINAL)
    feed(recorder, stream(3.0))
    recorder.begin(1.0, StartedBy.PRESS)
    assert recorder.end(2.0).stamped is stamped
    assert recorder.reading(2.0).stamped is stamped


def test_an_end_without_a_begin_is_a_defect() -> None:
    with pytest.raises(RuntimeError):
        fresh().end(None)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 18 * 64), max_size=40))
def test_fifteen_seconds_of_stream_time_whatever_the_chunks(cuts: list[int]) -> None:
    recorder = fresh()
    feed(recorder, stream(2.0))
    recorder.begin(None, StartedBy.PRESS)
    (recording,) = feed(recorder, *split(stream(18.0, start_s=2.0), cuts))
    start_s = 2.0 - STEP_S
    assert (recording.start_s, recording.end_s) == (start_s, start_s + 15.0)
    # From one second before to fifteen after, both ends included.
    assert recording.block.t_s.tolist() == np.arange(start_s - 1, start_s + 15.01, STEP_S).tolist()
    assert recording.flags == (Flag.TIMEOUT,)
    assert not recorder.recording


def test_fifteen_seconds_are_not_over_before_the_stream_says_so() -> None:
    recorder = fresh()
    feed(recorder, stream(1.0))
    recorder.begin(0.5, StartedBy.PRESS)
    assert feed(recorder, stream(14.5 + STEP_S, start_s=1.0)) == []  # the sample at 15.5 s is in it
    assert recorder.recording
    (recording,) = feed(recorder, stream(STEP_S, start_s=15.5 + STEP_S))
    assert recording.end_s == recording.block.t_s[-1] == 15.5


def pull() -> SampleBlock:
    """Two seconds of rest, three at 100 N, two of rest."""
    block = stream(7.0)
    block.values[round(2 * RATE_HZ) : round(5 * RATE_HZ)] = 100.0
    return block


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 7 * 64), max_size=40))
def test_onset_and_end_of_force_whatever_the_chunks(cuts: list[int]) -> None:
    recorder = fresh()
    recorder.arm()
    (recording,) = feed(recorder, *split(pull(), cuts))
    assert recording.started_by is StartedBy.ONSET
    assert recording.start_s == 2.0  # the first of the 50 ms above
    assert 5.5 <= recording.end_s <= 5.5 + STEP_S  # half a second below
    assert recording.block.t_s[0] == 1.0
    assert recording.block.t_s[-1] == recording.end_s
    assert recording.flags == ()


def test_a_disarmed_recorder_begins_nothing() -> None:
    recorder = fresh()
    recorder.arm()
    recorder.disarm()
    assert feed(recorder, pull()) == []
    assert not recorder.recording


def test_a_recording_that_was_pressed_is_not_ended_by_falling_force() -> None:
    recorder = fresh()
    recorder.arm()
    feed(recorder, stream(1.0))
    recorder.begin(None, StartedBy.PRESS)
    assert feed(recorder, stream(2.0, 100.0, start_s=1.0), stream(2.0, start_s=3.0)) == []
    assert recorder.recording


@pytest.mark.parametrize(
    ("reason", "flag"),
    [
        (RejectReason.CHECKSUM, Flag.CHECKSUM),
        (RejectReason.MALFORMED, Flag.BYTES_LOST),
        (RejectReason.GARBAGE, Flag.BYTES_LOST),
        (RejectReason.OVERLONG, Flag.BYTES_LOST),
    ],
)
@pytest.mark.parametrize("where_s", [2.25, 4.0])
def test_lost_bytes_in_pre_roll_or_trial_mark_it(
    reason: RejectReason, flag: Flag, where_s: float
) -> None:
    """The trial begins at 3 s, so its pre-roll at 2 s; two rejects are one flag."""
    recorder = fresh()
    feed(recorder, stream(where_s))
    reject(recorder, reason)
    reject(recorder, reason)
    feed(recorder, stream(6.0 - where_s, start_s=where_s))
    recorder.begin(3.0, StartedBy.PRESS)
    assert recorder.end(5.0).flags == (flag,)


@pytest.mark.parametrize("begin_s", [3.0 + 1.0, 3.0 + 5.0])
def test_lost_bytes_before_the_pre_roll_do_not_matter(begin_s: float) -> None:
    recorder = fresh()
    feed(recorder, stream(3.0))
    reject(recorder)  # after the sample at 3 s less one step
    feed(recorder, stream(begin_s - 3.0, start_s=3.0))
    recorder.begin(begin_s, StartedBy.PRESS)
    feed(recorder, stream(2.0, start_s=begin_s))
    assert recorder.end(None).flags == ()


def test_lost_bytes_of_one_trial_do_not_mark_the_next() -> None:
    recorder = fresh()
    flags = []
    for number in range(2):
        begin_s = 6.0 * number
        feed(recorder, stream(2.0, start_s=begin_s))
        recorder.begin(None, StartedBy.PRESS)
        if number == 0:
            reject(recorder)
        feed(recorder, stream(4.0, start_s=begin_s + 2.0))
        flags.append(recorder.end(None).flags)
    assert flags == [(Flag.BYTES_LOST,), ()]


def test_a_new_segment_ends_the_recording_as_disconnected() -> None:
    recorder = fresh()
    feed(recorder, stream(3.0))
    recorder.begin(None, StartedBy.PRESS)
    feed(recorder, stream(1.0, start_s=3.0))
    (recording,) = feed(recorder, stream(2.0, segment=1))
    assert recording.flags == (Flag.DISCONNECT,)
    assert recording.end_s == 4.0 - STEP_S
    assert recording.block.segment == 0
    assert recorder.history().t_s[0] == 0.0
    assert recorder.segment == recorder.history().segment == 1


def test_a_new_segment_leaves_no_pre_roll_of_the_old() -> None:
    recorder = fresh()
    feed(recorder, stream(0.25))
    reject(recorder)  # at a time that the new segment has too
    feed(recorder, stream(0.5, segment=1))
    recorder.begin(None, StartedBy.PRESS)
    recording = recorder.end(None)
    assert recording.block.t_s.tolist() == stream(0.5).t_s.tolist()
    assert recording.flags == ()


def test_marks_count_only_while_recording() -> None:
    recorder = fresh()
    feed(recorder, stream(2.0))
    recorder.mark(Flag.QUEUE_OVERFLOW)
    recorder.begin(None, StartedBy.PRESS)
    recorder.mark(Flag.QUEUE_OVERFLOW)
    assert recorder.end(None, Flag.DISCARDED).flags == (Flag.QUEUE_OVERFLOW, Flag.DISCARDED)


def test_before_the_first_sample_there_is_nothing() -> None:
    recorder = fresh()
    assert recorder.latest is None
    assert len(recorder.tail(1.0)) == len(recorder.history()) == 0


def test_tail_latest_and_history() -> None:
    recorder = fresh()
    feed(recorder, stream(3.0), stream(1.0, 9.0, start_s=3.0))
    assert recorder.latest == pytest.approx(9.0)
    assert recorder.tail(0.5).t_s.tolist() == np.arange(3.5 - STEP_S, 4.0, STEP_S).tolist()
    assert len(recorder.history()) == 4 * RATE_HZ


@given(cuts=st.lists(st.integers(0, 256), max_size=6))
def test_the_live_view_shows_a_low_passed_force(cuts: list[int]) -> None:
    """A tremor of 25 Hz: butter(2) at 10 Hz leaves what its bilinear response says there."""
    recorder = fresh()
    force = stream(4.0, 0.0)
    force.values[:, 0] = 100.0 + 20.0 * np.sin(2.0 * np.pi * 25.0 * force.t_s)
    sections = signal.butter(2, 10.0, fs=RATE_HZ, output="sos")
    steady = signal.sosfilt_zi(sections) * force.values[0, 0]
    expected, _ = signal.sosfilt(sections, force.values[:, 0], zi=steady)
    feed(recorder, *split(force, cuts))
    assert recorder.latest == pytest.approx(expected[-1], abs=1e-9)
    feed(recorder, stream(0.5, 50.0, segment=1))
    assert recorder.latest == pytest.approx(50.0)  # nothing of what was before


@pytest.mark.parametrize(("kind", "rate_hz"), [(Kind.ANGLE, RATE_HZ), (Kind.FORCE, 20.0)])
def test_the_live_view_shows_as_it_is_what_cannot_be_low_passed(kind: Kind, rate_hz: float) -> None:
    recorder = Recorder(Source(kind, ("force",), "force", rate_hz), AnalysisSettings(), NOMINAL)
    feed(recorder, stream(1.0), stream(STEP_S, 9.0, start_s=1.0))
    assert recorder.latest == 9.0


def growth_bytes(work: Callable[[int], None], rounds: int) -> int:
    """How much more memory is held after all rounds than after the first tenth of them."""
    tracemalloc.start()
    try:
        for number in range(rounds // 10):
            work(number)
        early, _ = tracemalloc.get_traced_memory()
        for number in range(rounds // 10, rounds):
            work(number)
        return tracemalloc.get_traced_memory()[0] - early
    finally:
        tracemalloc.stop()


def test_an_idle_hour_keeps_only_the_ring() -> None:
    recorder = fresh()

    def second(number: int) -> None:
        feed(recorder, stream(1.0, start_s=float(number)))
        reject(recorder)

    assert growth_bytes(second, 3600) < HOUR_BYTES / 100
    # One second, what a late begin needs, and the block that straddles the edge.
    assert len(recorder.history()) <= (1.0 + LATE_BEGIN_S + 1.0) * RATE_HZ


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["no sample yet", "samples stopped"])
def test_an_hour_of_rubbish_takes_no_memory(seconds: float) -> None:
    recorder = fresh()
    feed(recorder, stream(seconds))

    def rubbish(number: int) -> None:
        reject(recorder, (RejectReason.CHECKSUM, RejectReason.GARBAGE)[number % 2])

    assert growth_bytes(rubbish, 20_000) < 20_000


def reading(t_s: float, newtons: float, status: int = 0) -> SampleBlock:
    """What a gauge sends at a press of its own key."""
    return SampleBlock(
        np.array([t_s]), np.array([[newtons]]), np.array([status], np.uint8), ("force",), segment=0
    )


def test_a_reading_is_a_recording_of_its_own() -> None:
    recorder = fresh()
    feed(recorder, reading(7.0, 90.0), reading(7.5, 110.0))
    recording = recorder.reading(7.5)
    # The one of half a second before lies within the pre-roll of a stream, and is another trial.
    assert recording.block.t_s.tolist() == [7.5]
    assert recording.block.values.tolist() == [[110.0]]
    assert (recording.start_s, recording.end_s) == (7.5, 7.5)
    assert recording.started_by is StartedBy.READING
    assert not recorder.recording


def test_what_was_lost_before_a_reading_does_not_hurt_it() -> None:
    recorder = fresh()
    reject(recorder)
    feed(recorder, reading(7.0, 90.0))
    reject(recorder, RejectReason.CHECKSUM)
    feed(recorder, reading(7.5, 110.0))
    assert recorder.reading(7.5).flags == ()


def test_a_reading_keeps_the_status_that_the_device_gave_it() -> None:
    recorder = fresh()
    feed(recorder, reading(7.0, np.nan, SampleStatus.OVERLOAD))
    assert recorder.reading(7.0).block.status.tolist() == [SampleStatus.OVERLOAD]


def test_no_sample_of_another_moment_passes_for_a_reading() -> None:
    recorder = fresh()
    feed(recorder, reading(7.0, 90.0))
    assert len(recorder.reading(7.25).block) == 0


def test_an_hour_of_trials_and_looks_at_the_ring_keeps_only_the_ring() -> None:
    """Each look makes one block of the ring: its old part must go, though its end is always new."""
    recorder = fresh()

    def second(number: int) -> None:
        feed(recorder, stream(1.0, start_s=float(number)))
        recorder.begin(None, StartedBy.COMMAND)
        recorder.end(None)
        recorder.tail(1.0)

    assert growth_bytes(second, 3600) < HOUR_BYTES / 50
    assert len(recorder.history()) <= 2 * (1.0 + LATE_BEGIN_S) * RATE_HZ + RATE_HZ
