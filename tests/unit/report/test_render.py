"""The page as a whole: one file, escaped, the same every time, readable in both themes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from sagittal.errors import StorageFailure, UnreadableInput, UsageError
from sagittal.report.render import html, render
from sagittal.report.view import RunView

NAMES = ("oct", "covid", "many", "age", "brain", "table", "bare")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_no_other_file_and_runs_nothing(name, golden, example_run):
    page = golden("page_text").Page(html(RunView(example_run(name))))
    assert page.errors == []
    assert page.scripts == []
    assert "script" not in page.tags and "link" not in page.tags
    assert all(a.startswith(("data:image/", "#")) for a in page.addresses)


def test_the_page_tells_browsers_to_fetch_nothing(example_run):
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html(RunView(example_run("oct")))
    assert "@import" not in html(RunView(example_run("oct")))
    assert not re.search(r"url\(", html(RunView(example_run("oct"))))


def test_a_class_name_is_text_never_markup(example_run):
    page = html(RunView(example_run("many")))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_same_run_gives_the_same_bytes(example_run):
    run = example_run("covid")
    assert html(RunView(run)) == html(RunView(run))


def test_every_link_leads_somewhere(golden, example_run):
    page = html(RunView(example_run("oct")))
    anchors = set(re.findall(r'<section id="([^"]+)"', page))
    links = {a[1:] for a in golden("page_text").Page(page).addresses if a.startswith("#")}
    assert links == anchors and len(links) > 10


@pytest.mark.parametrize("name", NAMES)
def test_it_is_no_medical_device_on_every_page(name, golden, example_run):
    lines = golden("page_text").Page(html(RunView(example_run(name)))).lines
    assert "Not a medical device" in lines[1] and lines[-1].startswith("Not a medical device")


def test_it_is_written_beside_the_run_or_where_it_is_asked_for(example_run, tmp_path: Path):
    run = shutil.copytree(example_run("age"), tmp_path / "run")
    assert render(run) == run / "report.html"
    assert render(run, tmp_path / "other.html").read_bytes() == (run / "report.html").read_bytes()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="NO_RUN"):
        render(tmp_path)


def test_a_broken_file_is_named(example_run, tmp_path: Path):
    run = shutil.copytree(example_run("age"), tmp_path / "run")
    (run / "evaluation/test/scores.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableInput, match=r"scores\.json"):
        render(run)


def test_a_missing_folder_is_a_storage_failure(example_run, tmp_path: Path):
    with pytest.raises(StorageFailure):
        render(example_run("bare"), tmp_path / "nowhere" / "report.html")


def test_a_run_of_another_country_keeps_its_letters(example_run, tmp_path: Path):
    run = shutil.copytree(example_run("bare"), tmp_path / "眼底-甲")
    assert "眼底-甲" in render(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(("mode", "place"), [("light", 0), ("dark", 1)])
def test_text_stands_out_from_the_paper(mode, place):
    css = (Path(__file__).parents[3] / "src/sagittal/report/theme/style.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[place]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for ink, paper in (
        ("ink", "paper"),
        ("soft", "paper"),
        ("accent", "paper"),
        ("hot", "hot-wash"),
        ("warm", "warm-wash"),
        ("cool", "cool-wash"),
    ):
        assert contrast(colours[ink], colours[paper]) >= 4.5, f"{mode}: {ink} on {paper} (WCAG 2.2, 1.4.3)"


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_colour_of_the_user_must_be_a_colour(example_run, tmp_path: Path):
    run = shutil.copytree(example_run("covid"), tmp_path / "run")
    record = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    record["labels"]["colours"] = {"COVID": "#123456", "NonCOVID": "red;background:url(http://x)"}
    (run / "manifest.json").write_text(json.dumps(record), encoding="utf-8")
    page = html(RunView(run))
    assert "#123456" in page and "url(" not in page
