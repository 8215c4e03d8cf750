"""Every network with every gradient, scheme, encoder and loss: what is said to run trains, the rest is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.gradients import METHODS
from snntheory.linear import schemes
from snntheory.training import combinations, fit, refusal
from snntheory.training.combinations import EXAMPLE_ENCODERS, EXAMPLE_LOSSES, NETWORKS, miniature
from snntheory.training.encoders import ENCODERS
from snntheory.training.losses import LOSSES

NEURON = CubaLIF(0.020, 0.010, v_threshold=0.2)
IMAGES = np.random.default_rng(0).random((3, 8))
LABELS = np.array([0, 1, 0])
POISSON = EXAMPLE_ENCODERS["poisson, at most one a step"]
SCHEMES = [
    {"scheme": name, **({"order": 2} if name == "parker_sochacki" else {})} for name in schemes.names()
]


def options_of(network):
    """An EventNetwork has no scheme; that it refuses one is tested below."""
    return [{}] if network == "event" else SCHEMES


@pytest.mark.slow  # 2,000 trainings of one step
@pytest.mark.parametrize("gradient", METHODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_combination_trains_a_step_or_is_refused_with_the_reason_that_is_said(network, gradient):
    trained = 0
    for options in options_of(network):
        for encoder in EXAMPLE_ENCODERS.values():
            for loss in EXAMPLE_LOSSES.values():
                given = {"neuron": NEURON, "dt": 0.002, **options}
                why = refusal(network, gradient, encoder, loss, **given)
                try:
                    made = miniature(network, gradient, gain=4.0, **given)
                    (entry,) = fit(made, IMAGES, LABELS, encoder=encoder, loss=loss, epochs=1, batch_size=3)
                except ValueError as error:
                    assert " ".join(str(error).split()) == why
                else:
                    assert why is None
                    assert math.isfinite(entry["loss"])
                    if gradient == "surrogate":  # the others have none where an output is silent
                        assert any((each.grad != 0).any() for each in made.parameters())
                    trained += 1
    on_times = hasattr(METHODS[gradient], "layer_gradient")
    # on a grid all runs; on times neither the two losses of voltages nor the two encoders without times
    assert trained == (3 * 4 * on_times if network == "event" else 10 * 5 * 6 * (not on_times))


def test_all_kinds_are_among_the_examples():
    assert {type(each) for each in EXAMPLE_LOSSES.values()} == set(LOSSES.values())
    kinds = {type(each).__name__ for each in EXAMPLE_ENCODERS.values()}
    assert kinds == {kind.__name__ for kind in ENCODERS.values()} - {"Events"}  # its events lie in files


@pytest.mark.parametrize(
    ("reason", "network", "gradient", "changes"),
    [
        ("use EventNetwork(..., method='adjoint')", "dense", "adjoint", {}),
        ("use Network(..., gradient='timing')", "event", "timing", {}),
        ("method 'timing' needs reset='subtract' or 'to_value'", "recurrent", "timing", {"reset": "none"}),
        ("method 'closed_form' needs tau_mem = 2 tau_syn", "event", "closed_form", {"tau_mem": 0.03}),
        ("MaxVoltage reads voltages", "event", "implicit", {"loss": EXAMPLE_LOSSES["max_voltage"]}),
        ("has no spike times", "event", "implicit", {"encoder": EXAMPLE_ENCODERS["constant"]}),
        ("max_rate * dt must be at most 1", "dense", "surrogate", {"dt": 0.02, "encoder": POISSON}),
        ("forward_euler is unstable", "convolutional", "surrogate", {"dt": 0.025, "scheme": "forward_euler"}),
        ("method 'implicit' has no option 'scheme'", "event", "implicit", {"scheme": "zoh"}),
    ],
)  # fmt: skip
def test_reasons(reason, network, gradient, changes):
    given = dict(changes)
    parts = {name: given.pop(name) for name in ("reset", "tau_mem") if name in given}
    given = {
        "encoder": EXAMPLE_ENCODERS["latency"],
        "loss": EXAMPLE_LOSSES["spike_count"],
        "dt": 0.002,
    } | given
    encoder, loss = given.pop("encoder"), given.pop("loss")
    assert reason in refusal(network, gradient, encoder, loss, neuron=replace(NEURON, **parts), **given)


def test_overview_has_every_choice_once_and_says_what_refusal_says():
    rows = list(combinations.overview(NEURON))
    keys = [(row["aspect"], row["choice"], row["network"]) for row in rows]
    assert len(set(keys)) == len(keys) == 4 * (7 + 10 + 5 + 6)
    refused = {key for key, row in zip(keys, rows, strict=True) if row["refusal"]}
    assert ("loss", "mean_voltage", "event") in refused and ("gradient", "adjoint", "dense") in refused
    assert ("scheme", "zoh", "event") in refused and ("loss", "mean_voltage", "dense") not in refused


def test_names_that_are_none():
    encoder, loss = EXAMPLE_ENCODERS["latency"], EXAMPLE_LOSSES["spike_count"]
    with pytest.raises(ValueError, match="network must be one of"):
        refusal("lstm", "surrogate", encoder, loss, neuron=NEURON)
    with pytest.raises(ValueError, match="gradient must be one of"):
        refusal("dense", "hebb", encoder, loss, neuron=NEURON)
    with pytest.raises(TypeError, match="encoder must be one of"):
        refusal("dense", "surrogate", None, loss, neuron=NEURON)
    with pytest.raises(TypeError, match="loss must be one of"):
        refusal("dense", "surrogate", encoder, 3, neuron=NEURON)
