"""Show: a picture with its header, a run's summary, a package's card, a model's layer table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sagittal import io
from sagittal.errors import UsageError, nearest
from sagittal.io.guard import LET_THROUGH, Limits
from sagittal.verbs._asked import check_codes
from sagittal.verbs._listed import listed
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._segments import segments_in
from sagittal.verbs._shown import plain, shown


def show(
    what: Sequence[str],
    *,
    out: str | Path | None = None,
    window: str | None = None,
    allow: Sequence[str] = (),
    size: int | None = None,
    classes: int | None = None,
    channels: int | None = None,
    axes: int | None = None,
    sets: Sequence[str] = (),
) -> Outcome:
    """Describe a source, a run, a package or a model; of a DICOM SEG or RTSTRUCT its segments.

    Args:
        what: ``[SOURCE]``, ``[RUN]``, ``[FILE.sagittal]`` or ``["model", NAME]``.
        out: For a source: write the picture there (PNG); of a volume three planes with axes in mm, and a histogram.
        window: Of a volume's values: ``lung``, ``bone``, ``brain``, ``soft`` (Hounsfield units), or ``LOW,HIGH``.
        allow: For a source: codes of what readers refuse and is let through, such as ``AFFINE_CONFLICT``.
        size: For a model: the side of its input; 224 of pictures, 64 of volumes, or the next that it can take.
        classes: For a model; 1000 of pictures, else 2.
        channels: For a model; 3, of volumes 1.
        axes: For a model; 2, unless it is one for tables.
        sets: ``option=value`` of the model.

    Raises:
        UsageError: There is nothing of this kind; a number out of its range; or a picture is asked of a whole folder.
        InvalidPackage: A package that fails its checks.
    """
    check_numbers(size=size, classes=classes, channels=channels, axes=axes)
    check_codes(allow, LET_THROUGH)
    limits = Limits.default().but(allow=allow)
    if what[0] == "model":
        return _model(what[1:], size=size, classes=classes, channels=channels, axes=axes, sets=sets)
    if len(what) > 1:
        raise UsageError("SHOW", what[1], "only one thing is shown at a time", "name one source, or write: model NAME")
    path = Path(what[0])
    if (path / "recipe.yaml").is_file():
        return _run(path)
    if path.suffix == ".sagittal":
        return _package(path)
    if path.is_dir() or (path.is_file() and io.identify(path) == "ZIP"):
        found = listed(path, limits)
        if found is not None and out is not None and len(found.facts["volumes"]) == 1:
            return shown(found.facts["volumes"][0]["source"], Path(out), window, limits)
        if found is not None and out is not None:
            remedy = "name one that show lists without -o"
            raise UsageError("SHOW", path, "-o draws one volume, and this is a folder or an archive", remedy)
        if found is not None:
            return found
    drawn = segments_in(path, limits) if out is None else None
    if drawn is not None:
        return drawn
    return shown(what[0], Path(out) if out else None, window, limits)


def _model(
    names: Sequence[str], *, size: int | None, classes: int | None, channels: int | None, axes: int | None, sets: Sequence[str]
) -> Outcome:
    import torch

    from sagittal.engine.plan import MODELS
    from sagittal.models._network import generator
    from sagittal.models._summary import summary, totals

    if len(names) != 1:
        raise UsageError("SHOW", "model", "names no model", nearest(names[0] if names else "", MODELS.names()))
    options = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError("SETTING", text, "is not option=value", "write for example --set depth=16")
        options[key.removeprefix("model.")] = yaml.safe_load(value)
    frozen = options.pop("freeze", None)
    if axes is None:
        own = MODELS.options(names[0])["axes"].default
        axes = own if isinstance(own, int) else 2
    usual = _USUAL.get(axes, _USUAL[3])
    given = {"channels": channels or usual.channels, "outputs": classes or usual.classes, "axes": axes, "generator": generator(0)}
    # Only shapes are asked for: no network is too large for that.
    with torch.device("meta"):
        network = MODELS.make(names[0], options, **given)
    network.freeze(frozen)
    side = size or math.ceil(max(usual.size, network.smallest) / network.multiple) * network.multiple
    rows = summary(network, (side,) * network.axes)
    whole = totals(rows)
    lines = [f"{'layer':<36}{'kind':<18}{'output':<22}{'parameters':>14}{'MACs':>16}{'MB':>9}"]
    lines += [
        f"{r.name[-35:]:<36}{r.kind:<18}{'x'.join(map(str, r.shape)):<22}{r.parameters:>14,}{r.macs:>16,}{r.memory / 2**20:>9.1f}"
        for r in rows
    ]
    cost = f"{whole.macs:,} MACs and {whole.memory / 2**20:.1f} MB a sample"
    lines += ["", f"{whole.parameters:,} parameters, {whole.learns:,} of them learn; {cost}"]
    facts = {"parameters": whole.parameters, "trainable": whole.learns, "macs": whole.macs, "layers": len(rows)}
    return Outcome(facts=facts, text=lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Usual:
    """What a network mostly meets, with so many axes."""

    size: int
    channels: int
    classes: int


_USUAL = {
    0: _Usual(size=1, channels=3, classes=2),
    2: _Usual(size=224, channels=3, classes=1000),
    3: _Usual(size=64, channels=1, classes=2),
}


def _run(path: Path) -> Outcome:
    from sagittal.engine.run import Run

    run = Run.open(path)
    lines = [f"run {run.name}"]
    facts: dict[str, object] = {}
    if run.has("plan.json"):
        plan = run.read("plan.json")
        lines += [f"  {r['what']:<22} {plain(r['value'])}  ({r['why']})" for r in plan.get("reasons", [])]
    for scores in sorted((path / "evaluation").glob("*/scores.json")):
        record = run.read(str(scores.relative_to(path)))
        facts[scores.parent.name] = record["scores"]
        lines += [f"  {scores.parent.name}: {_score(s)}" for s in record["scores"][:8]]
    return Outcome(path=path, facts=facts, text=lines)


def _score(record: Mapping[str, Any]) -> str:
    """A score of scores.json in a line."""
    name = " ".join(str(v) for v in (record["metric"], record["class"]) if v)
    if record["value"] is None:
        return f"{name} undefined: {record['undefined']}"
    between = f" ({record['low']:.3f} to {record['high']:.3f})" if record["low"] is not None and record["high"] is not None else ""
    return f"{name} {record['value']:.3f}{between}, n={record['n']}"


def _package(path: Path) -> Outcome:
    from sagittal.engine.package import read_package

    found = read_package(path)
    model = found.model
    facts = {
        "name": model.name,
        "task": model.plan.task,
        "labels": model.plan.labels.record(),
        "calibration": model.calibration.record() if model.calibration is not None else None,
        "operating_point": model.operating_point.record() if model.operating_point is not None else None,
        "intended_use": model.intended_use,
        "fingerprint": model.data.fingerprint,
        "counts": {split: dict(row) for split, row in model.data.counts.items()},
        "sagittal": model.sagittal,
        "sha256": found.sha256,
    }
    checked = f"package {path.name}, all checks passed; made with sagittal {model.sagittal}; SHA-256 of its sums {found.sha256}"
    return Outcome(path=path, facts=facts, text=[checked, "", *found.card.splitlines()])
