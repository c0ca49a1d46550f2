"""Opening a port: over real ptys, with a second opener in a process of its own."""

import fcntl
import grp
import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import serial

from dynod.daemon import ports
from dynod.daemon.ports import LineSettings, PortGoneError, SerialPort, find_ports, port_of_unit
from dynod.model.errors import DeviceError

SETTINGS = LineSettings(115200)
TIMEOUT_S = 20.0
NOBODY = 65534
TIOCGEXCL = 0x80045440  # include/uapi/asm-generic/ioctls.h

# Opens a port, as nobody where it can, and says how that went.
OPENER = f"""
import os, sys
from dynod.daemon.ports import LineSettings, SerialPort
from dynod.model.errors import DeviceError
if sys.argv[2] == "nobody" and os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
try:
    port = SerialPort(sys.argv[1], LineSettings(115200))
except DeviceError as error:
    print(error, flush=True)
else:
    print("open", flush=True)
    sys.stdin.read()
"""


class Pty:
    """The device's end, and the node that is opened."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)

    def set_hupcl(self) -> None:
        settings = termios.tcgetattr(self.slave)
        settings[2] |= termios.HUPCL
        termios.tcsetattr(self.slave, termios.TCSANOW, settings)

    @property
    def hupcl(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[2] & termios.HUPCL)

    @property
    def exclusive(self) -> bool:
        answer = fcntl.ioctl(self.slave, TIOCGEXCL, bytes(4))
        return answer != bytes(4)

    def hang_up(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.hang_up()
        os.close(self.slave)


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.close()


@pytest.fixture
def like_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the ptys of this process taken for real ports."""
    monkeypatch.setattr(ports, "_PTY_MAJORS", ())


class Opener:
    """Another process that opens a port; ``answer`` is "open" or the error."""

    def __init__(self, path: str, user: str = "same") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OPENER, path, user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(ports.__file__).parents[2],
        )
        assert self.process.stdout is not None
        self.answer = self.process.stdout.readline().rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate(timeout=TIMEOUT_S)


def refusal(path: str | Path) -> str:
    """The one line that says why a port cannot be opened here."""
    with pytest.raises(DeviceError) as caught:
        SerialPort(str(path), SETTINGS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def held(path: str) -> str:
    return f"{path}: held by another process; close it (`fuser {path}` names it)"


def test_a_second_opener_in_another_process(pty: Pty) -> None:
    """Of the same user; root too is stopped by the lock."""
    port = SerialPort(pty.path, SETTINGS)
    with Opener(pty.path) as other:
        assert other.answer == held(pty.path)
    assert os.write(pty.master, b"still mine") == 10
    assert port.read() == b"still mine"
    port.close()
    with Opener(pty.path) as other:
        assert other.answer == "open"
        assert refusal(pty.path) == held(pty.path)


def test_a_second_opener_in_this_process(pty: Pty) -> None:
    port = SerialPort(pty.path, SETTINGS)
    assert refusal(pty.path) == held(pty.path)
    port.close()
    SerialPort(pty.path, SETTINGS).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="root is let in by TIOCEXCL: needs to become another")
def test_a_second_opener_that_is_not_root(pty: Pty, like_hardware: None) -> None:
    """On a real port the kernel refuses even those that ask for no lock."""
    Path(pty.path).chmod(0o666)
    port = SerialPort(pty.path, SETTINGS)
    assert pty.exclusive
    plain = f"import os; os.setuid({NOBODY}); os.open({pty.path!r}, os.O_RDWR | os.O_NOCTTY)"
    done = subprocess.run(
        [sys.executable, "-c", plain], capture_output=True, text=True, check=False
    )
    assert "Device or resource busy" in done.stderr
    with Opener(pty.path, "nobody") as other:
        assert other.answer == held(pty.path)
    port.close()


def test_a_holder_that_was_killed_leaves_a_pty_free(pty: Pty) -> None:
    """The pty lives on with its master; a mark that outlives the holder would block it for ever."""
    Path(pty.path).chmod(0o666)
    with Opener(pty.path) as holder:
        assert holder.answer == "open"
        assert not pty.exclusive
        holder.process.send_signal(signal.SIGKILL)
    with Opener(pty.path, "nobody") as other:
        assert other.answer == "open"


def test_dtr_stays_up_after_closing(pty: Pty) -> None:
    """HUPCL has the kernel lower DTR at the last close."""
    pty.set_hupcl()
    port = SerialPort(pty.path, SETTINGS)
    assert not pty.hupcl
    port.close()
    assert not pty.hupcl
    SerialPort(pty.path, SETTINGS).close()
    assert not pty.hupcl


def test_a_driver_that_keeps_hupcl(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    pty.set_hupcl()
    real = termios.tcsetattr

    def stubborn(fd: int, when: int, attributes: list[Any]) -> None:
        if not attributes[2] & termios.HUPCL:
            raise termios.error(22, "Invalid argument")
        real(fd, when, attributes)

    monkeypatch.setattr(termios, "tcsetattr", stubborn)
    port = SerialPort(pty.path, SETTINGS)
    assert pty.hupcl
    os.write(pty.master, b"data")
    assert port.read() == b"data"
    port.close()


def test_nothing_to_read_is_no_hang_up(pty: Pty) -> None:
    port = SerialPort(pty.path, SETTINGS)
    assert port.read() == b""
    os.write(pty.master, b"data")
    assert (port.read(), port.read()) == (b"data", b"")
    port.close()


def test_a_full_buffer_means_that_nobody_listens(pty: Pty) -> None:
    port = SerialPort(pty.path, SETTINGS)
    with pytest.raises(PortGoneError, match="takes no more bytes"):
        port.write(bytes(1 << 20))
    port.close()


def test_the_line_is_set(pty: Pty) -> None:
    """As termios reads it back. A pty has no line: Linux keeps 8 bits and no parity on it."""
    port = SerialPort(pty.path, LineSettings(9600, 7, "E", 2))
    _, _, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(pty.slave)
    assert (ispeed, ospeed) == (termios.B9600, termios.B9600)
    assert cflag & termios.CSTOPB
    assert not lflag & (termios.ICANON | termios.ECHO)
    port.close()


def test_what_came_before_the_opening_is_dropped(pty: Pty) -> None:
    os.write(pty.master, b"from before")
    assert select.select([pty.slave], [], [], TIMEOUT_S)[0]
    port = SerialPort(pty.path, SETTINGS)
    assert port.read() == b""
    os.write(pty.master, b"from now")
    assert port.read() == b"from now"
    port.close()


# -- latency ------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the driver is asked for by ioctl; it refuses, as a pty does."""
    calls: list[bool] = []

    def refuse(self: serial.Serial, low_latency_settings: bool) -> None:
        calls.append(low_latency_settings)
        raise ValueError("Failed to update ASYNC_LOW_LATENCY flag")

    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", refuse)
    return calls


def timer_of(pty: Pty, sys_root: Path) -> Path:
    """Where sysfs has the latency timer of a tty."""
    folder = sys_root / "class/tty" / Path(pty.path).name / "device"
    folder.mkdir(parents=True)
    return folder / "latency_timer"


def latency_of(path: str, sys_root: Path) -> int | None:
    port = SerialPort(path, SETTINGS, sys_root=sys_root)
    port.close()
    return port.latency_timer_ms


def test_the_latency_timer_is_set(pty: Pty, tmp_path: Path, asked: list[bool]) -> None:
    timer = timer_of(pty, tmp_path)
    timer.write_text("16\n")
    link = tmp_path / "by-id"
    link.symlink_to(pty.path)
    assert latency_of(str(link), tmp_path) == 1
    assert timer.read_text() == "1\n"
    assert asked == []


def test_a_latency_timer_that_udev_has_set(pty: Pty, tmp_path: Path, asked: list[bool]) -> None:
    timer = timer_of(pty, tmp_path)
    timer.write_text("1")
    assert latency_of(pty.path, tmp_path) == 1
    assert timer.read_text() == "1", "left alone"
    assert asked == []


def test_a_latency_timer_of_root(pty: Pty, tmp_path: Path, asked: list[bool]) -> None:
    """A file that even root cannot write: the driver is asked, and what holds is told."""
    unwritable = Path("/proc/sys/kernel/ngroups_max")
    timer_of(pty, tmp_path).symlink_to(unwritable)
    assert latency_of(pty.path, tmp_path) == int(unwritable.read_text())
    assert asked == [True]


def test_a_driver_that_obeys_shows_it_in_the_timer(
    pty: Pty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ftdi_sio shows 1 as soon as ASYNC_LOW_LATENCY is set (drivers/usb/serial/ftdi_sio.c)."""
    timer = timer_of(pty, tmp_path)
    timer.symlink_to("/proc/sys/kernel/ngroups_max")

    def obey(self: serial.Serial, low_latency_settings: bool) -> None:
        timer.unlink()
        timer.write_text("1\n")

    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", obey)
    assert latency_of(pty.path, tmp_path) == 1


def test_a_port_without_a_latency_timer(pty: Pty, tmp_path: Path, asked: list[bool]) -> None:
    assert latency_of(pty.path, tmp_path) is None
    assert asked == [True]


def test_a_pty_refuses_low_latency_and_opens_all_the_same(pty: Pty) -> None:
    """With pyserial's own ioctl, and the /sys of this machine."""
    port = SerialPort(pty.path, SETTINGS)
    assert port.latency_timer_ms is None
    port.close()


# -- what is no port ------------------------------------------------------------------------------


def test_what_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path, reason in (
            (tmp_path, "it is a directory"),
            (tmp_path / "file", "it is a regular file"),
            (tmp_path / "fifo", "it is a pipe, socket or disk"),
            (tmp_path / "socket", "it is a pipe, socket or disk"),
            (tmp_path / "loop", "Too many levels of symbolic links"),
            (Path("/dev/null"), "Inappropriate ioctl for device"),
        ):
            assert refusal(path) == (
                f"{path}: cannot be opened as a serial port ({reason}); correct `port`"
            )


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for path in (tmp_path / "ttyUSB0", tmp_path / "link", tmp_path / "file/ttyUSB0"):
        assert refusal(path) == f"{path}: no such port; plug the device in, or correct `port`"


def test_a_hung_up_pty(pty: Pty) -> None:
    """Its node is gone with the master; a link to it may be left."""
    pty.hang_up()
    assert refusal(pty.path).startswith(f"{pty.path}: no such port")


def test_settings_that_pyserial_refuses(pty: Pty) -> None:
    with pytest.raises(DeviceError) as caught:
        SerialPort(pty.path, LineSettings(115200, parity="X"))
    assert str(caught.value) == (
        f"{pty.path}: cannot be set to 115200 baud, 8X1; correct the profile"
    )
    SerialPort(pty.path, SETTINGS).close()


@pytest.mark.parametrize("mode", [0o000, 0o060, 0o020])
def test_permission_denied_names_the_group_and_what_to_do(pty: Pty, mode: int) -> None:
    """The opener is nobody, or else the owner, without rights of his own."""
    node = Path(pty.path)
    if os.geteuid() == 0:
        others = (group.gr_gid for group in grp.getgrall() if group.gr_gid not in {0, NOBODY})
        os.chown(pty.path, 0, next(others))
    node.chmod(mode)
    group = grp.getgrgid(node.stat().st_gid).gr_name
    with Opener(pty.path, "nobody") as opener:
        answer = opener.answer
    start = f"{pty.path}: permission denied; "
    if mode == 0o060:
        pattern = rf"add the user (\S+) to its group {group} \(`usermod -aG {group} \1`\), .*"
    else:
        shown = re.escape(stat.filemode(node.stat().st_mode))
        pattern = rf"it belongs to the group {group} \({shown}\): have an udev rule give it to .*"
    assert answer.startswith(start)
    assert re.fullmatch(pattern, answer.removeprefix(start))


def test_a_group_and_a_user_without_names() -> None:
    assert ports._group_name(4_000_000) == "4000000"
    assert ports._user_name(4_000_000) == "4000000"


# -- an open port -------------------------------------------------------------------------------


def test_a_port_that_hangs_up_is_gone_and_can_be_closed(pty: Pty) -> None:
    port = SerialPort(pty.path, SETTINGS)
    pty.hang_up()
    with pytest.raises(PortGoneError, match=f"^{pty.path}: "):
        port.read()
    with pytest.raises(PortGoneError, match=f"^{pty.path}: "):
        port.write(b"x")
    port.close()
    port.close()


def test_no_descriptor_is_left_over(pty: Pty) -> None:
    """Whether the opening succeeds or fails at any of its steps."""
    before = set(map(str, Path("/proc/self/fd").iterdir()))
    port = SerialPort(pty.path, SETTINGS)
    refusal(pty.path)
    refusal("/dev/null")
    port.close()
    assert set(map(str, Path("/proc/self/fd").iterdir())) == before


def test_a_unit_by_its_serial_number_on_this_machine() -> None:
    """No USB device has this number; those that are there are found by theirs."""
    with pytest.raises(DeviceError, match="no USB device with the configured serial_number"):
        port_of_unit("no unit has this number")
    numbers = [port.serial_number for port in find_ports() if port.serial_number is not None]
    for number in numbers:
        if numbers.count(number) == 1:
            assert port_of_unit(number)
