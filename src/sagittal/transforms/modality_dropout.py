"""Leaves out whole channels, so that no single modality decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.transforms._kinds import Intensity, Values
from sagittal.transforms._ranges import chance


@dataclass(frozen=True, kw_only=True, slots=True)
class ModalityDropout(Intensity):
    """Channels replaced by their mean."""

    p: float

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """In place; one channel at least is kept, so that a sample of one channel stays as it is."""
        left_out = rng.random(len(values)) < self.p
        if left_out.all():
            left_out[int(rng.integers(len(values)))] = False
        for channel in np.flatnonzero(left_out):
            values[channel] = values[channel].mean()
        return values


def modality_dropout(*, p: float = 0.1) -> Intensity:
    """Each channel is left out by chance: it becomes its mean in the sample, which says nothing of places.

    A network trained so still answers when a modality of a patient is missing or spoiled.

    Args:
        p: How likely, for each channel.
    """
    return ModalityDropout(p=chance(p, "modality_dropout.p"))
