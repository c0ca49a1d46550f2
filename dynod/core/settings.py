"""Limits of the analysis. They are data: a value without a source is a default, and says so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How a recording is cut, filtered and judged.

    From docs/contract.md, sections 2 and 7: ``quiet_sd_n`` and ``quiet_s`` (a pre-roll that can
    carry a tare), ``tare_limit_n``, ``preroll_s``, ``max_recording_s``, ``onset_*`` (the trigger),
    ``lowpass_hz`` (effective −3 dB of the zero-lag filter), ``plateau_*`` (too_short).

    Defaults of ours: ``no_contraction_n`` (the trigger's own threshold), ``edge_n`` (where a
    contraction begins and ends for time, rate and impulse), ``pre_tension_n``, ``spike_n`` and
    ``spike_fraction`` (a lone sample off its neighbours' median by more than both is no muscle),
    ``gap_factor`` (one lost sample doubles an interval), ``move_deg`` (leaving a hold).

    Hold of an angle: standard deviation below 0.5° for 1 s, remembered practice and so a default
    (``hold_sd_deg``, ``hold_s``). RFD gates: none below 50 Hz, only 0–200 ms below 250 Hz,
    after the sampling-rate comparison of White 2024.
    """

    quiet_sd_n: float = 1.0
    quiet_s: float = 0.5
    tare_limit_n: float = 30.0
    preroll_s: float = 1.0
    max_recording_s: float = 15.0
    onset_n: float = 20.0
    onset_hold_s: float = 0.05
    onset_window_s: float = 1.0
    onset_ready_s: float = 0.2
    onset_percentile: float = 5.0
    offset_n: float = 10.0
    offset_hold_s: float = 0.5
    lowpass_hz: float = 10.0
    plateau_fraction: float = 0.9
    plateau_s: float = 1.0
    no_contraction_n: float = 20.0
    edge_n: float = 10.0
    pre_tension_n: float = 10.0
    spike_n: float = 20.0
    spike_fraction: float = 0.15
    spike_reach_s: float = 0.05
    gap_factor: float = 1.75
    rfd_min_rate_hz: float = 50.0
    rfd_early_min_rate_hz: float = 250.0
    hold_sd_deg: float = 0.5
    hold_s: float = 1.0
    zero_s: float = 0.5
    move_deg: float = 5.0
