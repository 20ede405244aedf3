"""What spoke for a drawn class: only where it is answered, and not more often asked than a person waits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sagittal.core.case import Case
from sagittal.engine.assess import Assessment
from sagittal.engine.case_scores import Found
from sagittal.engine.explain import LEAST_ASKED, MOST_ASKED, _attending, _bounded, _extremes
from sagittal.engine.plan import Part
from sagittal.engine.rows import Row
from sagittal.metrics._case import ABSENT, ADDED
from sagittal.tasks.classification import classification
from sagittal.tasks.segmentation import segmentation


class Halves(torch.nn.Module):
    """Answers 1 in the upper half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = torch.zeros(x.shape[0], 3, *x.shape[2:]) + x.mean() * 0
        score[:, 1, : x.shape[2] // 2] = 2.0
        score[:, 0, x.shape[2] // 2 :] = 1.0
        return score


def test_only_samples_that_are_answered_as_the_class_count():
    x = torch.ones(1, 1, 8, 4, 4)
    attend = _attending(segmentation, Halves(), x, 1)
    assert attend is not None
    assert float(attend(Halves()(x))) == 2.0 * 4 * 16
    assert float(attend(torch.full((1, 3, 8, 4, 4), 5.0))) == 5.0 * 4 * 16, "the place is that of the first answer"
    assert _attending(segmentation, Halves(), x, 2) is None, "nothing is answered as it"


def test_a_class_of_a_case_is_explained_whatever_is_answered():
    assert _attending(classification, Halves(), torch.ones(1, 1, 8), 2) is not None


@pytest.mark.parametrize(("samples", "most"), [(1000, MOST_ASKED), (1 << 21, 64), (1 << 30, LEAST_ASKED)])
def test_occlusion_asks_less_of_larger_cases(samples, most):
    assert _bounded(Part(name="occlusion"), samples)["most"] == most
    assert _bounded(Part(name="occlusion", options={"most": 9}), samples)["most"] == 9
    assert "most" not in _bounded(Part(name="grad_cam"), samples)


def row(dice: dict[str, float | str], name: str) -> Row:
    none = np.zeros(0, np.float32)
    found = Found(measured={"dice": dice})
    return Row(case=Case(id=name), id=name, truth=none, answer=none, scores=none, raw=None, abstained=False, found=found)


def test_the_worst_a_usual_and_the_best_case_are_shown_each_with_its_worst_class():
    rows = [row({"GM": 0.5 + i / 10, "WM": 0.85}, f"c{i}") for i in range(5)]
    some = Assessment(task=segmentation, rows=rows, answers=None, scores=[], rest={}, curves={})
    picks = _extremes(some, 1, ("ground", "GM", "WM"))
    assert [(p.kind, p.row.id, p.target) for p in picks] == [("worst", "c0", 1), ("median", "c2", 1), ("best", "c4", 2)]


def test_a_case_without_the_class_has_no_dice_and_what_was_drawn_there_is_said():
    rows = [row({"tumour": ADDED}, "empty"), row({"tumour": 0.8}, "ill"), row({"tumour": ABSENT}, "well")]
    some = Assessment(task=segmentation, rows=rows, answers=None, scores=[], rest={}, curves={})
    picks = _extremes(some, 2, ("ground", "tumour"))
    assert [(p.row.id, p.note) for p in picks] == [("empty", "drawn where there is none"), ("ill", "Dice 0.80")]
