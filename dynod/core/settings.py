"""Limits of the analysis. They are data: a value without a source is a default, and says so."""

from dataclasses import dataclass

from dynod.model.flags import REJECTING, Flag


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How a recording is cut, filtered and judged.

    From docs/contract.md, sections 2 and 7: ``quiet_sd_n`` and ``quiet_s`` (a pre-roll that can
    carry a tare), ``tare_limit_n``, ``preroll_s``, ``max_recording_s``, ``onset_*`` (the trigger),
    ``lowpass_hz`` (effective −3 dB of the zero-lag filter), ``plateau_*`` (too_short).

    Defaults of ours: ``no_contraction_n`` (the trigger's own threshold), ``edge_n`` (where a
    contraction begins and ends for time, rate and impulse), ``pre_tension_n``, ``spike_n`` and
    ``spike_fraction`` (a lone sample off its neighbours' median by more than both is no muscle),
    ``glitch_*`` (a smaller one amid a smooth curve, `dynod.core.spikes`),
    ``gap_factor`` (one lost sample doubles an interval), ``move_deg`` (leaving a hold).

    Defaults of ours for quality (``dynod.core.quality`` defines each): ``countermovement_*``,
    ``early_peak_s``, ``dip_fraction``, ``drop_off_percent``, ``yield_*``, ``noise_sd_n``,
    ``baseline_shift_n``, ``tester_limit_n``. For holds: ``release_s`` (a release begins that long
    before the force is halved), ``fatigue_part_s``, ``held_fraction`` (what falls by more of the
    peak within its last part is let go, not held). ``uneven_fraction``: how far, in intervals, a
    sample may lie off an even grid. ``fit_s`` is how much of the rise the model is fitted to,
    ``fit_error_percent`` the error above which a fit is called poor (Chronojump warns at 5 %).

    Onset: ``onset_method`` is one of ``fixed`` (``edge_n``), ``baseline_sd`` (``onset_sd_factor``
    standard deviations, 3, as an older Chronojump; at least ``onset_sd_floor_n``),
    ``percent_of_peak`` (``onset_peak_fraction``), ``back_track``.

    Hold of an angle: standard deviation below 0.5° for 1 s, remembered practice and so a default
    (``hold_sd_deg``, ``hold_s``), as is ``moving_g`` (an acceleration off 1 g by more is movement
    and no tilt). RFD gates: ``dynod.core.gates``.
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
    glitch_n: float = 3.0
    glitch_fraction: float = 0.02
    glitch_factor: float = 3.0
    glitch_noise_factor: float = 7.0
    glitch_min_rate_hz: float = 50.0
    spike_reach_s: float = 0.05
    gap_factor: float = 1.75
    rfd_min_rate_hz: float = 50.0
    rfd_early_min_rate_hz: float = 250.0
    rfd_finest_min_rate_hz: float = 1000.0
    onset_method: str = "fixed"
    onset_sd_factor: float = 3.0
    onset_sd_floor_n: float = 1.0
    onset_peak_fraction: float = 0.02
    fit_s: float = 1.0
    fit_error_percent: float = 5.0
    release_s: float = 0.25
    fatigue_part_s: float = 0.5
    held_fraction: float = 0.15
    countermovement_s: float = 0.2
    countermovement_n: float = 5.0
    early_peak_s: float = 0.3
    dip_fraction: float = 0.1
    drop_off_percent: float = 20.0
    yield_s: float = 0.2
    yield_fraction: float = 0.2
    yield_gain_fraction: float = 0.05
    noise_sd_n: float = 0.5
    baseline_shift_n: float = 5.0
    tester_limit_n: float = 300.0
    uneven_fraction: float = 0.5
    moving_g: float = 0.05
    rejecting: frozenset[Flag] = REJECTING
    hold_sd_deg: float = 0.5
    hold_s: float = 1.0
    zero_s: float = 0.5
    move_deg: float = 5.0
