"""Batteries: those that came with dynod, and a site's own, which win."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from dynod.config.fields import Part, Text
from dynod.config.paths import data_folder
from dynod.config.toml_file import named_files, read_all, read_model
from dynod.model.clinical import (
    DEFAULT_POSITIONS,
    Battery,
    Contraction,
    Fixation,
    Kind,
    Movement,
    TestSpec,
)

SITE_FOLDER = "batteries.d"


class BatteryTest(Part):
    """One ``[[test]]`` of a battery file."""

    movement: Annotated[Movement, Field(strict=False)]
    position: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")] | None = None
    contraction: Annotated[Contraction, Field(strict=False)]
    fixation: Annotated[Fixation, Field(strict=False)]
    kind: Annotated[Kind, Field(strict=False)]
    repetitions: Annotated[int, Field(ge=1, le=10)] = 3
    familiarisation: Annotated[int, Field(ge=0, le=5)] = 0
    seconds: Annotated[float, Field(gt=0, le=15)] = 5.0
    rest_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    extra_trials: Annotated[int, Field(ge=0, le=3)] = 0
    best_two_percent: Annotated[float, Field(gt=0, lt=100, strict=False)] = 10.0

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if (self.kind is Kind.ANGLE) != (self.contraction is Contraction.ROM):
            raise ValueError('kind "angle" and contraction "rom" belong together')
        return self

    def spec(self) -> TestSpec:
        """Return the test; without a position, the movement's default one."""
        return TestSpec(
            movement=self.movement,
            position=self.position or DEFAULT_POSITIONS[self.movement],
            contraction=self.contraction,
            fixation=self.fixation,
            kind=self.kind,
            repetitions=self.repetitions,
            familiarisation=self.familiarisation,
            seconds=self.seconds,
            rest_s=self.rest_s,
            extra_trials=self.extra_trials,
            best_two_percent=self.best_two_percent,
        )


class BatteryFile(Part):
    """A battery file; the battery is called as the file is."""

    title: Text
    test: Annotated[tuple[BatteryTest, ...], Field(min_length=1, strict=False)]

    @field_validator("test")
    @classmethod
    def _distinct(cls, tests: tuple[BatteryTest, ...]) -> tuple[BatteryTest, ...]:
        """Keep the four apart that a deficit's identifier is made of."""
        specs = [test.spec() for test in tests]
        keys = {(spec.movement, spec.position, spec.contraction, spec.kind) for spec in specs}
        if len(keys) < len(specs):
            raise ValueError("two tests have the same movement, position, contraction and kind")
        return tests


def load_batteries(config_folder: Path | None) -> dict[str, Battery]:
    """Return every battery by name, the site's from ``batteries.d`` beside the config file.

    Raises ConfigError with one line per mistake, over all files.
    """
    folders = [data_folder("batteries")]
    if config_folder is not None:
        folders.append(config_folder / SITE_FOLDER)
    found = read_all(named_files(*folders).values(), read_battery)
    return {battery.name: battery for battery in found.values()}


def read_battery(path: Path) -> Battery:
    """Return the battery of one file. Raises ConfigError that names file and key."""
    file = read_model(path, BatteryFile)
    return Battery(path.stem, file.title, tuple(test.spec() for test in file.test))
