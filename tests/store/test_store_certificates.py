"""Certificates are only ever added; the one change is a revocation."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dynod.model.errors import StorageError, UsageError
from dynod.store.store import Store
from tests.store.samples import NOW, at, certificate


def test_certificates_are_kept_in_the_order_of_adding(store: Store, path: Path) -> None:
    first, second = certificate("C-2"), certificate("C-1", revoked_reason="dropped")
    store.add_certificates([first], NOW)
    store.add_certificates([second, first], at(1))
    store.close()
    with Store.open(path, now=NOW) as again:
        assert again.certificates() == (first, second)


def test_the_same_id_with_other_content_is_refused(store: Store) -> None:
    store.add_certificates([certificate()], NOW)
    other = certificate(coefficients=(0.0, 2.0))
    with pytest.raises(StorageError, match="C-1 is already stored with other content"):
        store.add_certificates([certificate("C-9"), other], NOW)
    assert store.certificates() == (certificate(),)  # all or nothing


def test_two_of_one_id_in_one_go_are_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="C-1 is already stored with other content"):
        store.add_certificates([certificate(), certificate(range_high=1000.0)], NOW)
    assert store.certificates() == ()


def test_a_revocation_is_added_and_never_taken_back(store: Store) -> None:
    good = certificate()
    revoked = replace(good, revoked_reason="dropped on the floor")
    store.add_certificates([good], NOW)
    store.add_certificates([revoked], at(1))
    store.add_certificates([good], at(2))
    store.add_certificates([replace(good, revoked_reason="another reason")], at(3))
    assert store.certificates() == (revoked,)


def test_only_what_is_new_counts_as_added(store: Store) -> None:
    assert store.add_certificates([certificate()], NOW) == ("C-1",)
    assert store.add_certificates([certificate(), certificate("C-2")], NOW) == ("C-2",)


def test_a_certificate_is_revoked_once(store: Store) -> None:
    store.add_certificates([certificate()], NOW)
    with pytest.raises(UsageError, match="no certificate C-9"):
        store.revoke_certificate("C-9", "dropped", NOW, "anna")
    store.revoke_certificate("C-1", "dropped", NOW, "anna")
    with pytest.raises(UsageError, match="C-1 is already revoked: dropped"):
        store.revoke_certificate("C-1", "lost", NOW, "anna")
    assert store.certificates() == (certificate(revoked_reason="dropped"),)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM certificate", "certificates are never deleted"),
        ("UPDATE certificate SET record = '{}'", "can be revoked once"),
        ("UPDATE certificate SET certificate_id = 'C-9'", "can be revoked once"),
        ("UPDATE certificate SET added_at = 'never'", "can be revoked once"),
        ("UPDATE certificate SET revoked_reason = NULL", "can be revoked once"),
    ],
)
def test_the_database_itself_refuses(
    store: Store, path: Path, statement: str, message: str
) -> None:
    store.add_certificates([certificate(revoked_reason="dropped")], NOW)
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match=message),
    ):
        other.execute(statement)
