"""Small pictures of the cases of a manifest, for pages that name cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sagittal.errors import SagittalError
from sagittal.report import galleries
from sagittal.report.page import inline

SIZE_PX = 160


def thumbnails(folder: Path, *, size_px: int = SIZE_PX) -> Callable[[str], str | None]:
    """From the id of a case to a ``data:`` address of its picture.

    The manifest in the folder says where the picture lies. None comes back for a case that is not in it, a file
    that is gone or cannot be read (a report must not fail for a picture), and for what is no picture, a table row.
    """
    sources = _sources(folder)

    def picture(case: str) -> str | None:
        locator = sources.get(case)
        if locator is None:
            return None
        try:
            from sagittal.io import read
            from sagittal.ops.overview import overview

            values = overview(read(locator), longest=2 * size_px).read()
        except (SagittalError, OSError):
            return None
        return inline(galleries.thumbnail(values, size_px=size_px)) if values.ndim > 2 else None

    return picture


def _sources(folder: Path) -> dict[str, str]:
    from sagittal.data import manifest

    try:
        found = manifest.read(folder)
    except SagittalError:
        return {}
    return {case.id: found.locate(next(iter(case.images.values()))) for case in found.cases if case.images}
