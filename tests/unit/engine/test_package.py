"""A package that is true opens and answers as its run; one that is not is refused, whatever is wrong with it."""

from __future__ import annotations

import json
import pickle
import re
import runpy
import shutil
import struct
import tempfile
import time
import typing
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sagittal.cli import main
from sagittal.data.images import image_of
from sagittal.engine.explain import EXPLAINERS
from sagittal.engine.learn import predictor_of
from sagittal.engine.package import NAMES, open_package, read_package, write_package
from sagittal.engine.plan import LOSSES, MODELS, WINDOWS
from sagittal.engine.run import Run
from sagittal.errors import InvalidPackage, StorageFailure, UsageError
from sagittal.verbs.show import show

made = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("_packages.py"))))
CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made.table_run(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made.picture_run(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def truth(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return made.Truth.of(write_package(run, tmp_path_factory.mktemp("package") / "truth.sagittal"))


# What is true


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(run, truth, tmp_path):
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "elsewhere" / run.name)))
    assert write_package(copy, tmp_path / "other.sagittal").read_bytes() == truth.data


@pytest.mark.parametrize("which", ["run", "pictures"])
def test_a_package_answers_as_its_run_to_the_last_bit(which, request, tmp_path):
    run = request.getfixturevalue(which)
    ours = predictor_of(run, device=CPU)
    theirs = open_package(write_package(run, tmp_path / "a.sagittal"), device=CPU)
    assert theirs.plan == ours.plan and theirs.calibration == ours.calibration and theirs.operating == ours.operating
    weights, same = ours.members[0].state_dict(), theirs.members[0].state_dict()
    assert list(weights) == list(same) and all(torch.equal(weights[k], same[k]) and weights[k].dtype == same[k].dtype for k in weights)
    manifest = run.manifest()
    items = [(c.id, image_of(c, manifest)) for c in manifest.split("test")]
    for _, image in items:
        pairs = zip(ours.windows(image), theirs.windows(image), strict=True)
        assert all(a == b and x.tobytes() == y.tobytes() for (a, x), (b, y) in pairs)
    for a, b in zip(ours.answer(items), theirs.answer(items), strict=True):
        assert a.scores.tobytes() == b.scores.tobytes() and a.answer == b.answer and a.abstained == b.abstained


def test_any_zip_program_finds_the_four_files_and_their_sums_right(truth, tmp_path):
    (tmp_path / "a.zip").write_bytes(truth.data)
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.testzip() is None and tuple(opened.namelist()) == NAMES
    assert made.summed(truth.files) == dict(truth.files)


def test_what_is_told_of_validation_cases_names_none_and_a_package_without_it_still_opens(run, truth, tmp_path):
    told = truth.model["validation"]
    assert set(told) == {"measures", "answered", "true", "scores"}
    assert set(told["measures"]) == {"mean intensity", "contrast", "confidence"}
    known = [case for case in run.manifest().cases if case.split == "val"]
    assert sum(told["answered"]) == len(known) == told["measures"]["confidence"]["n"]
    assert not {f'"{name}"' for case in known for name in (case.id, case.group)} & set(re.findall('"[^"]*"', json.dumps(told)))
    older = tmp_path / "older.sagittal"
    older.write_bytes(truth.with_model(lambda m: m.pop("validation")))
    assert read_package(older).model.validation is None


def test_the_card_says_what_it_is_and_what_it_is_not(truth, tmp_path):
    text = truth.files["card.md"].decode()
    for word in ("Not a medical device", "classification", "sick", "Intended use", "Limits", "has not been evaluated", "calibrated"):
        assert word in text


def test_the_card_holds_the_scores_of_the_test_split_with_their_intervals(run, tmp_path):
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "run")))
    score = {
        "metric": "auc",
        "class": "",
        "value": 0.9871,
        "low": 0.9312,
        "high": 0.9975,
        "n": 30,
        "higher_is_better": True,
        "undefined": None,
    }
    trivial = [{"name": "majority", "scores": [{**score, "value": 0.5}]}]
    copy.write("evaluation/test/scores.json", {"scores": [score], "baselines": trivial, "touched": 1})
    text = read_package(write_package(copy, tmp_path / "a.sagittal")).card
    assert "| auc | all | 0.987 | 0.931 to 0.998 | 30 | 0.500 |" in text


def test_where_the_starting_weights_lay_is_nobodys_business(pictures, tmp_path):
    copy = Run(Path(shutil.copytree(pictures.path, tmp_path / "run")))
    copy.write("plan.json", {**copy.read("plan.json"), "pretrained": "/home/ward7/weights/start.safetensors"})
    path = write_package(copy, tmp_path / "a.sagittal")
    assert b"ward7" not in path.read_bytes()
    assert open_package(path, device=CPU).plan.pretrained == "start.safetensors"


def test_show_prints_the_card_and_tells_programs_the_rest(truth, tmp_path):
    path = tmp_path / "a.sagittal"
    path.write_bytes(truth.data)
    shown = show([str(path)])
    assert "all checks passed" in shown.lines()[0] and any("Not a medical device" in line for line in shown.lines())
    assert shown.record()["labels"]["positive"] == "sick" and json.dumps(shown.record())


def test_writing_refuses_other_names_and_unfinished_runs_and_leaves_nothing(run, tmp_path):
    with pytest.raises(UsageError, match=r"a\.sagittal"):
        write_package(run, tmp_path / "a.zip")
    (tmp_path / "bare").mkdir()
    for name in ("recipe.yaml", "plan.json", "manifest.csv", "manifest.json"):
        shutil.copy(run.path / name, tmp_path / "bare" / name)
    with pytest.raises(UsageError, match="no trained model"):
        write_package(Run.open(tmp_path / "bare"), tmp_path / "a.sagittal")
    with pytest.raises(StorageFailure):
        write_package(run, tmp_path / "nowhere" / "a.sagittal")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare"]


def test_a_run_that_no_package_may_hold_does_not_replace_a_good_one(run, truth, tmp_path):
    copy = Run(Path(shutil.copytree(run.path, tmp_path / "run")))
    copy.write("plan.json", {**copy.read("plan.json"), "explain": {"name": "integrated_gradients", "options": {"baseline": [1, [2]]}}})
    (tmp_path / "a.sagittal").write_bytes(truth.data)
    with pytest.raises(InvalidPackage):
        write_package(copy, tmp_path / "a.sagittal")
    assert (tmp_path / "a.sagittal").read_bytes() == truth.data


# What is not


class Harm:
    """A pickle that writes a file where it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("harm"),)


def _set(*path: str | int, to: Any) -> Callable[[Any], bytes]:
    def forge(truth: Any) -> bytes:
        def change(model: Any) -> None:
            for key in path[:-1]:
                model = model[key]
            model[path[-1]] = to

        return truth.with_model(change)

    return forge


def _without(*path: str) -> Callable[[Any], bytes]:
    def forge(truth: Any) -> bytes:
        def change(model: Any) -> None:
            for key in path[:-1]:
                model = model[key]
            del model[path[-1]]

        return truth.with_model(change)

    return forge


def _text(old: str, new: str) -> Callable[[Any], bytes]:
    """``model.json`` with one piece of its text replaced."""

    def forge(truth: Any) -> bytes:
        text = truth.files["model.json"].decode()
        assert old in text
        return truth.but(model_json=text.replace(old, new, 1))

    return forge


def _tensor(change: Callable[[dict[str, Any], str], object], *, numbers: Callable[[bytes], bytes] = bytes) -> Callable[[Any], bytes]:
    """Weights whose header is changed at its largest tensor."""

    def forge(truth: Any) -> bytes:
        header = truth.header
        change(header, max(header, key=lambda k: header[k]["data_offsets"][1] - header[k]["data_offsets"][0]))
        return truth.with_weights(header, numbers(truth.numbers))

    return forge


def _named(name: str, data: bytes = b"x") -> Callable[[Any], bytes]:
    """A fifth file."""
    return lambda truth: made.zipped({**truth.files, name: data})


def _instead(name: str) -> Callable[[Any], bytes]:
    """The card under another name."""
    return lambda truth: made.zipped({(name if k == "card.md" else k): v for k, v in truth.files.items()})


def _info(**values: Any) -> Callable[[Any], bytes]:
    def forge(truth: Any) -> bytes:
        def change(info: zipfile.ZipInfo) -> None:
            if info.filename == "card.md":
                for key, value in values.items():
                    setattr(info, key, value)

        return made.zipped(truth.files, change=change)

    return forge


def _twice(truth: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.zipped(truth.files, twice="model.json")


def _twice_among_four(truth: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.zipped({k: v for k, v in truth.files.items() if k != "card.md"}, twice="model.json")


def _patched(mark: bytes, offset: int, value: bytes, *, which: int = 0) -> Callable[[Any], bytes]:
    """Bytes of the ``which``-th zip record of a kind, overwritten."""

    def forge(truth: Any) -> bytes:
        at = -1
        for _ in range(which + 1):
            at = truth.data.index(mark, at + 1)
        return truth.data[: at + offset] + value + truth.data[at + offset + len(value) :]

    return forge


def _sums(change: Callable[[str], str]) -> Callable[[Any], bytes]:
    return lambda truth: made.zipped({**truth.files, "SHA256SUMS": change(truth.files["SHA256SUMS"].decode()).encode()})


def _flipped(truth: Any) -> bytes:
    """One bit of a weight, with the checksum of the zip set right."""
    weights = bytearray(truth.files["weights.safetensors"])
    weights[-1] ^= 1
    return made.zipped({**truth.files, "weights.safetensors": bytes(weights)})


def _bomb(truth: Any) -> bytes:
    return made.zipped({**truth.files, "card.md": b"0" * 50_000_000}, method=zipfile.ZIP_DEFLATED)


def _gap(truth: Any) -> bytes:
    """Bytes between the last file and the directory, which ordinary readers do not see."""
    at = truth.data.index(b"PK\1\2")
    end = truth.data.rindex(b"PK\5\6")
    moved = struct.pack("<L", at + 5)
    return truth.data[:at] + b"12345" + truth.data[at : end + 16] + moved + truth.data[end + 20 :]


def _prepended(truth: Any) -> bytes:
    """A script in front, all offsets set right, as a self-extracting zip has."""
    out = made.streams.BytesIO(b"#!/bin/sh\nexit 1\n")
    out.seek(0, 2)
    with zipfile.ZipFile(out, "a") as into:
        for name, data in truth.files.items():
            into.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _overlapping(truth: Any) -> bytes:
    def change(header: dict[str, Any], largest: str) -> None:
        _, stop = header[largest]["data_offsets"]
        other = next(k for k in header if k != largest and header[k]["shape"] != [])
        size = header[other]["data_offsets"][1] - header[other]["data_offsets"][0]
        header[other]["data_offsets"] = [stop - size, stop]

    return _tensor(change)(truth)


def _of_length(truth: Any, length: int) -> bytes:
    """The weights, saying this length of their header."""
    return struct.pack("<Q", length) + truth.files["weights.safetensors"][8:]


def _not_a_number(numbers: bytes) -> bytes:
    return struct.pack("<f", float("nan")) + numbers[4:]


def _platt_for_exclusive(model: dict[str, Any]) -> None:
    model["calibration"] |= {"kind": "platt", "slope": [1.0, 2.0], "shift": [0.0, 0.1]}


MODEL = ("plan", "model", "options")
CONFIDENCE = ("validation", "measures", "confidence")
HUGE = 10**9
# Name: how it is forged, and what the refusal must speak of.
HOSTILE: dict[str, tuple[Callable[[Any], bytes], str]] = {
    # the zip
    "empty file": (lambda t: b"", "no zip"),
    "text file": (lambda t: b"This is a model, trust me. " * 40, "no zip"),
    "bare pickle": (lambda t: pickle.dumps(Harm()) * 9, "no zip"),
    "torch archive": (lambda t: made.zipped({"archive/data.pkl": pickle.dumps(Harm())}), "entries"),
    "truncated": (lambda t: t.data[: len(t.data) // 2], "no zip"),
    "last byte cut": (lambda t: t.data[:-1], "no zip"),
    "bytes appended": (lambda t: t.data + b"\0" * 30, "no zip"),
    "bytes prepended": (lambda t: b"MZ" + t.data, "directory"),
    "script prepended": (_prepended, "begin"),
    "bytes between": (_gap, "no entry"),
    "comment": (lambda t: t.data[:-2] + b"\5\0hello", "end record|comment"),
    "second end record in comment": (lambda t: t.data[:-2] + struct.pack("<H", 22) + t.data[-22:], "put before or behind"),
    "empty zip": (lambda t: b"PK\5\6" + b"\0" * 18, "entries"),
    "traversal": (_named("../../harm"), "entries"),
    "traversal instead": (_instead("../card.md"), "nothing else"),
    "absolute name": (_instead("/etc/card.md"), "nothing else"),
    "drive name": (_instead("C:\\card.md"), "nothing else"),
    "folder in front": (_instead("run/card.md"), "nothing else"),
    "other case": (_instead("CARD.MD"), "nothing else"),
    "null in the name": (_patched(b"card.md", 4, b"\0", which=2), "nothing else"),
    "pickle beside": (_named("weights.pt", pickle.dumps(Harm())), "entries"),
    "pickle instead": (_instead("data.pkl"), "nothing else"),
    "code beside": (_named("model.py", b"import os"), "entries"),
    "missing file": (lambda t: made.zipped({k: v for k, v in t.files.items() if k != "card.md"}), "entries"),
    "name twice": (_twice, "entries"),
    "name twice among four": (_twice_among_four, "two entries"),
    "symlink": (_info(external_attr=0o120777 << 16), "link"),
    "device": (_info(external_attr=0o020666 << 16), "device"),
    "folder": (_info(external_attr=0x10), "folder"),
    "extra field": (_info(extra=b"UT\5\0\3abcd"), "extra"),
    "entry comment": (_info(comment=b"hi"), "comment"),
    "compressed": (lambda t: made.zipped(t.files, method=zipfile.ZIP_DEFLATED), "compressed"),
    "bomb": (_bomb, "compressed"),
    "encrypted": (_patched(b"PK\1\2", 8, b"\1\0"), "encrypted"),
    "encrypted locally": (_patched(b"PK\3\4", 6, b"\1\0"), "another"),
    "data descriptor": (_patched(b"PK\1\2", 8, b"\x08\0"), "features"),
    "names differ": (_patched(b"card.md", 0, b"evil.md"), "another"),
    "sizes differ": (_patched(b"PK\3\4", 22, b"\1\0\0\0"), "another"),
    "zip64 sizes": (_patched(b"PK\1\2", 20, b"\xff" * 8), "zip64"),
    "size beyond the file": (_patched(b"PK\1\2", 20, b"\0\0\0\x70" * 2), "another"),
    "offset beyond the file": (_patched(b"PK\1\2", 42, b"\0\0\0\x70"), "begin"),
    "two entries in one place": (_patched(b"PK\1\2", 42, b"\0\0\0\0", which=1), "begin"),
    "count lies": (_patched(b"PK\5\6", 8, b"\x63\0\x63\0"), "entries"),
    "wrong checksum of the zip": (lambda t: _patched(b"PK\1\2", 16, b"abcd")(t), "another"),
    # the sums
    "wrong hash": (_sums(lambda s: "0" * 64 + s[64:]), "SHA-256"),
    "missing hash": (_sums(lambda s: s.split("\n", 1)[1]), "each"),
    "hash twice": (_sums(lambda s: s + s.splitlines()[0] + "\n"), "each"),
    "hash of a stranger": (_sums(lambda s: s + "0" * 64 + "  ../x\n"), "each"),
    "upper case hash": (_sums(str.upper), "each"),
    "no sums": (_sums(lambda s: ""), "each"),
    "huge sums": (_sums(lambda s: s + "\n" * 5000), "limit"),
    "bit of a weight flipped": (_flipped, "SHA-256"),
    # the texts
    "not UTF-8": (lambda t: t.but(model_json=b'{"format": "\xff"}'), "UTF-8"),
    "UTF-16": (lambda t: t.but(model_json=json.dumps(t.model).encode("utf-16")), "UTF-8"),
    "byte order mark": (lambda t: t.but(model_json=b"\xef\xbb\xbf" + t.files["model.json"]), "FEFF"),
    "no JSON": (lambda t: t.but(model_json="format: sagittal-package"), "Expecting"),
    "pickle as JSON": (lambda t: t.but(model_json=pickle.dumps(Harm())), "UTF-8|control"),
    "list": (lambda t: t.but(model_json="[]"), "format"),
    "NaN": (_text('"sensitivity": 0.95', '"sensitivity": NaN'), "NaN"),
    "infinity": (_text('"sensitivity": 0.95', '"sensitivity": -Infinity'), "Infinity"),
    "overflow": (_text('"sensitivity": 0.95', '"sensitivity": 1e999'), "large"),
    "endless digits": (_text('"seed": 0', '"seed": ' + "9" * 9000), "large"),
    "deep": (_text('"reasons": ', '"reasons": ' + "[" * 50_000 + "]" * 50_000 + ', "x": '), "deep"),
    "key twice": (_text('"version": 1', '"version": 1, "version": 1'), "twice"),
    "huge model.json": (lambda t: t.but(model_json=t.files["model.json"] + b" " * 2**22), "limit"),
    "escape codes in a class": (_set("plan", "labels", "classes", 0, to="\x1b[2Jsick"), "control"),
    "text turned round": (_set("name", to="gpj\u202eexe"), "control"),
    "half a surrogate": (_text('"name": "run"', '"name": "\\ud800"'), "control"),
    "escape codes in the card": (lambda t: t.but(card_md="\x1b]0;owned\x07"), "control"),
    "card not UTF-8": (lambda t: t.but(card_md=b"\xc3("), "UTF-8"),
    # the schema
    "other format": (_set("format", to="sagittal-plan"), "format"),
    "future version": (_set("version", to=2), "version"),
    "version is true": (_set("version", to=True), "version"),
    "no version": (_without("version"), "version"),
    "unknown key": (_set("hook", to="os.system"), "hook"),
    "unknown key in the plan": (_set("plan", "postprocess", to="eval"), "postprocess"),
    "unknown key in labels": (_set("plan", "labels", "__class__", to="x"), "__class__"),
    "missing labels": (_without("plan", "labels"), "labels"),
    "text for a number": (_set("plan", "seed", to="0"), "seed"),
    "true for a number": (_set("plan", "members", to=True), "members"),
    "number for a text": (_set("plan", "task", to=7), "task"),
    "text for a list": (_set("plan", "labels", "classes", to="sick"), "classes"),
    "list for an object": (_set("plan", to=[]), "plan"),
    "null for a plan": (_set("plan", to=None), "plan"),
    # names
    "unknown architecture": (_set("plan", "model", "name", to="gpt"), "no model"),
    "dotted architecture": (_set("plan", "model", "name", to="os.system"), "no model"),
    "path as architecture": (_set("plan", "model", "name", to="../models/mlp"), "no model"),
    "private architecture": (_set("plan", "model", "name", to="_members"), "no model"),
    "dunder architecture": (_set("plan", "model", "name", to="__init__"), "no model"),
    "empty architecture": (_set("plan", "model", "name", to=""), "no model"),
    "unknown task": (_set("plan", "task", to="subprocess"), "no task"),
    "unknown windows": (_set("plan", "windows", "name", to="doors"), "no windowing"),
    "unknown loss": (_set("plan", "loss", "name", to="pickle"), "no loss"),
    "unknown explainer": (_set("plan", "explain", "name", to="torch.load"), "no explainer"),
    "unknown transform": (_set("plan", "augment", to={"os.remove": "x"}), "no transform"),
    "unknown transform of other networks": (_set("plan", "varied", to={"os.remove": "x"}), "no transform"),
    "endless transform of other networks": (_set("plan", "varied", to={"affine": {"rotate": 1e300}}), "varied.affine.rotate"),
    # options and sizes
    "unknown option": (_set(*MODEL, "hook", to=1), "hook"),
    "option of the engine's": (_set(*MODEL, "channels", to=3), "channels"),
    "generator given": (_set(*MODEL, "generator", to=None), "generator"),
    "object as option": (_set(*MODEL, "widths", to={"a": 1}), "widths"),
    "nested lists as option": (_set(*MODEL, "widths", to=[[64]]), "widths"),
    "text as option": (_set(*MODEL, "widths", to="64"), "widths"),
    "negative width": (_set(*MODEL, "widths", to=[-64, 64]), ""),
    "huge width": (_set(*MODEL, "widths", to=[HUGE, HUGE]), "widths"),
    "large width": (_set(*MODEL, "widths", to=[900_000, 900_000]), "larger"),
    "many layers": (_set(*MODEL, "widths", to=[1] * 100_000), "list"),
    "many small layers": (_set(*MODEL, "widths", to=[1] * 64), "tensors|larger"),
    "other width": (_set(*MODEL, "widths", to=[64, 32]), "network"),
    "other activation with weights": (_set(*MODEL, "activation", to="prelu"), "lack"),
    "unknown activation": (_set(*MODEL, "activation", to="exec"), "activation"),
    "network of another kind": (_set("plan", "model", to={"name": "vgg", "options": {}}), "axes"),
    "many members": (_set("plan", "members", to=HUGE), "members"),
    "no members": (_set("plan", "members", to=0), "members"),
    "axes": (_set("plan", "preparation", "axes", to=9), "axes"),
    "size of a table": (_set("plan", "preparation", "size", to=[HUGE, HUGE]), "size"),
    "negative size": (_set("plan", "preparation", "size", to=[-1]), "size"),
    "tiny spacing": (_set("plan", "preparation", "spacing", to=[1e-12]), "spacing"),
    "high is low": (_set("plan", "preparation", "high", to=[0.0]), "high"),
    "no deviation": (_set("plan", "preparation", "std", to=[0.0]), "std"),
    "other numbers of columns": (_set("plan", "preparation", "low", to=[0.0, 1.0, 2.0]), "low"),
    "column twice": (_set("plan", "preparation", "names", to=["a", "a", "b", "c"]), "names"),
    "flips of axes it has not": (_set("plan", "flips", to=[0, 1, 2, 3]), "flips"),
    "windows of no size": (_set("plan", "windows", to={"name": "tiles", "options": {"size": 0}}), "size"),
    "windows without end": (_set("plan", "windows", to={"name": "tiles", "options": {"overlap": 1.0}}), "overlap"),
    # labels and what was fitted
    "class twice": (_set("plan", "labels", "classes", to=["sick", "sick"]), "unique"),
    "no classes": (_set("plan", "labels", "classes", to=[]), "no class"),
    "another number of classes": (_set("plan", "labels", "classes", to=["a", "sick", "b"]), ""),
    "unknown positive class": (_set("plan", "labels", "positive", to="dead"), "no class"),
    "markup as colour": (_set("plan", "labels", "colours", to={"sick": '"><script>'}), "colours"),
    "fingerprint": (_set("data", "fingerprint", to="0" * 64), "fingerprint"),
    "calibration with NaN": (_text('"slope": [', '"slope": [NaN,'), "NaN"),
    "calibration below 0": (_set("calibration", "slope", to=[-1.0, -1.0]), "slope"),
    "calibration of other classes": (_set("calibration", "classes", to=["well", "sick"]), "classes"),
    "calibration of another length": (_set("calibration", "slope", to=[1.0]), "slope"),
    "unknown calibration": (_set("calibration", "kind", to="lambda"), "kind"),
    "calibration of another task": (lambda t: t.with_model(_platt_for_exclusive), "fit the task"),
    "threshold above 1": (_set("operating_point", "thresholds", to=[{"label": "sick", "value": 1.5}]), "probabilities"),
    "threshold of no class": (_set("operating_point", "thresholds", to=[{"label": "dead", "value": 0.5}]), "classes"),
    "threshold of another kind": (_set("operating_point", "thresholds", to=[0.5]), "thresholds"),
    "sureness below 0": (_set("operating_point", "least_sure", to=-0.1), "probabilities"),
    "operating point for other tasks": (_set("operating_point", "exclusive", to=False), "exclusive|task"),
    # what is told of the validation cases
    "validation is text": (_set("validation", to="none"), "validation"),
    "validation with another key": (_set("validation", "cases", to=["a"]), "cases"),
    "validation without measures": (_without("validation", "measures"), "measures"),
    "measures in a list": (_set("validation", "measures", to=[1.0]), "measures"),
    "text for a quantile": (_set(*CONFIDENCE, "quantiles", to=["1"] * 100), "quantiles"),
    "NaN as quantile": (_text('"quantiles": [', '"quantiles": [NaN,'), "NaN"),
    "huge quantile": (_text('"quantiles": [', '"quantiles": [1e999,'), "large"),
    "one quantile": (_set(*CONFIDENCE, "quantiles", to=[0.5]), "quantiles"),
    "many quantiles": (_set(*CONFIDENCE, "quantiles", to=[0.5] * 60_000), "quantiles"),
    "endless quantiles": (_set(*CONFIDENCE, "quantiles", to=[0.5] * 100_000), "list"),
    "quantiles that go down": (_set(*CONFIDENCE, "quantiles", to=[float(-i) for i in range(100)]), "ascend"),
    "many measures": (_set("validation", "measures", to={f"m{i}": {"n": 9, "quantiles": [0.5] * 100} for i in range(65)}), "measures"),
    "long measure": (_set("validation", "measures", to={"m" * 999: {"n": 9, "quantiles": [0.5] * 100}}), "measures"),
    "cases without end": (_set(*CONFIDENCE, "n", to=2**52), "cases"),
    "no cases": (_set(*CONFIDENCE, "n", to=0), "cases"),
    "true for cases": (_set(*CONFIDENCE, "n", to=True), "n is true"),
    "answers of other classes": (_set("validation", "answered", to=[1]), "answered"),
    "answers below 0": (_set("validation", "true", to=[-1, 1]), "true"),
    "score of another name": (_set("validation", "scores", to={"os.system": {"value": 0.5, "low": 0.4, "high": 0.6}}), "scores"),
    "score outside its interval": (_set("validation", "scores", to={"auc": {"value": 0.9, "low": 0.4, "high": 0.6}}), "interval"),
    # the weights
    "no weights": (lambda t: t.but(weights_safetensors=b""), "header"),
    "seven bytes": (lambda t: t.but(weights_safetensors=b"1234567"), "header"),
    "pickle as weights": (lambda t: t.but(weights_safetensors=pickle.dumps(Harm())), "header"),
    "huge header": (lambda t: t.but(weights_safetensors=_of_length(t, 2**64 - 1)), "header"),
    "header longer than the file": (lambda t: t.but(weights_safetensors=_of_length(t, 2**24)), "header"),
    "header is no JSON": (lambda t: t.with_weights(b"{" * 8, t.numbers), ""),
    "tensor twice": (lambda t: t.with_weights(b'{"a":{},"a":{}}', t.numbers), "twice"),
    "metadata": (_tensor(lambda h, k: h.update(__metadata__={"x": "y"})), "metadata|weights"),
    "offsets beyond the file": (_tensor(lambda h, k: h[k].update(data_offsets=[2**40, 2**40 + 4])), "offsets"),
    "offsets backwards": (_tensor(lambda h, k: h[k].update(data_offsets=h[k]["data_offsets"][::-1])), "offsets|overlap"),
    "three offsets": (_tensor(lambda h, k: h[k]["data_offsets"].append(0)), "offsets"),
    "overlapping tensors": (_overlapping, "overlap"),
    "bytes behind the tensors": (_tensor(lambda h, k: None, numbers=lambda n: n + b"\0" * 64), "before their file"),
    "bytes missing": (_tensor(lambda h, k: None, numbers=lambda n: n[:-64]), "before their file"),
    "absurd shape": (_tensor(lambda h, k: h[k].update(shape=[2**40, 2**40])), "bytes by its shape"),
    "negative shape": (_tensor(lambda h, k: h[k].update(shape=[-1, 4])), "shape"),
    "shape is text": (_tensor(lambda h, k: h[k].update(shape="64")), "shape"),
    "turned shape": (_tensor(lambda h, k: h[k].update(shape=[*h[k]["shape"], 1])), "network"),
    "wrong type": (_tensor(lambda h, k: h[k].update(dtype="I64", shape=[h[k]["shape"][0] // 2, *h[k]["shape"][1:]])), "network"),
    "unknown type": (_tensor(lambda h, k: h[k].update(dtype="OBJ")), "type"),
    "tensor renamed": (_tensor(lambda h, k: h.update({"__dict__": h.pop(k)})), "lack"),
    "NaN in a weight": (_tensor(lambda h, k: None, numbers=_not_a_number), "NaN"),
}  # fmt: skip


def _files(*folders: Path) -> list[str]:
    return sorted(str(p) for folder in folders for p in folder.rglob("*"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_package_is_refused_before_anything_happens(name, truth, tmp_path, monkeypatch):
    forge, says = HOSTILE[name]
    path, temporary = tmp_path / "here" / "evil.sagittal", tmp_path / "tmp"
    path.parent.mkdir()
    temporary.mkdir()
    path.write_bytes(forge(truth))
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = _files(tmp_path)
    started = time.perf_counter()
    with pytest.raises(InvalidPackage, match=says or None) as caught:
        open_package(path, device=CPU)
    assert caught.value.exit_code == 5
    assert str(caught.value).isprintable()
    assert time.perf_counter() - started < 20
    assert _files(tmp_path) == before


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 40


def test_forging_itself_is_no_reason_to_refuse(truth, tmp_path):
    """The tools of the tests, without a forgery, give packages that open."""
    for i, data in enumerate([made.zipped(truth.files), truth.with_model(lambda m: None), truth.with_weights(truth.header, truth.numbers)]):
        (tmp_path / f"{i}.sagittal").write_bytes(data)
        assert open_package(tmp_path / f"{i}.sagittal", device=CPU).plan.labels.positive == "sick"


@pytest.mark.parametrize(
    "options",
    [{"blocks": 900_000}, {"blocks": [64] * 2}, {"widths": [900_000, 900_000]}, {"stem_stride": 1_000_000}, {"head": [9000] * 60}],
)
def test_a_network_larger_than_its_weights_is_stopped_while_it_is_put_together(options, pictures, tmp_path):
    truth = made.Truth.of(write_package(pictures, tmp_path / "a.sagittal"))
    (tmp_path / "b.sagittal").write_bytes(truth.with_model(lambda m: m["plan"]["model"]["options"].update(options)))
    started = time.perf_counter()
    with pytest.raises(InvalidPackage, match=r"larger|layers|tensors"):
        open_package(tmp_path / "b.sagittal", device=CPU)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("shelf", [MODELS, WINDOWS, LOSSES, EXPLAINERS], ids=lambda s: s.kind)
def test_every_part_says_of_what_kind_its_options_are(shelf):
    """Options from a package are checked against these."""
    for name in shelf.names():
        hints = typing.get_type_hints(shelf.get(name))
        assert set(shelf.options(name)) <= set(hints)


@pytest.mark.parametrize("size", [64, 2**16, -64])
def test_a_picture_model_cannot_ask_for_other_windows_than_memory_holds(pictures, tmp_path, size):
    truth = made.Truth.of(write_package(pictures, tmp_path / "a.sagittal"))
    (tmp_path / "b.sagittal").write_bytes(truth.with_model(lambda m: m["plan"]["preparation"].update(size=[size, size])))
    if size == 64:
        assert open_package(tmp_path / "b.sagittal", device=CPU)
    else:
        with pytest.raises(InvalidPackage, match="size"):
            open_package(tmp_path / "b.sagittal", device=CPU)


def test_a_folder_called_like_a_package_is_refused(tmp_path):
    (tmp_path / "a.sagittal").mkdir()
    with pytest.raises(InvalidPackage):
        open_package(tmp_path / "a.sagittal", device=CPU)


@pytest.mark.parametrize(
    "verb", [["predict", "P", "t.csv", "-o", "out"], ["evaluate", "P", "--data", "t.csv"], ["show", "P"], ["export", "P", "-o", "a.onnx"]]
)
def test_every_verb_ends_with_5_and_writes_nothing(verb, truth, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, data in (("a.sagittal", truth.data[:-3]), ("b.sagittal", HOSTILE["unknown key"][0](truth))):
        Path(name).write_bytes(data)
        with pytest.raises(SystemExit) as ended:
            main([name if word == "P" else word for word in verb])
        assert ended.value.code == 5 and "Traceback" not in capsys.readouterr().err
    Path("c.sagittal").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["c.sagittal" if word == "P" else word for word in verb])
    assert ended.value.code == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.sagittal", "b.sagittal", "c.sagittal"]


def test_cut_anywhere_or_changed_anywhere_it_is_refused(truth, tmp_path):
    """Seeded mutations: only InvalidPackage comes out, unless the byte says nothing (the time of an entry, say)."""
    rng = np.random.default_rng(5)
    path = tmp_path / "m.sagittal"
    for _ in range(150):
        data = bytearray(truth.data)
        if rng.random() < 0.3:
            data = data[: rng.integers(len(data))]
        else:
            # Half of the changes hit what is not weights.
            at = int(rng.integers(len(data))) if rng.random() < 0.5 else len(data) - int(rng.integers(1, 4000))
            data[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        try:
            found = read_package(path)
        except InvalidPackage:
            continue
        assert dict(made.Truth.of(path).files) == dict(truth.files) and found.card
