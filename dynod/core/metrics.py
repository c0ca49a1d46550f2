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

_RFD = "Maffiuletti et al. 2016, Eur J Appl Physiol 116:1091-1116; gates after White 2024"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "peak_force_n",
            "N",
            "Peak force",
            "Maximum of the tared force after a zero-lag low-pass with an effective cut-off of "
            "10 Hz, between begin and end of the recording; lone spikes are removed first.",
            _CONTRACT,
        ),
        Metric(
            "raw_peak_force_n",
            "N",
            "Raw peak force",
            "Largest sample of the recording, neither filtered nor tared.",
            _CONTRACT,
        ),
        Metric(
            "mean_force_n",
            "N",
            "Mean force",
            "Highest mean of the tared, unfiltered force over any one second of the recording "
            "(trapezoidal); null when the recording is shorter.",
            _CONTRACT,
        ),
        Metric(
            "time_to_peak_s",
            "s",
            "Time to peak",
            "From the onset to the peak force. Onset: the last rise through 10 N above the tare "
            "before half the peak is reached, interpolated between samples.",
            "Definition of this project",
        ),
        Metric(
            "rfd_0_100_n_per_s",
            "N/s",
            "Rate of force development 0-100 ms",
            "Gain of the tared, unfiltered force over the first 100 ms from onset, per second; "
            "absent below 250 Hz.",
            _RFD,
        ),
        Metric(
            "rfd_0_200_n_per_s",
            "N/s",
            "Rate of force development 0-200 ms",
            "Gain of the tared, unfiltered force over the first 200 ms from onset, per second; "
            "absent below 50 Hz.",
            _RFD,
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
