"""Every profile: simulator on a pty, `dynod run`, a broker; no sample lost or doubled on the way.

What the simulator sent is compared with what the store has. In the suite a trial lasts two seconds;
`make soak` takes ten for each profile and all of its variants (``DYNOD_SOAK_S``).
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from math import sin
from pathlib import Path
from uuid import UUID

import pytest

from dynod.config.profiles import load_profiles
from dynod.config.site_facts import SiteFacts, with_site_facts
from dynod.model.clinical import Kind
from dynod.model.trial import Recording
from dynod.model.units import Unit, factor_to_base
from dynod.simulate.device import ProfileDevice
from dynod.simulate.pty_port import PtyPort
from dynod.store.store import Store
from dynod.wire.profile import Polled, Profile
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test, rom_test

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(900)]

SOAK_S = float(os.environ.get("DYNOD_SOAK_S", "0"))
SECONDS = SOAK_S or 2.0
FACTS = {"baudrate": 9600, "unit": Unit.NEWTON, "push_sign": 1, "rate_hz": 20.0}
BATTERIES = {
    Kind.FORCE: [force_test(name, repetitions=10) for name in ("hip_abduction", "hip_extension")],
    Kind.ANGLE: [rom_test(name) for name in ("hip_flexion", "hip_abduction", "hip_extension")],
}


def noise(t_s: float) -> float:
    """A level of its own at every moment, so that no two neighbours are alike."""
    return 60.0 + 40.0 * ((sin(t_s * 12.9898) * 43758.5453) % 1.0)


def answered(profile: Profile) -> Profile:
    """Return a profile with made-up answers to what no source says."""
    facts = {key: FACTS[key] for key in profile.open_questions}
    if profile.kind is Kind.ANGLE and "unit" in facts:
        facts["unit"] = Unit.DEGREE
    return with_site_facts(profile, SiteFacts(**facts))  # type: ignore[arg-type]


def chosen(kind: Kind) -> list[Profile]:
    """Return the profiles of a kind; their variants only in the long run.

    Two thousand samples a second are more than a simulator in a thread keeps up with.
    """
    return [
        answered(profile)
        for profile in load_profiles(None).values()
        if profile.kind is kind and (SOAK_S or not profile.variant)
        if (profile.rate_hz or 0) <= 200
    ]


def section(profile: Profile, device_id: str) -> str:
    asked = load_profiles(None)[profile.key].open_questions
    values = {
        "baudrate": profile.serial.baudrate,
        "unit": f'"{profile.unit}"',
        "push_sign": profile.push_sign,
        "rate_hz": profile.rate_hz,
    }
    lines = [f"{key} = {values[key]}" for key in asked]
    if len(profile.channels) > 1:
        lines.append(f'axis = "{profile.channels[0]}"')
    head = ["[[device]]", f'id = "{device_id}"', f'profile = "{profile.key}"']
    return "\n".join([*head, f'port = "{device_id}"', *lines])


class Bench:
    """All devices of a kind at one station."""

    def __init__(self, folder: Path, kind: Kind, records: RecordSystem) -> None:
        self.records = records
        self.profiles = {f"d{number}": p for number, p in zip(count(1), chosen(kind))}
        self.devices = {
            name: ProfileDevice(profile, noise) for name, profile in self.profiles.items()
        }
        self.ports = {name: PtyPort(device, folder / name) for name, device in self.devices.items()}
        self.results: dict[str, str] = {}

    def measure(self, device_id: str) -> None:
        """Record a trial with one device."""
        if self.profiles[device_id].single_reading:
            self._press(device_id)
            return
        # A simulator that a busy machine starves for a second is stale, and then found again.
        self.records.streaming(device_id)
        reply = self.records.command("trial.start", device=device_id)
        assert reply["ok"], (device_id, reply)
        self.results[device_id] = reply["result_id"]
        until_s = time.monotonic() + SECONDS
        wanted = self.devices[device_id].samples_sent + 5
        while time.monotonic() < until_s or self.devices[device_id].samples_sent < wanted:
            time.sleep(0.02)
        assert self.records.command("trial.stop", device=device_id)["ok"]
        self.records.verdict(len(self.results))

    def _press(self, device_id: str) -> None:
        self.ports[device_id].press()
        self.results[device_id] = self.records.wait(
            f"a reading of {device_id}",
            lambda: [
                item["result_id"]
                for item in self.records.results
                if "metrics" in item and item["device"]["id"] == device_id
            ],
        )[0]
        self.records.verdict(len(self.results))


def sent_values(profile: Profile, device: ProfileDevice) -> list[list[float]]:
    factor = 1.0
    wire = profile.units.get(profile.simulation.unit or "")
    if wire is not None and profile.unit is not None:
        factor = factor_to_base(wire) / factor_to_base(profile.unit)
    return [[value * factor for value in row] for row in device.sent_values]


def follows(stored: list[list[float]], sent: list[list[float]]) -> bool:
    """Tell whether the rows stand among those that were sent, in order, each for one of them."""
    left = iter(sent)
    return all(
        any(row == pytest.approx(wanted, rel=1e-9, abs=1e-9) for wanted in left) for row in stored
    )


def check_recording(profile: Profile, device: ProfileDevice, recording: Recording) -> None:
    """What is stored is a stretch of what was sent: nothing left out, nothing twice."""
    stored = recording.block.values.tolist()
    sent = sent_values(profile, device)
    # An answer that comes too late for its poll is dropped, since nobody knows its moment: on a
    # machine that is busy with other things a polled gauge may miss one a second, and no more.
    missed = round(SECONDS) if isinstance(profile.dialogue, Polled) else 0
    assert any(
        follows(stored, sent[begin : begin + len(stored) + missed]) for begin in range(len(sent))
    ), profile.key
    if profile.single_reading:
        assert len(stored) == 1
        return
    rate_hz = profile.rate_hz or 0.0
    assert recording.nominal_rate_hz == pytest.approx(rate_hz)
    assert len(stored) >= 0.8 * SECONDS * rate_hz, profile.key
    assert (recording.block.t_s[1:] > recording.block.t_s[:-1]).all()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.mark.parametrize("kind", list(Kind))
def test_what_a_device_sends_is_what_the_store_has(
    kind: Kind, tmp_path: Path, broker: Mosquitto
) -> None:
    with ExitStack() as open_:
        records = open_.enter_context(RecordSystem(broker.port))
        bench = Bench(tmp_path, kind, records)
        first, *others = [section(p, name) for name, p in bench.profiles.items()]
        for port in bench.ports.values():
            open_.enter_context(port)
        daemon = Daemon(
            tmp_path,
            broker.port,
            battery=battery(*BATTERIES[kind]),
            first_device=first,
            more="\n\n".join(others),
            session='trigger = "button"\nconfirm_change = false',
        )
        open_.enter_context(daemon)
        records.streaming(*bench.profiles)
        reply = records.command("session.start", patient=PATIENT)
        assert reply["ok"], reply
        for device_id in bench.profiles:
            bench.measure(device_id)
        published = {r["result_id"]: r for r in records.result("trial", len(bench.results))}
        daemon.stop()
        with Store.open(tmp_path / "dynod.db", now=datetime.now(UTC), readonly=True) as store:
            for device_id, result_id in bench.results.items():
                recording = store.recording(UUID(result_id))
                assert recording is not None
                profile = bench.profiles[device_id]
                check_recording(profile, bench.devices[device_id], recording)
                assert published[result_id]["device"]["profile"] == profile.name
