"""Batteries, profiles, certificates and error tables: what ships is right, mistakes are named."""

import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dynod.config.batteries import load_batteries, read_battery
from dynod.config.certificates import load_certificates, read_certificate
from dynod.config.error_table import load_error_table
from dynod.config.paths import data_folder
from dynod.config.profiles import load_profiles, read_profiles
from dynod.model.calibration import Uncertainty
from dynod.model.clinical import (
    DEFAULT_POSITIONS,
    Battery,
    Contraction,
    Fixation,
    Kind,
    Movement,
)
from dynod.model.errors import ConfigError
from tests.config.files import BATTERY, CERTIFICATE, write

ABDUCTION, EXTENSION, FLEXION = (
    Movement.HIP_ABDUCTION,
    Movement.HIP_EXTENSION,
    Movement.HIP_FLEXION,
)


def force_movements(battery: Battery) -> list[Movement]:
    return [test.movement for test in battery.tests if test.kind is Kind.FORCE]


def rom_movements(battery: Battery) -> list[Movement]:
    return [test.movement for test in battery.tests if test.kind is Kind.ANGLE]


def test_the_shipped_batteries_are_those_of_the_contract() -> None:
    """docs/contract.md, section 1."""
    found = load_batteries(None)
    assert set(found) == {"hip", "hip_rom", "hip_full", "demo"}
    assert force_movements(found["hip"]) == [ABDUCTION, EXTENSION, FLEXION]
    assert rom_movements(found["hip"]) == []
    assert found["hip_rom"].tests[:3] == found["hip"].tests
    assert [test.kind for test in found["hip_rom"].tests[3:]] == [Kind.ANGLE]
    assert rom_movements(found["hip_rom"]) == [FLEXION]
    assert sorted(force_movements(found["hip_full"])) == sorted(Movement)
    assert len(rom_movements(found["hip_full"])) == 4
    assert force_movements(found["demo"]) == [ABDUCTION, FLEXION]
    assert rom_movements(found["demo"]) == [FLEXION]
    trials = [(test.familiarisation, test.repetitions) for test in found["hip"].tests]
    assert trials == [(1, 3)] * 3
    demo = [(test.familiarisation, test.repetitions, test.seconds) for test in found["demo"].tests]
    assert demo == [(0, 3, 2.0), (0, 3, 2.0), (0, 1, 2.0)]


def test_the_shipped_tests_are_done_as_the_source_says() -> None:
    """Gluteal-specific set of the GHOst trial, Table 1: belt for flexion and extension."""
    for battery in load_batteries(None).values():
        for test in battery.tests:
            if test.kind is Kind.FORCE:
                belt = test.movement in {FLEXION, EXTENSION}
                assert test.position == DEFAULT_POSITIONS[test.movement]
                assert test.fixation is (Fixation.BELT if belt else Fixation.HAND)
                assert test.contraction is Contraction.MAKE
            else:
                assert test.contraction is Contraction.ROM


def test_a_battery_has_defaults(tmp_path: Path) -> None:
    battery = read_battery(write(tmp_path / "ours.toml", BATTERY))
    (test,) = battery.tests
    assert (battery.name, battery.title) == ("ours", "One test")
    assert test.position == "supine"
    assert (test.repetitions, test.familiarisation, test.extra_trials) == (3, 0, 0)
    assert (test.seconds, test.rest_s) == (5.0, 30.0)


SECOND = BATTERY.partition("[[test]]")[2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            BATTERY + "zzz = 3\n",
            "test[1].zzz: unknown key; known here: best_two_percent, contraction,",
        ),
        (BATTERY + "repetition = 3\n", 'test[1].repetition: unknown key; did you mean "repeti'),
        (BATTERY + "repetitions = 0\n", "test[1].repetitions: should be greater than or equal"),
        (BATTERY + "extra_trials = 4\n", "test[1].extra_trials: should be less than or equal"),
        (BATTERY + "seconds = 16\n", "test[1].seconds: should be less than or equal to 15"),
        (BATTERY + "position = 'Side Lying'\n", "test[1].position: String should match"),
        (BATTERY.replace("hip_abduction", "hip_abducton"), "test[1].movement: should be 'hip_"),
        (BATTERY.replace('"make"', '"rom"'), 'test[1]: kind "angle" and contraction "rom" belong'),
        (BATTERY.replace('"force"', '"angle"'), 'test[1]: kind "angle" and contraction "rom"'),
        (BATTERY + "[[test]]" + SECOND, "test: two tests have the same movement, position,"),
        ('title = "x"\ntest = []\n', "test: too few items"),
        ("[[test]]\n", "title: missing"),
    ],
)
def test_mistakes_in_a_battery_are_named(tmp_path: Path, text: str, line: str) -> None:
    path = write(tmp_path / "batteries.d" / "ours.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_batteries(tmp_path)
    assert str(caught.value).startswith(f"{path}: {line}")


def test_the_mistakes_of_all_files_are_shown(tmp_path: Path) -> None:
    write(tmp_path / "batteries.d" / "a.toml", "title = 1\n")
    write(tmp_path / "batteries.d" / "b.toml", "[[\n")
    with pytest.raises(ConfigError) as caught:
        load_batteries(tmp_path)
    files = [line.partition(": ")[0] for line in str(caught.value).splitlines()]
    assert [Path(file).name for file in files] == ["a.toml", "a.toml", "b.toml"]


def test_every_shipped_profile_is_called_as_its_folder() -> None:
    profiles = load_profiles(None)
    assert {"chronojump_force_sensor", "witmotion_wt901"} <= profiles.keys()
    assert all(profile.key == name for name, profile in profiles.items())


SHIPPED = data_folder("devices") / "chronojump_force_sensor" / "profile.toml"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("rate_hz", "rate_hertz", 'rate_hertz: unknown key; did you mean "rate_hz"?'),
        ("separator", "seperator", 'framing.seperator: unknown key; did you mean "separator"?'),
        ("spacing_s", "spacing", 'dialogue.spacing: unknown key; did you mean "spacing_s"?'),
        ('name = "our_gauge"', 'name = "other"', 'name: should be "our_gauge", as'),
    ],
)
def test_mistakes_in_a_profile_are_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace("chronojump_force_sensor", "our_gauge")
    path = write(tmp_path / "devices.d" / "our_gauge" / "profile.toml", text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_profiles(tmp_path)
    assert f"{path}: {line}" in str(caught.value)


def test_a_device_folder_without_a_profile_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "devices.d" / "our_gauge").mkdir(parents=True)
    (tmp_path / "devices.d" / ".git").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_profiles(tmp_path)
    assert str(caught.value) == f"{tmp_path}/devices.d/our_gauge/profile.toml: no such file"


def test_a_certificate_is_read_whole(tmp_path: Path) -> None:
    (found,) = load_certificates(write(tmp_path / "calibration.d/c.toml", CERTIFICATE).parents[1])
    assert (found.certificate_id, found.profile) == ("C-1", "chronojump_force_sensor")
    assert (found.serial_number, found.issued_by) == ("SN 1", "a laboratory")
    assert found.coefficients == (0.5, 1.01)
    assert (found.range_low, found.range_high) == (20.0, 400.0)
    assert found.uncertainty == Uncertainty(1.0, 0.01)
    assert found.unshared == Uncertainty(0.5, 0.0)
    assert found.revoked_reason is None
    # A day begins at midnight UTC; a time keeps its zone.
    assert found.valid_from == datetime(2026, 1, 15, tzinfo=UTC)
    assert found.valid_until == datetime(2027, 1, 14, 12, tzinfo=timezone(timedelta(hours=1)))


def test_the_last_day_of_a_certificate_counts_whole(tmp_path: Path) -> None:
    text = CERTIFICATE.replace("2027-01-14T12:00:00+01:00", "2027-01-14")
    found = read_certificate(write(tmp_path / "c.toml", text))
    assert found.valid_until >= datetime(2027, 1, 14, 23, 59, 59, tzinfo=UTC)
    assert found.valid_until < datetime(2027, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("issued_by", "isued_by", 'isued_by: unknown key; did you mean "issued_by"?'),
        ("slope", "slop", 'uncertainty.slop: unknown key; did you mean "slope"?'),
        ("0.5, 1.01", "0.5", "coefficients: too few items"),
        ("0.5, 1.01", "0.5, inf", "coefficients[2]: should be a finite number"),
        ("0.5, 1.01", "0.5, 0.0", "coefficients should depend on the device's number"),
        ("range_high = 400", "range_high = 20", "range_low should be below range_high"),
        ("2026-01-15", "2028-01-15", "valid_from should be before valid_until"),
        ("floor = 0.5", "floor = 1.5", "unshared is a part of uncertainty and cannot exceed it"),
        ("floor = 1.0", "floor = -1.0", "uncertainty.floor: should be greater than or equal to 0"),
        ('"SN 1"', '""', "serial_number: should not be empty"),
    ],
)
def test_mistakes_in_a_certificate_are_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    path = write(tmp_path / "c.toml", CERTIFICATE.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_certificate(path)
    assert f"{path}: {line}" in str(caught.value).splitlines()


@pytest.mark.parametrize("day", ['"2026-01-15"', "2026-01-15T08:00:00", "08:00:00", "1768435200"])
def test_a_day_is_a_day_or_a_time_with_a_zone(tmp_path: Path, day: str) -> None:
    path = write(tmp_path / "c.toml", CERTIFICATE.replace("2026-01-15", day))
    with pytest.raises(
        ConfigError, match="valid_from: should be a day, or a time with its zone, without"
    ):
        read_certificate(path)


def test_an_id_occurs_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "calibration.d" / f"{name}.toml", CERTIFICATE)
    with pytest.raises(ConfigError) as caught:
        load_certificates(tmp_path)
    line = f"{tmp_path}/calibration.d/b.toml: certificate_id: another file has the same one"
    assert str(caught.value) == line


def test_no_certificate_ships(tmp_path: Path) -> None:
    assert load_certificates(tmp_path) == ()
    (example,) = (data_folder("calibration") / "examples").glob("*.toml")
    assert "EXAMPLE" in read_certificate(example).serial_number


def test_every_toml_file_of_calibration_is_toml() -> None:
    files = list(data_folder("calibration").rglob("*.toml"))
    assert {path.parent.name for path in files} == {"procedures", "references", "examples"}
    for path in files:
        assert tomllib.loads(path.read_text(encoding="utf-8"))


def test_mistakes_in_an_error_table_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "measurement_error.toml", "[[error]]\nsem = 4\n")
    with pytest.raises(ConfigError) as caught:
        load_error_table(tmp_path)
    assert str(caught.value) == f"{path}: error[1].sem: unknown key"
    write(path, "[[error]")
    with pytest.raises(ConfigError) as syntax:
        load_error_table(tmp_path)
    assert str(syntax.value).startswith(f"{path}: no valid TOML")


def test_the_shipped_error_table_stands_alone(tmp_path: Path) -> None:
    assert load_error_table(tmp_path) == load_error_table(None) != ()


def test_read_profiles_needs_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"profile\.toml: no such file"):
        read_profiles(tmp_path)
