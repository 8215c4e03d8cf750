"""One training in several processes, on several GPUs or hosts: each takes its part of every batch.

The processes are started by ``torchrun``; :func:`snntheory.training.fit` sees them and needs no other argument. The
gradient is that of the whole batch: with ``n_k`` of ``n`` samples in process ``k``,

::

    dL/dw = sum_k (n_k / n) dL_k/dw

because every loss is a mean over the batch. All processes draw the random numbers of the whole batch and keep their
part, so the training is, up to the rounding of sums, that of one process, and their number may change when it is
resumed. (torch's DistributedDataParallel averages with equal weights, which is another gradient where the last batch
does not divide.)
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from .encoders import Latency
from .event_network import EventNetwork


@dataclass(frozen=True)
class Ranks:
    """This process among those of a training."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes checkpoints and shows progress."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """Its share of ``n`` samples: parts differ by one sample at most, and may be empty."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)


ALONE = Ranks()


def join(device: torch.device) -> tuple[Ranks, torch.device]:
    """The processes of this training and the device of this one: with ``"cuda"`` each its own GPU of its host.

    A process group that torch has already is used; without one, and under torchrun, it is made: NCCL between GPUs, Gloo
    between CPUs.
    """
    if not distributed.is_available():
        return ALONE, device
    if distributed.is_torchelastic_launched() and device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if not distributed.is_initialized():
        if not distributed.is_torchelastic_launched():
            return ALONE, device
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(_leave)
    return Ranks(distributed.get_rank(), distributed.get_world_size()), device


def first_here() -> bool:
    """Whether this process is the one that speaks: the first of those of torchrun, or the only one."""
    launched = distributed.is_available() and distributed.is_torchelastic_launched()
    return not launched or os.environ.get("RANK", "0") == "0"


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def encode(
    network: Any, encoder: Any, images: torch.Tensor, generator: torch.Generator, part: slice
) -> torch.Tensor:
    """Inputs of the samples ``part`` of a batch, with the random numbers of the whole batch."""
    if part == slice(0, len(images)):
        whole: torch.Tensor = network.encode(encoder, images, generator)
        return whole
    if isinstance(encoder, Latency):  # nothing random in it: only the part is encoded
        own: torch.Tensor = network.encode(encoder, images[part], generator)
        return own
    given = network.encode(encoder, images, generator)
    return (given[part] if isinstance(network, EventNetwork) else given[:, part]).contiguous()


def same_everywhere(tensors: Iterable[torch.Tensor], ranks: Ranks) -> None:
    """Give all processes the tensors of the first."""
    if ranks.size > 1:
        for each in tensors:
            distributed.broadcast(each.detach(), 0)


def bytes_of_the_first(content: bytes | None, ranks: Ranks, device: torch.device) -> bytes | None:
    """The bytes that the first process has (it may be the only one that sees the file), or None."""
    if ranks.size == 1:
        return content
    length = torch.tensor([-1 if content is None else len(content)], device=device)
    distributed.broadcast(length, 0)
    if length.item() < 0:
        return None
    buffer = torch.empty(int(length.item()), dtype=torch.uint8, device=device)
    if ranks.first and content is not None:
        buffer.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    distributed.broadcast(buffer, 0)
    return buffer.cpu().numpy().tobytes()


def summed(values: Iterable[float], ranks: Ranks, device: torch.device) -> list[float]:
    """Sums over the processes, in float64."""
    found = torch.tensor(list(values), dtype=torch.float64, device=device)
    if ranks.size > 1:
        distributed.all_reduce(found)
    return [float(each) for each in found.tolist()]


def join_gradients(network: torch.nn.Module, share: float, ranks: Ranks) -> None:
    """Replace each gradient by that of the whole batch; ``share`` is the part of its samples that is here.

    A parameter that has a gradient in no process keeps none, so that the optimiser leaves it alone.
    """
    if ranks.size == 1:
        return
    parameters = list(network.parameters())
    pieces = []
    for each in parameters:
        own = torch.zeros_like(each) if each.grad is None else each.grad * share
        pieces += [own.reshape(-1), own.new_tensor([each.grad is not None])]
    joint = torch.cat(pieces)
    distributed.all_reduce(joint)
    start = 0
    for each in parameters:
        end = start + each.numel()
        each.grad = joint[start:end].view_as(each).clone() if joint[end] > 0 else None
        start = end + 1
