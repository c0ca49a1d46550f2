"""Which port a configured unit is on: the table of ``locate``, and what a place shows of itself."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynod.daemon.usb import find_ports
from dynod.daemon.whereabouts import Place, locate, signature
from dynod.model.errors import DeviceError
from tests.daemon.test_usb import FTDI, FakeMachine, write

SOCKETS = ("1-1", "1-2")
BY_PATH = tuple(f"pci-0000:00:14.0-usb-0:{number}:1.0-port0" for number in (1, 2))


class Room:
    """A machine with up to two adapters, ttyUSB0 and ttyUSB1, and a pty as `pty` in its /dev."""

    def __init__(self, root: Path, pty: str) -> None:
        self.machine = FakeMachine(root)
        (self.machine.dev / "pty").symlink_to(pty)

    def plug(self, number: int, serial: str | None) -> None:
        """Plug adapter ``number`` into the socket with that number."""
        attributes = {key: value for key, value in FTDI.items() if key != "serial"}
        if serial is not None:
            attributes["serial"] = serial
        name = f"ttyUSB{number}"
        self.machine.usb_serial(name, SOCKETS[number], interface=0, **attributes)
        if not (self.machine.dev / "serial/by-path" / BY_PATH[number]).is_symlink():
            self.machine.name("by-path", BY_PATH[number], name)

    def place(self, port: str | None, serial_number: str | None) -> Place:
        return Place(self.path(port), serial_number)

    def path(self, port: str | None) -> str | None:
        """The path of a port of the tables below; path-1 is the by-path name of ttyUSB1."""
        if port is None:
            return None
        if port.startswith("path-"):
            return str(self.machine.dev / "serial/by-path" / BY_PATH[int(port[-1])])
        return str(self.machine.dev / port)

    def locate(self, place: Place, *others: Place) -> str:
        return locate(place, self.machine.ports(), others)

    def signature(self, place: Place) -> object:
        return signature(place, self.machine.sys, self.machine.dev)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    master, slave = os.openpty()
    yield Room(tmp_path, os.ttyname(slave))
    os.close(master)
    os.close(slave)


# The serial numbers of ttyUSB0 and ttyUSB1; "-" for an adapter without, "" for an empty socket.
@pytest.mark.parametrize(
    ("plugged", "port", "serial", "found"),
    [
        # The port alone.
        (("A", "B"), "ttyUSB1", None, "ttyUSB1"),
        (("A", "B"), "path-1", None, "path-1"),
        (("-", "-"), "path-1", None, "path-1"),
        (("A", "A"), "path-0", None, "path-0"),
        (("", ""), "pty", None, "pty"),
        (("A", ""), "ttyUSB1", None, "no such port"),
        (("A", ""), "path-1", None, "no such port"),
        # The serial number alone.
        (("A", "B"), None, "B", "ttyUSB1"),
        (("", "B"), None, "B", "ttyUSB1"),
        (("-", "B"), None, "B", "ttyUSB1"),
        (("A", ""), None, "B", "no USB device"),
        (("-", "-"), None, "B", "no USB device"),
        (("A", "A"), None, "A", "have the same serial number"),
        # Both, and the port is no USB.
        (("A", "B"), "pty", "A", "pty"),
        (("A", "A"), "pty", "A", "pty"),
        (("", ""), "pty", "A", "pty"),
        # Both, and the serial number is at the port.
        (("A", "B"), "ttyUSB1", "B", "ttyUSB1"),
        (("A", "B"), "path-1", "B", "path-1"),
        (("A", "A"), "ttyUSB1", "A", "ttyUSB1"),
        (("A", "A"), "path-0", "A", "path-0"),
        # Both, and the serial number is elsewhere.
        (("B", "A"), "ttyUSB0", "A", "ttyUSB1"),
        (("B", "A"), "path-0", "A", "ttyUSB1"),
        (("-", "A"), "ttyUSB0", "A", "ttyUSB1"),
        (("", "A"), "ttyUSB0", "A", "ttyUSB1"),
        (("", "A"), "path-0", "A", "ttyUSB1"),
        (("A", "A"), "ttyUSB7", "A", "have the same serial number"),
        # Both, and no USB device has the serial number: it is the gauge's own.
        (("A", "B"), "ttyUSB1", "CJ-0042", "ttyUSB1"),
        (("-", "-"), "ttyUSB1", "CJ-0042", "ttyUSB1"),
        (("-", "-"), "path-1", "CJ-0042", "path-1"),
        (("A", ""), "ttyUSB1", "CJ-0042", "no such port, and no USB device"),
        (("", ""), "path-0", "CJ-0042", "no such port, and no USB device"),
    ],
)
def test_the_table(
    room: Room, plugged: tuple[str, str], port: str | None, serial: str | None, found: str
) -> None:
    """Each found thing is a port's name, or else words of the error."""
    for number, has in enumerate(plugged):
        if has:
            room.plug(number, None if has == "-" else has)
    place = room.place(port, serial)
    if " " not in found:
        assert room.locate(place) == room.path(found)
        return
    with pytest.raises(DeviceError, match=found) as caught:
        room.locate(place)
    assert "\n" not in str(caught.value)
    if port is not None and "same" not in found:
        assert str(caught.value).startswith(f"{place.port}: ")


def test_two_that_fit_are_named_with_their_way_out(room: Room) -> None:
    room.plug(0, "0001")
    room.plug(1, "0001")
    with pytest.raises(DeviceError) as caught:
        room.locate(Place(None, "0001"))
    dev = room.machine.dev
    assert str(caught.value) == (
        f"{dev}/ttyUSB0 and {dev}/ttyUSB1 have the same serial number: set `port` to the one that "
        f"is meant, {room.path('path-0')} or {room.path('path-1')}"
    )
    assert room.locate(room.place("path-1", "0001")) == room.path("path-1")


def test_without_names_by_path_the_ports_are_named(room: Room) -> None:
    """udev may not have made them, as in a container."""
    room.plug(0, "0001")
    room.plug(1, "0001")
    for number in (0, 1):
        Path(room.path(f"path-{number}") or "").unlink()
    with pytest.raises(DeviceError, match=r"meant, \S+/ttyUSB0 or \S+/ttyUSB1$"):
        room.locate(Place(None, "0001"))


def test_a_port_whose_unit_is_another_devices_is_not_taken(room: Room) -> None:
    """Unit A stays at home, and B is now what the kernel calls ttyUSB0."""
    room.plug(0, "B")
    a, b = room.place("ttyUSB0", "A"), room.place("ttyUSB1", "B")
    with pytest.raises(DeviceError, match="serial_number of another device, B; plug in the one"):
        room.locate(a, b)
    assert room.locate(b, a) == room.path("ttyUSB0")


def test_a_twin_that_another_device_has_by_its_port_is_not_taken(room: Room) -> None:
    """Of two with the serial number 0001 the one of the other device is left, the own is out."""
    room.plug(1, "0001")
    own, other = room.place("path-0", "0001"), room.place("path-1", None)
    with pytest.raises(DeviceError, match="no such port, and no USB device"):
        room.locate(own, other)
    with pytest.raises(DeviceError, match="no USB device"):
        room.locate(Place(None, "0001"), other)
    assert room.locate(other, own) == room.path("path-1")
    room.plug(0, "0001")
    assert room.locate(own, other) == room.path("path-0")
    assert room.locate(Place(None, "0001"), other) == room.path("ttyUSB0")


def test_a_port_of_another_that_has_a_serial_number_is_free(room: Room) -> None:
    """After a reboot the two names have changed places; the serial numbers lead to the units."""
    room.plug(0, "B")
    room.plug(1, "A")
    a, b = room.place("ttyUSB0", "A"), room.place("ttyUSB1", "B")
    assert (room.locate(a, b), room.locate(b, a)) == (room.path("ttyUSB1"), room.path("ttyUSB0"))


def test_a_pty_on_this_machine(tmp_path: Path, room: Room) -> None:
    """The real list of ports has no ptys: a pty is a port that is there and no USB."""
    place = room.place("pty", "CJ-0042")
    assert locate(place, find_ports()) == place.port
    for name in ("gauge", "x" * 5000):
        with pytest.raises(DeviceError, match="no such port"):
            locate(Place(str(tmp_path / name), None), find_ports())


# -- the signature ------------------------------------------------------------------------------

PLACES = [
    ("ttyUSB0", None),
    ("path-0", None),
    (None, "A"),
    ("path-0", "A"),
    ("ttyUSB7", "A"),
    ("path-0", "CJ-0042"),
]


@pytest.mark.parametrize(("port", "serial"), PLACES)
def test_every_coming_and_going_shows(room: Room, port: str | None, serial: str | None) -> None:
    place = room.place(port, serial)
    seen = [room.signature(place)]
    for step in ("plug", "unplug", "replace"):
        if step == "unplug":
            room.machine.unplug("ttyUSB0")
        else:
            room.plug(0, "A")
        seen.append(room.signature(place))
        assert room.signature(place) == seen[-1], "nothing happened meanwhile"
    absent, plugged, unplugged, replaced = seen
    assert absent != plugged != unplugged != replaced
    assert absent == unplugged


@pytest.mark.parametrize(("port", "serial"), PLACES)
def test_a_replacement_between_two_looks_shows(
    room: Room, port: str | None, serial: str | None
) -> None:
    """The node is a new one, though it has the old name."""
    room.plug(0, "A")
    before = room.signature(room.place(port, serial))
    room.machine.unplug("ttyUSB0")
    (room.machine.dev / "some other node").touch()  # takes the old inode
    room.plug(0, "A")
    assert room.signature(room.place(port, serial)) != before


def test_what_others_do_does_not_show(room: Room) -> None:
    room.plug(0, "A")
    places = [room.place(port, serial) for port, serial in PLACES]
    before = [room.signature(place) for place in places]
    room.plug(1, "B")
    assert [room.signature(place) for place in places] == before


def test_a_unit_that_comes_back_on_another_port_shows(room: Room) -> None:
    room.plug(0, "A")
    before = room.signature(Place(None, "A"))
    room.machine.unplug("ttyUSB0")
    room.plug(1, "A")
    assert room.signature(Place(None, "A")) != before


def test_another_unit_on_the_same_port_shows(room: Room) -> None:
    room.plug(0, "A")
    before = room.signature(Place(None, "A"))
    write(room.machine.sys / "class/tty/ttyUSB0/device/../..", {"serial": "B"})
    assert room.signature(Place(None, "A")) != before


def test_a_pty_behind_a_link(tmp_path: Path) -> None:
    """A new pty shows; opening it, reading and writing do not."""
    path = tmp_path / "gauge"
    place = Place(str(path), None)
    absent = signature(place)
    seen = [absent]
    for number in range(3):  # often with the same number
        master, slave = os.openpty()
        path.symlink_to(os.ttyname(slave))
        seen.append(signature(place))
        os.write(master, b"data\n")
        assert os.read(slave, 10) == b"data\n"
        assert signature(place) == seen[-1]
        os.close(slave)
        os.close(master)
        assert signature(place) == absent, "the link leads nowhere"
        path.unlink()
        assert signature(place) == absent
        (tmp_path / f"file {number}").touch()  # takes the inode of the link
    assert len(set(seen)) == 4


@pytest.mark.parametrize("port", ["", "no/such", "/dev/null/x", "/dev/\0", "loop", "x" * 5000])
def test_nothing_is_raised(tmp_path: Path, port: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in (Place(str(tmp_path / port), None), Place(port, "A"), Place(None, None)):
        assert signature(place) == signature(place)


def test_a_look_costs_well_under_a_millisecond(room: Room) -> None:
    """On 64 consoles and two adapters; the best of many, so that a busy machine does not matter."""
    for number in range(64):
        room.machine.virtual(f"tty{number}")
    room.plug(0, "A")
    room.plug(1, "B")
    place = room.place("path-0", "A")
    spent_s = []
    for _ in range(50):
        begin_s = time.perf_counter()
        room.signature(place)
        spent_s.append(time.perf_counter() - begin_s)
    assert min(spent_s) < 1e-3
