"""A pull without button lines gives the same trial from a file and over a pty."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto


def human_pull(seed: int = 7) -> bytes:
    """Lines as the firmware prints them: restless before, a pull with tremor, another rest after.

    Two short first intervals, then 82.36 Hz, as real recordings of this board have them.
    """
    chance = random.Random(seed)
    lines = []
    for index in range(455):
        t_us = (0, 972)[index] if index < 2 else 10836 + round((index - 2) * 1e6 / 82.36)
        t_s = t_us * 1e-6
        share = min(max((t_s - 1.4) / 0.6, 0.0), 1.0) - min(max((t_s - 4.3) / 0.4, 0.0), 1.0)
        force_n = 4.0 + 400.0 * 0.5 * (1.0 - math.cos(math.pi * share))
        force_n += share * 6.0 * math.sin(2 * math.pi * 8.0 * t_s) + chance.gauss(0.0, 0.3)
        lines.append(f"{t_us};{force_n:.2f}\r\n")
    return "".join(lines).encode()


def replayed(daemon: Daemon, capture: Path, speed: str) -> dict[str, Any]:
    done = daemon.command_line(
        "devices",
        "replay",
        str(capture),
        "--profile=quick_gauge",
        "--trigger=onset",
        "--movement=hip_flexion",
        "--side=left",
        f"--speed={speed}",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_replay_and_run_compute_the_same_trial(tmp_path: Path) -> None:
    capture = tmp_path / "pull.bin"
    capture.write_bytes(human_pull())
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge", idle=False) as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test("hip_flexion")),
            session='trigger = "onset"\nconfirm_change = false',
        ) as daemon,
    ):
        records.streaming("hhd-1")
        records.command("session.start", patient=PATIENT, involved_side="right")
        records.state(phase="ready", side="left")
        gauge.write(capture.read_bytes())
        (published,) = records.result("trial")
        for speed in ("max", "wire"):
            report = replayed(daemon, capture, speed)
            assert (report["samples"], report["rejects"]) == (455, {})
            (trial,) = report["trials"]
            assert published["metrics"] == trial["metrics"]
            assert published["quality"] == {"valid": trial["valid"], "flags": trial["flags"]}
            assert published["sample_rate_hz"] == trial["sample_rate_hz"]
            assert published["tare_n"] == trial["tare_n"]
    assert published["sample_rate_hz"] == pytest.approx(82.36, abs=0.01)
    assert published["quality"]["valid"], published["quality"]
    # 400 N held with 6 N of tremor that the 10 Hz filter partly passes.
    assert published["metrics"]["peak_force_n"] == pytest.approx(404.0, abs=4.0)
