"""Many simulated devices in a process of their own: ``python -m benchmarks.writer COUNT``.

Says the paths of its ptys, sends at ``start`` and until ``stop``, and then says what it sent. Each
device sends in its own moment, so that no two samples come in one go.
"""

import json
import os
import select
import sys
import time
import tty

from tests.fuzz.framings import WIRES, Wire

RATE_HZ = 100
SPOKEN = (WIRES["stamped_line"], WIRES["unit_line"])  # with and without stamps, in turns
SPIN_S = 0.0001  # shorter than this no sleep is exact


def wire_of(device: int) -> Wire:
    return SPOKEN[device % len(SPOKEN)]


def main() -> None:
    count = int(sys.argv[1])
    pairs = [os.openpty() for _ in range(count)]
    for master, slave in pairs:
        tty.setraw(slave)
        os.set_blocking(master, False)
    print(json.dumps([os.ttyname(slave) for _, slave in pairs]), flush=True)
    sys.stdin.readline()
    masters = [master for master, _ in pairs]
    for master in masters:
        os.write(master, b"\r\n")  # a first line may lack its beginning: it does not count
    print(json.dumps(send(masters)), flush=True)
    sys.stdin.readline()


def send(masters: list[int]) -> dict[str, float]:
    """Send until something is said; return samples for each device, and the longest delay."""
    begun_s, late_s, number, unsent = time.perf_counter() + 0.1, 0.0, 0, 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for device, master in enumerate(masters):
            due_s = begun_s + (number + device / len(masters)) / RATE_HZ
            data = wire_of(device).sample(number).data
            wait_until(due_s)
            late_s = max(late_s, time.perf_counter() - due_s)
            unsent += not sent(master, data)
        number += 1
    sys.stdin.readline()
    return {"each": number, "unsent": unsent, "late_s": late_s}


def wait_until(due_s: float) -> None:
    while (left_s := due_s - time.perf_counter()) > SPIN_S:
        time.sleep(left_s - SPIN_S)


def sent(master: int, data: bytes) -> bool:
    """Send as a device does, which does not wait for its host."""
    try:
        return os.write(master, data) == len(data)
    except BlockingIOError:
        return False


if __name__ == "__main__":
    main()
