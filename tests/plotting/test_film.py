"""The film of a density as text: what its pixels hold, its still picture, and what it must not contain."""

import base64
import json
import re

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest

from snntheory import CubaLIF, plotting
from snntheory.population import Diffusion, evolve, plane, point_masses

NEURON = CubaLIF(0.020, 0.005, reset="to_value")


@pytest.fixture(scope="module")
def run():
    cells = plane(Diffusion(NEURON, 1.2, 0.3), 40, 20)
    return evolve(cells, point_masses(cells, 0.0, 0.5), 0.05, 0.001, save_every=10)


def data_of(film):
    return json.loads(re.search(r"const data = (\{.*\});\n", film.html).group(1))


def test_pixels_are_the_logarithm_of_the_density(run):
    data = data_of(plotting.density_film(run, 20.0))
    shape = (len(data["times"]), data["height"], data["width"])
    pixels = np.frombuffer(base64.b64decode(data["frames"]), dtype=np.uint8).reshape(shape)
    assert data["times"] == [0, 10, 20, 30, 40, 50] and data["width"] == 40
    # rows run from the highest current that is drawn to the lowest
    rows = np.linspace(*data["i"], data["height"] + 1)
    centres = (rows[1:] + rows[:-1]) / 2
    k, j = 5, data["height"] // 2
    density = run.density[k][:, np.argmin(np.abs(run.grid.i - centres[::-1][j]))]
    top = np.median(run.density.max(axis=(1, 2)))
    expected = np.clip(1 + np.log10(np.maximum(density, 1e-300) / top) / 3, 0, 1) * 255
    np.testing.assert_allclose(pixels[k, j], expected, atol=0.51)  # rounded to whole levels


def test_it_fetches_nothing_and_has_a_still_picture(run):
    film = plotting.density_film(run, 20.0)
    outside = re.sub(r'"http://www.w3.org/2000/svg"', "", film.html)
    assert "http" not in outside and "fetch(" not in outside and "import(" not in outside
    assert film.html.count("<script>") == film.html.count("</script>") == 1
    assert film.still.lstrip().startswith("<?xml") and film._repr_svg_() == film.still
    assert 'alt="The density of voltage and current between 0 and 50 ms' in film.html
    assert plotting.density_film(run, 20.0).html == film.html  # the same again: builds can be compared


def test_bad_input(run):
    with pytest.raises(TypeError, match="what evolve returns"):
        plotting.density_film([1.0], 20.0)
    short = evolve(run.grid, point_masses(run.grid, 0.0, 0.5), 0.01, 0.001)
    with pytest.raises(ValueError, match="at least 3 densities"):
        plotting.density_film(short, 20.0)
    large = plane(Diffusion(NEURON, 1.2, 0.3), 300, 100)
    many = evolve(large, point_masses(large, 0.0, 0.5), 0.02, 0.001, save_every=1)
    with pytest.raises(ValueError, match="fit a page"):
        plotting.density_film(many, 20.0)
