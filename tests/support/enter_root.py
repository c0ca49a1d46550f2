"""Run in namespaces of its own: mounts what a Debian root needs, goes into it, and runs a command.

    unshare --mount --net --pid --fork --kill-child python3 enter_root.py ROOT COMMAND …

The loopback address is the whole network. Mounts end with the namespace, so that nothing can reach
the machine's own /dev through the root, not even what removes it.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP = 0x1  # IFF_UP
_MOUNTS = (
    ("proc", "proc", "nosuid"),
    ("tmpfs", "run", "mode=755"),
    ("devpts", "dev/pts", "newinstance,ptmxmode=666,mode=620"),
    ("tmpfs", "dev/shm", "mode=1777"),
)


def main() -> None:
    root, *command = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    for kind, place, options in _MOUNTS:
        folder = os.path.join(root, place)  # noqa: PTH118
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        subprocess.run(["mount", "-t", kind, "-o", options, kind, folder], check=True)
    os.chroot(root)
    os.chdir("/")
    # Stays as the first process, which ends the others when it goes.
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
