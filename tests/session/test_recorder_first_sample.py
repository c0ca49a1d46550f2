"""A trial that begins before the device's first sample is recorded from that sample on."""

import numpy as np

from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import SampleBlock
from dynod.model.trial import StartedBy
from dynod.session.recorder import Ended, Recorder, Source

SOURCE = Source(Kind.FORCE, ("force",), "force", 10.0)
NOMINAL = Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0))


def block(first_s: float, last_s: float, segment: int) -> SampleBlock:
    times = np.arange(first_s, last_s, 0.1)
    return SampleBlock(
        times, np.ones((len(times), 1)), np.zeros(len(times), np.uint8), ("force",), segment
    )


def test_begun_before_any_sample() -> None:
    recorder = Recorder(SOURCE, AnalysisSettings(), NOMINAL)
    recorder.begin(None, StartedBy.COMMAND)
    taken, happened = recorder.feed(block(5.0, 7.05, segment=0))
    assert (taken, happened) == (21, None)
    recording = recorder.end(None)
    assert (recording.start_s, recording.flags) == (5.0, ())
    assert len(recording.block) == 21


def test_begun_before_the_first_sample_after_a_reconnect() -> None:
    recorder = Recorder(SOURCE, AnalysisSettings(), NOMINAL)
    recorder.feed(block(0.0, 1.0, segment=0))
    recorder.new_segment()
    recorder.begin(None, StartedBy.COMMAND)
    recorder.feed(block(3.0, 4.0, segment=1))
    assert recorder.end(None).start_s == 3.0


def test_a_new_segment_still_ends_a_recording_that_has_samples() -> None:
    recorder = Recorder(SOURCE, AnalysisSettings(), NOMINAL)
    recorder.feed(block(0.0, 1.0, segment=0))
    recorder.begin(None, StartedBy.COMMAND)
    taken, happened = recorder.feed(block(0.0, 1.0, segment=1))
    assert taken == 0
    assert isinstance(happened, Ended)
    assert happened.recording.flags == (Flag.DISCONNECT,)


def test_ended_without_any_sample() -> None:
    recorder = Recorder(SOURCE, AnalysisSettings(), NOMINAL)
    recorder.begin(None, StartedBy.COMMAND)
    recording = recorder.end(None)
    assert (recording.start_s, recording.end_s, len(recording.block)) == (0.0, 0.0, 0)
