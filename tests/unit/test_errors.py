"""Every error is one line with a remedy, an exit code of its own, and survives the way from another process."""

from __future__ import annotations

import errno
import inspect
import pickle
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sagittal import errors
from sagittal.errors import SagittalError, UsageError, nearest
from sagittal.failures import as_refusal
from sagittal.shelf import Shelf

KINDS = [k for _, k in inspect.getmembers(errors, inspect.isclass) if issubclass(k, SagittalError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_whole_from_another_process(kind):
    error = kind("CODE", "a file", "is\nbroken", "mend it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "CODE a file: is broken; mend it"
    assert again.record() == {"error": "CODE", "item": "a file", "what": "is broken", "remedy": "mend it", "exit": kind.exit_code}


def test_every_exit_code_stands_for_one_kind_and_the_tree_is_true():
    first = [k for k in KINDS if SagittalError in (k, *k.__bases__)]
    assert len({k.exit_code for k in first}) == len(first)
    # a kind of a kind ends as the first of its parents does
    assert all(k.exit_code == k.__bases__[0].exit_code for k in KINDS if k not in first)
    drawn = {name: int(code) for name, code in re.findall(r"[├└]── (\w+)\s+(\d+)", errors.__doc__ or "")}
    assert drawn == {k.__name__: k.exit_code for k in KINDS if k is not SagittalError}


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_an_error_is_one_line_whatever_it_is_told(item, what, remedy):
    assert len(str(SagittalError("CODE", item, what, remedy)).splitlines()) == 1


def test_the_nearest_name_is_offered_and_thousands_are_not():
    assert nearest("resnte", ["vgg", "resnet"]) == "did you mean resnet?"
    assert nearest("x", []) == "there is nothing to choose from"
    assert nearest("q", ["b", "a"]) == "choose one of: a, b"
    assert len(nearest("zzz", [f"case-{i}" for i in range(5000)])) < 400


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (UsageError("X", "y", "z", "w"), "X", 2),
        (KeyboardInterrupt(), "INTERRUPTED", 130),
        (MemoryError(), "OUT_OF_MEMORY", 10),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), "OUT_OF_MEMORY", 10),
        (RuntimeError("CUDA error: out of memory"), "OUT_OF_MEMORY", 10),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "OUT_OF_MEMORY", 10),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory"), "OUT_OF_MEMORY", 10),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "DISK_FULL", 9),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "NOT_WRITABLE", 9),
        (OSError(errno.EROFS, "Read-only file system", "x"), "NOT_WRITABLE", 9),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), "NOT_FOUND", 3),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "NOT_FOUND", 3),
        (OSError(errno.EIO, "Input/output error"), "STORAGE", 9),
        (ZeroDivisionError("division by zero"), "FAULT", 1),
        (ValueError("a\nlong\n" + "x" * 5000), "FAULT", 1),
    ],
)
def test_whatever_is_raised_becomes_one_line_with_a_code(error, code, exit_code):
    refusal = as_refusal(error)
    assert (refusal.code, refusal.exit_code) == (code, exit_code)
    assert len(str(refusal)) < 600
    assert refusal.remedy


def test_a_really_too_large_tensor_is_out_of_memory():
    with pytest.raises((RuntimeError, MemoryError)) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert as_refusal(failed.value).code == "OUT_OF_MEMORY"


SHELF = Shelf("sagittal.windows", kind="windowing")


def test_a_shelf_lists_its_parts_and_not_their_helpers():
    assert {"patches", "tiles", "whole"} <= set(SHELF.names())
    assert not [name for name in SHELF.names() if name.startswith("_")]
    assert SHELF.summary("whole") == "The whole prepared case at once."
    assert Shelf("sagittal.nowhere", kind="thing").names() == []


def test_listing_imports_nothing():
    import subprocess
    import sys

    code = """
import sys
from sagittal.shelf import Shelf
shelf = Shelf("sagittal.models", kind="model")
assert "vgg" in shelf.names() and shelf.summary("vgg")
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "options", "given_options", "code", "remedy"),
    [
        ("tile", {}, {}, "UNKNOWN_WINDOWING", "did you mean tiles?"),
        ("tiles", {"sise": 3}, {}, "UNKNOWN_OPTION", "did you mean size?"),
        ("tiles", {"size": 3}, {"size": 4}, "UNKNOWN_OPTION", "overlap"),
        ("_windowing", {}, {}, "UNKNOWN_WINDOWING", "choose one of"),
    ],
)
def test_a_wrong_name_or_option_is_answered_with_the_nearest(name, options, given_options, code, remedy):
    with pytest.raises(UsageError) as refused:
        SHELF.make(name, options, **given_options)
    assert refused.value.code == code
    assert remedy in refused.value.remedy


def test_an_option_that_is_missing_is_named_and_what_the_part_does_not_take_is_not_given():
    with pytest.raises(UsageError, match="MISSING_OPTION") as refused:
        Shelf("sagittal.models", kind="model").make("mlp", {}, channels=3)
    assert "outputs" in str(refused.value)
    assert SHELF.make("whole", None, seed=3).one


def test_parts_of_other_packages_join_by_entry_point(monkeypatch):
    class Point:
        name = "spiral"

        @staticmethod
        def load():
            return lambda *, turns=3: turns

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point] if group == "sagittal.windows" else [])
    assert "spiral" in SHELF.names()
    assert SHELF.make("spiral", {"turns": 5}) == 5
    assert SHELF.summary("spiral") == "from another package"
    with pytest.raises(UsageError, match="did you mean turns"):
        SHELF.make("spiral", {"turn": 5})
