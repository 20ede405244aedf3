from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sagittal.engine.checkpoint import Checkpoint, find, load, load_state, recover, save
from sagittal.engine.tensors import read_tensors, write_tensors
from sagittal.errors import StorageFailure, UnreadableInput


def _one(value: float, *, optimizer: bool = True) -> Checkpoint:
    tensors = {"weight": torch.full((3, 2), value), "count": torch.tensor(7)}
    return Checkpoint(model=tensors, optimizer={"exp_avg/weight": torch.ones(3, 2)} if optimizer else None, state={"value": value})


def _value(folder: Path) -> float:
    found = load(folder)
    assert float(found.model["weight"][0, 0]) == found.state["value"]
    return float(found.state["value"])


class Stopped(Exception):
    pass


def _stop_at(point: str):
    def reached(name: str) -> None:
        if name == point:
            raise Stopped

    return reached


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    save(tmp_path / "run" / "last", _one(1.5))
    found = load(tmp_path / "run" / "last")
    assert torch.equal(found.model["weight"], torch.full((3, 2), 1.5))
    assert found.model["count"].dtype == torch.int64
    assert found.optimizer is not None
    assert found.state == {"value": 1.5}
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["last"]


def test_there_is_no_pickle_and_the_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    save(tmp_path / "last", _one(1.0))
    assert sorted(p.name for p in (tmp_path / "last").iterdir()) == [
        "SHA256SUMS",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "last", check=True, capture_output=True)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    ],
)
def test_the_safetensors_library_reads_what_is_written_and_the_reverse(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = {
        "a": torch.arange(6).reshape(2, 3).to(dtype),
        "scalar": torch.tensor(1).to(dtype),
        "empty": torch.zeros(0, 4, dtype=dtype),
        "é": torch.ones(3),
    }
    write_tensors(tmp_path / "ours", tensors)
    save_file(tensors, tmp_path / "theirs")
    for found in (load_file(tmp_path / "ours"), read_tensors(tmp_path / "theirs")):
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[k], v) and found[k].dtype == v.dtype for k, v in tensors.items())


def test_shared_strided_and_channels_last_tensors_are_written_by_value(tmp_path: Path) -> None:
    base = torch.randn(2, 3, 4, 4)
    tensors = {"a": base, "b": base, "c": base.transpose(0, 1), "d": base.to(memory_format=torch.channels_last)}
    write_tensors(tmp_path / "x", tensors)
    found = read_tensors(tmp_path / "x")
    assert all(torch.equal(found[k], v) for k, v in tensors.items())


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_a_harmed_checkpoint_is_refused_by_name(name: str, harm: str, tmp_path: Path) -> None:
    save(tmp_path / "last", _one(1.0))
    file = tmp_path / "last" / name
    data = bytearray(file.read_bytes())
    if harm == "gone":
        file.unlink()
    else:
        place = data.index(b"1") if name == "state.json" else len(data) // 2
        data[place] = data[place] ^ 1
        file.write_bytes(data if harm == "changed" else data[: len(data) // 2])
    with pytest.raises(UnreadableInput) as refused:
        load(tmp_path / "last")
    assert refused.value.exit_code == 3


def test_another_version_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "last", _one(1.0))
    state = tmp_path / "last" / "state.json"
    state.write_text(state.read_text().replace('"version": 1', '"version": 99'))
    with pytest.raises(UnreadableInput, match="version"):
        load_state(tmp_path / "last")


POINTS = [
    "model.safetensors:tensor",
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "SHA256SUMS",
    "filled",
    "aside",
    "placed",
    "done",
]


@pytest.mark.parametrize("point", POINTS)
def test_cut_off_at_any_step_there_is_a_whole_checkpoint(point: str, tmp_path: Path) -> None:
    folder = tmp_path / "last"
    save(folder, _one(1.0))
    with pytest.raises(Stopped):
        save(folder, _one(2.0), reached=_stop_at(f"last:{point}"))
    if point == "aside":
        # the old one is not touched before the new one has its name
        assert _value(tmp_path / ".last.old") == 1.0
    assert _value(folder) == (1.0 if POINTS.index(point) < POINTS.index("aside") else 2.0)
    save(folder, _one(3.0))
    assert _value(folder) == 3.0
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_a_reader_does_not_disturb_a_writer(tmp_path: Path) -> None:
    folder = tmp_path / "last"
    save(folder, _one(1.0))
    seen = []

    def look(point: str) -> None:
        seen.append(_value(folder))

    save(folder, _one(2.0), reached=look)
    assert seen == sorted(seen)
    assert {1.0, 2.0} == set(seen)
    assert _value(folder) == 2.0


def test_an_unfinished_new_one_beside_nothing_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        save(tmp_path / "last", _one(1.0), reached=_stop_at("last:state.json"))
    (tmp_path / ".last.new").mkdir()
    (tmp_path / ".last.new" / "model.safetensors").write_bytes(b"")
    assert find(tmp_path / "last") is None
    recover(tmp_path / "last")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(small_disk: Path) -> None:
    folder = small_disk / "last"
    save(folder, _one(1.0))
    large = Checkpoint(model={"weight": torch.full((400_000,), 2.0)}, optimizer=None, state={"value": 2.0})
    with pytest.raises(StorageFailure) as full:
        save(folder, large)
    assert full.value.exit_code == 9
    assert full.value.code == "DISK_FULL"
    assert _value(folder) == 1.0
    save(folder, _one(3.0))
    assert _value(folder) == 3.0


def test_a_disk_full_but_for_the_last_file(small_disk: Path) -> None:
    folder = small_disk / "last"
    save(folder, _one(1.0))
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096) == 4096:
            pass
    # room for some of the files only
    fitted: list[int] = []
    for pages in range(1, 8):
        with filler.open("rb+") as file:
            file.truncate(filler.stat().st_size - 4096)
        with contextlib.suppress(StorageFailure):
            save(folder, _one(1.0 + pages))
            fitted.append(pages)
        assert _value(folder) == 1.0 + max(fitted, default=0)
    assert 1 not in fitted
    assert 7 in fitted


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StorageFailure):
        save(tmp_path / "last", _one(1.0))
    tmp_path.chmod(stat.S_IRWXU)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageFailure):
        save(tmp_path / "run" / "last", _one(1.0))
