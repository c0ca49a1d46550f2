"""Pictures of calibrations: what is drawn where, by the scale that the picture itself shows."""

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dynod.cli.calibration_plot import residual_plot
from dynod.cli.drift_chart import drift_chart
from dynod.model.calibration_record import (
    AnglePose,
    Branch,
    CalibrationRun,
    CheckLimits,
    LoadPoint,
)
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from tests.cli.program import Program
from tests.support.calibrating import GAUGE, known_station, put_on_shelf
from tests.support.certificates import BEGIN, made_certificate, made_check

SVG = "{http://www.w3.org/2000/svg}"


class Picture:
    """An SVG whose shapes are told by their class, and whose scales are read back from its text."""

    def __init__(self, source: str) -> None:
        self.root = ET.fromstring(source)  # noqa: S314 - our own
        self.words = [element.text or "" for element in self.root.iter(f"{SVG}text")]

    def of_class(self, kind: str) -> list[ET.Element]:
        return [element for element in self.root.iter() if element.get("class") == kind]

    def scale(self, *, upwards: bool, of: tuple[float, float] = (0.0, 1000.0)) -> list[float]:
        """Offset and slope of number = offset + slope·place, from two labels of the scale."""
        across, anchor = ("y", "end") if upwards else ("x", "middle")
        found = []
        for element in self.root.iter(f"{SVG}text"):
            words = (element.text or "").replace("−", "-")
            inside = of[0] <= float(element.get(across, "-1")) <= of[1]
            if element.get("text-anchor") == anchor and re.fullmatch(r"-?[\d.]+", words) and inside:
                lift = 4.0 if upwards else 0.0
                found.append((float(element.get(across, "0")) - lift, float(words)))
        (first, low), (last, high) = found[0], found[-1]
        slope = (high - low) / (last - first)
        return [low - slope * first, slope]

    def circles(self, kind: str, below: float = 470.0) -> list[tuple[float, float]]:
        """Where circles are, those of the legend left out."""
        return [
            (float(item.get("cx", "0")), float(item.get("cy", "0")))
            for item in self.of_class(kind)
            if item.tag == f"{SVG}circle" and float(item.get("cy", "0")) < below
        ]


def points_of(path: ET.Element) -> list[tuple[float, float]]:
    found = re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.get("d", ""))
    return [(float(x), float(y)) for x, y in found]


# By hand: N = 2·x, zero at x = 1 (2 N), so 50 N should read x = 26; it reads 26.5: 1 N too much,
# and falling 26.25: 0.5 N too much.
RUN = CalibrationRun(
    (
        LoadPoint(0.0, 1.0),
        LoadPoint(50.0, 26.5),
        LoadPoint(100.0, 51.0),
        LoadPoint(50.0, 26.25, Branch.FALLING),
    )
)


def test_residuals_of_a_force_are_results_less_their_zero() -> None:
    cert = made_certificate(Kind.FORCE, coefficients=(0.0, 2.0), runs=(RUN,), span=(50.0, 100.0))
    picture = Picture(residual_plot(cert))
    x0, per_x = picture.scale(upwards=False)
    y0, per_y = picture.scale(upwards=True)

    def numbers(kind: str) -> list[tuple[float, float]]:
        return [(x0 + per_x * x, y0 + per_y * y) for x, y in picture.circles(kind)]

    rising, falling = numbers("solid"), numbers("hollow")
    assert [load for load, _ in rising] == pytest.approx([0.0, 50.0, 100.0], abs=0.1)
    assert [left for _, left in rising] == pytest.approx([0.0, 1.0, 0.0], abs=0.01)
    assert falling[0] == pytest.approx((50.0, 0.5), abs=0.1)


def test_the_band_is_the_stated_uncertainty_over_the_calibrated_range() -> None:
    picture = Picture(residual_plot(made_certificate(Kind.FORCE, runs=(RUN,))))
    x0, per_x = picture.scale(upwards=False)
    y0, per_y = picture.scale(upwards=True)
    upper = points_of(next(item for item in picture.of_class("limit") if item.tag == f"{SVG}path"))
    numbers = [(x0 + per_x * x, y0 + per_y * y) for x, y in upper]
    # U = 1 + 0.01·load: 1.2 N at 20 N, 3 N at 200 N
    assert numbers[0] == pytest.approx((20.0, 1.2), abs=0.15)
    assert numbers[1] == pytest.approx((200.0, 3.0), abs=0.15)


def test_over_both_signs_of_an_angle_the_band_bends_at_zero() -> None:
    poses = tuple(AnglePose(angle, angle + 0.2) for angle in (-60.0, 0.0, 60.0))
    cert = made_certificate(Kind.ANGLE, poses=poses, span=(-60.0, 60.0))
    picture = Picture(residual_plot(cert))
    y0, per_y = picture.scale(upwards=True)
    upper = picture.of_class("limit")[0]
    assert [y0 + per_y * y for _, y in points_of(upper)] == pytest.approx([1.6, 1.0, 1.6], abs=0.02)
    assert [y0 + per_y * y for _, y in picture.circles("solid")] == pytest.approx(
        [0.2] * 3, abs=0.01
    )


def test_poses_that_were_tilted_across_are_told_apart() -> None:
    poses = (AnglePose(0.0, 0.1), AnglePose(30.0, 30.1), AnglePose(30.0, 30.3, cross_deg=10.0))
    picture = Picture(residual_plot(made_certificate(Kind.ANGLE, poses=poses, span=(-30.0, 30.0))))
    assert len(picture.circles("solid")) == 2
    assert len(picture.circles("hollow")) == 1
    assert "tilted across" in picture.words


def test_runs_have_markers_of_their_own() -> None:
    picture = Picture(residual_plot(made_certificate(Kind.FORCE, runs=(RUN, RUN, RUN))))
    ways = {
        re.sub(r"[\d.-]+", "", item.get("d", "")) or item.tag
        for item in picture.of_class("solid")
        if item.tag == f"{SVG}path"
    }
    assert len(picture.circles("solid")) == 3
    assert len(ways) == 2  # a square has four corners, a triangle three
    assert {f"run {number}, mounting 1" for number in (1, 2, 3)} <= {*picture.words}


def test_axes_units_certificate_and_what_lies_outside_are_named() -> None:
    far = CalibrationRun((LoadPoint(0.0, 0.0), LoadPoint(100.0, 103.0), LoadPoint(200.0, 200.0)))
    picture = Picture(residual_plot(made_certificate(Kind.FORCE, runs=(far,))))
    words = "\n".join(picture.words)
    assert "Certificate CERT-1: chronojump_force_sensor, serial number SN-1" in words
    assert "true force in N" in words
    assert "result by the certificate − true force, in N" in words
    assert "1 of 3 points outside the stated uncertainty" in words  # 3 N off, U = 2 N


def test_a_certificate_without_points_shows_its_band() -> None:
    picture = Picture(residual_plot(made_certificate(Kind.FORCE)))
    assert "names no points" in "\n".join(picture.words)
    assert len(picture.of_class("band")) == 1


# -- checks in time ------------------------------------------------------------------------


def test_checks_stand_at_their_day_and_error_in_percent() -> None:
    checks = [made_check(7.0 * week, 0.25 * week, zero=0.1) for week in range(4)]
    picture = Picture(drift_chart(checks, CheckLimits(), made_certificate(Kind.FORCE)))
    y0, per_y = picture.scale(upwards=True, of=(0.0, 330.0))
    errors = [y0 + per_y * y for _, y in picture.circles("solid", below=330.0)]
    assert errors == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=0.02)
    places = [x for x, _ in picture.circles("solid", below=330.0)]
    assert [b - a for a, b in itertools.pairwise(places)] == pytest.approx(
        [places[1] - places[0]] * 3, abs=0.2
    )
    assert {"error in % of the load", "zero in N", "2026-03-09"} <= {*picture.words}


def test_failed_checks_are_crosses_and_not_only_of_another_colour() -> None:
    checks = [made_check(0, 0.2), made_check(7, 3.0, passed=False)]
    picture = Picture(drift_chart(checks, CheckLimits(), None))
    crosses = [item for item in picture.of_class("failed") if item.tag == f"{SVG}path"]
    assert len(crosses) == 2 + 1  # the error, the zero and the legend
    assert "2 checks, 1 failed; no certificate" in picture.words


def test_the_line_is_of_the_checks_under_the_last_certificate() -> None:
    old = [made_check(day, 0.9, certificate_id="OLD") for day in (0, 7)]
    new = [made_check(day, error) for day, error in ((14, 0.0), (21, 0.1), (28, 0.2))]
    picture = Picture(drift_chart([*new, *old], CheckLimits(), made_certificate(Kind.FORCE)))
    y0, per_y = picture.scale(upwards=True, of=(0.0, 330.0))
    trend = points_of(next(item for item in picture.of_class("trend") if item.tag == f"{SVG}path"))
    assert [y0 + per_y * y for _, y in trend] == pytest.approx([0.0, 0.2], abs=0.01)
    assert "→ CERT-1" in picture.words


def test_the_time_after_the_certificate_is_shaded() -> None:
    checks = [made_check(day, 0.0) for day in (0, 40)]
    ended = made_certificate(Kind.FORCE, valid=(BEGIN, BEGIN + timedelta(days=20)))
    assert Picture(drift_chart(checks, CheckLimits(), ended)).of_class("over")
    later = made_certificate(Kind.FORCE)
    assert not Picture(drift_chart(checks, CheckLimits(), later)).of_class("over")


def test_one_check_is_a_chart_and_none_is_a_clear_error() -> None:
    Picture(drift_chart([made_check(0, 0.1)], CheckLimits(), None))
    with pytest.raises(UsageError, match="no check to draw"):
        drift_chart([], CheckLimits(), None)


def test_a_stored_certificate_is_drawn_on_request(tmp_path: Path, dynod: Program) -> None:
    known_station(tmp_path)
    put_on_shelf(tmp_path, made_certificate(Kind.FORCE, unit=GAUGE, runs=(RUN,)))
    words = ("calibrate", "show", "CERT-1", "-c", tmp_path / "dynod.toml")
    done = dynod(*words, "--plot", tmp_path / "left.svg")
    assert done.code == 0, done.err
    assert "4 points" in (tmp_path / "left.svg").read_text(encoding="utf-8")
    assert dynod(*words, "--plot", tmp_path / "no" / "left.svg").code == 5


def test_an_angle_from_paper_is_drawn_in_degrees() -> None:
    paper = replace(made_certificate(Kind.ANGLE, span=(-60.0, 60.0)), detail=None)
    assert "true angle in °" in Picture(residual_plot(paper, Kind.ANGLE)).words
