"""The calibration of each device, where no daemon runs that says it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dynod.cli.doctor.findings import Finding, calibrated
from dynod.cli.shelf import open_shelf
from dynod.config.site import Site
from dynod.core.calibration import checks_under, judge_calibration
from dynod.core.standing import drift_lines, standing


def calibration(site: Site) -> Iterator[Finding]:
    """Tell how the calibration of each device stands, in the words of the daemon.

    By this machine's clock, whose own line says when it is wrong.
    """
    now = datetime.now(UTC)
    with open_shelf(site.path) as shelf:
        certificates = shelf.certificates()
        for device in site.config.devices:
            profile, serial = site.profiles[device.profile], device.serial_number
            # A unit without a serial number can have no checks.
            checks = () if serial is None else shelf.verifications(profile.name, serial)
            found = judge_calibration(
                certificates,
                profile=profile.name,
                serial_number=serial,
                nominal_coefficients=profile.nominal_coefficients,
                at=now,
                allow_nominal=site.config.calibration.allow_nominal and profile.has_nominal_scale,
                verifications=checks,
            )
            under = checks_under(
                checks,
                profile=profile.name,
                serial_number=serial,
                certificate_id=found.certificate_id,
            )
            stands = standing(
                found,
                under,
                at=now,
                drifting=drift_lines(under),
                has_serial_number=serial is not None,
            )
            until = found.valid_until
            yield from calibrated(
                device.id,
                stands.warnings,
                found.status.value,
                "" if until is None else f"{until:%Y-%m-%d}",
            )
