"""What a calibration of dynod finds passes through file and store, whatever the device was like."""

from datetime import UTC, datetime

import numpy as np
import pytest

from dynod.config.certificate_text import certificate_text
from dynod.config.certificates import parse_certificate
from dynod.core.calibration import certificate
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import CertificateDetail
from dynod.store.codec import from_json, to_json
from tests.core.test_calibration_coverage import Gauge, Inclinometer
from tests.support.whole_certificate import FILE

WHEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "device",
    [
        Gauge(),
        Gauge(curvature=3.0, reseating=0.01, mountings=(1, 1, 2)),
        Gauge(noise=0.0, reseating=0.0, loop=0.0, drift=0.0, weights=0.0),
        Gauge(mountings=(1,)),
        Inclinometer(),
        Inclinometer(noise=0.0, own=0.0, length=0.0, cross=0.0),
    ],
)
def test_a_calibration_survives_file_and_store(device: Gauge | Inclinometer) -> None:
    for seed in range(20):
        report = device.calibrated(np.random.default_rng(seed), 30.0)
        made = certificate(
            report,
            certificate_id="C-1",
            profile="chronojump_force_sensor",
            serial_number="SN 1",
            valid_from=WHEN,
            valid_until=WHEN.replace(year=2027),
            issued_by="anna",
            detail=CertificateDetail(
                kind=report.kind,
                issued_at=WHEN,
                operator="anna",
                procedure="force_dead_weight",
                reference="set 7",
                software="dynod",
                environment={},
                statements=(
                    *report.notes,
                    *(report.indicators.statements if report.indicators else ()),
                ),
                budgets=report.budgets,
                standard_error=report.fit.standard_error,
                cross_axis=report.cross_axis,
            ),
        )
        assert parse_certificate(certificate_text(made), FILE) == made
        assert from_json(Certificate, to_json(made)) == made
