"""Units of times, voltages and currents, by name."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

_PREFIXES = {"": 0, "k": 3, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15}
_LONG = {"kilo": "k", "milli": "m", "micro": "u", "nano": "n", "pico": "p", "femto": "f"}
_WORDS = {
    "s": "s", "sec": "s", "second": "s", "seconds": "s",
    "v": "V", "volt": "V", "volts": "V",
    "a": "A", "amp": "A", "amps": "A", "ampere": "A", "amperes": "A",
}  # fmt: skip
DIMENSIONLESS = ("", "1", "dimensionless", "unitless", "a.u.", "n/a", "none")


def parse(unit: str) -> tuple[str, int] | None:
    """Base unit ("s", "V", "A", "1") and power of ten, or None for a unit that is not known.

    ``parse("mV")`` and ``parse("millivolts")`` are ``("V", -3)``.
    """
    text = str(unit).strip()
    if text.lower() in DIMENSIONLESS:
        return "1", 0
    if text.lower() == "msec":
        return "s", -3
    short = re.fullmatch(r"([kmuµμnpf]?)(s|V|A|sec)", text)
    if short:
        return _WORDS[short[2].lower()], _PREFIXES[short[1]]
    long = re.fullmatch(r"(kilo|milli|micro|nano|pico|femto)?([a-z]+)", text.lower())
    if long and long[2] in _WORDS and (len(long[2]) > 1 or text.lower() == text and long[2] == "s"):
        return _WORDS[long[2]], _PREFIXES[_LONG.get(long[1] or "", "")]
    return None


def factor(unit: str, target: str) -> Fraction | None:
    """What a value in ``unit`` is multiplied by to be in ``target``; None if they measure different things."""
    if str(unit).strip() == str(target).strip():
        return Fraction(1)
    old, new = parse(unit), parse(target)
    if old is None or new is None or old[0] != new[0]:
        return None
    return Fraction(10) ** (old[1] - new[1])


def seconds(unit: str) -> Fraction | None:
    """Seconds in one ``unit``, or None if it is no unit of time; a bare number is taken for seconds."""
    return factor("s" if str(unit).strip().lower() in DIMENSIONLESS else unit, "s")


def convert(values: Any, ratio: Fraction) -> Any:
    """``values`` times ``ratio``, by one rounding: divided where the ratio is one over an integer."""
    if ratio == 1:
        return values
    if ratio.numerator == 1:
        return values / float(ratio.denominator)
    return values * float(ratio)
