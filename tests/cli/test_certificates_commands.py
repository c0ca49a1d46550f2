"""``dynod calibrate list|show|import|export|revoke`` on the database, without a daemon."""

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dynod.cli.shelf import open_shelf
from dynod.config.certificate_text import certificate_text
from dynod.config.certificates import read_certificate
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.clinical import Kind
from dynod.store.store import Store
from tests.cli.program import Program, is_one_line
from tests.support.calibrating import known_station
from tests.support.whole_certificate import WHOLE

NOW = datetime.now(UTC)
GOOD = replace(
    WHOLE,
    serial_number="SN-1",
    valid_from=NOW - timedelta(days=30),
    valid_until=NOW + timedelta(days=335),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return known_station(tmp_path)


def file_of(folder: Path, certificate: Certificate = GOOD, name: str = "c.toml") -> Path:
    path = folder / name
    path.write_text(certificate_text(certificate), encoding="utf-8")
    return path


def put_in(dynod: Program, config: Path, *certificates: Certificate) -> None:
    for certificate in certificates:
        done = dynod("calibrate", "import", file_of(config.parent, certificate), "-c", config)
        assert done.code == 0, done.err


def rows(dynod: Program, config: Path) -> dict[str, dict[str, object]]:
    done = dynod("calibrate", "list", "--json", "-c", config)
    assert done.code == 0, done.err
    return {row["certificate_id"]: row for row in json.loads(done.out)}


def audit_of(config: Path) -> list[tuple[str, str]]:
    with Store.open(config.parent / "dynod.db", now=NOW, readonly=True) as store:
        return [(entry.action, entry.subject) for entry in store.audit_entries()]


def test_what_is_exported_can_be_imported_elsewhere(
    dynod: Program, config: Path, tmp_path: Path
) -> None:
    put_in(dynod, config, GOOD)
    out = tmp_path / "out.toml"
    old = os.umask(0o077)
    try:
        done = dynod("calibrate", "export", "C-7", "--out", out, "-c", config)
    finally:
        os.umask(old)
    assert (done.code, done.out) == (0, f"C-7 is in {out}\n")
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert read_certificate(out) == GOOD
    assert audit_of(config) == [("certificate.add", "C-7"), ("certificate.export", "C-7")]


def test_an_export_overwrites_nothing_unasked(
    dynod: Program, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(dynod, config, replace(GOOD, certificate_id="lab/2026 7"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert dynod("calibrate", "export", "lab/2026 7", "-c", config).code == 0
    (path,) = folder.iterdir()
    assert path.name == "lab_2026_7.toml"
    path.write_text("mine")
    done = dynod("calibrate", "export", "lab/2026 7", "-c", config)
    assert (done.code, path.read_text()) == (2, "mine")
    assert done.err == f"dynod: {path.name}: is there already; --force replaces it\n"
    assert dynod("calibrate", "export", "lab/2026 7", "--force", "-c", config).code == 0
    assert read_certificate(path).certificate_id == "lab/2026 7"


def test_the_same_certificate_again_is_already_there(dynod: Program, config: Path) -> None:
    put_in(dynod, config, GOOD)
    done = dynod("calibrate", "import", file_of(config.parent), "-c", config)
    assert done.code == 0
    assert done.out.startswith("C-7 is already there, with the same content: device hhd-1, in forc")
    assert audit_of(config) == [("certificate.add", "C-7")]


def test_an_id_with_other_content_is_refused(dynod: Program, config: Path) -> None:
    put_in(dynod, config, GOOD)
    other = file_of(config.parent, replace(GOOD, coefficients=(0.0, 1.0)))
    done = dynod("calibrate", "import", other, "-c", config)
    assert done.code == 5
    assert is_one_line(done.err)
    assert "C-7 is already stored with other content" in done.err


def test_a_damaged_file_is_refused(dynod: Program, config: Path) -> None:
    path = file_of(config.parent)
    path.write_text(path.read_text().replace("1.01", "1.02"))
    done = dynod("calibrate", "import", path, "-c", config)
    assert done.code == 3
    assert is_one_line(done.err)
    assert "the content does not match its sha256: the file was changed or damaged" in done.err
    assert rows(dynod, config) == {}


def test_a_certificate_of_another_unit_is_refused_and_filed_when_asked(
    dynod: Program, config: Path
) -> None:
    path = file_of(config.parent, replace(GOOD, serial_number="SN-9"))
    done = dynod("calibrate", "import", path, "-c", config)
    assert done.code == 2
    assert is_one_line(done.err)
    assert "serial number SN-9, which is not configured: hhd-1 has SN-1;" in done.err
    assert "--any-unit" in done.err
    done = dynod("calibrate", "import", path, "--any-unit", "-c", config)
    assert done.code == 0
    assert "chronojump_force_sensor SN-9, no configured device" in done.out
    assert rows(dynod, config)["C-7"]["device"] is None


def test_a_certificate_of_an_unknown_profile_is_refused(dynod: Program, config: Path) -> None:
    path = file_of(config.parent, replace(GOOD, profile="chronojump_force_senser"))
    done = dynod("calibrate", "import", path, "--any-unit", "-c", config)
    assert done.code == 2
    assert 'unknown profile; did you mean "chronojump_force_sensor"?' in done.err


def test_a_file_without_a_hash_gets_one(dynod: Program, config: Path) -> None:
    path = file_of(config.parent)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("sha256")))
    done = dynod("calibrate", "import", path, "-c", config)
    assert done.code == 0
    told = done.out.splitlines()[-1].removeprefix("sha256 ")
    assert f'sha256 = "{told}"' in certificate_text(GOOD)


def test_the_list_says_how_each_stands(dynod: Program, config: Path) -> None:
    assert dynod("calibrate", "list", "-c", config).out.startswith("no certificate yet")
    assert not (config.parent / "dynod.db").exists()  # to look makes nothing
    day = timedelta(days=1)
    ended = replace(GOOD, certificate_id="C-1", valid_from=NOW - 99 * day, valid_until=NOW - day)
    older = replace(GOOD, certificate_id="C-2", valid_from=NOW - 60 * day)
    later = replace(GOOD, certificate_id="C-8", valid_from=NOW + day)
    bad = replace(GOOD, certificate_id="C-9", valid_from=NOW - 45 * day)
    bad = replace(bad, revoked_reason="dropped")
    put_in(dynod, config, ended, older, GOOD, later, bad)
    found = rows(dynod, config)
    assert {name: row["status"] for name, row in found.items()} == {
        "C-1": "expired",
        "C-2": "superseded",
        "C-7": "in_force",
        "C-8": "not_yet_valid",
        "C-9": "revoked",
    }
    assert found["C-7"]["days_left"] == 335
    assert found["C-7"]["unit"] == "N"
    out = dynod("calibrate", "list", "-c", config).out
    assert "C-1" in out
    assert "not yet valid" in out
    assert "335 d" in out


def test_a_failed_check_shows(dynod: Program, config: Path) -> None:
    put_in(dynod, config, GOOD)
    check = Check(NOW, Kind.FORCE, 98.1, 103.0, 0.1)
    with open_shelf(config) as shelf:
        shelf.add_verification(
            Verification(
                GOOD.profile,
                "SN-1",
                "C-7",
                check,
                CheckResult(False, check.error, 0.981, 0.1, 1.0, ("off",)),
                CheckLimits(),
                "anna",
                "10 kg",
            )
        )
        assert [item.operator for item in shelf.verifications(GOOD.profile, "SN-1")] == ["anna"]
    row = rows(dynod, config)["C-7"]
    assert row["status"] == "check_failed"
    assert row["last_check"] == {
        "at": NOW.isoformat(),
        "passed": False,
        "error": pytest.approx(4.8),
        "limit": 0.981,
    }
    assert f"FAILED on {NOW:%Y-%m-%d}" in dynod("calibrate", "list", "-c", config).out


def test_show_says_it_in_words(dynod: Program, config: Path) -> None:
    put_in(dynod, config, GOOD)
    done = dynod("calibrate", "show", "C-7", "-c", config)
    assert done.code == 0
    for words in (
        "certificate C-7, issued by the clinic",
        "serial number SN-1",
        "in force, 335 days left",
        "20 to 400 N; a result beyond is flagged",
        "N = 0.3 + 1.01·x − 1e-22·x²",
        # 1 N + 1 % of 20 N and of 400 N
        "±(1 N + 1 % of the value), k = 2: ±1.2 N at 20, ±5 N at 400",
        "meets the limits of class 2",
        "temperature_c: 21.5",
        "110.3",
        "resolution",
        "rectangular",
        "last check    never",
    ):
        assert words in done.out
    data = json.loads(dynod("calibrate", "show", "C-7", "--json", "-c", config).out)
    assert data["certificate"]["detail"]["runs"][1]["mounting"] == 2
    assert f'sha256 = "{data["sha256"]}"' in certificate_text(GOOD)


def test_an_unknown_id_names_the_nearest(dynod: Program, config: Path) -> None:
    for words in (("show", "C-8"), ("export", "C-8"), ("revoke", "C-8", "--reason", "x")):
        done = dynod("calibrate", *words, "-c", config)
        assert (done.code, done.err) == (2, "dynod: no certificate C-8: none is stored yet\n")
    put_in(dynod, config, GOOD)
    done = dynod("calibrate", "show", "C-8", "-c", config)
    assert done.err == 'dynod: C-8: unknown certificate; did you mean "C-7"?\n'


def test_a_certificate_is_revoked_once(dynod: Program, config: Path) -> None:
    put_in(dynod, config, GOOD)
    words = ("calibrate", "revoke", "C-7", "--reason", "dropped", "--by", "anna", "-c", config)
    done = dynod(*words)
    assert done.code == 0
    assert "C-7 is revoked: dropped" in done.out
    assert "hhd-1" in done.out
    row = rows(dynod, config)["C-7"]
    assert (row["status"], row["revoked_reason"]) == ("revoked", "dropped")
    again = dynod(*words)
    assert again.code == 2
    assert "already revoked: dropped" in again.err
    with Store.open(config.parent / "dynod.db", now=NOW, readonly=True) as store:
        last = store.audit_entries("C-7")[-1]
    assert (last.action, last.who) == ("certificate.revoke", "anna")
    assert last.detail == {"reason": "dropped"}
    empty = dynod("calibrate", "revoke", "C-7", "--reason", "", "-c", config)
    assert "calibration revoke: reason: should be one line of 1 to 1000 characters" in empty.err


def test_certificates_of_the_folder_beside_the_config_are_there(
    dynod: Program, config: Path
) -> None:
    shelf = config.parent / "calibration.d"
    shelf.mkdir()
    file_of(shelf, GOOD, "7.toml")
    assert rows(dynod, config)["C-7"]["device"] == "hhd-1"
    assert not (config.parent / "dynod.db").exists()
    assert dynod("calibrate", "revoke", "C-7", "--reason", "dropped", "-c", config).code == 0
    assert rows(dynod, config)["C-7"]["status"] == "revoked"
    actions = [("certificate.add", "C-7"), ("certificate.revoke", "C-7")]
    assert audit_of(config) == actions
