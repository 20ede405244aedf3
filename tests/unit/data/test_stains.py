"""Stains by site: told of tissue alone, and warned of where sites differ more than the cases of one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sagittal.core import Case
from sagittal.data.audit import audit
from sagittal.data.discover import discover
from sagittal.data.stains import Stained, differing, lines, stained, told_of
from sagittal.report.stains import stains

HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])


def tissue(rng, *, much=(1.2, 0.8), colours=(HAEMATOXYLIN, EOSIN), size=96):
    """Nuclei and what is around them, each sample mostly of one stain."""
    amounts = rng.gamma(2.0, 0.5, (2, size, size)) * np.array(much)[:, None, None]
    nuclei = rng.random((size, size)) < 0.4
    amounts[0] *= np.where(nuclei, 1.0, 0.08)
    amounts[1] *= np.where(nuclei, 0.08, 1.0)
    unit = np.stack([c / np.linalg.norm(c) for c in colours])
    light = np.exp(-np.einsum("khw,kc->chw", amounts, unit))
    return np.clip(255 * light, 0, 255).astype(np.uint8)


def cases_of(sites):
    return [Case(id=f"{site}{n}", images={"image": "x.png"}, meta={"Scanner": site}) for site in sites for n in range(4)]


def looked_at(sites, rng):
    """What an audit keeps of four cases a site, by how much haematoxylin each site has."""
    found, cases = Stained(), cases_of(sites)
    for case in cases:
        much = sites[case.meta["Scanner"]] * rng.uniform(0.95, 1.05)
        found.add(case.id, stained(tissue(rng, much=(much, 0.8))), colour=True)
    return found, cases


def test_the_colours_of_the_stains_are_those_that_were_mixed():
    found = stained(tissue(np.random.default_rng(0)))
    for row, wanted in zip(found.matrix, (HAEMATOXYLIN, EOSIN), strict=True):
        assert np.degrees(np.arccos(np.dot(row, wanted / np.linalg.norm(wanted)))) < 12


@pytest.mark.parametrize(
    ("what", "picture"),
    [
        ("grey", np.repeat(np.random.default_rng(0).integers(0, 200, (1, 96, 96), np.uint8), 3, axis=0)),
        ("noise", np.random.default_rng(0).integers(0, 255, (3, 96, 96), np.uint8)),
        ("brown on blue", tissue(np.random.default_rng(0), colours=(np.array([0.3, 0.55, 0.78]), np.array([0.8, 0.5, 0.3])))),
        ("small", tissue(np.random.default_rng(0), size=40)),
        ("of 16 bits", tissue(np.random.default_rng(0)).astype(np.uint16)),
    ],
)
def test_nothing_is_said_of_what_is_not_haematoxylin_and_eosin(what, picture):
    assert stained(picture) is None, what


def test_sites_that_stain_otherwise_are_told_of_and_alike_ones_are_not():
    found, cases = looked_at({"A": 0.7, "B": 1.8, "C": 0.7}, np.random.default_rng(1))
    [finding] = differing(found, cases)
    assert finding.code == "STAINS_DIFFER" and finding.severity == "warn"
    assert "by Scanner" in finding.what and "haematoxylin" in finding.what and "prepare.stain" in finding.remedy
    told = told_of(found, cases)["stains"]
    assert told["by"] == "Scanner" and [s["site"] for s in told["sites"]] == ["A", "B", "C"] and told["sites"][1]["n"] == 4
    assert told["sites"][1]["most"][0] > 1.7 * told["sites"][0]["most"][0]
    assert next(lines({"stains": told})).startswith("stain  by Scanner: A (4) haematoxylin")
    html = stains({"tables": {"stains": told}})
    assert "Stains by Scanner" in html and told["sites"][0]["colours"][0] in html
    assert not differing(*looked_at({"A": 1.0, "B": 1.0}, np.random.default_rng(2)))


def test_photographs_among_tissue_silence_the_table():
    found, cases = looked_at({"A": 1.0}, np.random.default_rng(3))
    for n in range(3):
        found.add(f"cat{n}", None, colour=True)
    assert told_of(found, cases) == {} and not differing(found, cases) and not stains({"tables": {}})


def test_an_audit_of_tiles_says_how_sites_stain(tmp_path: Path):
    rng = np.random.default_rng(4)
    rows = ["file,label,patient,hospital"]
    for n in range(8):
        site = "north" if n % 2 else "south"
        cv2.imwrite(str(tmp_path / f"{n}.png"), tissue(rng, much=(0.6 + 0.9 * (n % 2), 0.8))[::-1].transpose(1, 2, 0))
        rows.append(f"{n}.png,{'tumour' if n < 4 else 'normal'},p{n},{site}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    seen = audit(discover(tmp_path).manifest, workers=0)
    assert [s["site"] for s in seen.tables["stains"]["sites"]] == ["north", "south"]
    assert "STAINS_DIFFER" in {f.code for f in seen.findings}
