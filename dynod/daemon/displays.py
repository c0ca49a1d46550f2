"""The retained messages of a station, rendered from its state on demand."""

import json
from collections.abc import Mapping
from datetime import datetime

from dynod.daemon.clock import instant
from dynod.daemon.device import DeviceRunner
from dynod.daemon.devices import StationDevices
from dynod.daemon.records import Letterhead
from dynod.daemon.station import Station
from dynod.model.clinical import Kind
from dynod.model.session import Phase
from dynod.publish.broker import Outgoing
from dynod.publish.messages import StationState
from dynod.publish.render_state import (
    Counts,
    Remarks,
    render_device_status,
    render_live,
    render_session_state,
    render_status,
)
from dynod.publish.topics import LIVE_EXPIRY_S
from dynod.store.outbox import OutboxCounts


class Displays:
    """What displays show: rendered for MQTT and for the control socket alike."""

    def __init__(
        self,
        station: Station,
        devices: StationDevices,
        letterhead: Letterhead,
        software: str,
        counts: OutboxCounts,
        last_sequence: int,
        notices: tuple[str, ...] = (),
    ) -> None:
        """``notices`` are what else the station has to be told of, a line each."""
        self.outbox = counts
        self.last_sequence = last_sequence
        self.notices = notices
        self._station = station
        self._devices = devices
        self._letterhead = letterhead
        self._software = software

    def status(self, state: StationState = StationState.ONLINE) -> Outgoing:
        """Return the station's own retained status."""
        counts = Counts(
            self.outbox.pending,
            self.outbox.sent,
            self.outbox.received,
            self.last_sequence,
            self._station.refused,
            self.notices,
        )
        payload = render_status(
            state, at=_now(), stream=self._letterhead.stream, software=self._software, counts=counts
        )
        return Outgoing(self._letterhead.topics.status, payload, retain=True)

    def will(self) -> Outgoing:
        """Return the last will; ``at`` is the time of connecting."""
        payload = render_status(
            StationState.OFFLINE, at=_now(), stream=self._letterhead.stream, software=self._software
        )
        return Outgoing(self._letterhead.topics.status, payload, retain=True)

    def session_state(self) -> Outgoing:
        """Return where the session stands."""
        state = self._station.state
        payload = render_session_state(
            state.phase,
            at=_now(),
            stream=self._letterhead.stream,
            session=state.session,
            next_slot=state.next,
            rest_until=None if state.phase is Phase.RECORDING else state.rest_until,
            last_trial=state.last_trial,
            remarks=Remarks(state.problem, (*self.notices, *self._devices.warnings(instant()))),
        )
        return Outgoing(self._letterhead.topics.session_state, payload, retain=True)

    def device(self, runner: DeviceRunner) -> Outgoing:
        """Return where a device is in its life-cycle."""
        device_id = runner.identity.device_id
        payload = render_device_status(
            runner.status.state,
            at=_now(),
            stream=self._letterhead.stream,
            profile=runner.identity.profile,
            standing=self._devices.standing(device_id, instant()),
            fault=runner.status.fault,
        )
        return Outgoing(self._letterhead.topics.device_status(device_id), payload, retain=True)

    def live(self, runner: DeviceRunner) -> Outgoing:
        """Return the newest value of a device; force is held against its resting level.

        Single readings know no rest: the last one before would pass for it.
        """
        value = runner.stream.recorder.latest
        rests = runner.identity.kind is Kind.FORCE and not runner.profile.single_reading
        if value is not None and rests:
            value -= runner.resting_n or 0.0
        payload = render_live(
            runner.identity.kind, value, at=_now(), phase=self._station.state.phase
        )
        topic = self._letterhead.topics.live(runner.identity.device_id)
        return Outgoing(topic, payload, qos=0, expiry_s=LIVE_EXPIRY_S)

    def all_retained(self) -> list[Outgoing]:
        """Return everything that is published again on every connect."""
        devices = (self.device(runner) for runner in self._devices)
        return [self.status(), *devices, self.session_state()]

    def reply_fields(self) -> Mapping[str, object]:
        """Return what ``status.get`` answers, as decoded JSON."""
        return {
            "status": json.loads(self.status().payload),
            "session_state": json.loads(self.session_state().payload),
            "devices": {
                runner.identity.device_id: json.loads(self.device(runner).payload)
                for runner in self._devices
            },
        }


def _now() -> datetime:
    return instant().wall
