"""The interactive atlas in a real browser: its numbers are those of `discretize`, and every control answers."""

import itertools
import json
import warnings

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from snntheory import CubaLIF, discretize, linear
from snntheory.plotting import atlas

NEURON = CubaLIF(0.020, 0.010)
SCHEMES = [(name, None) for name in linear.schemes.names() if name != "parker_sochacki"]
SCHEMES += [("parker_sochacki", order) for order in (1, 2, 3, 5, 8, 12)]
STEPS = (1e-6, 1e-4, 0.001, 0.004, 0.015, 0.060)
TAUS = [
    (0.020, 0.010),
    (0.010, 0.010),
    (0.010, 0.010 * (1 + 1e-12)),
    (0.010, 0.010 * (1 - 1e-6)),
    (0.005, 0.4),
]
SETTINGS = list(itertools.product(SCHEMES, STEPS, TAUS))
PAGE = (
    '<!doctype html><html lang="en"{theme}><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>atlas</title><body>{body}</body></html>'
)


@pytest.fixture(scope="module")
def fragment():
    return atlas(NEURON, 0.004, "backward_euler").html


@pytest.fixture
def visit(browser, tmp_path):
    """A function that opens a page with the given body from a file; a fault of a script fails the test."""
    contexts, faults = [], []

    def open_page(body, width=1000, theme="", scripts=True):
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(body=body, theme=theme), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else faults.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def computed(browser, fragment, tmp_path_factory):
    """What the page's script makes of every setting, in one call."""
    path = tmp_path_factory.mktemp("atlas") / "page.html"
    path.write_text(PAGE.format(body=fragment, theme=""), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    asked = [
        [name if order is None else f"{name}:{order}", dt, *taus, 1.5] for (name, order), dt, taus in SETTINGS
    ]
    text = page.evaluate(
        """settings => JSON.stringify(settings.map(setting => {
            const m = document.querySelector('.snntheory-atlas').atlas.discreteNeuron(...setting);
            const dt = setting[1], omegas = [0.05, 0.5, 0.95].map(share => share * Math.PI / dt);
            return {entries: m.entries, poles: m.poles, stable: m.stable, monotone: m.monotone, zeros: m.zeros,
                    timeConstants: m.timeConstants.map(String), area: String(m.area), limits: m.limits.map(String),
                    gain: omegas.map(m.gain), phase: omegas.map(m.phase), voltage: m.simulate(6)};
        }))""",
        asked,
    )
    page.close()
    return json.loads(text)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{scheme[0]}-{scheme[1]}")
def test_numbers_of_the_page_are_those_of_discretize(computed, scheme):
    """To 1e-9 over steps from 1e-4 to six of the shortest time constant, equal and nearly equal ones included."""
    for (which, dt, taus), found in zip(SETTINGS, computed, strict=True):
        if which != scheme:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # choices beyond the limit are in the grid on purpose
            model = discretize(CubaLIF(*taus, r=1.5), dt, *scheme)
        a = model.A
        entries = [a[0, 0], a[0, 1], a[1, 1], *model.b, *model.b_previous]
        # the terms of a cut power series cancel where x is large, in both languages: relative to the largest
        x = dt / min(taus)
        series = 1e-14 * np.exp(x) if scheme[0] == "parker_sochacki" else 0.0
        np.testing.assert_allclose(found["entries"], entries, rtol=1e-9, atol=series)
        np.testing.assert_allclose(found["poles"], model.poles, rtol=1e-9, atol=series)
        assert found["stable"] == model.is_stable
        assert found["monotone"] == (model.is_stable and bool(np.all(model.poles >= 0)))
        limits = [model.max_stable_dt, model.max_monotone_dt]
        np.testing.assert_allclose(np.array(found["limits"], float), limits, rtol=1e-9)
        np.testing.assert_allclose(
            np.array(found["voltage"], float),
            model.simulate(np.arange(6) == 0)[0],
            rtol=1e-9,
            atol=1e-9 * series,
        )
        if model.is_stable:
            loss = 1e-15 * max(taus) / dt * max(1, taus[1] / dt)  # of 1 - p near p = 1, in both languages
            np.testing.assert_allclose(float(found["area"]), model.area, rtol=1e-9 + loss)
            np.testing.assert_allclose(
                np.array(found["timeConstants"], float), model.effective_time_constants, rtol=1e-9 + loss
            )
            omega = np.array([0.05, 0.5, 0.95]) * np.pi / dt
            h = dt * model.frequency_response(omega)
            drawn = np.array(found["gain"]) * np.exp(1j * np.array(found["phase"]))
            np.testing.assert_allclose(drawn, h, rtol=1e-9)


def test_zeros_of_the_page_are_those_of_the_transfer_function(computed):
    """Compared with the roots that NumPy finds for the numerator; a double zero is found to half of the digits."""
    for (which, dt, taus), found in zip(SETTINGS, computed, strict=True):
        if dt < 0.001:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = discretize(CubaLIF(*taus, r=1.5), dt, *which)
        points = np.array([0.3, -1.7, 2.9])  # three values determine the quadratic numerator
        values = model.transfer_function(points).real * np.prod(points[:, None] - model.poles, axis=1)
        coefficients = np.polyfit(points, values, 2)
        coefficients[np.abs(coefficients) < 1e-11 * np.abs(coefficients).max()] = 0
        expected = np.sort(np.roots(coefficients).real)
        np.testing.assert_allclose(np.sort(found["zeros"]), expected, rtol=1e-5, atol=1e-5)


def readout(page, term):
    return page.evaluate(
        """term => [...document.querySelectorAll('.snntheory-atlas dt')].find(e => e.textContent === term)
            .nextElementSibling.textContent""",
        term,
    )


def test_still_picture_gives_way_to_the_live_one(visit, fragment):
    page = visit(fragment)
    assert page.locator(".still").count() == 0 and page.locator("svg.panel").count() == 4
    assert page.locator("svg.panel .pole").count() == 2
    without = visit(fragment, scripts=False)
    box = without.locator(".still img").bounding_box()
    assert box["width"] > 300 and box["height"] > 200 and without.locator("svg.panel").count() == 0


def test_keyboard_moves_the_time_step_and_the_readouts_follow(visit, fragment):
    page = visit(fragment)
    slider = page.locator("input[type=range]").first
    assert slider.get_attribute("aria-valuetext") == "4 ms"
    assert "0.8333" in readout(page, "Poles") and "0.7143" in readout(page, "Poles")  # 1/1.2 and 1/1.4
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")  # 4, 4.5, ... 8 ms
    assert slider.get_attribute("aria-valuetext") == "8 ms"
    assert "0.7143" in readout(page, "Poles") and "0.5556" in readout(page, "Poles")  # 1/1.4 and 1/1.8
    assert "11.9 ms" not in readout(page, "Time constants on the grid")
    page.wait_for_function(
        "() => /time step 8 ms: stable/.test(document.querySelector('[role=status]').textContent)"
    )


def test_schemes_limits_and_verdicts(visit, fragment):
    """By hand for 20 and 10 ms: forward Euler rings from 10 ms and is unstable from 20 ms on."""
    page = visit(fragment)
    page.get_by_label("forward Euler", exact=True).check()
    assert readout(page, "Limits") == "stable below 20 ms; no negative pole up to 10 ms"
    slider = page.locator("input[type=range]").first
    for step, verdict in (("0.008", "without changing sign"), ("0.012", "rings"), ("0.022", "unstable")):
        page.evaluate(
            """step => { const atlas = document.querySelector('.snntheory-atlas').atlas;
                atlas.state.dt = Number(step); atlas.update(); }""",
            step,
        )
        assert verdict in readout(page, "Verdict")
    assert page.get_by_text("unstable: no frequency response").count() == 2
    page.get_by_role("button", name="Start again").click()
    assert slider.get_attribute("aria-valuetext") == "4 ms"
    assert page.get_by_label("backward Euler", exact=True).is_checked()


def test_order_is_chosen_with_its_scheme(visit, fragment):
    page = visit(fragment)
    page.get_by_label("order of Parker-Sochacki").select_option("3")
    assert page.get_by_label("Parker-Sochacki", exact=True).is_checked()
    assert 'discretize(CubaLIF(0.02, 0.01), 0.004, "parker_sochacki", 3)' in readout(page, "In Python")


def test_numbers_are_written_as_one_writes_them(visit, fragment):
    """Neither 1.00e+3 nor 1.00e-5 on an axis nor 1.4e-32 for a gain that is zero."""
    page = visit(fragment)
    setting = """([scheme, dt]) => { const atlas = document.querySelector('.snntheory-atlas').atlas;
        Object.assign(atlas.state, {scheme, dt}); atlas.update(); }"""
    page.evaluate(setting, ["bilinear", 0.03])
    assert readout(page, "Gain at Nyquist") == "0 times the true one"
    page.evaluate(setting, ["scaled_impulse", 0.0002])
    ticks = page.eval_on_selector_all("svg.panel text", "nodes => nodes.map(node => node.textContent)")
    assert "1000" in ticks and not any("e+" in text or ".00e" in text for text in ticks)
    assert "(−100 %)" in readout(page, "Area of one response")


def test_a_response_of_the_wrong_sign_is_called_so(visit, fragment):
    """Parker-Sochacki of order 2 with x + y > 2: both poles positive, the coupling 1 - (x + y)/2 negative."""
    page = visit(fragment)
    page.evaluate(
        """() => { const atlas = document.querySelector('.snntheory-atlas').atlas;
            Object.assign(atlas.state, {scheme: 'parker_sochacki', order: 2, dt: 0.016}); atlas.update(); }"""
    )
    assert readout(page, "Verdict") == "stable, but a positive spike lowers the voltage"
    assert "membrane 0.52, synapse 0.68" in readout(page, "Poles")  # 1 - x + x^2/2 at 0.8 and 1.6


def test_equal_time_constants_are_nothing_special(visit, fragment):
    page = visit(fragment)
    page.get_by_label("impulse invariance", exact=True).check()
    page.evaluate(
        """() => { const atlas = document.querySelector('.snntheory-atlas').atlas;
            atlas.state.tauSyn = atlas.state.tauMem; atlas.update(); }"""
    )
    assert readout(page, "Poles") == "membrane 0.8187, synapse 0.8187"  # exp(-0.2)
    drawn = page.eval_on_selector_all("svg.panel path", "paths => paths.map(path => path.getAttribute('d'))")
    assert not any("NaN" in d or "Infinity" in d for d in drawn)


def test_every_setting_of_the_sliders_draws(visit, fragment):
    """No NaN in any curve from the smallest step to the largest, for every scheme."""
    page = visit(fragment)
    broken = page.evaluate(
        """() => { const root = document.querySelector('.snntheory-atlas'), broken = [];
            const range = root.querySelector('input[type=range]');
            for (const radio of root.querySelectorAll('input[type=radio]')) { radio.click();
                for (let k = 0; k <= Number(range.max); k += 4) {
                    range.value = k; range.dispatchEvent(new Event('input'));
                    if (/NaN|Infinity|undefined/.test(root.querySelector('.plots').innerHTML))
                        broken.push(radio.value + ' ' + range.value);
                } }
            return broken; }"""
    )
    assert broken == []


def test_two_of_the_same_on_one_page_do_not_collide(visit, fragment):
    page = visit(fragment + fragment)
    assert page.locator("svg.panel").count() == 8
    ids = page.eval_on_selector_all("[id]", "nodes => nodes.map(node => node.id)")
    assert len(ids) == 8 and len(set(ids)) == 8
    second = page.locator(".snntheory-atlas").nth(1)
    second.get_by_label("bilinear", exact=True).check()
    assert page.locator(".snntheory-atlas").nth(0).get_by_label("backward Euler", exact=True).is_checked()
    assert second.get_by_label("bilinear", exact=True).is_checked()


def test_everything_has_a_name_for_listeners(visit, fragment):
    page = visit(fragment)
    labels = page.eval_on_selector_all(
        "svg.panel", "nodes => nodes.map(node => node.getAttribute('aria-label'))"
    )
    assert len(labels) == 4 and all(label and len(label.split()) > 6 for label in labels)
    named = page.eval_on_selector_all(
        ".snntheory-atlas :is(input, select)",
        """nodes => nodes.every(node => node.getAttribute('aria-label') ||
            [...node.labels].some(label => label.textContent.trim()))""",
    )
    assert named


@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_wider_than_the_screen(visit, fragment, width):
    page = visit(fragment, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rows = page.eval_on_selector_all(
        "svg.panel", "nodes => new Set(nodes.map(n => n.getBoundingClientRect().top)).size"
    )
    assert rows == (4 if width < 500 else 2)


@pytest.mark.parametrize("theme", ["", ' data-theme="dark"'])
def test_text_is_legible_in_both_modes(visit, fragment, theme):
    """The theme's colours: text against ground at least 4.5 to 1; the panels stay white."""
    dark = "html[data-theme=dark]"
    style = f"<style>{dark} {{--pst-color-text-base:#ced6dd}} {dark} body {{background:#14181e}}</style>"
    page = visit(style + fragment, theme=theme)
    colours = page.evaluate(
        """() => [getComputedStyle(document.querySelector('.snntheory-atlas dd')).color,
            getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.querySelector('svg.panel')).backgroundColor]"""
    )
    text, ground = (luminance(colour) for colour in colours[:2])
    assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5
    assert colours[2] == "rgb(255, 255, 255)"


@pytest.mark.site
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_atlas_of_the_book_is_legible(site, browser, mode):
    """In the built page: every text of the controls against the first ground behind it that is not transparent."""
    context = browser.new_context(color_scheme=mode)
    page = context.new_page()
    page.goto((site / "time_step.html").as_uri())
    pairs = page.evaluate(
        """() => [...document.querySelectorAll(
            '.snntheory-atlas :is(dd, dt, label, legend, button, select, p)')].map(node => {
            let ground = node, clear = 'rgba(0, 0, 0, 0)';
            while (ground && getComputedStyle(ground).backgroundColor === clear) ground = ground.parentElement;
            return [getComputedStyle(node).color, ground ? getComputedStyle(ground).backgroundColor : clear];
        })"""
    )
    context.close()
    assert len(pairs) > 20
    for pair in pairs:
        one, other = (luminance(colour) for colour in pair)
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5, pair


def luminance(colour):
    """Relative luminance of a CSS colour as WCAG defines it; transparent is the white of an empty page."""
    numbers = [float(part) for part in colour.split("(")[1].rstrip(")").split(",")]
    if len(numbers) == 4 and numbers[3] == 0:
        return 1.0
    share = np.array(numbers[:3]) / 255
    linear_share = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear_share @ [0.2126, 0.7152, 0.0722])
