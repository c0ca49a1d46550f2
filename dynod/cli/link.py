"""To the daemon where one runs; to the database itself where none does."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from dynod.config.load import load_config
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.model.errors import UsageError
from dynod.store.store import Store


def command(config_path: Path, name: str, **fields: object) -> dict[str, Any]:
    """Have the daemon carry out a command; return its reply. Raises UsageError when refused."""
    config = load_config(config_path, os.environ)
    payload = {"request_id": str(uuid4()), **fields}
    with ControlClient(config.control.socket) as client:
        reply = client.ask({"op": "command", "name": name, "payload": payload})
    if not reply.get("ok"):
        raise UsageError(_refusal(reply))
    return reply


def query(
    config_path: Path, request: dict[str, object], directly: Callable[[Store], object]
) -> Any:
    """Ask the daemon about what is stored, or read the database when no daemon runs."""
    config = load_config(config_path, os.environ)
    try:
        client = ControlClient(config.control.socket)
    except DaemonNotRunningError:
        with Store.open(config.storage.path, now=datetime.now(UTC), readonly=True) as store:
            return directly(store)
    with client:
        reply = client.ask({"op": "query", **request})
    if not reply.get("ok"):
        raise UsageError(_refusal(reply))
    return reply["answer"]


def _refusal(reply: dict[str, Any]) -> str:
    error = reply.get("error", {})
    where = f" ({error['field']})" if error.get("field") else ""
    return f"refused{where}: {error.get('message', 'without a reason')}"
