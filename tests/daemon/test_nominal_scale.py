"""What `allow_nominal` may call newtons: numbers that have a unit, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dynod.config.profiles import load_profiles
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import DeviceRunner, Where
from dynod.daemon.devices import DeviceUse, StationDevices
from dynod.daemon.ports import LineSettings
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place
from dynod.model.calibration import CalibrationStatus
from dynod.model.device import DeviceIdentity, Trigger
from dynod.session.buttons import Button
from dynod.session.inputs import Instant
from dynod.session.recorder import Recorder, Source
from tests.daemon.test_device import Bench
from tests.support.builders import NOMINAL

NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("chronojump_force_sensor", CalibrationStatus.NOMINAL),
        ("witmotion_wt901", CalibrationStatus.NOMINAL),
        ("generic_line_force/counts", CalibrationStatus.NONE),
        ("chronojump_force_platform", CalibrationStatus.NONE),
    ],
)
async def test_counts_are_no_newtons_without_a_certificate(
    key: str, status: CalibrationStatus, tmp_path: Path
) -> None:
    profile = load_profiles(None)[key]
    source = Source(profile.kind, profile.channels, profile.channels[0], profile.rate_hz or 0.0)
    recorder = Recorder(source, AnalysisSettings(), NOMINAL)
    stream = Stream("d-1", Button(reports_release=False), recorder, Bench(tmp_path, 1.0))
    runner = DeviceRunner(
        DeviceIdentity("d-1", profile.name, profile.kind),
        profile,
        Where(Place(None, None), LineSettings(9600)),
        stream,
        lambda _: None,
        lambda _: None,
    )
    devices = StationDevices(
        [runner],
        {"d-1": DeviceUse({}, Trigger.ONSET)},
        (),
        AnalysisSettings(),
        allow_nominal=True,
        latest_time=NOW,
    )
    assert devices.calibration("d-1", Instant(0.0, NOW, clock_synced=True)).status is status
