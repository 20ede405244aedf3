"""Scores of pixels: a tile, a patient and all of them at a time, beside answers that draw nothing or everything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, recall_score, roc_auc_score

from sagittal.core import Case, Geometry, Labels, Prediction
from sagittal.engine.case_scores import NOTHING, Beside, Found, case_metrics, masks_of, measure
from sagittal.engine.drawing import MOST_IN_MEMORY, on_disk
from sagittal.engine.levels import levels_csv, levels_of
from sagittal.report.sections.levels import levels as section
from sagittal.report.view import RunView
from sagittal.tasks.segmentation import segmentation

LABELS = Labels(classes=("tissue", "tumour"), background="tissue", positive="tumour")
METRICS = case_metrics(segmentation, {**dict.fromkeys(("hd95", "assd", "nsd"), False), "voxel_specificity": True, "voxel_auc": True})


@dataclass(frozen=True)
class Tile:
    """What levels need of an answered tile, and what its pixels were."""

    case: Case
    found: Found
    truth: np.ndarray = field(repr=False)
    answer: np.ndarray = field(repr=False)
    p: np.ndarray = field(repr=False)

    @property
    def counted(self):
        return self.found.counted


def tile(name: str, patient: str, truth: np.ndarray, p: np.ndarray) -> Tile:
    answer = (p > 0.5).astype(np.uint8)
    case, grid = Case(id=name, group=patient), Geometry.picture(truth.shape)
    prediction = Prediction(case=name, geometry=grid, labels=LABELS, scores=np.stack([1 - p, p]).astype(np.float32), answer=answer)
    return Tile(
        case, measure(METRICS, masks_of(METRICS, Beside(case=case, truth=truth, objects=None, prediction=prediction))), truth, answer, p
    )


def some_tiles(patients: int = 6, each: int = 3) -> list[Tile]:
    """Tiles of patients who differ; the first tile of each patient is free of tumour, and some pixels are not known."""
    made = []
    for n in range(patients):
        rng = np.random.default_rng(n)
        for i in range(each):
            truth = ((rng.random((24, 20)) < 0.1 * n) if i else np.zeros((24, 20))).astype(np.int16)
            p = np.clip(0.3 + 0.25 * truth + rng.normal(0, 0.2, truth.shape), 0, 1).astype(np.float32)
            truth[:2] = -1
            made.append(tile(f"t{n}-{i}", f"p{n}", truth, p))
    return made


def values(scores):
    return {s.metric: s.value for s in scores}


def pixels(tiles):
    """All known pixels of some tiles."""
    known = [t.truth >= 0 for t in tiles]
    return [np.concatenate([getattr(t, part)[k] for t, k in zip(tiles, known, strict=True)]) for part in ("truth", "answer", "p")]


def test_all_pixels_together_are_what_scikit_learn_says_of_them():
    tiles = some_tiles()
    patient, pixel = levels_of(METRICS, tiles, windowed=False, seed=0)
    truth, answer, p = pixels(tiles)
    assert (patient.level, pixel.level, pixel.n) == ("patient", "pixel", 18)
    found = values(pixel.scores)
    assert found["dice"] == pytest.approx(f1_score(truth, answer))
    assert found["iou"] == pytest.approx(jaccard_score(truth, answer))
    assert found["voxel_sensitivity"] == pytest.approx(recall_score(truth, answer))
    assert found["voxel_specificity"] == pytest.approx(recall_score(truth, answer, pos_label=0))
    assert found["voxel_auc"] == pytest.approx(roc_auc_score(truth, p), abs=2e-4), "bins of probabilities"
    assert all(s.low < s.value < s.high and s.method == "bootstrap over 6 groups" for s in pixel.scores)


def test_a_patient_s_score_is_of_all_of_the_patient_s_pixels():
    tiles = some_tiles()
    patient = levels_of(METRICS, tiles, windowed=False, seed=0)[0]
    of = {name: [t for t in tiles if t.case.group == name] for name in patient.members}
    for name, (rows, measured) in patient.members.items():
        truth, answer, _ = pixels(of[name])
        assert rows == 3
        if truth.any():
            assert measured["dice"]["tumour"] == pytest.approx(f1_score(truth, answer))
        else:
            assert isinstance(measured["dice"]["tumour"], str), "the first patient has no tumour"
    held = [m["dice"]["tumour"] for _, m in patient.members.values() if not isinstance(m["dice"]["tumour"], str)]
    (dice,) = [s for s in patient.scores if s.metric == "dice"]
    assert dice.value == pytest.approx(np.mean(held)) and dice.n == 5 and patient.n == 6
    assert dice.convention.endswith("mean over patients; 1 patients without it are left out in which the answer has it")
    specificity = next(s for s in patient.scores if s.metric == "voxel_specificity")
    assert specificity.n == 6, "a patient without tumour can be called ill, too"
    assert levels_csv([patient]).splitlines()[1].startswith("patient,p0,3,")


def test_resampling_tiles_of_a_patient_is_not_resampling_patients():
    tiles = some_tiles(patients=6, each=6)
    alone = [Tile(Case(id=t.case.id), t.found, t.truth, t.answer, t.p) for t in tiles]
    (ours,), (theirs,) = (
        [s for s in levels_of(METRICS, some, windowed=False, seed=0)[-1].scores if s.metric == "dice"] for some in (tiles, alone)
    )
    assert ours.value == theirs.value
    assert ours.high - ours.low > theirs.high - theirs.low


def test_a_model_that_answers_all_negative_has_no_score_on_tumour():
    # A published pathology tutorial took the tissue for the positive class: a model that drew nothing had an F1 of .9.
    tiles = [tile(t.case.id, t.case.group, t.truth, np.zeros_like(t.p)) for t in some_tiles()]
    found = {each.level: values(each.scores) for each in levels_of(METRICS, tiles, windowed=False, seed=0)}
    for level in ("patient", "pixel"):
        assert [found[level][m] for m in ("dice", "iou", "voxel_sensitivity", "voxel_precision")] == [0, 0, 0, 0], level
        assert found[level]["voxel_auc"] == 0.5
    assert {s.label for each in levels_of(METRICS, tiles, windowed=False, seed=0) for s in each.scores} == {"tumour"}
    for t in tiles:
        assert t.found.measured["dice"]["tumour"] in {0.0, "absent from the truth and from the answer"}


def test_nobody_is_ill_so_nothing_is_found():
    free = [tile(f"t{i}", f"p{i}", np.zeros((8, 8), np.int16), np.full((8, 8), 0.7)) for i in range(3)]
    (pixel,) = levels_of(METRICS, free, windowed=False, seed=0)
    dice = next(s for s in pixel.scores if s.metric == "dice")
    assert (dice.value, dice.undefined) == (None, "no sample of the class in the truth")
    assert values(pixel.scores)["voxel_specificity"] == 0


def test_answers_that_do_not_look_stand_beside():
    tiles = some_tiles()
    pixel = levels_of(METRICS, tiles, windowed=False, seed=0)[-1]
    truth, _, _ = pixels(tiles)
    nothing, everything = (values(found) for found in pixel.trivial.values())
    assert (nothing["dice"], nothing["voxel_specificity"], nothing["voxel_auc"]) == (0, 1, 0.5)
    assert everything["dice"] == pytest.approx(f1_score(truth, np.ones_like(truth)))
    assert (everything["voxel_sensitivity"], everything["voxel_specificity"], everything["voxel_auc"]) == (1, 0, 0.5)
    drawn = tile("x", "p", tiles[4].truth, np.zeros_like(tiles[4].p))
    trivial = tiles[4].found.trivial[NOTHING]
    assert {m: drawn.found.measured[m] for m in trivial if m != "voxel_auc"} == {m: trivial[m] for m in trivial if m != "voxel_auc"}


def test_windows_make_a_slide_and_slides_a_patient():
    tiles = [
        Tile(Case(id=t.case.id[:2], group="one" if n < 9 else "two"), t.found, t.truth, t.answer, t.p) for n, t in enumerate(some_tiles())
    ]
    found = levels_of(METRICS, tiles, windowed=True, seed=0)
    assert [(each.level, each.n) for each in found] == [("case", 6), ("patient", 2), ("pixel", 18)]


def test_without_patients_there_is_no_level_of_them():
    tiles = [Tile(Case(id=t.case.id), t.found, t.truth, t.answer, t.p) for t in some_tiles()]
    assert [each.level for each in levels_of(METRICS, tiles, windowed=False, seed=0)] == ["pixel"]


def test_probabilities_of_a_large_case_lie_in_a_file(monkeypatch):
    assert not isinstance(on_disk("a", (2, 8, 8)), np.memmap)
    monkeypatch.setattr("sagittal.engine.drawing.MOST_IN_MEMORY", 100)
    found = on_disk("a", (2, 8, 8))
    found[1, 3] = 0.5
    assert isinstance(found, np.memmap) and found.sum() == 4 and MOST_IN_MEMORY > 100


def test_the_report_has_a_column_a_level(tmp_path):
    from sagittal.io import atomic

    found = levels_of(METRICS, some_tiles(), windowed=False, seed=0)
    folder = tmp_path / "evaluation" / "test"
    folder.mkdir(parents=True)
    atomic.write_json(folder / "scores.json", {"unit": "case", "n": 18, "scores": [], "levels": [each.record() for each in found]})
    text = str(section(RunView(tmp_path)).html)
    assert all(word in text for word in ("A patient at a time", "All samples together", "Nothing drawn", "Everything drawn", "Sample AUC"))
