"""DICOM and NIfTI of one scan give the same volume in the same place; and so say others who read the DICOM."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from sagittal import io
from sagittal.io.dicom.series import find
from sagittal.testing.series import faulty_series

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def simple_itk(files):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in files])
    return reader.Execute()


def assert_same(image, other):
    """Against SimpleITK: every voxel, and the corners in the world."""
    values = SimpleITK.GetArrayFromImage(other).transpose(2, 1, 0)
    assert np.array_equal(image.read()[0], values)
    for index in ((0, 0, 0), tuple(n - 1 for n in values.shape)):
        world = LPS_TO_RAS @ other.TransformIndexToPhysicalPoint([int(i) for i in index])
        assert np.allclose(image.geometry.to_world(index), world, atol=1e-3)


def assert_same_after_nifti(image, path):
    """Written as NIfTI and read back: by us, and by SimpleITK."""
    io.write(image, path)
    back = io.read(path)
    assert back.geometry.same_grid(image.geometry, tolerance=1e-3)
    assert np.array_equal(back.read(), image.read())
    assert_same(image, SimpleITK.ReadImage(str(path)))


@pytest.mark.parametrize("fault", ["plain", "f04", "f07", "f17"])
def test_a_series_is_the_same_as_dicom_and_as_nifti(tmp_path, fault):
    folder = faulty_series(fault, tmp_path / "scan")
    (volume,) = find(folder)
    assert_same(volume.image(), simple_itk(volume.files))
    assert_same_after_nifti(volume.image(), tmp_path / "scan.nii.gz")


def test_the_shear_of_a_tilted_gantry_survives_nifti(tmp_path):
    image = io.read(faulty_series("f11", tmp_path / "scan"))
    io.write(image, tmp_path / "scan.nii.gz")
    back = io.read(tmp_path / "scan.nii.gz")
    assert np.array_equal(back.read(), image.read())
    assert back.geometry.same_grid(image.geometry, tolerance=1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ct_totalseg_example/example_ct_dicom", "dicom_brain_tumor_progression"])
def test_real_series_are_the_same_as_dicom_and_as_nifti(real_data, tmp_path, name):
    volumes = find(real_data / name)
    assert volumes
    for n, volume in enumerate(volumes):
        assert not volume.findings
        image = volume.image(padding="kept")
        assert_same(image, simple_itk(volume.files))
        assert_same_after_nifti(image, tmp_path / f"{n}.nii.gz")
