"""What several people drew on one case, as one annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Annotation, Geometry, Labels
from sagittal.core.drawn import Drawn
from sagittal.errors import Refused, UsageError, nearest
from sagittal.ops.consensus import majority, most_likely

Rule = Literal["majority", "staple"]
RULES: tuple[str, ...] = get_args(Rule)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Consensus(Drawn):
    """The class of each sample by several annotations of one case.

    Args:
        each: A person each.
        labels: Of all of them.
        rule: ``majority``, or ``staple``, which weighs people by how good they seem.
        least_share: The share of a region that a class must cover to be its label.
    """

    each: tuple[Annotation, ...]
    labels: Labels
    rule: Rule = "majority"
    least_share: float = 0.0

    def mask_of(self, region: Geometry) -> NDArray[np.int16]:
        """Class indices, ``region.shape``."""
        ground = 0 if self.labels.background is None else self.labels.index(self.labels.background)
        drawn = [one.mask_of(region) for one in self.each]
        return majority(drawn, background=ground) if self.rule == "majority" else most_likely(drawn, background=ground)

    def instances_of(self, region: Geometry) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Nobody's objects are those of another: refused."""
        what = "the objects of several people are not matched to one another"
        raise Refused("ANNOTATION", "annotation", what, "name one annotation a case, or set data.objects: false")


def rule_of(given: object) -> Rule:
    """The rule that a manifest names.

    Raises:
        UsageError: There is none of this name.
    """
    for rule in get_args(Rule):
        if given == rule:
            known: Rule = rule
            return known
    raise UsageError(
        "UNKNOWN_OPTION", f"data.annotators={given}", "there is no way of this name to join annotations", nearest(str(given), RULES)
    )
