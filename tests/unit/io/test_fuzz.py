"""Hundreds of mutations a format: only our own refusals come out, and memory stays where it was."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Labels
from sagittal.errors import SagittalError

_SPEC = importlib.util.spec_from_file_location("hostile_files", Path(__file__).with_name("test_hostile.py"))
hostile = importlib.util.module_from_spec(_SPEC)
sys.modules["hostile_files"] = hostile
_SPEC.loader.exec_module(hostile)

LABELS = Labels(classes=("tissue", "tumour"), background="tissue")
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><g class="tumour" transform="rotate(3) translate(1,2)">
<polygon fill="none" points="1,1 9,1 9,9 1,9"/><path d="M 10 10 C 20 10 20 20 10 20 S 5 15 10 10 Z m 3 3 a 4 4 0 1 0 8 0 z"/>
<rect x="30" y="5" width="10" height="6" rx="2"/><circle cx="50" cy="20" r="4"/></g></svg>"""
CSV = "case,age,dose\n" + "\n".join(f"p{k},{20 + k},{k * 0.5}" for k in range(40))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    made = bytearray(data)
    kind = rng.integers(0, 6)
    if kind == 0:
        return bytes(made[: rng.integers(0, len(made))])
    if kind == 1:
        for _ in range(rng.integers(1, 8)):
            made[rng.integers(0, len(made))] = rng.integers(0, 256)
    elif kind == 2:  # sizes and counts lie near the beginning
        at = rng.integers(0, min(len(made), 600))
        made[at : at + 4] = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"][rng.integers(0, 4)]
    elif kind == 3:
        low, high = sorted(rng.integers(0, len(made), 2))
        del made[low:high]
    elif kind == 4:
        low, high = sorted(rng.integers(0, len(made), 2))
        made[low:low] = made[low:high]
    else:
        made[rng.integers(0, len(made))] ^= 1 << rng.integers(0, 8)
    return bytes(made)


@pytest.mark.parametrize("name", [*hostile.WHOLE, "a.csv", "a.svg"])
def test_only_refusals_come_out_of_mutated_files(tmp_path, name, capfd):
    path = tmp_path / name
    part = ""
    if name == "a.csv":
        path.write_text(CSV)
        part = "::3"
    elif name == "a.svg":
        path.write_text(SVG)
    else:
        make, part = hostile.WHOLE[name]
        make(path)
    whole, rng, before = path.read_bytes(), np.random.default_rng(20), hostile.peak_mb()
    refused = 0
    for _ in range(40 if name == "a.parquet" else 150):
        path.write_bytes(mutated(whole, rng))
        try:
            if name == "a.svg":
                io.read_annotation(path, LABELS)
            else:
                image = io.read(f"{path}{part}")
                assert image.read().shape == (len(image.channels), *image.geometry.shape)
                image.coarser(4).read()
        except SagittalError as error:
            refused += 1
            assert error.exit_code in ({3, 4, 10} if name.startswith(("a.svg", "a.nii")) else {3, 10}), error
    capfd.readouterr()  # libjpeg and libtiff say their own words
    assert refused > 0
    assert hostile.peak_mb() - before < 250
