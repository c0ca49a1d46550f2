"""Data folders are found in a checkout and in an installed package alike."""

from pathlib import Path

import pytest

from dynod.config.paths import data_folder, error_table_file
from dynod.model.errors import ConfigError


def make_package(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    return root / "dynod"


def test_a_checkout(tmp_path: Path) -> None:
    package = make_package(tmp_path, "dynod/data/batteries", "devices", "calibration")
    (tmp_path / "pyproject.toml").touch()
    assert data_folder("devices", package=package) == tmp_path / "devices"
    assert data_folder("calibration", package=package) == tmp_path / "calibration"
    assert data_folder("batteries", package=package) == package / "data" / "batteries"


def test_an_installed_package(tmp_path: Path) -> None:
    package = make_package(tmp_path, "dynod/data/devices", "devices")
    assert data_folder("devices", package=package) == package / "data" / "devices"


def test_a_folder_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    package = make_package(tmp_path, "dynod/data", "devices")
    with pytest.raises(ConfigError) as caught:
        data_folder("devices", package=package)
    assert str(caught.value) == (
        f"{package}/data/devices: missing; dynod is not completely installed, install it again"
    )


@pytest.mark.parametrize("name", ["devices", "calibration", "batteries"])
def test_here(name: str) -> None:
    assert data_folder(name).is_dir()
    assert error_table_file().is_file()
