"""Convert: every volume in folders, archives and files, written with its world kept exactly and nobody's name on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagittal import io
from sagittal.core import Image
from sagittal.errors import SagittalError, UnreadableInput, UsageError, nearest
from sagittal.io import atomic
from sagittal.io.guard import LET_THROUGH, Limits
from sagittal.io.writers.csv import as_text
from sagittal.report.words import count
from sagittal.verbs._asked import check_codes
from sagittal.verbs._converted import Converted, Made, file_name, of_file, of_volume, of_volumes, one_scale, side_file, write_gradients
from sagittal.verbs._numbers import check_numbers
from sagittal.verbs._open import folder_for, say
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._volume_files import volume_files

if TYPE_CHECKING:
    from sagittal.io.dicom.volume import Volume

FORMATS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "mha": ".mha"}
"""What ``--to`` takes, and how its files end."""


@dataclass(slots=True)
class _Converting:
    """Where to, how, and what has gone wrong so far."""

    out: Path
    suffix: str
    allow: frozenset[str]
    describe: bool
    precise: bool
    upward: bool
    limits: Limits
    errors: list[tuple[str, SagittalError]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)


def convert(
    sources: Sequence[str | Path],
    *,
    out: str | Path,
    to: str = "nifti",
    time: str = "apart",
    allow: Sequence[str] = (),
    describe: bool = False,
    scaling: str = "precise",
    max_pixels: int | None = None,
) -> Outcome:
    """Write every volume that is found, each with a JSON file beside it that says what it is.

    Files are numbered and named by modality and size. Series descriptions and the names of files may hold a
    patient's name: they are only written where ``describe`` asks for it. Numbers of a volume whose rescaling is whole
    stay whole (int16 where they fit), all others are float32. A NIfTI file of a DICOM volume holds the rows of a picture
    from the lowest to the highest, as other converters write it; the affine says so.

    Args:
        sources: Folders and zip archives of DICOM, DICOM files, NIfTI, NRRD, MetaImage and npy files, folders of these.
        out: A new folder.
        to: ``nifti``, ``nrrd`` or ``mha``.
        time: ``apart``, or ``together``, which puts what a series repeats on one grid (time points, heart phases, diffusion)
            into one 4-D file (NIfTI), in the order in which it was measured.
        allow: Codes of what readers refuse and is let through, such as ``SERIES_GAP``; the JSON file says so.
        describe: Put series descriptions into names and JSON files.
        scaling: ``standard``: stored number times Rescale Slope plus Intercept. ``precise``: of Philips that divided by Rescale
            Slope and Philips' own Scale Slope, which makes scans comparable and is what dcm2niix writes; a series whose
            slices have slopes of their own and all others stay as they are.
        max_pixels: The largest volume that is read.

    Returns:
        An outcome whose ``path`` is the folder; ``failed`` names the volumes that could not be made, which
        ``failed.csv`` lists with the reasons.

    Raises:
        UsageError: An unknown format or code, a folder that is not empty, or no volume anywhere.
        SagittalError: All volumes failed: the first one's refusal.
    """
    check_numbers(max_pixels=max_pixels)
    _check(to, time, allow, scaling)
    out = Path(out)
    work = _Converting(
        out=out,
        suffix=FORMATS[to],
        allow=frozenset(allow),
        describe=describe,
        precise=scaling == "precise",
        upward=to == "nifti",
        limits=Limits.default().but(pixels=max_pixels, allow=allow),
    )
    with atomic.nothing_left(out):
        atomic.new_folder(folder_for(out))
        for source in sources:
            try:
                for made in _found(source, work, together=time == "together"):
                    _write(made, work)
            except UnreadableInput as error:
                _note(str(source), error, work)
        if not work.records:
            raise _nothing(sources, work)
    failed = [name for name, _ in work.errors]
    if failed:
        rows = [["source", "code", "what", "remedy"], *([name, e.code, e.what, e.remedy] for name, e in work.errors)]
        atomic.write_text(out / "failed.csv", as_text(rows))
    return Outcome(
        path=out,
        facts={"n": len(work.records), "volumes": work.records, "failed": failed},
        text=[*(_line(r) for r in work.records), f"{count(len(work.records), 'volume')} in {out}"],
        failed=failed,
        list_file=out / "failed.csv",
        remedy="see the list, mend them and convert into another folder",
    )


def _check(to: str, time: str, allow: Sequence[str], scaling: str) -> None:
    if to not in FORMATS:
        raise UsageError("UNKNOWN_FORMAT", to, "volumes are not written so", nearest(to, FORMATS))
    if time not in {"apart", "together"}:
        raise UsageError("USAGE", "--time", f"{time!r} is neither apart nor together", "say apart or together")
    if time == "together" and to != "nifti":
        raise UsageError("USAGE", "--time", f"{to} files here have no axis of time", "choose --to nifti, or --time apart")
    if scaling not in {"standard", "precise"}:
        raise UsageError("USAGE", "--scaling", f"{scaling!r} is neither standard nor precise", "say standard or precise")
    check_codes(allow, LET_THROUGH)


def _found(source: str | Path, work: _Converting, *, together: bool) -> Iterator[Made]:
    """Every volume of a source; what cannot be read is noted, and the next one is taken."""
    from sagittal.io.dicom.series import UNREADABLE, find

    path = Path(source)
    if path.exists() and not _is_dicom(path):
        yield Made(source=path.name, open=lambda: of_file(str(path), work.limits))
        return
    if not path.exists():
        yield _part(str(source), work)
        return
    volumes = find(path, limits=work.limits)
    scaled = one_scale(volumes) if work.precise else frozenset()
    for group in of_volumes([v for v in volumes if v.key != UNREADABLE], work.allow, together=together):
        yield Made(source=group[0].key, open=lambda group=group: _volume(group, scaled, work))  # type: ignore[misc]
    for lost in (v for v in volumes if v.key == UNREADABLE):
        for fault in lost.findings:
            _note(fault.item, fault.error(), work)
    if path.is_dir():
        for file in volume_files(path):
            name = file.relative_to(path).as_posix()
            yield Made(source=name, open=lambda file=file: of_file(str(file), work.limits))  # type: ignore[misc]


def _part(source: str, work: _Converting) -> Made:
    """``folder::KEY``, ``archive.npz::name``."""
    from sagittal.io import locator
    from sagittal.io.dicom.series import find, pick

    path, part = locator.split(source)
    if not part or not Path(path).exists():
        raise UnreadableInput("NOT_FOUND", source, "there is no such file or folder", "check the path")
    if not _is_dicom(Path(path)):
        return Made(source=part, open=lambda: of_file(source, work.limits))
    volumes = find(path, limits=work.limits)
    return Made(source=part, open=lambda: _volume([pick(volumes, part, path)], one_scale(volumes) if work.precise else frozenset(), work))


def _volume(volumes: Sequence[Volume], scaled: frozenset[str], work: _Converting) -> Converted:
    return of_volume(volumes, work.allow, precise=volumes[0].key in scaled, upward=work.upward)


def _is_dicom(path: Path) -> bool:
    return path.is_dir() or io.identify(path) in {"DICOM", "ZIP"}


def _write(made: Made, work: _Converting) -> None:
    """Write one volume and what is known of it; a refusal is noted."""
    try:
        converted = made.open()
        name = file_name(converted, len(work.records) + 1, describe=work.describe)
        image: Image = converted.image
        io.write(image, work.out / f"{name}{work.suffix}")
        write_gradients(converted, work.out / name)
        record = side_file(converted, describe=work.describe)
        atomic.write_json(work.out / f"{name}.json", record)
    except SagittalError as error:
        if error.exit_code == _STORAGE:
            raise
        _note(made.source, error, work)
        return
    work.records.append({"file": f"{name}{work.suffix}", "source": made.source, **record})


_STORAGE = 9


def _note(name: str, error: SagittalError, work: _Converting) -> None:
    say(f"failed: {error}")
    work.errors.append((name, error))


def _nothing(sources: Sequence[str | Path], work: _Converting) -> SagittalError:
    if work.errors:
        return work.errors[0][1]
    item = str(sources[0]) if sources else "sources"
    return UsageError("NO_SOURCE", item, "there is no volume here", "name folders of DICOM, or NIfTI, NRRD, MHA or npy files")


def _line(record: dict[str, Any]) -> str:
    findings = f"  [{', '.join(f['code'] for f in record['findings'])}]" if record["findings"] else ""
    return f"{record['file']}  <-  {record['source']}{findings}"
