"""The compiled loop of :func:`snntheory.population.markov.run_chain`, one neuron after the other."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_compile: Any = numba.njit(cache=True, nogil=True)


@_compile
def run(kicks_u, kicks_i, voltage, current, state, numbers, codes):
    """As `markov._reference`."""
    keep_u, couple, keep_i, threshold, reset = numbers
    subtract, late, held, drops_input = codes
    counts = np.zeros(voltage.size, dtype=np.int64)
    for row in range(voltage.size):
        u, i, wait = voltage[row], current[row], state[row]
        for n in range(kicks_u.shape[1]):
            due = wait > 0
            if due and late and not subtract and not drops_input:
                u = reset
            u = keep_u * u + couple * i + kicks_u[row, n]
            i = keep_i * i + kicks_i[row, n]
            if due:
                if not late:
                    u = reset
                    wait -= 1
                    continue
                if subtract:
                    u -= threshold
                elif drops_input:
                    u = reset
                wait = 0
            if u >= threshold:
                counts[row] += 1
                if late:
                    wait = 1
                else:
                    wait = held
                    u = u - threshold if subtract else reset
        voltage[row], current[row], state[row] = u, i, wait
    return counts
