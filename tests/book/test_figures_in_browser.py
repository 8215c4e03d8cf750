"""Spike trains, densities and the overview in a real browser: the page's numbers are those of the package."""

import json

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.plotting import density_play, overview, spike_play, step_panel
from snntheory.population import stationary_density
from snntheory.spiking import compare_trains, exact_spike_times, simulate

NEURON = CubaLIF(0.020, 0.010)
RNG = np.random.default_rng(1)
TIMES = np.sort(RNG.uniform(0, 0.2, 80))
WEIGHTS = RNG.normal(0.006, 0.006, 80)  # some of them inhibit
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>figures</title><body>{body}</body></html>"
)
KINDS = ("spikes", "density", "overview")


def fragments():
    """The three figures at small sizes."""
    steps = [0.0005, 0.001, 0.002, 0.004]
    panels = [
        step_panel("straight (1)", {"one": (steps, [1.0, 2.0, 3.0, 4.0]), "short": (steps[1:3], [5.0, 1.0])}),
        step_panel("powers (1)", {"two": (steps, [1.0, 10.0, 100.0, 1000.0])}, exact=1.0, logarithmic=True),
    ]
    synapse = CubaLIF(0.020, 0.010, reset="to_value")
    return {
        "spikes": spike_play(NEURON, TIMES, WEIGHTS, 0.2, 0.002),
        "density": density_play(synapse, (0.8, 1.0, 1.2), (0.2, 0.4), (0.002, 0.010), 60, 20),
        "overview": overview(panels, 0.001),
    }


@pytest.fixture(scope="module")
def figures():
    return fragments()


@pytest.fixture(scope="module")
def page(browser, figures, tmp_path_factory):
    """One page with all three; faults of scripts and requests are collected."""
    path = tmp_path_factory.mktemp("figures") / "page.html"
    path.write_text(PAGE.format(body="".join(figures[kind].html for kind in KINDS)), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1000, "height": 900})
    tab.set_default_timeout(30_000)
    tab.faults = []
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.on("console", lambda m: tab.faults.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else tab.faults.append(r.url))
    tab.goto(path.as_uri())
    yield tab
    tab.close()


def readout(page, kind, term):
    return page.evaluate(
        """([kind, term]) => [...document.querySelectorAll(`.snntheory-${kind} dt`)]
            .find(e => e.textContent === term).nextElementSibling.textContent""",
        [kind, term],
    )


SCHEMES = ["forward_euler", "backward_euler", "semi_implicit", "bilinear", "impulse_invariance", "zoh"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spikes_of_the_page_are_those_of_the_package(page, scheme):
    """Exact spikes to 1e-12 s (bisection to rounding), the grid's in the same steps, the same number of pairs."""
    settings = [[scheme, dt, factor] for dt in (0.0003, 0.001, 0.0045) for factor in (0.5, 1.0, 2.0)]
    found = json.loads(
        page.evaluate(
            """settings => JSON.stringify(settings.map(setting => {
                const {exact, grid, found} = document.querySelector('.snntheory-spikes').figure.compute(...setting);
                return [exact.spikes, grid.spikes, found.pairs, found.meanShift]; }))""",
            settings,
        )
    )
    counted = 0
    for (_, dt, factor), (exact, grid, pairs, shift) in zip(settings, found, strict=True):
        wanted = exact_spike_times(NEURON, TIMES, factor * WEIGHTS, 0.2)
        np.testing.assert_allclose(exact, wanted, rtol=0, atol=1e-12)
        run = simulate(NEURON, TIMES, factor * WEIGHTS, 0.2, dt, scheme, record="spikes")
        train = run["spike_times"].values.ravel()
        train = train[np.isfinite(train)]
        np.testing.assert_allclose(grid, train, rtol=0, atol=1e-12)
        comparison = compare_trains(wanted, train, 0.005)
        assert len(pairs) == len(comparison.pairs)
        if pairs:
            np.testing.assert_allclose(shift, comparison.mean_shift, rtol=1e-9, atol=1e-12)
        counted += len(wanted)
    assert counted > 30  # otherwise nothing was compared


def test_keys_move_the_time_step_of_the_spikes(page):
    slider = page.locator(".snntheory-spikes input[type=range]").first
    assert slider.get_attribute("aria-valuetext") == "2 ms"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "2.2 ms"
    assert "0.0022" in readout(page, "spikes", "In Python")
    page.wait_for_function(
        "() => /time step 2.2 ms/.test(document.querySelector('.snntheory-spikes [role=status]').textContent)"
    )
    page.locator(".snntheory-spikes button").click()
    assert slider.get_attribute("aria-valuetext") == "2 ms"


def test_rates_of_the_page_are_those_of_the_density(page):
    for name, value in (("Mean drive μ", 2), ("Noise σ", 1), ("Synapse τ", 0)):
        page.locator(".snntheory-density label.slider", has_text=name).locator("input").fill(str(value))
    rate = stationary_density(CubaLIF(0.020, 0.002, reset="to_value"), 1.2, 0.4, 60, 20).rate
    assert readout(page, "density", "Rate") == f"{rate:.3g} Hz"
    assert "CubaLIF(0.02, 0.002" in readout(page, "density", "In Python")
    picture = page.locator(".snntheory-density svg image")
    before = picture.get_attribute("href")
    page.locator(".snntheory-density label.slider", has_text="Noise σ").locator("input").press("ArrowLeft")
    assert before.startswith("data:image/png") and picture.get_attribute("href") != before


def test_overview_reads_between_the_points(page):
    """Linear in the logarithm of the step, as numpy.interp; nothing outside a curve's own steps."""
    values = page.evaluate(
        """() => [0.0005, 0.0007, 0.0013, 0.004].map(dt =>
            document.querySelector('.snntheory-overview').figure.valueAt(0, 0, dt))"""
    )
    steps = np.log([0.0005, 0.001, 0.002, 0.004])
    expected = np.interp(np.log([0.0005, 0.0007, 0.0013, 0.004]), steps, [1, 2, 3, 4])
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    slider = page.locator(".snntheory-overview input[type=range]")
    slider.fill("3")
    assert readout(page, "overview", "straight (1)") == "one: 4"
    slider.press("ArrowLeft")
    assert readout(page, "overview", "straight (1)") == "one: 3; short: 1"
    assert readout(page, "overview", "powers (1)") == "two: 100"


@pytest.mark.parametrize("kind", KINDS)
def test_every_position_of_every_slider_draws(page, kind):
    broken = page.evaluate(
        """kind => { const root = document.querySelector(`.snntheory-${kind}`), broken = [];
            for (const radio of [null, ...root.querySelectorAll('input[type=radio]')]) { if (radio) radio.click();
                for (const range of root.querySelectorAll('input[type=range]')) {
                    const every = Math.max(1, Math.floor(Number(range.max) / 6));
                    for (let k = 0; k <= Number(range.max); k += every) {
                        range.value = k; range.dispatchEvent(new Event('input'));
                        const drawn = root.querySelectorAll('.plots :is(path, circle, line, text), dl');
                        const all = [...drawn].map(
                            e => ['d', 'cx', 'cy', 'x', 'y1'].map(a => e.getAttribute(a)) + e.textContent);
                        if (/NaN|Infinity|undefined/.test(all.join())) broken.push(`${radio?.value} ${k}`); } } }
            return broken; }""",
        kind,
    )
    assert broken == []


@pytest.mark.parametrize("kind", KINDS)
def test_everything_has_a_name_for_listeners(page, kind):
    labels = page.eval_on_selector_all(
        f".snntheory-{kind} svg.panel", "nodes => nodes.map(node => node.getAttribute('aria-label'))"
    )
    assert len(labels) >= 2 and all(label and len(label.split()) >= 5 for label in labels)
    assert page.eval_on_selector_all(
        f".snntheory-{kind} input",
        "nodes => nodes.every(n => [...n.labels].some(label => label.textContent.trim()))",
    )
    assert page.locator(f".snntheory-{kind} .still").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_still_pictures_stand_where_scripts_do_not_run(browser, figures, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(body="".join(figures[kind].html for kind in KINDS)), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    boxes = [page.locator(f".snntheory-{kind} .still img").bounding_box() for kind in KINDS]
    context.close()
    assert all(box["width"] > 300 and box["height"] > 150 for box in boxes)


def test_no_faults_and_nothing_fetched(page):
    assert page.faults == []
