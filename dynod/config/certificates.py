"""Calibration certificates of a site, from ``calibration.d`` beside the config file."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Self, TypeAlias, cast

from pydantic import Field, PlainValidator, model_validator

from dynod.config.fields import Part, Text
from dynod.config.problems import Problems
from dynod.config.toml_file import read_all, read_model
from dynod.model.calibration import Certificate, Uncertainty

SITE_FOLDER = "calibration.d"


def _day(value: object) -> date:
    zoned = value.tzinfo is not None if isinstance(value, datetime) else isinstance(value, date)
    if not zoned:
        raise ValueError("should be a day, or a time with its zone, without quotes")
    return cast("date", value)


# A day without a time means the whole of it, by UTC.
Day: TypeAlias = Annotated[date, PlainValidator(_day)]


class UncertaintyTable(Part):
    """Expanded uncertainty (k = 2): ``floor + slope · |load|``, in the certificate's unit."""

    floor: Annotated[float, Field(ge=0)]
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def record(self) -> Uncertainty:
        """Return it as a record."""
        return Uncertainty(self.floor, self.slope)


class CertificateFile(Part):
    """A certificate file: the fields of `dynod.model.calibration.Certificate`."""

    certificate_id: Text
    profile: Text
    serial_number: Text
    coefficients: Annotated[tuple[float, ...], Field(min_length=2, max_length=4, strict=False)]
    range_low: float
    range_high: float
    valid_from: Day
    valid_until: Day
    uncertainty: UncertaintyTable
    unshared: UncertaintyTable
    issued_by: Text
    revoked_reason: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.range_low >= self.range_high:
            raise ValueError("range_low should be below range_high")
        if _moment(self.valid_from, time.min) >= _moment(self.valid_until, time.max):
            raise ValueError("valid_from should be before valid_until")
        if not any(self.coefficients[1:]):
            raise ValueError("coefficients should depend on the device's number")
        if not _contains(self.uncertainty, self.unshared):
            raise ValueError("unshared is a part of uncertainty and cannot exceed it")
        return self

    def record(self) -> Certificate:
        """Return the certificate."""
        return Certificate(
            certificate_id=self.certificate_id,
            profile=self.profile,
            serial_number=self.serial_number,
            coefficients=self.coefficients,
            range_low=self.range_low,
            range_high=self.range_high,
            valid_from=_moment(self.valid_from, time.min),
            valid_until=_moment(self.valid_until, time.max),
            uncertainty=self.uncertainty.record(),
            unshared=self.unshared.record(),
            issued_by=self.issued_by,
            revoked_reason=self.revoked_reason,
        )


def _moment(day: date, of_day: time) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, of_day, UTC)


def _contains(whole: UncertaintyTable, part: UncertaintyTable) -> bool:
    return part.floor <= whole.floor and part.slope <= whole.slope


def read_certificate(path: Path) -> Certificate:
    """Return the certificate of one file. Raises ConfigError that names file and key."""
    return read_model(path, CertificateFile).record()


def load_certificates(config_folder: Path) -> tuple[Certificate, ...]:
    """Return the site's certificates, by file name.

    Raises ConfigError with one line per mistake, over all files; an id may occur once.
    """
    files = sorted((config_folder / SITE_FOLDER).glob("*.toml"))
    problems = Problems()
    found: dict[str, Certificate] = {}
    for path, certificate in read_all(files, read_certificate).items():
        if certificate.certificate_id in found:
            problems.add(path, "certificate_id", "another file has the same one")
        found[certificate.certificate_id] = certificate
    problems.raise_if_any()
    return tuple(found.values())
