"""Random inputs never break the workflow: no exception but Refused, no trial lost, no odd phase."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.model.clinical import Movement, Side
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import ResultStatus, Trial
from dynod.session.inputs import (
    ConfirmChange,
    DiscardTrial,
    EndSession,
    Input,
    NextTest,
    RecordingEnded,
    RedoTrial,
    SelectTest,
    StartSession,
    StartTrial,
    StopTrial,
)
from dynod.session.replies import Refused
from dynod.session.roster import StationDevice
from dynod.session.slots import open_slots
from dynod.session.state import resumed
from dynod.session.workflow import commit_failed
from tests.support.builders import (
    HHD,
    TILT,
    ScriptedStation,
    battery,
    force_test,
    rom_test,
    rules,
)

WORDS = st.sampled_from(
    [
        "press",
        "start_session",
        "end_session",
        "start",
        "stop",
        "discard",
        "redo",
        "confirm",
        "next",
        "select",
        "ends_by_itself",
        "commit_fails",
        "restart",
        "invalid",
    ]
)

# Where each phase may lead in one input, from the table; a failed commit stays.
ALLOWED = {
    Phase.IDLE: {Phase.IDLE, Phase.CONFIRM, Phase.READY},
    Phase.CONFIRM: {Phase.CONFIRM, Phase.READY, Phase.COMPLETE, Phase.IDLE},
    Phase.READY: {Phase.READY, Phase.CONFIRM, Phase.RECORDING, Phase.COMPLETE, Phase.IDLE},
    Phase.RECORDING: {Phase.RECORDING, Phase.ANALYSING, Phase.CONFIRM, Phase.READY},
    Phase.ANALYSING: {Phase.ANALYSING, Phase.READY, Phase.CONFIRM, Phase.COMPLETE},
    Phase.COMPLETE: {Phase.COMPLETE, Phase.CONFIRM, Phase.READY, Phase.IDLE},
}


class Player:
    """A station whose store is a list, driven by words."""

    def __init__(self, *, confirm_change: bool, single_reading: bool = False) -> None:
        tests = battery(force_test(), rom_test(Movement.HIP_FLEXION))
        gauge = StationDevice(HHD, streaming=True, has_button=True, single_reading=single_reading)
        self.station = ScriptedStation(
            rules(tests, confirm_change=confirm_change),
            (gauge, StationDevice(TILT, streaming=True)),
        )
        self.single_reading = single_reading
        self.confirm_change = confirm_change
        self.store: dict[UUID, Trial] = {}
        self.recorded = 0

    def say(self, word: str) -> None:
        before = self.station.state.phase
        try:
            self._do(word)
        except Refused:
            return
        after = self.station.state.phase
        if (before, after) == (Phase.READY, Phase.ANALYSING):
            assert self.single_reading  # a trial that begins and ends at once
            return
        assert after in ALLOWED[before], (word, before, after)

    def _do(self, word: str) -> None:
        phase = self.station.state.phase
        if word == "restart":
            self._restart()
        elif phase is Phase.ANALYSING:
            self._analysing(word)
        elif word == "ends_by_itself":
            if phase is Phase.RECORDING:
                self.station.give(RecordingEnded())
        elif word not in {"commit_fails", "invalid"}:
            self._input(word)

    def _input(self, word: str) -> None:
        some = next(iter(self.store), UUID(int=0))
        inputs: dict[str, Input] = {
            "start_session": StartSession(),
            "end_session": EndSession(),
            "start": StartTrial(),
            "stop": StopTrial(),
            "discard": DiscardTrial(),
            "redo": RedoTrial(some),
            "confirm": ConfirmChange(),
            "next": NextTest(),
            "select": SelectTest(Movement.HIP_FLEXION, Side.LEFT),
        }
        step = self.station.press() if word == "press" else self.station.give(inputs[word])
        self._keep(step.change.trials)

    def _analysing(self, word: str) -> None:
        if word == "commit_fails":
            state = commit_failed(self.station.state, "storage: full", self.station.rules)
            self.station.state = state
            return
        flags = (Flag.GAP,) if word == "invalid" else ()
        self.recorded += 1
        self._keep(self.station.analysed(100.0, *flags).change.trials)

    def _keep(self, trials: tuple[Trial, ...]) -> None:
        for trial in trials:
            known = self.store.get(trial.result_id)
            assert trial.revision == (known.revision + 1 if known else 1)
            self.store[trial.result_id] = trial

    def _restart(self) -> None:
        state = self.station.state
        if state.session is None:
            return
        self.station.state = resumed(
            state.session,
            state.trials,
            tuple(state.deficits.values()),
            confirm_change=self.confirm_change,
            now_s=self.station.mono_s,
        )


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=60), st.booleans(), st.booleans())
def test_random_inputs(words: list[str], confirm_change: bool, single_reading: bool) -> None:
    player = Player(confirm_change=confirm_change, single_reading=single_reading)
    for word in words:
        player.say(word)
        state = player.station.state
        assert len(player.store) == player.recorded
        assert (state.session is None) == (state.phase is Phase.IDLE)
        assert (state.next is None) == (state.phase in {Phase.IDLE, Phase.COMPLETE})
        assert (state.running is not None) == (state.phase in {Phase.RECORDING, Phase.ANALYSING})
        for trial in state.trials:
            assert player.store[trial.result_id].revision == trial.revision
        if state.session is not None:
            valid = {t.slot for t in state.trials if t.valid}
            assert valid.isdisjoint(open_slots(state.session, state.trials))


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, min_size=20, max_size=80), st.booleans())
def test_a_slot_never_holds_two_valid_trials(words: list[str], single_reading: bool) -> None:
    player = Player(confirm_change=False, single_reading=single_reading)
    for word in words:
        player.say(word)
    held = [t.slot for t in player.station.state.trials if t.valid]
    assert len(held) == len(set(held))
    assert all(
        t.status in {ResultStatus.FINAL, ResultStatus.ENTERED_IN_ERROR}
        for t in player.store.values()
    )
