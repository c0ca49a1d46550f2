"""The Debian package: built without a network at install time, whole, and harmless to remove."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.debs import build

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
RELEASE = {"3.11": "12", "3.13": "13"}.get(OWN, "12")


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory, RELEASE)


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("deb") / "root"
    run("dpkg-deb", "--extract", str(package), str(root))
    return root


def test_it_holds_program_unit_rules_and_example(unpacked: Path) -> None:
    for place in (
        "usr/lib/systemd/system/dynod.service",
        "usr/lib/udev/rules.d/60-dynod-serial.rules",
        "usr/lib/sysusers.d/dynod.conf",
        "usr/lib/tmpfiles.d/dynod.conf",
        "usr/share/doc/dynod/examples/dynod.toml",
        "usr/share/doc/dynod/examples/mosquitto/dynod.acl",
        "opt/dynod/bin/dynod",
    ):
        assert (unpacked / place).is_file()
    assert (unpacked / "usr/bin/dynod").readlink() == Path("/opt/dynod/bin/dynod")
    assert not (unpacked / "etc").exists()  # the config is the clinic's


def test_the_program_runs_from_what_is_in_the_package(unpacked: Path, tmp_path: Path) -> None:
    """In an environment where neither the checkout nor this test's packages can be seen."""
    packages = unpacked / "opt" / "dynod" / "lib" / f"python{OWN}" / "site-packages"
    if not packages.is_dir():
        pytest.fail(f"the package was built for another Python than {OWN}")
    code = (
        f"import sys; sys.path.insert(0, {str(packages)!r});"
        "import dynod, numpy, serial, aiomqtt, sqlalchemy, alembic, pydantic, typer, rich;"
        "assert dynod.__file__.startswith(sys.path[0]), dynod.__file__;"
        "sys.argv = ['dynod', 'devices', 'list']; from dynod.cli.main import run; run()"
    )
    interpreter = Path(sys.base_prefix) / "bin" / f"python{OWN}"
    said = subprocess.run(
        [str(interpreter), "-I", "-S", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stderr
    assert "chronojump_force_sensor" in said.stdout


def test_the_example_config_has_no_mistake_but_what_a_clinic_must_fill_in(
    unpacked: Path, tmp_path: Path
) -> None:
    example = unpacked / "usr/share/doc/dynod/examples/dynod.toml"
    secret = tmp_path / "broker.password"
    secret.write_text("secret\n", "utf-8")
    secret.chmod(0o600)
    config = tmp_path / "dynod.toml"
    text = example.read_text("utf-8")
    config.write_text(text.replace("/etc/dynod/secrets/broker.password", str(secret)), "utf-8")
    run(sys.executable, "-m", "dynod", "check", "--config", str(config))


def test_its_scripts_are_sound_and_delete_no_result(package: Path) -> None:
    control = package.parent / "control"
    run("dpkg-deb", "--control", str(package), str(control))
    facts = (control / "control").read_text("utf-8")
    assert f"Depends: python3 (>= {OWN})" in facts
    for name in ("postinst", "prerm", "postrm"):
        script = control / name
        run("sh", "-n", str(script))
        assert "@" not in script.read_text("utf-8")
        removing = [line for line in script.read_text("utf-8").splitlines() if "rm -" in line]
        assert all("/opt/dynod" in line for line in removing)
