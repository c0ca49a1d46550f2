"""A capture on the disk while it is being recorded."""

import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from dynod.model.errors import DeviceError, UsageError
from dynod.wire.capture import Timing, format_timing

_ALIGNED_S = 0.2  # who was silent for this long begins with the begin of a line or frame


class CaptureFile:
    """Writes a capture: bytes as they come, their timing at the end; a context manager.

    Times are kept in s from its begin. ``by_itself``: the device sends unasked. Raises UsageError
    when the case is there already, DeviceError when the disk does not take it.
    """

    def __init__(self, case: Path, *, by_itself: bool) -> None:
        self.path = case.with_name(f"{case.name}.bin")
        self.timing_path = case.with_name(f"{case.name}.chunks.json")
        self.bytes = 0
        self._by_itself = by_itself
        self._begun_s = time.monotonic()
        self._chunks: list[tuple[float, int]] = []
        self._asked: list[float] = []
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        for path in (self.path, self.timing_path):
            if path.exists():
                raise UsageError(f"{path}: is there already; name another case with --out")
        try:
            self._file = self.path.open("xb")
        except OSError as error:
            raise _no_file(self.path, error) from error
        self._begun_s = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        if not self.bytes:  # an empty capture is none
            self.path.unlink(missing_ok=True)
            return
        try:
            self.timing_path.write_text(format_timing(self.timing), encoding="utf-8")
        except OSError as problem:
            raise _no_file(self.timing_path, problem) from problem

    @property
    def timing(self) -> Timing:
        """How the bytes came."""
        first_s = self._chunks[0][0] if self._chunks else 0.0
        aligned = not self._by_itself and first_s >= _ALIGNED_S
        return Timing(tuple(self._chunks), aligned=aligned, asked=tuple(self._asked))

    def chunk(self, data: bytes, arrival_s: float) -> None:
        """Keep what one read returned."""
        if self._file is None:
            raise RuntimeError("the capture is not open")
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise _no_file(self.path, error) from error
        self.bytes += len(data)
        self._chunks.append((self._since(arrival_s), len(data)))

    def asked(self, at_s: float) -> None:
        """Keep that a poll was sent."""
        self._asked.append(self._since(at_s))

    def _since(self, at_s: float) -> float:
        return round(at_s - self._begun_s, 6)


def _no_file(path: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{path}: {error.strerror}; name another place with --out")
