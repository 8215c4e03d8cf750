"""Arrays as arguments: what is not real numbers is refused before it is cast."""

from fractions import Fraction

import numpy as np
import pytest

from snntheory import _check


@pytest.mark.parametrize(
    "value",
    [
        [1 + 0j],  # numpy would drop the imaginary part with a mere warning
        np.zeros(3, np.complex64),
        ["1.5", "2"],  # numpy would read it as numbers
        [b"1.5"],
        np.array(["1.5", 2.0], dtype=object),
        [1.0, None],  # numpy would make it NaN
        [1.0, 1j, "x"],
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.array([3], dtype="m8[s]"),
        np.zeros(2, dtype=[("a", float)]),
        [[1.0], [1.0, 2.0]],
        {"a": 1.0},
        "1.5",
        None,
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_not_real_numbers_is_refused(value):
    with pytest.raises(TypeError, match="^weights must be an array of real numbers, got"):
        _check.array("weights", value)


@pytest.mark.parametrize(
    "value",
    [
        [True, False],
        np.array([1, 0], dtype=np.uint8),
        np.array([1, 0], dtype=np.float32),
        np.array([1.0, 0.0], dtype=">f8"),
        [Fraction(1), 0],
        np.array([1, 0.0], dtype=object),
    ],
)
def test_every_kind_of_real_numbers_becomes_double(value):
    result = _check.array("weights", value, ndim=1)
    assert result.dtype == np.dtype("=f8") and result.tolist() == [1.0, 0.0]


def test_doubles_are_not_copied():
    value = np.arange(3.0)
    assert _check.array("weights", value) is value


def test_a_tensor_that_needs_a_gradient_is_refused():
    torch = pytest.importorskip("torch")
    assert _check.array("weights", torch.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="weights.*detach"):
        _check.array("weights", torch.ones(2, requires_grad=True))


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        ([1.0, np.inf], {}, r"finite.*\[1\]"),
        ([[1.0]], {"ndim": 1}, r"1 dimension\(s\), got shape \(1, 1\)"),
        ([1.0, -2.0], {"minimum": 0.0}, "at least 0, got -2"),
    ],
)
def test_values_out_of_range_are_refused(value, options, words):
    with pytest.raises(ValueError, match=f"weights must .*{words}"):
        _check.array("weights", value, **options)


def test_complex_arrays():
    assert _check.complex_array("z", [1, 2j]).dtype == np.complex128
    assert _check.complex_array("z", []).shape == (0,)
    with pytest.raises(TypeError, match="z must be an array of numbers"):
        _check.complex_array("z", ["1j"])
    with pytest.raises(ValueError, match=r"z must be finite.*\[1\]"):
        _check.complex_array("z", [1.0, complex(0, np.nan)])
