"""Runs migrations in one transaction: all of them, or the file stays as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from dynod.model.errors import StorageError

SCRIPTS = Path(__file__).parent


def upgrade(connection: Connection, *, scripts: Path = SCRIPTS) -> None:
    """Bring a database to the newest schema of ``scripts``; no transaction may be open.

    Raises StorageError when a migration left rows without their parent row, and passes on what a
    migration raises; either way nothing has changed.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _foreign_keys_off(connection), connection.begin():
        command.upgrade(config, "head")
        if orphan := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise StorageError(
                f"the migration would leave rows of table {orphan[0]} without their {orphan[2]};"
                " nothing was changed, report this with the dynod versions involved"
            )


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Let tables be copied and dropped, which is how SQLite alters them.

    On the driver's connection, because the switch does nothing inside a transaction.
    """
    driver = connection.connection.cursor()
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")
        driver.close()
