"""One file for a trained model, and the only way to open one from a stranger.

``NAME.sagittal`` is a stored zip of ``model.json`` (what the plan decided, labels, calibration, operating point),
``weights.safetensors``, ``card.md`` and ``SHA256SUMS``. It holds no code, and nothing in it is imported by name: the
architecture and all parts are looked up on our own shelves, their options are plain values that fit the signatures.
Opening checks the zip byte by byte, the hashes, the schema, the numbers and the weights, in this order, and sets memory
aside only for what the file really holds.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

import sagittal
from sagittal.engine import checkpoint
from sagittal.engine._card import card
from sagittal.engine._package_rules import check_fitted, check_plan, check_plan_names, check_postprocessing, check_validation
from sagittal.engine._package_weights import header, skeleton, tensors
from sagittal.engine._stored_zip import LARGEST, Entry, entries
from sagittal.engine._strict import conform, parsed, shown
from sagittal.engine.calibrate import Calibration
from sagittal.engine.infer import Predictor
from sagittal.engine.learn import predictor_of, unheard
from sagittal.engine.operating import OperatingPoint
from sagittal.engine.plan import Plan
from sagittal.engine.postprocess import Postprocessing
from sagittal.engine.run import Run
from sagittal.engine.validated import validation_of
from sagittal.engine.validation import Validation
from sagittal.errors import InvalidPackage, LimitExceeded, Refused, SagittalError, UnreadableInput, UsageError
from sagittal.io.atomic import writing
from sagittal.models._network import Network
from sagittal.tasks._task import Task

FORMAT, VERSION, SUFFIX = "sagittal-package", 1, ".sagittal"
MODEL, WEIGHTS, CARD, SUMS = "model.json", "weights.safetensors", "card.md", "SHA256SUMS"
NAMES = (MODEL, WEIGHTS, CARD, SUMS)
INTENDED_USE = "Research on data like those it was trained on. None other was stated."

_LIMITS = {MODEL: 2**22, CARD: 2**20, SUMS: 2**10}
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._]+)")
_REMEDY = "do not use it; get the package again from whoever made it"
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What it was trained on: the manifest's digest, and cases by split and class."""

    fingerprint: str
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What ``model.json`` holds; nothing else may be in it."""

    format: str
    version: int
    sagittal: str
    name: str
    intended_use: str
    data: Data
    plan: Plan
    calibration: Calibration | None
    operating_point: OperatingPoint | None
    postprocessing: Postprocessing | None = None
    validation: Validation | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Package:
    """An opened package.

    Args:
        model: What ``model.json`` holds.
        card: For people, Markdown.
        network: With its weights.
        sha256: Of ``SHA256SUMS``, which stands for everything in it.
    """

    model: Model
    card: str
    network: Network
    sha256: str


def write_package(run: Run, out: Path, *, say: Callable[[str], None] = unheard) -> Path:
    """Write a finished run as one file. The same run gives the same bytes.

    Args:
        run: Its validation cases are answered, unless that was done before.
        out: The file.
        say: Hears what the package cannot tell.

    Raises:
        UsageError: The run has no trained model, or the name does not end in ``.sagittal``.
        UnreadableInput: The run's files are damaged.
        InvalidPackage: The run holds what no package may hold, such as control characters in a class name.
        StorageFailure: It cannot be written; what was there before is still there.
    """
    if out.suffix != SUFFIX:
        raise UsageError("PACKAGE_NAME", out.name, f"a package's name ends in {SUFFIX}", f"name it {out.stem}{SUFFIX}")
    predictor = _without_paths(predictor_of(run, device=torch.device("cpu")))
    folder = checkpoint.find(run.checkpoints / "best") or run.checkpoints / "best"
    weights = folder / checkpoint.MODEL
    if weights.stat().st_size > LARGEST - sum(_LIMITS.values()) - 2**12:
        raise LimitExceeded("PACKAGE_SIZE", out.name, "the weights are larger than the 4 GiB of a package", "train a smaller network")
    record = {**_record(run, predictor), "validation": _validation(run, predictor, say)}
    texts = {MODEL: json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"}
    texts[CARD] = card(run, predictor, intended_use=record["intended_use"])
    with _refusing("PACKAGE_CONTENT", out):
        _model(texts[MODEL].encode())
        shown(texts[CARD].encode())
    with writing(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as into:
        sums = {MODEL: _put(into, MODEL, texts[MODEL].encode()), WEIGHTS: _copy(into, WEIGHTS, weights)}
        sums[CARD] = _put(into, CARD, texts[CARD].encode())
        _put(into, SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
    return out


def open_package(path: Path, *, device: torch.device) -> Predictor:
    """The model of a package, ready to answer as its run does.

    Raises:
        InvalidPackage: Anything about it is not as it must be; nothing was written or run.
        UnreadableInput: It cannot be read from the disk.
    """
    found = read_package(path)
    model = found.model
    return Predictor(
        plan=model.plan,
        task=model.plan.row,
        members=[found.network.to(device).eval()],
        calibration=model.calibration,
        operating=model.operating_point,
        postprocessing=model.postprocessing,
        validation=model.validation,
        device=device,
        provenance={"package": path.name, "run": model.name, "sha256": found.sha256},
    )


def read_package(path: Path) -> Package:
    """All that a package holds, checked.

    Raises:
        InvalidPackage: Anything about it is not as it must be.
        UnreadableInput: It cannot be read from the disk.
    """
    if not path.is_file():
        raise InvalidPackage("PACKAGE_ZIP", path.name, "is no file", f"name a {SUFFIX} file or a run directory")
    with _refusing("PACKAGE_ZIP", path), path.open("rb") as file:
        where = entries(file, frozenset(NAMES))
        with _refusing("PACKAGE_FILES", path):
            listed = _listed(_small(file, where[SUMS]))
            model_bytes, card_bytes = (_small(file, where[name], digest=listed[name]) for name in (MODEL, CARD))
        with _refusing("PACKAGE_FILES", path, part=CARD):
            text = shown(card_bytes)
        with _refusing("PACKAGE_MODEL", path, part=MODEL):
            model = _model(model_bytes)
        with _refusing("PACKAGE_WEIGHTS", path, part=WEIGHTS):
            stored = header(file, where[WEIGHTS])
            network = skeleton(model.plan, stored)
            network.load_state_dict(tensors(file, where[WEIGHTS], stored, listed[WEIGHTS]), assign=True)
            if any(t.is_meta for t in (*network.parameters(), *network.buffers())):
                raise ValueError("its weights leave a part of the network empty")
        digest = hashlib.sha256(_small(file, where[SUMS])).hexdigest()
    return Package(model=model, card=text, network=network, sha256=digest)


def _model(data: bytes) -> Model:
    """``model.json``, checked in full before any part of it is used."""
    record = parsed(data)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"its {MODEL} is not of the format {FORMAT}")
    if record.get("version") != VERSION or type(record["version"]) is not int:
        raise ValueError(f"its version is {ascii(record.get('version'))[:40]}; this sagittal reads version {VERSION}")
    conform(record, Model, "model")
    check_plan_names(record["plan"])
    plan = Plan.from_record(record["plan"])
    check_plan(plan)
    if record["data"]["fingerprint"] != plan.fingerprint:
        raise ValueError("its data and its plan have different fingerprints")
    calibration, point = record["calibration"], record["operating_point"]
    task: Task = plan.row
    fitted = Calibration.from_record(calibration) if calibration is not None else None
    operating = OperatingPoint.from_record(point) if point is not None else None
    check_fitted(task, plan.labels, fitted, operating)
    tidying = record.get("postprocessing")
    tidied = Postprocessing.from_record(tidying) if tidying is not None else None
    check_postprocessing(task, plan.labels, tidied)
    told = record.get("validation")
    validation = Validation.from_record(told) if told is not None else None
    check_validation(plan.labels, validation)
    plain = {k: record[k] for k in ("format", "version", "sagittal", "name", "intended_use")}
    return Model(
        **plain,
        data=Data(**record["data"]),
        plan=plan,
        calibration=fitted,
        operating_point=operating,
        postprocessing=tidied,
        validation=validation,
    )


def _without_paths(predictor: Predictor) -> Predictor:
    """Of the starting weights only the name: a path tells where somebody keeps what."""
    plan = predictor.plan
    if plan.pretrained is None:
        return predictor
    return replace(predictor, plan=replace(plan, pretrained=re.split(r"[/\\]", plan.pretrained.rstrip("/\\"))[-1]))


def _record(run: Run, predictor: Predictor) -> dict[str, Any]:
    plan = predictor.plan
    planned = {k: v for k, v in plan.record().items() if k not in {"format", "version"}}
    point = asdict(predictor.operating) if predictor.operating is not None else None
    counts = run.manifest().counts() if run.has("manifest.csv") else {}
    return {
        "format": FORMAT,
        "version": VERSION,
        "sagittal": sagittal.__version__,
        "name": run.name,
        "intended_use": INTENDED_USE,
        "data": {"fingerprint": plan.fingerprint, "counts": counts},
        "plan": planned,
        "calibration": predictor.calibration.record() if predictor.calibration is not None else None,
        "operating_point": point,
        "postprocessing": predictor.postprocessing.record() if predictor.postprocessing is not None else None,
    }


def _validation(run: Run, predictor: Predictor, say: Callable[[str], None]) -> dict[str, Any] | None:
    """What validation cases were like, where there are any and they can be read: no package needs it to answer."""
    try:
        found = validation_of(run, predictor) if run.has("manifest.csv") else None
    except (UnreadableInput, Refused, LimitExceeded) as error:
        say(f"the package cannot tell how other data differ: a validation case is not as it was ({error.code} {error.item}: {error.what})")
        return None
    return found.record() if found is not None else None


def _put(into: zipfile.ZipFile, name: str, data: bytes) -> str:
    with into.open(_info(name, len(data)), "w") as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def _copy(into: zipfile.ZipFile, name: str, source: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as given, into.open(_info(name, source.stat().st_size), "w") as file:
        while chunk := given.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _info(name: str, size: int) -> zipfile.ZipInfo:
    """An entry without time or system, so that the same run gives the same bytes anywhere."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr, info.file_size = 3, 0o100644 << 16, size
    return info


def _small(file: BinaryIO, entry: Entry, *, digest: str | None = None) -> bytes:
    """An entry that fits into memory, checked."""
    if entry.size > _LIMITS[entry.name]:
        raise ValueError(f"its {entry.name} has {entry.size:,} bytes, over the limit of {_LIMITS[entry.name]:,}")
    file.seek(entry.start)
    data = file.read(entry.size)
    if len(data) != entry.size:
        raise ValueError("ends too early")
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"its {entry.name} has another SHA-256 than its {SUMS} says")
    if zlib.crc32(data) != entry.crc:
        raise ValueError(f"its {entry.name} has another checksum than the zip says")
    return data


def _listed(data: bytes) -> dict[str, str]:
    """The digest of each file."""
    lines = data.decode("ascii").split("\n")
    matches = [_SUM.fullmatch(line) for line in lines[:-1]]
    found = {m[2]: m[1] for m in matches if m is not None}
    if lines[-1] or len(found) != len(lines) - 1 or set(found) != set(NAMES) - {SUMS}:
        raise ValueError(f"its {SUMS} does not list each of the other files once")
    return found


@contextmanager
def _refusing(code: str, path: Path, *, part: str = "") -> Iterator[None]:
    """Whatever goes wrong inside is the package's fault."""
    try:
        yield
    except InvalidPackage:
        raise
    except OSError as error:
        raise UnreadableInput("NOT_READABLE", path.name, error.strerror or str(error), "check the file and its permissions") from None
    except MemoryError:
        raise
    except Exception as error:  # what is built from hostile values may raise anything
        what = f"{error.item} {error.what}" if isinstance(error, SagittalError) else str(error) or type(error).__name__
        named = f"{part}: {what}" if part else what
        raise InvalidPackage(code, path.name, "".join(c for c in named[:300] if c.isprintable()), _REMEDY) from error
