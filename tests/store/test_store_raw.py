"""Raw samples come back bit for bit, and damage is noticed."""

import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dynod.model.errors import StorageError
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock, SampleStatus
from dynod.model.trial import Recording, StartedBy
from dynod.store.change import Change
from dynod.store.raw import raw_row, recording_of
from dynod.store.store import Store
from tests.store.samples import NOW, recording, session, trial


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    samples, channels = draw(st.integers(0, 20)), draw(st.integers(1, 3))
    any_float = st.floats(width=64)  # NaN of every kind, infinities and -0.0 included

    def floats(*shape: int) -> FloatArray:
        return draw(arrays.arrays(np.float64, shape, elements=any_float))

    block = SampleBlock(
        t_s=floats(samples),
        values=floats(samples, channels),
        status=draw(arrays.arrays(np.uint8, (samples,))),
        channels=tuple(f"c{number}" for number in range(channels)),
        segment=draw(st.integers(0, 1000)),
    )
    pelvis = floats(samples) if draw(st.booleans()) else None
    return Recording(
        block,
        start_s=draw(st.floats(allow_nan=False, allow_infinity=False)),
        end_s=draw(st.floats(allow_nan=False, allow_infinity=False)),
        started_by=draw(st.sampled_from(StartedBy)),
        nominal_rate_hz=draw(st.floats(0.1, 2000.0)),
        flags=tuple(draw(st.lists(st.sampled_from(Flag), max_size=3))),
        axis=draw(st.text(max_size=5)),
        mount_sign=draw(st.sampled_from([-1, 1])),
        pelvis_deg=pelvis,
        stamped=draw(st.booleans()),
        acceleration_g=floats(samples, 3) if draw(st.booleans()) else None,
    )


def bits(array: FloatArray | None) -> bytes | None:
    return None if array is None else array.tobytes()


def assert_same(found: Recording, given: Recording) -> None:
    assert bits(found.block.t_s) == bits(given.block.t_s)
    assert bits(found.block.values) == bits(given.block.values)
    assert found.block.values.shape == given.block.values.shape
    assert found.block.status.tolist() == given.block.status.tolist()
    assert found.block.channels == given.block.channels
    assert found.block.segment == given.block.segment
    assert bits(found.pelvis_deg) == bits(given.pelvis_deg)
    assert bits(found.acceleration_g) == bits(given.acceleration_g)
    if found.acceleration_g is not None:
        assert found.acceleration_g.shape == (len(found.block), 3)
    for name in ("start_s", "end_s", "started_by", "nominal_rate_hz", "flags", "axis", "stamped"):
        assert getattr(found, name) == getattr(given, name)
    assert found.mount_sign == given.mount_sign


@given(recordings())
def test_any_recording_survives(given: Recording) -> None:
    assert_same(recording_of(raw_row(given)), given)


def test_a_recording_survives_the_database(store: Store, path: Path) -> None:
    owner = session()
    taken = recording()
    taken.block.values[7] = np.nan
    taken.block.status[7] = SampleStatus.OVERLOAD
    acceleration_g = np.column_stack([taken.block.t_s * number for number in range(3)])
    taken = replace(taken, pelvis_deg=taken.block.t_s * 2.0, acceleration_g=acceleration_g)
    done = trial(owner, recording=taken)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    store.close()
    with Store.open(path, now=NOW, readonly=True) as again:
        found = again.recording(done.result_id)
        whole = again.trial(done.result_id, with_raw=True)
    assert found is not None
    assert done.recording is not None
    assert_same(found, done.recording)
    assert whole is not None
    assert whole.recording is not None
    assert_same(whole.recording, done.recording)
    found.block.values[0] = 1.0  # what was read can be worked on


def test_blobs_are_little_endian_doubles_and_bytes(store: Store, path: Path) -> None:
    block = SampleBlock(
        np.array([0.0, 0.5]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1], np.uint8),
        ("roll", "pitch"), 0,
    )  # fmt: skip
    owner = session()
    done = trial(owner, recording=Recording(block, 0.0, 0.5, StartedBy.PRESS, 10.0))
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    with closing(sqlite3.connect(path)) as other:
        row = other.execute('SELECT t_s, "values", status, channels FROM trial_raw').fetchone()
    assert row[0] == struct.pack("<2d", 0.0, 0.5)
    assert row[1] == struct.pack("<4d", 1.0, 2.0, 3.0, 4.0)  # sample by sample
    assert row[2] == b"\x00\x01"
    assert row[3] == '["roll","pitch"]'


@pytest.mark.parametrize(
    "damage",
    [
        'UPDATE trial_raw SET "values" = CAST(x\'00\' || substr("values", 2) AS BLOB)',
        "UPDATE trial_raw SET mount_sign = -1",
        "UPDATE trial_raw SET stamped = 0",
        "UPDATE trial_raw SET acceleration_g = x''",
        "UPDATE trial_raw SET channels = '[\"torque\"]'",
        "UPDATE trial_raw SET status = CAST(x'01' || substr(status, 2) AS BLOB)",
    ],
)
def test_damaged_raw_is_refused(store: Store, path: Path, damage: str) -> None:
    owner = session()
    done = trial(owner)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TRIGGER trial_raw_is_kept")
        other.execute(damage)
        other.commit()
    with pytest.raises(StorageError, match="damaged: their SHA-256 does not match; restore"):
        store.recording(done.result_id)


def test_times_from_arrival_are_remembered(store: Store, path: Path) -> None:
    owner = session()
    done = trial(owner, recording=replace(recording(), stamped=False))
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    found = store.recording(done.result_id)
    assert found is not None
    assert found.stamped is False
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT stamped FROM trial_raw").fetchall() == [(0,)]
        other.execute("DROP TRIGGER trial_raw_is_kept")
        other.execute("UPDATE trial_raw SET stamped = 1")
        other.commit()
    with pytest.raises(StorageError, match="damaged"):
        store.recording(done.result_id)


def test_the_database_itself_refuses_to_change_raw(store: Store, path: Path) -> None:
    owner = session()
    store.commit(Change(at=NOW, sessions=(owner,), trials=(trial(owner),)))
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="raw samples never change"),
    ):
        other.execute("UPDATE trial_raw SET mount_sign = -1")


def test_raw_neither_changes_nor_disappears_with_a_revision(store: Store) -> None:
    owner = session()
    done = trial(owner)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    store.commit(Change(at=NOW, trials=(replace(done, revision=2, recording=None),)))
    store.commit(Change(at=NOW, trials=(replace(done, revision=3),)))  # the same raw again
    other = replace(done, revision=4, recording=recording(seed=8))
    with pytest.raises(StorageError, match="never change; nothing was changed"):
        store.commit(Change(at=NOW, trials=(other,)))
    found = store.trial(done.result_id, with_raw=True)
    assert found is not None
    assert found.revision == 3
    assert found.recording is not None
    assert done.recording is not None
    assert_same(found.recording, done.recording)


def test_a_trial_may_have_no_raw(store: Store) -> None:
    owner = session()
    done = trial(owner, recording=None)
    store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
    assert store.recording(done.result_id) is None
