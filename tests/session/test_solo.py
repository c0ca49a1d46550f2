"""Replays without a session: however the bytes were cut, the same recordings come out."""

from dataclasses import replace

import numpy as np
import pytest

from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.device import Trigger
from dynod.model.flags import Flag
from dynod.model.samples import (
    Decoded,
    DeviceEvent,
    EventKind,
    Reject,
    RejectReason,
    SampleBlock,
)
from dynod.model.trial import Recording, StartedBy
from dynod.session.recorder import Source
from dynod.session.solo import SoloTrials
from tests.support.builders import NOMINAL

RATE_HZ = 64.0  # exact in binary
CHUNKS = pytest.mark.parametrize("size", [1, 7, 100_000])


def curve(*parts: tuple[float, float]) -> SampleBlock:
    """Constant forces one after another: (seconds, newtons)."""
    values = np.concatenate([np.full(round(s * RATE_HZ), level) for s, level in parts])
    count = len(values)
    return SampleBlock(
        np.arange(count) / RATE_HZ,
        values.reshape(count, 1),
        np.zeros(count, np.uint8),
        ("force",),
        segment=0,
    )


def presses(script: str) -> tuple[DeviceEvent, ...]:
    """``R<seconds>`` presses and ``r<seconds>`` releases."""
    kinds = {"R": EventKind.PRESS, "r": EventKind.RELEASE}
    return tuple(DeviceEvent(kinds[word[0]], float(word[1:]), 0) for word in script.split())


def solo(trigger: Trigger) -> SoloTrials:
    source = Source(Kind.FORCE, ("force",), "force", RATE_HZ)
    return SoloTrials(source, trigger, NOMINAL, AnalysisSettings(), reports_release=True)


def readings(*times_s: float) -> Decoded:
    """Readings of a press-to-send gauge: 100 N, 150 N … and a press at the time of each."""
    count = len(times_s)
    block = SampleBlock(
        np.array(times_s),
        100.0 + 50.0 * np.arange(count, dtype=np.float64).reshape(count, 1),
        np.zeros(count, np.uint8),
        ("force",),
        segment=0,
    )
    return Decoded((block,), tuple(DeviceEvent(EventKind.PRESS, t_s, 0) for t_s in times_s))


def replay(trials: SoloTrials, whole: Decoded, size: int) -> list[Recording]:
    """Feed a stream ``size`` samples at a time; marks come with the samples that they follow."""
    (block,) = whole.blocks
    done = []
    for start in range(0, len(block), size):
        piece = block[start : start + size]
        later = block.t_s[start + size] if start + size < len(block) else np.inf
        chunk = replace(
            whole,
            blocks=(piece,),
            events=tuple(e for e in whole.events if piece.t_s[0] <= e.t_s < later),
            rejects=tuple(r for r in whole.rejects if piece.t_s[0] <= r.t_s < later),
        )
        done += trials.feed(chunk)
    return done


def spans(recordings: list[Recording]) -> list[tuple[float, float, tuple[Flag, ...]]]:
    return [(item.start_s, item.end_s, item.flags) for item in recordings]


@CHUNKS
def test_presses_cut_the_same_recordings(size: int) -> None:
    marks = presses("R2.0 r2.125 R6.0 r6.125 R8.0 r8.125 R11.0 r11.125")
    whole = Decoded((curve((13.0, 50.0)),), marks)
    trials = solo(Trigger.BUTTON)
    first, second = replay(trials, whole, size)
    assert spans([first, second]) == [(2.125, 6.125, ()), (8.125, 11.125, ())]
    assert first.started_by is StartedBy.PRESS
    # One second before the first press to the second press, both ends included.
    assert first.block.t_s.tolist() == np.arange(1.125, 6.126, 1 / RATE_HZ).tolist()
    assert trials.finish() == []


@CHUNKS
def test_onsets_cut_the_same_recordings(size: int) -> None:
    pulls = curve((2.0, 4.0), (3.0, 100.0), (2.0, 4.0), (2.0, 80.0), (2.0, 4.0))
    first, second = replay(solo(Trigger.ONSET), Decoded((pulls,)), size)
    assert (first.start_s, second.start_s) == (2.0, 7.0)
    # Each ends with the sample that completes half a second below.
    for recording, fell_s in ((first, 5.0), (second, 9.0)):
        assert fell_s + 0.5 <= recording.end_s <= fell_s + 0.5 + 1 / RATE_HZ
        assert recording.block.t_s[0] == recording.start_s - 1.0
        assert recording.block.t_s[-1] == recording.end_s
        assert (recording.started_by, recording.flags) == (StartedBy.ONSET, ())


@CHUNKS
def test_the_longest_time_ends_a_recording_and_the_next_press_begins_another(size: int) -> None:
    marks = presses("R2.0 r2.125 R20.0 r20.125 R22.0 r22.125")
    whole = Decoded((curve((24.0, 50.0)),), marks)
    recordings = replay(solo(Trigger.BUTTON), whole, size)
    assert spans(recordings) == [(2.125, 17.125, (Flag.TIMEOUT,)), (20.125, 22.125, ())]


@CHUNKS
def test_a_long_press_discards_what_runs(size: int) -> None:
    marks = presses("R2.0 r2.125 R4.0 r4.875 R6.0 r6.125 R9.0 r9.125")
    recordings = replay(solo(Trigger.BUTTON), Decoded((curve((11.0, 50.0)),), marks), size)
    assert spans(recordings) == [(6.125, 9.125, ())]


@CHUNKS
def test_lost_bytes_mark_the_recording_that_they_fall_into(size: int) -> None:
    marks = presses("R2.0 r2.125 R6.0 r6.125 R8.0 r8.125 R11.0 r11.125")
    lost = (Reject(RejectReason.GARBAGE, 3.0, 0, 5),)
    recordings = replay(solo(Trigger.BUTTON), Decoded((curve((13.0, 50.0)),), marks, lost), size)
    assert [item.flags for item in recordings] == [(Flag.BYTES_LOST,), ()]


@CHUNKS
def test_a_recording_without_an_end_is_given_at_the_end_of_the_stream(size: int) -> None:
    trials = solo(Trigger.BUTTON)
    assert replay(trials, Decoded((curve((5.0, 50.0)),), presses("R2.0 r2.125")), size) == []
    assert spans(trials.finish()) == [(2.125, 5.0 - 1 / RATE_HZ, (Flag.DISCONNECT,))]
    assert trials.finish() == []


@CHUNKS
@pytest.mark.parametrize("trigger", list(Trigger))
def test_every_reading_that_is_no_bounce_is_a_recording(size: int, trigger: Trigger) -> None:
    trials = SoloTrials(
        Source(Kind.FORCE, ("force",), "force", 0.0),
        trigger,
        NOMINAL,
        AnalysisSettings(),
        reports_release=False,
        single_reading=True,
    )
    # The second comes 0.25 s after the first (a bounce: less than 300 ms), the third 0.5 s.
    done = replay(trials, readings(5.0, 5.25, 5.5, 40.0), size)
    assert [item.block.t_s.tolist() for item in done] == [[5.0], [5.5], [40.0]]
    assert [item.block.values.tolist() for item in done] == [[[100.0]], [[200.0]], [[250.0]]]
    assert spans(done) == [(5.0, 5.0, ()), (5.5, 5.5, ()), (40.0, 40.0, ())]
    assert {item.started_by for item in done} == {StartedBy.READING}
    assert trials.finish() == []
