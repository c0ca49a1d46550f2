"""Serial ports: the only module that imports pyserial.

pyserial opens and configures the port; the event loop then watches its descriptor, and reads and
writes go straight to it (see docs/decisions: how serial is read).
"""

import errno
import fcntl
import grp
import os
import pwd
import stat
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import serial

from dynod.daemon.usb import SYS_ROOT, PortInfo, find_ports, latency_timer, read_latency_ms
from dynod.daemon.whereabouts import Place, locate
from dynod.model.errors import DeviceError

__all__ = ["LineSettings", "PortGoneError", "PortInfo", "SerialPort", "find_ports", "port_of_unit"]

READ_BYTES = 65536
LATENCY_TIMER_MS = 1  # FTDI adapters wait 16 ms by default before they pass on a few bytes

_HELD = (errno.EAGAIN, errno.EBUSY)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO)
_PTY_MAJORS = range(136, 144)  # Linux, Documentation/admin-guide/devices.txt: Unix98 PTY slaves


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the line is set; ``parity`` is N, E or O."""

    baudrate: int
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1

    def __str__(self) -> str:
        return f"{self.baudrate} baud, {self.bytesize}{self.parity}{self.stopbits:g}"


class PortGoneError(DeviceError):
    """The port vanished: unplugged, or the other end hung up."""


class SerialPort:
    """An open port, held exclusively, whose descriptor never blocks.

    ``latency_timer_ms`` is how long its adapter holds back a few bytes, in ms; None where the
    driver does not say.
    """

    def __init__(self, path: str, settings: LineSettings, *, sys_root: Path = SYS_ROOT) -> None:
        self.path = path
        self._serial = _open(path, settings)
        self.fd: int = self._serial.fileno()
        _exclude_others(self.fd)
        _settle(self.fd)
        self.latency_timer_ms = _lower_latency(self._serial, path, sys_root)
        with suppress(termios.error):  # of a port that is already gone the first read tells
            termios.tcflush(self.fd, termios.TCIFLUSH)

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
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISCHR(mode):
            raise DeviceError(_no_port(path, f"it is a {_kind(mode)}"))
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
    except ValueError as error:
        raise DeviceError(f"{path}: cannot be set to {settings}; correct the profile") from error
    except (OSError, termios.error) as error:  # pyserial's SerialException is an OSError
        raise DeviceError(_why(path, _number(error))) from error


def _exclude_others(fd: int) -> None:
    """Have the kernel refuse every other opener, not only those that ask for pyserial's lock.

    Root is let in by the kernel all the same, and then stopped by the lock, if it asks for it.
    """
    # A pty lives as long as its master: after a killed holder it would refuse everybody for ever.
    if os.major(os.fstat(fd).st_rdev) in _PTY_MAJORS:
        return
    with suppress(OSError):
        fcntl.ioctl(fd, termios.TIOCEXCL)


def _settle(fd: int) -> None:
    """Set what pyserial leaves as it is, or sets for its own way of reading.

    HUPCL off: DTR stays up after closing, since its rise at the next opening resets an Arduino.
    VMIN 1: with pyserial's 0 a read of nothing looks like a hang-up.
    """
    with suppress(termios.error):  # a driver that refuses: the board then boots at each opening
        settings = termios.tcgetattr(fd)
        settings[2] &= ~termios.HUPCL
        settings[6][termios.VMIN] = 1
        termios.tcsetattr(fd, termios.TCSANOW, settings)


def _lower_latency(port: serial.Serial, path: str, sys_root: Path) -> int | None:
    """Have the adapter pass on bytes at once; return its latency timer afterwards, in ms."""
    timer = latency_timer(Path(os.path.realpath(path)).name, sys_root)
    if read_latency_ms(timer) == LATENCY_TIMER_MS:
        return LATENCY_TIMER_MS
    if timer is None or not _write(timer, LATENCY_TIMER_MS):
        with suppress(OSError, ValueError):  # ValueError: pyserial's word for a driver that refuses
            port.set_low_latency_mode(True)
    return read_latency_ms(timer)


def _write(file: Path, value: int) -> bool:
    """Write a number, as root may into sysfs; tell whether it was taken."""
    try:
        file.write_text(f"{value}\n")
    except OSError:
        return False
    return True


def _number(error: BaseException) -> int | None:
    """Return the errno; where pyserial leaves it out, that of the error before."""
    first = error.args[0] if error.args else None
    if isinstance(first, int):
        return first
    return None if error.__context__ is None else _number(error.__context__)


def _why(path: str, number: int | None) -> str:
    if number in _GONE:
        return f"{path}: no such port; plug the device in, or correct `port`"
    if number in _HELD:
        return f"{path}: held by another process; close it (`fuser {path}` names it)"
    if number == errno.EIO:
        return f"{path}: its driver reports an input/output error; plug the device in again"
    if number == errno.EACCES:
        return f"{path}: permission denied; {_admission(path)}"
    return _no_port(path, os.strerror(number) if number is not None else "it has no settings")


def _no_port(path: str, reason: str) -> str:
    return f"{path}: cannot be opened as a serial port ({reason}); correct `port`"


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    return "regular file" if stat.S_ISREG(mode) else "pipe, socket or disk"


def _admission(path: str) -> str:
    """Return how the user of this process is let in to a port."""
    try:
        node = Path(path).stat()
    except OSError:
        return "this user may not enter its folder"
    group, user = _group_name(node.st_gid), _user_name(os.geteuid())
    if node.st_gid == 0 or node.st_mode & 0o060 != 0o060:
        mode = stat.filemode(node.st_mode)
        return f"it belongs to the group {group} ({mode}): have an udev rule give it to `dialout`"
    return f"add the user {user} to its group {group} (`usermod -aG {group} {user}`), and restart"


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def port_of_unit(serial_number: str) -> str:
    """Return the path of the port whose USB device has a serial number.

    Raises DeviceError when there is none, or more than one.
    """
    return locate(Place(None, serial_number), find_ports())
