"""Records for the tests of the store: plain ones, and strategies for any."""

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

import numpy as np
from hypothesis import strategies as st

from dynod.model.calibration import Calibration, CalibrationStatus, Certificate, Uncertainty
from dynod.model.clinical import (
    Battery,
    Contraction,
    Fixation,
    InvolvedSide,
    Kind,
    Movement,
    Side,
    Slot,
    TestSpec,
)
from dynod.model.deficit import Classification, Deficit, SideComparison, Summary
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag
from dynod.model.samples import SampleBlock
from dynod.model.session import Identifier, Patient, Session, SessionSummary
from dynod.model.trial import (
    Analysis,
    Recording,
    ResultStatus,
    StartedBy,
    TareOrigin,
    Trial,
)
from dynod.store.change import Change, OutboxDraft

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEST = TestSpec(
    Movement.HIP_ABDUCTION, "supine", Contraction.MAKE, Fixation.HAND, Kind.FORCE, familiarisation=1
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def session(**changed: Any) -> Session:
    made = Session(
        session_id=uuid4(),
        session_code="AC34",
        battery=Battery("short", "One test", (TEST,)),
        started_at=NOW,
        clock_synced=True,
        patient=Patient(Identifier("urn:example:mrn", "4711"), "f", 1970),
        involved_side=InvolvedSide.LEFT,
        lever_arms_m={Movement.HIP_ABDUCTION: {Side.LEFT: 0.36, Side.RIGHT: 0.37}},
    )
    return dataclasses.replace(made, **changed)


def recording(samples: int = 410, seed: int = 7) -> Recording:
    numbers = np.random.default_rng(seed)
    block = SampleBlock(
        t_s=np.arange(samples) / 82.0,
        values=numbers.normal(100.0, 30.0, (samples, 1)),
        status=np.zeros(samples, np.uint8),
        channels=("force",),
        segment=2,
    )
    return Recording(block, 1.0, samples / 82.0, StartedBy.PRESS, 80.0, (Flag.TIMEOUT,))


def trial(of: Session, **changed: Any) -> Trial:
    made = Trial(
        result_id=uuid4(),
        revision=1,
        status=ResultStatus.FINAL,
        session_id=of.session_id,
        slot=Slot(0, TEST, Side.LEFT, familiarisation=False, trial_number=1),
        recorded_at=at(5),
        clock_synced=True,
        software="dynod test",
        device=DeviceIdentity("hhd-1", "chronojump_force_sensor", Kind.FORCE, "SN 1"),
        calibration=Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0)),
        analysis=Analysis(
            metrics={"peak_force_n": 118.25, "rfd_0_100_n_per_s": None},
            flags=(Flag.UNCALIBRATED,),
            valid=True,
            tare_n=1.5,
            tare_origin=TareOrigin.PREROLL,
            sample_rate_hz=82.36,
        ),
        recording=recording(),
    )
    return dataclasses.replace(made, **changed)


def deficit(of: Session, **changed: Any) -> Deficit:
    made = Deficit(
        result_id=uuid4(),
        revision=1,
        status=ResultStatus.FINAL,
        session_id=of.session_id,
        test=TEST,
        involved_side=InvolvedSide.LEFT,
        comparison=SideComparison(
            "peak_force_n",
            Summary.MEAN,
            Classification.EXCEEDS_ERROR,
            deficit_percent=20.09,
            ci95_percent=(5.10, 32.71),
        ),
        trials=(),
        recorded_at=at(60),
        clock_synced=True,
        software="dynod test",
    )
    return dataclasses.replace(made, **changed)


def summary(of: Session, **changed: Any) -> SessionSummary:
    made = SessionSummary(
        uuid4(), 1, ResultStatus.FINAL, of, (), (), at(90), clock_synced=True, software="dynod test"
    )
    return dataclasses.replace(made, **changed)


def certificate(certificate_id: str = "C-1", **changed: Any) -> Certificate:
    made = Certificate(
        certificate_id=certificate_id,
        profile="chronojump_force_sensor",
        serial_number="SN 1",
        coefficients=(0.5, 1.01),
        range_low=20.0,
        range_high=400.0,
        valid_from=NOW,
        valid_until=at(86400),
        uncertainty=Uncertainty(1.0, 0.01),
        unshared=Uncertainty(0.5, 0.002),
        issued_by="a laboratory",
    )
    return dataclasses.replace(made, **changed)


def draft(
    result_id: UUID | None = None,
    revision: int = 1,
    render: Callable[[int], bytes] = lambda sequence: b"message %d" % sequence,
) -> OutboxDraft:
    return OutboxDraft(
        result_id or uuid4(), revision, "dynod/v1/c/r/results/trial", "application/json", render
    )


def messages(*drafts: OutboxDraft, when: datetime = NOW) -> Change:
    return Change(at=when, outbox=drafts)


def without_raw(given: Trial) -> tuple[Any, ...]:
    """Return what two trials must share to be the same; arrays do not compare."""
    names = [field.name for field in dataclasses.fields(given) if field.name != "recording"]
    return tuple(getattr(given, name) for name in names)


def any_record(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for any value of a model type, every field filled independently."""
    if kind in SCALARS:
        return SCALARS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return st.one_of(*(any_record(argument) for argument in arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(any_record(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_record(argument) for argument in arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(any_record(arguments[0]), any_record(arguments[1]), max_size=3)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = get_type_hints(kind)
    fields = {field.name: any_record(hints[field.name]) for field in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    bool: st.booleans(),
    int: st.integers(-(2**31), 2**31),
    float: st.floats(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    types.NoneType: st.none(),
    datetime: st.datetimes(
        datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2190, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        # Fixed offsets: an hour that a zone has twice equals no other (PEP 495).
        timezones=st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
}
