"""``dynod reliability``: a CSV file in, figures and rows of the error table out."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynod.cli.reliability import run_reliability
from dynod.config.error_table import load_error_table, write_error_table
from dynod.core.measurement_error import lookup
from dynod.model.clinical import Fixation, Movement
from dynod.model.deficit import MeasurementError, Summary
from dynod.model.errors import ConfigError, StorageError, UsageError
from tests.support.builders import force_test, rom_test

HEADER = "subject,session,movement,position,fixation,side,value_n"
# Weir 2005, J Strength Cond Res 19:231-240, data set A: page 236 has SEM 7.6.
FIRST = (146, 148, 170, 90, 157, 156, 176, 205)
SECOND = (140, 152, 152, 99, 145, 153, 167, 218)
# Bland and Altman 1986, table 1: the Wright meter twice.
FLOW = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
FLOW_AGAIN = (490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421)


def lines(
    first: Iterable[float],
    second: Iterable[float],
    *,
    test: str = "hip_abduction,supine,hand",
    side: str = "left",
) -> list[str]:
    return [
        f"S{number},{session},{test},{side},{value}"
        for number, pair in enumerate(zip(first, second, strict=True))
        for session, value in enumerate(pair, 1)
    ]


def write(path: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "retest.csv", lines(FIRST, SECOND))


def report(
    capsys: pytest.CaptureFixture[str],
    file: Path,
    to: Path | None = None,
    *,
    update: bool = False,
    summary: str | None = None,
) -> dict[str, Any]:
    run_reliability(file, to, update=update, summary=summary, as_json=True)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def error(file: Path, to: Path | None = None, **options: Any) -> str:
    with pytest.raises((ConfigError, UsageError)) as caught:
        run_reliability(file, to, **{"update": False, "summary": None, "as_json": True, **options})
    return str(caught.value).replace(f"{file}: ", "")


def test_the_figures_are_those_of_weir(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    found = report(capsys, file)
    (test,) = found["tests"]
    assert (found["unit"], found["written"]) == ("N", None)
    assert (test["movement"], test["position"], test["fixation"]) == (
        "hip_abduction",
        "supine",
        "hand",
    )
    assert (test["subjects"], test["legs"], test["left_out_legs"], test["sessions"]) == (8, 8, 0, 2)
    assert test["sem"]["from_residual"] == pytest.approx(7.6, abs=0.05)
    assert test["mdc95"] == pytest.approx(1.96 * math.sqrt(2.0) * 7.6, abs=0.15)
    assert test["icc_3_1"]["value"] == pytest.approx(0.95, abs=5e-3)
    assert test["limits"]["bias"] == pytest.approx(np.mean(SECOND) - np.mean(FIRST))
    assert test["warnings"] == ["8 subjects only: the figures are rough"]
    assert test["problem"] is None


def test_the_figures_of_a_person(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    run_reliability(file, None, update=False, summary=None, as_json=False)
    out = capsys.readouterr().out
    assert "hip_abduction, supine, hand: 8 subjects only" in out
    assert re.search(r"SEM +7\.(5[5-9]|6[0-4]) N, \d", out)  # Weir's 7.6, not wrapped
    assert max(map(len, out.splitlines())) <= 80


def log_residual_sem(first: Iterable[float], second: Iterable[float]) -> float:
    """For two sessions MSE = SD²(difference)/2; of logarithms, and back: 100·(e^s − 1)."""
    differences = np.log(np.array(list(second), float)) - np.log(np.array(list(first), float))
    return 100.0 * math.expm1(float(np.std(differences, ddof=1)) / math.sqrt(2.0))


def test_a_row_is_written_that_the_error_table_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write(tmp_path / "retest.csv", lines(FLOW, FLOW_AGAIN))
    target = tmp_path / "measurement_error.toml"
    found = report(capsys, file, target)
    assert found["written"] == {"path": str(target), "rows": 1, "replaced": 0}
    row = lookup(load_error_table(tmp_path), force_test(), Summary.BEST)
    assert row is not None
    assert row.site
    assert row.sem_percent == pytest.approx(log_residual_sem(FLOW, FLOW_AGAIN), rel=1e-3)
    assert (row.movement, row.position, row.fixation) == (
        Movement.HIP_ABDUCTION,
        "supine",
        Fixation.HAND,
    )
    assert row.summary is None
    assert re.fullmatch(
        r"own reliability study, 17 subjects, \d{4}-\d\d-\d\d; SEM = square root of the residual "
        r"mean square of the logarithms",
        row.source,
    )
    assert found["rows"] == [
        {
            "source": row.source,
            "movement": "hip_abduction",
            "position": "supine",
            "fixation": "hand",
            "sem_percent": row.sem_percent,
        }
    ]


def test_a_range_of_motion_is_written_in_degrees(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two sessions off by ±2° around 100°, 110°, 120°: d = 4, −4, 0; SD 4; MDC = 1.96·SD."""
    rows = lines((98, 112, 120), (102, 108, 120), test="hip_flexion,supine,hand")
    file = write(tmp_path / "rom.csv", rows, HEADER.replace("value_n", "value_deg"))
    found = report(capsys, file, tmp_path / "measurement_error.toml")
    row = lookup(load_error_table(tmp_path), rom_test(), Summary.MEAN)
    assert row is not None
    assert row.mdc95_deg == pytest.approx(1.96 * 4.0)
    assert row.sem_percent is None
    assert "MDC95 = 1.96*sqrt(2)*SEM" in row.source
    assert (found["unit"], found["tests"][0]["mdc95"]) == ("deg", pytest.approx(7.84))


def test_a_torque_has_a_percentage_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", lines(FLOW, FLOW_AGAIN), HEADER.replace("value_n", "value_nm"))
    found = report(capsys, file)
    assert found["unit"] == "N·m"
    assert found["rows"][0]["sem_percent"] == pytest.approx(
        log_residual_sem(FLOW, FLOW_AGAIN), rel=1e-3
    )


def test_trials_of_a_leg_and_session_become_one_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each value of Weir as two trials around it: their mean is it, their best 10 more."""
    rows = [
        line
        for offset in (-10, 10)
        for line in lines((value + offset for value in FIRST), (value + offset for value in SECOND))
    ]
    file = write(tmp_path / "trials.csv", rows)
    mean, best = report(capsys, file), report(capsys, file, summary="best")
    assert mean["tests"][0]["sem"]["from_residual"] == pytest.approx(7.6, abs=0.05)
    assert best["tests"][0]["mean"] == pytest.approx(mean["tests"][0]["mean"] + 10.0)
    assert mean["rows"][0]["summary"] == "mean"
    assert best["rows"][0]["summary"] == "best"


def test_each_test_has_its_own_figures_and_both_legs_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [
        *lines(FLOW, FLOW_AGAIN, test="hip_flexion,seated,belt"),
        *lines(FLOW, FLOW_AGAIN),
        *lines(FLOW, FLOW_AGAIN, side="right"),
    ]
    found = report(capsys, write(tmp_path / "retest.csv", rows))
    assert [test["movement"] for test in found["tests"]] == ["hip_abduction", "hip_flexion"]
    both, one = found["tests"]
    assert (both["subjects"], both["legs"], one["legs"]) == (17, 34, 17)
    assert both["warnings"] == ["two legs of one person count as two: the intervals are too narrow"]
    assert one["warnings"] == []
    assert both["icc_2_1"]["value"] == pytest.approx(one["icc_2_1"]["value"], abs=5e-3)


def test_legs_that_lack_a_session_are_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [*lines(FIRST, SECOND), "S99,1,hip_abduction,supine,hand,left,300"]
    (test,) = report(capsys, write(tmp_path / "retest.csv", rows))["tests"]
    assert (test["subjects"], test["left_out_legs"]) == (8, 1)
    assert test["sem"]["from_residual"] == pytest.approx(7.6, abs=0.05)
    assert "1 legs left out: they lack a session" in test["warnings"]


def test_a_poor_correlation_and_a_shift_are_warned_about(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    alike = (150, 151, 149, 150, 152, 148, 150, 151, 149, 150)
    file = write(tmp_path / "retest.csv", lines(alike, (value + 20 for value in reversed(alike))))
    (test,) = report(capsys, file)["tests"]
    assert test["icc_2_1"]["value"] < 0.5
    assert test["warnings"] == [
        "an ICC below 0.5: legs are hardly told apart",
        "the second session differs from the first: learning, fatigue or drift",
    ]


@pytest.mark.parametrize("names", [("9", "10"), ("2026-03-01", "2026-03-08"), ("a", "b")])
def test_sessions_are_in_the_order_of_number_or_date(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, names: tuple[str, str]
) -> None:
    """Whatever the order of lines: the second session of Weir is 2.75 lower on average."""
    rows = [
        line.replace(",1,", f",{names[0]},").replace(",2,", f",{names[1]},")
        for line in reversed(lines(FIRST, SECOND))
    ]
    (test,) = report(capsys, write(tmp_path / "retest.csv", rows))["tests"]
    assert test["limits"]["bias"] == pytest.approx(np.mean(SECOND) - np.mean(FIRST))


def test_a_spreadsheet_may_have_more_columns_in_another_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [f"{line.split(',')[-1]}, anna ,{','.join(line.split(',')[:-1])}" for line in LINES]
    file = tmp_path / "retest.csv"
    header = "Value_N,tester,Subject,session,movement,position,fixation,side"
    file.write_bytes(("\ufeff" + "\r\n".join((header, *rows, ",,,,,,,", ""))).encode())
    (test,) = report(capsys, file)["tests"]
    assert test["sem"]["from_residual"] == pytest.approx(7.6, abs=0.05)


LINES = lines(FIRST, SECOND)
GOOD = "S1,1,hip_abduction,supine,hand,left,146"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (GOOD.replace("146", "a lot"), "value_n: should be a number"),
        (GOOD.replace("146", ""), "value_n: should be a number"),
        (GOOD.replace("146", "nan"), "value_n: should be a finite number"),
        (GOOD.replace("146", "0"), "value_n: should be above 0"),
        (GOOD.replace("146", "146,5"), "has 8 fields, the header has 7; decimals need a point"),
        (GOOD.replace("hip_abduction", "knee"), "movement: should be one of hip_abduction, hip_"),
        (GOOD.replace("left", "L"), "side: should be one of left, right"),
        (GOOD.replace("hand", "glue"), "fixation: should be one of hand, belt, frame"),
        (GOOD.replace("supine", "on the back"), "position: should be a name such as prone_knee_90"),
        (GOOD.replace("S1", ""), "subject: should not be empty"),
        (GOOD.replace(",1,", ",,"), "session: should not be empty"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, line: str, what: str) -> None:
    """The bad line is the fourth of the file; a blank one is none."""
    file = write(tmp_path / "retest.csv", [GOOD, "", line, *LINES])
    assert error(file).startswith(f"line 4: {what}")


def test_every_mistake_is_named_and_no_value_is(tmp_path: Path) -> None:
    file = write(tmp_path / "retest.csv", ["Anna Meier,1,knee,supine,hand,left,1", "x,1", *LINES])
    found = error(file).splitlines()
    assert [line.split(":")[0] for line in found] == ["line 2", "line 3"]
    assert "Meier" not in "".join(found)
    assert "knee" not in "".join(found)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("", "line 1: no column subject, session, movement, position, fixation, side"),
        (HEADER.replace(",", ";"), "columns are parted by commas"),
        (HEADER.replace("side", "leg"), "line 1: no column side"),
        (HEADER.replace("value_n", "value"), "needs one column of: value_n, value_nm, value_deg"),
        (HEADER + ",value_nm", "needs one column of"),
        (HEADER + ",side", "line 1: column side occurs twice"),
    ],
)
def test_a_header_names_what_is_needed_once(tmp_path: Path, header: str, what: str) -> None:
    assert what in error(write(tmp_path / "retest.csv", LINES, header))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    assert error(missing) == "no such file"
    assert error(tmp_path).startswith("cannot be read")
    other = tmp_path / "other.csv"
    other.write_bytes(HEADER.encode() + b"\nM\xfcller,1\n")
    assert error(other) == "is not UTF-8 text"
    other.write_text(HEADER + '\n"S1,1\n')
    assert "no valid CSV" in error(other)
    assert error(write(other, [])) == "no line with a value"


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (lines(FIRST, SECOND)[::2], "one session only; a retest needs two"),
        ([LINES[0], LINES[3]], "fewer than two legs have all 2 sessions"),
        (lines(FIRST, FIRST), "the sessions leave no residual, so there is no error to state"),
        (
            lines(FIRST, (2 * value for value in FIRST)),
            "the sessions leave no residual, so there is no error to state",
        ),
    ],
)
def test_a_study_that_says_nothing_writes_nothing(
    tmp_path: Path, rows: list[str], what: str
) -> None:
    target = tmp_path / "measurement_error.toml"
    file = write(tmp_path / "retest.csv", rows)
    assert error(file, target) == f"hip_abduction, supine, hand: {what}"
    assert not target.exists()


def test_a_test_that_says_nothing_is_no_hindrance_to_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [*LINES, "S1,1,hip_flexion,seated,belt,left,200"]
    file = write(tmp_path / "retest.csv", rows)
    found = report(capsys, file, tmp_path / "measurement_error.toml")
    assert [test["problem"] for test in found["tests"]] == [
        None,
        "one session only; a retest needs two",
    ]
    assert len(found["rows"]) == 1
    run_reliability(file, None, update=False, summary=None, as_json=False)
    assert "hip_flexion, seated, belt: one session only" in capsys.readouterr().out


def test_options_that_make_no_sense(file: Path) -> None:
    assert error(file, summary="worst") == "--summary: one of mean, best, mean_best_two"
    assert error(file, update=True) == "--update needs --write FILE"


# -- the site's table ------------------------------------------------------------------------


TABLE = """\
# Our figures. Ask Anna before you change them.

[[error]]
movement = "hip_abduction"
position = "supine"
fixation = "hand"
sem_percent = 9.9
source = "guessed"  # not by me

# from the pilot
[[ error ]]
movement = "hip_abduction"
sem_percent = 5.5
source = "pilot"

[[error]]
movement = "hip_abduction"
position = "supine"
fixation = "hand"
mdc95_deg = 7.5
source = "range of motion"
"""


def test_an_existing_table_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "measurement_error.toml"
    target.write_text(TABLE, encoding="utf-8")
    assert "exists already; --update merges" in error(file, target)
    assert target.read_text(encoding="utf-8") == TABLE


def test_an_update_replaces_the_same_row_and_keeps_the_rest(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "measurement_error.toml"
    target.write_text(TABLE, encoding="utf-8")
    assert report(capsys, file, target, update=True)["written"]["replaced"] == 1
    text = target.read_text(encoding="utf-8")
    sources = [row.source for row in load_error_table(tmp_path) if row.site]
    assert sources[:2] == ["pilot", "range of motion"]
    assert sources[2].startswith("own reliability study, 8 subjects")
    assert text.startswith("# Our figures. Ask Anna before you change them.\n")
    assert "# from the pilot\n[[ error ]]" in text
    assert "guessed" not in text
    assert report(capsys, file, target, update=True)["written"]["replaced"] == 1
    assert target.read_text(encoding="utf-8") == text
    assert list(tmp_path.glob(".*")) == []


def test_an_update_of_nothing_is_a_new_table(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "measurement_error.toml"
    report(capsys, file, target, update=True)
    assert sum(row.site for row in load_error_table(tmp_path)) == 1


def test_a_table_that_cannot_be_merged_stays_as_it_is(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "measurement_error.toml"
    for text in ('error = [{ sem_percent = 5, source = "x" }]\n', "[[error]]\nsem = 5\n"):
        target.write_text(text, encoding="utf-8")
        assert str(target) in error(file, target, update=True)
        assert target.read_text(encoding="utf-8") == text


def test_every_kind_of_row_can_be_written(tmp_path: Path) -> None:
    rows = [
        MeasurementError('a "study" \\ in Zürich', sem_percent=4.8, fallback=True),
        MeasurementError(
            "full",
            Movement.HIP_FLEXION,
            "seated",
            Fixation.BELT,
            Summary.MEAN_BEST_TWO,
            mdc95_deg=1e-5,
        ),
    ]
    write_error_table(tmp_path / "measurement_error.toml", rows, update=False)
    read = load_error_table(tmp_path)[:2]
    assert [
        (row.source, row.movement, row.position, row.fixation, row.summary) for row in read
    ] == [(row.source, row.movement, row.position, row.fixation, row.summary) for row in rows]
    assert [(row.sem_percent, row.mdc95_deg, row.fallback) for row in read] == [
        (4.8, None, True),
        (None, 1e-5, False),
    ]


def test_a_table_that_cannot_be_written(file: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        run_reliability(
            file, tmp_path / "no" / "such.toml", update=False, summary=None, as_json=True
        )
