"""What a prediction is asked of: files, folders, tables, manifests, or the modalities of one case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal import io
from sagittal.core.image import Image
from sagittal.data import manifest as manifests
from sagittal.data.finding import Finding
from sagittal.data.images import image_of, picked, stacked
from sagittal.data.layouts._columns import are_numbers, micrometre_column
from sagittal.data.layouts._files import visible
from sagittal.data.layouts._images import without_thumbnails
from sagittal.data.manifest import Manifest
from sagittal.errors import Refused, SagittalError, UnreadableInput, UsageError, nearest, said_of
from sagittal.io.guard import Limits
from sagittal.io.readers._slide_dicom import of_slide, one_each
from sagittal.ops.finite import check_finite
from sagittal.verbs._open import found_at, lacking, say, with_modalities
from sagittal.verbs._volume_files import all_volumes

if TYPE_CHECKING:
    from sagittal.engine.prepare import Preparation

TABLES = (".csv", ".tsv", ".parquet")
NOTES = (".txt", ".json", ".md", ".html", ".pdf", ".svg", ".xml", ".geojson", ".xlsx", ".docx", ".yaml", ".yml", ".log", ".py")
BESIDE = frozenset({*TABLES, *NOTES})
"""What lies beside pictures in a folder without being one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Something to answer.

    Args:
        name: Of the case; unique.
        item: For messages: a file, not a patient.
        open: Gives its image; only headers are read.
    """

    name: str
    item: str
    open: Callable[[], Image]


@dataclass(slots=True)
class Reading:
    """What is read, what could not be answered, and whether that is allowed.

    Args:
        preparation: Of the model: its axes and the names of its channels.
        limits: For reading.
        lenient: Sources that cannot be answered are marked, and the others go on.
        resampling: Options of layouts by which the model's own data were brought onto one grid.
        mpp: Micrometres a pixel of slides and pictures, as the user states them.
        failed: What could not be answered.
        reasons: Why, a line each.
        images: Of the cases that are not answered yet.
        strange: Cases of another kind than the model learnt from, by what there is to say of them.
    """

    preparation: Preparation
    limits: Limits
    lenient: bool
    resampling: Mapping[str, bool] = field(default_factory=dict)
    mpp: float | None = None
    failed: list[str] = field(default_factory=list)
    reasons: list[SagittalError] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    strange: dict[str, list[str]] = field(default_factory=dict)
    _items: dict[str, str] = field(default_factory=dict)

    def sources(self, given: Sequence[str | Path]) -> list[Source]:
        """All sources; a name that comes twice is numbered.

        Raises:
            UnreadableInput: A path that is not there.
            UsageError: Modalities that the model does not know.
        """
        named = [str(g) for g in given if isinstance(g, str) and self._modality(g) is not None]
        if named:
            if len(named) < len(given):
                raise UsageError("SOURCES", named[0], "modalities of one case stand beside other sources", "ask for one of both at a time")
            return [self._of_modalities(named)]
        seen: dict[str, int] = {}
        found = []
        for path in given:
            for source in self._of_path(Path(path)):
                seen[source.name] = seen.get(source.name, 0) + 1
                n = seen[source.name]
                found.append(source if n == 1 else replace(source, name=f"{source.name}-{n}"))
        return found

    def items(self, sources: Sequence[Source]) -> Iterator[tuple[str, Image]]:
        """The images, opened one after the other; what cannot be is marked where that is allowed."""
        for source in sources:
            self._items[source.name] = source.item
            try:
                with said_of(Path(source.item).name):
                    image = self._fitting(source.open(), source.item)
                self._wonder(source, image)
            except SagittalError as error:
                if not self.lenient:
                    raise
                self.mark(source.name, error)
                continue
            self.images[source.name] = image
            yield source.name, image

    def findings(self) -> list[Finding]:
        """What there is to say of the sources."""
        remedy = "do not trust these answers: the model saw nothing like it"
        return [
            Finding(code="OTHER_KIND", severity="warn", items=tuple(names), what=what, remedy=remedy)
            for what, names in self.strange.items()
        ]

    def _wonder(self, source: Source, image: Image) -> None:
        """Say once that a volume is of another kind than the model learnt from."""
        from sagittal.engine.kinds import strange

        what = strange(self.preparation, image)
        if what and what not in self.strange:
            say(f"mind  OTHER_KIND {Path(source.item).name}: {what}; do not trust its answer")
        if what:
            self.strange.setdefault(what, []).append(source.name)

    def item_of(self, name: str) -> str:
        """The file of a source."""
        return self._items[name]

    def source_of(self, name: str) -> str:
        """The file of an answer; empty of a part of a source that is answered by itself."""
        return self._items.get(name, "")

    def mark(self, name: str, error: SagittalError) -> None:
        """Note that a case could not be answered; the others go on."""
        say(f"skipped: {error}")
        self.images.pop(name, None)
        self.failed.append(self._items[name])
        self.reasons.append(error)

    def _modality(self, text: str) -> tuple[str, str] | None:
        """``name, path`` of ``T1=PATH`` or ``image:T1=PATH``; None of a plain path."""
        name, equals, path = text.partition("=")
        name = name.removeprefix("image:")
        return (name, path) if equals and not Path(text).exists() and not {"/", "\\"} & set(name) else None

    def _of_modalities(self, texts: Sequence[str]) -> Source:
        wanted = tuple(dict.fromkeys(n.split(".")[0] for n in self.preparation.names))
        spelt = {n.lower(): n for n in wanted}
        pairs = [(spelt.get(name.lower(), name), path) for name, path in filter(None, map(self._modality, texts))]
        for name, path in pairs:
            if name not in wanted:
                what = f"the model has no modality of this name, but {', '.join(wanted)}"
                raise UsageError("MODALITY", name, what, nearest(name, wanted))
            if not Path(path.split("::", 1)[0]).exists():
                raise UnreadableInput("NOT_FOUND", path, "there is no such file or folder", "check the path")
        missing = [n for n in wanted if n not in dict(pairs)]
        if missing or len(dict(pairs)) < len(pairs):
            what = f"{missing[0]} is missing" if missing else "a modality is named twice"
            raise UsageError("MODALITY", "=".join(pairs[0]), what, f"name each once: {' '.join(f'{n}=FILE' for n in wanted)}")
        paths = {n: dict(pairs)[n] for n in wanted}
        first = paths[wanted[0]]

        def opened() -> Image:
            parts = {n: io.read(path, limits=self.limits) for n, path in paths.items()}
            return stacked(parts, item=Path(first).name, resample=self.resampling.get("resample_modalities", False))

        return Source(name=bare(Path(Path(first.split("::", 1)[0]).name)), item=first, open=opened)

    def _of_path(self, path: Path) -> Iterator[Source]:
        start = Path(str(path).split("::", 1)[0])
        if not start.exists():
            raise UnreadableInput("NOT_FOUND", path, "there is no such file or folder", "check the path")
        if path.is_dir():
            yield from self._of_folder(path)
        elif path.suffix.lower() in TABLES:
            yield from self._of_table(path)
        else:
            yield self._of_file(bare(Path(path.name)), str(path))

    def _of_folder(self, folder: Path) -> Iterator[Source]:
        """The cases of a data set, for volumes and for several modalities; a DICOM series; else every file by itself.

        Notes beside pictures and thumbnails of slides are left alone.
        """
        if self.preparation.axes > 2 or (self.preparation.axes and len(self.preparation.names) > 1):
            try:
                found = found_at(folder, options=self.resampling)
            except SagittalError:
                found = None
            if found is not None:
                # Whether somebody drew on a case does not matter here.
                yield from self._of_manifest(found.manifest.with_cases((*found.manifest.cases, *found.unlabelled)))
                yield from (self._of_lacking(place, folder) for place in found.lacking)
                return
            if self._is_series(folder):
                yield self._of_file(folder.resolve().name, str(folder))
                return
        pictures = [f for f in sorted(visible(folder)) if f.suffix.lower() not in BESIDE]
        for file in one_each(without_thumbnails(pictures, folder), self.limits):
            yield self._of_file(_named(file, folder), str(file))

    def _of_lacking(self, place: str, folder: Path) -> Source:
        """A case that cannot be answered, so that nobody believes it was."""

        def opened() -> Image:
            wanted = ", ".join(self.preparation.names)
            raise UnreadableInput("MODALITY_MISSING", place, f"it has not all of {wanted}", "add the files, or leave the case out")

        return Source(name=place, item=str(folder / place), open=opened)

    def _is_series(self, folder: Path) -> bool:
        try:
            io.read(folder, limits=self.limits)
        except UnreadableInput:
            return False
        return True

    def _of_manifest(self, given: Manifest) -> list[Source]:
        found = with_modalities(given, self.preparation.names) if len(given.channels) > 1 else given

        # A file of its own whose channels nobody names may hold those of the model.
        alone = len(found.channels) == 1 and self.preparation.axes > 2 and not found.channel_names

        def opener(index: int) -> Callable[[], Image]:
            case = found.cases[index]
            if alone:
                return lambda: self._opened(found.locate(next(iter(case.images.values()))), None)
            return lambda: image_of(case, found, limits=self.limits)

        return [
            Source(name=case.id, item=found.locate(next(iter(case.images.values()))), open=opener(i)) for i, case in enumerate(found.cases)
        ]

    def _of_table(self, path: Path) -> Iterator[Source]:
        """The rows of a table, for a model of tables; the cases of a manifest; else the files that one column names.

        A column of micrometres a pixel holds for the file of its row, unless the user states them of all.
        """
        frame = io.read_table(path, limits=self.limits)
        columns = [str(c) for c in frame.columns]
        if self.preparation.axes == 0:
            self._require_columns(tuple(columns), path.name)
            yield from (self._of_file(str(i), f"{path}::{i}") for i in range(len(frame)))
            return
        if "case" in columns and any(c == "image" or c.startswith("image:") for c in columns):
            yield from self._of_manifest(manifests.read(path))
            return
        cells = {str(c): [str(v) for v in frame[c]] for c in frame.columns}
        sizes = [float(v) if are_numbers([v]) else None for v in cells.get(micrometre_column(cells), [""] * len(frame))]
        for values in cells.values():
            if values and all((path.parent / v).is_file() for v in values[:3]):
                yield from (self._of_file(bare(Path(v)), str(path.parent / v), mpp) for v, mpp in zip(values, sizes, strict=True))
                return
        raise UnreadableInput("COLUMNS", path.name, "no column names files that are there", "give paths relative to the CSV")

    def _of_file(self, name: str, locator: str, mpp: float | None = None) -> Source:
        return Source(name=name, item=locator, open=lambda: self._opened(locator, self.mpp if self.mpp is not None else mpp))

    def _opened(self, locator: str, mpp: float | None) -> Image:
        named = locator if mpp is None else io.at_mpp(locator, mpp, limits=self.limits)
        # As many volumes as the model has channels are those, as its own data had them; of any others nobody knows.
        return all_volumes(named, self.limits, wanted=len(self.preparation.names))[0]

    def _fitting(self, image: Image, item: str) -> Image:
        """The image with the model's channels in the model's order, where it has them under their names."""
        names, axes = self.preparation.names, self.preparation.axes
        if image.geometry.axes != axes and axes and image.geometry.axes:
            what = f"has {image.geometry.axes} axes where the model expects {axes}"
            raise Refused("AXES", Path(item).name, what, "give data of the same kind")
        if image.geometry.axes == axes:
            with said_of(Path(item).name):
                self.preparation.grid(image.geometry)
        if not names or image.channels == names:
            return self._read(image)
        if self.preparation.axes == 0:
            self._require_columns(image.channels, Path(item).name)
        elif set(image.channels) != set(names):
            if len(names) > 1 and len(image.channels) == 1:
                what = f"one image where the model needs {', '.join(names)}"
                remedy = f"name each: {' '.join(f'{n}=FILE' for n in names)}, or give a folder or a manifest of cases"
                raise Refused("CHANNELS", Path(item).name, what, remedy)
            return self._read(image)
        return picked(image, names)

    def _read(self, image: Image) -> Image:
        """Decoded now where failures are allowed, so that a broken file is known before it is half answered."""
        if not self.lenient or not image.geometry.axes or image.tiled:
            return image
        values = image.read()
        check_finite(values, holes=False)
        return Image.of(values, image.geometry, channels=image.channels, meta=image.meta)

    def _require_columns(self, given: Sequence[str], item: str) -> None:
        what = lacking(self.preparation.names, given)
        if what:
            raise UnreadableInput("COLUMNS", item, what, "give the columns that the model was trained on")


def _named(file: Path, folder: Path) -> str:
    """What a file below a folder is called: a DICOM slide as its folder, since its files are numbers, all others by themselves."""
    if not of_slide(file):
        return bare(file.relative_to(folder))
    return folder.resolve().name if file.parent == folder else file.parent.relative_to(folder).as_posix()


def bare(path: Path) -> str:
    """A path as a name: without its suffix, with ``/``.

    >>> bare(Path("scans/a.nii.gz")), bare(Path("b.v2.png"))
    ('scans/a', 'b.v2')
    """
    return path.with_name(path.name.removesuffix(".gz")).with_suffix("").as_posix()
