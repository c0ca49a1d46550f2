"""The built wheel, installed elsewhere, finds its data: half-mapped folders ship nothing."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("dynod", "devices", "calibration", "pyproject.toml", "README.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy(source, copy / name)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out", "."],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    (built,) = (copy / "out").glob("*.whl")
    return built


def test_the_wheel_holds_code_and_data_and_claims_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dynod"}
    for data in (
        "dynod/data/devices/chronojump_force_sensor/profile.toml",
        "dynod/data/devices/witmotion_wt901/profile.toml",
        "dynod/data/calibration/README.md",
        "dynod/data/batteries/hip.toml",
        "dynod/data/codes.toml",
        "dynod/data/measurement_error.toml",
        "dynod/data/norms.toml",
        "dynod/data/quality.toml",
        "dynod/store/migrations/env.py",
    ):
        assert data in names
    assert not any("__pycache__" in name for name in names)


def test_an_installed_wheel_finds_its_profiles(wheel: Path, tmp_path: Path) -> None:
    """Only dynod comes from the wheel; what it depends on is lent by this environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, cwd=tmp_path, capture_output=True)
    lent = [path for path in sys.path if path.endswith("site-packages")]
    code = (
        "import dynod, json; from dynod.config.profiles import load_profiles;"
        "from dynod.config.batteries import load_batteries;"
        "print(json.dumps([dynod.__file__, sorted(load_profiles(None)), "
        "sorted(load_batteries(None))]))"
    )
    done = subprocess.run(
        [str(python), "-P", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(lent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "venv") in done.stdout
    _, profiles, _ = json.loads(done.stdout)
    folders = {path.name for path in (REPOSITORY / "devices").iterdir() if path.is_dir()}
    assert {name.partition("/")[0] for name in profiles} == folders
    assert '"demo", "hip", "hip_full", "hip_rom"' in done.stdout
