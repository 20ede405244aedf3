"""Lesion-wise F1: how many separate structures were found, and how many were invented."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.metrics._case import CaseMetric, Piece, volume_of
from sagittal.metrics._masks import Compared
from sagittal.ops.components import Connectivity, components


def lesion_f1(*, overlap: float = 0.0, connectivity: Connectivity = "full") -> CaseMetric:
    """``2 found / (2 found + invented + missed)`` over the separate pieces of each class but the background.

    A true lesion is found where the answer covers more than the share ``overlap`` of it; the others are missed. A piece of the
    answer is invented where it touches no true lesion at all. A true lesion counts once however many pieces cover it, and a
    piece may find several: so no true positive sample can be removed to the better, which matching pieces one to one, or
    counting pieces that hit, does not promise. Small and large lesions count the same.

    Undefined where the truth does not hold the class.

    Args:
        overlap: The share of a lesion that must be exceeded; 0 asks for one sample.
        connectivity: Samples hang together that share a corner (``full``), or a face (``faces``).

    Raises:
        UsageError: A share outside of 0 to 1.

    >>> import numpy as np
    >>> from sagittal.core import Geometry, Labels
    >>> labels = Labels(classes=("tissue", "lesion"), background="tissue")
    >>> truth, answer = np.array([[1, 1, 0, 1, 0, 0, 0]]), np.array([[0, 1, 0, 0, 0, 1, 0]])
    >>> lesion_f1().measure(truth, answer, Geometry.picture((1, 7)), labels)
    {'lesion': 0.5}
    """
    if not 0 <= overlap < 1:
        raise UsageError("OVERLAP", f"lesion_f1.overlap={overlap!r}", "is no share of a lesion", "give a number from 0 to below 1")

    def value(masks: Compared, k: int) -> float:
        truth, answer = masks.pair(k)
        return _f1(truth, answer, overlap, connectivity)

    def pieces(masks: Compared, k: int) -> list[Piece]:
        truth, answer = masks.pair(k)
        sizes, found = _lesions(*components(truth, connectivity=connectivity), answer, overlap)
        return [Piece(volume=volume_of(int(n), masks.grid), found=bool(hit)) for n, hit in zip(sizes, found, strict=True)]

    rule = f"more than {overlap:.0%} of it" if overlap else "any of it"
    return CaseMetric(
        name="lesion_f1",
        needs_whole=True,
        value=value,
        pieces=pieces,
        convention=f"pieces connected over {'corners' if connectivity == 'full' else 'faces'}; a true lesion is found where {rule} is "
        "covered, an answered piece is false where it touches none",
    )


def _f1(truth: NDArray[np.bool_], answer: NDArray[np.bool_], overlap: float, connectivity: Connectivity) -> float:
    lesions, n = components(truth, connectivity=connectivity)
    pieces, m = components(answer, connectivity=connectivity)
    found = int(_lesions(lesions, n, answer, overlap)[1].sum())
    invented = m - len(np.unique(pieces[truth & answer]))
    return 2 * found / (n + found + invented)


def _lesions(lesions: NDArray[np.uint32], n: int, answer: NDArray[np.bool_], overlap: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Samples of each numbered lesion, and whether enough of them are in the answer."""
    sizes, covered = (np.bincount(some.reshape(-1), minlength=n + 1)[1:] for some in (lesions, lesions[answer]))
    return sizes, covered > overlap * sizes
