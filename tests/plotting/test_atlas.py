"""The interactive atlas as text: its equations, its sliders, its still picture, and what it must not contain."""

import re
from html.parser import HTMLParser

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import mpmath
import numpy as np
import pytest
import sympy

from snntheory import CubaLIF, discretize, linear, plotting
from snntheory.linear.symbolic import delta_t, resistance, tau_mem, tau_syn
from snntheory.plotting.interactive.atlas import slider_values
from snntheory.plotting.interactive.javascript import equations, function, without_cancellation

NEURON = CubaLIF(0.020, 0.010)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def divided_difference(*points):
    """Of exp, at distinct points, from its definition in as many digits as mpmath has."""
    if len(points) == 1:
        return mpmath.exp(points[0])
    return (divided_difference(*points[1:]) - divided_difference(*points[:-1])) / (points[-1] - points[0])


DIFFERENCES = {
    "meanDecay": lambda x: divided_difference(0, -x),
    "firstDifference": lambda x, y: divided_difference(-x, -y),
    "secondDifference": lambda x, y: divided_difference(0, -x, -y),
}


@pytest.mark.parametrize(
    "name", ["impulse_invariance", "zoh", "exponential_euler", "delta", "scaled_impulse"]
)
def test_rewritten_entries_are_the_declared_ones(name):
    """The same numbers in 60 digits, and nothing is left that divides by the gap of the time constants."""
    scheme = linear.schemes.get(name)
    entries = [scheme.propagator[0, 1], *scheme.input, *scheme.input_previous]
    symbols = (delta_t, tau_mem, tau_syn, resistance)
    for entry in map(sympy.sympify, entries):
        rewritten = without_cancellation(entry)
        assert sympy.denom(sympy.together(rewritten)).subs(tau_mem, tau_syn) != 0
        with mpmath.workdps(60):
            setting = [mpmath.mpf(text) for text in ("0.003", "0.02", "0.007", "1.5")]
            one = sympy.lambdify(symbols, entry, "mpmath")(*setting)
            other = sympy.lambdify(symbols, rewritten, [DIFFERENCES, "mpmath"])(*setting)
            assert abs(one - other) <= mpmath.mpf("1e-50") * abs(one)


def test_every_scheme_and_order_has_its_equations():
    text = equations()
    for name in linear.schemes.names():
        keys = [f"{name}:{order}" for order in range(1, 13)] if name == "parker_sochacki" else [name]
        assert all(text.count(f"'{key}': function (Delta_t") == 1 for key in keys)
        assert all(text.count(f"'{key}': function (tau_mem") == 1 for key in keys)


def test_an_expression_without_javascript_is_refused():
    with pytest.raises(ValueError, match="no JavaScript for .*zeta"):
        function("x", sympy.zeta(sympy.Symbol("x")))


def test_sliders_hold_round_values_and_the_wanted_ones():
    values = slider_values(0.0005, 0.02, 0.0031)
    assert values == sorted(set(values)) and values[0] == 0.0005 and values[-1] == 0.02
    assert {0.001, 0.002, 0.004, 0.008, 0.01, 0.0031} <= set(values)
    ratios = np.diff(np.log(slider_values(0.001, 1.0)))
    assert (
        0.045 < ratios.min() and ratios.max() < 0.12
    )  # between 5 and 12.5 per cent: a nearly logarithmic slider


class Structure(HTMLParser):
    """Open and closed elements, and the text of the scripts."""

    def __init__(self, text):
        super().__init__()
        self.depth, self.ids, self.tags, self.script = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "img":
            self.depth.append(tag)

    def handle_endtag(self, tag):
        assert self.depth.pop() == tag

    def handle_data(self, data):
        if self.depth and self.depth[-1] == "script":
            self.script += data


def test_html_is_one_closed_piece_that_fetches_nothing():
    page = Structure(plotting.atlas(NEURON, 0.004)._repr_html_())
    assert page.depth == []
    assert [tag for tag, _ in page.tags] == ["div", "style", "div", "img", "p", "script"]
    for tag, attributes in page.tags:
        assert "id" not in attributes  # two atlases on a page cannot collide
        assert tag != "script" or attributes == {}
        assert attributes.get("src", "data:").startswith("data:")
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", page.script)
    assert addresses == ["http://www.w3.org/2000/svg"]  # the name of SVG's elements, which nothing fetches


def test_still_picture_stands_outside_the_script_and_says_what_it_shows():
    page = Structure(plotting.atlas(NEURON, 0.0255, "forward_euler").html)
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert "forward Euler" in image["alt"] and "25.5 ms" in image["alt"] and "unstable" in image["alt"]
    assert image["src"].startswith("data:image/svg+xml;base64,")


def test_the_same_atlas_is_the_same_text():
    one, other = (plotting.atlas(NEURON, 0.004, "zoh") for _ in range(2))
    assert one.html == other.html and one._repr_svg_() == other._repr_svg_()
    assert one.html != plotting.atlas(NEURON, 0.002, "zoh").html


def test_text_cannot_end_the_script(monkeypatch):
    """A declaration with markup in it stays text."""
    hostile = "</script><img src=x onerror=alert(1)>"
    monkeypatch.setattr(
        plotting.Atlas, "_scheme", staticmethod(lambda name: dict.fromkeys(("name", "title"), hostile))
    )
    page = Structure(plotting.atlas(NEURON).html)
    assert [tag for tag, _ in page.tags].count("img") == 1 and "onerror" in page.script


def test_the_still_picture_leaves_pyplot_alone(monkeypatch):
    """No figure of pyplot and no changed setting: a notebook goes on to draw its own figures."""
    before = dict(matplotlib.rcParams)
    monkeypatch.setattr(plt, "figure", lambda *args, **kwargs: pytest.fail("pyplot was used"))
    assert plotting.atlas(NEURON, 0.003).still.count("<path") > 20
    assert plt.get_fignums() == [] and dict(matplotlib.rcParams) == before


def test_page_stays_small():
    """Far below the book's two megabytes a page."""
    assert len(plotting.atlas(NEURON, 0.0005).html) < 300_000


@pytest.mark.parametrize("scheme", linear.schemes.names())
def test_atlas_figure_draws_the_model(scheme):
    model = discretize(NEURON, 0.002, scheme, 3 if scheme == "parker_sochacki" else None)
    fig, axes = plotting.atlas_figure(model)
    np.testing.assert_allclose(axes[0, 0].lines[2].get_xdata(), model.poles)
    t, u = axes[0, 1].lines[0].get_data()
    np.testing.assert_allclose(u, model.simulate(np.arange(u.size) == 0)[0])
    np.testing.assert_allclose(t, 2.0 * np.arange(u.size))
    f, gain = axes[1, 0].lines[1].get_data()
    np.testing.assert_allclose(gain, 0.002 * np.abs(model.frequency_response(2 * np.pi * f)))
    assert f[-1] < 250 < 1.001 * f[-1]


def test_the_still_picture_of_a_short_step_shows_the_whole_response():
    _, axes = plotting.atlas_figure(discretize(NEURON, 2e-5, "backward_euler"))
    t, u = axes[0, 1].lines[0].get_data()
    assert t[-1] == pytest.approx(120, abs=0.02)  # ms: four times the sum of the time constants
    # by hand: 100 (exp(-t/20) - exp(-t/10)) at its peak and at the end, off by half a step over the time constants
    ends = [25, 100 * (np.exp(-6) - np.exp(-12))]
    assert [u.max(), u[-1]] == pytest.approx(ends, rel=0.01)


def test_atlas_figure_of_an_unstable_choice_has_no_response():
    model = plotting.atlas(NEURON, 0.021, "forward_euler").model  # above 2 min(tau), without a warning
    fig, axes = plotting.atlas_figure(model)
    assert len(axes[1, 0].lines) == len(axes[1, 1].lines) == 1


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="neuron must be a CubaLIF"):
        plotting.atlas(0.02, 0.001)
    with pytest.raises(ValueError, match="dt must be above 0"):
        plotting.atlas(NEURON, 0.0)
    with pytest.raises(ValueError, match="at most 12"):
        plotting.atlas(NEURON, 0.001, "parker_sochacki", 13)
    with pytest.raises(ValueError, match="needs order"):
        plotting.atlas(NEURON, 0.001, "parker_sochacki")
    with pytest.raises(TypeError, match="discretize returns"):
        plotting.atlas_figure(NEURON)
