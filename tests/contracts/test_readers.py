"""What every reader and every writer on its shelf promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sagittal.core import Image, Window
from sagittal.errors import UnreadableInput
from sagittal.io import Limits
from sagittal.io._reader import Reader, Writer
from sagittal.shelf import Shelf

READERS = Shelf("sagittal.io.readers", kind="reader")
WRITERS = Shelf("sagittal.io.writers", kind="writer")


def check_reader(reader: Reader, tmp_path) -> None:
    """A reader names its formats, knows them by content, and refuses what is not theirs by name."""
    assert isinstance(reader, Reader)
    assert reader.formats
    for form in reader.formats:
        assert form.name
        assert all(s.startswith(".") and s == s.lower() for s in form.suffixes)
    for head in (b"", b"\0", bytes(4096), b"\xff" * 4096, np.random.default_rng(0).bytes(4096)):
        assert reader.sniff(head) is False
        assert reader.identify(head) is None
    for form in reader.formats:
        path = tmp_path / f"broken{form.suffixes[0]}"
        path.write_bytes(np.random.default_rng(1).bytes(500))
        with pytest.raises(UnreadableInput, match="broken"):
            reader.read(path, "", Limits.default()).read()


def check_image(image: Image) -> None:
    """Values lie on the grid, windows are parts of the whole, and the meta says what was found."""
    whole = image.read()
    assert whole.shape == (len(image.channels), *image.geometry.shape)
    assert whole.dtype.isnative
    assert {"format", "bits", "mode"} <= set(image.meta)
    start = tuple(min(1, n - 1) for n in image.geometry.shape)
    size = tuple(max(1, n // 2) for n in image.geometry.shape)
    window = Window(start, tuple(min(s, n - a) for a, s, n in zip(start, size, image.geometry.shape, strict=True)))
    np.testing.assert_array_equal(image.read(window), whole[(slice(None), *window.slices)])
    coarse = image.coarser(4)
    assert coarse.read().shape == (len(image.channels), *coarse.geometry.shape)


@pytest.mark.parametrize("name", READERS.names())
def test_reader(name, tmp_path):
    check_reader(READERS.get(name), tmp_path)


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
