"""Volumes from gzipped and plain NIfTI to an array, beside nibabel and SimpleITK."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Contest, Row, compare
from sagittal import io

SIZES = {"13.5 MB": (256, 256, 103), "150 MB": (512, 512, 286)}


def rows(*, turns: int, folder: Path | None) -> list[Row]:
    """A volume of each size, gzipped and plain; ``folder`` is for other benchmarks."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        for name, shape in SIZES.items():
            data = volume(shape)
            for kind, suffix in (("gzipped", ".nii.gz"), ("plain", ".nii")):
                path = Path(place) / f"a{suffix}"
                path.write_bytes(gzip.compress(data, 6) if kind == "gzipped" else data)
                contest = Contest(
                    path=f"NIfTI {kind}, {name}",
                    inputs=[path],
                    ours=lambda p, _: touched(io.read(p).read()),
                    peers=peers(),
                    targets={"nibabel": 2.0} if kind == "gzipped" else {},
                )
                found += compare(contest, turns=max(3, turns))
                path.unlink()
    return found


def volume(shape: tuple[int, ...]) -> bytes:
    """A NIfTI file of a noisy body in air, int16, as a scanner gives it."""
    import nibabel

    rng = np.random.default_rng(0)
    i, j = (np.arange(n, dtype=np.float32) / n - 0.5 for n in shape[:2])
    values = np.zeros(shape, np.int16, order="F")
    for k in range(shape[2]):  # a plane at a time, so that the benchmark itself needs little memory
        inside = (i[:, None] / 0.42) ** 2 + (j / 0.42) ** 2 + ((k / shape[2] - 0.5) / 0.45) ** 2 < 1
        waves = np.sin(60 * i)[:, None] * np.sin(50 * j) * np.sin(k / 9)
        values[:, :, k] = np.where(inside, 500 + 150 * waves + 20 * rng.standard_normal(shape[:2], dtype=np.float32), 0)
    return nibabel.Nifti1Image(values, np.diag([-1, 1, 2, 1])).to_bytes()


def touched(values: np.ndarray) -> float:
    """Every page of the array is looked at: a mapped file that nobody reads costs nothing."""
    return float(values.reshape(-1, order="A")[::1024].sum()) if values.flags.forc else float(values[..., ::4].sum())


def peers() -> dict[str, Callable[[Path, int], object]]:
    """Those that are installed."""
    import nibabel

    found: dict[str, Callable[[Path, int], object]] = {"nibabel": lambda p, _: touched(np.asarray(nibabel.load(p).dataobj))}
    try:
        import SimpleITK as itk  # noqa: N813
    except ImportError:
        return found

    def simpleitk(path: Path, _: int) -> float:
        image = itk.ReadImage(str(path))  # the view is only good as long as the image lives
        return touched(itk.GetArrayViewFromImage(image))

    found["SimpleITK"] = simpleitk
    return found
