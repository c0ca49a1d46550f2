"""A range of motion rests on both inclinometers, and so on the calibration of both."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dynod.config.profiles import load_profiles
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import DeviceRunner, Where
from dynod.daemon.devices import DeviceUse, StationDevices
from dynod.daemon.ports import LineSettings
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place
from dynod.model.calibration import CalibrationStatus, Certificate, Uncertainty
from dynod.model.device import DeviceIdentity, DeviceState, Role, Trigger
from dynod.model.flags import Flag
from dynod.model.samples import Decoded, SampleBlock
from dynod.model.trial import StartedBy
from dynod.session.buttons import Button
from dynod.session.inputs import Instant
from dynod.session.recorder import Recorder, Source
from tests.daemon.test_device import Bench
from tests.support.builders import NOMINAL

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def runner(folder: Path, device_id: str) -> DeviceRunner:
    profile = load_profiles(None)["witmotion_wt901"]
    source = Source(profile.kind, profile.channels, profile.channels[0], profile.rate_hz or 0.0)
    recorder = Recorder(source, AnalysisSettings(), NOMINAL)
    listener = Bench(folder / device_id, 1.0)
    stream = Stream(device_id, Button(reports_release=False), recorder, listener)
    made = DeviceRunner(
        DeviceIdentity(device_id, profile.name, profile.kind, serial_number=device_id),
        profile,
        Where(Place(None, None), LineSettings(9600)),
        stream,
        lambda _: None,
        lambda _: None,
    )
    made.status.state = DeviceState.STREAMING
    return made


def certificate(device_id: str, until: datetime, range_high: float = 90.0) -> Certificate:
    return Certificate(
        certificate_id=f"C-{device_id}",
        profile="witmotion_wt901",
        serial_number=device_id,
        coefficients=(0.0, 1.0),
        range_low=-90.0,
        range_high=range_high,
        valid_from=NOW - timedelta(days=100),
        valid_until=until,
        uncertainty=Uncertainty(0.3),
        unshared=Uncertainty(0.2),
        issued_by="a laboratory",
    )


def held(device: DeviceRunner, level_deg: float) -> Decoded:
    channels = device.profile.channels
    t_s = np.arange(20) / 10.0
    values = np.full((len(t_s), len(channels)), level_deg)
    return Decoded((SampleBlock(t_s, values, np.zeros(len(t_s), np.uint8), channels, segment=0),))


@pytest.mark.parametrize(
    ("certificates", "status", "flags"),
    [
        ((certificate("limb", LATER), certificate("pelvis", LATER)), "certified", ()),
        (
            (certificate("limb", LATER), certificate("pelvis", NOW - timedelta(days=1))),
            "certified",
            (Flag.CALIBRATION_EXPIRED,),
        ),
        ((certificate("limb", LATER),), "certified", (Flag.NO_CALIBRATION,)),
        (
            (certificate("limb", LATER), certificate("pelvis", LATER, range_high=10.0)),
            "certified",
            (Flag.BEYOND_CALIBRATION,),
        ),
    ],
)
async def test_the_pelvis_needs_its_certificate_too(
    tmp_path: Path, certificates: tuple[Certificate, ...], status: str, flags: tuple[Flag, ...]
) -> None:
    limb, pelvis = runner(tmp_path, "limb"), runner(tmp_path, "pelvis")
    devices = StationDevices(
        [limb, pelvis],
        {
            "limb": DeviceUse({}, Trigger.ONSET),
            "pelvis": DeviceUse({}, Trigger.ONSET, Role.PELVIS),
        },
        certificates,
        AnalysisSettings(),
        allow_nominal=False,
        latest_time=NOW,
    )
    fixed = devices.fix_calibration("limb", Instant(0.0, NOW, clock_synced=True))
    assert fixed.status is CalibrationStatus(status)
    for device in (limb, pelvis):
        await device.stream.feed(held(device, 15.0), 2.0)
    limb.stream.recorder.begin(1.0, StartedBy.PRESS)
    recording = devices.with_pelvis(limb.stream.recorder.end(None), "limb")
    assert recording.pelvis_deg is not None
    assert recording.pelvis_deg[-1] == pytest.approx(15.0)
    assert recording.flags == flags
