"""The ports of a machine, read from a sysfs tree in the shape of the kernel's.

The shapes (folders, links, attributes) are those of a Raspberry Pi and a PC as `ls -l` shows them;
expected values are what the tree was given.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from dynod.daemon import usb
from dynod.daemon.usb import PortInfo, find_ports, paths_with_serial

HOST = "devices/pci0000:00/0000:00:14.0/usb1"
SOC = "devices/platform/soc"
FTDI = {
    "idVendor": "0403",
    "idProduct": "6001",
    "serial": "A10KZP45",
    "manufacturer": "FTDI",
    "product": "FT232R USB UART",
}


class FakeMachine:
    """A /sys and a /dev below a folder; nodes are empty files."""

    def __init__(self, root: Path) -> None:
        self.sys = root / "sys"
        self.dev = root / "dev"
        (self.sys / "class/tty").mkdir(parents=True)
        self.dev.mkdir()

    def usb_device(self, at: str, **attributes: str | bytes) -> Path:
        """Plug a USB device into a socket: 1-1 or, behind a hub, 1-1.2."""
        sockets = at.split(".")
        hubs = [".".join(sockets[: n + 1]) for n in range(len(sockets))]
        folder = self.sys / HOST / "/".join(hubs)
        write(folder, attributes)
        link(folder / "subsystem", self.sys / "bus/usb")
        return folder

    def usb_serial(
        self,
        name: str,
        at: str = "1-1",
        *,
        interface: int = 0,
        driver: str = "ftdi_sio",
        latency: str | None = None,
        interface_name: str | None = None,
        **attributes: str | bytes,
    ) -> Path:
        """Plug in an adapter with a driver of usb-serial; without attributes it is an FTDI's."""
        port = self._interface(at, interface, interface_name, attributes or FTDI) / name
        link(port / "subsystem", self.sys / "bus/usb-serial")
        link(port / "driver", self.sys / "bus/usb-serial/drivers" / driver)
        if latency is not None:
            write(port, {"latency_timer": latency})
        self._tty(name, port)
        return port

    def acm(self, name: str, at: str = "1-1", *, interface: int = 0, **attributes: str) -> Path:
        """Plug in a board whose interface is a tty itself."""
        folder = self._interface(at, interface, None, attributes)
        link(folder / "driver", self.sys / "bus/usb/drivers/cdc_acm")
        self._tty(name, folder)
        return folder

    def built_in(
        self,
        name: str,
        chip: str,
        subsystem: str,
        driver: str,
        *,
        kind: str | None = None,
        serial_base: bool = False,
    ) -> None:
        """Add a port that is no USB; ``kind`` is the attribute `type` of its tty."""
        folder = self.sys / chip
        link(folder / "subsystem", self.sys / "bus" / subsystem)
        link(folder / "driver", self.sys / "bus" / subsystem / "drivers" / driver)
        if serial_base:
            for level, ours in ((":0", "ctrl"), (":0.0", "port")):
                folder = folder / f"{Path(chip).name}{level}"
                link(folder / "subsystem", self.sys / "bus/serial-base")
                link(folder / "driver", self.sys / "bus/serial-base/drivers" / ours)
        tty = self._tty(name, folder)
        if kind is not None:
            write(tty, {"type": kind})

    def virtual(self, name: str) -> None:
        folder = self.sys / "devices/virtual/tty" / name
        folder.mkdir(parents=True)
        link(self.sys / "class/tty" / name, folder)
        (self.dev / name).touch()

    def name(self, kind: str, stable: str, name: str) -> str:
        """Make a link as udev does; returns its path."""
        path = self.dev / "serial" / kind / stable
        link(path, self.dev / name)
        return str(path)

    def unplug(self, name: str) -> None:
        tty = self.sys / "class/tty" / name
        shutil.rmtree((tty / "device").resolve())
        tty.unlink()
        (self.dev / name).unlink()

    def ports(self) -> list[PortInfo]:
        return find_ports(self.sys, self.dev)

    def port(self) -> PortInfo:
        (port,) = self.ports()
        return port

    def paths(self) -> list[str]:
        return [Path(port.path).name for port in self.ports()]

    def with_serial(self, serial_number: str) -> list[str]:
        return [Path(p).name for p in paths_with_serial(serial_number, self.sys, self.dev)]

    def _interface(
        self, at: str, number: int, name: str | None, attributes: Mapping[str, str | bytes]
    ) -> Path:
        folder = self.usb_device(at, **attributes) / f"{at}:1.{number}"
        write(folder, {"bInterfaceNumber": f"{number:02x}"})
        if name is not None:
            write(folder, {"interface": name})
        link(folder / "subsystem", self.sys / "bus/usb")
        return folder

    def _tty(self, name: str, device: Path) -> Path:
        tty = device / "tty" / name
        tty.mkdir(parents=True)
        link(tty / "device", device)
        link(tty / "subsystem", self.sys / "class/tty")
        link(self.sys / "class/tty" / name, tty)
        (self.dev / name).touch()
        return tty


def link(path: Path, target: Path) -> None:
    """Link relatively, as sysfs and udev do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(os.path.relpath(target, path.parent))


def write(folder: Path, attributes: Mapping[str, str | bytes]) -> None:
    """Write attributes as the kernel shows them: one line each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in attributes.items():
        raw = value.encode() if isinstance(value, str) else value
        (folder / name).write_bytes(raw + b"\n")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def test_an_adapter_behind_a_hub(machine: FakeMachine) -> None:
    machine.usb_device("1-1", idVendor="2109", idProduct="3431", product="USB2.0 Hub")
    machine.usb_serial("ttyUSB0", "1-1.2", latency="16")
    by_id = machine.name("by-id", "usb-FTDI_FT232R_USB_UART_A10KZP45-if00-port0", "ttyUSB0")
    by_path = machine.name("by-path", "pci-0000:00:14.0-usb-0:1.2:1.0-port0", "ttyUSB0")
    assert machine.port() == PortInfo(
        path=str(machine.dev / "ttyUSB0"),
        description="FT232R USB UART",
        vendor_id=0x0403,
        product_id=0x6001,
        serial_number="A10KZP45",
        driver="ftdi_sio",
        manufacturer="FTDI",
        product="FT232R USB UART",
        location="1-1.2:1.0",
        by_id=by_id,
        by_path=by_path,
        latency_timer_ms=16,
    )


def test_a_board_whose_interface_is_the_tty(machine: FakeMachine) -> None:
    machine.acm("ttyACM0", "1-3", idVendor="2341", idProduct="0043", serial="7503130343135111")
    port = machine.port()
    assert port.is_usb
    assert (port.vendor_id, port.product_id) == (0x2341, 0x0043)
    assert (port.serial_number, port.driver) == ("7503130343135111", "cdc_acm")
    assert (port.location, port.description) == ("1-3:1.0", "ttyACM0")
    assert (port.manufacturer, port.product, port.latency_timer_ms) == (None, None, None)


def test_two_ports_of_one_adapter(machine: FakeMachine) -> None:
    for number in (0, 1):
        name = f"ttyUSB{number}"
        machine.usb_serial(name, interface=number, interface_name=f"Channel {number}", **FTDI)
    assert [(port.location, port.description) for port in machine.ports()] == [
        ("1-1:1.0", "FT232R USB UART - Channel 0"),
        ("1-1:1.1", "FT232R USB UART - Channel 1"),
    ]
    assert machine.with_serial("A10KZP45") == ["ttyUSB0", "ttyUSB1"]


@pytest.mark.parametrize("serial_base", [False, True], ids=["Linux 6.1", "Linux 6.6"])
def test_built_in_ports_with_hardware_only(machine: FakeMachine, *, serial_base: bool) -> None:
    """A Pi's two UARTs, a PC's UART, and the numbers that the driver 8250 keeps free."""
    add = machine.built_in
    pl011, mini = f"{SOC}/fe201000.serial", f"{SOC}/fe215040.serial"
    add("ttyAMA0", pl011, "amba", "uart-pl011", kind="32", serial_base=serial_base)
    add("ttyS0", mini, "platform", "bcm2835-aux-uart", kind="16", serial_base=serial_base)
    add("ttyS1", "devices/pnp0/00:05", "pnp", "serial", kind="4", serial_base=serial_base)
    free = "devices/platform/serial8250"
    add("ttyS2", free, "platform", "serial8250", kind="0", serial_base=serial_base)
    add("ttyS3", free, "platform", "serial8250", serial_base=serial_base)
    ports = machine.ports()
    assert [(Path(port.path).name, port.driver, port.description) for port in ports] == [
        ("ttyAMA0", "uart-pl011", "uart-pl011 port"),
        ("ttyS0", "bcm2835-aux-uart", "bcm2835-aux-uart port"),
        ("ttyS1", "serial", "serial port"),
    ]
    assert not any(port.is_usb or port.serial_number or port.location for port in ports)


def test_consoles_are_no_ports(machine: FakeMachine) -> None:
    for name in ("tty", "tty0", "tty63", "console", "ptmx", "ttyprintk", "hvc0"):
        machine.virtual(name)
    assert machine.ports() == []


def test_a_bluetooth_port_has_not_the_identity_of_its_dongle(machine: FakeMachine) -> None:
    dongle = machine.usb_device("1-4", idVendor="0a12", idProduct="0001", serial="DONGLE")
    below = dongle.relative_to(machine.sys) / "1-4:1.0/bluetooth/hci0/hci0:11"
    machine.built_in("rfcomm0", str(below), "bluetooth", "none")
    assert not machine.port().is_usb
    assert machine.with_serial("DONGLE") == []


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[2JSN\x07", "\\x1b[2JSN\\x07"),
        (b"SN\n1", "SN\\n1"),
        (b"SN-\xff\xfe", "SN-\\xff\\xfe"),
        ("SN\u202e1".encode(), "SN\\u202e1"),  # would turn round what follows on a terminal
        ("Kraftmeßgerät".encode(), "Kraftmeßgerät"),
        (b" 0001  ", "0001"),
        (b"", None),
        (b"  ", None),
    ],
)
def test_texts_of_a_device_are_printable(
    machine: FakeMachine, raw: bytes, shown: str | None
) -> None:
    machine.usb_serial(
        "ttyUSB0", idVendor="0403", idProduct="6001", serial=raw, product=raw, manufacturer=raw
    )
    port = machine.port()
    assert (port.serial_number, port.product, port.manufacturer) == (shown, shown, shown)
    assert port.description == (shown or "ttyUSB0")
    assert machine.with_serial(shown or "") == (["ttyUSB0"] if shown else [])


def test_an_adapter_without_a_serial_number(machine: FakeMachine) -> None:
    """Neither the hub's number nor that of its neighbour is taken for it."""
    machine.usb_device("1-1", idVendor="2109", idProduct="3431", serial="HUB")
    machine.acm("ttyACM0", "1-1.1", idVendor="2341", idProduct="0043")
    machine.usb_serial("ttyUSB0", "1-1.2", idVendor="1a86", idProduct="7523", driver="ch341-uart")
    assert [port.serial_number for port in machine.ports()] == [None, None]
    assert machine.with_serial("HUB") == []


def test_the_numbers_of_the_ports_count_as_numbers(machine: FakeMachine) -> None:
    for number in (10, 2, 0):
        machine.usb_serial(f"ttyUSB{number}", f"1-{number + 1}")
    machine.acm("ttyACM0", "1-9", idVendor="2341", idProduct="0043")
    assert machine.paths() == ["ttyACM0", "ttyUSB0", "ttyUSB2", "ttyUSB10"]


def test_of_several_stable_names_always_the_same_one(machine: FakeMachine) -> None:
    """The udev of Debian 13 makes two names by path; the first is also the one of Debian 12."""
    machine.usb_serial("ttyUSB0")
    machine.name("by-path", "pci-0000:00:14.0-usbv2-0:1:1.0-port0", "ttyUSB0")
    first = machine.name("by-path", "pci-0000:00:14.0-usb-0:1:1.0-port0", "ttyUSB0")
    machine.name("by-id", "usb-left-over", "ttyUSB7")
    port = machine.port()
    assert (port.by_path, port.by_id) == (first, None)


@pytest.mark.parametrize(("written", "ms"), [("1", 1), ("16", 16), ("off", None), ("", None)])
def test_the_latency_timer(machine: FakeMachine, written: str, ms: int | None) -> None:
    machine.usb_serial("ttyUSB0", latency=written)
    assert machine.port().latency_timer_ms == ms


def test_the_latency_timer_by_way_of_the_bus(machine: FakeMachine) -> None:
    machine.usb_serial("ttyUSB0")
    write(machine.sys / "bus/usb-serial/devices/ttyUSB0", {"latency_timer": "16"})
    assert machine.port().latency_timer_ms == 16


def test_a_port_that_vanishes_is_left_out(machine: FakeMachine) -> None:
    """Pulled out between the listing and each of the readings."""
    machine.usb_serial("ttyUSB0", "1-1")
    link(machine.sys / "class/tty/ttyUSB1", machine.sys / HOST / "1-2/1-2:1.0/ttyUSB1/tty/ttyUSB1")
    shutil.rmtree(machine.usb_serial("ttyUSB2", "1-3") / "tty/ttyUSB2")
    (machine.usb_serial("ttyUSB3", "1-4").parents[1] / "idVendor").unlink()
    (machine.usb_serial("ttyUSB4", "1-5").parents[1] / "idProduct").write_bytes(b"")
    machine.usb_serial("ttyUSB5", "1-6")
    (machine.dev / "ttyUSB5").unlink()
    assert machine.paths() == ["ttyUSB0"]


@pytest.mark.parametrize("attribute", ["serial", "manufacturer", "product", "interface"])
def test_a_port_that_vanishes_while_its_texts_are_read(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    """Missing texts are no reason to leave a port out, unless the device has gone with them."""
    machine.usb_serial("ttyUSB0", "1-1")
    machine.usb_serial("ttyUSB1", "1-2")
    read = usb._text

    def pulled(file: Path) -> str | None:
        if file.name == attribute and "1-2" in str(file):
            machine.unplug("ttyUSB1")
        return read(file)

    monkeypatch.setattr(usb, "_text", pulled)
    assert machine.paths() == ["ttyUSB0"]


def test_a_text_that_cannot_be_read(machine: FakeMachine) -> None:
    """The kernel answers ENODEV or EIO for a device that is leaving; here it is EISDIR."""
    machine.usb_serial("ttyUSB0", "1-1")
    adapter = machine.usb_serial("ttyUSB1", "1-2").parents[1]
    (adapter / "serial").unlink()
    (adapter / "serial").mkdir()
    assert machine.paths() == ["ttyUSB0"]
    assert machine.with_serial("A10KZP45") == ["ttyUSB0"]


def test_a_machine_without_sysfs(tmp_path: Path) -> None:
    assert find_ports(tmp_path / "sys", tmp_path / "dev") == []
    assert paths_with_serial("A10KZP45", tmp_path / "sys", tmp_path / "dev") == []


def test_this_machine() -> None:
    """Whatever is there, it can be read, and each path is a node."""
    for port in find_ports():
        assert Path(port.path).is_char_device()
        if port.serial_number is not None:
            assert port.path in paths_with_serial(port.serial_number)
