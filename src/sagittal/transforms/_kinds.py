"""The three kinds of augmentation: where to read, how bright, and what to mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Values = NDArray[np.float32]


@runtime_checkable
class Geometric(Protocol):
    """Moves what is seen. It says where to read from, so that image, mask and points move together."""

    tables: ClassVar[bool] = False
    """Whether it means something for a row of a table."""

    def affine(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """From indices of the grid to the indices of the same grid whose values are wanted there.

        Args:
            grid: What is made; spacing and extent are taken from it.
            rng: Where chance comes from.

        Returns:
            ``(n+1, n+1)``, or None when nothing moves this time.
        """
        ...

    def field(self, grid: Geometry, rng: np.random.Generator) -> Floats | None:
        """Displacements at control points, in samples of the grid, ``(n, *controls)``; None for straight ones.

        Asked after :meth:`affine`, with the same generator.
        """
        return None

    def finest(self, axes: int) -> float:
        """The smallest step that it takes on a grid of so many axes, in steps of the grid: how much it enlarges at most."""
        return 1.0


@runtime_checkable
class Intensity(Protocol):
    """Changes values and leaves them where they are."""

    tables: ClassVar[bool] = False
    pictures: ClassVar[bool] = True
    """Whether it means something for pictures and volumes."""

    def apply(self, values: Values, rng: np.random.Generator) -> Values:
        """Other values for the same samples.

        Args:
            values: ``(C, *shape)``, scaled to about 0 to 1, before the mean is taken off. May be overwritten.
            rng: Where chance comes from.
        """
        ...


@runtime_checkable
class OnTensor(Protocol):
    """An :class:`Intensity` that knows tensors too, for batches that a device reads."""

    def apply_to_tensor(self, values: Tensor, rng: np.random.Generator) -> Tensor:
        """What ``apply`` gives, with the same draws, within rounding; without waiting for the device.

        Args:
            values: ``(C, *shape)`` float32, on any device. May be overwritten.
            rng: Where chance comes from.
        """
        ...


@runtime_checkable
class Mixing(Protocol):
    """Mixes the samples of a batch."""

    tables: ClassVar[bool] = True

    def mix(self, images: Values, targets: Values, rng: np.random.Generator) -> tuple[Values, Values]:
        """Other images ``(B, C, *shape)`` and soft targets ``(B, K)``; neither is overwritten."""
        ...
