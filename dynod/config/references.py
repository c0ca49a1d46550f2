"""Sets of masses: those that came with dynod, and a site's own, which win."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from dynod.config.certificates import SITE_FOLDER
from dynod.config.fields import Part, Text
from dynod.config.paths import data_folder
from dynod.config.problems import unknown
from dynod.config.toml_file import named_files, read_model
from dynod.core.gravity import CONVENTIONAL_DENSITY, buoyancy
from dynod.model.calibration_record import Buoyancy
from dynod.model.errors import UsageError
from dynod.session.weights import MOST_PIECES, Mass

_FOLDER = "references"
_Density = Annotated[float, Field(ge=1000, le=25000, strict=False)]


class MassTable(Part):
    """One ``[[mass]]``: a piece; its uncertainty is expanded (k = 2)."""

    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    mass_kg: Annotated[float, Field(gt=0, le=1000, strict=False)]
    uncertainty_kg: Annotated[float, Field(ge=0, le=10, strict=False)]


class MassSet(Part):
    """A reference file; the set is called as the file is. ``certificate`` is the set's own."""

    title: Text
    certificate: Text | None = None
    example: bool = False
    density_kg_per_m3: _Density = CONVENTIONAL_DENSITY
    mass: Annotated[
        tuple[MassTable, ...], Field(min_length=1, max_length=MOST_PIECES, strict=False)
    ]

    @field_validator("mass")
    @classmethod
    def _distinct(cls, masses: tuple[MassTable, ...]) -> tuple[MassTable, ...]:
        if len({mass.label for mass in masses}) < len(masses):
            raise ValueError("two pieces have the same label")
        return masses

    def masses(self) -> tuple[Mass, ...]:
        """Return the pieces, in the order of the file."""
        return tuple(Mass(one.label, one.mass_kg, one.uncertainty_kg) for one in self.mass)

    def pieces(self, names: str) -> tuple[Mass, ...]:
        """Return the pieces that are named, as ``A1+B1``. Raises UsageError for a wrong name."""
        known = {one.label: one for one in self.masses()}
        labels = [name.strip() for name in names.split("+")]
        for label in labels:
            if label not in known:
                raise UsageError(f"weight {label or '(none)'}: {unknown(label, known, 'piece')}")
        if len({*labels}) < len(labels):
            raise UsageError(f"weights {names}: a piece is named twice, and there is one of each")
        return tuple(known[label] for label in labels)

    def buoyancy(self) -> Buoyancy:
        """Return what the air leaves of the weights."""
        return buoyancy(self.density_kg_per_m3)

    @property
    def words(self) -> str:
        """The set and its certificate, for a certificate made with it."""
        if self.example:
            return f"{self.title}; AN EXAMPLE, no real set of masses"
        stated = "no certificate is stated" if self.certificate is None else self.certificate
        return f"{self.title}; {stated}"


def load_mass_set(config_folder: Path, name: str | None) -> tuple[str, MassSet]:
    """Return a set of masses and its name; the site's, in ``calibration.d/references``, wins.

    Without a name it is the site's only one. Raises UsageError for a name that none has, and where
    the site has none or several to choose from; ConfigError that names file and key.
    """
    site = named_files(config_folder / SITE_FOLDER / _FOLDER)
    files = named_files(data_folder("calibration") / _FOLDER) | site
    if name is None:
        name = _only(site, config_folder)
    if name not in files:
        raise UsageError(f"--reference {name}: {unknown(name, files, 'set of masses')}")
    return name, read_model(files[name], MassSet)


def _only(site: dict[str, Path], config_folder: Path) -> str:
    if len(site) == 1:
        return next(iter(site))
    if site:
        raise UsageError(f"name the set of masses with --reference: {', '.join(sorted(site))}")
    where = config_folder / SITE_FOLDER / _FOLDER
    raise UsageError(
        f"no set of masses in {where}: describe yours there, as in example_mass_set.toml, "
        "or rehearse with --reference example_mass_set"
    )
