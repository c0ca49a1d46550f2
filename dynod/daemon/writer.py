"""The one thread that touches the database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dynod.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Runs every call on the store in one thread, in the order in which they were made."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the store in the writer thread and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Finish what is running, then close the store."""
        self._thread.submit(self.store.close).result()
        self._thread.shutdown()
