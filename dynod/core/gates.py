"""Which metrics a sample rate, and a clock, can carry; why another is absent.

After the comparison of sampling rates and filters of White 2024 (reference at 2222 Hz): no rate of
force development below 50 Hz; from there to 250 Hz only 0-200 ms and the 200 ms moving window; the
first 50 ms and a window of 20 ms need 1 kHz. All of them need stamps of the device: the arrival of
bytes says when an adapter had time.
"""

from dynod.core.settings import AnalysisSettings

ARRIVAL_TIMES = "times_from_arrival"
TOLERANCE = 0.99  # a rate is measured: a kilohertz may be 999.7 Hz


def gates(settings: AnalysisSettings) -> dict[str, float]:
    """Return the least sample rate in Hz of each metric that has one."""
    return {
        "rfd_0_50_n_per_s": settings.rfd_finest_min_rate_hz,
        "rfd_0_100_n_per_s": settings.rfd_early_min_rate_hz,
        "rfd_0_150_n_per_s": settings.rfd_early_min_rate_hz,
        "rfd_0_200_n_per_s": settings.rfd_min_rate_hz,
        "peak_rfd_20ms_n_per_s": settings.rfd_finest_min_rate_hz,
        "peak_rfd_200ms_n_per_s": settings.rfd_min_rate_hz,
        "fit_rfd_n_per_s": settings.rfd_min_rate_hz,
        "fit_error_percent": settings.rfd_min_rate_hz,
    }


def absent(rate_hz: float | None, *, stamped: bool, settings: AnalysisSettings) -> dict[str, str]:
    """Return the metrics that a recording cannot carry, each with the reason in one word."""
    if not stamped:
        return dict.fromkeys(gates(settings), ARRIVAL_TIMES)
    return {
        name: f"rate_below_{least:g}_hz"
        for name, least in gates(settings).items()
        if rate_hz is None or rate_hz < TOLERANCE * least
    }
