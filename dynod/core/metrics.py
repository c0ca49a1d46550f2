"""The registry of metrics: each with unit, title, definition and source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric's name stands for; ``unit`` is a UCUM code."""

    name: str
    unit: str
    title: str
    definition: str
    source: str


_CONTRACT = "dynod contract, sections 6 and 7"
_OURS = "Definition of this project"
_RFD = "Maffiuletti et al. 2016, Eur J Appl Physiol 116:1091-1116; gates after White 2024"
_WINDOW = "Mentiplay et al. 2015, PLoS One 10:e0140822 (200 ms moving window)"
_MODEL = "GNOME/chronojump, r-scripts/maximumIsometricForce.R"


def _mean(name: str, words: str) -> Metric:
    return Metric(
        name,
        "N",
        f"Mean force over {words}",
        f"Highest mean of the tared, unfiltered force over any {words} of the recording, by the "
        "trapezoidal rule; null when the recording is shorter.",
        _CONTRACT if name == "mean_force_n" else _OURS,
    )


def _rfd(name: str, window_ms: int, least_hz: int) -> Metric:
    return Metric(
        name,
        "N/s",
        f"Rate of force development 0-{window_ms} ms",
        f"Gain of the tared, unfiltered force over the first {window_ms} ms from onset, per "
        f"second; absent below {least_hz} Hz and without stamps of the device; null where the "
        "recording ends before.",
        _RFD,
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "peak_force_n",
            "N",
            "Peak force",
            "Maximum of the tared force after a zero-lag low-pass with an effective cut-off of "
            "10 Hz (second order run both ways, effective fourth order), between begin and end of "
            "the recording; lone spikes are removed first.",
            _CONTRACT,
        ),
        Metric(
            "raw_peak_force_n",
            "N",
            "Raw peak force",
            "Largest sample of the recording, neither filtered nor tared.",
            _CONTRACT,
        ),
        _mean("mean_force_n", "one second"),
        _mean("mean_force_500ms_n", "half a second"),
        _mean("mean_force_3s_n", "three seconds"),
        Metric(
            "time_to_peak_s",
            "s",
            "Time to peak",
            "From the onset to the peak force. Onset, unless the site chooses another method: the "
            "last rise through 10 N above the tare before half the peak is reached, interpolated "
            "between samples.",
            _OURS,
        ),
        _rfd("rfd_0_50_n_per_s", 50, 1000),
        _rfd("rfd_0_100_n_per_s", 100, 250),
        _rfd("rfd_0_150_n_per_s", 150, 250),
        _rfd("rfd_0_200_n_per_s", 200, 50),
        Metric(
            "peak_rfd_20ms_n_per_s",
            "N/s",
            "Peak rate of force development, 20 ms",
            "Steepest gain of the tared, unfiltered force over any 20 ms that begin at a sample "
            "between onset and peak, per second; absent below 1000 Hz and without stamps of the "
            "device.",
            "Window remembered, a default; " + _RFD,
        ),
        Metric(
            "peak_rfd_200ms_n_per_s",
            "N/s",
            "Peak rate of force development, 200 ms",
            "Steepest gain of the tared, unfiltered force over any 200 ms that begin at a sample "
            "between onset and peak, per second; absent below 50 Hz and without stamps of the "
            "device.",
            _WINDOW,
        ),
        Metric(
            "fit_rfd_n_per_s",
            "N/s",
            "Rate of force development by model",
            "Fmax*k of F(t) = Fmax*(1 - exp(-k*(t - t0))), fitted by least squares to the first "
            "second from onset: the rate at t0, where the model leaves zero. Null where k runs "
            "against its bounds of 0.5 and 100 per second; absent below 50 Hz and without stamps "
            "of the device.",
            _MODEL,
        ),
        Metric(
            "fit_error_percent",
            "%",
            "Error of the model fit",
            "Mean absolute residual of that fit, in percent of the mean force; above 5 % the "
            "note poor_fit stands beside the rate.",
            _MODEL + " (which warns at 5 %)",
        ),
        Metric(
            "impulse_n_s",
            "N.s",
            "Impulse",
            "Integral of the tared, unfiltered force from the onset to where it falls through "
            "10 N above the tare for the last time, or to the end of the recording.",
            "Trapezoidal rule",
        ),
        Metric(
            "fatigue_percent",
            "%",
            "Fatigue",
            "How much lower the mean force of the last half second of the hold is than that of "
            "its first. The hold runs from the first sample at 90 % of the peak to 0.25 s before "
            "the force last falls below half the peak; null where it is shorter than one second "
            "or the force falls all the while.",
            _OURS,
        ),
        Metric(
            "steadiness_cv_percent",
            "%",
            "Steadiness",
            "Coefficient of variation (standard deviation over mean) of the tared, unfiltered "
            "force over the best second.",
            _OURS,
        ),
        Metric(
            "peak_torque_nm",
            "N.m",
            "Peak torque",
            "Peak force times lever arm; absent when the lever arm is not known.",
            "Torque of a perpendicular force",
        ),
        Metric(
            "peak_force_n_per_kg",
            "N/kg",
            "Peak force per body mass",
            "Peak force over body mass; absent when the body mass is not known.",
            "Normalisation by body mass",
        ),
        Metric(
            "angle_deg",
            "deg",
            "Range of motion",
            "Distance between the median of the last stable hold and the median of the stable "
            "stretch before the press at neutral.",
            "dynod contract, section 1",
        ),
    )
}
