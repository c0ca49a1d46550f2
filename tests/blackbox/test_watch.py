"""``dynod watch`` on a terminal of its own, while the daemon goes and comes."""

from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.station import Daemon, battery, force_test
from tests.support.terminal import Terminal

pytestmark = pytest.mark.mosquitto
WITHOUT_DEVICE = "! hhd-1:"
GIVEN_BACK = b"\x1b[?1049l"  # back from the alternate screen (xterm's control sequences)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_the_screen_outlives_the_daemon(tmp_path: Path, how: str) -> None:
    """It says that it waits, and follows the next daemon by itself."""
    with (
        Mosquitto(tmp_path) as broker,
        Daemon(tmp_path, broker.port, battery=battery(force_test())) as daemon,
        Terminal(tmp_path, "watch", "--mute", "-c", daemon.config) as terminal,
    ):
        terminal.expect(WITHOUT_DEVICE)
        if how == "stopped":
            daemon.stop()
        else:
            daemon.kill()
        terminal.expect("waiting for the daemon")
        daemon.start()
        terminal.expect(WITHOUT_DEVICE)
        assert GIVEN_BACK not in terminal.raw
        terminal.interrupt()
        assert terminal.end() == 130
        assert GIVEN_BACK in terminal.raw
