"""Convolutions, pooling and dense layers as connections: shapes, values by explicit sums, networks made of them."""

import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from snntheory import CubaLIF
from snntheory.training import (
    Conv,
    CountCrossEntropy,
    Dense,
    Network,
    Poisson,
    Pool,
    connections,
    evaluate,
    fit,
    load_network,
    record,
)
from snntheory.training.kernels import average_pool
from snntheory.training.network import weight_unit

NEURON = CubaLIF(0.020, 0.010, v_threshold=0.3)
SMALL = [Conv(3, 3), Pool(2), Conv(4, 2, padding=1), Dense(5)]


def network(layers=SMALL, shape=(2, 9, 8), **options):
    return Network(shape, NEURON, 0.002, layers=layers, **options)


def spikes(shape, n_steps=6, batch=3, share=0.3):
    random = torch.Generator().manual_seed(1)
    return (torch.rand((n_steps, batch, *shape), generator=random) < share).float()


def test_shapes_of_the_network_of_yang():
    net = Network(
        (1, 28, 28), NEURON, 1e-3, layers=[Conv(15, 5), Pool(2), Conv(40, 5), Pool(2), Dense(300), Dense(10)]
    )
    assert net.shapes == ((1, 28, 28), (15, 24, 24), (40, 8, 8), (300,), (10,))
    assert net.sizes == (784, 8640, 2560, 300, 10) and net.n_layers == 4
    shapes = [tuple(w.shape) for w in net.weights()]
    assert shapes == [(15, 1, 5, 5), (40, 15, 5, 5), (640, 300), (300, 10)]
    drawn = net.weights()[1].double().numpy() / weight_unit(NEURON)
    sigma = 1 / math.sqrt(15 * 25)
    assert drawn.std() == pytest.approx(sigma, abs=5 * sigma / math.sqrt(2 * drawn.size))


@pytest.mark.parametrize(
    "conv", [Conv(3, 3), Conv(3, 2, stride=2), Conv(2, 3, padding=1), Conv(1, 1)], ids=repr
)
@pytest.mark.parametrize("pool", [None, Pool(2), Pool(3, "max"), Pool(1)], ids=repr)
def test_drive_is_the_explicit_sum(conv, pool):
    shape = (2, 11, 10)
    (stage,) = connections.stages(shape, [conv] if pool is None else [pool, conv])
    given = spikes(shape).double()
    weights = torch.randn(
        stage.weight_shapes[0], dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    found = connections.drive(stage, given.flatten(2), weights).numpy()
    maps, size = given.numpy(), pool.kernel_size if pool else 1
    height, width = 11 // size, 10 // size
    pooled = np.zeros((*maps.shape[:3], height, width))
    for i in range(height):
        for j in range(width):
            square = maps[..., i * size : (i + 1) * size, j * size : (j + 1) * size]
            pooled[..., i, j] = square.max((3, 4)) if pool and pool.kind == "max" else square.mean((3, 4))
    k, p = conv.kernel_size, conv.padding
    padded = np.pad(pooled, [(0, 0)] * 3 + [(p, p)] * 2)
    wanted = np.zeros((*maps.shape[:2], *stage.shape))
    for i in range(stage.shape[1]):
        for j in range(stage.shape[2]):
            y, x = i * conv.stride, j * conv.stride
            square = padded[..., y : y + k, x : x + k]
            wanted[..., i, j] = np.einsum("tbcyx,ocyx->tbo", square, weights.numpy())
    np.testing.assert_allclose(found, wanted.reshape(found.shape), rtol=0, atol=1e-13)  # sums of 18 terms


@pytest.mark.parametrize("size", [1, 2, 3])
def test_average_pool_is_that_of_torch_forward_and_backward(size):
    random = torch.Generator().manual_seed(3)
    maps = torch.rand((4, 3, 7, 8), generator=random, dtype=torch.float64)
    results = []
    for backend in ("reference", "numba"):
        own = maps.clone().requires_grad_()
        out = average_pool(own, size, backend)
        results.append((out, *torch.autograd.grad((out**2).sum(), own)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-15)  # sums of nine terms


@pytest.mark.parametrize("gradient", ["surrogate", "timing"])
@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_backends_and_a_plain_loop_agree(gradient, backend):
    """Forwards: torch's own layers in a loop over steps. Backwards: the two backends of the same network."""
    net = network(gain=3.0, gradient=gradient, backend=backend).double()
    given = spikes((2, 9, 8)).double()
    found = net(given)
    assert [tuple(each.shape) for each in found] == [(6, 3, n) for n in net.sizes[1:]]
    assert all(0 < each.mean() < 1 for each in found)
    states = [torch.zeros(2, 3, *shape, dtype=torch.float64) for shape in net.shapes[1:]]  # voltage, current
    first, second, last = net.weights()
    for n, now in enumerate(given):
        drives = [lambda x: functional.conv2d(x, first)]
        drives.append(lambda x: functional.conv2d(functional.avg_pool2d(x, 2), second, padding=1))
        drives.append(lambda x: x.flatten(1) @ last)
        for layer, (model, drive) in enumerate(zip(net.models, drives, strict=True)):
            u, i = states[layer]
            moved = model.A[0, 0] * u + model.A[0, 1] * i + model.b[0] * drive(now)
            current = model.A[1, 1] * i + model.b[1] * drive(now)
            now = (moved >= 0.3).double()
            states[layer] = torch.stack([moved - 0.3 * now, current])
            assert torch.equal(found[layer][n], now.flatten(1))
    if backend == "numba":
        other = network(gain=3.0, gradient=gradient, backend="reference").double()
        for each in (net, other):
            (each(given)[-1] * torch.arange(5.0)).sum().backward()
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            assert (a.grad != 0).any()
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-12)  # float64, three layers


def test_surrogate_gradient_of_a_convolution_is_that_of_its_matrix():
    """A convolution is a matrix with repeated entries: same spikes, and the gradient summed over the repeats."""
    net = network([Conv(3, 3), Dense(5)], (2, 4, 4), gain=3.0).double()
    units = torch.eye(32, dtype=torch.float64).view(32, 2, 4, 4)
    index = torch.arange(1.0, 55.0, dtype=torch.float64).view(3, 2, 3, 3)
    where = (
        functional.conv2d(units, index).flatten(1).round().long()
    )  # which weight stands at each entry; 0: none
    flat = Network((32, 12, 5), NEURON, 0.002).double()
    matrix = torch.cat([torch.zeros(1), net.weights()[0].flatten()]).double()[where]
    flat.set_weights([matrix, net.weights()[1]])
    given = spikes((2, 4, 4), n_steps=20)
    for each in (net, flat):
        (each(given.double().flatten(2))[-1] * torch.arange(5.0)).sum().backward()
    wanted = torch.zeros(55, dtype=torch.float64).index_add(
        0, where.flatten(), flat._weights[0].grad.flatten()
    )
    assert (wanted[1:] != 0).any()
    torch.testing.assert_close(net._weights[0].grad.flatten(), wanted[1:], rtol=1e-10, atol=1e-12)


def test_input_that_is_the_same_in_every_step_is_worked_on_once():
    net = network(gain=3.0)
    image = torch.rand((1, 3, 144), generator=torch.Generator().manual_seed(4))
    gradients = []
    for given in (image.expand(6, -1, -1), image.repeat(6, 1, 1)):
        net.zero_grad()
        net(given)[-1].sum().backward()
        gradients.append([each.grad.clone() for each in net.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert (a != 0).any()
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)  # float32 sums in another order


def test_settings_variant_checkpoint_and_repr(tmp_path, small):
    layers = [Conv(3, 2), Pool(2, "max"), Dense(4, recurrent=True), Dense(3)]
    net = network(layers, (1, 3, 5), seed=3)
    assert repr(net) == (
        f"Network((1, 3, 5), {NEURON!r}, dt=0.002, scheme='impulse_invariance', "
        "layers=[Conv(3, 2), Pool(2, kind='max'), Dense(4, recurrent=True), Dense(3)])"
    )
    again = Network.from_settings(json.loads(json.dumps(net.settings())))
    assert again.settings() == net.settings() and repr(again) == repr(net)
    finer = net.variant(dt=0.001, input="sampled")
    assert [tuple(w.shape) for w in finer.weights()] == [(3, 1, 2, 2), (6, 4), (4, 4), (4, 3)]
    for a, b in zip(net.weights(), finer.weights(), strict=True):
        torch.testing.assert_close(b * 0.001, a, rtol=1e-6, atol=0)  # areas are kept
    images, labels = np.random.default_rng(0).random((12, 3, 5)), np.arange(12) % 3
    options = {"encoder": Poisson(0.02), "loss": CountCrossEntropy()}
    path = tmp_path / "net.pt"
    history = fit(net, images, labels, epochs=2, batch_size=5, checkpoint=path, **options)
    assert all(math.isfinite(entry["loss"]) for entry in history)
    loaded, encoder, loss = load_network(path)
    for a, b in zip(net.weights(), loaded.weights(), strict=True):
        assert torch.equal(a, b)
    result = evaluate(loaded, images, labels, encoder=encoder, loss=loss)
    assert len(result.spikes) == len(result.silent) == 3
    resumed = network(layers, (1, 3, 5), seed=3)
    fit(resumed, images, labels, epochs=1, batch_size=5, checkpoint=tmp_path / "half.pt", **options)
    fit(
        resumed,
        images,
        labels,
        epochs=2,
        batch_size=5,
        checkpoint=tmp_path / "half.pt",
        resume=True,
        **options,
    )
    for a, b in zip(net.weights(), resumed.weights(), strict=True):
        assert torch.equal(a, b)


def test_recordings_name_layers_and_their_shapes():
    net = network()
    images = np.random.default_rng(0).random((2, 2, 9, 8))
    traces = record(net, images, encoder=Poisson(0.02), layers=(1, 3), neurons=(0, 4))
    assert traces["voltage"].shape == (2, 4, 10)
    np.testing.assert_array_equal(traces["layer"], [1, 1, 3, 3])
    assert json.loads(traces.attrs["shapes"]) == [[2, 9, 8], [3, 7, 6], [4, 4, 4], [5]]


def test_drive_statistics_of_a_convolution_are_those_of_its_trials():
    """Mean and power of the sum of weights in a step, against 4000 draws: five standard errors."""
    from snntheory.training import drive_statistics

    net = network([Pool(2), Conv(3, 2)], (1, 4, 6))
    image = np.random.default_rng(1).random((1, 1, 4, 6))
    encoder = Poisson(window=8.0, max_rate=200.0)
    mean, power = drive_statistics(net, image, encoder)
    given = encoder(torch.from_numpy(image).float().flatten(1), net.dt, torch.Generator().manual_seed(5))
    drawn = connections.drive(net.stages[0], given, net.weights()[0])[:, 0].double().numpy() / net.dt
    error = drawn.std(0) / math.sqrt(len(drawn))
    assert (np.abs(drawn.mean(0) - mean[0]) < 5 * error).all()
    np.testing.assert_allclose(drawn.var(0) * net.dt, power[0], rtol=5 * math.sqrt(3 / len(drawn)))


def test_what_has_no_linear_drive_is_refused():
    from snntheory.training import drive_statistics

    images = np.zeros((1, 1, 4, 6))
    for layers in ([Pool(2, "max"), Dense(3)], [Dense(3, recurrent=True)]):
        with pytest.raises(ValueError, match="drive_statistics needs a first layer"):
            drive_statistics(network(layers, (1, 4, 6)), images, Poisson())
        assert "drive_mean" not in record(network(layers, (1, 4, 6)), images, encoder=Poisson(0.02))


def test_wrong_layers():
    for layers, message in [
        ([], "layers must end with Dense or Conv"),
        ([Conv(2, 3), Pool(2)], "layers must end with Dense or Conv: a Pool has no neurons"),
        (
            [Dense(4), Conv(2, 3)],
            r"Conv\(2, 3\) needs \(channels, height, width\) before it, got the shape \(4,\)",
        ),
        ([Conv(2, 9)], r"Conv\(2, 9\) is larger than the maps before it, of shape \(2, 9, 8\)"),
        ([Pool(10), Dense(2)], "is larger than the maps"),
    ]:
        with pytest.raises(ValueError, match=message):
            network(layers)
    for layers in (Dense(3), 5, [300, 10], ["Dense(3)"]):
        with pytest.raises(TypeError, match="layers must be"):
            network(layers)
    with pytest.raises(ValueError, match="sizes must be the shape of the input"):
        network(shape=())
    with pytest.raises(TypeError, match="sizes must be the shape of the input"):
        network(shape=784)
    with pytest.raises(ValueError, match=r"Pool\(2\) needs \(channels, height, width\)"):
        network([Pool(2), Dense(2)], (28, 28))
    for kind, *values in [(Dense, 0), (Conv, 2, 3, 0), (Pool, 2, "sum"), (Conv, 2, 3, 1, -1)]:
        with pytest.raises(ValueError, match="must be"):
            kind(*values)
    with pytest.raises(TypeError, match="recurrent must be True or False"):
        Dense(3, "yes")
    with pytest.raises(ValueError, match="of 1 layers, 2 in all as recurrent layers have two, got 1"):
        network([Dense(3, recurrent=True)], (4,)).set_weights([np.zeros((4, 3))])
    with pytest.raises(ValueError, match=r"spikes must have shape \(n_steps, batch, 144\)"):
        network()(torch.zeros((6, 3, 2, 8, 9)))
