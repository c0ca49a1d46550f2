"""A station inside a Debian root, until a trial stands in its database: run there as root.

    /opt/dynod/bin/python3 -I root_station.py [LINK]

Daemon and device are what the package brings, of whichever version, and run as the user dynod. The
config is the one in /etc/dynod. With LINK, where the device is to be, the daemon is the service,
which runs already. Prints what `dynod results list` says afterwards.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

RUN = Path("/run/dynod")
DYNOD = "/usr/bin/dynod"
SIMULATE = ("simulate", "chronojump_force_sensor", "--every", "6", "--link")
LIMIT_S = 60
AGAIN_S = 1.0  # a press that comes sooner is one with the last


def main() -> None:
    signal.alarm(2 * LIMIT_S)  # whatever hangs
    listed = beside_the_service(sys.argv[1]) if sys.argv[1:] else alone()
    print(json.dumps(listed))


def beside_the_service(link: str) -> object:
    with device(link) as gauge:
        measure(gauge)
        end(gauge)
    return results()


def alone() -> object:
    RUN.mkdir()  # as the unit's RuntimeDirectory
    shutil.chown(RUN, "dynod", "dynod")
    with device(str(RUN / "gauge")) as gauge:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(RUN / "notify"))
            shutil.chown(RUN / "notify", "dynod", "dynod")
            told.settimeout(LIMIT_S)
            with start("run", NOTIFY_SOCKET=str(RUN / "notify")) as daemon:
                while b"READY=1" not in told.recv(4096):
                    pass
                measure(gauge)
                listed = results()
                end(daemon)
        end(gauge)
    return listed


def device(link: str) -> subprocess.Popen[str]:
    """Plug in a gauge, whose button is pressed by a line on its standard input."""
    gauge = start(*SIMULATE, link, stdin=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for_line(gauge.stdout, "answers on")
    return gauge


def results() -> object:
    said = subprocess.run(
        [DYNOD, "results", "list", "--json"], check=True, capture_output=True, text=True
    )
    return json.loads(said.stdout)


def start(
    *words: str,
    stdin: int = subprocess.DEVNULL,
    stderr: int | None = None,
    user: str = "dynod",
    **environment: str,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [DYNOD, *words],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        user=user,
        group="dynod",
        extra_groups=[],
        env={**os.environ, **environment},
    )


def wait_for_line(lines: IO[str] | None, words: str) -> None:
    assert lines is not None
    for line in lines:
        if words in line:
            return
    sys.exit(f"nobody said {words!r}")


def measure(gauge: subprocess.Popen[str]) -> None:
    """Press whenever the display asks for it; pulls begin and end their trial by themselves.

    The display is a therapist's: somebody in the group dynod, who may read no secret.
    """
    assert gauge.stdin is not None
    with start("watch", "--json", user="nobody") as display:
        assert display.stdout is not None
        phase, hears, pressed_s = None, False, 0.0
        earlier: list[Any] = []
        for line in display.stdout:
            message: dict[str, Any] = json.loads(line)
            state = message["payload"]
            if message["topic"].startswith("devices/"):
                hears = state["state"] == "streaming"
            elif message["topic"] == "session/state":
                phase = state["phase"]
                last = (state["last_trial"] or {}).get("result_id")
                earlier = earlier or [last]
                if last != earlier[0]:
                    break
            asked = hears and phase in {"idle", "confirm"}
            if asked and time.monotonic() - pressed_s > AGAIN_S:
                gauge.stdin.write("\n")
                gauge.stdin.flush()
                pressed_s = time.monotonic()
        else:
            sys.exit("the display ended before a trial was recorded")
        display.terminate()


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    code = process.wait(LIMIT_S)
    if code != 0:
        sys.exit(f"{process.args!r} ended with {code}")


if __name__ == "__main__":
    main()
