"""The subscriber's database: opened, its tables made, and one thread that works on it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from dynod.config.secret_files import read_secret
from dynod.config.subscriber import DatabaseConfig
from dynod.model.errors import ConfigError, StorageError
from dynod.subscribe.tables import CURRENT_RESULT, VERSION, database_version, metadata

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10
_CREATION_LOCK = 0x64796E6F64  # an advisory lock of PostgreSQL: "dynod"


class Database:
    """Runs each piece of work in a transaction of its own, one after the other, in one thread."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    @classmethod
    def open(cls, config: DatabaseConfig) -> "Database":
        """Open the database and make its tables if it is empty.

        Raises StorageError when it cannot be opened or is not ours, ConfigError when the driver
        for PostgreSQL is missing.
        """
        engine, name = _engine(config)
        database = cls(engine, name)
        try:
            with database.transaction() as connection:
                _create(connection, name)
        except BaseException:
            engine.dispose()
            raise
        return database

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection whose work is committed at the end. Raises StorageError."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if not _environmental(error):
                raise
            # The driver's words may quote a row, and so a patient; its kind says enough.
            kind = type(error.orig).__name__
            raise StorageError(f"{self._name}: {kind}{_advice(error)}") from None

    async def call(
        self,
        work: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do ``work(connection, …)`` in the thread; it is committed when this returns."""

        def run() -> T:
            with self.transaction() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def close(self) -> None:
        """Finish what is running, then close."""
        self._thread.shutdown()
        self._engine.dispose()


def _engine(config: DatabaseConfig) -> tuple[Engine, str]:
    if config.path is not None:
        return _sqlite(config.path), str(config.path)
    if find_spec("psycopg") is None:
        raise ConfigError("[database] url: needs psycopg; run: pip install 'dynod[postgresql]'")
    url = make_url(config.url or "").set(drivername="postgresql+psycopg")
    name = f"{url.host}/{url.database}"
    if config.password_file is not None:
        url = url.set(password=read_secret(config.password_file))
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # they hold patients
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
    return engine, name


def _sqlite(path: Path) -> Engine:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror}; check who owns the file and its folder"
        ) from error
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            # Committed means on the disk: a receipt is sent on its ground.
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _create(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":  # several subscribers may start at once
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATION_LOCK})
    present = set(inspect(connection).get_table_names())
    if database_version.name in present:
        found = connection.execute(select(database_version.c.version)).scalar()
        if found != VERSION:
            raise StorageError(
                f"{name}: made by another version of dynod (tables {found}, not {VERSION});"
                " use that version, or name another database"
            )
        return
    if present & set(metadata.tables):
        raise StorageError(f"{name}: holds tables of another program; name another database")
    metadata.create_all(connection)
    connection.execute(text(CURRENT_RESULT))
    connection.execute(insert(database_version).values(version=VERSION))


def _environmental(error: DBAPIError) -> bool:
    """Tell a fault of disk, server or network from a defect of ours."""
    if isinstance(error.orig, sqlite3.Error):
        return type(error.orig) in {sqlite3.OperationalError, sqlite3.DatabaseError}
    names = {kind.__name__ for kind in type(error.orig).__mro__}
    return bool(names & {"OperationalError", "InternalError", "InterfaceError"})


def _advice(error: DBAPIError) -> str:
    words = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        for mark, advice in (
            ("locked", "is locked; end the other program that has it open"),
            ("full", "free space on its file system"),
            ("readonly", "cannot be written; check who owns the file"),
            ("unable to open", "cannot be opened; check who owns the file and its folder"),
            ("not a database", "is damaged or no database; name another"),
            ("malformed", "is damaged; restore a backup"),
        ):
            if mark in words:
                return f": {advice}"
        return "; check the disk and its free space"
    return "; check that the server runs, the database exists and the user may connect to it"
