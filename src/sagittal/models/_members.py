"""Several networks of one kind, started apart: trained side by side, they answer together.

Source: Lakshminarayanan, Pritzel & Blundell, Simple and scalable predictive uncertainty estimation using
deep ensembles, NeurIPS (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from sagittal.models._network import Network


class Members(Network):
    """In training each member answers its own part of a batch; in evaluation the mean of the members' logits.

    Sample ``i`` of a training batch ``(B * members, C, ...)`` is for member ``i % members``, and the answers come in the
    order of the samples, as from one network: ``(B * members, outputs, ...)``.

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
        self.several = first.several
        self.learners = members

    @property
    def stages(self) -> list[tuple[str, nn.Module]]:
        """One stage: members have no common trunk."""
        return [("members", self.members)]

    @property
    def multiples(self) -> tuple[int, ...]:
        """Those of each member."""
        return cast(Network, self.members[0]).multiples

    def forward(self, x: Tensor) -> Tensor:
        """The logits; in training a tuple where each member gives one."""
        if not self.training:
            return torch.stack([member(x) for member in self.members], dim=1).mean(dim=1)
        if len(x) % self.learners:
            raise ValueError(f"{len(x)} samples cannot be shared out evenly among {self.learners} networks")
        each = [member(x[n :: self.learners]) for n, member in enumerate(self.members)]
        if isinstance(each[0], tuple):
            # only in training, where the loss takes it
            return tuple(torch.stack(parts, dim=1).flatten(0, 1) for parts in zip(*each, strict=True))  # type: ignore[return-value]
        return torch.stack(each, dim=1).flatten(0, 1)
