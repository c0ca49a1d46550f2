"""The norms that ship, checked against what was read of their sources, and a site's own."""

import math
from pathlib import Path

import pytest
from scipy import stats

from dynod.config.norms import load_norm_table, norms_file
from dynod.core.norms import lookup_norm
from dynod.model.clinical import Movement
from dynod.model.errors import ConfigError
from tests.config.files import write

SHIPPED = load_norm_table(None)
ABDUCTION, ROTATION_OUT, ROTATION_IN = (
    Movement.HIP_ABDUCTION,
    Movement.HIP_EXTERNAL_ROTATION,
    Movement.HIP_INTERNAL_ROTATION,
)
OF_WEIGHT = "peak_force_percent_body_weight"

# McKay 2017: N, mean and SD.
MCKAY = {
    ("male", 15): {
        ABDUCTION: (143.4, 47.2),
        ROTATION_OUT: (141.7, 53.7),
        ROTATION_IN: (178.5, 67.2),
    },
    ("female", 15): {
        ABDUCTION: (116.6, 31.9),
        ROTATION_OUT: (104.0, 28.7),
        ROTATION_IN: (143.2, 45.0),
    },
    ("male", 40): {
        ABDUCTION: (170.7, 43.9),
        ROTATION_OUT: (169.4, 45.8),
        ROTATION_IN: (217.7, 62.4),
    },
    ("female", 40): {
        ABDUCTION: (113.1, 32.4),
        ROTATION_OUT: (100.7, 29.1),
        ROTATION_IN: (136.1, 44.6),
    },
    ("male", 75): {
        ABDUCTION: (124.8, 32.8),
        ROTATION_OUT: (125.5, 33.9),
        ROTATION_IN: (169.7, 55.0),
    },
    ("female", 75): {
        ABDUCTION: (83.8, 23.5),
        ROTATION_OUT: (76.3, 23.7),
        ROTATION_IN: (108.4, 33.8),
    },
}
# Alvarenga 2019, abstract: percent of body weight, mean with 95 % confidence interval, n = 52.
ALVARENGA = {
    Movement.HIP_FLEXION: (38.54, 37.06, 40.02),
    Movement.HIP_EXTENSION: (27.04, 25.79, 28.30),
    Movement.HIP_ADDUCTION: (16.89, 16.11, 17.68),
    ABDUCTION: (16.85, 16.03, 17.66),
    ROTATION_OUT: (17.09, 16.12, 18.07),
    ROTATION_IN: (23.82, 22.18, 25.47),
}


@pytest.mark.parametrize("who", MCKAY)
def test_forces_are_those_of_mckay(who: tuple[str, int]) -> None:
    for movement, (mean, sd) in MCKAY[who].items():
        norm = lookup_norm(SHIPPED, movement, *who, "peak_force_n", "supine")
        assert norm is not None
        assert (norm.mean, norm.sd, norm.unit, norm.sd_computed) == (mean, sd, "N", False)
        assert "McKay 2017" in norm.source
        assert "second-hand" in norm.source
        assert "dominant limb" in norm.population


@pytest.mark.parametrize("movement", ALVARENGA)
def test_percentages_of_body_weight_are_those_of_alvarenga(movement: Movement) -> None:
    """The SD is not printed: half-width·√52/t(0.975, 51), and the row says that it is computed."""
    mean, low, high = ALVARENGA[movement]
    norm = lookup_norm(SHIPPED, movement, "female", 25, OF_WEIGHT, "supine")
    assert norm is not None
    sd = 0.5 * (high - low) * math.sqrt(52.0) / float(stats.t.ppf(0.975, 51))
    assert (norm.mean, norm.unit, norm.sd_computed) == (mean, "%", True)
    assert norm.sd == pytest.approx(sd, abs=0.05)
    assert "Alvarenga 2019" in norm.source


def test_nothing_else_ships() -> None:
    assert len(SHIPPED) == 6 * 3 + 6
    assert not any(norm.site for norm in SHIPPED)
    for norm in SHIPPED:
        assert norm.source.startswith(("McKay 2017", "Alvarenga 2019"))
        assert norm.position is None  # neither source states it in what was read


@pytest.mark.parametrize(
    ("movement", "sex", "age", "quantity"),
    [
        (Movement.HIP_FLEXION, "male", 40, "peak_force_n"),
        (Movement.HIP_EXTENSION, "female", 40, "peak_force_n"),
        (Movement.HIP_ADDUCTION, "female", 25, "peak_force_n"),
        (ABDUCTION, "male", 9, "peak_force_n"),
        (ABDUCTION, "male", 25, OF_WEIGHT),
        (ABDUCTION, "female", 30, OF_WEIGHT),
        (ABDUCTION, "other", 25, "peak_force_n"),
        (ABDUCTION, "male", 40, "peak_torque_nm"),
        (ABDUCTION, "male", 40, "angle_deg"),
    ],
)
def test_what_was_not_read_has_no_norm(
    movement: Movement, sex: str, age: int, quantity: str
) -> None:
    assert lookup_norm(SHIPPED, movement, sex, age, quantity) is None


OWN = """
[[norm]]
source = "our own study"
movement = "hip_flexion"
position = "seated"
sex = "male"
age_min = 20
age_max = 59
quantity = "peak_force_n"
unit = "N"
mean = 250
sd = 50.5
device = "our gauge, with a belt"
population = "our staff"
"""


def test_a_site_adds_rows_that_come_first(tmp_path: Path) -> None:
    assert load_norm_table(tmp_path) == SHIPPED
    write(tmp_path / "norms.toml", OWN)
    rows = load_norm_table(tmp_path)
    assert len(rows) == len(SHIPPED) + 1
    norm = lookup_norm(rows, Movement.HIP_FLEXION, "male", 40, "peak_force_n", "seated")
    assert norm == rows[0]
    assert (rows[0].mean, rows[0].sd, rows[0].site) == (250.0, 50.5, True)
    assert lookup_norm(rows, Movement.HIP_FLEXION, "male", 40, "peak_force_n", "supine") is None


def test_a_mistake_names_file_and_row(tmp_path: Path) -> None:
    path = write(tmp_path / "norms.toml", OWN.replace("sd = 50.5", "se = 5"))
    with pytest.raises(ConfigError) as caught:
        load_norm_table(tmp_path)
    assert str(caught.value) == f"{path}: norm[1].se: unknown key"
    write(path, "[[norm]")
    with pytest.raises(ConfigError) as syntax:
        load_norm_table(tmp_path)
    assert str(syntax.value).startswith(f"{path}: no valid TOML")


def test_the_norms_ship_beside_the_table_of_errors() -> None:
    assert norms_file().name == "norms.toml"
    assert norms_file().is_file()
