"""The budget against the GUM's and EA-4/02's numbers and by hand; the lines against scipy."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from dynod.config.certificate_file import CertificateFile, UncertaintyTable
from dynod.core.calibration import certificate, judge_calibration
from dynod.core.calibration_force import ForceSettings, calibrate_force
from dynod.core.calibration_uncertainty import (
    budget,
    coverage_factor,
    creep_effect,
    effective_degrees_of_freedom,
    enclosing_line,
    enclosing_pair,
    limit_term,
    rounded_up,
    stated_term,
    student_term,
    temperature_effect,
)
from dynod.model.calibration import Uncertainty
from dynod.model.calibration_record import (
    Branch,
    Buoyancy,
    CalibrationReport,
    CalibrationRun,
    Distribution,
    Gravity,
    LoadPoint,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

GRAVITY = Gravity(9.8, 0.00098, "hand")
AIR = Buoyancy(0.99985, 0.0)
LOADS = [0.0, 100.0, 200.0, 300.0]


def a_run(
    rising: list[float], mounting: int = 1, loop: float | None = None, back: float | None = None
) -> CalibrationRun:
    """Return a run at LOADS. ``loop`` is falling − rising at 100 and 200 N, ``back`` the zero."""
    points = [
        LoadPoint(load, reading, load_uncertainty=1e-4 * load)
        for load, reading in zip(LOADS, rising, strict=True)
    ]
    if loop is not None:
        points += [
            LoadPoint(load, reading + loop, Branch.FALLING)
            for load, reading in zip(LOADS[1:3], rising[1:3], strict=True)
        ]
    if back is not None:
        points.append(LoadPoint(0.0, rising[0] + back, Branch.FALLING))
    return CalibrationRun(tuple(points), mounting)


# Sensitivities 1, 1 | 1.03 of two mountings, 10 numbers of hysteresis, zeros that return 3 off.
RUNS = [
    a_run([500.0, 1500.0, 2500.0, 3500.0], 1, 10.0, 3.0),
    a_run([520.0, 1520.0, 2520.0, 3520.0], 1, 10.0, -3.0),
    a_run([510.0, 1540.0, 2570.0, 3600.0], 2, 10.0, 3.0),
]


def calibrated(
    runs: list[CalibrationRun], settings: ForceSettings | None = None
) -> CalibrationReport:
    return calibrate_force(
        runs,
        gravity=GRAVITY,
        air=AIR,
        settings=settings or ForceSettings(resolution=2.0, highest_degree=1),
    )


def term(report: CalibrationReport, name: str, load: float) -> UncertaintyTerm:
    (at_load,) = (item for item in report.budgets if item.load == load)
    (found,) = (item for item in at_load.terms if item.name == name)
    return found


def test_the_end_gauge_of_the_gum() -> None:
    """H.1.6: 25, 9.7, 2.9 and 16.6 nm with 18, 25.6, 50 and 2 degrees of freedom are 32 nm with
    16.7 of them; the GUM takes 16."""
    terms = [
        student_term("", u, 1.0, df, source="")
        for u, df in ((25.0, 18.0), (9.7, 25.6), (2.9, 50.0), (16.6, 2.0))
    ]
    assert budget(0.0, terms).standard == pytest.approx(32.0, abs=0.5)
    assert effective_degrees_of_freedom(terms) == pytest.approx(16.7, abs=0.2)


def test_the_ten_kilogram_weight_of_ea_4_02() -> None:
    """S2 as metrodata.de works it: 45 mg (k = 2), ±15 mg, 14.2 mg, ±10 mg, ±10 mg are 29.1 mg; U
    is 58 mg."""
    terms = [
        UncertaintyTerm("", 45.0, Distribution.NORMAL, 2.0, 1.0, math.inf, shared=True, source=""),
        limit_term("", 15.0, source=""),
        student_term("", 14.2, 1.0, math.inf, source=""),
        limit_term("", 10.0, source=""),
        limit_term("", 10.0, source=""),
    ]
    found = budget(10.0, terms)
    assert found.standard == pytest.approx(29.1, abs=0.05)
    assert found.expanded == pytest.approx(58.0, abs=0.5)
    assert (found.coverage_factor, found.effective_degrees_of_freedom) == (2.0, math.inf)


@pytest.mark.parametrize(
    ("freedom", "printed"),
    [(1, 13.97), (2, 4.53), (3, 3.31), (4, 2.87), (5, 2.65), (8, 2.37), (20, 2.13), (50, 2.05)],
)
def test_the_coverage_factor_is_that_of_the_tables(freedom: int, printed: float) -> None:
    """EA-4/02, table E.1; GUM table G.2, 95.45 %."""
    assert coverage_factor(freedom) == pytest.approx(printed, abs=5e-3)


def test_the_coverage_factor_ends_at_two() -> None:
    assert coverage_factor(math.inf) == 2.0
    assert coverage_factor(1e9) == pytest.approx(2.0, abs=1e-6)


def test_no_uncertainty_at_all_is_none() -> None:
    found = budget(10.0, [limit_term("resolution", 0.0, source="")])
    assert (found.standard, found.expanded, found.coverage_factor) == (0.0, 0.0, 2.0)


def test_the_parts_add_up_in_squares() -> None:
    for item in calibrated(RUNS).budgets:
        assert item.shared**2 + item.unshared**2 == pytest.approx(item.expanded**2)
        assert item.expanded == pytest.approx(item.coverage_factor * item.standard)


def test_what_the_weights_bring_by_hand() -> None:
    """At 200 N: masses 1e-4 of it, gravity 0.00098/9.8 = 1e-4 of it; common to both sides."""
    report = calibrated(RUNS)
    assert term(report, "mass set", 200.0).standard == pytest.approx(0.02)
    assert term(report, "gravity", 200.0).standard == pytest.approx(0.02)
    assert term(report, "gravity", 200.0).source == "hand"
    assert term(report, "buoyancy", 200.0).standard == 0.0
    assert all(
        term(report, name, 200.0).shared
        for name in ("mass set", "gravity", "buoyancy", "interpolation")
    )


def test_what_the_device_shows_by_hand() -> None:
    """One N is 10.1 numbers at the mean sensitivity 1.01, as the curve has it to a percent or so.

    Readings do not scatter beyond zero and sensitivity. The sensitivities 1.00, 1.00 | 1.03 have
    the standard deviation 0.03/√2/1.01, times √(14/9) for a mounting of one's own. Half of a loop
    of 10 numbers, half a step of 2, a zero that comes back 3 off, are limits.
    """
    report = calibrated(RUNS)
    assert term(report, "repeatability", 100.0).standard == pytest.approx(0.0, abs=1e-9)
    between = 0.03 / math.sqrt(2) / 1.01 * math.sqrt(14 / 9)
    assert term(report, "reproducibility", 200.0).standard == pytest.approx(between * 200, rel=0.02)
    assert term(report, "reproducibility", 200.0).degrees_of_freedom == 1
    assert term(report, "resolution", 200.0).standard == pytest.approx(
        1 / 10.1 / math.sqrt(3) * math.sqrt(2), rel=0.02
    )
    assert term(report, "zero drift", 200.0).standard == pytest.approx(
        3 / 10.1 / math.sqrt(3), rel=0.02
    )
    assert term(report, "reversibility", 200.0).standard == pytest.approx(
        5 / 10.1 / math.sqrt(3), rel=0.02
    )
    assert term(report, "reversibility", 300.0).standard == 0.0
    unshared = ("repeatability", "reproducibility", "resolution", "zero drift", "reversibility")
    assert not any(term(report, name, 200.0).shared for name in unshared)


def test_the_lack_of_fit_counts_at_the_load_and_at_zero() -> None:
    """Without scatter all of the residual variance s² is lack of fit: u² = s²·(2 + L²/Sxx).

    Loads 0, 100, 200, 300 have Sxx = 50,000: at 300 N it is √(2 + 1.8).
    """
    report = calibrated(RUNS)
    found = term(report, "interpolation", 300.0)
    assert found.value == report.fit.standard_error
    assert found.sensitivity == pytest.approx(math.sqrt(2 + 1.8), rel=0.02)
    assert found.degrees_of_freedom == 2


def opposed(
    bend: float = 0.0, loop: float | None = None, back: float | None = None
) -> list[CalibrationRun]:
    """Return two runs that miss 0.1 N per number in opposite ways, by 4 numbers at 100 and 200 N;
    ``bend`` is what both are off at 100 N."""
    return [
        a_run([0.0, 1000.0 + bend + miss, 2000.0 - miss, 3000.0], 1, loop, back)
        for miss in (4.0, -4.0)
    ]


def test_the_scatter_of_a_reading_counts_twice() -> None:
    """Misses 0, 4, −4, 0 at 100 N apart have the slope −400/50,000 per N; about it 1.2, 3.6, 3.6
    and 1.2 are left, whose squares are 28.8; of both runs, 57.6 with 3 − 1 degrees of freedom. So
    one reading scatters by √28.8 numbers, reading and zero by √57.6."""
    report = calibrated(opposed())
    assert term(report, "repeatability", 300.0).standard == pytest.approx(0.1 * math.sqrt(57.6))
    assert term(report, "repeatability", 300.0).degrees_of_freedom == 2


def test_a_residual_that_is_chance_counts_as_chance() -> None:
    """The means of the opposed runs are on a straight line all the same."""
    report = calibrated(opposed())
    assert term(report, "interpolation", 300.0).standard == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("loop", "means"), [(None, 2), (1.0, 4)])
def test_the_lack_of_fit_is_what_chance_does_not_explain(loop: float | None, means: int) -> None:
    """Of the residual variance s² of the means of two runs σ²/2 is chance, and σ²/4 where the
    falling readings count too; the rest counts twice, and L²/Sxx = 1.8 of the whole at 300 N."""
    report = calibrated(opposed(30.0, loop))
    variance = report.fit.standard_error**2
    chance = term(report, "repeatability", 300.0).value ** 2 / means
    assert chance < variance
    found = term(report, "interpolation", 300.0).sensitivity
    assert found == pytest.approx(math.sqrt(2.0 * (1.0 - chance / variance) + 1.8), rel=5e-3)


def test_a_zero_return_that_is_chance_is_no_drift() -> None:
    """Zeros come back 3 N off; two readings of variance 0.288 explain 0.576 of the 9."""
    found = term(calibrated(opposed(back=30.0)), "zero drift", 100.0)
    assert found.standard == pytest.approx(math.sqrt((9.0 - 0.576) / 3.0), rel=1e-3)
    assert term(calibrated(opposed(back=2.0)), "zero drift", 100.0).standard == 0.0


def test_the_worst_load_speaks_for_the_masses() -> None:
    """0.01 N of 100, 0.06 N of 300 N: 2e-4 of any load."""
    runs = [
        CalibrationRun(
            tuple(
                LoadPoint(load, 10.0 * load, load_uncertainty=uncertainty)
                for load, uncertainty in zip(LOADS, (0.0, 0.01, 0.02, 0.06), strict=True)
            )
        )
    ]
    assert term(calibrated(runs), "mass set", 100.0).standard == pytest.approx(0.02)


def test_a_single_run_has_the_scatter_of_its_residuals() -> None:
    report = calibrated([a_run([0.0, 1005.0, 1995.0, 3000.0])])
    assert term(report, "repeatability", 200.0).value == report.fit.standard_error
    assert term(report, "repeatability", 200.0).degrees_of_freedom == 2
    assert "reproducibility" not in {item.name for item in report.budgets[0].terms}
    assert report.notes[:3] == (
        "a single run: nothing is known of how runs and mountings differ",
        "no falling loads: a falling force may read differently",
        "no zero after a run: the drift of the zero is not known",
    )


def test_a_single_run_with_falling_loads_scatters_more_than_its_means() -> None:
    """The curve is fitted to means of two readings, which scatter by 1/√2 of one."""
    report = calibrated([a_run([0.0, 1005.0, 1995.0, 3000.0], loop=2.0)])
    value = term(report, "repeatability", 200.0).value
    assert value == pytest.approx(math.sqrt(2.0) * report.fit.standard_error)


def test_runs_of_one_mounting_say_so() -> None:
    report = calibrated(
        [a_run([0.0, 1000.0, 2000.0, 3000.0]), a_run([1.0, 1004.0, 2003.0, 3008.0])]
    )
    assert term(report, "reproducibility", 100.0).source.endswith("runs of one mounting")
    assert any("never taken out" in note for note in report.notes)


def test_few_degrees_of_freedom_are_said() -> None:
    report = calibrated(RUNS)
    (worst,) = (item for item in report.budgets if item.load == 300.0)
    assert worst.effective_degrees_of_freedom < 1.1
    assert worst.coverage_factor == pytest.approx(coverage_factor(1.0), rel=0.1)
    assert report.notes == (
        "two mountings tell little: where they rule, 95 % may be 90 %; take three or more",
        f"only 1.0 degrees of freedom: k is up to {worst.coverage_factor:.1f}",
    )


def test_stated_effects_join_the_budget() -> None:
    """±0.1 % of 200 N is 0.2/√3; 0.02 % per K over ±5 K the same; a standard deviation as it is."""
    stated = (
        creep_effect(-0.1),
        temperature_effect(0.02, 5.0),
        StatedEffect("pad", 0.3, 0.0, shared=False, source="x", distribution=Distribution.NORMAL),
    )
    report = calibrated(RUNS, ForceSettings(resolution=2.0, stated=stated))
    assert term(report, "creep", 200.0).standard == pytest.approx(0.2 / math.sqrt(3))
    assert term(report, "temperature", 200.0).standard == pytest.approx(0.2 / math.sqrt(3))
    assert term(report, "pad", 200.0).standard == 0.3
    assert stated_term(stated[0], -200.0).standard == pytest.approx(0.2 / math.sqrt(3))


def test_the_certificate_of_a_report_turns_numbers_into_newtons() -> None:
    """A file of it is accepted, and gives 200 N at the mean reading there, less that at zero."""
    report = calibrated(RUNS)
    issued = certificate(
        report,
        certificate_id="T-1",
        profile="p",
        serial_number="s",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
        issued_by="t",
    )
    CertificateFile(
        certificate_id=issued.certificate_id,
        profile=issued.profile,
        serial_number=issued.serial_number,
        coefficients=issued.coefficients,
        range_low=issued.range_low,
        range_high=issued.range_high,
        valid_from=issued.valid_from,
        valid_until=issued.valid_until,
        uncertainty=UncertaintyTable(
            floor=issued.uncertainty.floor, slope=issued.uncertainty.slope
        ),
        unshared=UncertaintyTable(floor=issued.unshared.floor, slope=issued.unshared.slope),
        issued_by=issued.issued_by,
    )
    applied = judge_calibration(
        [issued],
        profile="p",
        serial_number="s",
        nominal_coefficients=(0.0, 1.0),
        at=datetime(2026, 6, 1, tzinfo=UTC),
        allow_nominal=False,
    )
    zero, load = applied.apply(np.array([510.0, 2530.0]))
    assert load - zero == pytest.approx(200.0, abs=2.0)
    assert (applied.range_low, applied.range_high) == (100.0, 300.0)


def test_weighting_trusts_the_better_load_more() -> None:
    """A load at 300 N that is known to 3 N, and reads 6 N too high, pulls the line less."""
    off = [0.0, 1000.0, 2000.0, 3060.0]
    loose = CalibrationRun(
        tuple(
            LoadPoint(load, reading, load_uncertainty=3.0 if load == 300.0 else 0.001)
            for load, reading in zip(LOADS, off, strict=True)
        )
    )
    plain = calibrated([loose], ForceSettings(resolution=1.0))
    weighted = calibrated([loose], ForceSettings(resolution=1.0, weighted=True))
    slopes = [report.fit.coefficients[1] for report in (plain, weighted)]
    assert abs(slopes[1] - 0.1) < abs(slopes[0] - 0.1)
    exact = calibrated([a_run([0.0, 1000.0, 2000.0, 3000.0])], ForceSettings(1.0, weighted=True))
    assert exact.fit.coefficients[1] == pytest.approx(0.1)


def test_through_zero_on_request() -> None:
    report = calibrated(
        [a_run([1.0, 1001.0, 2001.0, 3001.0])], ForceSettings(resolution=1.0, through_zero=True)
    )
    assert report.fit.coefficients[0] == 0.0


@pytest.mark.parametrize("resolution", [-1.0, math.nan])
def test_a_resolution_that_is_none_is_refused(resolution: float) -> None:
    with pytest.raises(UsageError, match="resolution"):
        calibrated(RUNS, ForceSettings(resolution=resolution))


# U over a range: the norm of things that are straight in the load, as a budget is.
AMOUNTS = st.floats(0.0, 5.0)
LOWEST = st.just(0.0) | st.floats(1.0, 50.0)


def spread(floor: float, slope: float, loads: FloatArray) -> FloatArray:
    return np.hypot(floor, slope * loads)


def best_area(loads: FloatArray, curves: list[FloatArray]) -> float:
    """Return the least sum of the lines at the middle, by scipy's linear program.

    Unknown f, s of each curve, all >= 0; each line above its curve; no f or s of the second above
    that of the first.
    """
    count = len(curves)
    centre = 0.5 * (loads[0] + loads[-1])
    rows, limits = [], []
    for at, curve in enumerate(curves):
        for load, value in zip(loads, curve, strict=True):
            row = np.zeros(2 * count)
            row[2 * at : 2 * at + 2] = -1.0, -load
            rows.append(row)
            limits.append(-value)
    if count == 2:
        rows += [np.array([-1.0, 0.0, 1.0, 0.0]), np.array([0.0, -1.0, 0.0, 1.0])]
        limits += [0.0, 0.0]
    solved = optimize.linprog([1.0, centre] * count, A_ub=np.array(rows), b_ub=limits)
    assert solved.fun is not None
    return float(solved.fun)


@given(floor=AMOUNTS, slope=st.floats(0.0, 0.05), low=LOWEST, wave=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_enclosing_line_is_the_best_there_is(
    floor: float, slope: float, low: float, wave: float
) -> None:
    loads = np.linspace(low, 200.0, 14)
    curve = spread(floor, slope, loads) + wave * np.sin(loads / 20.0) ** 2
    line = enclosing_line(loads, curve)
    assert line.floor >= 0.0
    assert line.slope >= 0.0
    assert np.all(line.floor + line.slope * loads >= curve * (1.0 - 1e-9))
    area = line.at(0.5 * (low + 200.0))
    assert area == pytest.approx(best_area(loads, [curve]), rel=1e-6, abs=1e-6)


@given(
    own=AMOUNTS,
    own_slope=st.floats(0.0, 0.05),
    common=AMOUNTS,
    common_slope=st.floats(0.0, 0.05),
    low=LOWEST,
)
@settings(max_examples=60, deadline=None)
def test_the_pair_of_lines_is_the_best_there_is(
    own: float, own_slope: float, common: float, common_slope: float, low: float
) -> None:
    loads = np.linspace(low, 200.0, 14)
    part = spread(own, own_slope, loads)
    whole = np.hypot(part, spread(common, common_slope, loads))
    of_whole, of_part = enclosing_pair(loads, whole, part)
    for line, curve in ((of_whole, whole), (of_part, part)):
        assert np.all(line.floor + line.slope * loads >= curve * (1.0 - 1e-9))
    assert of_part.floor <= of_whole.floor
    assert of_part.slope <= of_whole.slope
    centre = 0.5 * (low + 200.0)
    area = of_whole.at(centre) + of_part.at(centre)
    assert area == pytest.approx(best_area(loads, [whole, part]), rel=1e-6, abs=1e-6)


def test_a_pair_whose_best_lines_would_cross() -> None:
    """The part is all floor, the whole nearly all slope: by itself the whole had a lower floor."""
    loads = np.linspace(20.0, 200.0, 10)
    part = np.full(10, 1.0)
    whole = np.hypot(part, 0.05 * loads)
    assert enclosing_line(loads, whole).floor < 1.0
    of_whole, of_part = enclosing_pair(loads, whole, part)
    assert of_whole.floor >= of_part.floor
    assert of_whole.slope > of_part.slope


def test_a_single_load_has_a_floor() -> None:
    one = np.array([50.0])
    assert enclosing_line(one, np.array([2.0])) == Uncertainty(2.0, 0.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.12301, 0.124), (0.123, 0.123), (12345.0, 12400.0), (0.0, 0.0), (9.999, 10.0), (1.0, 1.0)],
)
def test_lines_are_rounded_up_to_three_digits(value: float, expected: float) -> None:
    line = rounded_up(Uncertainty(value, value))
    assert line.floor == line.slope == pytest.approx(expected)
    assert line.floor >= value


def test_the_lines_of_a_report_enclose_its_budgets() -> None:
    report = calibrated(RUNS)
    for item in report.budgets:
        assert report.uncertainty.at(item.load) >= item.expanded
        assert report.unshared.at(item.load) >= item.unshared
    assert report.unshared.floor <= report.uncertainty.floor
    assert report.unshared.slope <= report.uncertainty.slope
