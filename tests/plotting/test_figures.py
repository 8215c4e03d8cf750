"""Figures: what they draw, what they promise to every page, what they refuse."""

import io

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from snntheory import make_traces, plotting
from snntheory.spectral import cone_of_influence, cwt, psd


@pytest.fixture(autouse=True)
def styled():
    with matplotlib.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


def traces(dt=1e-3, n=1024, trials=3, unit="mV"):
    values = np.random.default_rng(0).standard_normal((trials, n)).cumsum(axis=1)
    return make_traces(values, dt, dims=("trial", "time"), value_unit=unit)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def contrast_on_white(colour):
    """WCAG contrast ratio."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05)


def test_psd_figure_draws_the_mean_at_positive_frequencies():
    spectrum = psd(traces())
    fig, ax = plotting.psd_figure(spectrum)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), spectrum["frequency"].values[1:])
    np.testing.assert_allclose(line.get_ydata(), spectrum.mean(("trial", "neuron")).values[1:])
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_title() == ""
    assert "Hz" in ax.get_xlabel() and ax.get_ylabel() == "power spectral density (mV²/Hz)"


def test_a_time_step_keeps_its_colour_in_every_figure():
    spectra = {dt: psd(traces(dt)) for dt in (1e-3, 2e-3, 4e-3)}
    _, one = plotting.psd_figure(spectra)
    _, other = plotting.psd_figure({2e-3: spectra[2e-3]})
    assert one.lines[1].get_color() == other.lines[0].get_color() == plotting.colour_for_dt(2e-3)
    assert texts(other) == ["2 ms"] and sorted(texts(one)) == ["1 ms", "2 ms", "4 ms"]


def test_theory_is_laid_over_the_data():
    spectra = {1e-3: psd(traces()), 2e-3: psd(traces(2e-3))}
    f = np.geomspace(1, 500, 50)
    theory = {1e-3: spectra[1e-3].mean(("trial", "neuron")), 2e-3: (f, 1 / f**2), "continuous": (f, 2 / f**2)}
    _, ax = plotting.psd_figure(spectra, theory)
    drawn = {line.get_gid(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["theory 0.002"].get_ydata(), 1 / f**2)
    np.testing.assert_allclose(drawn["theory 0.001"].get_ydata(), drawn["measured 0.001"].get_ydata())
    assert "continuous" in texts(ax) and [t.get_text() for t in ax.get_legend().get_texts()] == [
        "measured",
        "theory",
    ]
    with pytest.raises(ValueError, match="give a pair"):
        plotting.psd_figure(spectra, {"continuous": np.ones(7)})


def test_the_legend_shows_the_lines_that_are_there():
    """Its samples have the colours of the measured lines and of the theory, each once."""
    spectra = {1e-3: psd(traces()), 2e-3: psd(traces(2e-3))}
    f = np.geomspace(1, 200, 50)
    fig, ax = plotting.psd_figure(spectra, {1e-3: (f, 1 / f), 2e-3: (f, 2 / f), "continuous": (f, 1 / f)})
    fig.draw_without_rendering()
    drawn = [(line.get_color(), line.get_linestyle(), line.get_linewidth()) for line in ax.lines]
    shown = [(s.get_color(), s.get_linestyle(), s.get_linewidth()) for s in ax.get_legend().findobj(Line2D)]
    assert shown == drawn


def test_ticks_of_frequency_are_written_one_way():
    """Also over less than a decade, where matplotlib would mix 100 with powers of ten."""
    fig, ax = plotting.psd_figure(psd(traces(n=16, trials=1)))
    fig.draw_without_rendering()
    assert [label.get_text() for label in ax.get_xticklabels(which="both") if label.get_text()]
    for label in ax.get_xticklabels(which="both"):
        assert label.get_text() == "" or float(label.get_text()) > 0


def test_a_spectrum_without_power_is_refused():
    still = make_traces(np.ones((1, 256)), 1e-3, ("trial", "time"))
    with pytest.raises(ValueError, match="'still'.* zero .*constant trace"):
        plotting.psd_figure({"still": psd(still)})


def test_the_ratio_to_the_theory_stands_below():
    spectra = {dt: psd(traces(dt)).mean(("trial", "neuron")) for dt in (1e-3, 2e-3)}
    f = np.geomspace(0.5, 500, 200)
    theory = {1e-3: spectra[1e-3] / 2, 2e-3: (f, 3.0 / f**2), "continuous": (f, 1 / f)}
    fig, (upper, lower) = plotting.psd_ratio_figure(spectra, theory)
    drawn = {line.get_gid(): line for line in lower.lines}
    np.testing.assert_allclose(drawn["ratio 0.001"].get_ydata(), 2.0)
    measured = spectra[2e-3][1:]
    expected = measured * measured["frequency"] ** 2 / 3  # a power law is a line on logarithmic axes
    np.testing.assert_allclose(drawn["ratio 0.002"].get_ydata(), expected, rtol=1e-12)
    assert "ratio continuous" not in drawn and upper.get_ylabel() and "theory" in lower.get_ylabel()
    assert drawn["ratio 0.001"].get_color() == plotting.colour_for_dt(1e-3)


def test_band_spans_the_traces():
    spectrum = psd(traces(trials=9))
    _, ax = plotting.psd_figure({"all": spectrum}, band=True)
    low, high = np.quantile(spectrum.values.reshape(9, -1), [0.05, 0.95], axis=0)[:, 1:]
    y = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert y.min() == pytest.approx(low.min()) and y.max() == pytest.approx(high.max())


def test_labels_of_lines_do_not_touch():
    fig, ax = plt.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    plotting.label_lines(ax, [(0.9, 0.5, f"line {k}", "#000000") for k in range(5)])
    fig.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert all(upper.y0 >= lower.y1 for lower, upper in zip(boxes, boxes[1:], strict=False))
    assert boxes[2].y0 < ax.transData.transform((0, 0.5))[1] < boxes[2].y1  # the group stays on its lines


@pytest.mark.parametrize(("norm", "label"), [("l1", "amplitude $|W|$ (mV)"), ("l2", "power $|W|^2$ (mV²)")])
def test_scalogram(norm, label):
    w = cwt(traces(trials=1), norm=norm)
    fig, ax = plotting.scalogram_figure(w)
    mesh = ax.collections[0]
    expected = np.abs(w.values[0, 0]) ** (1 if norm == "l1" else 2)
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(expected.shape), expected)
    assert ax.get_yscale() == "log" and ax.get_ylim() == (w["frequency"].values[0], 500.0)
    assert fig.axes[1].get_ylabel() == label
    # The wedge's edge is the cone of influence.
    left = ax.lines[0]
    f = left.get_ydata()
    np.testing.assert_allclose(left.get_xdata(), np.minimum(cone_of_influence(f, norm=norm), 0.5 * 1.023))


def test_long_records_are_averaged_over_neighbours():
    w = cwt(traces(trials=1, n=5000), frequencies=[20.0, 100.0])
    _, ax = plotting.scalogram_figure(w)
    shown = np.asarray(ax.collections[0].get_array()).reshape(2, -1)
    assert shown.shape[1] == 1250
    np.testing.assert_allclose(shown[:, 7], (np.abs(w.values[0, 0, :, 28:32]) ** 2).mean(axis=1))


def test_logarithmic_colours():
    w = cwt(traces(trials=1))
    fig, ax = plotting.scalogram_figure(w, decades=4, vmax=10.0)
    assert ax.collections[0].get_clim() == (1e-3, 10.0)
    fig.savefig(io.BytesIO(), format="png")  # draws without a warning


def test_scalogram_wants_one_transform():
    with pytest.raises(ValueError, match="several entries along trial.*isel"):
        plotting.scalogram_figure(cwt(traces(), frequencies=[10.0, 20.0]))
    with pytest.raises(TypeError, match="as cwt returns it"):
        plotting.scalogram_figure(psd(traces()))
    with pytest.raises(ValueError, match="at least two frequencies"):
        plotting.scalogram_figure(cwt(traces(trials=1), frequencies=[10.0]))


def test_psd_figure_wants_spectra():
    with pytest.raises(TypeError, match="as psd returns it"):
        plotting.psd_figure({"x": traces()["voltage"]})
    with pytest.raises(ValueError, match="empty"):
        plotting.psd_figure({})


def test_figures_go_where_they_are_told():
    fig, axes = plt.subplots(1, 2)
    assert plotting.psd_figure(psd(traces()), ax=axes[0]) == (fig, axes[0])
    assert plotting.scalogram_figure(cwt(traces(trials=1)), ax=axes[1]) == (fig, axes[1])


def test_colours_can_be_read_and_told_apart():
    # WCAG asks for 3:1 of graphics; the coarsest step and two hues of the palette are allowed 2:1 as wide lines.
    steps = [plotting.colour_for_dt(2.0**k) for k in range(-13, -5)]
    assert min(map(contrast_on_white, steps)) > 2.5 and sum(c > 3 for c in map(contrast_on_white, steps)) >= 7
    assert min(contrast_on_white(colour) for colour in plotting.style.PALETTE) > 2
    # Lightness rises with every doubling: the order survives without hue (printed grey, colour-blind).
    assert np.all(np.diff([contrast_on_white(colour) for colour in steps]) < 0)


def test_steps_in_words():
    words = {1e-3: "1 ms", 5e-4: "0.5 ms", 6.25e-5: "62.5 µs", 1.0: "1 s", 0.016: "16 ms", 1e-4: "0.1 ms"}
    assert {dt: plotting.format_dt(dt) for dt in words} == words
    with pytest.raises(ValueError, match="above 0"):
        plotting.colour_for_dt(0.0)


def test_only_use_style_touches_the_defaults():
    before = dict(matplotlib.rcParams)
    plotting.psd_figure({1e-3: psd(traces())}, theory=None)
    plotting.scalogram_figure(cwt(traces(trials=1)))
    assert dict(matplotlib.rcParams) == before
    assert plotting.use_style() is None
