"""The discretisation schemes, one small file each."""

from __future__ import annotations

from functools import lru_cache

from ... import _check
from ..scheme import Scheme
from . import (
    backward_euler,
    bilinear,
    delta,
    exponential_euler,
    forward_euler,
    impulse_invariance,
    parker_sochacki,
    scaled_impulse,
    semi_implicit,
    zoh,
)

_FIXED = {
    module.SCHEME.name: module.SCHEME
    for module in (
        forward_euler,
        backward_euler,
        semi_implicit,
        exponential_euler,
        bilinear,
        impulse_invariance,
        scaled_impulse,
        delta,
        zoh,
    )
}
_parker_sochacki = lru_cache(maxsize=64)(parker_sochacki.scheme)


def names() -> tuple[str, ...]:
    """Names of all schemes."""
    return (*_FIXED, parker_sochacki.NAME)


def get(name: str, order: int | None = None) -> Scheme:
    """The declaration of a scheme; ``order`` is needed for ``"parker_sochacki"`` and refused elsewhere."""
    _check.choice("scheme", name, names())
    if name == parker_sochacki.NAME:
        if order is None:
            raise ValueError('scheme "parker_sochacki" needs order, for example order=2')
        return _parker_sochacki(_check.integer("order", order, minimum=1))
    if order is not None:
        raise ValueError(
            f'order is for "parker_sochacki" only, got order={order!r} with scheme={name!r}; leave it out'
        )
    return _FIXED[name]
