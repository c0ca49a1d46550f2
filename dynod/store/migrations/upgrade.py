"""Runs migrations in one transaction: all of them, or the file stays as it was."""

from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from dynod.model.errors import StorageError

SCRIPTS = Path(__file__).parent


def upgrade(engine: Engine, *, scripts: Path = SCRIPTS) -> None:
    """Bring a database to the newest schema of ``scripts``.

    Foreign keys are off meanwhile, because a table that SQLite cannot alter is copied and dropped;
    they are checked before the commit. Raises StorageError when rows were left without a parent.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    directory = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.rollback()
