"""The parts of a report that only drawn answers have: sizes, lesions, box plots."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from sagittal.report.galleries import png
from sagittal.report.sections.drawn import drawn
from sagittal.report.sections.gallery import gallery
from sagittal.report.sections.lesions import lesions
from sagittal.report.sections.levels import levels as by_level
from sagittal.report.sections.scores import scores
from sagittal.report.sections.training import training
from sagittal.report.sections.volumes import volumes
from sagittal.report.view import RunView


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "evaluation" / "test"
    folder.mkdir(parents=True)
    (folder / "scores.json").write_text(json.dumps({"scores": [], "volume_unit": "ml"}))
    (tmp_path / "audit.json").write_text(json.dumps({"fingerprint": {"axes": 3}}))
    return tmp_path


def write(run, name, rows):
    with (run / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_bias_is_that_of_the_differences(run):
    rows = [
        {"case": f"c{i}", "dice:GM": 0.9, "true_volume:GM": 100 + 10 * i, "found_volume:GM": 104 + 10 * i + (-1) ** i} for i in range(6)
    ]
    write(run, "evaluation/test/predictions.csv", rows)
    section = volumes(RunView(run))
    assert section is not None and section.title == "Volumes"
    assert "Bias 4.00" in section.html and "3.2" in section.html, "4 ml of 125 ml on average"
    assert section.html.count("<circle") == 6
    assert "True volume" not in str(drawn(RunView(run)).html), "sizes are no scores"


def test_few_cases_and_absent_structures_have_no_plot(run):
    rows = [{"case": f"c{i}", "dice:GM": 0.9, "true_volume:GM": v, "found_volume:GM": v} for i, v in enumerate((0, 0, 3, 4))]
    write(run, "evaluation/test/predictions.csv", rows)
    assert volumes(RunView(run)) is None, "two cases have the structure"


def test_lesions_are_grouped_by_size_and_the_largest_missed_one_is_named(run):
    rows = [{"case": "a", "class": "lesion", "volume": i + 1, "found": "yes" if i >= 5 else "no"} for i in range(15)]
    write(run, "evaluation/test/pieces.csv", rows)
    section = lesions(RunView(run))
    assert section is not None
    assert "10 of 15 lesions found; the largest that was missed has 5" in section.html
    assert section.html.count("<circle") == 3
    write(run, "evaluation/test/pieces.csv", rows[:3])
    assert lesions(RunView(run)) is None


def test_the_classes_of_a_score_share_a_chart(run):
    write(run, "log.csv", [{"epoch": e, "val_dice": 0.5, "train_dice:GM": 0.3, "val_dice:GM": 0.4, "val_dice:WM": 0.6} for e in (1, 2, 3)])
    text = str(training(RunView(run)).html)
    assert text.count("Dice of the classes, val") == 1
    assert "GM" in text and "WM" in text


@pytest.mark.parametrize(("speed", "told"), [(0.425, "0.425 images"), (213.6, "214 images")])
def test_slow_networks_are_not_said_to_see_no_image_a_second(run, speed, told):
    write(run, "log.csv", [{"epoch": e, "val_dice": 0.5} for e in (1, 2)])
    write(run, "speed.csv", [{"epoch": e, "seconds": 9, "images_per_s": speed} for e in (1, 2)])
    assert told in training(RunView(run)).lede


def test_a_box_needs_five_cases(run):
    rows = [{"case": f"c{i}", "dice:GM": 0.5 + i / 20} for i in range(5)]
    write(run, "evaluation/test/predictions.csv", rows)
    assert str(drawn(RunView(run)).html).count("<rect") == 1
    write(run, "evaluation/test/predictions.csv", rows[:4])
    assert str(drawn(RunView(run)).html).count("<rect") == 0


@pytest.mark.parametrize(("axes", "name", "unit", "title"), [(2, "Pixel AUC", "px\u00b2", "Areas"), (3, "Voxel AUC", "ml", "Volumes")])
def test_sections_of_drawn_answers_speak_of_pixels_where_the_data_are_pictures(run, axes, name, unit, title):
    (run / "audit.json").write_text(json.dumps({"fingerprint": {"axes": axes}}))
    told = [{"metric": m, "class": "WM", "value": 0.7, "n": 6, "unit": u} for m, u in (("voxel_auc", "1"), ("volume_difference", unit))]
    levels = [{"level": "pixel", "n": 1, "rule": "pooled", "scores": told[:1]}]
    record = {"scores": told, "levels": levels, "volume_unit": unit, "n": 6}
    (run / "evaluation" / "test" / "scores.json").write_text(json.dumps(record))
    rows = [{"case": str(i), "true_volume:WM": 5 + i, "found_volume:WM": 6 + i} for i in range(6)]
    write(run, "evaluation/test/predictions.csv", rows)
    view = RunView(run)
    page = scores(view).html + by_level(view).html
    other = "voxel" if axes == 2 else "pixel"
    assert name in page and f"All {name.split()[0].lower()}s together" in page
    assert f"{title[:-1]} difference, {unit}" in page
    assert other not in page.lower()
    assert volumes(view).title == title


@pytest.mark.parametrize(("shapes", "broad"), [([(40, 40), (40, 40), (40, 90)], False), ([(40, 90), (40, 90), (40, 40)], True)])
def test_all_cases_of_a_gallery_are_shown_in_one_size(run, shapes, broad):
    folder = run / "explanation" / "test"
    folder.mkdir(parents=True)
    for i, shape in enumerate(shapes):
        (folder / f"{i}.png").write_bytes(png(np.zeros((*shape, 3), np.uint8)))
    items = [{"case": str(i), "kind": "TP" if i == 2 else "FN", "picture": f"{i}.png"} for i in range(3)]
    (folder / "index.json").write_text(json.dumps({"items": items}))
    page = str(gallery(RunView(run)).html)
    assert page.count('class="gallery broad"') == (2 if broad else 0)
    assert page.count('class="gallery') == 2
