"""The interactive figures as text: the same again, nothing from outside, a still picture, bad input refused."""

import json
import re

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.plotting import density_play, overview, overview_figure, spike_play, step_panel
from snntheory.population import stationary_density

NEURON = CubaLIF(0.020, 0.010)
TIMES = np.linspace(0.001, 0.09, 40)
STEPS = (0.001, 0.002)
SMALL = ((0.9, 1.1), (0.2, 0.3), (0.004, 0.010), 60, 20)


def panels():
    return [step_panel("a (1)", {"one": (STEPS, (1.0, 2.0))}, exact=1.5)]


MAKERS = {
    "spikes": lambda: spike_play(NEURON, TIMES, 0.008, 0.1, 0.002),
    "density": lambda: density_play(CubaLIF(0.020, 0.010, reset="to_value"), *SMALL),
    "overview": lambda: overview(panels()),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_again_and_nothing_from_outside(kind):
    figure = MAKERS[kind]()
    assert figure.html == MAKERS[kind]().html  # builds can be compared
    outside = figure.html.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in outside and "fetch(" not in outside and "import(" not in outside
    assert figure.html.count("<script>") == figure.html.count("</script>") == 1
    assert figure.still.lstrip().startswith("<?xml") and figure._repr_svg_() == figure.still
    alternative = re.search(r' alt="([^"]+)"', figure.html).group(1)
    assert len(alternative.split()) >= 8 and plt.get_fignums() == []


def test_data_cannot_end_the_script():
    html = overview([step_panel("</script><b>", {"x": (STEPS, (1.0, 2.0))})]).html
    assert html.count("</script>") == 1


def test_densities_are_those_of_the_solver():
    """The coarse cells of the figure against those of the solver's defaults: 2 % of the rate."""
    play = density_play(CubaLIF(0.020, 0.010, reset="to_value"), (0.9, 1.2), (0.15, 0.4), (0.002, 0.015))
    data = json.loads(re.search(r"const data = (\{.*\});\n", play.html).group(1))
    for setting in (data["settings"][0], data["settings"][-1]):
        neuron = CubaLIF(0.020, setting["tau"], reset="to_value")
        fine = stationary_density(neuron, setting["mu"], setting["sigma"], 400, 60).rate
        assert setting["rate"] == pytest.approx(fine, rel=0.02)
    assert len(data["settings"]) == 8
    width = (data["u"][1] - data["u"][0]) / data["width"]
    for setting in data["settings"]:  # a density on the drawn window: nearly all of it is in there
        assert sum(setting["marginal"]) * width == pytest.approx(1, abs=0.03)


def test_still_of_the_overview_is_its_figure():
    fig, axes = overview_figure(panels())
    np.testing.assert_allclose(axes[0].lines[1].get_xydata(), [[1, 1], [2, 2]])  # milliseconds
    assert axes[0].lines[0].get_ydata()[0] == 1.5
    plt.close(fig)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spike_play(CubaLIF(0.02, 0.01, reset="to_value"), TIMES, 0.01, 0.1), "reset='subtract'"),
        (lambda: spike_play(NEURON, TIMES, 0.01, 0.1, 0.001, "parker_sochacki"), "scheme"),
        (lambda: spike_play(NEURON, np.linspace(0, 0.1, 3000), 0.01, 0.1), "at most 2000"),
        (lambda: spike_play(NEURON, TIMES, 0.01, 0.1, 1e-6), "shorten t_max"),
        (lambda: spike_play(NEURON, TIMES, 0.01, 0.05), "t_max"),
        (lambda: density_play(NEURON, (1.0,), (0.2, 0.3), (0.005, 0.01)), "mus must hold at least 2"),
        (lambda: density_play(NEURON, (1.0, 0.9), (0.2, 0.3), (0.005, 0.01)), "ascending"),
        (lambda: density_play(NEURON, range(1, 60), (0.2, 0.3), (0.005, 0.01)), "at most 150"),
        (lambda: step_panel("a", {}), "curves must be 1 to 6"),
        (lambda: step_panel("a", {"x": ((2, 1), (1, 1))}), "ascending"),
        (lambda: step_panel("a", {"x": (STEPS, (1.0, -1.0))}, logarithmic=True), "positive on a logarithmic"),
        (lambda: overview([]), "1 to 9"),
        (lambda: overview([1]), "results of step_panel"),
        (lambda: overview(panels(), dt=-1), "dt"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
