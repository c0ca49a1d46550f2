"""Procedures of an inclinometer's calibration: those that came with dynod, and a site's own."""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dynod.config.fields import Part, Text
from dynod.config.procedures import load_procedure
from dynod.core.calibration_angle import FEWEST_POSES, sine_bar
from dynod.session.guided_angle import AnglePlan, PlannedPose

DEFAULT = "angle_squares"
_Deg = Annotated[float, Field(ge=-180, le=180, strict=False)]
_Uncertainty = Annotated[float, Field(ge=0, le=5, strict=False)]


class SineBarTable(Part):
    """A sine bar on a gauge block; the uncertainties are standard ones."""

    height_mm: Annotated[float, Field(strict=False)]
    length_mm: Annotated[float, Field(gt=0, strict=False)]
    height_uncertainty_mm: Annotated[float, Field(ge=0, strict=False)]
    length_uncertainty_mm: Annotated[float, Field(ge=0, strict=False)]


class PoseTable(Part):
    """One ``[[pose]]``: a known angle, or a sine bar's; uncertainties are standard ones in deg."""

    label: Text
    angle_deg: _Deg | None = None
    sine_bar: SineBarTable | None = None
    cross_deg: _Deg = 0.0
    own_deg: _Uncertainty = 0.0
    common_deg: _Uncertainty = 0.0

    @model_validator(mode="after")
    def _one_angle(self) -> Self:
        if (self.angle_deg is None) == (self.sine_bar is None):
            raise ValueError("needs angle_deg or sine_bar, and not both")
        bar = self.sine_bar
        if bar is not None and abs(bar.height_mm) >= bar.length_mm:
            raise ValueError("a sine bar cannot stand on a height of its own length")
        return self

    def planned(self) -> PlannedPose:
        """Return the pose."""
        if self.sine_bar is None:
            angle, own, common = self.angle_deg or 0.0, self.own_deg, self.common_deg
        else:
            bar = self.sine_bar
            known = sine_bar(
                bar.height_mm,
                bar.length_mm,
                height_uncertainty=bar.height_uncertainty_mm,
                length_uncertainty=bar.length_uncertainty_mm,
            )
            angle = known.angle_deg
            own = math.hypot(known.own_deg, self.own_deg)
            common = math.hypot(known.common_deg, self.common_deg)
        return PlannedPose(self.label, angle, self.cross_deg, own, common)


class AngleProcedure(Part):
    """A procedure file; the procedure is called as the file is."""

    title: Text
    kind: Literal["angle"]
    reference: Text
    reversals: Annotated[int, Field(ge=0, le=5)] = 1
    rounds: Annotated[int, Field(ge=1, le=10)] = 2
    window_s: Annotated[float, Field(gt=0, le=60, strict=False)] = 2.0
    quiet_sd_deg: Annotated[float, Field(gt=0, le=5, strict=False)] = 0.1
    cross_limit_deg: Annotated[float, Field(ge=0, le=45, strict=False)] = 5.0
    validity_months: Annotated[int, Field(ge=1, le=60)] = 12
    pose: Annotated[tuple[PoseTable, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        different = {(pose.angle_deg, pose.cross_deg) for pose in self.plan().poses}
        if len(different) < FEWEST_POSES:
            raise ValueError(f"{len(different)} different poses are too few: needs {FEWEST_POSES}")
        return self

    def plan(self) -> AnglePlan:
        """Return what a guided run goes through."""
        poses = tuple(pose.planned() for pose in self.pose)
        return AnglePlan(self.title, poses, self.reversals, self.rounds)


def load_angle_procedure(config_folder: Path, name: str) -> AngleProcedure:
    """Return a procedure by name, as `load_procedure`."""
    return load_procedure(config_folder, name, AngleProcedure)
