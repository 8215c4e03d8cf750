"""The film of a density in a browser: slider, button, readout, and nothing from outside."""

import matplotlib

matplotlib.use("agg")

import pytest

from snntheory import CubaLIF, plotting
from snntheory.population import Diffusion, evolve, plane, point_masses


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    cells = plane(Diffusion(CubaLIF(0.020, 0.005, reset="to_value"), 1.2, 0.3), 40, 20)
    run = evolve(cells, point_masses(cells, 0.0, 0.5), 0.05, 0.001, save_every=5)
    path = tmp_path_factory.mktemp("film") / "film.html"
    html = plotting.density_film(run, 20.0).html
    path.write_text(f"<!doctype html><meta charset=utf-8><title>film</title><body>{html}", encoding="utf-8")
    tab = browser.new_page()
    tab.faults, tab.asked, tab.run = [], [], run
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(path.as_uri())
    return tab


def test_slider_moves_the_picture_and_the_readout(page):
    slider, output, image = page.locator("input"), page.locator("output"), page.locator("svg image")
    slider.fill("2")
    first, before = output.inner_text(), image.get_attribute("href")
    slider.fill("10")
    assert first.startswith("10 ms:") and output.inner_text().startswith("50 ms:")
    assert f"{page.run.rate[-1]:.3g} Hz" in output.inner_text()
    assert image.get_attribute("href") != before and before.startswith("data:image/png")
    assert page.locator(".still").count() == 0


def test_the_button_plays_and_pauses(page):
    button, slider = page.locator("button"), page.locator("input")
    slider.fill("10")
    button.click()  # at the end: from the start again
    page.wait_for_function("document.querySelector('input').value >= 2")
    assert button.inner_text() == "Pause"
    button.click()
    at = slider.input_value()
    page.wait_for_timeout(400)
    assert slider.input_value() == at and button.inner_text() == "Play"


def test_keys_move_the_slider(page):
    page.locator("input").fill("4")
    page.locator("input").press("ArrowRight")
    assert page.locator("output").inner_text().startswith("25 ms:")


def test_no_faults_and_nothing_fetched(page):
    assert page.faults == []
    assert all(url.startswith(("file:", "data:")) for url in page.asked)
