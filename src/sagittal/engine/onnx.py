"""A trained model as ONNX: activation, mirrored views and calibration inside, checked against our own answers."""

from __future__ import annotations

import importlib.util
import itertools
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import sagittal
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.data.images import image_of
from sagittal.engine.calibrate import Calibration
from sagittal.engine.facts import spread
from sagittal.engine.infer import Item, Predictor
from sagittal.engine.run import Run
from sagittal.errors import LimitExceeded, NumericFailure, SagittalError, UnreadableInput, UsageError
from sagittal.io import atomic
from sagittal.ops.randomness import generator

LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 2**31 - 2**20
"""Bytes of a protocol buffer, and so of an ONNX file whose weights are inside."""

CASES = 32
INPUT, OUTPUT = "prepared", "scores"
_NOTICE = "For research. Not a medical device."


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How far the exported file's answers are from ours.

    Args:
        difference: The largest difference of a score.
        samples: Windows that were compared.
        real: Whether they are of the run's own cases; random otherwise.
    """

    difference: float
    samples: int
    real: bool

    @property
    def sentence(self) -> str:
        """For people."""
        kind = "prepared samples of the run" if self.real else "random samples"
        return f"parity: the largest difference of a score is {self.difference:.2e} on {self.samples} {kind}"


class Answering(nn.Module):
    """Prepared windows ``(B, C, *size)`` to the scores that our predictor gives ``(B, K, ...)``.

    Args:
        predictor: The model.
        calibration: Applied to the scores; None leaves them.
    """

    def __init__(self, predictor: Predictor, calibration: Calibration | None) -> None:
        super().__init__()
        self.networks = nn.ModuleList(predictor.members)
        self.activate = predictor.task.activate
        flips = predictor.plan.flips
        self.views = [axes for n in range(len(flips) + 1) for axes in itertools.combinations(flips, n)]
        self.calibration = calibration

    def forward(self, x: Tensor) -> Tensor:
        """The mean over networks and views, calibrated."""
        found = []
        for network, axes in itertools.product(self.networks, self.views):
            dims = [a + 2 for a in axes]
            scores = self.activate(network(x.flip(dims) if dims else x))
            found.append(scores.flip(dims) if dims and scores.ndim > 2 else scores)
        mean = found[0] if len(found) == 1 else torch.stack(found).mean(dim=0)
        return mean if self.calibration is None else corrected(mean, self.calibration)


def corrected(scores: Tensor, calibration: Calibration) -> Tensor:
    """What :meth:`Calibration.apply` does, for tensors ``(B, K)``; in double precision as there."""
    if calibration.kind == "identity":
        return scores
    given, slope = scores.double(), torch.tensor(calibration.slope, dtype=torch.float64)
    if calibration.kind == "temperature":
        return torch.softmax(torch.log(given.clamp(min=1e-38)) * slope, dim=1).float()
    shift = torch.tensor(calibration.shift, dtype=torch.float64)
    held = given.clamp(1e-7, 1 - 1e-7)
    changed = torch.sigmoid((torch.log(held) - torch.log1p(-held)) * slope + shift)
    return torch.where((slope == 1) & (shift == 0), given, changed).float()


def check_installed() -> None:
    """Make sure that the libraries of the extra are there.

    Raises:
        UsageError: One is not; the remedy installs it.
    """
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "pip install 'sagittal[export]'"
        raise UsageError("MISSING_EXTRA", missing[0], "is needed for ONNX and not installed", remedy)


def write_onnx(predictor: Predictor, run: Run | None, out: Path, *, tolerance: float) -> Parity:
    """Write a predictor as ONNX, after its answers were found equal to ours.

    Args:
        predictor: On the CPU.
        run: Whose validation and test cases are compared; random samples where None or where they cannot be read.
        out: Where to.
        tolerance: The largest allowed difference of a score.

    Raises:
        NumericFailure: Above the tolerance, or not a number; nothing is written.
        LimitExceeded: Larger than an ONNX file may be.
        StorageFailure: It cannot be written.
    """
    inside = predictor.plan.windowing.one or predictor.plan.unit == "window"
    compared = predictor if inside else predictor.calibrated(None, None)
    items, real = _items(predictor, run)
    first = next(predictor.windows(items[0][1]))[1]
    data = _exported(compared, first, _metadata(predictor, first.shape, calibrated=inside))
    parity = _parity(compared, items, data, first.shape, real=real)
    if not parity.difference <= tolerance:
        what = f"its answers differ from ours by up to {parity.difference:.2e}, over the tolerance of {tolerance:g}; nothing was written"
        raise NumericFailure("PARITY", out.name, what, "report the network and the versions of torch and onnxruntime, or raise --tolerance")
    atomic.write_bytes(out, data)
    return parity


def _exported(predictor: Predictor, sample: NDArray[np.float32], metadata: dict[str, str]) -> bytes:
    calibration = predictor.calibration if predictor.task.calibrated else None
    answering = Answering(predictor, calibration).eval()
    # Two samples: a batch of one would be taken for a constant.
    example = torch.from_numpy(np.stack([sample, sample]))
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            answering,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
        if program is None:
            raise NumericFailure("EXPORT", "network", "torch gave no ONNX program", "report the network and the version of torch")
        program.model.metadata_props.update(metadata)
        program.model.producer_name, program.model.producer_version = "sagittal", sagittal.__version__
        proto = program.model_proto
        _strip(proto)
        if proto.ByteSize() > LARGEST:
            raise LimitExceeded("EXPORT_SIZE", "network", "is over the 2 GiB of an ONNX file", "export a smaller network")
        data: bytes = proto.SerializeToString()
    return data


def _strip(proto: Any) -> None:
    """Take out where on this machine each operation was written: it tells paths and user names."""
    for graph in (proto.graph, *proto.functions):
        for part in (graph, *graph.node, *graph.value_info):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")


def _metadata(predictor: Predictor, shape: tuple[int, ...], *, calibrated: bool) -> dict[str, str]:
    """What a program needs that feeds the file; JSON values, since ONNX holds texts only."""
    plan, labels = predictor.plan, predictor.plan.labels
    values: dict[str, Any] = {
        "version": sagittal.__version__,
        "notice": _NOTICE,
        "task": plan.task,
        "labels": labels.record(),
        "preparation": plan.preparation.record(),
        "windows": {"name": plan.windows.name, **plan.windows.options},
        "unit": plan.unit,
        "input": list(shape),
        "flips": list(plan.flips),
        "calibrated": calibrated and predictor.calibration is not None,
        "calibration": predictor.calibration.record() if predictor.calibration is not None else None,
        "operating_point": predictor.operating.record() if predictor.operating is not None else None,
        "fingerprint": plan.fingerprint,
        "provenance": predictor.provenance,
    }
    return {f"sagittal.{k}": json.dumps(v, ensure_ascii=False, allow_nan=False) for k, v in values.items()}


def _parity(predictor: Predictor, items: list[Item], data: bytes, shape: tuple[int, ...], *, real: bool) -> Parity:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    worst, samples = 0.0, 0
    for name, image in items:
        ours = (p.scores for p in predictor.answer_windows([(name, image)]))
        for (_, values), mine in zip(predictor.windows(image), ours, strict=True):
            if values.shape == shape:
                theirs = session.run([OUTPUT], {INPUT: values[None]})[0][0]
                far = float(np.abs(np.asarray(theirs, dtype=np.float64) - mine).max()) if theirs.shape == mine.shape else float("inf")
                # A NaN is the worst of all, and max() would drop it.
                worst = max(worst, far if np.isfinite(far) else float("inf"))
                samples += 1
    return Parity(difference=worst, samples=samples, real=real)


def _items(predictor: Predictor, run: Run | None) -> tuple[list[Item], bool]:
    """Validation and test cases of the run, else random ones; and which of the two they are."""
    if run is not None and run.has("manifest.csv"):
        try:
            manifest = run.manifest()
            cases = spread([*manifest.split("val"), *manifest.split("test")], CASES)
            found = [(c.id, image_of(c, manifest)) for c in cases]
            readable = all(next(predictor.windows(image)) for _, image in found)
        except UnreadableInput:
            # The data may lie elsewhere by now; the network can still be compared.
            readable = False
        if readable and found:
            return found, True
    return [(f"random{i}", _random(predictor, i)) for i in range(CASES // 4)], False


def _random(predictor: Predictor, index: int) -> Image:
    """An image of noise of the right kind."""
    p, size = predictor.plan.preparation, predictor.plan.windows.options.get("size", 64)
    rng = generator(predictor.plan.seed, index)
    sides = tuple(size) if isinstance(size, list | tuple) else (size,) * p.axes
    shape = p.size or (sides if len(sides) == p.axes else (sides[0],) * p.axes)
    count = p.count if p.axes == 0 or p.channels == "all" else {"grey": 1, "rgb": 3}[p.channels]
    column = (count, *([1] * p.axes))
    low, high = (np.broadcast_to(np.array(v, dtype=np.float32), count).reshape(column) for v in (p.low, p.high))
    values = (low + (high - low) * rng.random((count, *shape), dtype=np.float32)).astype(np.float32)
    geometry = Geometry.picture(shape) if p.axes == 2 else Geometry(shape=shape, affine=np.eye(p.axes + 1), unit="mm" if p.axes else "none")
    return Image.of(values, geometry, channels=p.names if p.channels == "all" else None)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells its own makers much; none of it is for our users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    before = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, SagittalError):
            raise
        raise NumericFailure("EXPORT", "network", f"torch cannot export it ({str(error)[:200]})", "report the network") from error
    finally:
        for log, level in zip(loggers, before, strict=True):
            log.setLevel(level)
