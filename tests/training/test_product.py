"""The product of sparse spikes and weights is the product."""

import pytest
import torch

from snntheory.training.kernels import product


@pytest.mark.parametrize("density", [0.0, 0.03, 0.1, 0.9])
@pytest.mark.parametrize("n_out", [1, 10, 200])
def test_sparse_equals_dense_forward_and_backward(density, n_out):
    random = torch.Generator().manual_seed(3)
    shape = (7, 5, 130)
    spikes = torch.poisson(torch.full(shape, 2.0), generator=random).double()
    spikes = spikes * (torch.rand(shape, generator=random) < density)
    weights = torch.randn((130, n_out), generator=random, dtype=torch.float64)
    given = torch.randn((7, 5, n_out), generator=random, dtype=torch.float64)
    results = []
    for backend in ("reference", "numba"):
        own = weights.clone().requires_grad_()
        out = product(spikes, own, backend)
        (gradient,) = torch.autograd.grad((out * given).sum(), own)
        results.append((out.detach(), gradient))
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(
            sparse, dense, rtol=1e-12, atol=1e-12
        )  # sums of 130 terms in another order


def test_spikes_with_a_gradient_keep_it():
    spikes = torch.zeros((3, 2, 20), dtype=torch.float64, requires_grad=True)
    weights = torch.ones((20, 4), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(product(spikes, weights).sum(), spikes)
    assert torch.equal(gradient, torch.full((3, 2, 20), 4.0, dtype=torch.float64))


def test_the_result_does_not_depend_on_the_number_of_threads():
    import numba

    random = torch.Generator().manual_seed(5)
    spikes = (torch.rand((9, 4, 300), generator=random) < 0.05).float()
    weights = torch.randn((300, 150), generator=random, requires_grad=True)
    threads = numba.get_num_threads()
    results = []
    try:
        for number in {1, threads}:
            numba.set_num_threads(number)
            out = product(spikes, weights)
            results.append((out.detach(), torch.autograd.grad(out.square().sum(), weights)[0]))
    finally:
        numba.set_num_threads(threads)
    for first, second in zip(results[0], results[-1], strict=True):
        assert torch.equal(first, second)


def test_unknown_backend():
    with pytest.raises(ValueError, match="backend must be one of"):
        product(torch.zeros(1, 1, 1), torch.zeros(1, 1), "cuda")
