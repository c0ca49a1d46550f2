"""Which schema a database has, and bringing it up to date.

Alembic costs a third of a second to import, so it is imported only for a database that is behind.
"""

from pathlib import Path

from sqlalchemy import Connection

from dynod.model.errors import StorageError

# Every revision there is, oldest first; the last one is what the tables of this code look like.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]


def is_current(connection: Connection, path: Path) -> bool:
    """Tell whether the schema is this code's; False for an empty or older database.

    Raises StorageError for a database of a newer dynod, or one that is not dynod's.
    """
    revision = _stored_revision(connection, path)
    if revision is None or revision in REVISIONS[:-1]:
        return False
    if revision != HEAD:
        raise StorageError(
            f"{path} has schema {revision}, newer than this dynod knows ({HEAD});"
            " install the dynod that wrote it, or a newer one"
        )
    return True


def _stored_revision(connection: Connection, path: Path) -> str | None:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    names = [row[0] for row in connection.exec_driver_sql(query)]
    if "alembic_version" in names:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)
    if names:
        raise StorageError(
            f"{path} is a database of another program; name another file in storage.path"
        )
    return None
