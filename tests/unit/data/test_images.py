"""All modalities of a case as the channels of one image."""

from __future__ import annotations

import numpy as np
import pytest

from sagittal import io
from sagittal.core import Case, Geometry, Image, Labels, Window
from sagittal.data.discover import discover
from sagittal.data.images import image_of
from sagittal.data.manifest import Manifest, read
from sagittal.errors import Refused, UnreadableInput, UsageError

SHAPE = (6, 7, 8)
PLAIN = np.eye(4)


def _volume(path, values, *, affine=PLAIN):
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write(Image.of(np.asarray(values)[None], Geometry(shape=values.shape, affine=affine, unit="mm", frame="patient")), path)


def _two(root, *, affine=PLAIN, shape=SHAPE):
    """A case of two modalities; the second may lie on another grid."""
    _volume(root / "a_t2.nii.gz", np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
    ramp = np.broadcast_to((affine[0, 0] * np.arange(shape[0]) + affine[0, 3])[:, None, None], shape)
    _volume(root / "a_flair.nii.gz", ramp.astype(np.float32), affine=affine)
    case = Case(id="a", images={"t2": "a_t2.nii.gz", "flair": "a_flair.nii.gz"})
    return Manifest(cases=(case,), labels=Labels(classes=()), root=root, provenance={"said": "nothing"})


def test_modalities_become_channels_of_one_image(tmp_path):
    manifest = _two(tmp_path)
    image = image_of(manifest.cases[0], manifest)
    assert image.channels == ("t2", "flair")
    window = Window((1, 2, 3), (2, 3, 4))
    whole = image.read()
    assert np.array_equal(image.read(window), whole[(slice(None), *window.slices)])
    assert np.array_equal(whole[0].ravel(), np.arange(np.prod(SHAPE)))
    assert np.array_equal(whole[1, :, 0, 0], np.arange(6))


def test_the_order_of_channels_survives_the_manifest_file(tmp_path):
    manifest = _two(tmp_path)
    written = read(manifest.write(tmp_path / "out"), root=tmp_path)
    assert (tmp_path / "out/manifest.csv").read_text().startswith("case,group,split,image:t2,image:flair,")
    assert written.channels == manifest.channels == ("t2", "flair")
    assert written.digest == manifest.digest
    assert image_of(written.cases[0], written).channels == ("t2", "flair")


def test_a_modality_on_another_grid_is_refused_with_both_names(tmp_path):
    manifest = _two(tmp_path, affine=np.array([[1.0, 0, 0, 0.2], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    with pytest.raises(Refused, match=r"MODALITY_GRID a: flair lies on another grid than t2.*resample_modalities=true") as caught:
        image_of(manifest.cases[0], manifest)
    assert caught.value.exit_code == 4
    near = _two(tmp_path, affine=np.array([[1.0, 0, 0, 0.09], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    assert image_of(near.cases[0], near).read().shape == (2, *SHAPE)


def test_resampled_modalities_keep_their_place_in_the_world(tmp_path):
    coarse = np.array([[2.0, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    manifest = _two(tmp_path, affine=coarse, shape=(3, 7, 8))
    asked = manifest.with_cases(manifest.cases, resample_modalities=True)
    values = image_of(asked.cases[0], asked).read()
    # the coarse modality holds its own world coordinate, so a linear reading gives the fine grid's; edges repeat
    assert np.allclose(values[1, :, 3, 3], [0.5, 1, 2, 3, 4, 4.5])
    part = image_of(asked.cases[0], asked).read(Window((2, 0, 0), (2, 1, 1)))
    assert np.allclose(part[1].ravel(), [2, 3])


def test_a_case_without_a_modality_that_others_have_is_named(tmp_path):
    manifest = _two(tmp_path)
    lacking = Case(id="b", images={"t2": "a_t2.nii.gz"})
    both = manifest.with_cases((*manifest.cases, lacking))
    with pytest.raises(UnreadableInput, match="MODALITY_MISSING b: it has no flair"):
        image_of(lacking, both)


def test_the_users_wish_to_resample_is_recorded_whatever_the_layout(tmp_path):
    for i in range(3):
        _volume(tmp_path / f"image_{i}.nii.gz", np.full(SHAPE, i, np.int16))
        _volume(tmp_path / f"label_{i}.nii.gz", np.full(SHAPE, i % 2, np.uint8))
    asked = discover(tmp_path, options={"resample_labels": True, "resample_modalities": False}).manifest
    assert (asked.resample_labels, asked.resample_modalities) == (True, False)
    assert read(asked.write(tmp_path / "out")).resample_labels
    with pytest.raises(UsageError, match="neither true nor false"):
        discover(tmp_path, options={"resample_labels": "yes"})


def test_a_label_map_on_another_grid_is_refused_unless_it_may_be_resampled(tmp_path):
    labels = Labels(classes=("background", "x"), background="background")
    _volume(tmp_path / "i.nii.gz", np.zeros(SHAPE, np.int16))
    drawn = np.zeros((3, 7, 8), np.uint8)
    drawn[1] = 1
    _volume(tmp_path / "m.nii.gz", drawn, affine=np.array([[2.0, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    case = Case(id="a", images={"image": "i.nii.gz"}, annotation="m.nii.gz")
    manifest = Manifest(cases=(case,), labels=labels, root=tmp_path)
    grid = image_of(case, manifest).geometry
    with pytest.raises(Refused, match=r"LABEL_GRID a: .*resample_labels=true"):
        manifest.annotation(case, like=grid)
    asked = manifest.with_cases(manifest.cases, resample_labels=True)
    assert asked.annotation(case, like=grid).mask_of(grid)[:, 0, 0].tolist() == [0, 0, 1, 1, 0, 0]
