"""What the experiments of source 003 share: its neuron, its initial weights, its loss, how a network is made.

Lee, Haghighatshoar and Karbasi (2023), section 5 and tables 1-3. Time constants are inverse rates; the source names no
unit of time, here it is the second. Its loss reads first output spikes only, which do not know the reset: output
neurons have none here, which saves their later spikes and changes nothing.

The source does not say when a simulation ends. Its "maximum time" T is that of the inputs: a late spike of the XOR task
arrives at T itself, and nothing would come out of a network that stops there. ``t_max`` lies behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import conventions
from ..neuron import CubaLIF
from ..training import EventNetwork
from ..training.initial import Normal


@dataclass(frozen=True)
class Cell:
    """The neuron in the source's words: rates of synapse and membrane in 1/s, threshold."""

    alpha: float
    beta: float
    theta: float = 1.0

    def neuron(self) -> CubaLIF:
        """As a canonical neuron with the subtracting reset; weights of the source are those of ``unit="jump"``."""
        values = {"alpha": self.alpha, "beta": self.beta, "threshold": self.theta}
        return conventions.get("fp").to_neuron(values)[0]


def network(
    sizes: Sequence[int],
    cell: Cell,
    t_max: float,
    initial: Sequence[Normal],
    seed: int,
    *,
    looks: Sequence[float] = (),
    max_spikes: int = 30,
) -> EventNetwork:
    """The source's network: neurons of one kind, outputs of which the first spike is read."""
    neuron = cell.neuron()
    layers = [neuron] * (len(sizes) - 2) + [replace(neuron, reset="none")]
    rooms = [max_spikes] * (len(sizes) - 2) + [1]
    return EventNetwork(
        sizes,
        layers,
        t_max,
        max_spikes=rooms,
        overflow="drop",
        initial=initial,
        unit="jump",
        looks=looks,
        seed=seed,
    )
