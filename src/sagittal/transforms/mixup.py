"""Trains on weighted sums of two samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagittal.errors import UsageError
from sagittal.transforms._kinds import Mixing, Values
from sagittal.transforms._ranges import chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixup(Mixing):
    """Each sample is mixed with another of its batch."""

    alpha: float
    p: float

    def mix(self, images: Values, targets: Values, rng: np.random.Generator) -> tuple[Values, Values]:
        """The sample itself always has the larger share.

        Raises:
            ValueError: Targets are class indices: they cannot be mixed; give one row of class shares a sample.
        """
        if targets.dtype.kind != "f" or len(targets) != len(images):
            raise ValueError(f"soft targets are needed, a row of class shares a sample, not {targets.dtype} of shape {targets.shape}")
        if rng.random() >= self.p:
            return images, targets
        drawn = rng.beta(self.alpha, self.alpha, size=len(images))
        own: Values = np.maximum(drawn, 1 - drawn).astype(np.float32)
        partner = rng.permutation(len(images))
        return _mixed(images, own, partner), _mixed(targets, own, partner)


def mixup(*, alpha: float = 0.3, p: float = 1.0) -> Mixing:
    """Mixup (Zhang et al. 2018), with a share drawn for each sample instead of for each batch.

    Args:
        alpha: Of the Beta distribution of the shares: 0.1 hardly mixes, 1 mixes evenly.
        p: How likely, for each batch.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < np.inf:
        raise UsageError("BAD_RANGE", "mixup.alpha", f"{alpha!r} is not above 0", "use for instance 0.3, or leave mixup out")
    return Mixup(alpha=float(alpha), p=chance(p, "mixup.p"))


def _mixed(values: Values, own: Values, partner: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Values:
    share = own.reshape(-1, *(1,) * (values.ndim - 1)).astype(values.dtype)
    mixed: Values = share * values + (1 - share) * values[partner]
    return mixed
