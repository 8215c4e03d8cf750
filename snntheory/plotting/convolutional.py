"""The figure of convolutional networks trained with and without the gradient's path through the reset."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import GRID, PALETTE, THEORY


def reset_accuracy_figure(trained: xr.Dataset) -> tuple[Figure, np.ndarray]:
    """Test accuracy with the path kept and detached, seed by seed, and what the path does to the first gradients.

    Parameters
    ----------
    trained : xarray.Dataset
        The artefact ``convolutional``.

    Returns
    -------
    (Figure, array of two Axes)
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(1, 1.4))
    paths = [str(each) for each in trained["reset_gradient"].values]
    places = np.arange(len(paths))
    accuracy = 100 * trained["test_accuracy"].transpose("seed", "reset_gradient").values
    for row in accuracy:
        axes[0].plot(places, row, "o-", color=PALETTE[0], lw=1, ms=4)
    published = 100 * trained["published"].values
    axes[0].plot(places, published, "_", color=THEORY, ms=18, mew=1.5)
    axes[0].annotate(
        "published", (places.mean(), published.mean()), xytext=(0, -4), textcoords="offset points",
        ha="center", va="top", fontsize=9, color=THEORY,
    )  # fmt: skip
    axes[0].annotate(
        "one line a seed", (places.mean(), np.nanmin(accuracy)), xytext=(0, -4), textcoords="offset points",
        ha="center", va="top", fontsize=9, color=PALETTE[0],
    )  # fmt: skip
    axes[0].set(
        xlabel="path through the reset", ylabel="test accuracy (%)", xlim=(-0.4, len(paths) - 0.6),
        xticks=places, xticklabels=paths,
    )  # fmt: skip
    axes[0].margins(y=0.15)
    along = np.arange(trained.sizes["layer"])
    for name, label, colour in (
        ("cosine", "cosine", PALETTE[2]),
        ("norm_ratio", "ratio of norms", PALETTE[1]),
    ):
        values = trained[name].transpose("seed", "layer").values
        axes[1].plot(along, values.T, color=colour, lw=0.8, alpha=0.5)
        middle = trained[name].mean("seed").values  # leaves out seeds in which no gradient arrives
        axes[1].plot(along, middle, "o-", color=colour, ms=4)
        axes[1].annotate(
            label, (along[1], middle[1]), xytext=(8, -8), textcoords="offset points",
            ha="left", va="top", fontsize=9, color=colour,
        )  # fmt: skip
    axes[1].axhline(1, color=THEORY, lw=0.8, ls="--")
    axes[1].set(
        xlabel="layer", ylabel="first gradient, kept to detached", ylim=(0, 1.25),
        xticks=along, xticklabels=[str(each) for each in trained["layer"].values],
    )  # fmt: skip
    for ax in axes:
        ax.grid(True, axis="y", color=GRID, lw=0.6)
    return fig, axes
