"""The control socket takes no place that is not its own."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dynod.daemon.control import ControlServer
from dynod.model.errors import ConfigError


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[None]:
    control = ControlServer(path, {})
    server = await control.start(list)
    try:
        yield
    finally:
        server.close()
        control.close()


async def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "dynod.db"
    precious.write_text("results")
    with pytest.raises(ConfigError, match="socket a name of its own"):
        await ControlServer(precious, {}).start(list)
    assert precious.read_text() == "results"


async def test_a_living_daemon_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with listening(path):
        with pytest.raises(ConfigError, match="another daemon answers there"):
            await ControlServer(path, {}).start(list)
        assert path.is_socket()
    assert not path.exists()


async def test_a_successor_s_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with listening(path):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.is_socket()
