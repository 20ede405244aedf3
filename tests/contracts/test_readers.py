"""What every reader and every writer on its shelf promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sagittal.io._reader import Writer
from sagittal.shelf import Shelf
from sagittal.testing import check_image, check_reader

READERS = Shelf("sagittal.io.readers", kind="reader")
WRITERS = Shelf("sagittal.io.writers", kind="writer")


@pytest.mark.parametrize("name", READERS.names())
def test_reader(name):
    check_reader(READERS.get(name))


def test_no_content_belongs_to_two_readers_and_no_suffix_to_two_formats():
    suffixes = [s for n in READERS.names() for f in READERS.get(n).formats for s in f.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("name", WRITERS.names())
def test_writer(name):
    writer = WRITERS.get(name)
    assert isinstance(writer, Writer)
    assert all(s.startswith(".") for s in writer.suffixes)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.nii.gz", "a.npy", "a.npz", "a.csv"])
def test_images_of_every_reader(name, tmp_path):
    import nibabel
    from PIL import Image as Pillow

    from sagittal import io

    grey = np.random.default_rng(2).integers(0, 256, (37, 53), dtype=np.uint8)
    path = tmp_path / name
    if name.endswith((".png", ".jpg", ".tif", ".bmp")):
        Pillow.fromarray(grey).save(path)
    elif name.endswith(".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(grey[:, :, None], np.eye(4)), path)
    elif name.endswith(".csv"):
        path.write_text("a,b\n1,2\n")
    else:
        np.save(path, grey) if name.endswith(".npy") else np.savez(path, grey)
    check_image(io.read(path))


def test_listing_and_sniffing_import_no_format_library():
    code = (
        "import sys\nfrom sagittal.io import _sniff\n"
        "_sniff._ordered()\n"
        "bad = {'PIL', 'cv2', 'h5py', 'nibabel', 'tifffile', 'pandas', 'svgelements', 'torch', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
