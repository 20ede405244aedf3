"""Leaves out whole channels, so that no single modality decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import chance

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class ModalityDropout(Intensity):
    """Channels replaced by their mean."""

    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place; one channel at least is kept, so that a sample of one channel stays as it is."""
        for channel in self._left_out(len(values), rng):
            values[channel] = values[channel].mean()
        return values

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """The same."""
        for channel in self._left_out(len(values), rng):
            values[channel] = values[channel].mean()
        return values

    def _left_out(self, channels: int, rng: np.random.Generator) -> list[int]:
        left_out = rng.random(channels) < self.p
        if left_out.all():
            left_out[int(rng.integers(channels))] = False
        found: list[int] = np.flatnonzero(left_out).tolist()
        return found


def modality_dropout(*, p: float = 0.1) -> Intensity:
    """Each channel is left out by chance: it becomes its mean in the sample, which says nothing of places.

    A network trained so still answers when a modality of a patient is missing or spoiled.

    Args:
        p: How likely, for each channel.
    """
    return ModalityDropout(p=chance(p, "modality_dropout.p"))
