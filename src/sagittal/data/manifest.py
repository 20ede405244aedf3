"""The table of cases: what belongs together, whose it is, which split it is in, what was said of it."""

from __future__ import annotations

import csv
import hashlib
import io as text_io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, get_args

from sagittal.core import Annotation, Case, ClassLabel, Labels, Polygons, Value
from sagittal.data._annotators import rule_of
from sagittal.data.drawings import SEVERAL, check_grid, drawn_at, parts_of
from sagittal.data.layouts._files import split_of, suffix_of
from sagittal.errors import UnreadableInput, UsageError, nearest
from sagittal.io.guard import Limits

if TYPE_CHECKING:
    from sagittal.core import Geometry

FORMAT = "sagittal-manifest"
VERSION = 1
SPLITS = ("train", "val", "test")
Said = Literal["label", "labels", "value", "mask", "objects", "outlines", "boxes", "nothing"]
"""One word a case, several words, numbers, a class a sample, single objects, outlines, boxes, or nothing at all."""

OUTLINES = (".svg", ".xml", ".geojson", ".json")
"""Suffixes of files that hold outlines."""

DRAWN = ("mask", "objects", "outlines", "boxes")
"""What was said by drawing on the image."""

DEFAULT_LIMITS = Limits.default()

_FIXED = ("case", "group", "split", "annotation", "label")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Manifest:
    """Cases, the classes they speak of, and where they came from.

    Args:
        cases: In a fixed order; ids are unique (:meth:`check`).
        labels: The classes, or for values the names of what is measured.
        root: Relative locators start here.
        provenance: How it was made: ``layout``, ``sentence``, ``said``, ``group_rule``, ``features`` (the columns
            of a table that a model may see), ``channel_names`` (where files do not say), ``objects`` (each number of a
            mask, or each outline, is one object), ``resample_labels`` and ``resample_modalities`` (grids that differ are brought
            together, as the user asked).

    >>> case = Case(id="a", images={"image": "a.png"}, label="DME", split="train")
    >>> m = Manifest(cases=(case,), labels=Labels(classes=("CNV", "DME")), root=Path("."))
    >>> m.said, m.counts()
    ('label', {'train': {'CNV': 0, 'DME': 1}})
    """

    cases: tuple[Case, ...]
    labels: Labels
    root: Path
    provenance: Mapping[str, object] = field(default_factory=dict)
    _channels: tuple[str, ...] | None = field(init=False, repr=False, default=None)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def said(self) -> Said:
        """What kind of thing a person said of the cases."""
        known = self.provenance.get("said")
        if known in {"mask", "outlines"} and self.objects:
            return "objects"
        if known in get_args(Said):
            return known  # type: ignore[return-value]
        drawn = [c.annotation for c in self.cases if c.annotation]
        if drawn and self.objects:
            return "objects"
        if drawn:
            return "outlines" if all(suffix_of(a.partition("::")[0]) in OUTLINES for a in drawn) else "mask"
        if not any(c.label for c in self.cases):
            return "nothing"
        return "labels" if any(";" in c.label for c in self.cases) else "label"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have cases, in the order train, val, test."""
        present = {c.split for c in self.cases}
        return tuple(s for s in SPLITS if s in present)

    @property
    def has_groups(self) -> bool:
        """Whether it is known of any case whose it is."""
        return any(c.group for c in self.cases)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of a table that a model may see; empty for everything else."""
        known = self.provenance.get("features", ())
        return tuple(str(f) for f in known) if isinstance(known, list | tuple) else ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The images of a case in the order in which they become channels: that of the columns of ``manifest.csv``."""
        if self._channels is None:
            found = dict.fromkeys(name for case in self.cases for name in case.images)
            object.__setattr__(self, "_channels", tuple(sorted(found, key=lambda name: name != "image")))
        return self._channels or ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What the channels of a file are, where the data set says so and the file does not: ``("T2", "ADC")``."""
        known = self.provenance.get("channel_names", ())
        return tuple(str(name) for name in known) if isinstance(known, list | tuple) else ()

    @property
    def resample_modalities(self) -> bool:
        """Whether modalities on other grids than the first are resampled onto it (``data.resample_modalities``)."""
        return self.provenance.get("resample_modalities") is True

    @property
    def resample_labels(self) -> bool:
        """Whether label maps on other grids than their images are read through the world (``data.resample_labels``)."""
        return self.provenance.get("resample_labels") is True

    @property
    def objects(self) -> bool:
        """Whether each number in a mask, or each outline, is one object."""
        return self.provenance.get("objects") is True

    @property
    def digest(self) -> str:
        """SHA-256 of the cases and labels; the same wherever the data lie."""
        told = json.dumps([self.labels.record(), self.said, list(self.features)], sort_keys=True)
        return hashlib.sha256((told + "\n" + self._csv()).encode()).hexdigest()

    def split(self, name: str) -> tuple[Case, ...]:
        """The cases of a split.

        Raises:
            UsageError: There is no split of this name.
        """
        if name not in SPLITS:
            raise UsageError("UNKNOWN_SPLIT", name, "there is no split of this name", nearest(name, SPLITS))
        return tuple(c for c in self.cases if c.split == name)

    def where(self, **wanted: str) -> tuple[Case, ...]:
        """The cases that have these values: ``id``, ``group``, ``split``, ``label`` or a metadata column."""
        own = {"id", "group", "split", "label", "annotation"}
        return tuple(c for c in self.cases if all((getattr(c, k) if k in own else c.meta.get(k, "")) == v for k, v in wanted.items()))

    def case(self, name: str) -> Case:
        """The case of this id.

        Raises:
            UsageError: There is none.
        """
        for case in self.cases:
            if case.id == name:
                return case
        raise UsageError("UNKNOWN_CASE", name, "there is no case of this id", nearest(name, (c.id for c in self.cases)))

    def counts(self) -> dict[str, dict[str, int]]:
        """How many cases each class has, split by split; cases without a split stand under ``""``.

        A case with several labels counts for each; values and masks are counted under one name.
        """
        table: dict[str, dict[str, int]] = {}
        for split in (*SPLITS, ""):
            cases = [c for c in self.cases if c.split == split]
            if not cases:
                continue
            row = dict.fromkeys(self.strata_names(), 0)
            for case in cases:
                for name in self.words(case):
                    row[name] = row.get(name, 0) + 1
            table[split] = row
        return table

    def strata_names(self) -> tuple[str, ...]:
        """The names that :meth:`counts` counts under."""
        return self.labels.classes if self.said in {"label", "labels"} else ("cases",)

    def words(self, case: Case) -> tuple[str, ...]:
        """The classes of a case; ``("cases",)`` where classes are not what was said."""
        if self.said not in {"label", "labels"}:
            return ("cases",)
        return tuple(w for w in case.label.split(";") if w) if self.said == "labels" else (case.label,)

    @property
    def limits(self) -> Limits:
        """Within which its files are read: those of the audit, which the provenance has where they are not the default ones."""
        most, let = self.provenance.get("max_pixels"), self.provenance.get("allow")
        if most is None and let is None:
            return DEFAULT_LIMITS
        codes = [str(code) for code in let] if isinstance(let, list | tuple) else None
        return Limits.default().but(pixels=most if isinstance(most, int) else None, allow=codes)

    def locate(self, locator: str) -> str:
        """A locator that can be opened: absolute, the part after ``::`` kept."""
        path, mark, part = locator.partition("::")
        return f"{self.root / path}{mark}{part}"

    def drawn_locator(self, case: Case) -> str:
        """Where what was drawn on a case can be opened: of several people one after the other, parted by ``;``."""
        return SEVERAL.join(self.locate(one.strip()) for one in parts_of(case.annotation))

    def annotation(self, case: Case, *, like: Geometry | None = None) -> Annotation:
        """What was said of a case, ready to be asked.

        Args:
            case: One of the cases.
            like: The grid that a drawing without one of its own lies on.

        Raises:
            UsageError: Nothing was said of this case.
            UnreadableInput: The file of a mask or outline cannot be read.
            Refused: A label map lies on another grid than ``like``, and nobody asked for it to be resampled.
        """
        if case.annotation:
            where, rule = self.drawn_locator(case), rule_of(self.provenance.get("annotators", "majority"))
            drawn = drawn_at(where, self.labels, like=like, objects=self.objects, limits=self.limits, rule=rule)
            if like is not None and not self.resample_labels:
                check_grid(drawn, like, item=case.id)
            return drawn
        if self.said in DRAWN and case.label and case.label == self.labels.background:
            return Polygons(outlines=(), labels=self.labels)
        if self.said == "labels":
            return ClassLabel(names=self.words(case), labels=self.labels)
        if not case.label:
            raise UsageError("NO_LABEL", case.id, "nothing was said of this case", "give it a label, or leave it out")
        if self.said == "value":
            return Value(values=tuple(float(v) for v in case.label.split(";")), labels=self.labels)
        return ClassLabel(names=(case.label,), labels=self.labels)

    def with_cases(self, cases: Iterable[Case], **provenance: object) -> Manifest:
        """The same with other cases, and with what there is to add to the provenance."""
        return replace(self, cases=tuple(cases), provenance={**self.provenance, **provenance})

    def check(self, *, files: bool = True) -> Manifest:
        """Itself, once everything fits together.

        Args:
            files: Also look whether each file is there.

        Raises:
            UsageError: No case, an id twice, a split or class that does not exist, a value that is no number.
            UnreadableInput: A file is not there.
        """
        if not self.cases:
            raise UsageError("NO_CASES", self.root, "the manifest has no case", "name a folder or table that has some")
        seen: set[str] = set()
        for case in self.cases:
            if case.id in seen:
                raise UsageError("DUPLICATE_CASE", case.id, "two cases have this id", "give each its own in the column case")
            seen.add(case.id)
            self._check_case(case)
        if files:
            self._check_files()
        return self

    def _check_case(self, case: Case) -> None:
        if case.split and case.split not in SPLITS:
            raise UsageError("UNKNOWN_SPLIT", case.id, f"its split is {case.split!r}", nearest(case.split, SPLITS))
        if not case.images:
            raise UsageError("NO_IMAGE", case.id, "it names no image", "fill in the column image")
        if self.said == "value":
            try:
                [float(v) for v in case.label.split(";") if v]
            except ValueError:
                raise UsageError(
                    "NOT_A_NUMBER", case.id, f"its value is {case.label!r}", "write a number, or set task: classification"
                ) from None
        elif self.said in {"label", "labels"} and case.label:
            for name in self.words(case):
                self.labels.index(name)

    def _check_files(self) -> None:
        known: set[str] = set()
        for case in self.cases:
            for locator in (*case.images.values(), *(one.strip() for one in parts_of(case.annotation))):
                path = locator.partition("::")[0]
                if path and path not in known and not (self.root / path).exists() and not (self.root / locator).exists():
                    raise UnreadableInput(
                        "NOT_FOUND", path, f"the file of case {case.id} is not there", "correct the path, or leave the case out"
                    )
                known.add(path)

    def write(self, folder: Path) -> Path:
        """Write ``manifest.csv`` and ``manifest.json``; gives the path of the CSV.

        Raises:
            StorageFailure: The folder cannot be written.
        """
        from sagittal.io import atomic

        folder.mkdir(parents=True, exist_ok=True)
        text = self._csv()
        atomic.write_text(folder / "manifest.csv", text)
        record = {
            "format": FORMAT,
            "version": VERSION,
            "labels": self.labels.record(),
            "said": self.said,
            "root": self.root.resolve().as_posix(),
            "provenance": dict(self.provenance),
            "cases": len(self.cases),
            "digest": self.digest,
            "sha256": {"manifest.csv": hashlib.sha256(text.encode()).hexdigest()},
        }
        atomic.write_json(folder / "manifest.json", record)
        return folder / "manifest.csv"

    def _csv(self) -> str:
        channels = self.channels
        meta = sorted({k for c in self.cases for k in c.meta})
        names = [k if k == "image" else f"image:{k}" for k in channels]
        drawn = any(c.annotation for c in self.cases)
        worded = any(c.label for c in self.cases) or not drawn
        told = [*(["annotation"] if drawn else []), *(["label"] if worded else [])]
        out = text_io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["case", "group", "split", *names, *told, *meta])
        for c in self.cases:
            said = [getattr(c, name) for name in told]
            writer.writerow([c.id, c.group, c.split, *(c.images.get(k, "") for k in channels), *said, *(c.meta.get(k, "") for k in meta)])
        return out.getvalue()


def read(path: Path, *, root: Path | None = None) -> Manifest:
    """A manifest from ``manifest.csv`` (or its folder); ``manifest.json`` beside it is used when it is there.

    A person may write or change the CSV: the classes then come from it, and the provenance says ``edited``.

    Args:
        path: The CSV or the folder that holds it.
        root: Where relative locators start; otherwise where the JSON says, or else the CSV's folder.

    Raises:
        UnreadableInput: There is no such file, or it is no manifest.
    """
    path = Path(path)
    file = path / "manifest.csv" if path.is_dir() else path
    text = _text(file)
    cases = _cases(file, text)
    record = _record(file.with_suffix(".json"))
    said, labels, provenance = _told(cases, record)
    if record and record.get("sha256", {}).get("manifest.csv") not in {None, hashlib.sha256(text.encode()).hexdigest()}:
        provenance["edited"] = True
    return Manifest(cases=tuple(cases), labels=labels, root=root or _root(file, record, cases), provenance={**provenance, "said": said})


def relative(path: Path, root: Path) -> str:
    """The locator of a file: relative to the root with ``/``; absolute when it lies outside.

    >>> relative(Path("/data/a/b.png"), Path("/data"))
    'a/b.png'
    """
    whole, start = path.as_posix(), root.as_posix().rstrip("/") + "/"
    return whole[len(start) :] if whole.startswith(start) else whole


def classes_of(words: Iterable[str]) -> tuple[str, ...]:
    """Class names in a stable order: numbers by size, words by the alphabet.

    >>> classes_of(["10", "9", "1"]), classes_of(["b", "A"])
    (('1', '9', '10'), ('A', 'b'))
    """
    found = {w for w in words if w}
    if all(w.lstrip("-").isdigit() for w in found):
        return tuple(sorted(found, key=lambda w: (int(w), w)))
    return tuple(sorted(found, key=lambda w: (w.casefold(), w)))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UnreadableInput("NOT_FOUND", file, "there is no such manifest", "run sagittal audit to make one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput("MANIFEST", file, f"it cannot be read: {error}", "save it as UTF-8 text") from error


def _cases(file: Path, text: str) -> list[Case]:
    rows = csv.DictReader(text_io.StringIO(text))
    columns = [c.strip() for c in rows.fieldnames or []]
    images = {c: c.removeprefix("image:") for c in columns if c == "image" or c.startswith("image:")}
    if not images:
        raise UnreadableInput("MANIFEST", file, "it has no column image", "name the column of the files image")
    meta = [c for c in columns if c and c not in _FIXED and c not in images]
    rows.fieldnames = columns
    cases = []
    for row in rows:
        cell = {k: (v or "").strip() for k, v in row.items() if k}
        if not any(cell.values()):
            continue
        sources = {name: cell[c].replace("\\", "/") for c, name in images.items() if cell[c]}
        first = next(iter(sources.values()), "")
        name = cell.get("case") or str(PurePosixPath(first).with_suffix("")) if first else cell.get("case", "")
        extra = {k: cell[k] for k in meta if cell[k]}
        told = {k: cell.get(k, "") for k in ("group", "split", "annotation", "label")}
        told["split"] = split_of(told["split"]) or told["split"]
        cases.append(Case(id=name, images=sources, meta=extra, **told))
    return cases


def _record(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput("MANIFEST", file, f"it is no JSON: {error}", "delete it, or make the manifest again") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return {}
    if record.get("version") != VERSION:
        raise UnreadableInput(
            "MANIFEST", file, f"its version is {record.get('version')}; this program knows {VERSION}", "update the program"
        )
    return record


def _told(cases: Sequence[Case], record: Mapping[str, object]) -> tuple[Said, Labels, dict[str, object]]:
    """What was said, the labels and the provenance: from the record, else from the cases."""
    bare = Manifest(cases=tuple(cases), labels=Labels(classes=()), root=Path())
    provenance = record.get("provenance")
    known: dict[str, object] = dict(provenance) if isinstance(provenance, dict) else {"layout": "manifest_csv"}
    said: Said = record.get("said") or bare.said  # type: ignore[assignment]
    if not record and said == "label" and _are_values([c.label for c in cases]):
        said = "value"
    if isinstance(record.get("labels"), dict):
        return said, _widened(Labels.from_record(record["labels"]), cases, said), known  # type: ignore[arg-type]
    if said == "value":
        return said, Labels(classes=("value",)), known
    if said in DRAWN:
        return said, Labels(classes=("background", "foreground"), background="background"), known
    return said, Labels(classes=classes_of(w for c in cases for w in c.label.split(";"))), known


def _widened(labels: Labels, cases: Sequence[Case], said: Said) -> Labels:
    """The labels with the classes that a person wrote into the CSV afterwards."""
    if said not in {"label", "labels"}:
        return labels
    found = {w for c in cases for w in (c.label.split(";") if said == "labels" else [c.label]) if w}
    new = classes_of(found - set(labels.classes))
    return replace(labels, classes=(*labels.classes, *new)) if new else labels


def _are_values(words: Sequence[str]) -> bool:
    """Whether labels are measurements: numbers of which some are not whole."""
    try:
        numbers = [float(w) for w in words if w]
    except ValueError:
        return False
    return bool(numbers) and any(not n.is_integer() for n in numbers)


def _root(file: Path, record: Mapping[str, object], cases: Sequence[Case]) -> Path:
    """Where the data lie: where the record says while that is true, else beside the CSV."""
    beside, told = file.parent.resolve(), record.get("root")
    if not isinstance(told, str):
        return beside
    first = next((p.partition("::")[0] for c in cases for p in c.images.values()), "")
    return beside if not (Path(told) / first).exists() and (beside / first).exists() else Path(told)
