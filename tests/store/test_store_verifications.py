"""Checks and the audit are only ever added."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from dynod.model.calibration_record import Check, CheckLimits, CheckResult, Verification
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.store.audit import AuditEntry
from dynod.store.store import Store
from tests.store.samples import NOW, at, certificate


def verification(when: datetime = NOW, serial_number: str = "SN 1") -> Verification:
    return Verification(
        profile="chronojump_force_sensor",
        serial_number=serial_number,
        certificate_id="C-1",
        check=Check(when, Kind.FORCE, 98.1, 98.7, 0.1),
        result=CheckResult(True, 0.5, 0.981, 0.1, 1.0),
        limits=CheckLimits(),
        operator="technician 1",
        reference="10 kg, no. 4",
    )


def test_checks_come_back_by_unit_in_the_order_of_storing(store: Store, path: Path) -> None:
    # The clock was set back between the first two: the second is the newer one all the same.
    first, second, other = verification(at(60)), verification(), verification(at(30), "SN 2")
    for given in (first, second, other):
        store.add_verification(given)
    store.close()
    with Store.open(path, now=NOW) as again:
        assert again.verifications("chronojump_force_sensor", "SN 1") == (first, second)
        assert again.verifications("chronojump_force_sensor", "SN 9") == ()
        assert again.verifications() == (first, second, other)


def test_checks_of_a_unit_are_found_by_an_index(store: Store, path: Path) -> None:
    query = "SELECT * FROM verification WHERE profile = 'p' AND serial_number = 's'"
    with closing(sqlite3.connect(path)) as other:
        plan = other.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert "verification_unit" in str(plan)


def test_a_check_without_a_reading_is_refused(store: Store) -> None:
    given = verification()
    broken = replace(given, check=replace(given.check, reading=math.nan))
    with pytest.raises(UsageError, match="take it again"):
        store.add_verification(broken)
    assert store.verifications() == ()


def test_what_was_done_to_certificates_is_written_down(store: Store) -> None:
    store.add_certificates([certificate()], NOW, "anna")
    store.add_certificates([certificate()], at(1), "berta")
    store.revoke_certificate("C-1", "dropped on the floor", at(2), "carla")
    store.audit(AuditEntry(at(3), "results.export", "S-1", "dora", {"rows": 12}))
    unit = {"profile": "chronojump_force_sensor", "serial_number": "SN 1"}
    assert store.audit_entries("C-1") == (
        AuditEntry(NOW, "certificate.add", "C-1", "anna", unit),
        AuditEntry(at(2), "certificate.revoke", "C-1", "carla", {"reason": "dropped on the floor"}),
    )
    assert [entry.who for entry in store.audit_entries()] == ["anna", "carla", "dora"]
    assert store.audit_entries()[-1].detail == {"rows": 12}


@pytest.mark.parametrize("table", ["verification", "audit"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = 'never'"])
def test_the_database_itself_refuses_to_change(
    store: Store, path: Path, table: str, statement: str
) -> None:
    store.add_verification(verification())
    store.audit(AuditEntry(NOW, "certificate.export", "C-1", "anna"))
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="kept as"),
    ):
        other.execute(statement.format(table))
