"""Upwind reconstruction of second order on a line of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reconstruct(
    upwind: int, face: int, width: NDArray[np.float64], wall: int | None
) -> list[tuple[int, float]]:
    """Cells and shares whose sum is the density at a face, seen from the cell that the flow comes from.

    Inside, Fromm's choice: the mean slope over three cells. Beside an end or a wall, the slope of two.

    Parameters
    ----------
    upwind, face : int
        The cell, and one of its two faces: ``upwind`` (the lower) or ``upwind + 1``.
    width : ndarray, shape (n,)
        Widths of all cells.
    wall : int, optional
        A face that no slope reaches across, because the density jumps there.

    Returns
    -------
    list of (cell, share)
    """
    step = 1 if face > upwind else -1  # from the upwind cell over the face
    behind, ahead = upwind - step, upwind + step

    def joined(a: int, b: int) -> bool:
        return 0 <= min(a, b) and max(a, b) < width.size and max(a, b) != wall

    if joined(upwind, behind) and joined(upwind, ahead):
        slope = width[upwind] / (width[behind] + 2 * width[upwind] + width[ahead])
        return [(upwind, 1.0), (ahead, slope), (behind, -slope)]
    if joined(upwind, behind):
        slope = width[upwind] / (width[upwind] + width[behind])
        return [(upwind, 1 + slope), (behind, -slope)]
    if joined(upwind, ahead):
        slope = width[upwind] / (width[upwind] + width[ahead])
        return [(upwind, 1 - slope), (ahead, slope)]
    return [(upwind, 1.0)]
