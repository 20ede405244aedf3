"""Several networks of one kind, started apart: trained side by side, they answer together.

Source: Lakshminarayanan, Pritzel & Blundell, Simple and scalable predictive uncertainty estimation using
deep ensembles, NeurIPS (2017).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sagittal.models._network import Network


class Members(Network):
    """In training ``(B, members, outputs, ...)``; in evaluation the mean of the members' logits.

    Args:
        make: Gives the network of a seed.
        members: How many.
        seed: Of the first one; the others follow.
    """

    def __init__(self, make: Callable[[int], Network], members: int, seed: int) -> None:
        made = [make(seed * members + m) for m in range(members)]
        first = made[0]
        super().__init__(
            axes=first.axes,
            channels=first.channels,
            outputs=first.outputs,
            multiple=first.multiple,
            smallest=first.smallest,
            dense=first.dense,
        )
        self.members = nn.ModuleList(made)

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """One stage: members have no common trunk."""
        return [("members", self.members)]

    def forward(self, x: Tensor) -> Tensor:
        """The logits of each member, or their mean."""
        found = torch.stack([member(x) for member in self.members], dim=1)
        return found if self.training else found.mean(dim=1)
