"""What stands beside an answer: the truth of its own place, whose it is, in which unit, and what nothing would reach."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sagittal.core import Case, Geometry, Image, Labels
from sagittal.data.manifest import Manifest
from sagittal.engine.assess import assess
from sagittal.engine.config import load_recipe
from sagittal.engine.explain import part_of, pick
from sagittal.engine.facts import facts_of
from sagittal.engine.feed import sample_classes, training_batches
from sagittal.engine.infer import Predictor
from sagittal.engine.rows import Row, answered
from sagittal.engine.rules import decide
from sagittal.io import write

LABELS = Labels(classes=("ground", "object"), background="ground", positive="object")
SMALL = ["model.widths=[4,8]", "model.blocks=1"]


@pytest.fixture
def drawn(tmp_path: Path) -> Manifest:
    """Pictures of 32 x 32 whose lower right quarter is one object."""
    cases = []
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 90, (1, 32, 32), dtype=np.uint8)
        pixels[:, 16:, 16:] += 120
        write(Image.of(pixels, Geometry.picture((32, 32))), tmp_path / f"{i}.png")
        (tmp_path / f"{i}.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect class="object" x="16" y="16" width="16" height="16"/></svg>'
        )
        split = "test" if i > 3 else "train"
        cases.append(Case(id=f"c{i}", split=split, images={"image": f"{i}.png"}, annotation=f"{i}.svg"))
    return Manifest(cases=tuple(cases), labels=LABELS, root=tmp_path, provenance={"said": "outlines"})


def predictor(manifest: Manifest, *sets: str) -> Predictor:
    plan = decide(load_recipe("auto", sets), manifest, facts_of(manifest))
    torch.set_num_threads(1)
    return Predictor(plan=plan, task=plan.row, members=[plan.network().eval()])


WINDOWS = ("task=classification", "windows.name=tiles", "windows.size=16", "windows.unit=window", *SMALL)


def test_a_window_is_compared_with_what_was_drawn_at_its_place(drawn):
    rows = list(answered(predictor(drawn, *WINDOWS), drawn, drawn.split("test")))
    assert [(r.id, int(r.truth)) for r in rows[:4]] == [("c4@0,0", 0), ("c4@0,16", 0), ("c4@16,0", 0), ("c4@16,16", 1)]


def test_windows_of_one_picture_are_not_independent(drawn):
    found = assess(predictor(drawn, *WINDOWS), drawn, drawn.split("test"))
    assert found.answers is not None
    assert len(set(found.answers.owners)) == 2
    assert "patient_scores" not in found.rest, "whose the pictures are is not known"


def test_fixed_windows_can_be_balanced(drawn):
    plan = predictor(drawn, *WINDOWS).plan
    assert plan.feeding.balance
    classes = sample_classes(plan, drawn, training_batches(plan, drawn).samples)
    assert np.bincount(classes).tolist() == [12, 4]


def test_the_shares_of_windows_are_the_reference(drawn):
    found = predictor(drawn, *WINDOWS).plan.shares
    assert found is not None
    assert found.n == 16
    np.testing.assert_allclose(found.mean, [0.75, 0.25])


def test_a_window_is_explained_by_itself(drawn):
    model = predictor(drawn, *WINDOWS)
    row = list(answered(model, drawn, drawn.split("test")))[3]
    from sagittal.data.images import image_of

    whole = image_of(row.case, drawn)
    part = part_of(model, whole, row.place)
    np.testing.assert_array_equal(part.read()[0], whole.read()[0, 16:, 16:])


def test_masks_are_measured_in_the_picture_s_unit_beside_nothing_drawn(drawn):
    model = predictor(drawn, "task=segmentation", "model.widths=[4,8]")
    kept = []
    keep = SimpleNamespace(whole=lambda case, answer: kept.append((case.id, answer.answer.shape)))
    found = assess(model, drawn, drawn.split("test"), keep=keep)
    assert kept == [("c4", (32, 32)), ("c5", (32, 32))]
    assert {s.unit for s in found.scores if s.metric == "assd"} == {"px"}
    dice = {b["name"]: next(s["value"] for s in b["scores"] if s["metric"] == "dice") for b in found.rest["baselines"]}
    assert dice == {"nothing drawn": 0, "everything drawn": pytest.approx(2 * 0.25 / 1.25)}


def test_boxes_stand_beside_nothing_found(drawn):
    found = assess(predictor(drawn, "task=detection", "model.widths=[4,8]"), drawn, drawn.split("test"))
    assert [b["name"] for b in found.rest["baselines"]] == ["nothing found"]


def test_the_worst_and_the_best_are_shown_each_once(drawn):
    model = predictor(drawn, "task=segmentation", "model.widths=[4,8]")
    found = assess(model, drawn, drawn.split("test"))
    rows = [_scored(row, value) for row, value in zip(found.rows * 3, (0.2, 0.9, 0.5, 0.7, 0.1, 0.8), strict=True)]
    from dataclasses import replace

    picks = pick(replace(found, rows=[replace(r, id=str(i)) for i, r in enumerate(rows)]), most=2)
    assert [(p.kind, p.row.id, p.note) for p in picks] == [
        ("worst", "4", "Dice 0.10"),
        ("worst", "0", "Dice 0.20"),
        ("median", "2", "Dice 0.50"),
        ("best", "1", "Dice 0.90"),
        ("best", "5", "Dice 0.80"),
    ]


def _scored(row: Row, value: float) -> Row:
    from dataclasses import replace

    return replace(row, found=replace(row.found, measured={**row.measured, "dice": {"object": value}}))
