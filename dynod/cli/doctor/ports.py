"""Serial ports and the devices of the config: there, readable, and nobody else's."""

import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from dynod.cli.doctor.findings import Finding, note, ok, problem
from dynod.config.captures import capture_origins
from dynod.config.profiles import profile_folders
from dynod.config.site import Site
from dynod.daemon.plan import place_of
from dynod.daemon.usb import PortInfo, find_ports
from dynod.daemon.whereabouts import locate
from dynod.model.errors import DeviceError

PROC = Path("/proc")
_MODEM_MANAGER = "ModemManager"
_LATENCY_MS = 1
_READ_WRITE = 0o6
SERVICE_USER = "dynod"
_PSEUDO = "/dev/pts/"
_PSEUDO_MAJORS = range(136, 144)  # Linux, Documentation/admin-guide/devices.txt


def ports(site: Site, own_pid: int | None, proc: Path = PROC) -> Iterator[Finding]:
    """Look at the port of each device; ``own_pid`` is the running daemon's."""
    found = find_ports()
    if not found:
        yield note("ports", "this machine has no serial port with hardware behind it")
    places = {device.id: place_of(device) for device in site.config.devices}
    for device_id, place in places.items():
        others = [other for name, other in places.items() if name != device_id]
        try:
            path = locate(place, found, others)
        except DeviceError as error:
            yield problem(device_id, str(error))
            continue
        yield from _port(device_id, path, found, own_pid, proc)


def _port(
    device_id: str, path: str, found: Sequence[PortInfo], own_pid: int | None, proc: Path
) -> Iterator[Finding]:
    real = os.path.realpath(path)
    mode = Path(real).stat()
    if not stat.S_ISCHR(mode.st_mode):
        yield problem(device_id, f"{path} is no serial port; correct `port`")
        return
    if not _usable(real, mode):
        yield problem(
            device_id,
            f"{path} cannot be opened by the service: it needs the group that owns the port;"
            " install the udev rule of the package, and plug the device in again",
        )
    if real.startswith(_PSEUDO):
        yield note(
            device_id,
            f"{path} is a pseudo-terminal, of a simulator perhaps: what comes from it is published"
            " as a patient's",
        )
    yield from _openers(device_id, path, real, own_pid, proc)
    info = next((item for item in found if os.path.realpath(item.path) == real), None)
    latency_ms = None if info is None else info.latency_timer_ms
    if latency_ms is not None and latency_ms > _LATENCY_MS:
        yield note(
            device_id, f"the adapter holds bytes back for {latency_ms} ms; install the udev rule"
        )


def _usable(real: str, node: os.stat_result) -> bool:
    """Tell whether the service may use a port; root may use any, which says nothing of it."""
    mine = os.access(real, os.R_OK | os.W_OK)
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return mine  # the package is not installed: whoever asks runs the program
    groups = frozenset(os.getgrouplist(user.pw_name, user.pw_gid))
    return (mine and os.geteuid() != 0) or may_use(node, user.pw_uid, groups)


def may_use(node: os.stat_result, uid: int, groups: AbstractSet[int]) -> bool:
    """Tell whether a user with these groups may read and write, as the kernel decides it."""
    shift = 6 if node.st_uid == uid else 3 if node.st_gid in groups else 0
    return (node.st_mode >> shift) & _READ_WRITE == _READ_WRITE


def _openers(
    device_id: str, path: str, real: str, own_pid: int | None, proc: Path
) -> Iterator[Finding]:
    others = [item for item in openers(real, proc) if item[0] not in {own_pid, os.getpid()}]
    for pid, name in others:
        yield problem(device_id, f"{name} (process {pid}) has {path} open too; end it")
    if not others:
        yield ok(device_id, f"{path} is there, and nobody else has it open")


def openers(real: str, proc: Path = PROC) -> list[tuple[int, str]]:
    """Return the processes that have a port open: number and name. Without root, only one's own."""
    port = Path(real).stat()
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if any(_is_one(port, other) for other in _opened(folder / "fd")):
                found.append((int(folder.name), (folder / "comm").read_text().strip()))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return found


def _opened(folder: Path) -> Iterator[os.stat_result]:
    for item in folder.iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            if "/dev/" in str(item.readlink()):
                yield item.stat()


def _is_one(port: os.stat_result, other: os.stat_result) -> bool:
    """Tell whether two nodes are one device, by whatever name: a container has names of its own.

    Its pseudo-terminals have our numbers and are others, of a file system of their own (pts(4)).
    """
    if not stat.S_ISCHR(other.st_mode) or port.st_rdev != other.st_rdev:
        return False
    return port.st_dev == other.st_dev or os.major(port.st_rdev) not in _PSEUDO_MAJORS


def modem_manager(proc: Path = PROC) -> Iterator[Finding]:
    """Look whether the program runs that takes gauges for modems."""
    for folder in proc.iterdir():
        try:
            name = (folder / "comm").read_text().strip() if folder.name.isdigit() else ""
        except OSError:
            continue
        if name == _MODEM_MANAGER:
            yield note(
                "ModemManager",
                "it runs, and writes to new ports unless a udev rule keeps it off: install the"
                " package's rule, or sudo apt-get remove modemmanager",
            )


def profiles(site: Site) -> Iterator[Finding]:
    """Tell whether the profiles of the devices are proven by more than a simulator."""
    folders = profile_folders(site.path.parent)
    for device in site.config.devices:
        profile = site.profiles[device.profile]
        folder = folders.get(profile.name)
        if folder is not None and not {*capture_origins(folder)} - {"simulated"}:
            yield note(
                device.id,
                f"profile {profile.key} is unproven: its captures are simulated; look at the first"
                " trials closely",
            )
