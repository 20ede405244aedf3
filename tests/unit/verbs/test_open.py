"""What verbs begin with: a data set is matched to a model by the names of its classes, or refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.labels import Labels
from sagittal.data.manifest import Manifest
from sagittal.data.manifest.words import SPOKEN, Said
from sagittal.errors import Refused, UsageError
from sagittal.io.writers.raster import encode_png
from sagittal.shelf import Shelf
from sagittal.verbs._open import matched, predictor_at, run_at, with_modalities

TASKS = Shelf("sagittal.tasks", kind="task")


def model(task, labels):
    return SimpleNamespace(task=TASKS.get(task), plan=SimpleNamespace(labels=labels))


def data(tmp_path, said, labels, *words, annotation=""):
    cases = tuple(Case(id=f"c{i}", images={"image": "a.png"}, label=w, annotation=annotation) for i, w in enumerate(words or ("",)))
    return Manifest(cases=cases, labels=labels, root=tmp_path, provenance={"said": said})


def test_classes_are_matched_by_name_whatever_their_order(tmp_path):
    labels = Labels(classes=("a", "b", "c"), positive="c")
    found = matched(data(tmp_path, "label", Labels(classes=("c", "a")), "c", "a"), model("classification", labels))
    assert found.labels == labels
    assert [found.annotation(c).label_of(Geometry.none()) for c in found.cases] == [2, 0]


def test_a_class_that_no_case_has_is_no_reason_to_refuse(tmp_path):
    labels = Labels(classes=("a", "b"))
    matched(data(tmp_path, "label", Labels(classes=("a", "z")), "a"), model("classification", labels))
    with pytest.raises(Refused, match="UNKNOWN_CLASS z"):
        matched(data(tmp_path, "label", Labels(classes=("a", "z")), "a", "z"), model("classification", labels))


def test_data_that_say_another_kind_of_thing_are_refused(tmp_path):
    labels = Labels(classes=("age",))
    for said, task in (("label", "regression"), ("value", "classification"), ("label", "segmentation"), ("value", "detection")):
        with pytest.raises(Refused, match=f"OTHER_TASK.*was said: {SPOKEN[said]}; the model answers {task}"):
            matched(data(tmp_path, said, labels, "1"), model(task, labels))


def test_whatever_is_said_of_a_case_has_a_name_in_sentences():
    assert set(SPOKEN) == set(get_args(Said))


def test_values_are_the_same_ones_in_the_same_order(tmp_path):
    two = Labels(classes=("height", "weight"))
    matched(data(tmp_path, "value", Labels(classes=("other name",)), "1"), model("regression", Labels(classes=("age",))))
    matched(data(tmp_path, "value", two, "1;2"), model("regression", two))
    for other in (Labels(classes=("weight", "height")), Labels(classes=("height",))):
        with pytest.raises(Refused, match="OTHER_VALUES"):
            matched(data(tmp_path, "value", other, "1"), model("regression", two))


def test_masks_whose_numbers_mean_other_classes_are_read_by_name(tmp_path):
    ours = Labels(classes=("bg", "GM", "WM"), background="bg")
    theirs = Labels(classes=("bg", "WM"), background="bg", codes={"WM": 1})
    (tmp_path / "mask.png").write_bytes(encode_png(np.array([[0, 1, 1]], np.uint8)))
    manifest = data(tmp_path, "mask", theirs, "", annotation="mask.png")
    found = matched(manifest, model("segmentation", ours))
    grid = Geometry.picture((1, 3))
    assert found.annotation(found.cases[0], like=grid).mask_of(grid).tolist() == [[0, 2, 2]]
    same = matched(data(tmp_path, "mask", ours, "", annotation="mask.png"), model("segmentation", ours))
    assert same.labels == ours
    with pytest.raises(Refused, match="UNKNOWN_CLASS CSF"):
        matched(data(tmp_path, "mask", Labels(classes=("bg", "CSF")), "", annotation="mask.png"), model("segmentation", ours))


def test_a_run_a_package_and_nothing_are_told_apart(stripes_run, tmp_path):
    assert run_at(stripes_run).path == stripes_run
    (tmp_path / "x.sagittal").touch()
    assert run_at(tmp_path / "x.sagittal") is None
    with pytest.raises(UsageError, match="NOT_A_RUN"):
        run_at(tmp_path)
    with pytest.raises(UsageError, match="NOT_FOUND"):
        predictor_at(tmp_path / "y.sagittal")


def test_modalities_are_matched_by_name_whatever_their_order_and_case():
    case = Case(id="a", images={"flair": "f.nii", "T2": "2.nii", "t1": "1.nii"})
    manifest = Manifest(cases=(case,), labels=Labels(classes=()), root=Path())
    assert dict(with_modalities(manifest, ("T1", "t2")).cases[0].images) == {"T1": "1.nii", "t2": "2.nii"}
    assert with_modalities(manifest, ("T1", "t2")).channels == ("T1", "t2")
    with pytest.raises(Refused, match="no DWI, which the model needs"):
        with_modalities(manifest, ("T1", "DWI"))
