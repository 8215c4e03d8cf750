"""NIR itself: nodes through a file, and how the four libraries read them."""

import warnings

import numpy as np
import pytest

from snntheory import CubaLIF
from snntheory.linear import frameworks
from snntheory.nir import LostInNIR, from_nir, read_as, to_nir

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nir = pytest.importorskip("nir", reason="needs nir (extra interop)", exc_type=ImportError)

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
HARD = CubaLIF(0.02, 0.01, r=1.5, v_threshold=0.7, v_reset=-0.1, reset="to_value")


def through_file(node, folder):
    path = folder / "network.nir"
    nir.write(path, nir.NIRGraph.from_list(node))
    return nir.read(path).nodes["cubalif"]


@pytest.mark.parametrize("spike", ["dirac", "sampled"])
@pytest.mark.parametrize("reset", ["to_value", "subtract", "none"])
def test_round_trip_through_a_file_loses_nothing(reset, spike, tmp_path):
    rng = np.random.default_rng(1)
    neurons = [
        CubaLIF(*rng.uniform(0.001, 0.1, 3), v_threshold=1.3, v_reset=-0.1, reset=reset) for _ in range(6)
    ]
    weights = rng.normal(size=6)
    options = {"dt": 1e-3, "scheme": "parker_sochacki", "order": 3, "input": spike}
    loaded = from_nir(through_file(to_nir(neurons, weights, shape=(2, 3), **options), tmp_path))
    assert loaded.neurons == tuple(neurons)
    # a product and a quotient with dt
    np.testing.assert_allclose(loaded.weights, weights, rtol=0 if spike == "dirac" else 3e-16)
    assert (loaded.shape, loaded.dt, loaded.scheme, loaded.order) == ((2, 3), 1e-3, "parker_sochacki", 3)
    assert loaded.input == spike


def test_soft_reset_is_said_to_be_lost():
    with pytest.warns(LostInNIR, match="no reset 'subtract'"):
        node = to_nir(CubaLIF(0.02, 0.01))
    assert node.v_reset == [0.0]
    node.metadata.clear()
    assert from_nir(node).neurons == (CubaLIF(0.02, 0.01, reset="to_value"),)


def test_foreign_nodes_have_no_metadata(tmp_path):
    one = np.ones(1)
    foreign = nir.CubaLIF(tau_syn=0.01 * one, tau_mem=0.02 * one, r=one, v_leak=0 * one, v_threshold=one)
    assert from_nir(through_file(foreign, tmp_path)).neurons == (CubaLIF(0.02, 0.01, reset="to_value"),)


def fitting(dt):
    """A node that every library accepts at the step dt, apart from Rockpool's guess of it."""
    one, mem, syn = np.ones(1), 0.02, 0.01
    return nir.CubaLIF(
        tau_syn=syn * one,
        tau_mem=mem * one,
        r=mem / dt * one,
        v_leak=0 * one,
        v_threshold=1e9 * one,
        w_in=syn / dt,
    )


def voltage_as_declared(node, library, inputs, dt=None):
    reading = read_as(node, library, dt)
    update = frameworks.get(reading.framework)
    return frameworks.simulate(update, reading.values, reading.dt, reading.weight * inputs, reset="none")[0]


def read_norse(node, inputs):
    torch, module = pytest.importorskip("torch"), pytest.importorskip("norse.torch.utils.import_nir")
    cell, state, voltage = module._import_norse_module(node, dt=1e-4), None, []
    for value in inputs:
        _, state = cell(torch.tensor([value], dtype=torch.float32), state)
        voltage.append(state[1].v.item())
    return voltage


def read_snntorch(node, inputs):
    torch, module = pytest.importorskip("torch"), pytest.importorskip("snntorch.import_nir")
    cell, voltage = module._nir_to_snntorch_module(node).double(), []
    syn = mem = torch.zeros(1, dtype=torch.float64)
    for value in inputs:
        _, syn, mem = cell(torch.tensor([value], dtype=torch.float64), syn, mem)
        voltage.append(mem.item())
    return voltage


def read_spikingjelly(node, inputs):
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("spikingjelly.activation_based.nir_exchange.from_nir")
    cell, voltage = module._NodeMapper(dt=1e-4).map_cuba_lif(node).module, []
    for value in inputs:
        cell(torch.tensor([value], dtype=torch.float64))
        voltage.append(cell.v.item())
    return voltage


def read_rockpool(node, inputs):
    torch, module = pytest.importorskip("torch"), pytest.importorskip("rockpool.nn.modules.torch.nir")
    cell = module._convert_nir_to_rockpool(node)
    _, _, record = cell(torch.tensor(inputs, dtype=torch.float32).reshape(1, -1, 1), record=True)
    return record["vmem"][0, :, 0].detach().numpy()


READERS = {
    "norse": (read_norse, 1e-4),
    "snntorch": (read_snntorch, None),
    "spikingjelly": (read_spikingjelly, 1e-4),
    "rockpool": (read_rockpool, None),
}


@pytest.mark.parametrize("library", READERS)
def test_libraries_read_nodes_as_declared(library, inputs):
    read, dt = READERS[library]
    node = fitting(1e-4)
    expected = voltage_as_declared(node, library, inputs, dt)
    # decays and states in single precision, 2**-24, remembered for 200 steps
    np.testing.assert_allclose(read(node, inputs), expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_rockpool_takes_the_step_from_the_resistance():
    pytest.importorskip("rockpool")
    module = pytest.importorskip("rockpool.nn.modules.torch.nir")
    node = fitting(1e-4)
    node.r = np.ones(1)
    assert module._convert_nir_to_rockpool(node).dt == pytest.approx(0.01, rel=1e-6)
    assert read_as(node, "rockpool").dt == pytest.approx(0.01, rel=1e-12)


def test_our_sampled_node_has_the_right_area_in_norse():
    """w_in over dt gives a spike back the area that the equations say."""
    pytest.importorskip("norse")
    inputs = np.r_[1.0, np.zeros(2999)]
    voltage = read_norse(to_nir(HARD, 0.005, dt=1e-4, input="sampled"), inputs)
    # 0.3 s are fifteen membrane time constants: exp(-15) is left; the rest is single precision
    assert 1e-4 * np.sum(voltage) == pytest.approx(0.005 * HARD.r, rel=1e-5)
    literal = read_norse(to_nir(HARD, 0.005), inputs)
    assert 1e-4 * np.sum(literal) == pytest.approx(1e-4 * 0.005 * HARD.r, rel=1e-5)


def test_norse_export_multiplies_time_constants_by_the_step():
    """Norse 1.1.0 writes dt / tau_mem_inv, so what it reads back is another neuron."""
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("norse.torch.utils.export_nir")
    from norse.torch import LIFCell, LIFParameters

    rates = {"tau_mem_inv": torch.tensor([50.0]), "tau_syn_inv": torch.tensor([100.0])}
    typed = LIFParameters(**rates, v_th=torch.ones(1), v_leak=torch.zeros(1))
    node = module._extract_norse_module(LIFCell(p=typed), dt=1e-3)
    assert float(node.tau_mem[0]) == pytest.approx(0.02 * 1e-3, rel=1e-6)
