"""A volume of another kind than the model learnt from is noticed, by its file's word or by its numbers."""

import numpy as np
import pytest

from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.engine.kinds import strange
from sagittal.engine.prepare import Preparation

MR = Preparation(axes=3, names=("value",), scaling="nonzero")
CT = Preparation(axes=3, names=("value",), clip=True, low=(-900.0,), high=(400.0,))
RANGE = {"ct": (-1000, 1500), "mr": (0, 900), "normalised mr": (-3, 9), "soft tissue": (-150, 300)}


def volume(kind, modality=None):
    values = np.random.default_rng(0).uniform(*RANGE[kind], (1, 12, 12, 5))
    return Image.of(values, Geometry(shape=(12, 12, 5), affine=np.eye(4)), meta={"modality": modality} if modality else {})


@pytest.mark.parametrize(
    ("model", "kind", "modality", "word"),
    [
        (MR, "ct", None, "looks like CT"),
        (MR, "soft tissue", "CT", "file says CT"),
        (CT, "mr", None, "nothing below 0"),
        (CT, "ct", "MR", "file says MR"),
    ],
)
def test_another_kind_is_noticed(model, kind, modality, word):
    assert word in strange(model, volume(kind, modality))


@pytest.mark.parametrize(
    ("model", "kind", "modality"),
    [
        (MR, "mr", None),
        (MR, "mr", "MR"),
        (MR, "normalised mr", None),
        (CT, "ct", None),
        (CT, "ct", "CT"),
        (CT, "mr", "CT"),
        (CT, "soft tissue", None),
        (Preparation(axes=3, names=("value",)), "ct", "MR"),
    ],
)
def test_the_same_kind_is_not(model, kind, modality):
    assert strange(model, volume(kind, modality)) == ""


def test_a_picture_is_never(tmp_path):
    picture = Image.of(np.full((1, 4, 4), -1000.0), Geometry.picture((4, 4)))
    assert strange(Preparation(axes=2, names=("value",), scaling="nonzero"), picture) == ""
