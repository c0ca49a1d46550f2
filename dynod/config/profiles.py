"""Device profiles: those that came with dynod, and a site's own, which win."""

from collections.abc import Iterator
from pathlib import Path

from dynod.config.paths import data_folder
from dynod.config.toml_file import read_all, read_model
from dynod.model.errors import ConfigError
from dynod.wire.profile import Profile

SITE_FOLDER = "devices.d"


def load_profiles(config_folder: Path | None) -> dict[str, Profile]:
    """Return every profile by name, the site's from ``devices.d`` beside the config file.

    Raises ConfigError with one line per mistake, over all files.
    """
    folders = profile_folders(config_folder)
    profiles = read_all(folders.values(), read_profile)
    return {folder.name: profile for folder, profile in profiles.items()}


def profile_folders(config_folder: Path | None) -> dict[str, Path]:
    """Return the folder of every device model by name."""
    folders = [data_folder("devices")]
    if config_folder is not None:
        folders.append(config_folder / SITE_FOLDER)
    return {folder.name: folder for root in folders for folder in _device_folders(root)}


def _device_folders(root: Path) -> Iterator[Path]:
    """Yield every folder: one without a profile is a mistake, and `read_profile` says so."""
    if root.is_dir():
        folders = (path for path in root.iterdir() if path.is_dir())
        yield from sorted(path for path in folders if path.name[0] not in "._")


def read_profile(folder: Path) -> Profile:
    """Return the profile of one device folder. Raises ConfigError that names file and key."""
    path = folder / "profile.toml"
    profile = read_model(path, Profile)
    if profile.name != folder.name:
        raise ConfigError(f'{path}: name: should be "{folder.name}", as its folder is called')
    return profile
