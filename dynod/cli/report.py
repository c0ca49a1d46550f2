"""``dynod report``: a de-identified bundle for support, above all of the flight recorder."""

import gzip
import io
import json
import os
import platform
import re
import sqlite3
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import dynod
from dynod.cli.output import console, print_json
from dynod.config.environment import overlay
from dynod.config.problems import Problems
from dynod.config.profiles import SITE_FOLDER, profile_folders
from dynod.config.redact import redact, scrub, scrub_paths
from dynod.config.settings import Config, StorageConfig
from dynod.config.site import load_site
from dynod.config.toml_file import read_toml
from dynod.daemon.flight import FlightSegment, flight_folder, joined, read_ring
from dynod.model.errors import ConfigError, DeviceError, UsageError
from dynod.wire.capture import Timing, format_timing
from dynod.wire.profile import Profile

DEFAULT_OUT = Path("dynod-report.tar.gz")

_PACKAGES = ("numpy", "pyserial", "aiomqtt", "sqlalchemy", "pydantic")
_DEVICE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PLACE = re.compile(r"\(at [^()]*\)")

_README = """\
A report of a dynod station, made by `dynod report` for support. Look through it before you send it.

What is in it
  versions.json        versions of dynod, of what it is built on, and of the system
  config.json          the config, redacted{config}
  profiles/            the profiles of the configured devices{profiles}
  flight/ID/           the last raw bytes that each device sent, as captures: NAME.bin and
                       NAME.chunks.json for each opening of its port; captures.json says how long
                       each is, how it ended, and when it began, on the clock of the computer's
                       uptime

What was replaced by "redacted"
  in the config: site and name of the station, its latitude and altitude, the broker's address, the
  user name, every path but those of serial ports under /dev, and every key that dynod does not
  know; the same texts in faults and in the site's own profiles.

What is not in it
  Patients, sessions and results: the database was not opened. Passwords and keys: their files were
  not read. Certificates, variables of the environment, the name of the computer, dates and times.

What stays
  ids, profiles and serial numbers of the devices, the settings of sessions and calibration, and
  what the devices sent: force and angle over time, which name no patient.

How to replay
  In the folder of this file, with dynod installed. The first line, once, lets dynod take the
  profiles of this report:

    cp -r profiles {devices_d}
{commands}
"""


@dataclass(frozen=True, slots=True)
class Ring:
    """What the flight recorder has of a device.

    ``profile``: its name, if the bundle holds it. The times of each capture begin at 0;
    ``begun_s`` says when that was, in monotonic s.
    """

    device_id: str
    profile: str | None
    captures: tuple[FlightSegment, ...]
    begun_s: tuple[float, ...]

    @property
    def newest(self) -> FlightSegment | None:
        """The newest capture that holds bytes."""
        return next((capture for capture in reversed(self.captures) if capture.data), None)


def run_report(config_path: Path, out: Path | None, *, as_json: bool) -> None:
    """Write the bundle and say where it is."""
    path = out or DEFAULT_OUT
    rings, files = _bundle(config_path)
    _write_private(path, _packed(files))
    size = path.stat().st_size
    if as_json:
        print_json(
            {
                "path": str(path),
                "bytes": size,
                "files": sorted(files),
                "devices": [_facts(ring) for ring in rings],
            }
        )
        return
    text = f"{path}: {max(1, round(size / 1024))} KiB; its README.txt says what is in it"
    console.print(text, markup=False, soft_wrap=True)


def _facts(ring: Ring) -> dict[str, object]:
    return {
        "id": ring.device_id,
        "profile": ring.profile,
        "captures": len(ring.captures),
        "bytes": sum(len(capture.data) for capture in ring.captures),
    }


def _bundle(config_path: Path) -> tuple[list[Ring], dict[str, bytes]]:
    """Return the rings, and the files of the bundle by name."""
    data, not_toml = _read_config(config_path)
    redacted = redact(data)
    devices = _devices(data)
    profiles, left_out = _profiles(config_path.parent, devices.values(), redacted.removed)
    known = {device: name for device, name in devices.items() if _profile_file(name) in profiles}
    rings = _rings(flight_folder(_storage_path(config_path, data)), known)
    files = {"versions.json": _json(_versions())} | profiles
    if not_toml is None:
        files["config.json"] = _json(redacted.data)
    for ring in rings:
        files |= _ring_files(ring, redacted.removed)
    files["README.txt"] = _README.format(
        config=_about_config(config_path, not_toml),
        profiles="".join(f"\n                       {line}" for line in left_out),
        devices_d=SITE_FOLDER,
        commands="\n".join(_commands(rings)),
    ).encode()
    return rings, files


# -- the config and the profiles -----------------------------------------------------------


def _read_config(path: Path) -> tuple[dict[str, Any], str | None]:
    """Return the data of the file, valid or not; or none, and why it is no TOML."""
    try:
        path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name the station's with --config") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; run this as the user of the daemon"
        ) from None
    try:
        return read_toml(path), None
    except ConfigError as error:
        place = _PLACE.search(str(error))  # the rest may quote what stands there
        return {}, f"is no valid TOML {place[0]}" if place else "is no valid TOML"


def _about_config(path: Path, not_toml: str | None) -> str:
    if not_toml is not None:
        return f"\n                       (left out: it {not_toml})"
    try:
        load_site(path, os.environ)
    except ConfigError:
        return "\n                       (it is not valid: `dynod check` on the station says why)"
    return ""


def _storage_path(config_path: Path, data: Mapping[str, Any]) -> Path:
    """Return where the daemon has its database, also when the config is not valid."""
    storage = data.get("storage")
    found = {"storage": dict(storage) if isinstance(storage, dict) else {}}
    overlay(found, os.environ, Config, Problems())
    path = found["storage"].get("path")
    return config_path.parent / path if isinstance(path, str) and path else StorageConfig().path


def _devices(data: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the profile of each device id, as far as the config names them."""
    tables = data.get("device")
    found: dict[str, str | None] = {}
    for table in tables if isinstance(tables, list) else []:
        if isinstance(table, dict) and isinstance(table.get("id"), str):
            profile = table.get("profile")
            found[table["id"]] = profile if isinstance(profile, str) else None
    return found


def _profiles(
    config_folder: Path, names: Iterable[str | None], removed: Iterable[str]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the profiles of these names as files, and a line for each that is not among them."""
    folders = profile_folders(config_folder)
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    for name in sorted({name for name in names if name is not None}):
        text = _profile(folders.get(name), config_folder, removed)
        if text is None:
            what = json.dumps(name)  # escaped: a config that is not valid may hold anything
            left_out.append(f"({what} is left out: there is none, or it cannot be shown)")
        else:
            files[_profile_file(name)] = text.encode()
    return files, left_out


def _profile_file(name: str | None) -> str:
    return f"profiles/{name}/profile.toml"


def _profile(folder: Path | None, config_folder: Path, removed: Iterable[str]) -> str | None:
    """Return the text of a profile; the site's own without words that the config hides.

    None where there is none, or where it would then be another profile.
    """
    if folder is None:
        return None
    try:
        text = (folder / "profile.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if folder.parent != config_folder / SITE_FOLDER:
        return text
    clean = scrub(text, removed)
    return clean if clean == text or _same_but_words(text, clean) else None


def _same_but_words(text: str, other: str) -> bool:
    """Whether two profiles differ only in what is written for people."""
    try:
        one, two = (Profile.model_validate(tomllib.loads(each)) for each in (text, other))
    except (tomllib.TOMLDecodeError, ValidationError):
        return False
    return one.model_copy(update={"title": two.title, "sources": two.sources}) == two


# -- the flight recorder -------------------------------------------------------------------


def _rings(folder: Path, devices: Mapping[str, str | None]) -> list[Ring]:
    """Return the rings of all devices, also of those that are no longer in the config."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise DeviceError(
            f"{folder}: cannot be read: {error.strerror}; run this as the user of the daemon"
        ) from error
    return [
        _ring(name, devices.get(name), joined(read_ring(folder / name)))
        for name in names
        if _DEVICE_ID.fullmatch(name)
    ]


def _ring(device_id: str, profile: str | None, captures: list[FlightSegment]) -> Ring:
    begun_s = tuple(_begun_s(capture) for capture in captures)
    moved = tuple(_from_zero(*pair) for pair in zip(captures, begun_s, strict=True))
    return Ring(device_id, profile, moved, begun_s)


def _begun_s(capture: FlightSegment) -> float:
    timing = capture.timing
    times = [at_s for at_s, _ in (*timing.chunks, *capture.faults)]
    return min((*times, *timing.asked))


def _from_zero(capture: FlightSegment, begun_s: float) -> FlightSegment:
    """Move the times so that a replay at the speed of the wire begins at once."""
    timing = capture.timing
    return replace(
        capture,
        timing=Timing(
            tuple((arrival_s - begun_s, length) for arrival_s, length in timing.chunks),
            timing.aligned,
            tuple(at_s - begun_s for at_s in timing.asked),
        ),
        faults=tuple((at_s - begun_s, fault) for at_s, fault in capture.faults),
    )


def _ring_files(ring: Ring, removed: Iterable[str]) -> dict[str, bytes]:
    folder = f"flight/{ring.device_id}"
    files: dict[str, bytes] = {}
    for capture in ring.captures:
        if capture.data:
            files[f"{folder}/{capture.name}.bin"] = capture.data
            files[f"{folder}/{capture.name}.chunks.json"] = format_timing(capture.timing).encode()
    files[f"{folder}/captures.json"] = _json(
        [
            _summary(capture, begun_s, removed)
            for capture, begun_s in zip(ring.captures, ring.begun_s, strict=True)
        ]
    )
    return files


def _summary(capture: FlightSegment, begun_s: float, removed: Iterable[str]) -> dict[str, object]:
    chunks = capture.timing.chunks
    return {
        "name": capture.name,
        "begun_s": begun_s,
        "seconds": chunks[-1][0] if chunks else 0.0,
        "bytes": len(capture.data),
        "faults": [
            {"at_s": at_s, "fault": scrub_paths(scrub(fault, removed))}
            for at_s, fault in capture.faults
        ],
    }


def _commands(rings: Sequence[Ring]) -> Iterator[str]:
    """Yield for each device how its newest capture is replayed."""
    if not rings:
        yield "    (there is nothing to replay: the flight recorder has recorded nothing)"
    for ring in rings:
        newest = ring.newest
        if newest is None:
            yield f"    ({ring.device_id}: it sent nothing)"
        elif ring.profile is None:
            yield f"    ({ring.device_id}: its profile is not in this report)"
        else:
            file = f"flight/{ring.device_id}/{newest.name}.bin"
            yield f"    dynod devices replay {file} --profile {ring.profile} -c dynod.toml"


# -- the bundle ----------------------------------------------------------------------------


def _versions() -> dict[str, object]:
    return {
        "dynod": dynod.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "os": _os_release(),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _os_release() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()


def _packed(files: Mapping[str, bytes]) -> bytes:
    """Return a tar.gz that says nothing of who made it, and when."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)  # owner 0 without a name, mtime 0
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read; nothing of it stays when that fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path}: is there already; remove it, or name another --out") from None
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}; name another place with --out") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise DeviceError(f"{path}: {error.strerror}; name another place with --out") from error
