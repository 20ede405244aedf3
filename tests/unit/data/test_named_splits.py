"""Splits that file names tell are looked at, not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagittal.core import Case, Labels
from sagittal.data._named_splits import named_splits
from sagittal.data.discover import discover
from sagittal.data.manifest import Manifest


def manifest(*cases: tuple[str, str, str]) -> Manifest:
    made = tuple(Case(id=name, images={"image": f"a/{name}.png"}, group=group, split=split) for name, group, split in cases)
    return Manifest(cases=made, labels=Labels(classes=("a",)), root=Path())


def test_patients_on_several_sides_of_the_names_are_told():
    (found,) = named_splits(manifest(("train_1", "p1", ""), ("testA_1", "p1", ""), ("testB_1", "p2", ""), ("train_2", "p3", "")))
    assert (found.code, found.severity, found.items) == ("NAMED_SPLIT", "warn", ("train_1", "testA_1"))
    assert "2 test and 2 train" in found.what and "1 of 3 patients" in found.what


def test_a_split_by_patient_and_one_of_unknown_patients_are_notes():
    (found,) = named_splits(manifest(("train_1", "p1", ""), ("test_1", "p2", "")))
    assert found.severity == "note" and "keeps patients apart" in found.what
    (found,) = named_splits(manifest(("train_1", "", ""), ("test_1", "", "")))
    assert found.severity == "note" and "not used" in found.what


@pytest.mark.parametrize(
    "cases",
    [
        [("train_1", "p1", "train"), ("test_1", "p1", "test")],
        [("train_1", "p1", ""), ("train_2", "p1", "")],
        [("trainer_1", "p1", ""), ("contest_1", "p1", "")],
        [("train_1", "p1", ""), ("test_1", "p1", ""), ("x_1", "p1", "")],
    ],
)
def test_nothing_is_said_where_splits_are_known_or_names_do_not_tell(cases):
    assert not list(named_splits(manifest(*cases)))


@pytest.mark.real_data
def test_the_official_split_of_glas_shares_patients(real_data):
    (found,) = named_splits(discover(real_data / "glas").manifest)
    assert found.severity == "warn" and "of 11 patients stand on several sides" in found.what
