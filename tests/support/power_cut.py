"""A disk that may lose whatever was not synced, and what lies on it after a loss of power.

Sure is only what was synced: the content of a file by ``fsync`` of the file, its name by ``fsync``
of its folder. Of everything else any part may be there, a write in part as well, by sectors of 512
bytes; a file may have its new length and zeros in place of its new content.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from tests.support.write_recorder import (
    Folder,
    FolderSynced,
    Made,
    Operation,
    Recording,
    Removed,
    Renamed,
    Resized,
    Synced,
    Written,
)

SECTOR_BYTES = 512
Image: TypeAlias = dict[str, bytes | None]
"""Content by path; None is a folder."""
_NameChange: TypeAlias = Made | Folder | Renamed | Removed


@dataclass(slots=True)
class _Node:
    sure: bytearray
    now: bytearray
    unsure: list[Written | Resized] = field(default_factory=list)


class Disk:
    """Takes operations one by one; after each it tells what a loss of power could leave."""

    def __init__(self, recording: Recording) -> None:
        self._nodes = {
            node: _Node(bytearray(data), bytearray(data))
            for node, data in enumerate(recording.before.values())
        }
        self._sure: dict[str, int | None] = {
            path: node for node, path in enumerate(recording.before)
        }
        for path in recording.before:
            parents = PurePosixPath(path).parents
            self._sure |= {str(parent): None for parent in parents if str(parent) != "."}
        self._now = dict(self._sure)
        self._unsure: list[_NameChange] = []

    def take(self, operation: Operation) -> None:
        """Do one operation."""
        match operation:
            case Written() | Resized():
                node = self._nodes[operation.node]
                _put(node.now, operation)
                node.unsure.append(operation)
            case Synced(number):
                node = self._nodes[number]
                for done in node.unsure:
                    _put(node.sure, done)
                node.unsure.clear()
            case FolderSynced(path):
                self._sync_names(path)
            case Made() | Folder() | Renamed() | Removed():
                if isinstance(operation, Made):
                    self._nodes[operation.node] = _Node(bytearray(), bytearray())
                _name(self._now, operation)
                self._unsure.append(operation)

    def _sync_names(self, folder: str) -> None:
        rest: list[_NameChange] = []
        for change in self._unsure:
            if _folder_of(change.path) == folder:
                _name(self._sure, change)
            else:
                rest.append(change)
        self._unsure = rest

    @property
    def is_sure(self) -> bool:
        """Whether nothing is left that a loss of power could take."""
        return not self._unsure and not any(node.unsure for node in self._nodes.values())

    def orderly(self) -> Image:
        """Everything so far: the process is killed, the disk is not."""
        return {path: self._content(node, sure=False) for path, node in self._now.items()}

    def synced(self) -> Image:
        """What was synced and nothing else."""
        return _whole({path: self._content(node, sure=True) for path, node in self._sure.items()})

    def torn(self, chance: random.Random) -> Image:
        """What was synced, and any part of the rest."""
        kept = chance.choice((0.05, 0.3, 0.5, 0.7, 0.95))
        names = dict(self._sure)
        if chance.random() < 0.5:  # in order, as a journal of the file system keeps them
            changes = self._unsure[: chance.randint(0, len(self._unsure))]
        else:
            changes = [change for change in self._unsure if chance.random() < kept]
        for change in changes:
            _name(names, change)
        torn = {
            number: self._torn_file(self._nodes[number], chance, kept)
            for number in names.values()
            if number is not None
        }
        return _whole({path: None if node is None else torn[node] for path, node in names.items()})

    def last_written(self, count: int) -> Image:
        """What was synced, and of the rest only the last writes to each file."""
        image = self.synced()
        for path, number in self._sure.items():
            if number is not None and path in image:
                data = bytearray(image[path] or b"")
                for change in self._nodes[number].unsure[-count:]:
                    _put(data, change)
                image[path] = bytes(data)
        return image

    def _content(self, number: int | None, *, sure: bool) -> bytes | None:
        if number is None:
            return None
        node = self._nodes[number]
        return bytes(node.sure if sure else node.now)

    def _torn_file(self, node: _Node, chance: random.Random, kept: float) -> bytes:
        data = bytearray(node.sure)
        for change in node.unsure:
            if chance.random() < kept:
                _put(data, change)
            elif isinstance(change, Written):
                _tear(data, change, chance)
        return bytes(data)


def _tear(data: bytearray, change: Written, chance: random.Random) -> None:
    """Lose a write, whole or in sectors, or all of it but the length."""
    end = change.offset + len(change.data)
    match chance.choice(("lost", "lost", "torn", "torn", "length")):
        case "torn":
            at = change.offset
            while at < end:
                until = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
                if chance.random() < 0.5:
                    part = change.data[at - change.offset : until - change.offset]
                    _put(data, Written(change.node, at, part))
                at = until
        case "length" if end > len(data):
            data.extend(bytes(end - len(data)))


def _put(data: bytearray, change: Written | Resized) -> None:
    end = change.size if isinstance(change, Resized) else change.offset + len(change.data)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if isinstance(change, Resized):
        del data[end:]
    else:
        data[change.offset : end] = change.data


def _folder_of(path: str) -> str:
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


def _name(names: dict[str, int | None], change: _NameChange) -> None:
    match change:
        case Made(path, node):
            names[path] = node
        case Folder(path):
            names[path] = None
        case Removed(path):
            names.pop(path, None)
        case Renamed(path, target) if path in names:
            names[target] = names.pop(path)


def _whole(image: Image) -> Image:
    """Leave out what lies in a folder that is not there."""
    return {
        path: data
        for path, data in image.items()
        if all(str(parent) in image for parent in list(PurePosixPath(path).parents)[:-1])
    }


def write_image(image: Image, folder: Path) -> None:
    """Lay an image into an empty folder."""
    for path, data in sorted(image.items()):
        target = folder / path
        if data is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(data)


def prefixes(recording: Recording) -> Iterator[tuple[int, Disk]]:
    """Yield the disk after each number of operations, from none on; it is one and the same."""
    disk = Disk(recording)
    yield 0, disk
    for done, operation in enumerate(recording.operations, 1):
        disk.take(operation)
        yield done, disk
