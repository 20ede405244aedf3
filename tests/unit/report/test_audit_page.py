"""The page of an audit: the verdict first, pictures where they can be had, sound markup for any record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sagittal.core import Case, Labels
from sagittal.data.manifest import Manifest
from sagittal.report import audit_page, galleries

LEAK = {"code": "GROUP_LEAK", "severity": "block", "items": ["7"], "n": 1, "what": "patient 7 is in train and test", "remedy": "drop it"}
NEAR = {"code": "NEAR_DUPLICATE", "severity": "warn", "items": ["a", "b"], "n": 2, "what": "1 pair", "pairs": [["a", "b", "distance 3"]]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest of three pictures, one of which is gone."""
    for place, name in enumerate("ab"):
        (tmp_path / f"{name}.png").write_bytes(galleries.png(np.full((8, 8), 90 * (place + 1), np.uint8)))
    cases = tuple(Case(id=n, images={"image": f"{n}.png"}, label=c, split="train") for n, c in (("a", "x"), ("b", "y"), ("gone", "y")))
    Manifest(cases=cases, labels=Labels(classes=("x", "y")), root=tmp_path).write(tmp_path / "audit")
    return tmp_path / "audit"


def record(*findings: dict[str, object], **keys: object) -> dict[str, object]:
    counts = {"train": {"x": 1, "y": 2}, "test": {"x": 0, "y": 1}}
    groups = {"known": True, "rule": "the column patient", "n": {"train": 3, "test": 1}}
    return {
        "format": "sagittal-audit",
        "version": 1,
        "sentence": "class folders",
        "counts": counts,
        "groups": groups,
        "findings": list(findings),
        **keys,
    }


def lines(golden, path: Path) -> list[str]:
    page = golden("page_text").Page(path.read_text(encoding="utf-8"))
    assert page.errors == [] and page.scripts == []
    assert all(a.startswith(("data:image/", "#")) for a in page.addresses)
    return page.lines


def test_a_blocking_finding_is_the_verdict(folder, golden):
    text = lines(golden, audit_page.write(record(NEAR, LEAK), folder / "audit.html"))
    assert any("It must not be used as it is: a patient is on both sides of a split." in line for line in text)
    order = [line for line in text if line.startswith(("Stop", "Mind"))]
    assert order[0].startswith("Stop"), "the worst comes first"


def test_a_clean_set_is_said_to_be_clean(folder, golden):
    text = lines(golden, audit_page.write(record(), folder / "audit.html"))
    assert any("Class folders. Nothing was found that speaks against using it." in line for line in text)


def test_pairs_and_examples_are_shown_as_pictures(folder):
    page = audit_page.html(record(NEAR), folder)
    assert page.count('class="pair"') == 1
    assert page.count("<img") == 4, "two of the pair, one example of each class; the file that is gone is left out"


def test_it_does_without_pictures(tmp_path: Path, golden):
    text = lines(golden, audit_page.write(record(NEAR), tmp_path / "audit.html"))
    assert any("a ↔ b (distance 3)" in line for line in text)


def test_a_class_that_a_split_lacks_is_bold(folder):
    assert "<b>0</b>" in audit_page.html(record(), folder)


def test_sizes_intensities_and_metadata_are_drawn(folder, golden):
    sizes = [{"shape": [496, 512], "n": 80, "class": "x"}, {"shape": [496, 768], "n": 3, "class": "y"}]
    histograms = {"x": {"edges": [0, 64, 128, 255], "counts": [5, 3, 1]}, "y": {"edges": [0, 64, 128, 255], "counts": [1, 1, 1]}}
    full = record(sizes=sizes, histograms=histograms, metadata={"site": {"A": 5, "": 1}, "age": {str(i): 1 for i in range(40)}})
    text = lines(golden, audit_page.write(full, folder / "audit.html"))
    assert any("496 \u00d7 512 | 80" in line for line in text)
    assert "Width" in text and "Height" not in text, "a side that never differs needs no chart"
    assert any("not known | 1" in line for line in text) and any("28 other values | 28" in line for line in text)


def test_a_bin_too_full_for_the_chart_is_told_by_where_it_begins_and_ends(tmp_path: Path, golden):
    histograms = {"": {"edges": [0, 4, 8, 12, 16], "counts": [90, 5, 3, 2]}}
    text = lines(golden, audit_page.write(record(histograms=histograms), tmp_path / "audit.html"))
    assert any("Values from 0 to 4 go beyond the chart: 90 % of the samples" in line.replace("\u202f", " ") for line in text)


@pytest.mark.parametrize(
    "odd", [{}, {"counts": {}}, {"sizes": [{}]}, {"histograms": {"": {"edges": [0, 1], "counts": [0]}}}, {"sizes": [{"shape": [60]}]}]
)
def test_an_odd_record_is_still_a_page(odd, tmp_path: Path, golden):
    lines(golden, audit_page.write(odd, tmp_path / "audit.html"))


def test_names_are_escaped(tmp_path: Path):
    page = audit_page.html(record({**LEAK, "items": ["<b>1", "<i>2"], "what": "<u>"}, sentence="<script>"), tmp_path)
    assert "<script>" not in page and "<b>1" not in page and "<u>" not in page


OUTLINES = {
    "shapes": 6, "cases": 3, "unit": "um2", "bare": 2, "unmarked": "background", "words": {}, "unmapped": 0,
    "signs": [
        {"kind": "layer", "value": "<Nest>", "shapes": 6, "cases": 3, "area": 2.5e6},
        {"kind": "colour", "value": "#ff0000", "shapes": 3, "cases": 3, "area": 1e6},
    ],
    "choices": [
        {"kind": "layer", "words": {"<Nest>": "Nest"}, "setting": "--set 'data.words={\"<Nest>\": Nest}'", "as_is": False},
        {"kind": "colour", "words": {"#ff0000": "red"}, "setting": "--set 'data.words={\"#ff0000\": red}'", "as_is": False},
    ],
}  # fmt: skip


def test_the_page_shows_what_outlines_are_called_with_swatches_and_the_maps_to_copy():
    from sagittal.report.outlines import outlines

    block = str(outlines({"tables": {"outlines": OUTLINES}}))
    assert "2 pictures have no drawing: all of it is background, as told" in block
    assert "background: #ff0000" in block
    assert "&lt;Nest&gt;" in block
    assert "2.5 mm\u00b2" in block
    assert "Choose one map" in block
    assert block.count("<pre>") == 2
    given = str(outlines({"tables": {"outlines": OUTLINES | {"words": {"#ff0000": ""}, "unmapped": 3}}}))
    assert "#ff0000 → left out" in given
    assert "nothing of 3 outlines" in given
    assert "<pre>" not in given
    assert str(outlines({"tables": {}})) == ""


@pytest.mark.parametrize(
    ("axes", "looked", "not_looked"), [(2, "on which nothing is drawn", "voxels"), (3, "odd voxels", "nothing is drawn")]
)
def test_what_was_looked_for_is_what_such_data_have(tmp_path, axes, looked, not_looked):
    page = audit_page.html(record(fingerprint={"axes": axes}, tables={"stains": {}}), tmp_path)
    lede = next(line for line in page.splitlines() if "Looked for" in line)
    assert looked in lede
    assert not_looked not in lede
