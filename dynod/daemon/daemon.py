"""The daemon: all parts together in one event loop, from start to goodbye."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dynod.config.certificates import SITE_FOLDER
from dynod.daemon.backup import Backups
from dynod.daemon.bundles import Bundles
from dynod.daemon.calibration_watch import CalibrationWatch
from dynod.daemon.clock import instant
from dynod.daemon.clock_correction import ClockCorrections
from dynod.daemon.commands import CommandService
from dynod.daemon.control import ControlServer, Lease, refusal, refusal_of
from dynod.daemon.corrections import Corrections
from dynod.daemon.device import DeviceRunner
from dynod.daemon.devices import StationDevices
from dynod.daemon.disk import DiskWatch
from dynod.daemon.displays import Displays
from dynod.daemon.flight import FlightRing, flight_folder
from dynod.daemon.heap import keep_trim
from dynod.daemon.jobs import Jobs
from dynod.daemon.notify import Notifier, feed_watchdog
from dynod.daemon.opening import notices
from dynod.daemon.plan import SOFTWARE, DevicePlan, Plan
from dynod.daemon.publisher import Publisher
from dynod.daemon.queries import answer as answer_query
from dynod.daemon.records import Letterhead
from dynod.daemon.shelf import CHANGES, StoredShelf
from dynod.daemon.station import Station
from dynod.daemon.stream import Stream
from dynod.daemon.watchdog import Pulse
from dynod.daemon.writer import Writer
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.errors import DeviceError, DynodError
from dynod.model.session import Phase
from dynod.model.trial import Recording
from dynod.publish.broker import Outgoing
from dynod.publish.topics import Topics
from dynod.session.buttons import Button, ButtonAct
from dynod.session.recorder import Began, Recorder
from dynod.session.state import State, resumed
from dynod.store.store import Store

if TYPE_CHECKING:
    from dynod.daemon.bundle_maker import BundleMaker

log = logging.getLogger(__name__)

IDLE_CHECK_S = 1.0
FLUSH_S = 1.0
GOODBYE_S = 4.5  # from the signal on; what is left of five seconds is for the process to end
DEVICES_STOP_S = 2.0  # of these; a port that hangs must not cost the station its goodbye
SWITCH_INTERVAL_S = 0.0002


class Daemon:
    """Owns every part; hears the devices and hands on what they bring."""

    def __init__(self, plan: Plan, store: Store, tasks: asyncio.TaskGroup) -> None:
        config, station = plan.config, plan.config.station
        topics = Topics(station.site, station.name)
        self._tasks = tasks
        self._rings: list[FlightRing] = []
        self._database = config.storage.path
        self._of_database = notices(self._database)
        self._idle_s = config.session.idle_minutes * 60.0
        self._writer = Writer(store)
        self._manager = Notifier.of_environment(os.environ)
        letterhead = Letterhead(
            topics, station.site, station.name, str(store.stream), config.fhir.publish
        )
        if not letterhead.bundles and (waiting := store.forget_due_bundles()):
            log.info("no FHIR Bundle of %d sessions that waited: [fhir] publish is off", waiting)
        self._devices = StationDevices(
            [self._runner(device, plan) for device in plan.devices],
            {device.identity.device_id: device.use for device in plan.devices},
            store.certificates(),
            plan.analysis,
            allow_nominal=config.calibration.allow_nominal,
            latest_time=store.latest_time(),
            verifications=store.verifications(),
        )
        self._shelf = StoredShelf(store, [device.identity for device in plan.devices])
        self._station = Station(
            plan.rules,
            self._devices,
            self._writer,
            letterhead,
            plan.analysis,
            tasks,
            _state_of(store, plan),
        )
        self._displays = Displays(
            self._station,
            self._devices,
            letterhead,
            SOFTWARE,
            store.outbox_counts(),
            store.last_sequence,
            self._of_database,
        )
        commands = CommandService(
            self._station,
            self._writer,
            Corrections(self._station, self._writer, letterhead, plan.rules),
            letterhead.stream,
            self._displays.reply_fields,
        )
        self._publisher = Publisher(
            plan.broker,
            self._displays,
            self._station,
            self._writer,
            commands,
            letterhead,
            receipts_required=config.broker.receipts == "required",
        )
        self._commands = commands
        self._jobs = Jobs(plan, self._writer, self._station)
        self._control = ControlServer(
            config.control.socket,
            {
                "command": self._command,
                "query": self._query,
                "calibration": self._calibration,
            },
            self._lease,
            self._jobs.operations(),
        )
        self._calibrations = CalibrationWatch(
            self._devices, self._device_changed, self._state_changed
        )
        self._times = ClockCorrections(
            self._station, self._writer, letterhead, plan.rules.judge, self._devices.time_is
        )
        self._bundles = _bundles(plan, self._writer, self._station, letterhead)
        if self._bundles is not None:
            self._station.committed.append(self._bundles.committed)
        self._disk = DiskWatch(
            config.storage.path.parent, config.storage.floor_mb * 1_000_000, self._noticed
        )
        self._backups = _backups(plan, self._writer, self._station, self._noticed)
        self._station.no_room = lambda: self._disk.refusal
        self._station.fault_changed = self._noticed
        self._station.changed.append(self._state_changed)
        self._station.committed.append(self._publisher.committed)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, then say goodbye."""
        server = await self._control.start(self._greeting)
        self._calibrations.look(instant())
        runs = [
            self._tasks.create_task(runner.run(), name=runner.identity.device_id)
            for runner in self._devices
        ]
        background = [
            self._tasks.create_task(self._publisher.run(self._tasks), name="broker"),
            self._tasks.create_task(self._watch_idle(), name="idle"),
            self._tasks.create_task(self._record_flight(), name="flight recorder"),
        ]
        if self._bundles is not None:
            background.append(self._tasks.create_task(self._bundles.run(), name="bundles"))
        if self._backups is not None:
            background.append(self._tasks.create_task(self._backups.run(), name="backup"))
        background.append(self._tasks.create_task(self._disk.run(), name="disk"))
        background.append(self._tasks.create_task(self._times.run(), name="times"))
        background.append(self._tasks.create_task(keep_trim(self._measures), name="heap"))
        background.append(self._tasks.create_task(self._be_watched(), name="watchdog"))
        self._station.rearm()
        await asyncio.sleep(0)  # a turn, in which each task begins to look for what it serves
        self._manager.ready(f"looking for {len(runs)} devices")
        log.info("ready: looking for %d devices", len(runs))
        await stop.wait()
        await self._goodbye(server, runs, background)

    async def _goodbye(
        self,
        server: asyncio.Server,
        runs: list[asyncio.Task[None]],
        background: list[asyncio.Task[None]],
    ) -> None:
        log.info("stopping")
        self._manager.stopping()
        until_s = asyncio.get_running_loop().time() + GOODBYE_S
        server.close()
        self._control.close()
        if self._backups is not None:
            self._backups.rest()
        for runner in self._devices:
            runner.stop()
        if runs:
            await asyncio.wait(runs, timeout=DEVICES_STOP_S)
        try:
            async with asyncio.timeout_at(until_s):
                await self._jobs.rest()
                await self._control.rest()
                await self._station.rest()
                await self._publisher.close()
        except TimeoutError:
            log.warning("the broker did not take the goodbye; its last will speaks instead")
        for task in [*runs, *background]:
            task.cancel()
        for ring in self._rings:
            ring.close()

    def _measures(self) -> bool:
        return self._station.state.phase in {Phase.RECORDING, Phase.ANALYSING}

    async def _be_watched(self) -> None:
        readers = {runner.identity.device_id: runner for runner in self._devices}
        patience_s = (self._manager.watchdog_s or 0.0) / 3.0
        pulse = Pulse(readers, self._writer, patience_s=patience_s)
        await feed_watchdog(self._manager, pulse.check)

    def close(self) -> None:
        """End the threads and close the database."""
        self._manager.close()
        self._jobs.close()
        self._station.close()
        self._writer.close()

    # -- what devices bring (StreamListener) -----------------------------------------------

    async def gesture(self, device_id: str, act: ButtonAct) -> None:
        """Hear a gesture."""
        await self._station.gesture(device_id, act)

    async def began(self, device_id: str, began: Began) -> None:
        """Hear that a detector found a begin."""
        await self._station.began(device_id, began)

    async def ended(self, device_id: str, recording: Recording) -> None:
        """Hear that a recording ended."""
        await self._station.ended(device_id, recording)

    def _runner(self, device: DevicePlan, plan: Plan) -> DeviceRunner:
        nominal = Calibration(CalibrationStatus.NONE, device.profile.nominal_coefficients)
        recorder = Recorder(device.source, plan.analysis, nominal)
        button = Button(reports_release=device.profile.reports_release)
        stream = Stream(device.identity.device_id, button, recorder, self)
        folder = flight_folder(plan.config.storage.path) / device.identity.device_id
        ring = FlightRing(folder)
        self._rings.append(ring)
        return DeviceRunner(
            device.identity,
            device.profile,
            device.where,
            stream,
            self._device_changed,
            self._device_fed,
            ring,
        )

    def _device_changed(self, runner: DeviceRunner) -> None:
        self._show(self._displays.device(runner))

    def _device_fed(self, runner: DeviceRunner) -> None:
        if self._station.state.phase is Phase.ANALYSING:
            return  # first the trial, then the picture
        message = self._publisher.live(runner)
        if message is not None:
            self._control.tell(_line(message))

    def _state_changed(self) -> None:
        self._show(self._displays.session_state())

    def _show(self, message: Outgoing) -> None:
        self._publisher.show(message)
        self._control.tell(_line(message))

    # -- the control socket ----------------------------------------------------------------

    def _greeting(self) -> list[bytes]:
        return [_line(message) for message in self._displays.all_retained()]

    async def _command(self, request: dict[str, object]) -> bytes:
        payload = json.dumps(request.get("payload")).encode()
        return await self._commands.handle(str(request.get("name")), payload, "control socket")

    async def _lease(self, request: dict[str, object]) -> Lease:
        """Let go of a device's port for a command that asks for it; raises DeviceError."""
        runner = self._devices.find(request.get("device"), request.get("port"))
        if self._station.records_with(runner.identity.device_id):
            raise DeviceError("a trial is being recorded with this device; wait for its end")
        await runner.lease()
        answer = {"ok": True, "device": runner.identity.device_id, "profile": runner.profile.key}
        return Lease(json.dumps(answer).encode(), runner.release)

    async def _query(self, request: dict[str, object]) -> bytes:
        try:
            answer = await self._writer.call(answer_query, self._writer.store, request)
        except DynodError as error:
            return refusal(str(error))
        return json.dumps({"ok": True, "answer": answer}).encode()

    async def _calibration(self, request: dict[str, object]) -> bytes:
        """Answer about certificates and checks; a change counts from the next trial on."""
        try:
            answer = await self._writer.call(self._shelf.answer, request, instant().wall)
        except DynodError as error:
            return refusal_of(error)
        if request.get("action") in CHANGES:
            store = self._writer.store
            certificates = await self._writer.call(store.certificates)
            self._devices.use_shelf(certificates, await self._writer.call(store.verifications))
            self._calibrations.look(instant())
        return json.dumps({"ok": True, "answer": answer}).encode()

    async def _record_flight(self) -> None:
        """Write the flight recorder, in a thread: a slow card must hold up nothing."""
        while True:
            await asyncio.sleep(FLUSH_S)
            for ring in self._rings:
                ring.saves_room = self._disk.low
                await asyncio.to_thread(ring.flush)

    def _look_after_notices(self) -> None:
        """Take a database's notice down once it was seen to; new ones come at a start alone."""
        if self._of_database:
            self._of_database = notices(self._database)
        self._noticed()

    def _noticed(self) -> None:
        """Show what whoever looks after the station has to know, when that has changed."""
        copies = () if self._backups is None else self._backups.notices
        fault = () if self._station.fault is None else (self._station.fault,)
        bundles = () if self._bundles is None else self._bundles.notices
        others = (*self._disk.notices, *copies, *bundles, *self._times.notices)
        told = (*self._of_database, *fault, *others)
        if told != self._displays.notices:
            self._displays.notices = told
            self._show(self._displays.status())
            self._state_changed()

    async def _watch_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_CHECK_S)
            self._calibrations.look(instant())
            self._look_after_notices()
            await self._station.end_if_idle(instant(), self._idle_s)


def _line(message: Outgoing) -> bytes:
    topic = "/".join(message.topic.split("/")[4:])
    return b'{"topic":"%s","payload":%s}' % (topic.encode(), message.payload)


def _bundles(
    plan: Plan, writer: Writer, station: Station, letterhead: Letterhead
) -> Bundles | None:
    if not plan.config.fhir.publish:
        return None

    @cache
    def maker() -> "BundleMaker":
        # A session ends long after the start, which has no time for what renders Bundles.
        from dynod.daemon.bundle_maker import bundle_maker

        return bundle_maker(plan, letterhead.stream)

    return Bundles(writer, station, letterhead.topics.fhir, maker)


def _backups(
    plan: Plan, writer: Writer, station: Station, changed: Callable[[], None]
) -> Backups | None:
    storage = plan.config.storage
    if not storage.backup:
        return None
    return Backups(storage.path, storage.backup_keep, writer, station, changed)


def _state_of(store: Store, plan: Plan) -> State:
    """Return the state that the store remembers: the session that had not ended."""
    stored = store.open_session()
    if stored is None:
        return State()
    log.info("going on with the session that was running")
    return resumed(
        stored.session,
        stored.trials,
        stored.deficits,
        confirm_change=plan.rules.confirm_change,
        now_s=time.monotonic(),
    )


async def serve(plan: Plan, store: Store) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    # The loop, the writer and the analysis hand over to each other within a trial's few
    # milliseconds; Python's default of 5 ms would let each wait for the others' turn.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    daemon: Daemon | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            daemon = Daemon(plan, store, tasks)
            await daemon.run(stop)
    finally:
        if daemon is not None:
            daemon.close()


def run(plan: Plan, open_store: Callable[[], Store]) -> None:
    """Open the database and run; raises the one expected error that ended the daemon."""
    store = open_store()
    try:
        store.add_certificates(plan.certificates, instant().wall, SITE_FOLDER)
        asyncio.run(serve(plan, store))
    except BaseExceptionGroup as group:
        expected, other = group.split(DynodError)
        if other is not None or expected is None:
            raise
        raise _first(expected) from group


def _first(group: BaseExceptionGroup[DynodError]) -> DynodError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
