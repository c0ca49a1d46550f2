"""How well a stream is, from constructed blocks. What is expected is derived in each test."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dynod.cli.findings import Finding, findings
from dynod.cli.health import Health, Heard, examine, measured_rate
from dynod.model.clinical import Kind
from dynod.model.samples import (
    DeviceEvent,
    EventKind,
    FloatArray,
    Reject,
    RejectReason,
    SampleBlock,
    SampleStatus,
)
from dynod.model.units import Unit
from dynod.wire.profile import Profile
from tests.cli.models import FRAME, KEY, LINE, POLL, profile

ARRIVING, FRAMES, ASKED, BY_HAND = (profile(text) for text in (LINE, FRAME, POLL, KEY))
STAMPED = profile(
    LINE.replace("'F(?P", r"'(?P<stamp>\d+);F(?P").replace(
        'kind = "nominal"', 'kind = "stamp"\nunit_s = 1e-3'
    )
)


def block(
    times: Sequence[float] | FloatArray,
    values: Sequence[float] | FloatArray | float = 1.0,
    *,
    status: Sequence[int] | None = None,
    segment: int = 0,
    channel: str = "force",
) -> SampleBlock:
    numbers = np.broadcast_to(np.asarray(values, float), (len(times),)).copy()
    marks = np.zeros(len(times), np.uint8) if status is None else np.array(status, np.uint8)
    numbers[marks != 0] = np.nan
    return SampleBlock(np.asarray(times, float), numbers[:, None], marks, (channel,), segment)


def look(one: Profile, *blocks: SampleBlock, **more: Any) -> Health:
    """Examine blocks; each came when its last sample was taken, unless ``arrivals_s`` says when."""
    arrivals_s = more.pop("arrivals_s", None) or [float(part.t_s[-1]) for part in blocks]
    return examine(one, Heard(blocks, arrivals_s, **more))


def words(one: Profile, health: Health, **more: Any) -> dict[str, Finding]:
    return {finding.item: finding for finding in findings(one, health, **more)}


def reject(reason: RejectReason = RejectReason.MALFORMED) -> Reject:
    return Reject(reason, 0.0, 0, 5)


GRID: FloatArray = np.arange(1000.0) * 0.01  # ten seconds at 100 Hz


# -- time ----------------------------------------------------------------------------------


def test_a_steady_stream() -> None:
    health = look(STAMPED, block(GRID))
    assert (health.samples, health.segments, health.timing.basis) == (1000, 1, "stamps")
    assert health.timing.rate_hz == pytest.approx(100.0)
    assert health.timing.jitter_sd_ms == pytest.approx(0.0, abs=1e-9)
    assert health.timing.worst_interval_ms == pytest.approx(10.0)
    assert health.timing.gaps == 0
    said = words(STAMPED, health)
    assert said["rate"] == Finding("rate", "ok", "100.0 Hz, as expected")
    assert said["gaps"].state == "ok"


def test_intervals_of_nine_and_eleven_vary_by_one() -> None:
    """Half of each: mean 10 ms, and every one is 1 ms off, so the SD is 1 ms."""
    times: FloatArray = np.concatenate([[0.0], np.cumsum(np.tile([0.009, 0.011], 100))])
    timing = look(STAMPED, block(times)).timing
    assert timing.rate_hz == pytest.approx(100.0)
    assert timing.jitter_sd_ms == pytest.approx(1.0)
    assert timing.worst_interval_ms == pytest.approx(11.0)


def test_one_sample_is_missing() -> None:
    """An interval of twice the usual one is a gap: the factor is 1.75, as for a trial."""
    health = look(STAMPED, block(GRID[GRID[500] != GRID]))
    assert health.timing.gaps == 1
    assert health.timing.worst_interval_ms == pytest.approx(20.0)
    said = words(STAMPED, health)["gaps"]
    assert said.state == "bad"
    assert "missing once" in said.text


def test_the_pause_between_two_segments_is_no_interval() -> None:
    health = look(STAMPED, block(GRID), block(GRID + 100.0, segment=1))
    assert (health.samples, health.segments) == (2000, 2)
    assert health.timing.gaps == 0
    assert health.timing.rate_hz == pytest.approx(100.0)
    assert "began anew once" in words(STAMPED, health)["restarts"].text


def test_without_stamps_the_arrivals_count_and_not_the_smoothed_times() -> None:
    """Four samples come every 40 ms: 3 of 4 intervals are 0, one is 40 ms; SD √3·10 ms."""
    blocks = [block(GRID[4 * k : 4 * k + 4]) for k in range(100)]
    health = look(ARRIVING, *blocks, arrivals_s=[0.04 * k for k in range(100)])
    timing = health.timing
    assert timing.basis == "arrival"
    assert timing.rate_hz == pytest.approx(100.0)  # 396 samples after the first in 3.96 s
    intervals = 99 * 40.0**2 / 399 - (99 * 40.0 / 399) ** 2  # mean of squares less square of mean
    assert timing.jitter_sd_ms == pytest.approx(math.sqrt(intervals))
    assert timing.worst_interval_ms == pytest.approx(40.0)
    assert timing.gaps == 0
    assert words(ARRIVING, health)["jitter"].state == "look"


def test_a_late_chunk_is_no_gap_and_a_missing_one_is() -> None:
    """At 100 ms one may come 20 ms late, and 1.75 · 100 + 20 = 195 ms is the limit."""
    times = [0.1 * k for k in range(20)]
    late = [t_s + (0.09 if k == 10 else 0.0) for k, t_s in enumerate(times)]
    frames = [block([t_s], channel="roll") for t_s in times]
    assert look(FRAMES, *frames, arrivals_s=late).timing.gaps == 0
    without = [t_s for k, t_s in enumerate(times) if k != 10]
    assert look(FRAMES, *frames[:-1], arrivals_s=without).timing.gaps == 1


@pytest.mark.parametrize(
    ("times", "rate_hz"),
    [
        ([], None),
        ([1.0], None),
        ([1.0, 1.0], None),
        ([0.0, 0.5, 1.0], 2.0),
        ([0.0, 0.0, 0.0, 0.5, 1.0], 2.0),  # nobody knows since when the first three waited
    ],
)
def test_a_rate_needs_two_times(times: list[float], rate_hz: float | None) -> None:
    assert measured_rate(np.array(times)) == rate_hz


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (ARRIVING.model_copy(update={"rate_hz": 91.0}), "as expected"),  # 9.9 percent
        (ARRIVING.model_copy(update={"rate_hz": 50.0}), "and not 50 Hz"),
        (ARRIVING.model_copy(update={"rate_hz": None}), "put rate_hz = 100 into dynod.toml"),
        (ASKED.model_copy(update={"rate_hz": 200.0}), "though asked 200 times a second"),
    ],
)
def test_what_is_said_of_a_rate_of_100_hz(one: Profile, says: str) -> None:
    blocks = [block([t_s]) for t_s in GRID]
    assert says in words(one, look(one, *blocks))["rate"].text


def test_two_samples_are_too_few_to_tell() -> None:
    said = words(STAMPED, look(STAMPED, block([1.0])))
    assert said["rate"].state == "bad"
    assert "jitter" not in said


# -- damage --------------------------------------------------------------------------------


def test_three_of_eight_hundred() -> None:
    health = look(
        ARRIVING,
        block(GRID[:797]),
        rejects=[reject(), reject(), reject(RejectReason.CHECKSUM)],
    )
    assert health.rejects == {"malformed": 2, "checksum": 1}
    said = words(ARRIVING, health)["damage"]
    assert said.state == "bad"
    assert said.text == (
        "3 of 800 lines were damaged (1 checksum, 2 malformed): check the cable and its shielding"
    )


@pytest.mark.parametrize(("one", "noun"), [(ARRIVING, "lines"), (FRAMES, "frames")])
def test_nothing_damaged(one: Profile, noun: str) -> None:
    health = look(one, block(GRID, channel=one.channels[0]))
    assert words(one, health)["damage"].text == f"none of 1000 {noun} was damaged"


def test_more_damage_than_samples_is_no_matter_of_the_cable() -> None:
    health = look(ARRIVING, block(GRID[:2]), rejects=[reject()] * 3)
    assert "check baud rate and profile" in words(ARRIVING, health)["damage"].text


@pytest.mark.parametrize(
    ("one", "rejects", "says"),
    [
        (ARRIVING, 0, "check cable, power and port"),
        (ARRIVING, 7, "nothing of what came could be read (7 lines): check baud rate and profile"),
        (BY_HAND, 0, "press the key"),
    ],
)
def test_nothing_came(one: Profile, rejects: int, says: str) -> None:
    health = look(one, rejects=[reject()] * rejects)
    assert (health.samples, health.timing.rate_hz) == (0, None)
    assert says in words(one, health)["samples"].text


def test_samples_at_the_limits_are_counted_by_name() -> None:
    marks = [0] * 995 + [SampleStatus.OVERLOAD] * 3 + [SampleStatus.SATURATED] * 2
    health = look(ARRIVING, block(GRID, status=marks))
    assert health.statuses == {"overload": 3, "saturated": 2}
    said = words(ARRIVING, health)
    assert said["overload"].text.startswith("3 of 1000 samples were above")
    assert "is the cell connected" in said["saturated"].text


# -- at rest -------------------------------------------------------------------------------


def test_noise_is_about_the_drift_and_drift_is_over_the_time() -> None:
    """A line that rises 2 N over the 9.99 s, and ±0.5 N by turns about it.

    About the line n values of 0.5 have SD 0.5·√(n/(n−2)); by turns they have next to no slope.
    """
    values = 10.0 + 2.0 * GRID / GRID[-1] + np.tile([0.5, -0.5], 500)
    rest = look(STAMPED, block(GRID, values)).rest["force"]
    assert rest.sd == pytest.approx(0.5 * math.sqrt(1000 / 998), rel=1e-4)
    assert rest.drift == pytest.approx(2.0, abs=0.01)
    assert rest.mean == pytest.approx(11.0)
    assert rest.seconds == pytest.approx(9.99)
    assert rest.unit == "N"
    assert rest.distinct == 1000


@pytest.mark.parametrize(
    ("changes", "factor", "unit"),
    [
        ({"unit": Unit.KILOGRAM_FORCE}, 9.80665, "N"),
        ({"unit": Unit.KILOGRAM_FORCE, "push_sign": -1}, -9.80665, "N"),
        ({"unit": Unit.COUNT}, 1.0, "counts"),
        ({"unit": None}, 1.0, "of its own numbers"),
    ],
)
def test_noise_is_on_the_nominal_scale(
    changes: dict[str, object], factor: float, unit: str
) -> None:
    one = STAMPED.model_copy(update=changes)
    rest = look(one, block(GRID, 3.0 + GRID)).rest["force"]
    assert rest.unit == unit
    assert rest.drift == pytest.approx(9.99 * factor)
    assert rest.mean == pytest.approx((3.0 + 4.995) * factor)


def test_an_angle_may_run_over_the_half_turn() -> None:
    """From 175° to 185° is ten degrees, though the wire says −175°."""
    angles = (175.0 + GRID + 180.0) % 360.0 - 180.0
    assert FRAMES.kind is Kind.ANGLE
    stamped = [
        block([t_s], [angle], channel="roll") for t_s, angle in zip(GRID, angles, strict=True)
    ]
    rest = look(FRAMES, *stamped).rest["roll"]
    assert rest.unit == "deg"
    assert rest.drift == pytest.approx(9.99)


def test_what_is_no_measurement_is_no_noise() -> None:
    marks = [SampleStatus.OVERLOAD if k % 2 else 0 for k in range(1000)]
    rest = look(STAMPED, block(GRID, 5.0, status=marks)).rest["force"]
    assert rest.mean == pytest.approx(5.0)
    assert rest.distinct == 1
    everything = look(STAMPED, block(GRID, 5.0, status=[SampleStatus.OVERLOAD] * 1000))
    assert everything.rest["force"].mean is None


@pytest.mark.parametrize(
    ("values", "state", "says"),
    [
        (np.full(1000, 4.0), "look", "the reading never changed: is the load cell connected?"),
        (np.tile([4.0, 4.1], 500), "ok", "over 2 different values"),
        (np.tile([4.0, 8.0], 500), "look", "was it left alone?"),
        (4.0 + GRID + np.tile([0.0, 0.1], 500), "look", "let it warm up"),
    ],
    ids=["stuck", "quiet", "restless", "drifting"],
)
def test_what_is_said_of_a_reading(values: FloatArray, state: str, says: str) -> None:
    said = words(STAMPED, look(STAMPED, block(GRID, values)))["reading force"]
    assert said.state == state
    assert says in said.text


# -- the button ----------------------------------------------------------------------------


def events(presses: int, releases: int) -> list[DeviceEvent]:
    kinds = [EventKind.PRESS] * presses + [EventKind.RELEASE] * releases
    return [DeviceEvent(kind, 0.0, 0) for kind in kinds]


@pytest.mark.parametrize(
    ("presses", "releases", "state"),
    [(0, 0, "look"), (2, 2, "ok"), (2, 1, "ok"), (7, 0, "bad")],  # held at the end is no fault
)
def test_what_is_said_of_a_button(presses: int, releases: int, state: str) -> None:
    health = look(ARRIVING, block(GRID), events=events(presses, releases))
    assert words(ARRIVING, health)["button"].state == state


def test_readings_by_hand_have_no_rate() -> None:
    health = look(BY_HAND, block([1.0, 5.0, 9.0]), events=events(3, 0))
    assert health.timing.rate_hz is None
    said = words(BY_HAND, health)
    assert said["readings"].text.startswith("the key was pressed 3 times")
    assert "button" not in said


def test_an_adapter_that_holds_bytes_back_is_told() -> None:
    health = look(ARRIVING, block(GRID))
    assert "up to 16 ms" in words(ARRIVING, health, latency_timer_ms=16)["adapter"].text
    assert "adapter" not in words(ARRIVING, health, latency_timer_ms=1)
