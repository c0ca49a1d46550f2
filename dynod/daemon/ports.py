"""Serial ports: the only module that imports pyserial.

pyserial opens and configures the port; the event loop then watches its descriptor, and reads and
writes go straight to it (see docs/decisions: how serial is read).
"""

import os
import termios
from dataclasses import dataclass
from pathlib import Path

import serial

from dynod.model.errors import DeviceError

READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the line is set; ``parity`` is N, E or O."""

    baudrate: int
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port of this machine and the USB identity behind it, where there is one."""

    path: str
    description: str
    vendor_id: int | None
    product_id: int | None
    serial_number: str | None


class PortGoneError(DeviceError):
    """The port vanished: unplugged, or the other end hung up."""


class SerialPort:
    """An open port, held exclusively, whose descriptor never blocks."""

    def __init__(self, path: str, settings: LineSettings) -> None:
        self.path = path
        self._serial = _open(path, settings)
        self.fd: int = self._serial.fileno()

    def read(self) -> bytes:
        """Return what has arrived, at most 64 KiB; b"" when nothing has.

        Raises PortGoneError when the port vanished.
        """
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortGoneError(f"{self.path}: {error.strerror}") from error
        if not data:
            raise PortGoneError(f"{self.path}: hung up")
        return data

    def write(self, data: bytes) -> None:
        """Send bytes; commands are short, so a full buffer means that nobody listens."""
        try:
            sent = os.write(self.fd, data)
        except (BlockingIOError, OSError) as error:
            raise PortGoneError(f"{self.path}: {error.strerror}") from error
        if sent != len(data):
            raise PortGoneError(f"{self.path}: takes no more bytes")

    def close(self) -> None:
        """Give the port back; harmless on one that vanished."""
        try:
            self._serial.close()
        except (OSError, termios.error):
            return


def _open(path: str, settings: LineSettings) -> serial.Serial:
    if not Path(path).exists():
        raise DeviceError(f"{path}: no such port; plug the device in, or correct `port`")
    try:
        return serial.Serial(
            path,
            baudrate=settings.baudrate,
            bytesize=settings.bytesize,
            parity=settings.parity,
            stopbits=settings.stopbits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, OSError, termios.error, ValueError) as error:
        raise DeviceError(_why(path, error)) from error


def _why(path: str, error: Exception) -> str:
    text = str(error)
    if "exclusively lock" in text or "busy" in text.lower():
        return f"{path}: held by another process; close it (`fuser {path}` names it)"
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return f"{path}: permission denied; add this user to the group that owns the port"
    return f"{path}: cannot be opened as a serial port"


def find_ports() -> list[PortInfo]:
    """Return the serial ports of this machine, by path."""
    from serial.tools import list_ports

    return sorted(
        (
            PortInfo(port.device, port.description, port.vid, port.pid, port.serial_number)
            for port in list_ports.comports()
        ),
        key=lambda port: port.path,
    )


def port_of_unit(serial_number: str) -> str:
    """Return the path of the port whose USB device has a serial number.

    Raises DeviceError when there is none, or more than one.
    """
    paths = [port.path for port in find_ports() if port.serial_number == serial_number]
    if not paths:
        raise DeviceError("no USB device with the configured serial_number is plugged in")
    if len(paths) > 1:
        raise DeviceError(f"{' and '.join(paths)} have the same serial number: use `port`")
    return paths[0]
