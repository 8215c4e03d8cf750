"""Delta operator: the exact propagator as an increment, ``x_n = x_{n-1} + dt Phi x_{n-1}`` with ``Phi = (A - I)/dt``.

``H(z)`` is that of impulse invariance. What differs is the arithmetic: the entries of ``A`` crowd below 1 as the step
shrinks and lose one digit for every factor of ten, those of ``Phi`` tend to the system matrix and keep all. It pays
where coefficients are short (float32, fixed point) or the state is near a driven fixed point; the sum itself rounds
like the product.

References: Middleton and Goodwin, Digital Control and Estimation (1990), chapter 3; Rotter and Diesmann, Biol. Cybern.
81:381 (1999) for the exact propagator.
"""

from dataclasses import replace

from . import impulse_invariance

SCHEME = replace(impulse_invariance.SCHEME, name="delta", title="delta operator", by_increments=True)
