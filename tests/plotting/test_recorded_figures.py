"""Figure of a recorded density: what is drawn where."""

import matplotlib
import numpy as np
import pytest
import xarray as xr

matplotlib.use("Agg")
from snntheory import plotting


def test_recorded_density_figure():
    u, i = np.linspace(-0.5, 1, 13), np.linspace(-2, 2, 9)
    centres = (u[1:] + u[:-1]) / 2, (i[1:] + i[:-1]) / 2
    masses = np.exp(-4 * centres[0][:, None] ** 2 - centres[1] ** 2)
    masses /= masses.sum()
    comparison = xr.Dataset(
        {
            "measured": (("u", "i"), masses),
            "predicted": (("u", "i"), masses),
            "u_edges": ("u_edge", u),
            "i_edges": ("i_edge", i),
        },
        coords={"u": centres[0], "i": centres[1]},
    )
    fig, axes = plotting.recorded_density_figure(comparison)
    joint, above, beside = axes
    mesh, contour = joint.collections[0], joint.collections[1]
    # densities, not masses: the colours integrate to one over the cells
    areas = np.diff(u)[:, None] * np.diff(i)
    assert float((np.asarray(mesh.get_array()).reshape(8, 12).T * areas).sum()) == pytest.approx(1)
    outer, inner = contour.levels
    inside = [masses[masses / areas >= level].sum() for level in (outer, inner)]
    # the first cells in order of their density that hold the share: at most one cell more than it
    assert 0.9 <= inside[0] < 0.9 + 2 * masses.max() and 0.5 <= inside[1] < 0.5 + 2 * masses.max()
    np.testing.assert_allclose(above.lines[0].get_ydata() @ np.diff(u), 1)
    np.testing.assert_allclose(beside.lines[0].get_xdata() @ np.diff(i), 1)
    assert joint.get_xlim() == (u[0], u[-1])
