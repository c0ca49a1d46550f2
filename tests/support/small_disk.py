"""A real file system of some megabytes: an ext4 image on a loop device. It needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mosquitto import find_program


class SmallDisk:
    """A mounted image; ``folder`` is where."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self._image = image
        self._ballast = folder / "ballast"

    def leave(self, free_bytes: int) -> None:
        """Fill the disk until so many bytes are left, or until nothing more goes in."""
        with self._ballast.open("ab") as file:
            try:
                while (left := self._free() - free_bytes) > 0:
                    file.write(b"\0" * min(left, 65536))
                    file.flush()
            except OSError:  # full
                pass

    def clear(self) -> None:
        """Make room again."""
        self._ballast.unlink()

    def break_down(self) -> None:
        """Let the kernel find an error, after which it writes no more (ext4(5), ``abort``)."""
        _run("mount", "-o", "remount,abort", str(self.folder))

    def restart(self) -> None:
        """Mount anew what the disk holds, as after the computer's next start.

        A copy of it: as long as any other mount namespace holds the old file system, mounting its
        image again finds that one, as broken as it was.
        """
        self.unmount()
        copy = self._image.with_name(f"{self._image.name}.again")
        shutil.copyfile(self._image, copy)
        self._image = copy
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def unmount(self) -> None:
        _run("umount", str(self.folder))

    def _free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path, megabytes: int, *, inodes: int = 4096) -> Iterator[SmallDisk]:
    """Mount a fresh file system; skip without root. Root that may not fails where CI is set."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    find_program("mkfs.ext4", "mkfs.ext4 is missing; try: sudo apt-get install e2fsprogs")
    image, place = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    _run("mkfs.ext4", "-q", "-m", "0", "-N", str(inodes), "-E", "root_owner=0:0", str(image))
    place.mkdir()
    disk = SmallDisk(image, place)
    try:
        disk.mount()
    except AssertionError as error:  # in a container, or without a loop device
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"an image cannot be mounted here: {error}")
    try:
        yield disk
    finally:
        disk.unmount()


def _run(*words: str) -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
