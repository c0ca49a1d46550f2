"""Raw samples as blobs: the device's own numbers, exactly, with a hash over all of it."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from dynod.model.errors import StorageError
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray, SampleBlock
from dynod.model.trial import Recording, StartedBy
from dynod.store.codec import from_json, to_json

_BLOBS = ("t_s", "values", "status", "pelvis_deg")
_FIELDS = (
    "channels",
    "segment",
    "start_s",
    "end_s",
    "started_by",
    "nominal_rate_hz",
    "axis",
    "mount_sign",
    "flags",
)


def raw_row(recording: Recording) -> dict[str, Any]:
    """Return the columns of ``trial_raw`` for a recording, all but ``result_id``."""
    block = recording.block
    pelvis, acceleration = recording.pelvis_deg, recording.acceleration_g
    row: dict[str, Any] = {
        "t_s": _blob(block.t_s),
        "values": _blob(block.values),
        "status": np.ascontiguousarray(block.status, np.uint8).tobytes(),
        "pelvis_deg": None if pelvis is None else _blob(pelvis),
        "channels": to_json(block.channels),
        "segment": block.segment,
        "start_s": float(recording.start_s),
        "end_s": float(recording.end_s),
        "started_by": str(recording.started_by),
        "nominal_rate_hz": float(recording.nominal_rate_hz),
        "axis": recording.axis,
        "mount_sign": recording.mount_sign,
        "flags": to_json(recording.flags),
        "stamped": recording.stamped,
        "acceleration_g": None if acceleration is None else _blob(acceleration),
    }
    row["sha256"] = _sha256(row)
    return row


def recording_of(row: Mapping[str, Any]) -> Recording:
    """Return the recording that `raw_row` stored, bit for bit.

    Raises StorageError when the row no longer has the hash that it was stored with.
    """
    if _sha256(row) != row["sha256"]:
        raise StorageError(
            f"raw samples of trial {row['result_id']} are damaged: their SHA-256 does not match;"
            " restore the database from a backup"
        )
    channels = from_json(tuple[str, ...], row["channels"])
    values = np.frombuffer(row["values"], "<f8").reshape(-1, len(channels))
    block = SampleBlock(
        t_s=_floats(row["t_s"]),
        values=values.astype(np.float64),
        status=np.frombuffer(row["status"], np.uint8).copy(),
        channels=channels,
        segment=row["segment"],
    )
    pelvis, acceleration = row["pelvis_deg"], row["acceleration_g"]
    return Recording(
        block=block,
        start_s=row["start_s"],
        end_s=row["end_s"],
        started_by=StartedBy(row["started_by"]),
        nominal_rate_hz=row["nominal_rate_hz"],
        flags=from_json(tuple[Flag, ...], row["flags"]),
        axis=row["axis"],
        mount_sign=row["mount_sign"],
        pelvis_deg=None if pelvis is None else _floats(pelvis),
        stamped=row["stamped"],
        acceleration_g=None if acceleration is None else _floats(acceleration).reshape(-1, 3),
    )


def _blob(values: FloatArray) -> bytes:
    return np.ascontiguousarray(values, "<f8").tobytes()


def _floats(blob: bytes) -> FloatArray:
    return np.frombuffer(blob, "<f8").astype(np.float64)


def _sha256(row: Mapping[str, Any]) -> str:
    """Hash every field, each with its length, so that no two rows share their bytes."""
    digest = hashlib.sha256()
    for name in _FIELDS:
        _feed(digest, repr(row[name]).encode())
    for name in _BLOBS:
        _feed(digest, row[name] if row[name] is not None else b"")
    # What rows of schema 1 cannot have adds to the hash only where it is there: theirs still holds.
    if not row["stamped"]:
        _feed(digest, b"not stamped")
    if row["acceleration_g"] is not None:
        _feed(digest, b"acceleration_g")
        _feed(digest, row["acceleration_g"])
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
