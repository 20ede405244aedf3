"""Slides that do not say how large a pixel is: said loudly where none does, refused where some do."""

from __future__ import annotations

import pytest

from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.errors import Refused
from sagittal.phantoms.slide import slide


@pytest.fixture
def silent(tmp_path):
    return slide(tmp_path / "slides", patients=3, size=(512, 512), mpp=None)


def found_in(folder, **options):
    seen = audit(discover(folder, options=options).manifest, workers=0)
    return [f for f in seen.findings if f.code == "NO_MPP"], seen


def test_where_no_slide_says_it_the_audit_warns_and_names_the_remedy(silent):
    [finding], seen = found_in(silent)
    assert (finding.severity, finding.n) == ("warn", 3)
    assert "data.mpp" in finding.remedy and "column mpp" in finding.remedy
    assert seen.refusal() is None
    assert found_in(silent, mpp=0.5)[0] == []


def test_where_some_slides_say_it_the_others_are_refused_until_it_is_stated(silent):
    names = sorted(p.name for p in silent.glob("*.tif"))
    (silent / "table.csv").write_text("\n".join(["file,mpp", f"{names[0]},0.5", f"{names[1]},", f"{names[2]},0.25"]))
    [finding], seen = found_in(silent)
    assert (finding.severity, finding.items) == ("block", (names[1].removesuffix(".tif"),))
    assert isinstance(seen.refusal(), Refused)
    (silent / "table.csv").write_text("\n".join(["file,mpp", *(f"{n},0.5" for n in names)]))
    assert found_in(silent)[0] == []


def test_tiles_are_pictures_and_need_not_say_it(tmp_path):
    from sagittal.phantoms.tiles import tiles

    assert found_in(tiles(tmp_path / "tiles", patients=3, each=1, size=(128, 128)))[0] == []
