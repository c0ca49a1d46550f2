"""Files that are there whole or not at all, and that their owner alone can read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dynod.model.errors import StorageError


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write, mode 0600; it takes its name when the block ends without an error.

    Raises StorageError for what the disk says, also where it says so to the block.
    """
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            Path(beside).replace(path)
        finally:
            Path(beside).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None
