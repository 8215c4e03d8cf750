"""What is tried before a training begins, so that it is refused before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .event_network import EventNetwork
    from .network import Network


@torch.no_grad()
def trial(
    network: Network | EventNetwork, encoder: Any, loss: Any, images: torch.Tensor, labels: torch.Tensor
) -> None:
    """Encode one sample and judge it, on the CPU, where the network is left.

    Raises
    ------
    ValueError, TypeError
        The network cannot be trained, the encoder refuses its time step or gives no spike times, the network does not
        have what the loss reads.
    """
    network.refuse()
    given = network.to("cpu").encode(encoder, images[:1], torch.Generator().manual_seed(0))
    network.judge(loss, given, labels[:1])
