"""Procedures of a force calibration: those that came with dynod, and a site's own, which win."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator

from dynod.config.certificates import SITE_FOLDER
from dynod.config.fields import Part, Text
from dynod.config.paths import data_folder
from dynod.config.problems import unknown
from dynod.config.toml_file import named_files, read_model
from dynod.core.calibration_fit import HIGHEST_DEGREE
from dynod.core.calibration_uncertainty import temperature_effect
from dynod.model.calibration_record import StatedEffect
from dynod.model.errors import UsageError
from dynod.session.force_plan import ForcePlan
from dynod.session.weights import PlannedLoad

DEFAULT = "force_dead_weight"
M = TypeVar("M", bound=Part)
_FOLDER = "procedures"
_Hold = Annotated[float, Field(ge=0, le=1800, strict=False)]


class ForceProcedure(Part):
    """A procedure file; the procedure is called as the file is."""

    title: Text
    kind: Literal["force"]
    warm_up_minutes: Annotated[float, Field(ge=0, le=240, strict=False)] = 15.0
    preloads: Annotated[int, Field(ge=1, le=5)] = 3
    preload_hold_s: _Hold = 30.0
    creep_hold_s: _Hold = 0.0
    load_steps: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1, strict=False)], ...],
        Field(min_length=2, max_length=20, strict=False),
    ]
    falling: bool = True
    runs: Annotated[int, Field(ge=1, le=10)] = 3
    reseat: bool = True
    settle_s: Annotated[float, Field(ge=0, le=120, strict=False)] = 5.0
    window_s: Annotated[float, Field(gt=0, le=60, strict=False)] = 3.0
    quiet_sd_n: Annotated[float, Field(gt=0, le=50, strict=False)] = 0.5
    highest_degree: Annotated[int, Field(ge=1, le=HIGHEST_DEGREE)] = 2
    temperature_percent_per_k: Annotated[float, Field(ge=0, le=5, strict=False)] | None = None
    temperature_reach_k: Annotated[float, Field(gt=0, le=40, strict=False)] = 5.0
    validity_months: Annotated[int, Field(ge=1, le=60)] = 12

    @field_validator("load_steps")
    @classmethod
    def _rising(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if list(steps) != sorted({*steps}) or steps[-1] != 1.0:
            raise ValueError("should rise to 1.0, the highest load")
        return steps

    def plan(self, loads: Sequence[PlannedLoad]) -> ForcePlan:
        """Return what a guided run with these loads goes through."""
        return ForcePlan(
            title=self.title,
            loads=tuple(loads),
            warm_up_s=60.0 * self.warm_up_minutes,
            preloads=self.preloads,
            preload_hold_s=self.preload_hold_s,
            creep_hold_s=self.creep_hold_s,
            falling=self.falling,
            runs=self.runs,
            reseat=self.reseat,
            settle_s=self.settle_s,
            window_s=self.window_s,
            quiet_sd_n=self.quiet_sd_n,
        )

    def stated(self) -> tuple[StatedEffect, ...]:
        """Return the effects that the procedure states and no run shows."""
        if self.temperature_percent_per_k is None:
            return ()
        return (temperature_effect(self.temperature_percent_per_k, self.temperature_reach_k),)


def load_force_procedure(config_folder: Path, name: str) -> ForceProcedure:
    """Return a procedure by name, as `load_procedure`."""
    return load_procedure(config_folder, name, ForceProcedure)


def load_procedure(config_folder: Path, name: str, model: type[M]) -> M:
    """Return a procedure by name; the site's, in ``calibration.d/procedures``, wins.

    Raises UsageError for a name that none has, ConfigError that names file and key.
    """
    site = config_folder / SITE_FOLDER / _FOLDER
    files = named_files(data_folder("calibration") / _FOLDER, site)
    if name not in files:
        raise UsageError(f"--procedure {name}: {unknown(name, files, 'procedure')}")
    return read_model(files[name], model)
