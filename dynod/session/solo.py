"""Trials of one stream without a session: for replaying a capture.

The same button, recorder and detectors as in a session, always ready for the next trial.
"""

from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration
from dynod.model.device import Trigger
from dynod.model.samples import Decoded, DeviceEvent, SampleBlock
from dynod.model.trial import Recording, StartedBy
from dynod.session.buttons import Button, Gesture
from dynod.session.order import in_stream_order
from dynod.session.recorder import Began, Ended, Recorder, Source


class SoloTrials:
    """Cuts recordings out of one device's stream, by button, by onset, or one a reading."""

    def __init__(
        self,
        source: Source,
        trigger: Trigger,
        calibration: Calibration,
        settings: AnalysisSettings,
        *,
        reports_release: bool,
        single_reading: bool = False,
    ) -> None:
        self._recorder = Recorder(source, settings, calibration)
        self._button = Button(reports_release=reports_release)
        self._single_reading = single_reading
        self._by_itself = trigger is Trigger.ONSET and not single_reading
        self._rearm()

    def feed(self, decoded: Decoded) -> list[Recording]:
        """Take what a chunk became; return the recordings that ended in it."""
        done: list[Recording] = []
        for piece in in_stream_order(decoded):
            if isinstance(piece, SampleBlock):
                done.extend(self._samples(piece))
            elif isinstance(piece, DeviceEvent):
                done.extend(self._event(piece))
            else:
                self._recorder.reject(piece)
        return done

    def finish(self) -> list[Recording]:
        """Return the recording that the end of the stream broke off, if any."""
        ended = self._recorder.new_segment()
        return [ended.recording] if ended is not None else []

    def _samples(self, block: SampleBlock) -> list[Recording]:
        done = []
        while len(block):
            taken, happened = self._recorder.feed(block)
            block = block[taken:]
            if isinstance(happened, Began):
                self._recorder.begin(happened.t_s, happened.started_by)
            elif isinstance(happened, Ended):
                done.append(happened.recording)
                self._rearm()
        return done

    def _event(self, event: DeviceEvent) -> list[Recording]:
        act = self._button.feed(event)
        if act is None:
            return []
        if self._single_reading:
            return [self._recorder.reading(act.t_s)]
        if not self._recorder.recording:
            if act.gesture is Gesture.PRESS:
                self._recorder.begin(act.t_s, StartedBy.PRESS)
            return []
        recording = self._recorder.end(act.t_s)
        self._rearm()
        return [recording] if act.gesture is Gesture.PRESS else []

    def _rearm(self) -> None:
        if self._by_itself:
            self._recorder.arm()
