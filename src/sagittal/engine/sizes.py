"""How much of each class a case truly has and how much was answered, and its separate parts, beside the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagittal.io.writers.csv import as_text
from sagittal.metrics._case import CaseMetric, Piece, volume_of
from sagittal.metrics._masks import Compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What is where in a drawn answer.

    Args:
        volumes: Of each class but the background in truth and answer, where the truth is known: ml of a patient, square units
            of a picture.
        pieces: The separate parts of the truth that a metric counts, by class; empty where none does.
    """

    volumes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pieces: Mapping[str, Sequence[Piece]] = field(default_factory=dict)


def sizes_of(metrics: Sequence[CaseMetric], masks: Compared) -> Sizes:
    """The sizes in one case.

    Args:
        metrics: Those that are measured; the first one that counts parts says what a part is.
        masks: Truth and answer.
    """
    labels, grid = masks.labels, masks.grid
    over = {k: masks.overlap(k) for k in masks.foreground}
    volumes = {labels.classes[k]: (volume_of(o.truth, grid), volume_of(o.answer, grid)) for k, o in over.items()}
    count = next((m.pieces for m in metrics if m.pieces is not None), None)
    pieces = {} if count is None else {labels.classes[k]: count(masks, k) for k, o in over.items() if o.truth}
    return Sizes(volumes=volumes, pieces=pieces)


def pieces_csv(cases: Mapping[str, Sizes]) -> str:
    """A line a separate part of the truth: ``case, class, volume, found``; empty where none were counted.

    >>> print(pieces_csv({"a": Sizes(pieces={"lesion": [Piece(volume=0.25, found=True)]})}), end="")
    case,class,volume,found
    a,lesion,0.25,yes
    """
    found = [(c, name, p) for c, sizes in cases.items() for name, pieces in sizes.pieces.items() for p in pieces]
    rows = [(c, name, f"{p.volume:.6g}", "yes" if p.found else "no") for c, name, p in found]
    return as_text([("case", "class", "volume", "found"), *rows]) if rows else ""
