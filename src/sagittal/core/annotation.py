"""What a person said of a case; it answers questions about any region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.errors import Refused

IGNORE = -1
"""The class index of samples of which nothing is known; every loss and metric leaves them out."""


class Annotation(Protocol):
    """What every annotation is asked. One that cannot answer raises ``Refused`` with a sentence why."""

    @property
    def labels(self) -> Labels:
        """The classes that the answers count."""
        ...

    def label_of(self, region: Geometry) -> int:
        """The class index of a region as a whole."""
        ...

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """Which classes are present in a region, ``(K,)``."""
        ...

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        """The measured values of a region, ``(K,)``."""
        ...

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """The class index of every sample of a region, ``region.shape``; ``IGNORE`` where not known."""
        ...

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """A map of object numbers (0: none), ``region.shape``, and the class of each object, from 1 on."""
        ...

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        """Boxes that touch a region, ``(n, 2 * axes + 1)``: low corner, high corner (world), class index."""
        ...


class Refusing:
    """The answers that an annotation does not have."""

    __slots__ = ()

    def _refuse(self, question: str) -> Refused:
        kind = type(self).__name__
        return Refused("ANNOTATION", kind, f"a {kind} cannot tell {question}", "choose a task that fits the annotation")

    def label_of(self, region: Geometry) -> int:
        raise self._refuse("the one class of a region")

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        raise self._refuse("which classes a region has")

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        raise self._refuse("a measured value")

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        raise self._refuse("the class of every sample")

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        raise self._refuse("where single objects are")

    def boxes_of(self, region: Geometry) -> NDArray[np.float64]:
        raise self._refuse("where single objects are")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassLabel(Refusing):
    """One word, or several, about the whole case.

    >>> labels = Labels(classes=("CNV", "DME"))
    >>> ClassLabel(names=("DME",), labels=labels).label_of(Geometry.none())
    1
    """

    names: tuple[str, ...]
    labels: Labels

    def label_of(self, region: Geometry) -> int:
        """The index of the one class; refused when there are several."""
        if len(self.names) != 1:
            raise Refused("ANNOTATION", "label", f"{len(self.names)} labels where one class is asked", "set task: multilabel")
        return self.labels.index(self.names[0])

    def presence_of(self, region: Geometry) -> NDArray[np.bool_]:
        """``(K,)``: true for each named class."""
        present = np.zeros(len(self.labels), dtype=np.bool_)
        present[[self.labels.index(name) for name in self.names]] = True
        return present


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Value(Refusing):
    """Measured numbers about the whole case, one for each name in ``labels``."""

    values: tuple[float, ...]
    labels: Labels

    def value_of(self, region: Geometry) -> NDArray[np.float32]:
        """The numbers, ``(K,)``."""
        return np.asarray(self.values, dtype=np.float32)
