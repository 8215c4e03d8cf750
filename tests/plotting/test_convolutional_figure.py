"""The figure of source 004's convolutional networks shows every seed and both published numbers."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from snntheory.plotting import reset_accuracy_figure


def test_every_seed_and_the_published_numbers_are_drawn():
    accuracy = np.array([[0.91, 0.92, 0.93], [0.94, 0.92, 0.90]])
    ratio = np.array([[0.2, 0.9], [0.3, np.nan], [0.25, 0.85]])  # NaN: no gradient arrived
    trained = xr.Dataset(
        {
            "test_accuracy": (("reset_gradient", "seed"), accuracy),
            "published": ("reset_gradient", [0.9949, 0.9950]),
            "cosine": (("seed", "layer"), 1 - ratio / 10),
            "norm_ratio": (("seed", "layer"), ratio),
        },
        {"reset_gradient": ["kept", "detached"], "layer": ["15C5", "output"]},
    )
    fig, axes = reset_accuracy_figure(trained)
    lines = [line.get_ydata() for line in axes[0].lines]
    np.testing.assert_allclose(lines[:3], 100 * accuracy.T)
    np.testing.assert_allclose(lines[3], [99.49, 99.50])
    drawn = [line.get_ydata() for line in axes[1].lines]
    assert any(np.allclose(each, [0.25, 0.875]) for each in drawn)
    assert [each.get_text() for each in axes[1].get_xticklabels()] == ["15C5", "output"]
    assert "%" in axes[0].get_ylabel() and axes[1].get_xlabel() == "layer"
    plt.close(fig)
