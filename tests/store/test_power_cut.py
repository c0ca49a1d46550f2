"""The power is cut after any write of the store: nothing that was told is lost, nothing is half.

``DYNOD_SOAK_CUTS=3`` cuts it after every single one, three times at random each (``make soak``),
and writes its figures into docs/reliability.md.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dynod.daemon.flight import flight_folder
from dynod.daemon.opening import notices, open_database
from dynod.store.audit import AuditEntry
from dynod.store.backup import backup_folder, backups
from dynod.store.log_damage import lost_commits
from tests.store.samples import NOW
from tests.support.page import write_block
from tests.support.power_cut import Image, prefixes, write_image
from tests.support.power_cut_judge import (
    ALL_TOLD,
    DATABASE,
    cut_everywhere,
    fast_folder,
    read_content,
)
from tests.support.write_recorder import (
    Recording,
    Said,
    Synced,
    Written,
    files_below,
    read_trace,
    traced,
)

ROOT = Path(__file__).parents[2]
LOG = "dynod.db-wal"
FRAMES = 4
RENAMES = 12  # operations until a database is set aside
TRIES = int(os.environ.get("DYNOD_SOAK_CUTS", "0"))
LONG = TRIES > 0
LONG_TRIALS = 90  # pass a thousand pages: the log is moved into the database, and begins anew
SEED = 20260302

pytestmark = pytest.mark.timeout(3600 if LONG else 120)


def record(folder: Path, job: str, *words: str) -> Recording:
    """Record a job in ``folder / "state"``, with what is there already."""
    state, trace = folder / "state", folder / "trace"
    state.mkdir(exist_ok=True)
    before = files_below(state)
    program = (sys.executable, "-m", "tests.store.power_cut_workload", job, str(state / DATABASE))
    subprocess.run(
        [*traced(trace, *program), *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return read_trace(trace, state, before)


def every(step: int) -> range:
    """Return after which numbers of operations to cut: after every one in the long form."""
    return range(0, sys.maxsize, 1 if LONG else step)


def test_nothing_that_was_told_is_lost(tmp_path: Path) -> None:
    recording = record(tmp_path, "work", str(LONG_TRIALS if LONG else 10))
    figures = cut_everywhere(
        recording, tries=TRIES or 1, chosen=every(10), seed=SEED, workers=2 if LONG else 1
    )
    assert figures.told > 10
    assert figures.lost == []
    if LONG:
        assert figures.syncs > 200
        write_block("power cut of the store", figures.lines())


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_store_that_tells_too_early_is_found_out(tmp_path: Path, synchronous: str) -> None:
    recording = record(tmp_path, "work", "3", synchronous)
    figures = cut_everywhere(recording, tries=1, chosen=range(0, sys.maxsize, 16), seed=SEED)
    assert figures.told > 0
    assert figures.lost


def test_cut_again_after_a_cut(tmp_path: Path) -> None:
    """What the first cut left of a commit lies where the next commits are written."""
    image = half_a_commit(record(tmp_path, "work", "2"))
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").mkdir()
    write_image(image, tmp_path / "state")
    figures = cut_everywhere(
        record(tmp_path, "go_on", "4"),
        tries=4 * TRIES or 3,
        chosen=every(1),
        seed=SEED,
    )
    assert figures.told == 5
    assert figures.lost == []


@pytest.mark.parametrize("schema", ["0001", "0003"])
def test_cut_while_it_is_migrated(tmp_path: Path, schema: str) -> None:
    """It is as it was or as it shall be: at the next start the migration begins again."""
    script = (ROOT / "tests" / "databases" / f"schema_{schema}.sql").read_text()
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / DATABASE)) as old:
        old.executescript(script)
    recording = record(tmp_path, "go_on", "1")
    figures = cut_everywhere(recording, tries=2 * TRIES or 1, chosen=every(2), seed=SEED)
    assert figures.told == 2
    assert figures.lost == []


def test_cut_while_a_backup_is_made(tmp_path: Path) -> None:
    """Once there is a copy, there is one for ever, and each that has its name is whole."""
    recording = record(tmp_path, "back_up", "2")
    told = [
        place
        for place, item in enumerate(recording.operations)
        if isinstance(item, Said) and ALL_TOLD in item.data
    ]
    rng = random.Random(SEED)
    for after, disk in prefixes(recording):
        if after not in every(2):
            continue
        for image in (disk.orderly(), disk.synced(), *(disk.torn(rng) for _ in range(TRIES + 1))):
            with fast_folder() as folder:
                write_image(image, folder)
                copies = backups(backup_folder(folder / DATABASE))
                assert copies or after <= told[1], after
                for copy in copies:
                    assert read_content(copy.path).stream, after


def half_a_commit(recording: Recording) -> Image:
    """Return what is left when only the end of a commit of several pages came to the disk."""
    for after, disk in prefixes(recording):
        following = recording.operations[after : after + 1]
        last = recording.operations[max(0, after - 2 * FRAMES) : after]
        if after > 200 and isinstance(following[0], Synced) and {*map(type, last)} == {Written}:
            return disk.last_written(2 * (FRAMES - 1))
    raise AssertionError("no commit of several pages")


def damaged_log(folder: Path) -> tuple[str, set[bytes]]:
    """Lay a database there whose log has a hole; return its stream and the content of its files."""
    path, log = folder / DATABASE, folder / LOG
    ring = flight_folder(path) / "hhd-1"
    ring.mkdir(parents=True)
    (ring / "00000001.index").touch()
    with fast_folder() as elsewhere, open_database(elsewhere / DATABASE, NOW) as store:
        for number in range(4):
            store.audit(AuditEntry(NOW, "test.note", str(number), "a test", {}))
            if number == 0:
                store.scrub()
        path.write_bytes((elsewhere / DATABASE).read_bytes())
        log.write_bytes((elsewhere / LOG).read_bytes())
        stream = str(store.stream)
    with log.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 100)
    assert lost_commits(log)
    return stream, {path.read_bytes(), log.read_bytes()}


def test_cut_while_a_damaged_one_is_set_aside(tmp_path: Path) -> None:
    """However it ends, the numbers that were lost are not given again, and both files are there."""
    stream, content = damaged_log(tmp_path / "state")
    recording = record(tmp_path, "go_on", "2")
    rng = random.Random(SEED)
    for after, disk in prefixes(recording):
        if after not in every(60) and after > RENAMES:
            continue
        for image in (disk.orderly(), disk.synced(), *(disk.torn(rng) for _ in range(2))):
            with fast_folder() as folder:
                write_image(image, folder)
                path = folder / DATABASE
                with open_database(path, NOW) as store:
                    assert str(store.stream) != stream, after
                assert notices(path), after
                assert content <= {*files_below(folder).values()}, after
