"""One image shown: its header, how its values are spread, three planes in mm."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import cli, io
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.errors import UsageError
from sagittal.testing.series import plain_series, write_series
from sagittal.verbs.show import show


def volume(folder, name, *, low=-1000, flip=1.0):
    grid = Geometry(shape=(20, 24, 16), affine=np.diag([2.0 * flip, 2.0, 3.0, 1.0]), unit="mm", frame="patient")
    values = np.full((1, *grid.shape), low, np.int16)
    values[:, 4:16, 4:20, 2:14] = 40
    io.write(Image.of(values, grid), folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_a_volume_of_any_format_is_drawn_with_its_header(tmp_path, name):
    made = show([str(volume(tmp_path, name))], out=tmp_path / "x.png", window="soft")
    text = "\n".join(made.lines())
    assert "20 x 24 x 16" in text and "2, 2, 3 mm" in text and "-1000 to 40" in text
    assert made.facts["window"] == [-160, 240]
    assert sum(made.facts["histogram"]["counts"]) == 20 * 24 * 16
    assert min(io.read(tmp_path / "x.png").geometry.shape) > 500


def test_the_command_line_takes_a_window(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["show", str(volume(tmp_path, "a.nii.gz")), "-o", str(tmp_path / "x.png"), "--window", "-100,300"])
    assert stop.value.code == 0 and (tmp_path / "x.png").is_file()


def test_the_picture_does_not_depend_on_the_order_in_which_the_axes_are_stored(tmp_path):
    grid = Geometry(shape=(20, 24, 16), affine=np.diag([2.0, 2.0, 3.0, 1.0]), unit="mm", frame="patient")
    values = np.random.default_rng(0).integers(-900, 900, grid.shape).astype(np.int16)
    turned = np.zeros((4, 4))
    turned[[0, 1, 2, 3], [2, 0, 1, 3]] = [-2.0, 2.0, 3.0, 1.0]
    turned[0, 3] = 2.0 * 19
    other = Geometry(shape=(24, 16, 20), affine=turned, unit="mm", frame="patient")
    for name, v, g in (("a.nii.gz", values, grid), ("b.nii.gz", values.transpose(1, 2, 0)[:, :, ::-1], other)):
        io.write(Image.of(np.ascontiguousarray(v)[None], g), tmp_path / name)
        show([str(tmp_path / name)], out=tmp_path / f"{name}.png")
    a, b = (io.read(tmp_path / f"{n}.nii.gz.png").read() for n in "ab")
    assert (a != b)[:, 60:].mean() < 1e-3, "but for the name in the title"


@pytest.mark.parametrize(("window", "why"), [("lnug", "did you mean lung"), ("240,-160", "LOW,HIGH"), ("a,b", "LOW,HIGH")])
def test_a_window_that_cannot_be_is_refused(tmp_path, window, why):
    with pytest.raises(UsageError, match=why):
        show([str(volume(tmp_path, "a.nii.gz"))], window=window)


def test_a_window_of_hounsfield_units_is_refused_for_other_values(tmp_path):
    with pytest.raises(UsageError, match="Hounsfield"):
        show([str(volume(tmp_path, "a.nii.gz", low=0))], window="lung")


def test_a_folder_of_one_series_is_drawn_and_one_of_two_asks_which(tmp_path):
    write_series(plain_series(slices=4), tmp_path / "one")
    show([str(tmp_path / "one")], out=tmp_path / "x.png")
    assert min(io.read(tmp_path / "x.png").geometry.shape) > 500
    volume(tmp_path / "one", "a.nii.gz")
    with pytest.raises(UsageError, match="-o draws one volume"):
        show([str(tmp_path / "one")], out=tmp_path / "y.png")
