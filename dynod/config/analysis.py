"""``[analysis]`` of dynod.toml: the limits of the analysis, one key for each."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, create_model, model_validator

from dynod.config.fields import Part
from dynod.core.onset import OnsetMethod
from dynod.core.settings import AnalysisSettings
from dynod.model.flags import Flag

# Elsewhere in the config: [session] for deficits and analysis alike, quality.toml.
NOT_OFFERED = frozenset({"tester_limit_n", "rejecting"})

# The largest value that a limit may have, by the unit that its name ends in. All are above zero.
_BELOW = {"fraction": 1.0, "percent": 100.0, "percentile": 100.0}
_AT_MOST = {"n": 5000.0, "s": 60.0, "hz": 10_000.0, "deg": 180.0, "g": 2.0, "factor": 100.0}

# Pairs of which the second must not be the smaller one: no trial could be valid, or none could end.
_ORDERED = (
    ("quiet_s", "preroll_s"),
    ("zero_s", "preroll_s"),
    ("onset_ready_s", "onset_window_s"),
    ("offset_n", "onset_n"),
    ("plateau_s", "max_recording_s"),
    ("hold_s", "max_recording_s"),
    ("dip_fraction", "plateau_fraction"),
    ("rfd_min_rate_hz", "rfd_early_min_rate_hz"),
    ("rfd_early_min_rate_hz", "rfd_finest_min_rate_hz"),
)


def _keys() -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(AnalysisSettings):
        if field.name not in NOT_OFFERED:
            yield field.name, (_kind(field), field.default)


def _kind(field: "dataclasses.Field[Any]") -> Any:
    """Return the annotation of a key: a method by name, or a number within bounds."""
    if field.name == "onset_method":
        return Annotated[OnsetMethod, Field(strict=False)]
    if field.name == "gap_factor":
        return Annotated[float, Field(gt=1.0, le=_AT_MOST["factor"])]
    unit = field.name.rpartition("_")[2]
    if unit in _BELOW:
        return Annotated[float, Field(gt=0.0, lt=_BELOW[unit])]
    return Annotated[float, Field(gt=0.0, le=_AT_MOST[unit])]


_Keys: Any = create_model("_Keys", __base__=Part, **dict(_keys()))


class AnalysisConfig(_Keys):
    """How recordings are cut, filtered and judged; see ``AnalysisSettings``."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for low, high in _ORDERED:
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} should not exceed {high}")
        return self

    def settings(self, tester_limit_n: float, rejecting: frozenset[Flag]) -> AnalysisSettings:
        """Return the settings of the analysis, with what stands elsewhere in the config."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return AnalysisSettings(**values, tester_limit_n=tester_limit_n, rejecting=rejecting)
