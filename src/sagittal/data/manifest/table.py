"""The table of cases: what belongs together, whose it is, which split it is in, what was said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sagittal.core import Annotation, Case, ClassLabel, Labels, Polygons, Value
from sagittal.data._annotators import rule_of
from sagittal.data.drawings import SEVERAL, check_grid, drawn_at, parts_of
from sagittal.data.layouts._files import suffix_of
from sagittal.data.manifest import checks, writing
from sagittal.data.manifest.words import DRAWN, OUTLINES, SPLITS, Said
from sagittal.errors import UsageError, nearest
from sagittal.io.guard import Limits

if TYPE_CHECKING:
    from sagittal.core import Geometry

DEFAULT_LIMITS = Limits.default()


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
    _located: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

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
        return writing.digest(self)

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
        found = self._located.get(locator)
        if found is None:
            path, mark, part = locator.partition("::")
            found = self._located[locator] = f"{self.root / path}{mark}{part}"
        return found

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
        checks.check(self, files=files)
        return self

    def write(self, folder: Path) -> Path:
        """Write ``manifest.csv`` and ``manifest.json``; gives the path of the CSV.

        Raises:
            StorageFailure: The folder cannot be written.
        """
        return writing.write(self, folder)
