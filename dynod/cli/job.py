"""Long work that is told line by line: by a running daemon, or by the database itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import Progress

from dynod.config.settings import Config
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.model.errors import ConfigError, DeviceError, DynodError, StorageError, UsageError
from dynod.store.store import Store

Lines: TypeAlias = Iterator[dict[str, Any]]

_ERRORS: Mapping[object, type[DynodError]] = {
    error.exit_code: error for error in (UsageError, ConfigError, DeviceError, StorageError)
}


def refused(reply: Mapping[str, Any]) -> DynodError:
    """Return the error that a daemon answered with, as it would be without a daemon."""
    error = reply.get("error", {})
    kind = _ERRORS.get(error.get("exit_code"), UsageError)
    return kind(error.get("message", "refused without a reason"))


@contextmanager
def job_lines(
    config: Config,
    request: dict[str, object],
    directly: Callable[[], AbstractContextManager[Lines]],
    stoppable: Callable[[Callable[[], None]], AbstractContextManager[None]] | None = None,
) -> Iterator[Lines]:
    """Give the lines of a job: the daemon's, or those of ``directly`` where none runs.

    ``stoppable`` makes of what stops the daemon's work a context in which it can be stopped.
    """
    try:
        client = ControlClient(config.control.socket)
    except DaemonNotRunningError:
        with directly() as lines:
            yield lines
        return
    with client, nullcontext() if stoppable is None else stoppable(client.enough):
        yield client.follow(request)


def open_existing(path: Path, now: datetime) -> Store:
    """Open a database for writing that must be there already. Raises StorageError."""
    if not path.is_file():
        raise StorageError(f"{path} does not exist; `dynod run` makes it")
    return Store.open(path, now=now)


def told(lines: Lines) -> Lines:
    """Hand on lines up to the last, which has ``end``; raises what the daemon refused with."""
    for line in lines:
        if line.get("ok") is False:
            raise refused(line)
        yield line
        if "end" in line:
            return


def with_progress(lines: Lines) -> Lines:
    """Hand on lines up to the last, with a progress bar where standard error is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sessions", total=None)
        for line in told(lines):
            if "sessions" in line:
                progress.update(task, total=line["sessions"])
            if "done" in line:
                progress.update(task, completed=line["done"])
            yield line
