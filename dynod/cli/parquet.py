"""Curves of trials as a Parquet file; needs the extra ``parquet``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dynod.cli.private_file import private_file
from dynod.model.errors import UsageError

_MISSING = "Parquet needs an extra of dynod's; install it with: pip install 'dynod[parquet]'"
_WORDS = (
    *("result_id", "session_id", "status", "recorded_at", "movement", "position", "side"),
    *("contraction", "kind", "unit"),
)


def write_curves(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the curves of trials, a row for each sample, and return how many trials there were.

    ``rows`` are those of `dynod.daemon.curve_row.curve_row`. Columns: what tells the trial
    (``result_id`` … ``valid``), ``unit`` (N or deg), ``rate_hz``, ``t_s`` from the start of the
    recording (negative in the pre-roll) and ``value``, calibrated and tared, on an even grid, not
    filtered. No patient is named. A trial has a row group of its own. The file is there whole or
    not at all, and its owner alone can read it. Raises UsageError without the extra, StorageError
    when the file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(_MISSING) from None
    schema = _schema(pa)
    count = 0
    with private_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for row in rows:
            writer.write_table(pa.table(_columns(row, pa), schema=schema))
            count += 1
    return count


def _schema(pa: Any) -> Any:
    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            *((name, word) for name in _WORDS),
            ("familiarisation", pa.bool_()),
            ("trial_number", pa.int16()),
            ("valid", pa.bool_()),
            ("rate_hz", pa.float64()),
            ("t_s", pa.float64()),
            ("value", pa.float64()),
        ]
    )


def _columns(row: Mapping[str, Any], pa: Any) -> dict[str, Any]:
    import numpy as np

    count = len(row["values"])
    where = pa.array(np.zeros(count, np.int32))
    return {
        **{
            name: pa.DictionaryArray.from_arrays(where, pa.array([row["words"][name]]))
            for name in _WORDS
        },
        "familiarisation": np.full(count, row["familiarisation"]),
        "trial_number": np.full(count, row["trial_number"], np.int16),
        "valid": np.full(count, row["valid"]),
        "rate_hz": np.full(count, row["rate_hz"], np.float64),
        "t_s": row["first_s"] + np.arange(count) / row["rate_hz"],
        "value": np.asarray(row["values"], np.float64),
    }
