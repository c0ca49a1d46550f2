"""Device profiles: those that came with dynod, and a site's own, which win."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dynod.config.paths import data_folder
from dynod.config.toml_file import check_model, read_all, read_toml
from dynod.model.errors import ConfigError
from dynod.wire.profile import Profile
from dynod.wire.variants import KEY as VARIANTS
from dynod.wire.variants import base_data, variant_data

SITE_FOLDER = "devices.d"
_VARIANT = re.compile(r"[a-z][a-z0-9_]{0,63}")


def load_profiles(config_folder: Path | None) -> dict[str, Profile]:
    """Return every profile by name, the site's from ``devices.d`` beside the config file.

    A variant of a profile stands there as ``name/variant``. Raises ConfigError with one line per
    mistake, over all files.
    """
    folders = profile_folders(config_folder)
    families = read_all(folders.values(), read_profiles)
    return {name: profile for family in families.values() for name, profile in family.items()}


def profile_folders(config_folder: Path | None) -> dict[str, Path]:
    """Return the folder of every device model by name."""
    folders = [data_folder("devices")]
    if config_folder is not None:
        folders.append(config_folder / SITE_FOLDER)
    return {folder.name: folder for root in folders for folder in _device_folders(root)}


def _device_folders(root: Path) -> Iterator[Path]:
    """Yield every folder: one without a profile is a mistake, and `read_profiles` says so."""
    if root.is_dir():
        folders = (path for path in root.iterdir() if path.is_dir())
        yield from sorted(path for path in folders if path.name[0] not in "._")


def read_profiles(folder: Path) -> dict[str, Profile]:
    """Return the profile of one device folder and its variants, by name.

    Raises ConfigError that names file and key.
    """
    path = folder / "profile.toml"
    data = read_toml(path)
    if "variant" in data:
        raise ConfigError(f"{path}: variant: unknown key; variants are tables [variants.NAME]")
    profile = check_model(path, base_data(data), Profile)
    if profile.name != folder.name:
        raise ConfigError(f'{path}: name: should be "{folder.name}", as its folder is called')
    family = {profile.name: profile}
    for name, changes in _variants(path, data).items():
        if not (_VARIANT.fullmatch(name) and isinstance(changes, dict)):
            raise ConfigError(f"{path}: {VARIANTS}.{name}: should be a table with a plain name")
        under = f"{VARIANTS}.{name}"
        variant = check_model(path, variant_data(data, name), Profile, under=under)
        if variant.name != profile.name:
            raise ConfigError(f"{path}: {under}.name: a variant keeps the name of its profile")
        family[f"{profile.name}/{name}"] = variant
    return family


def _variants(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    variants = data.get(VARIANTS, {})
    if not isinstance(variants, dict):
        raise ConfigError(f"{path}: {VARIANTS}: should be a table")
    return variants
