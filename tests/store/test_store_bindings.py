"""A session that moves to another patient: copies with the same raw, old and new kept apart."""

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from dynod.model.errors import StorageError
from dynod.model.session import Identifier, Patient
from dynod.model.trial import ResultStatus
from dynod.store.audit import AuditEntry
from dynod.store.change import Change
from dynod.store.store import Store
from tests.store.samples import NOW, deficit, session, summary, trial

OTHER = Patient(Identifier("urn:example:mrn", "4712"))


def test_a_copy_has_the_raw_samples_of_its_original(store: Store) -> None:
    owner = session()
    old = trial(owner)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(old,)))
    void = replace(old, revision=2, status=ResultStatus.ENTERED_IN_ERROR, recording=None)
    new = replace(old, result_id=uuid4(), recording=None, binding=1, copied_from=old.result_id)
    moved = replace(owner, patient=OTHER, binding=1)
    store.commit(Change(at=NOW, sessions=(moved,), trials=(void, new)))
    first, second = (store.recording(item.result_id) for item in (old, new))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.block.values, second.block.values)
    assert store.trial(new.result_id) is not None
    found = store.session(owner.session_id)
    assert found is not None
    assert [(item.result_id, item.copied_from) for item in found.trials] == [
        (new.result_id, old.result_id)
    ]
    again = replace(new, revision=2, note="a later revision copies nothing")
    store.commit(Change(at=NOW, trials=(again,)))


def test_results_of_an_earlier_binding_are_kept_but_not_the_session_s(store: Store) -> None:
    owner = session()
    old, ended = deficit(owner), summary(owner)
    store.commit(Change(at=NOW, sessions=(owner,), deficits=(old,), summary=ended))
    moved = replace(owner, patient=OTHER, binding=1)
    new = deficit(owner, binding=1)
    store.commit(
        Change(
            at=NOW,
            sessions=(moved,),
            deficits=(replace(old, revision=2), new),
            withdrawn=replace(ended, revision=2),
            summary=summary(moved),
        )
    )
    found = store.session(owner.session_id)
    assert found is not None
    assert [item.result_id for item in found.deficits] == [new.result_id]
    assert {item.result_id for item in store.deficits()} == {old.result_id, new.result_id}
    assert [(item.revision, item.session.binding) for item in store.summaries()] == [(1, 1), (2, 0)]


def test_a_summary_gets_its_patient_at_the_same_revision(store: Store) -> None:
    owner = session(patient=None)
    ended = summary(owner)
    store.commit(Change(at=NOW, sessions=(owner,), summary=ended))
    bound = replace(ended, session=replace(owner, patient=OTHER))
    store.commit(Change(at=NOW, bound=bound))
    assert store.summaries() == (bound,)
    with pytest.raises(StorageError, match="revision 2 is not what is stored"):
        store.commit(Change(at=NOW, bound=replace(bound, revision=2)))


def test_a_result_leads_to_its_session(store: Store) -> None:
    owner = session()
    parts = trial(owner), deficit(owner), summary(owner)
    change = Change(
        at=NOW, sessions=(owner,), trials=parts[:1], deficits=parts[1:2], summary=parts[2]
    )
    store.commit(change)
    for part in parts:
        found = store.session_of_result(part.result_id)
        assert found is not None
        assert found.session == owner
    assert store.session_of_result(uuid4()) is None


def test_the_audit_is_written_with_the_change_or_not_at_all(store: Store) -> None:
    owner = session()
    done = trial(owner)
    entry = AuditEntry(NOW, "result.void", str(done.result_id), "Dr. Grey")
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,), audit=entry))
    with pytest.raises(StorageError):
        store.commit(Change(at=NOW, trials=(done,), audit=entry))
    assert store.audit_entries() == (entry,)
