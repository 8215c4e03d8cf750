"""Figures: one style, and one function a figure. Each returns (fig, ax); only this room loads matplotlib."""

from .advice import time_step_cost_figure
from .coherence import band_power_figure, coherence_figure, transfer_function_figure
from .collapse import (
    collapse_causes_figure,
    count_against_drive_figure,
    sent_raster_figure,
    sent_times_figure,
    weight_maps_figure,
)
from .convolutional import reset_accuracy_figure
from .discretisation import (
    decay_figure,
    hidden_time_constant_figure,
    order_figure,
    pole_figure,
    response_figure,
)
from .error import convergence_figure, error_bound_figure, rounding_figure
from .events import causality_figure, latency_figure, spike_train_figure, window_error_figure
from .exact_gradients import adjoint_figure, loss_line_figure, moved_crossing_figure, solved_figure
from .frameworks import framework_psp_figure, framework_step_figure
from .frequency import aliasing_figure, group_delay_figure, warping_figure
from .gradients import fidelity_figure, first_gradient_figure
from .grid_gradients import gradient_convergence_figure, gradient_entries_figure, pseudo_derivative_figure
from .identify import candidates_figure, comparison_figure, identification_error_figure
from .integration_order import trained_accuracy_figure, trained_orders_figure, weight_transfer_figure
from .interactive import (
    Atlas,
    Curve,
    DensityFilm,
    DensityPlay,
    Overview,
    SpikePlay,
    StepPanel,
    atlas,
    atlas_figure,
    density_film,
    density_play,
    overview,
    overview_figure,
    spike_play,
    step_panel,
)
from .linear import (
    bode_figure,
    cancellation_figure,
    kernel_figure,
    psp_fit_figure,
    step_figure,
    voltage_figure,
)
from .population import (
    density_figure,
    evolution_figure,
    moments_figure,
    prediction_figure,
    rate_curves_figure,
    response_to_modulation_figure,
    scheme_rates_figure,
    two_laws_figure,
    voltage_densities_figure,
)
from .recorded import recorded_density_figure
from .reset_term import gradient_phases_figure, growth_figure, loss_curves_figure
from .significance import false_positive_figure, significance_figure
from .spectra import psd_figure, psd_ratio_figure
from .spectral_causes import causes_figure
from .spiking import (
    cut_step_figure,
    displacement_figure,
    hidden_spikes_figure,
    locking_figure,
    spike_order_figure,
    spike_placement_figure,
)
from .stability import stability_limit_figure, stability_region_figure
from .step_size import (
    estimators_figure,
    loss_staircase_figure,
    optimisers_figure,
    step_size_accuracy_figure,
    training_course_figure,
)
from .style import colour_for_dt, format_dt, label_lines, use_style
from .time_step_sweep import (
    confidence_figure,
    learning_curves_figure,
    pareto_figure,
    step_accuracy_figure,
)
from .training import accuracy_figure, recording_figure, reset_factor_figure
from .wavelets import multiresolution_figure, scalogram_figure, wavelet_coherence_figure
from .yin_yang import (
    accuracy_curves_figure,
    first_times_figure,
    output_voltage_figure,
    prediction_map_figure,
    tuned_gradients_figure,
)

__all__ = [
    "Atlas",
    "Curve",
    "DensityFilm",
    "DensityPlay",
    "Overview",
    "SpikePlay",
    "StepPanel",
    "accuracy_curves_figure",
    "accuracy_figure",
    "adjoint_figure",
    "aliasing_figure",
    "atlas",
    "atlas_figure",
    "band_power_figure",
    "bode_figure",
    "cancellation_figure",
    "candidates_figure",
    "causality_figure",
    "causes_figure",
    "coherence_figure",
    "collapse_causes_figure",
    "colour_for_dt",
    "comparison_figure",
    "confidence_figure",
    "convergence_figure",
    "count_against_drive_figure",
    "cut_step_figure",
    "decay_figure",
    "density_figure",
    "density_film",
    "density_play",
    "displacement_figure",
    "error_bound_figure",
    "estimators_figure",
    "evolution_figure",
    "false_positive_figure",
    "fidelity_figure",
    "first_gradient_figure",
    "first_times_figure",
    "format_dt",
    "framework_psp_figure",
    "framework_step_figure",
    "gradient_convergence_figure",
    "gradient_entries_figure",
    "gradient_phases_figure",
    "group_delay_figure",
    "growth_figure",
    "hidden_spikes_figure",
    "hidden_time_constant_figure",
    "identification_error_figure",
    "kernel_figure",
    "label_lines",
    "latency_figure",
    "learning_curves_figure",
    "locking_figure",
    "loss_curves_figure",
    "loss_line_figure",
    "loss_staircase_figure",
    "moments_figure",
    "moved_crossing_figure",
    "multiresolution_figure",
    "optimisers_figure",
    "order_figure",
    "output_voltage_figure",
    "overview",
    "overview_figure",
    "pareto_figure",
    "pole_figure",
    "prediction_figure",
    "prediction_map_figure",
    "psd_figure",
    "psd_ratio_figure",
    "pseudo_derivative_figure",
    "psp_fit_figure",
    "rate_curves_figure",
    "recorded_density_figure",
    "recording_figure",
    "reset_accuracy_figure",
    "reset_factor_figure",
    "response_figure",
    "response_to_modulation_figure",
    "rounding_figure",
    "scalogram_figure",
    "scheme_rates_figure",
    "sent_raster_figure",
    "sent_times_figure",
    "significance_figure",
    "solved_figure",
    "spike_order_figure",
    "spike_placement_figure",
    "spike_play",
    "spike_train_figure",
    "stability_limit_figure",
    "stability_region_figure",
    "step_accuracy_figure",
    "step_figure",
    "step_panel",
    "step_size_accuracy_figure",
    "time_step_cost_figure",
    "trained_accuracy_figure",
    "trained_orders_figure",
    "training_course_figure",
    "transfer_function_figure",
    "tuned_gradients_figure",
    "two_laws_figure",
    "use_style",
    "voltage_densities_figure",
    "voltage_figure",
    "warping_figure",
    "wavelet_coherence_figure",
    "weight_maps_figure",
    "weight_transfer_figure",
    "window_error_figure",
]
