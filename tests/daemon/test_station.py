"""The station with a real store, real recorders, and devices that nobody runs.

The analysis is scripted, so that a test decides how long it takes; the core has its own tests.
"""

import asyncio
import json
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import numpy as np
import pytest

from dynod.config.profiles import load_profiles
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.daemon.commands import CommandService
from dynod.daemon.corrections import Corrections
from dynod.daemon.device import DeviceRunner, Where
from dynod.daemon.devices import DeviceUse, StationDevices
from dynod.daemon.displays import Displays
from dynod.daemon.journal import entry
from dynod.daemon.ports import LineSettings
from dynod.daemon.records import Letterhead
from dynod.daemon.station import Station
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place
from dynod.daemon.writer import Writer
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Fixation
from dynod.model.device import DeviceIdentity, DeviceState, Trigger
from dynod.model.errors import StorageError
from dynod.model.flags import Flag
from dynod.model.samples import Decoded, DeviceEvent, EventKind, SampleBlock, SampleStatus
from dynod.model.session import Identifier, Patient, Phase
from dynod.model.trial import Analysis, Recording, StartedBy, Trial
from dynod.publish.topics import Topics
from dynod.session.buttons import Button, ButtonAct, Gesture
from dynod.session.inputs import EndSession, Instant, StartSession, StartTrial, StopTrial
from dynod.session.recorder import Began, Recorder, Source
from dynod.session.replies import ErrorCode, Refused
from dynod.session.state import State
from dynod.session.steps import Rules
from dynod.store.change import StoredReply
from dynod.store.outbox import OutboxCounts
from dynod.store.store import Store
from dynod.wire.profile import Profile
from tests.support.builders import START, analysis, battery, force_test, rules

P = ParamSpec("P")
T = TypeVar("T")
TIMEOUT_S = 10.0
RATE_HZ = 64.0
PATIENT = Patient(Identifier("urn:clinic:mrn", "patient-1"))
SETTLED = (Phase.READY, Phase.CONFIRM, Phase.COMPLETE)


class MoodyWriter(Writer):
    """A writer whose next ``failures`` commits find the disk full, and whose disk may be slow."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.failures = 0
        self.commits = 0
        self.saving = asyncio.Event()  # a commit has begun
        self.quick = asyncio.Event()  # commits may go on
        self.quick.set()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        commits = getattr(function, "__name__", "") == "commit"
        if commits and self.failures:
            self.failures -= 1
            raise StorageError("dynod.db: the disk is full")
        if commits:
            self.saving.set()
            await self.quick.wait()
        result = await super().call(function, *args, **kwargs)
        self.commits += commits
        return result


class Bench:
    """A station with one gauge; the test is its patient and its therapist."""

    def __init__(
        self, store: Store, chosen: Rules, tasks: asyncio.TaskGroup, profile: Profile
    ) -> None:
        self.store = store
        self.rules = chosen
        self.writer = MoodyWriter(store)
        self.shown: list[tuple[int, State]] = []
        self.t_s = 0.0
        self._news = asyncio.Event()
        nominal = Calibration(CalibrationStatus.NONE, profile.nominal_coefficients)
        rate_hz = 0.0 if profile.single_reading else RATE_HZ
        source = Source(profile.kind, profile.channels, profile.channels[0], rate_hz)
        recorder = Recorder(source, AnalysisSettings(), nominal)
        button = Button(reports_release=profile.reports_release)
        self.stream = Stream("hhd-1", button, recorder, self)
        self.runner = DeviceRunner(
            DeviceIdentity("hhd-1", profile.name, profile.kind),
            profile,
            Where(Place(None, None), LineSettings(115200)),
            self.stream,
            lambda _: None,
            lambda _: None,
        )
        self.runner.status.state = DeviceState.STREAMING
        actions = {Gesture.PRESS: "trial.toggle", Gesture.LONG_PRESS: "trial.discard"}
        self.devices = StationDevices(
            [self.runner],
            {"hhd-1": DeviceUse(actions, Trigger.BUTTON)},
            (),
            AnalysisSettings(),
            allow_nominal=True,
            latest_time=store.latest_time(),
        )
        self.letterhead = Letterhead(Topics("clinic", "room"), "clinic", "room", str(store.stream))
        self.station = Station(
            chosen,
            self.devices,
            self.writer,
            self.letterhead,
            AnalysisSettings(),
            tasks,
            State(),
        )
        self.station.changed.append(self._changed)

    @property
    def phase(self) -> Phase:
        return self.station.state.phase

    def _changed(self) -> None:
        self.shown.append((self.writer.commits, self.station.state))
        self._news.set()

    async def gesture(self, device_id: str, act: ButtonAct, /) -> None:
        await self.station.gesture(device_id, act)

    async def began(self, device_id: str, began: Began, /) -> None:
        await self.station.began(device_id, began)

    async def ended(self, device_id: str, recording: Recording, /) -> None:
        await self.station.ended(device_id, recording)

    async def hold(self, seconds: float, level_n: float = 4.0) -> None:
        count = round(seconds * RATE_HZ)
        block = SampleBlock(
            np.asarray(self.t_s + np.arange(count) / RATE_HZ, np.float64),
            np.full((count, 1), level_n),
            np.zeros(count, np.uint8),
            ("force",),
            segment=0,
        )
        self.t_s += seconds
        await self.stream.feed(Decoded((block,)), self.t_s)

    async def press(self, gesture: Gesture = Gesture.PRESS) -> None:
        await self.station.gesture("hhd-1", ButtonAct(gesture, self.t_s))

    async def read(self, newtons: float, status: int = 0) -> None:
        """Press the key of a press-to-send gauge, a second after whatever was before."""
        self.t_s += 1.0
        block = SampleBlock(
            np.array([self.t_s]),
            np.array([[newtons]]),
            np.array([status], np.uint8),
            ("force",),
            segment=0,
        )
        press = DeviceEvent(EventKind.PRESS, self.t_s, 0)
        await self.stream.feed(Decoded((block,), (press,)), self.t_s)

    async def until(self, *phases: Phase) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while self.phase not in phases:
                self._news.clear()
                await self._news.wait()

    async def start(self, patient: Patient | None = PATIENT) -> None:
        await self.station.give(StartSession(patient=patient))

    async def trial(self) -> None:
        await self.hold(1.5)
        await self.press()
        await self.hold(3.0, 100.0)
        await self.press()
        await self.until(*SETTLED)

    async def stored(self) -> list[Trial]:
        """The trials in the database, oldest first."""
        return list(reversed(await self.writer.call(self.store.trials, limit=100)))

    async def outbox(self) -> list[tuple[int, dict[str, Any]]]:
        rows = await self.writer.call(
            self.store.due, datetime.now(UTC), 100, resend_unreceipted=False
        )
        return [(row.sequence, json.loads(row.payload)) for row in rows]


@asynccontextmanager
async def bench(
    folder: Path, chosen: Rules | None = None, profile: Profile | None = None
) -> AsyncIterator[Bench]:
    gauge = profile or load_profiles(None)["chronojump_force_sensor"]
    store = Store.open(folder / "dynod.db", now=START)
    async with asyncio.TaskGroup() as tasks:
        made = Bench(store, chosen or rules(confirm_change=False), tasks, gauge)
        try:
            yield made
            await made.until(Phase.IDLE, Phase.RECORDING, *SETTLED)
        finally:
            made.station.close()
            made.writer.close()


@pytest.fixture(autouse=True)
def analysing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The analysis gives 100 N and the recording's own flags, once the event is set."""
    go_on = threading.Event()
    go_on.set()

    def scripted(recording: Recording, *_: object, **__: object) -> Analysis:
        assert go_on.wait(TIMEOUT_S)
        return analysis(100.0, *recording.flags)

    monkeypatch.setattr("dynod.daemon.station.analyse", scripted)
    yield go_on
    go_on.set()


async def test_trials_come_out_in_the_order_of_recording(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        for _ in range(4):
            await room.trial()
        assert room.phase is Phase.COMPLETE
        trials = await room.stored()
        outbox = await room.outbox()
        order = [(trial.slot.side.value, trial.slot.trial_number) for trial in trials]
        assert order == [("right", 1), ("right", 2), ("left", 1), ("left", 2)]
        # Four trials, and with the last of them the deficit.
        assert [sequence for sequence, _ in outbox] == [1, 2, 3, 4, 5]
        assert [item["result_id"] for _, item in outbox[:4]] == [str(t.result_id) for t in trials]
        assert outbox[4][1]["schema"] == "dynod.deficit/1"


async def test_what_is_committed_is_logged_with_its_ids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with bench(tmp_path) as room:
        await room.start()
        await room.trial()
        (trial,) = await room.stored()
    (stored,) = (record for record in caplog.records if "stored" in record.message)
    (told,) = (record for record in caplog.records if "recorded" in record.message)
    assert told.message == f"trial {trial.result_id} of hip_abduction right: recorded, valid"
    lines = entry(told, told.message).decode().splitlines()
    assert "DYNOD_DEVICE=hhd-1" in lines
    assert f"DYNOD_TRIAL={trial.result_id}" in lines
    assert f"DYNOD_SESSION={trial.session_id}" in lines
    assert f"DYNOD_SESSION={trial.session_id}" in entry(stored, "").decode().splitlines()
    assert PATIENT.identifier.value not in caplog.text


async def test_a_verdict_is_shown_only_after_its_commit(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.trial()
        await room.trial()
        assert len(room.station.state.trials) == 2
        for commits, state in room.shown:
            if state.session is not None:  # one commit for the session, one for each trial
                assert commits >= 1 + len(state.trials)


async def test_the_recording_reaches_from_press_to_press(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.trial()  # presses at 1.5 s and 4.5 s
        (trial,) = await room.stored()
        recording = await room.writer.call(room.store.recording, trial.result_id)
        assert recording is not None
        assert (recording.start_s, recording.end_s) == (1.5, 4.5)
        assert recording.block.t_s[0] == 0.5


@pytest.mark.parametrize(
    ("fixation", "flags"),
    [(Fixation.HAND, (Flag.TESTER_LIMITED,)), (Fixation.BELT, ()), (Fixation.FRAME, ())],
)
async def test_who_holds_the_device_and_what_it_cannot_tell_reach_store_and_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fixation: Fixation,
    flags: tuple[Flag, ...],
) -> None:
    """350 N is more than the 300 N that a tester is trusted with; 64 Hz is too slow for 50 ms."""
    monkeypatch.setattr("dynod.daemon.station.analyse", analyse)
    chosen = rules(battery(replace(force_test(), fixation=fixation)), confirm_change=False)
    async with bench(tmp_path, chosen) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(0.5)
        await room.hold(3.0, 350.0)
        await room.press()
        await room.until(*SETTLED)
        (trial,) = await room.stored()
        ((_, message),) = await room.outbox()
    limits = {Flag.TESTER_LIMITED}
    assert tuple(flag for flag in trial.analysis.flags if flag in limits) == flags
    assert trial.analysis.notes["rfd_0_50_n_per_s"] == "rate_below_1000_hz"
    assert message["metric_notes"] == trial.analysis.notes
    assert message["metrics"].keys().isdisjoint(message["metric_notes"])


@pytest.mark.parametrize("failures", [1, 2])
async def test_a_failed_commit_leaves_the_slot_and_says_why(tmp_path: Path, failures: int) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        slot = room.station.state.next
        room.writer.failures = failures
        for _ in range(failures):
            await room.trial()
            state = room.station.state
            assert (state.phase, state.next, state.last_trial) == (Phase.READY, slot, None)
            assert state.problem == "storage: dynod.db: the disk is full"
            assert await room.stored() == []
        await room.trial()
        assert room.station.state.problem is None
        (trial,) = await room.stored()
        assert trial.slot == slot
        assert [sequence for sequence, _ in await room.outbox()] == [1]


async def test_a_session_that_cannot_be_stored_does_not_begin(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        room.writer.failures = 2
        await room.press()
        assert (room.phase, room.station.state.session) == (Phase.IDLE, None)
        assert "the disk is full" in (room.station.state.problem or "")
        with pytest.raises(StorageError):
            await room.start()
        await room.press()
        assert room.phase is Phase.READY


async def test_presses_while_analysing_are_refused_and_counted(
    tmp_path: Path, analysing: threading.Event
) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(3.0, 100.0)
        analysing.clear()
        await room.press()
        assert room.phase is Phase.ANALYSING
        for count in range(1, 4):
            await room.press()
            assert room.phase is Phase.ANALYSING
            assert room.station.refused == Counter({ErrorCode.WRONG_PHASE: count})
        with pytest.raises(Refused):
            await room.station.give(StartTrial())
        analysing.set()
        await room.until(Phase.READY)
        assert len(await room.stored()) == 1


async def test_a_press_while_the_trial_is_being_saved_is_refused_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as room, asyncio.timeout(TIMEOUT_S):
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(3.0, 100.0)
        room.writer.saving.clear()
        room.writer.quick.clear()
        await room.press()
        await room.writer.saving.wait()
        await room.press()  # must neither wait for the disk nor begin the next trial after it
        assert room.station.refused == Counter({ErrorCode.WRONG_PHASE: 1})
        room.writer.quick.set()
        await room.until(*SETTLED)
        assert room.phase is Phase.READY
        assert len(await room.stored()) == 1


async def test_the_end_of_the_session_waits_for_the_analysis(
    tmp_path: Path, analysing: threading.Event
) -> None:
    async with bench(tmp_path) as room, asyncio.TaskGroup() as tasks:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(3.0, 100.0)
        analysing.clear()
        await room.press()
        ending = tasks.create_task(room.station.give(EndSession()))
        await asyncio.sleep(0)  # let it begin to wait
        assert not ending.done()
        analysing.set()
        await room.until(Phase.IDLE)
        (trial,) = await room.stored()
        assert trial.valid


async def test_the_end_of_the_session_discards_what_runs_and_publishes(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.trial()
        await room.hold(1.5)
        await room.press()
        await room.hold(1.0, 100.0)
        async with asyncio.timeout(TIMEOUT_S):
            await room.station.give(EndSession())
        assert (room.phase, room.station.state.session) == (Phase.IDLE, None)
        first, second = await room.stored()
        assert first.valid
        assert Flag.DISCARDED in second.analysis.flags
        assert not second.valid
        schemas = [item["schema"].split("/")[0] for _, item in await room.outbox()]
        assert schemas == ["dynod.trial", "dynod.trial", "dynod.deficit", "dynod.session"]
        assert await room.writer.call(room.store.open_session) is None


async def test_a_long_press_discards_what_runs(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(1.0, 100.0)
        await room.press(Gesture.LONG_PRESS)
        await room.until(*SETTLED)
        (trial,) = await room.stored()
        assert (trial.valid, trial.analysis.flags) == (False, (Flag.DISCARDED,))


async def test_a_long_press_in_idle_is_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.press(Gesture.LONG_PRESS)
        assert (room.phase, room.shown, room.station.refused) == (Phase.IDLE, [], Counter())


async def test_the_longest_time_ends_a_trial(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(16.0, 100.0)
        await room.until(*SETTLED)
        (trial,) = await room.stored()
        assert Flag.TIMEOUT in trial.analysis.flags


async def test_a_device_that_is_lost_ends_its_trial(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        await room.hold(1.0, 100.0)
        room.runner.status.state = DeviceState.ABSENT
        await room.stream.broken()
        await room.until(*SETTLED)
        (trial,) = await room.stored()
        assert (trial.valid, trial.analysis.flags) == (False, (Flag.DISCONNECT,))
        await room.press()  # a press counts only while the device streams
        assert room.phase is Phase.READY
        assert room.station.refused == Counter({ErrorCode.DEVICE_UNAVAILABLE: 1})
        assert room.station.state.problem == "no force device is streaming"


async def test_fifteen_minutes_without_input_end_the_session(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.trial()
        last_s = room.station.state.last_input_s

        async def after(seconds: float) -> Phase:
            now = Instant(last_s + seconds, START, clock_synced=True)
            await room.station.end_if_idle(now, 900.0)
            return room.phase

        assert await after(899.5) is Phase.READY
        assert await after(900.5) is Phase.IDLE
        assert (await room.outbox())[-1][1]["schema"] == "dynod.session/1"
        assert await after(5000.0) is Phase.IDLE


async def test_a_running_trial_is_never_ended_for_idleness(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        await room.press()
        now = Instant(room.station.state.last_input_s + 1e6, START, clock_synced=True)
        await room.station.end_if_idle(now, 900.0)
        assert room.phase is Phase.RECORDING


async def test_a_reply_is_stored_with_what_it_tells_of(tmp_path: Path) -> None:
    def reply(fields: Mapping[str, str]) -> StoredReply:
        return StoredReply("request-1", json.dumps(dict(fields)).encode())

    async with bench(tmp_path) as room:
        room.writer.failures = 1
        with pytest.raises(StorageError):
            await room.station.give(StartSession(), reply=reply)
        assert await room.writer.call(room.store.reply, "request-1") is None
        assert await room.writer.call(room.store.open_session) is None
        fields = await room.station.give(StartSession(), reply=reply)
        assert room.writer.commits == 1  # one transaction for both
        kept = await room.writer.call(room.store.reply, "request-1")
        stored = await room.writer.call(room.store.open_session)
        assert kept is not None
        assert json.loads(kept) == fields
        assert stored is not None
        assert stored.session.session_id == UUID(fields["session_id"])


async def test_a_session_without_a_patient_is_stored_and_not_published(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start(patient=None)
        await room.trial()
        await room.station.give(EndSession())
        assert len(await room.stored()) == 1
        assert await room.outbox() == []


async def test_tare_is_one_quiet_second_and_only_between_trials(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        with pytest.raises(Refused, match="no tare"):
            room.station.tare(None)
        await room.hold(2.0, 7.5)
        assert room.station.tare("hhd-1") == pytest.approx(7.5)
        assert room.devices.fallback_tare_n("hhd-1") == pytest.approx(7.5)
        await room.start()
        await room.press()
        with pytest.raises(Refused) as caught:
            room.station.tare(None)
        assert caught.value.code is ErrorCode.WRONG_PHASE


async def test_start_and_stop_by_command_are_idempotent(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        await room.start()
        await room.hold(1.5)
        first = await room.station.give(StartTrial())
        assert await room.station.give(StartTrial()) == first
        await room.hold(3.0, 100.0)
        await room.station.give(StopTrial())
        await room.until(*SETTLED)
        await room.station.give(StopTrial())
        (trial,) = await room.stored()
        assert str(trial.result_id) == first["result_id"]


async def test_two_movements_ask_for_an_acknowledgement(tmp_path: Path) -> None:
    one = battery(force_test(repetitions=1))
    async with bench(tmp_path, rules(one)) as room:
        await room.press()
        assert room.phase is Phase.CONFIRM
        await room.press()
        await room.trial()
        assert room.phase is Phase.CONFIRM


# -- a gauge that sends single readings -------------------------------------------------------


PRESS_TO_SEND = Profile.model_validate(
    {
        "name": "press_gauge",
        "title": "a gauge that sends at its key",
        "kind": "force",
        "channels": ["force"],
        "unit": "N",
        "push_sign": 1,
        "hardware": "never",
        "sources": ["this test"],
        "forbidden": ["zero"],
        "framing": {"kind": "pattern_line", "patterns": [r"(?P<force>\d+\.\d)"]},
        "clock": {"kind": "arrival"},
        "dialogue": {"kind": "press_to_send"},
    }
)


async def test_a_reading_in_ready_is_a_trial_of_that_one_sample(tmp_path: Path) -> None:
    async with bench(tmp_path, rules(), PRESS_TO_SEND) as room:
        phases = []
        for newtons in (1.0, 2.0):  # begins the session; has seen the side
            await room.read(newtons)
            phases.append(room.phase)
        assert phases == [Phase.CONFIRM, Phase.READY]
        assert await room.stored() == []
        for newtons in (150.0, 149.0):
            await room.read(newtons)
            await room.until(*SETTLED)
        assert room.phase is Phase.CONFIRM  # the other side
        trials = await room.stored()
        assert [trial.slot.trial_number for trial in trials] == [1, 2]
        kept = [await room.writer.call(room.store.recording, trial.result_id) for trial in trials]
        for recording, t_s, newtons in zip(kept, (3.0, 4.0), (150.0, 149.0), strict=True):
            assert recording is not None
            assert recording.started_by is StartedBy.READING
            assert (recording.start_s, recording.end_s) == (t_s, t_s)
            assert recording.block.t_s.tolist() == [t_s]
            assert recording.block.values.tolist() == [[newtons]]


async def test_of_two_readings_within_300_ms_the_second_is_a_bounce(tmp_path: Path) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room:
        await room.start()
        await room.read(150.0)
        room.t_s -= 0.75
        await room.read(80.0)
        await room.until(*SETTLED)
        assert len(await room.stored()) == 1
        assert room.station.refused == Counter()


async def test_a_reading_during_the_analysis_is_refused_and_counted(
    tmp_path: Path, analysing: threading.Event
) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room:
        await room.start()
        analysing.clear()
        await room.read(150.0)
        await room.read(149.0)
        assert room.phase is Phase.ANALYSING
        assert room.station.refused == Counter({ErrorCode.WRONG_PHASE: 1})
        analysing.set()
        await room.until(*SETTLED)
        assert len(await room.stored()) == 1


async def test_neither_trial_start_nor_tare_work_without_the_gauges_own_key(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room:
        commands = service(room)
        await room.start()
        started = json.loads(await commands.handle("trial.start", request(1)))
        assert started["error"]["code"] == "device_unavailable"
        assert started["error"]["message"] == (
            "this gauge sends its reading at its own key: press it"
        )
        tared = json.loads(await commands.handle("tare", request(2)))
        assert tared["error"]["code"] == "device_unavailable"
        assert tared["error"]["message"] == (
            "this gauge sends single readings: zero it on the gauge itself"
        )
        assert json.loads(await commands.handle("trial.stop", request(3)))["ok"] is True
        assert room.phase is Phase.READY


async def test_the_end_of_the_session_waits_for_a_reading(
    tmp_path: Path, analysing: threading.Event
) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room, asyncio.TaskGroup() as tasks:
        await room.start()
        analysing.clear()
        await room.read(150.0)
        ending = tasks.create_task(room.station.give(EndSession()))
        await asyncio.sleep(0)  # let it begin to wait
        assert not ending.done()
        analysing.set()
        await room.until(Phase.IDLE)
        (trial,) = await room.stored()
        assert trial.valid


async def test_a_reading_that_cannot_be_saved_is_taken_again(tmp_path: Path) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room:
        await room.start()
        room.writer.failures = 1
        await room.read(150.0)
        await room.until(*SETTLED)
        assert (room.phase, await room.stored()) == (Phase.READY, [])
        assert room.station.state.problem == "storage: dynod.db: the disk is full"
        await room.read(149.0)
        await room.until(*SETTLED)
        assert len(await room.stored()) == 1


async def test_the_live_value_of_single_readings_is_what_the_gauge_shows(tmp_path: Path) -> None:
    async with bench(tmp_path, profile=PRESS_TO_SEND) as room:
        displays = Displays(
            room.station, room.devices, room.letterhead, "dynod test", OutboxCounts(0, 0, 0), 0
        )
        assert json.loads(displays.live(room.runner).payload)["force_n"] is None
        await room.read(40.0)
        room.t_s -= 0.5  # two readings within the second that a stream's baseline looks back
        await room.read(90.0)
        assert json.loads(displays.live(room.runner).payload)["force_n"] == 90.0
        await room.read(np.nan, SampleStatus.OVERLOAD)
        assert json.loads(displays.live(room.runner).payload)["force_n"] is None


# -- commands ---------------------------------------------------------------------------------


def service(room: Bench) -> CommandService:
    corrections = Corrections(room.station, room.writer, room.letterhead, room.rules)
    return CommandService(room.station, room.writer, corrections, room.letterhead.stream, dict)


def request(number: int, **fields: object) -> bytes:
    return json.dumps({"request_id": str(UUID(int=number)), **fields}).encode()


async def test_a_repeated_request_gets_the_same_bytes(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        commands = service(room)
        first = await commands.handle("session.start", request(1, patient=None))
        assert await commands.handle("session.start", request(1, patient=None)) == first
        answer = json.loads(first)
        assert (answer["ok"], answer["request_id"]) == (True, str(UUID(int=1)))
        assert answer["session_code"] == "AC34"
        assert len(await room.writer.call(room.store.sessions)) == 1


async def test_two_of_the_same_request_at_once_are_carried_out_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        commands = service(room)
        payload = request(1, patient=None)
        one, two = await asyncio.gather(
            commands.handle("session.start", payload), commands.handle("session.start", payload)
        )
        assert one == two
        assert json.loads(one)["ok"] is True


async def test_a_refusal_is_counted_and_not_remembered(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        commands = service(room)
        refused = json.loads(await commands.handle("trial.start", request(1)))
        assert (refused["ok"], refused["error"]["code"]) == (False, "no_session")
        assert refused["request_id"] == str(UUID(int=1))
        await room.start()
        assert json.loads(await commands.handle("trial.start", request(1)))["ok"] is True
        assert room.station.refused == Counter({"no_session": 1})


async def test_a_full_disk_is_the_answer_storage_and_the_repeat_works(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        commands = service(room)
        room.writer.failures = 1
        failed = json.loads(await commands.handle("session.start", request(1, patient=None)))
        assert failed["error"]["code"] == "storage"
        assert room.phase is Phase.IDLE
        again = json.loads(await commands.handle("session.start", request(1, patient=None)))
        assert again["ok"] is True


async def test_a_repeated_tare_tells_what_the_first_one_found(tmp_path: Path) -> None:
    async with bench(tmp_path) as room:
        commands = service(room)
        await room.hold(2.0, 7.5)
        first = await commands.handle("tare", request(1))
        assert json.loads(first)["tare_n"] == pytest.approx(7.5)
        await room.hold(2.0, 9.5)
        assert await commands.handle("tare", request(1)) == first
        assert room.devices.fallback_tare_n("hhd-1") == pytest.approx(7.5)
        again = await commands.handle("tare", request(2))
        assert json.loads(again)["tare_n"] == pytest.approx(9.5)
