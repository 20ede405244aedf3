"""The volumes of a folder or archive, a row each: DICOM series and files of other formats, as ``convert`` finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sagittal.data._anatomy import orientation_of
from sagittal.errors import SagittalError
from sagittal.io.guard import Limits
from sagittal.report.words import count
from sagittal.verbs._outcome import Outcome
from sagittal.verbs._volume_files import all_volumes, format_of, volume_files

_LONGEST = 60


def listed(path: Path, limits: Limits) -> Outcome | None:
    """What lies in a folder or an archive, from headers; None where there is no volume.

    Args:
        path: Of the folder, or of an archive, in which DICOM alone is looked for.
        limits: For reading.
    """
    from sagittal.io.dicom.series import find

    records: list[Mapping[str, Any]] = [{**v.record(), "source": f"{path}::{v.key}"} for v in find(path, limits=limits)]
    if path.is_dir():
        records += [_of_file(file, path, limits) for file in volume_files(path)]
    if not records:
        return None
    width = min(_LONGEST, max(len(r["key"]) for r in records)) + 2
    head = f"{'volume':<{width}}{'modality':<10}{'size':<18}{'spacing':<22}{'to':<5}{'slices':>6}  {'description':<28}findings"
    what = "findings in brackets stop nothing; " if any(f["exit"] == 0 for r in records for f in r["findings"]) else ""
    last = f"{count(len(records), 'volume')}; {what}name one: {records[0]['source']}"
    return Outcome(path=path, facts={"volumes": records}, text=[head, *(_row(r, width) for r in records), "", *_told(records), last])


def _of_file(file: Path, folder: Path, limits: Limits) -> dict[str, Any]:
    """The same record as that of a DICOM volume, its key the path below the folder."""
    name = file.relative_to(folder).as_posix()
    record: dict[str, Any] = {"key": name, "modality": "", "description": "", "shape": [], "spacing": [], "orientation": "", "slices": 0}
    try:
        image, meta = all_volumes(str(file), limits)
    except SagittalError as error:
        fault = {"code": error.code, "item": name, "what": error.what, "remedy": error.remedy, "exit": error.exit_code}
        return {**record, "findings": [fault], "source": str(file)}
    grid = image.geometry
    record |= {"modality": format_of(image), "shape": list(grid.shape), "spacing": [round(s, 5) for s in grid.spacing]}
    record |= {"orientation": orientation_of(grid), "slices": grid.shape[-1] if grid.axes > 2 else 1}
    times = {"time_points": meta["time_points"]} if "time_points" in meta else {}
    return {**record, **times, "findings": [], "source": str(file)}


def _row(record: Mapping[str, Any], width: int) -> str:
    key, description = str(record["key"]), str(record["description"])
    # of a long path its end tells more
    key = key if len(key) < width - 1 else f"...{key[5 - width :]}"
    size = "x".join(str(n) for n in (*record["shape"], *([record["time_points"]] if "time_points" in record else [])))
    spacing = " ".join(f"{s:.4g}" for s in record["spacing"])
    codes = dict.fromkeys(f["code"] if f["exit"] else f"({f['code']})" for f in record["findings"])
    row = f"{key:<{width}}{record['modality']:<10}{size:<18}{spacing:<22}{record['orientation'] or '-':<5}{record['slices']:>6}"
    return f"{row}  {description[:27]:<28}{', '.join(codes) or '-'}"


def _told(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The findings in full, each once."""
    return list(dict.fromkeys(f"{f['code']} {f['item']}: {f['what']}; {f['remedy']}" for r in records for f in r["findings"]))
