"""The floor of reading many devices: read what comes, and count the lines."""

import os
import selectors
import sys

from benchmarks.reading import Meter, paths_told, said, tell_ready


def main() -> None:
    fds = [os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for path in paths_told()]
    selector = selectors.DefaultSelector()
    for fd in (*fds, sys.stdin.fileno()):
        selector.register(fd, selectors.EVENT_READ)
    counts = dict.fromkeys(fds, -1)  # the first line does not count
    tell_ready()
    meter = Meter()
    while True:
        for key, _ in selector.select():
            if key.fd in counts:
                counts[key.fd] += os.read(key.fd, 65536).count(b"\n")
            elif said(meter, sys.stdin.readline()):
                meter.tell([*counts.values()])
                return


if __name__ == "__main__":
    main()
