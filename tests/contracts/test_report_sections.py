"""The contract of a report section: what every file of ``report/sections/`` (and of others who join) promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagittal.report.section import Section
from sagittal.report.view import RunView
from sagittal.shelf import Shelf

SECTIONS = Shelf("sagittal.report.sections", kind="section")
RUNS = ("oct", "covid", "many", "age", "brain", "table", "bare")


def check_section(name: str, view: RunView, page) -> None:
    """A section says nothing, or gives sound, self-contained, escaped markup and does not change the run."""
    before = sorted((p, p.stat().st_mtime_ns) for p in view.folder.rglob("*"))
    made = SECTIONS.get(name)(view)
    assert made is None or isinstance(made, Section)
    assert sorted((p, p.stat().st_mtime_ns) for p in view.folder.rglob("*")) == before, "a section only reads"
    if made is None:
        return
    found = page(str(made.html))
    assert found.errors == []
    assert found.scripts == [] and not {"script", "iframe", "object", "embed", "link"} & set(found.tags)
    assert all(a.startswith(("data:image/", "#")) for a in found.addresses)
    assert found.lines, "a section with nothing to say is None"
    for word in ("None", "nan", "NaN", "undefined object", "<built-in"):
        assert not any(word in line.split() for line in found.lines), word


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", SECTIONS.names())
def test_section(name, run, golden, example_run):
    check_section(name, RunView(example_run(run)), golden("page_text").Page)


@pytest.mark.parametrize("name", SECTIONS.names())
def test_a_section_survives_an_empty_run(name, tmp_path: Path, golden):
    check_section(name, RunView(tmp_path), golden("page_text").Page)


def test_every_section_has_its_own_place(example_run):
    for run in RUNS:
        made = [s for s in (SECTIONS.get(n)(RunView(example_run(run))) for n in SECTIONS.names()) if s is not None]
        assert len({s.anchor for s in made}) == len(made)
        assert len({s.order for s in made}) == len(made)
