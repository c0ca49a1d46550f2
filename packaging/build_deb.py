"""Builds the Debian package: the program with everything that it needs, for one Debian release.

    python packaging/build_deb.py [--release 12|13] [--arch amd64|arm64] [--out dist]

The package brings a virtual environment of its own under /opt/dynod, filled with wheels, so that
installing needs no network and touches no other Python. Wheels are chosen for the target by pip,
not compiled: every pair of release and architecture is built on any machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPLATES = REPOSITORY / "packaging" / "debian"
PREFIX = "opt/dynod"
_PYTHON = {"12": "3.11", "13": "3.13"}  # what each Debian release calls python3
_GLIBC = {"12": (36, 28, 17), "13": (41, 36, 28, 17)}  # manylinux_2_N that it can run
_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
_NOT_AT_RUN_TIME = ("bin", "*/test", "**/tests")
_INSTALLED = {
    "systemd/dynod.service": "usr/lib/systemd/system/dynod.service",
    "systemd/dynod.sysusers.conf": "usr/lib/sysusers.d/dynod.conf",
    "systemd/dynod.tmpfiles.conf": "usr/lib/tmpfiles.d/dynod.conf",
    "systemd/60-dynod-serial.rules": "usr/lib/udev/rules.d/60-dynod-serial.rules",
    "packaging/dynod.example.toml": "usr/share/doc/dynod/examples/dynod.toml",
    "packaging/copyright": "usr/share/doc/dynod/copyright",
    "README.md": "usr/share/doc/dynod/README.md",
    "docs/technician.md": "usr/share/doc/dynod/technician.md",
    "docs/security.md": "usr/share/doc/dynod/security.md",
    "docs/mosquitto/dynod.conf": "usr/share/doc/dynod/examples/mosquitto/dynod.conf",
    "docs/mosquitto/dynod.acl": "usr/share/doc/dynod/examples/mosquitto/dynod.acl",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A Debian release and an architecture in Debian's words."""

    release: str
    arch: str

    @property
    def python(self) -> str:
        """The release's Python, as 3.11."""
        return _PYTHON[self.release]

    @property
    def platforms(self) -> list[str]:
        """The wheels that run there, best first."""
        machine = _MACHINE[self.arch]
        tags = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC[self.release]]
        return [*tags, f"manylinux2014_{machine}"]


def main() -> None:
    """Build one package and print its path."""
    parser = argparse.ArgumentParser(description="Build the Debian package.")
    parser.add_argument("--release", choices=_PYTHON, default=this_release())
    parser.add_argument("--arch", choices=_MACHINE, default=this_arch())
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist")
    given = parser.parse_args()
    sys.stdout.write(f"{build(Target(given.release, given.arch), given.out)}\n")


def build(target: Target, out: Path) -> Path:
    """Return the path of a new package for a target, in the folder ``out``."""
    version = f"{_version()}~deb{target.release}"
    out.mkdir(parents=True, exist_ok=True)
    package = out / f"dynod_{version}_{target.arch}.deb"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        _fill_environment(root / PREFIX, target, Path(scratch))
        for source, place in _INSTALLED.items():
            _copy(REPOSITORY / source, root / place)
        link = root / "usr/bin/dynod"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"/{PREFIX}/bin/dynod")
        _write_control(root, target, version)
        _run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(package))
    return package


def this_release() -> str:
    """Return this machine's Debian release, or the newest where it is none that is known."""
    words = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    facts = dict(word.split("=", 1) for word in words if "=" in word)
    found = facts.get("VERSION_ID", "").strip('"')
    return found if found in _PYTHON else max(_PYTHON)


def this_arch() -> str:
    """Return this machine's architecture in Debian's words."""
    machine = os.uname().machine
    return next((name for name, other in _MACHINE.items() if other == machine), "amd64")


def _version() -> str:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _fill_environment(prefix: Path, target: Target, scratch: Path) -> None:
    """Make the virtual environment: the release's own interpreter, and wheels."""
    wheels = scratch / "wheels"
    build_wheel = (sys.executable, "-m", "build", "--wheel", "--no-isolation")
    _run(*build_wheel, "--outdir", str(wheels), cwd=_clean_copy(scratch))
    (wheel,) = wheels.glob("*.whl")
    packages = prefix / "lib" / f"python{target.python}" / "site-packages"
    choice = [word for platform in target.platforms for word in ("--platform", platform)]
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-compile", "--only-binary=:all:", "--target", str(packages)),
        *("--python-version", target.python, "--implementation", "cp", *choice, f"{wheel}[demo]"),
    )
    for pattern in _NOT_AT_RUN_TIME:
        for found in sorted(packages.glob(pattern)):
            shutil.rmtree(found)
    (prefix / "bin").mkdir()
    for name in ("python", "python3", f"python{target.python}"):
        (prefix / "bin" / name).symlink_to(f"/usr/bin/python{target.python}")
    lines = ["home = /usr/bin", "include-system-site-packages = false"]
    (prefix / "pyvenv.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    program = prefix / "bin" / "dynod"
    # -I: neither the folder one stands in nor the user's own packages may lend a module.
    program.write_text(
        f"#!/{PREFIX}/bin/python3 -I\nfrom dynod.cli.main import run\n\nrun()\n", encoding="utf-8"
    )
    program.chmod(0o755)


def _clean_copy(scratch: Path) -> Path:
    """Return a copy of what the wheel is built from, so that the checkout stays as it is."""
    copy = scratch / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("dynod", "devices", "calibration"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / file, copy / file)
    return copy


def _write_control(root: Path, target: Target, version: str) -> None:
    size_kib = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
    major, minor = target.python.split(".")
    facts = {
        "VERSION": version,
        "ARCH": target.arch,
        "SIZE": str(size_kib),
        "PYTHON": target.python,
        "NEXT": f"{major}.{int(minor) + 1}",
        "LIBC": f"2.{_GLIBC[target.release][0]}",
    }
    for template in sorted(TEMPLATES.iterdir()):
        text = template.read_text(encoding="utf-8")
        for name, value in facts.items():
            text = text.replace(f"@{name}@", value)
        place = root / "DEBIAN" / template.name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(0o644 if template.name == "control" else 0o755)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
    place.chmod(0o644)


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - the words are ours
        command, cwd=cwd, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} …\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
