"""What the core looks up: the table of measurement errors and the certificates of a unit."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest

from dynod.core.calibration import judge_calibration
from dynod.core.measurement_error import load_table, lookup
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate, Uncertainty
from dynod.model.clinical import Fixation, Movement
from dynod.model.deficit import MeasurementError, Summary
from dynod.model.errors import ConfigError
from tests.support.builders import START, force_test, rom_test

SHIPPED = load_table(
    tomllib.loads(files("dynod").joinpath("data", "measurement_error.toml").read_text("utf-8"))
)
ABDUCTION = force_test(Movement.HIP_ABDUCTION)


@pytest.mark.parametrize(
    ("movement", "sem_percent", "source"),
    [
        (Movement.HIP_ABDUCTION, 6.2, "Byrne 2020"),
        (Movement.HIP_INTERNAL_ROTATION, 5.2, "Byrne 2020"),
        (Movement.HIP_EXTERNAL_ROTATION, 6.1, "Byrne 2020"),
        (Movement.HIP_EXTENSION, 8.0, "Thorborg 2010"),
        (Movement.HIP_FLEXION, 5.0, "Thorborg 2010"),
        (Movement.HIP_ADDUCTION, 6.0, "Thorborg 2010"),
    ],
)
@pytest.mark.parametrize("summary", list(Summary))
def test_the_shipped_strength_errors_are_those_of_the_contract(
    movement: Movement, sem_percent: float, source: str, summary: Summary
) -> None:
    row = lookup(SHIPPED, force_test(movement), summary)
    assert row is not None
    assert row.sem_percent == sem_percent
    assert row.mdc95_deg is None
    assert source in row.source
    assert not row.fallback


@pytest.mark.parametrize(
    ("movement", "mdc95_deg", "fallback"),
    [
        (Movement.HIP_INTERNAL_ROTATION, 5.4, False),
        (Movement.HIP_EXTERNAL_ROTATION, 5.4, False),
        (Movement.HIP_FLEXION, 15.0, False),
        (Movement.HIP_ABDUCTION, 10.0, True),
        (Movement.HIP_EXTENSION, 10.0, True),
        (Movement.HIP_ADDUCTION, 10.0, True),
    ],
)
def test_the_shipped_errors_of_range_of_motion_are_those_of_the_contract(
    movement: Movement, mdc95_deg: float, fallback: bool
) -> None:
    row = lookup(SHIPPED, rom_test(movement), Summary.MEAN)
    assert row is not None
    assert row.mdc95_deg == mdc95_deg
    assert row.sem_percent is None
    assert row.fallback is fallback
    assert ("fallback" in row.source) is fallback


def found(*site: MeasurementError) -> str:
    row = lookup((*site, *SHIPPED), ABDUCTION, Summary.MEAN)
    assert row is not None
    return row.source


def test_of_equally_specific_rows_the_one_of_the_site_wins() -> None:
    site = MeasurementError("site", Movement.HIP_ABDUCTION, sem_percent=3.0)
    assert found(site) == "site"


@pytest.mark.parametrize(
    "keys",
    [
        {"position": "supine"},
        {"fixation": Fixation.HAND},
        {"summary": Summary.MEAN},
        {"position": "supine", "fixation": Fixation.HAND, "summary": Summary.MEAN},
    ],
)
def test_a_more_specific_row_wins_wherever_it_stands(keys: dict[str, Any]) -> None:
    general = MeasurementError("general", Movement.HIP_ABDUCTION, sem_percent=3.0)
    specific = replace(general, source="specific", **keys)
    assert found(general, specific) == "specific"
    assert found(specific, general) == "specific"


@pytest.mark.parametrize(
    "keys",
    [
        {"movement": Movement.HIP_FLEXION},
        {"position": "side_lying"},
        {"fixation": Fixation.BELT},
        {"summary": Summary.BEST},
        {"sem_percent": None, "mdc95_deg": 3.0},
    ],
)
def test_a_row_for_another_test_is_left_alone(keys: dict[str, Any]) -> None:
    row = MeasurementError("site", Movement.HIP_ABDUCTION, sem_percent=3.0)
    assert found(replace(row, **keys)).startswith("Byrne 2020")


def test_a_fallback_gives_way_to_any_figure_of_its_own() -> None:
    fallback = MeasurementError(
        "fallback", Movement.HIP_ABDUCTION, "supine", sem_percent=9.0, fallback=True
    )
    assert found(fallback).startswith("Byrne 2020")


def test_a_study_of_one_position_says_nothing_of_another() -> None:
    """A row as `dynod reliability` writes it: position and fixation are those of the study."""
    study = MeasurementError(
        "own study", Movement.HIP_ABDUCTION, "supine", Fixation.HAND, sem_percent=4.6, site=True
    )
    assert found(study) == "own study"
    assert found(replace(study, position="side_lying")).startswith("Byrne 2020")
    assert found(replace(study, fixation=Fixation.BELT)).startswith("Byrne 2020")


def test_a_table_without_a_fitting_row_has_no_figure() -> None:
    assert lookup((), ABDUCTION, Summary.MEAN) is None


ROW: dict[str, Any] = {"source": "site", "sem_percent": 5.0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"errors": []}, "errors: unknown key"),
        ({"error": 5}, "rows are tables"),
        ({"error": [5]}, "rows are tables"),
        ({"error": [{**ROW, "sem": 5.0}]}, r"error\[1\]\.sem: unknown key"),
        ({"error": [ROW, {**ROW, "sem": 5.0}]}, r"error\[2\]\.sem: unknown key"),
        ({"error": [{"sem_percent": 5.0}]}, r"error\[1\]: source is missing"),
        ({"error": [{**ROW, "source": 5}]}, "source must be a text"),
        ({"error": [{**ROW, "position": 5}]}, "position must be a text"),
        ({"error": [{**ROW, "fallback": "no"}]}, "fallback must be true or false"),
        ({"error": [{**ROW, "movement": "knee"}]}, r"error\[1\]: "),
        ({"error": [{**ROW, "fixation": "glue"}]}, r"error\[1\]: "),
        ({"error": [{**ROW, "summary": "worst"}]}, r"error\[1\]: "),
        ({"error": [{**ROW, "sem_percent": "5"}]}, "sem_percent must be a number"),
        ({"error": [{**ROW, "sem_percent": True}]}, "sem_percent must be a number"),
        ({"error": [{**ROW, "sem_percent": 0.0}]}, "above 0"),
        ({"error": [{**ROW, "sem_percent": float("nan")}]}, "above 0"),
        ({"error": [{"source": "site"}]}, "one of them"),
        ({"error": [{**ROW, "mdc95_deg": 5.0}]}, "one of them"),
    ],
)
def test_a_mistake_in_the_table_is_named_with_its_row(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_table(data)


def test_a_row_may_name_everything() -> None:
    keys = {"movement": "hip_abduction", "position": "supine", "fixation": "belt"}
    row = {**ROW, **keys, "summary": "best", "fallback": True}
    assert load_table({"error": [row]}) == (
        MeasurementError(
            "site",
            Movement.HIP_ABDUCTION,
            "supine",
            Fixation.BELT,
            Summary.BEST,
            sem_percent=5.0,
            fallback=True,
        ),
    )
    assert load_table({}) == ()


CERTIFICATE = Certificate(
    certificate_id="2026-1",
    profile="gauge",
    serial_number="A7",
    coefficients=(0.5, 1.01),
    range_low=5.0,
    range_high=500.0,
    valid_from=START - timedelta(days=100),
    valid_until=START + timedelta(days=265),
    uncertainty=Uncertainty(0.5, 0.01),
    unshared=Uncertainty(0.2, 0.002),
    issued_by="a laboratory",
)
NOMINAL_COEFFICIENTS = (0.0, 1.0)


def judged(
    *certificates: Certificate, serial_number: str | None = "A7", allow_nominal: bool = True
) -> Calibration:
    return judge_calibration(
        certificates,
        profile="gauge",
        serial_number=serial_number,
        nominal_coefficients=NOMINAL_COEFFICIENTS,
        at=START,
        allow_nominal=allow_nominal,
    )


def test_a_certificate_in_force_is_applied_with_all_it_says() -> None:
    assert judged(CERTIFICATE) == Calibration(
        CalibrationStatus.CERTIFIED,
        (0.5, 1.01),
        certificate_id="2026-1",
        valid_until=CERTIFICATE.valid_until,
        range_low=5.0,
        range_high=500.0,
        uncertainty=Uncertainty(0.5, 0.01),
        unshared=Uncertainty(0.2, 0.002),
    )


@pytest.mark.parametrize(
    ("until_s", "status"),
    [
        (0, CalibrationStatus.CERTIFIED),
        (1, CalibrationStatus.CERTIFIED),
        (-1, CalibrationStatus.EXPIRED),
    ],
)
@pytest.mark.parametrize("allow_nominal", [True, False])
def test_a_second_past_its_end_a_certificate_has_expired_and_nothing_replaces_it(
    until_s: int, status: CalibrationStatus, allow_nominal: bool
) -> None:
    certificate = replace(CERTIFICATE, valid_until=START + timedelta(seconds=until_s))
    calibration = judged(certificate, allow_nominal=allow_nominal)
    assert calibration.status is status
    assert calibration.coefficients == (0.5, 1.01)
    assert calibration.certificate_id == "2026-1"


def test_a_revoked_certificate_is_revoked_even_before_its_end() -> None:
    revoked = replace(CERTIFICATE, revoked_reason="fell from the couch")
    assert judged(revoked).status is CalibrationStatus.REVOKED


@pytest.mark.parametrize(
    ("allow_nominal", "status"),
    [(True, CalibrationStatus.NOMINAL), (False, CalibrationStatus.NONE)],
)
@pytest.mark.parametrize(
    "certificates",
    [
        (),
        (replace(CERTIFICATE, serial_number="A8"),),
        (replace(CERTIFICATE, profile="other"),),
        (replace(CERTIFICATE, valid_from=START + timedelta(seconds=1)),),
    ],
)
def test_without_a_certificate_of_the_unit_the_station_decides_about_the_nominal_scale(
    certificates: tuple[Certificate, ...], allow_nominal: bool, status: CalibrationStatus
) -> None:
    calibration = judged(*certificates, allow_nominal=allow_nominal)
    assert calibration == Calibration(status, NOMINAL_COEFFICIENTS)


def test_a_unit_without_a_serial_number_has_no_certificate() -> None:
    assert judged(CERTIFICATE, serial_number=None).status is CalibrationStatus.NOMINAL


def test_a_certificate_counts_from_its_first_moment() -> None:
    assert judged(replace(CERTIFICATE, valid_from=START)).certificate_id == "2026-1"


def test_the_newest_certificate_counts_in_any_order() -> None:
    newer = replace(CERTIFICATE, certificate_id="2026-2", valid_from=START - timedelta(days=1))
    assert judged(CERTIFICATE, newer).certificate_id == "2026-2"
    assert judged(newer, CERTIFICATE).certificate_id == "2026-2"


def test_a_newer_certificate_that_was_revoked_does_not_bring_the_old_one_back() -> None:
    revoked = replace(
        CERTIFICATE,
        certificate_id="2026-2",
        valid_from=START - timedelta(days=1),
        revoked_reason="fell from the couch",
    )
    assert judged(CERTIFICATE, revoked).status is CalibrationStatus.REVOKED
