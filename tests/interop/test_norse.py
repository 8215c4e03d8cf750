"""Norse itself against the declared updates, in float64."""

import warnings

import numpy as np
import pytest

from snntheory.linear import frameworks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch", exc_type=ImportError)
    pytest.importorskip("norse", reason="needs norse (extra interop)", exc_type=ImportError)
    from norse.torch.functional import leaky_integrator, lif

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]
DT = 1e-3
VALUES = {"tau_mem_inv": 50.0, "tau_syn_inv": 100.0}


def double(value):
    return torch.tensor([value], dtype=torch.float64)


def parameters(kind, **more):
    return kind(
        tau_mem_inv=double(VALUES["tau_mem_inv"]),
        tau_syn_inv=double(VALUES["tau_syn_inv"]),
        v_leak=double(0.0),
        **more,
    )


def test_leaky_integrator(inputs, equals_declaration):
    state, voltage = leaky_integrator.LIState(double(0.0), double(0.0)), []
    for value in inputs:
        u, state = leaky_integrator.li_feed_forward_step(
            double(value), state, parameters(leaky_integrator.LIParameters), DT
        )
        voltage.append(u.item())
    equals_declaration("norse.LIFCell", VALUES, DT, inputs, voltage)


def test_lif_with_its_reset(excitation, equals_declaration):
    typed = parameters(lif.LIFParameters, v_th=double(0.1), v_reset=double(-0.02))
    state, rows = lif.LIFFeedForwardState(v=double(0.0), i=double(0.0)), []
    for value in excitation:
        spike, state = lif.lif_feed_forward_step(double(value), state, typed, DT)
        rows.append([spike.item(), state.v.item()])
    spikes, voltage = np.array(rows).T
    limits = {"v_threshold": 0.1, "v_reset": -0.02}
    equals_declaration("norse.LIFCell", VALUES, DT, excitation, voltage, spikes, **limits)


def test_cuba_lif_read_from_nir_makes_a_spike_a_current_of_one_step(inputs, equals_declaration):
    nir = pytest.importorskip("nir", reason="needs nir (extra interop)")
    from norse.torch.utils.import_nir import _import_norse_module

    one, tau = np.ones(1), np.array([0.02])
    node = nir.CubaLIF(tau_syn=tau / 2, tau_mem=tau, r=one, v_leak=0 * one, v_threshold=1e9 * one)
    module, state, voltage = _import_norse_module(node, dt=DT), None, []
    for value in inputs:
        _, state = module(torch.tensor([value], dtype=torch.float32), state)
        voltage.append(state[1].v.item())
    # single precision: 2**-24 relative in each of some 40 remembered steps
    equals_declaration("norse.from_nir.CubaLIF", VALUES, DT, inputs, voltage, atol=3e-6)


def test_area_of_a_spike_read_from_nir_is_proportional_to_the_step():
    update = frameworks.get("norse.from_nir.CubaLIF")
    areas = []
    for dt in (1e-3, 5e-4):
        a, b, _ = update.numbers(VALUES, dt)
        areas.append(dt * np.linalg.solve(np.eye(2) - a, b)[0])
    assert areas == pytest.approx([1e-3, 5e-4], rel=1e-12)
