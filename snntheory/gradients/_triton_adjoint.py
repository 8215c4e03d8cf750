"""The adjoint method for a batch on a GPU: one program a sample and block of neurons, event by event both ways.

The programs of a sample read the same sorted input events; weights lie as (pre, post), so that a block reads and adds
to one stretch of a row. Kept between the passes: the sorted events and, for every place of the padded result, the
spike's time and drive. Sums over samples are atomic additions: their last digits depend on the order of the day.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from ..spiking.layer import LayerConstants, LimitError
from ._triton_device import check_device
from ._triton_math import crossing, decays
from .layers import Settings, _check_trains


@triton.jit
def _forward(
    times,
    senders,
    n_events,
    weights,
    constants,
    spikes,
    drives,
    counts,
    most,
    n_out,
    room,
    limit,
    QUADRATIC: tl.constexpr,
    RESETS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    sample = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < n_out
    tau_mem, tau_syn, gain = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    threshold, after, t_max = tl.load(constants + 3), tl.load(constants + 4), tl.load(constants + 5)
    u = tl.zeros((BLOCK,), dtype=tl.float64)
    drive = tl.zeros((BLOCK,), dtype=tl.float64)
    armed = inside
    count = tl.zeros((BLOCK,), dtype=tl.int32)
    row = (sample * n_out + j) * room
    now = t_max - t_max
    total = tl.load(n_events + sample)
    for event in range(total + 1):
        is_input = event < total
        end = tl.load(times + sample * most + event, mask=is_input, other=0.0)
        end = tl.where(is_input, end, t_max)
        elapsed = tl.zeros((BLOCK,), dtype=tl.float64)
        rest = elapsed + (end - now)
        mem, syn, coupled = decays(rest, tau_mem, tau_syn)
        later, left = u * mem + drive * coupled, drive * syn
        # it ends above the threshold, or has passed a maximum that may lie above; a few neurons of a block do
        may = (later >= threshold) | ((drive > threshold) & (drive > u) & (left <= later)) | (u >= threshold)
        looking = inside & armed & may & (rest > 0.0) & (count <= limit)
        going = tl.max(looking.to(tl.int32), 0)
        while going > 0:
            s, fires = crossing(u, drive, rest, armed, threshold, tau_mem, tau_syn, QUADRATIC)
            fires = fires & looking
            s = tl.where(fires, tl.minimum(s, rest), 0.0)
            drive = drive * tl.exp(-s / tau_syn)
            u = tl.where(fires, after, u)
            elapsed = elapsed + s
            rest = tl.where(fires, tl.maximum(end - now - elapsed, 0.0), rest)
            if not RESETS:
                armed = armed & ~fires
            kept = fires & (count < room)
            tl.store(spikes + row + count, tl.minimum(now + elapsed, end), mask=kept)
            tl.store(drives + row + count, drive, mask=kept)
            count = count + fires.to(tl.int32)
            looking = fires & (rest > 0.0) & (count <= limit) & (drive > threshold)
            going = tl.max(looking.to(tl.int32), 0)
        mem, syn, coupled = decays(rest, tau_mem, tau_syn)
        u = u * mem + drive * coupled
        if not RESETS:
            armed = armed | (inside & (u < threshold))
        sender = tl.load(senders + sample * most + event, mask=is_input, other=0)
        real = inside & (tl.zeros_like(total + j) + event < total)
        given = tl.load(weights + sender * n_out + j, mask=real, other=0.0)
        drive = drive * syn + gain * given.to(tl.float64)
        now = end
    tl.store(counts + sample * n_out + j, count.to(tl.int64), mask=inside)


@triton.jit
def _backward(
    times,
    senders,
    n_events,
    weights,
    constants,
    spikes,
    drives,
    counts,
    arriving,
    to_weights,
    to_times,
    most,
    n_out,
    room,
    WANT_TIMES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    sample = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < n_out
    tau_mem, tau_syn, gain = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    threshold, after = tl.load(constants + 3), tl.load(constants + 4)
    row = (sample * n_out + j) * room
    count = tl.load(counts + sample * n_out + j, mask=inside, other=0)
    k = tl.minimum(count, room).to(tl.int32) - 1  # each neuron's next spike on the way back
    along_u = tl.zeros((BLOCK,), dtype=tl.float64)
    along_d = tl.zeros((BLOCK,), dtype=tl.float64)
    at = tl.load(spikes + row + k, mask=inside & (k >= 0), other=0.0)
    total = tl.load(n_events + sample)
    for back in range(total):
        event = total - 1 - back
        low = tl.load(times + sample * most + event)
        going = tl.max((k >= 0).to(tl.int32), 0)
        while going > 0:
            there = inside & (k >= 0)
            own = tl.load(spikes + row + k, mask=there, other=-1.0)
            fires = there & (own > low)
            received = tl.load(arriving + row + k, mask=fires, other=0.0).to(tl.float64)
            held = tl.load(drives + row + k, mask=fires, other=0.0)
            mem, syn, coupled = decays(tl.where(fires, at - own, 0.0), tau_mem, tau_syn)
            fall, rise = held - after, tl.where(fires, held - threshold, 1.0)
            along_d = tl.where(fires, along_d * syn + along_u * coupled, along_d)
            along_u = tl.where(fires, (fall * (along_u * mem) - tau_mem * received) / rise, along_u)
            at = tl.where(fires, own, at)
            k = k - fires.to(tl.int32)
            going = tl.max(fires.to(tl.int32), 0)
        mem, syn, coupled = decays(tl.maximum(at - low, 0.0), tau_mem, tau_syn)
        along_d = along_d * syn + along_u * coupled
        along_u = along_u * mem
        at = tl.minimum(at, low)
        sender = tl.load(senders + sample * most + event)
        tl.atomic_add(to_weights + sender * n_out + j, gain * along_d, mask=inside & (along_d != 0.0))
        if WANT_TIMES:
            given = tl.load(weights + sender * n_out + j, mask=inside, other=0.0).to(tl.float64)
            late = tl.sum(given * (along_d / tau_syn - along_u / tau_mem), 0)
            tl.atomic_add(to_times + sample * most + event, gain * late)


def _events(times: torch.Tensor, t_max: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Spikes of each sample in rising order, the slot of each, and how many there are."""
    rises = bool((times >= 0).all() and (times[..., 1:] >= times[..., :-1]).all())
    end = t_max * (1 + torch.finfo(times.dtype).eps)
    if not rises or bool(((times > end) & times.isfinite()).any()):
        for sample, padded in enumerate(times.double().cpu().numpy()):
            _check_trains(sample, padded, end)
    flat = times.double().flatten(1)
    n_events = flat.isfinite().sum(1)
    most = max(int(n_events.max()) if len(flat) else 0, 1)
    in_order, slots = flat.sort(dim=1, stable=True)
    return in_order[:, :most].clamp(max=t_max).contiguous(), slots[:, :most].contiguous(), n_events


def run(times: torch.Tensor, weights: torch.Tensor, settings: Settings) -> Any:
    """As the other backends of :mod:`snntheory.gradients.layers`."""
    check_device("times", times.device)
    neuron, t_max, room, limit = settings[:4]
    if neuron.v_threshold <= 0:
        raise ValueError(
            f"backend 'triton' needs v_threshold > 0, got {neuron.v_threshold:g}; use backend='reference'"
        )
    (batch, _, k_in), n_out = times.shape, weights.shape[1]
    in_order, slots, n_events = _events(times, t_max)
    senders, weights = slots // max(k_in, 1), weights.contiguous()
    after = LayerConstants.of(neuron).after
    resets = after == after  # NaN where nothing is reset
    values = [neuron.tau_mem, neuron.tau_syn, neuron.r / neuron.tau_syn, neuron.v_threshold]
    values += [after if resets else neuron.v_threshold, t_max]
    float64: dict[str, Any] = dict(dtype=torch.float64, device=times.device)
    constants = torch.tensor(values, **float64)  # a number among the arguments would be rounded to float32
    spikes = torch.full((batch, n_out, room), torch.inf, **float64)
    drives = torch.zeros_like(spikes)
    counts = torch.zeros((batch, n_out), dtype=torch.int64, device=times.device)
    block = min(128, max(16, triton.next_power_of_2(n_out)))
    programs, most = (batch, triton.cdiv(n_out, block)), in_order.shape[1]
    given = (in_order, senders, n_events, weights, constants, spikes, drives, counts)
    _forward[programs](
        *given,
        most,
        n_out,
        room,
        limit,
        QUADRATIC=neuron.tau_mem == 2 * neuron.tau_syn,
        RESETS=resets,
        BLOCK=block,
        enable_fp_fusion=True,
    )
    over = counts > limit
    if bool(over.any()):
        sample, j = over.nonzero()[0].tolist()
        raise LimitError(sample, j)

    def back(arriving: torch.Tensor, want_times: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        to_weights = torch.zeros(weights.shape, **float64)
        to_times = torch.zeros(in_order.shape if want_times else (1, 1), **float64)
        _backward[programs](
            *given,
            arriving.contiguous(),
            to_weights,
            to_times,
            most,
            n_out,
            room,
            WANT_TIMES=want_times,
            BLOCK=block,
            enable_fp_fusion=True,
        )
        if not want_times:
            return to_weights.to(times.dtype), None
        late = torch.zeros(batch, times[0].numel(), **float64).scatter_(1, slots, to_times)
        return to_weights.to(times.dtype), late.view(times.shape).to(times.dtype)

    return spikes.to(times.dtype), counts, back
