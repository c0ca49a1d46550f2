"""The main job from outside: mosquitto, a pty, ``dynod run``, a patient who follows the display.

The gauge and the inclinometer of these tests are written from the protocols, not from dynod. The
expected numbers are the worked example of the contract's section 6, derived again below.
"""

import math
import time
from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.inclinometer import Inclinometer
from tests.support.mosquitto import Mosquitto
from tests.support.station import (
    PATIENT,
    Daemon,
    RecordSystem,
    battery,
    force_test,
    rom_test,
)

pytestmark = pytest.mark.mosquitto

TILT = """
[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
port = "tilt"
axis = "roll"
"""
STRENGTHS = {"right": (150.0, 149.0, 154.0), "left": (118.0, 121.0, 123.0)}
ANGLES = {"right": 117.0, "left": 111.0}


def expected_strength() -> dict[str, float]:
    """Derive the deficit of the left side by hand: nominal calibration, so U = 0."""
    left, right = (sum(STRENGTHS[side]) / 3 for side in ("left", "right"))
    # Scatter: t(0.975, 2) = 4.303 (any table); SD² = ((118−120.667)² + 0.333² + 2.333²)/2 = 6.333
    # left, so 4.303·2.517/(√3·120.667) = 5.2 %; right 4.4 %. Both lie below 1.96·6.2 = 12.152,
    # which therefore is h on both sides.
    h_both = math.sqrt(2) * 1.96 * 6.2
    ratio = left / right
    return {
        "deficit_percent": 100 * (1 - ratio),
        "lsi_percent": 100 * ratio,
        "log_ratio_percent": 100 * math.log(left / right),
        "mdc95_percent": h_both,
        "low": 100 * (1 - ratio * math.exp(h_both / 100)),
        "high": 100 * (1 - ratio * math.exp(-h_both / 100)),
    }


def test_the_derivation_gives_the_contract_s_printed_figures() -> None:
    expected = expected_strength()
    printed = {
        "deficit_percent": 20.09,
        "lsi_percent": 79.91,
        "log_ratio_percent": -22.42,
        "mdc95_percent": 17.19,
        "low": 5.10,
        "high": 32.71,
    }
    assert expected == pytest.approx(printed, abs=0.006)


def test_a_press_becomes_an_answer_at_the_record_system(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge") as gauge,
        Inclinometer(tmp_path / "tilt") as tilt,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test(repetitions=3), rom_test()),
            profile="chronojump_force_sensor",
            more=TILT,
        ) as daemon,
    ):
        records.streaming("hhd-1", "tilt-1")
        started = records.command("session.start", patient=PATIENT, involved_side="left")
        assert started["ok"]
        code = records.state(phase="confirm")["session_code"]
        assert code == started["session_code"]

        pull_both_sides(records, gauge)
        reach_both_sides(records, gauge, tilt)
        records.state(phase="complete", next=None)
        assert records.command("session.end")["ok"]
        records.state(phase="idle", session_id=None)

        check_trials(records)
        check_deficits(records)
        check_session(records, started["session_id"])
        check_sequence(records)
        check_privacy(records, daemon)
        assert daemon.stop() == 0
        assert records.wait("the goodbye", lambda: records.retained["status"]["state"] == "offline")


def pull_both_sides(records: RecordSystem, gauge: Gauge) -> None:
    """Do what the display says: the uninvolved right side comes first."""
    done = 0
    for side in ("right", "left"):
        records.state(phase="confirm", side=side, movement="hip_abduction")
        gauge.hold(0.5, gauge.rest_n)
        gauge.press()
        for number, peak_n in enumerate(STRENGTHS[side], 1):
            records.state(phase="ready", side=side, trial_number=number)
            gauge.trial(peak_n)
            done += 1
            last = records.verdict(done)["last_trial"]
            assert last["valid"], last
            assert last["value"] == pytest.approx(peak_n, abs=0.05)


def reach_both_sides(records: RecordSystem, gauge: Gauge, tilt: Inclinometer) -> None:
    """Press at neutral, go to the end of the range, hold, press: in real time."""
    for done, side in enumerate(("right", "left"), 7):
        records.state(phase="confirm", side=side, movement="hip_flexion")
        time.sleep(0.4)  # beyond the debounce
        gauge.press()
        records.state(phase="ready", side=side, kind="angle")
        time.sleep(1.3)  # the patient lies still: an inclinometer has no clock to run ahead of
        gauge.press()
        records.state(phase="recording")
        tilt.angle_deg = ANGLES[side]
        time.sleep(1.6)
        gauge.press()
        last = records.verdict(done)["last_trial"]
        assert last["quantity"] == "angle_deg"
        # 16 bits over 360° are steps of 0.0055°.
        assert last["value"] == pytest.approx(ANGLES[side], abs=0.006), last
        tilt.angle_deg = 0.0


def check_trials(records: RecordSystem) -> None:
    trials = records.result("trial", 8)
    assert len(trials) == 8
    for trial in trials:
        assert trial["quality"] == {"valid": True, "flags": ["uncalibrated"]}
    assert all(trial["patient"] == PATIENT for trial in trials)
    first = trials[0]
    assert first["test"]["side"] == "right"
    assert first["metrics"]["peak_force_n"] == pytest.approx(150.0, abs=0.05)
    # The gauge rests at 4 N, which the raw peak still holds.
    assert first["metrics"]["raw_peak_force_n"] == pytest.approx(154.0, abs=1e-9)
    assert first["tare_n"] == pytest.approx(4.0, abs=1e-9)
    assert first["sample_rate_hz"] == pytest.approx(80.0, abs=0.01)
    assert first["calibration"] == {"status": "nominal"}
    # At 80 Hz only the rate over 200 ms is offered.
    assert "rfd_0_100_n_per_s" not in first["metrics"]
    # Impulse of two raised cosines of 1 s (half their height on average) and 2 s at 150 N, less
    # the cosines' feet below 10 N: 75(1 − cos πt) = 10 at t = 0.167 s, under 1 N·s each.
    assert first["metrics"]["impulse_n_s"] == pytest.approx(150.0 * 3.0, abs=2.0)


def check_deficits(records: RecordSystem) -> None:
    strength, reach = records.result("deficit", 2)
    expected = expected_strength()
    for key in ("deficit_percent", "lsi_percent", "log_ratio_percent", "mdc95_percent"):
        assert strength[key] == pytest.approx(expected[key], abs=0.03), key
    assert strength["ci95_percent"] == pytest.approx([expected["low"], expected["high"]], abs=0.03)
    assert strength["classification"] == "exceeds_error_and_threshold"
    assert strength["quantity"] == "peak_force_n"
    assert (strength["reference_side"], strength["weaker_side"]) == ("right", "left")
    assert "Byrne 2020" in strength["mdc_source"]
    assert strength["left"]["value"] == pytest.approx(362.0 / 3, abs=0.03)
    assert strength["left"]["sem_percent"] == 6.2
    # Reference minus compared: 117 − 111 = 6°, against 15° for flexion.
    assert reach["deficit_deg"] == pytest.approx(6.0, abs=0.012)
    assert reach["ci95_deg"] == pytest.approx([-9.0, 21.0], abs=0.012)
    assert reach["classification"] == "within_error"


def check_session(records: RecordSystem, session_id: str) -> None:
    (session,) = records.result("session")
    assert session["session_id"] == session_id
    assert session["battery"] == "short"
    assert len(session["trials"]) == 8
    assert len(session["deficits"]) == 2
    assert session["skipped"] == []


def check_sequence(records: RecordSystem) -> None:
    assert [result["sequence"] for result in records.results] == list(range(1, 12))
    assert len({result["stream"] for result in records.results}) == 1
    records.wait(
        "the last sequence in status",
        lambda: records.retained["status"].get("last_sequence") == 11,
    )


def check_privacy(records: RecordSystem, daemon: Daemon) -> None:
    """No patient identifier in a topic, a retained message, a log line or a file name."""
    assert not any(PATIENT["id"] in topic for topic, _ in records.raw)
    for topic, payload in records.raw:
        if "/results/" not in topic and "/commands/" not in topic:
            assert PATIENT["id"].encode() not in payload
    assert PATIENT["id"] not in daemon.log.read_text()
    assert not any(PATIENT["id"] in path.name for path in daemon.folder.rglob("*"))
