"""A gauge that speaks only when its own key is pressed, from outside: each reading is a trial.

The gauge of these tests is written from what such gauges send (``- 23.02 lbf``), not from dynod.
This one shows a push as minus. Its peak hold is why one number can be the strength of a pull.
"""

import math
import os
import time
import tty
from pathlib import Path
from typing import Self

import pytest

from tests.support.inclinometer import Inclinometer
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test, rom_test

pytestmark = pytest.mark.mosquitto

PROFILE = r"""
name = "key_gauge"
title = "a gauge that sends at its key"
kind = "force"
channels = ["force"]
unit = "N"
push_sign = -1
hardware = "never"
sources = ["the tests of dynod"]
forbidden = ["Z\r"]

[units]
lbf = "[lbf_av]"

[serial]
baudrate = 9600

[framing]
kind = "pattern_line"
patterns = ['(?P<sign>[+-]) {0,6}(?P<force>\d+\.\d+) (?P<unit>lbf)']
signs = { "+" = 1, "-" = -1 }

[clock]
kind = "arrival"

[dialogue]
kind = "press_to_send"
open_wait_s = 0.05
"""

TILT = """
[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
port = "tilt"
axis = "roll"
"""

# The international pound, times standard gravity.
LBF_N = 0.45359237 * 9.80665
PULLS_LBF = {"right": 33.72, "left": 23.02}
APART_S = 0.4  # beyond the debounce of 300 ms


class KeyGauge:
    """A gauge on a pty whose only word is the reading at a press of its key."""

    def __init__(self, link: Path) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        link.symlink_to(os.ttyname(self._slave))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._master)
        os.close(self._slave)

    def press(self, pushed_lbf: float = 0.0) -> None:
        time.sleep(APART_S)
        os.write(self._master, f"- {pushed_lbf:5.2f} lbf\r\n".encode())


def station(folder: Path, broker: Mosquitto, *tests: str, more: str = "") -> Daemon:
    profile = folder / "devices.d" / "key_gauge"
    profile.mkdir(parents=True)
    (profile / "profile.toml").write_text(PROFILE)
    return Daemon(folder, broker.port, profile="key_gauge", battery=battery(*tests), more=more)


def acknowledge(records: RecordSystem, gauge: KeyGauge, **slot: object) -> None:
    """Press at the announced side: that reading is no trial."""
    records.state(phase="confirm", **slot)
    gauge.press(45.0)
    records.state(phase="ready", **slot)


def test_two_readings_become_a_deficit(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        KeyGauge(tmp_path / "gauge") as gauge,
        station(tmp_path, broker, force_test()) as daemon,
    ):
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT, involved_side="left")["ok"]
        for done, side in enumerate(("right", "left"), 1):
            acknowledge(records, gauge, side=side, movement="hip_abduction")
            check_refusals(records)
            gauge.press(PULLS_LBF[side])
            last = records.verdict(done)["last_trial"]
            assert last["valid"], last
            assert last["value"] == pytest.approx(PULLS_LBF[side] * LBF_N)
        records.state(phase="complete", next=None)
        gauge.press(50.0)  # nothing is asked for any more
        assert records.command("session.end")["ok"]
        records.state(phase="idle")
        assert daemon.stop() == 0
    check_trials(records)
    check_deficit(records)


def check_refusals(records: RecordSystem) -> None:
    """No command can make the gauge speak."""
    for command, message in (
        ("trial.start", "this gauge sends its reading at its own key: press it"),
        ("tare", "this gauge sends single readings: zero it on the gauge itself"),
    ):
        reply = records.command(command)
        assert not reply["ok"]
        assert reply["error"] == {"code": "device_unavailable", "message": message}


def check_trials(records: RecordSystem) -> None:
    """One trial a side and none of the presses that acknowledged: a peak force, nothing else."""
    trials = records.result("trial", 2)
    assert [trial["test"]["side"] for trial in trials] == ["right", "left"]
    for trial in trials:
        peak_n = pytest.approx(PULLS_LBF[trial["test"]["side"]] * LBF_N)
        assert trial["metrics"] == {"peak_force_n": peak_n, "raw_peak_force_n": peak_n}
        assert trial["quality"]["valid"]
        flags = {"single_reading", "short_preroll", "uncalibrated"}
        assert set(trial["quality"]["flags"]) == flags
        assert trial["tare_n"] == 0.0
        assert trial["sample_rate_hz"] is None


def check_deficit(records: RecordSystem) -> None:
    """Derive it by hand: one trial a side, a nominal scale (U = 0), so h = 1.96·6.2 % a side."""
    (deficit,) = records.result("deficit")
    ratio = PULLS_LBF["left"] / PULLS_LBF["right"]  # 23.02 / 33.72 = 0.68268: the unit cancels
    h_both = math.sqrt(2) * 1.96 * 6.2  # 17.185
    assert deficit["deficit_percent"] == pytest.approx(100 * (1 - ratio))  # 31.732
    assert deficit["lsi_percent"] == pytest.approx(100 * ratio)
    assert deficit["mdc95_percent"] == pytest.approx(h_both)
    low, high = (100 * (1 - ratio * math.exp(sign * h_both / 100)) for sign in (1, -1))
    assert deficit["ci95_percent"] == pytest.approx([low, high])  # 18.9, 42.5
    # |100·ln 0.68268| = 38.2 > 17.185, and 31.7 > 15.
    assert deficit["classification"] == "exceeds_error_and_threshold"
    assert (deficit["reference_side"], deficit["weaker_side"]) == ("right", "left")
    assert deficit["left"]["value"] == pytest.approx(102.398, abs=0.001)  # 23.02 · 4.448222
    assert deficit["right"]["value"] == pytest.approx(149.994, abs=0.001)  # 33.72 · 4.448222
    assert (deficit["left"]["trials"], deficit["right"]["trials"]) == (1, 1)


def test_its_key_begins_and_ends_a_range_of_motion(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        KeyGauge(tmp_path / "gauge") as gauge,
        Inclinometer(tmp_path / "tilt") as tilt,
        station(tmp_path, broker, rom_test(), more=TILT),
    ):
        records.streaming("hhd-1", "tilt-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        acknowledge(records, gauge, side="right", kind="angle")
        time.sleep(1.0)  # the patient lies still, with the debounce 1.4 s
        gauge.press()
        records.state(phase="recording")
        tilt.angle_deg = 60.0
        time.sleep(1.6)
        gauge.press()
        last = records.verdict(1)["last_trial"]
        assert last["valid"], last
        # 16 bits over 360° are steps of 0.0055°.
        assert last["value"] == pytest.approx(60.0, abs=0.006)
        (trial,) = records.result("trial")
        assert trial["device"]["id"] == "tilt-1"
        assert "single_reading" not in trial["quality"]["flags"]
