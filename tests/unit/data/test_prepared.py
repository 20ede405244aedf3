"""Prepared cases on disk: the same as those in memory, whole or not there, whoever writes and whenever it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.data.prepared import Prepared, key_of
from sagittal.data.ready import Ready
from sagittal.errors import StorageFailure
from sagittal.ops.scale import Scale

GRID = Geometry(shape=(24, 20, 16), affine=np.diag([1.0, 1.5, 2.0, 1.0]), unit="mm", frame="patient")


def made(seed: int = 0) -> tuple[Ready, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, *GRID.shape)).astype(np.float32)
    return Ready(values=values, geometry=GRID, grid=GRID, scale=Scale(mean=(0.5, 0.25), std=(0.1, 2.0))), rng.integers(
        0, 3, GRID.shape
    ).astype(np.int16)


def test_what_was_put_is_what_is_got_and_it_is_mapped_not_copied(tmp_path):
    store, (ready, mask) = Prepared(folder=tmp_path), made()
    store.put("a", (ready, mask))
    found, encoded = store.get("a")
    assert isinstance(found.values, np.memmap)
    assert found.values.tobytes() == ready.values.tobytes()
    assert encoded.tobytes() == mask.tobytes()
    assert found.scale == ready.scale
    assert found.geometry.same_grid(GRID)
    assert found.see(GRID).tobytes() == ready.see(GRID).tobytes()


def test_what_nobody_drew_on_has_no_mask(tmp_path):
    store = Prepared(folder=tmp_path)
    store.put("a", (made()[0], None))
    assert store.get("a")[1] is None
    assert store.sound("a")


@pytest.mark.parametrize("damage", ["missing", "flipped", "cut", "other_version", "no_record"])
def test_what_is_damaged_is_made_again(tmp_path, damage):
    store = Prepared(folder=tmp_path)
    store.put("a", made())
    values = tmp_path / "a" / "values.npy"
    if damage == "missing":
        values.unlink()
    elif damage == "flipped":
        raw = bytearray(values.read_bytes())
        raw[-5] ^= 1
        values.write_bytes(raw)
    elif damage == "cut":
        values.write_bytes(values.read_bytes()[:-100])
    elif damage == "no_record":
        (tmp_path / "a" / "case.json").unlink()
    else:
        record = json.loads((tmp_path / "a" / "case.json").read_text())
        (tmp_path / "a" / "case.json").write_text(json.dumps({**record, "version": 99}))
        assert store.get("a") is None
        return
    assert not store.sound("a")
    assert store.ensure("a", made)
    assert store.sound("a")
    assert not store.ensure("a", made)


BUILDER = """
import sys
from pathlib import Path
import numpy as np
from sagittal.core.geometry import Geometry
from sagittal.data.prepared import Prepared
from sagittal.data.ready import Ready
from sagittal.ops.scale import Scale
grid = Geometry(shape=(64, 64, 64), affine=np.eye(4), unit="mm")
values = np.random.default_rng(0).normal(size=(2, *grid.shape)).astype(np.float32)
n = 0
while True:
    Prepared(folder=Path(sys.argv[1])).put(f"case{n % 3}", (Ready(values=values, geometry=grid, grid=grid, scale=Scale()), None))
    n += 1
    print(n, flush=True)
"""


@pytest.mark.parametrize("moment", [0.0, 0.004, 0.013, 0.03])
def test_a_killed_builder_leaves_nothing_half_done(tmp_path, moment):
    builder = subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert builder.stdout.readline().strip() == "1"
    time.sleep(moment)
    os.kill(builder.pid, signal.SIGKILL)
    builder.wait()
    store = Prepared(folder=tmp_path)
    names = [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")]
    assert names
    assert all(store.sound(name) for name in names), "what has its name is whole"
    store.sweep()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_two_builders_of_one_case_both_succeed(tmp_path):
    one, other = Prepared(folder=tmp_path), Prepared(folder=tmp_path)
    one.put("a", made())

    def slow():
        one.put("b", made())  # the other process is faster
        return made()

    assert other.ensure("b", slow)
    assert other.sound("b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_full_or_read_only_disk_is_told_with_its_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure):
        Prepared(folder=tmp_path / "file").put("a", made())


def test_another_way_to_prepare_has_another_place():
    assert key_of({"spacing": [1, 1, 1]}) != key_of({"spacing": [1, 1, 2]})
