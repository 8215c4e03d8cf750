"""Where Triton's kernels run: on a GPU, or on a CPU in Triton's interpreter (slow; for tests)."""

from __future__ import annotations

import torch


def check_device(name: str, device: torch.device) -> None:
    """Raise ValueError where the tensor called ``name`` lies on a device on which the kernels cannot run."""
    from triton import knobs

    if device.type != "cuda" and not (device.type == "cpu" and knobs.runtime.interpret):
        raise ValueError(
            f"backend 'triton' runs on a GPU, {name} is on {device}; use backend='auto', or for tests on a CPU set the "
            "environment variable TRITON_INTERPRET=1 before Python starts"
        )
