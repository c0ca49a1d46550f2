"""Migrations make what the tables say, and succeed whole or leave the file untouched."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from dynod.model.errors import StorageError
from dynod.store.change import Change
from dynod.store.engine import make_engine
from dynod.store.migrations.upgrade import SCRIPTS, upgrade
from dynod.store.schema import HEAD, REVISIONS
from dynod.store.store import Store
from dynod.store.tables import metadata
from tests.store.samples import NOW, draft, session, trial

DATABASES = Path(__file__).parents[1] / "databases"
HEADER = """
import sqlalchemy as sa
from alembic import op

revision = "rooms"
down_revision = "HEAD"


def upgrade():
    with op.batch_alter_table("session") as table:
        table.add_column(sa.Column("room", sa.Text))
    op.create_table("room", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE outbox SET topic = 'moved'")
""".replace("HEAD", HEAD)
COPY_TABLE = """
    with op.batch_alter_table("session", recreate="always") as table:
        table.alter_column("started_at", nullable=True)
"""

ORPHANS = """
    op.execute("DELETE FROM session")
"""


def schema_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows}


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def inserts(path: Path) -> set[str]:
    """Return the rows but the raw samples; a trial of the first binding as it was before those."""
    rows = [line for line in dump(path) if line.startswith("INSERT") and "trial_raw" not in line]
    return {
        row.replace(",0,NULL,NULL);", ");") if row.startswith('INSERT INTO "trial" ') else row
        for row in rows
    }


def test_migrations_make_what_the_tables_say(store: Store, path: Path, tmp_path: Path) -> None:
    direct = tmp_path / "direct.db"
    engine = create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()
    migrated = schema_of(path)
    triggers = {name for name, sql in migrated.items() if sql.startswith("CREATE TRIGGER")}
    assert triggers == {
        "trial_raw_is_kept",
        "certificate_never_changes",
        "certificate_never_goes",
        "verification_never_changes",
        "verification_never_goes",
        "audit_never_changes",
        "audit_never_goes",
    }
    tables = {name: sql for name, sql in migrated.items() if name not in triggers}
    assert tables.pop("alembic_version")
    assert tables == schema_of(direct)


def test_the_list_of_revisions_is_that_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(SCRIPTS))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


@pytest.fixture
def filled(store: Store, path: Path) -> Path:
    """Return a closed database at the newest revision with a trial in it."""
    owner = session()
    done = trial(owner)
    change = Change(at=NOW, sessions=(owner,), trials=(done,), outbox=(draft(done.result_id),))
    store.commit(change)
    store.close()
    return path


def migrate(path: Path, scripts: Path) -> None:
    engine = make_engine(path, readonly=False)
    try:
        with engine.connect() as connection:
            upgrade(connection, scripts=scripts)
            with connection.begin():
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    finally:
        engine.dispose()


def scripts_with(tmp_path: Path, text: str) -> Path:
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "v9999_rooms.py").write_text(text)
    return scripts


def test_a_migration_keeps_every_row(filled: Path, tmp_path: Path) -> None:
    before = [line for line in dump(filled) if line.startswith('INSERT INTO "trial')]
    migrate(filled, scripts_with(tmp_path, HEADER + COPY_TABLE))
    after = [line for line in dump(filled) if line.startswith('INSERT INTO "trial')]
    assert len(before) == 4  # the trial, its raw samples, two metrics
    assert after == before
    assert "room" in schema_of(filled)
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("rooms",)
        ]
        assert connection.execute("SELECT topic FROM outbox").fetchall() == [("moved",)]


def test_a_failing_migration_leaves_the_file_untouched(filled: Path, tmp_path: Path) -> None:
    before = dump(filled)
    failing = HEADER + COPY_TABLE + "    raise ArithmeticError('half way')\n"
    with pytest.raises(ArithmeticError, match="half way"):
        migrate(filled, scripts_with(tmp_path, failing))
    assert dump(filled) == before
    with Store.open(filled, now=NOW) as store:  # and it works as before
        assert len(store.trials()) == 1
        assert store.commit(Change(at=NOW, outbox=(draft(),))) == (2,)


def test_a_migration_that_orphans_rows_is_undone(filled: Path, tmp_path: Path) -> None:
    before = dump(filled)
    with pytest.raises(StorageError, match="rows of table trial without their session"):
        migrate(filled, scripts_with(tmp_path, HEADER + ORPHANS))
    assert dump(filled) == before


def test_a_failure_while_a_database_is_made_leaves_it_empty(path: Path, tmp_path: Path) -> None:
    path.touch()
    failing = HEADER + "    raise ArithmeticError('half way')\n"
    with pytest.raises(ArithmeticError, match="half way"):
        migrate(path, scripts_with(tmp_path, failing))
    assert schema_of(path) == {}
    Store.open(path, now=NOW).close()


# -- databases that older versions wrote ---------------------------------------------------------

FORCE, ANGLE, WITHOUT_RAW = UUID(int=2), UUID(int=3), UUID(int=4)


@pytest.fixture
def schema_1(path: Path) -> Path:
    """Return the database that dynod wrote at commit 12bca80, the last one with schema 1."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATABASES / "schema_0001.sql").read_text(encoding="utf-8"))
    return path


def test_what_schema_1_held_is_all_there(schema_1: Path) -> None:
    before = inserts(schema_1)
    with Store.open(schema_1, now=NOW) as store:
        force = store.trial(FORCE, with_raw=True)
        angle = store.recording(ANGLE)
        assert store.recording(WITHOUT_RAW) is None
        assert [len(store.sessions()), len(store.deficits()), len(store.summaries())] == [1, 1, 1]
        assert [item.certificate_id for item in store.certificates()] == ["C-1"]
        assert (store.stream, store.last_sequence) == (UUID(int=7), 1)
    assert force is not None
    assert (force.analysis.metrics["peak_force_n"], force.analysis.notes) == (118.25, {})
    assert force.recording is not None
    assert force.recording.stamped
    assert force.recording.block.values[:5, 0].tolist() == [2.5, 2.25, 2.5, 2.75, 40.0]
    assert angle is not None  # so its hash, which knows of no stamps, still holds
    assert angle.stamped
    assert angle.acceleration_g is None
    assert angle.pelvis_deg is not None
    assert angle.pelvis_deg.tolist() == [0.5, 0.25, 0.5, 0.0]
    assert np.isnan(angle.block.values[3, 1])
    assert before - inserts(schema_1) == {"INSERT INTO \"alembic_version\" VALUES('0001');"}
    after = dump(schema_1)
    assert sum("trial_raw" in line and line.startswith("INSERT") for line in after) == 2


def test_a_schema_1_database_has_the_tables_of_a_new_one(schema_1: Path, tmp_path: Path) -> None:
    Store.open(schema_1, now=NOW).close()
    Store.open(tmp_path / "new.db", now=NOW).close()
    assert schema_of(schema_1) == schema_of(tmp_path / "new.db")


def test_a_migration_of_schema_1_that_fails_on_its_way_leaves_it_untouched(
    schema_1: Path, tmp_path: Path
) -> None:
    before = dump(schema_1)
    failing = HEADER + COPY_TABLE + "    raise ArithmeticError('half way')\n"
    with pytest.raises(ArithmeticError, match="half way"):
        migrate(schema_1, scripts_with(tmp_path, failing))
    assert dump(schema_1) == before
    assert "stamped" not in schema_of(schema_1)["trial_raw"]


def test_raw_of_schema_1_is_still_kept_as_it_is(schema_1: Path) -> None:
    Store.open(schema_1, now=NOW).close()
    with (
        closing(sqlite3.connect(schema_1)) as other,
        pytest.raises(sqlite3.IntegrityError, match="raw samples never change"),
    ):
        other.execute("UPDATE trial_raw SET stamped = 0")


def test_a_trial_of_schema_1_can_be_amended_with_its_raw(schema_1: Path) -> None:
    with Store.open(schema_1, now=NOW) as store:
        force = store.trial(FORCE, with_raw=True)
        assert force is not None
        store.commit(Change(at=NOW, trials=(replace(force, revision=2),)))
        assert store.recording(FORCE) is not None


@pytest.fixture
def schema_2(path: Path) -> Path:
    """Return the database that dynod wrote at commit bb3b94f, the last one with schema 2."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATABASES / "schema_0002.sql").read_text(encoding="utf-8"))
    return path


def test_what_schema_2_held_is_all_there(schema_2: Path, tmp_path: Path) -> None:
    before = inserts(schema_2)
    with Store.open(schema_2, now=NOW) as store:
        assert store.trial(UUID(int=2), with_raw=True) is not None
        revoked = [(item.certificate_id, item.revoked_reason) for item in store.certificates()]
        assert revoked == [("C-1", None), ("C-2", "dropped")]
        assert (store.verifications(), store.audit_entries()) == ((), ())
    assert before - inserts(schema_2) == {"INSERT INTO \"alembic_version\" VALUES('0002');"}
    Store.open(tmp_path / "new.db", now=NOW).close()
    assert schema_of(schema_2) == schema_of(tmp_path / "new.db")


@pytest.fixture
def schema_3(path: Path) -> Path:
    """Return the database of schema 2 as dynod at commit 2cea3f2 migrated it to schema 3."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATABASES / "schema_0003.sql").read_text(encoding="utf-8"))
    return path


def test_what_schema_3_held_is_all_there(schema_3: Path, tmp_path: Path) -> None:
    before = inserts(schema_3)
    with Store.open(schema_3, now=NOW) as store:
        found = store.trial(UUID(int=2), with_raw=True)
        assert found is not None
        assert (found.binding, found.copied_from) == (0, None)
        assert [entry.action for entry in store.audit_entries()] == ["certificate.export"]
        assert store.asked_again(10) == ()
    assert before - inserts(schema_3) == {"INSERT INTO \"alembic_version\" VALUES('0003');"}
    Store.open(tmp_path / "new.db", now=NOW).close()
    assert schema_of(schema_3) == schema_of(tmp_path / "new.db")
