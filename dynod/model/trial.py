"""A trial: one recording in one slot, its raw samples and what the core made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from dynod.model.calibration import Calibration
from dynod.model.clinical import Slot
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock

# Name (with unit) → value. A metric that does not apply is absent; one that could not be
# computed is None.
TrialMetrics: TypeAlias = Mapping[str, float | None]


class ResultStatus(StrEnum):
    """The life of a published result."""

    FINAL = "final"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered-in-error"


class TareOrigin(StrEnum):
    """Where the tare came from; ``gauge`` is 0 N, the gauge having been zeroed on itself."""

    PREROLL = "preroll"
    COMMAND = "command"
    GAUGE = "gauge"
    NONE = "none"


class StartedBy(StrEnum):
    """What began a recording."""

    PRESS = "press"
    COMMAND = "command"
    ONSET = "onset"
    HOLD = "hold"
    READING = "reading"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The raw samples of a trial as the core gets them.

    ``block`` runs from up to one second before ``start_s`` (the pre-roll) to ``end_s``, in the
    stream time of the measuring device. ``flags`` are what recording itself found out (timeout,
    disconnect, bytes_lost, checksum, queue_overflow, discarded). ``axis`` and ``mount_sign`` pick
    and orient the channel; ``pelvis_deg`` (n,) is the second inclinometer's calibrated angle
    at the block's times, or None, and ``acceleration_g`` (n, 3) what the first one's accelerometer
    says at them, or None. ``nominal_rate_hz`` is the profile's, 0 where readings are sent by hand.
    Such a reading is a recording of one sample, without pre-roll, whose ``start_s`` is its
    ``end_s``. ``stamped`` says that the times are the device's own.
    """

    block: SampleBlock
    start_s: float
    end_s: float
    started_by: StartedBy
    nominal_rate_hz: float
    flags: tuple[Flag, ...] = ()
    axis: str = "force"
    mount_sign: int = 1
    pelvis_deg: FloatArray | None = None
    stamped: bool = True
    acceleration_g: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the core says about a recording.

    ``tare_n`` is in newtons (for an angle the zero, in degrees); None when there was none.
    ``sample_rate_hz`` is measured from the stream times; None with fewer than two samples.
    ``notes`` say in a word why a metric is absent, or what is wrong with it, by its name.
    """

    metrics: TrialMetrics
    flags: tuple[Flag, ...]
    valid: bool
    tare_n: float | None
    tare_origin: TareOrigin
    sample_rate_hz: float | None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A recorded trial. ``recording`` is None on a trial that was read back without its raw.

    ``binding`` is the number of the session's patient binding that it belongs to; ``copied_from``
    names the trial of an earlier binding whose raw samples it shares. ``clock_correction_s`` was
    added to ``recorded_at`` once it was known by how much the clock had been off.
    """

    result_id: UUID
    revision: int
    status: ResultStatus
    session_id: UUID
    slot: Slot
    recorded_at: datetime
    clock_synced: bool
    software: str
    device: DeviceIdentity
    calibration: Calibration
    analysis: Analysis
    pain_nrs: int | None = None
    note: str | None = field(default=None, repr=False)
    recording: Recording | None = field(default=None, repr=False)
    binding: int = 0
    copied_from: UUID | None = None
    clock_correction_s: float | None = None

    @property
    def valid(self) -> bool:
        """Whether the trial fills its slot: valid, and not entered in error."""
        return self.analysis.valid and self.status is not ResultStatus.ENTERED_IN_ERROR
