"""A certificate with something in every part of it."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from dynod.model.calibration import Certificate, Uncertainty
from dynod.model.calibration_record import (
    Branch,
    Budget,
    CalibrationRun,
    CertificateDetail,
    Distribution,
    LoadPoint,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind

TERM = UncertaintyTerm(
    "resolution", 0.1, Distribution.RECTANGULAR, math.sqrt(3.0), 1.0, math.inf, False, "display"
)
DETAIL = CertificateDetail(
    kind=Kind.FORCE,
    issued_at=datetime(2026, 3, 2, 10, 30, tzinfo=UTC),
    operator='A. "Tech" Müller',
    procedure="force_dead_weight",
    reference="mass set 7, certificate K-4711",
    software="dynod 0.1.0",
    environment={"temperature_c": "21.5", "Ort der Messung": "Raum 2"},
    statements=("meets the limits of class 2", "creep was not measured"),
    runs=(
        CalibrationRun((LoadPoint(0.0, 12.25), LoadPoint(98.1, 110.3, Branch.FALLING, 0.002)), 1),
        CalibrationRun((LoadPoint(0.0, 12.5),), 2),
    ),
    budgets=(
        Budget(98.1, (TERM, replace(TERM, name="zero")), 0.08, math.inf, 2.0, 0.16, 0.0, 0.16),
    ),
    standard_error=0.125,
)
WHOLE = Certificate(
    certificate_id="C-7",
    profile="chronojump_force_sensor",
    serial_number="SN 1",
    coefficients=(0.1 + 0.2, 1.01, -1e-22),
    range_low=20.0,
    range_high=400.0,
    valid_from=datetime(2026, 3, 2, 10, 30, 0, 125, tzinfo=UTC),
    valid_until=datetime(2027, 3, 2, tzinfo=timezone(timedelta(hours=1))),
    uncertainty=Uncertainty(1.0, 0.01),
    unshared=Uncertainty(0.5, 0.002),
    issued_by="the clinic",
    detail=DETAIL,
)
FILE = Path("c.toml")
