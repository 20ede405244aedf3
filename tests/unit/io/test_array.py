"""Arrays become images by their shape; a row of the first axis is one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from sagittal import io
from sagittal.errors import UnreadableInput

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("shape", "grid", "channels"),
    [
        ((28, 30), (28, 30), 1),
        ((28, 30, 3), (28, 30), 3),
        ((28, 30, 1), (28, 30), 1),
        ((3, 28, 30), (28, 30), 3),
        ((28, 30, 31), (28, 30, 31), 1),
        ((28, 30, 31, 3), (28, 30, 31), 3),
        ((60,), (), 60),
        ((), (), 1),
    ],
)
def test_axes_are_told_from_the_shape(tmp_path, shape, grid, channels):
    values = RNG.random(shape)
    np.save(tmp_path / "a.npy", values)
    image = io.read(tmp_path / "a.npy")
    assert image.geometry.shape == grid
    assert image.read().shape == (channels, *grid)
    assert np.sort(image.read().ravel()).tolist() == np.sort(values.ravel()).tolist()


@pytest.mark.parametrize("dtype", ["bool", "u1", "<i2", ">i2", ">f4", "f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["npy", "npz", "packed", "h5"])
def test_types_and_orders(tmp_path, dtype, order, kind):
    values = np.asarray(RNG.integers(0, 2, (9, 11, 7)), dtype=dtype, order=order)
    path = tmp_path / f"a.{'npz' if kind == 'packed' else kind}"
    if kind == "h5":
        with h5py.File(path, "w") as file:
            file["x"] = values
    else:
        {"npy": np.save, "npz": lambda p, v: np.savez(p, x=v), "packed": lambda p, v: np.savez_compressed(p, x=v)}[kind](path, values)
    found = io.read(path).read()
    assert found.dtype.isnative
    assert found.dtype == (np.uint8 if dtype == "bool" else np.dtype(dtype).newbyteorder("="))
    np.testing.assert_array_equal(found[0], values)


def test_rows_of_npz_npy_and_h5(tmp_path):
    images, labels = RNG.integers(0, 255, (5, 8, 8), dtype=np.uint8), np.arange(5)[:, None]
    np.savez_compressed(tmp_path / "a.npz", train_images=images, train_labels=labels)
    np.save(tmp_path / "a.npy", images)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["deep/x"] = images
        file["deep/y"] = labels
    for locator in ("a.npz::train_images/3", "a.npy::3", "a.h5::/deep/x/3", "a.h5::deep/x/3"):
        np.testing.assert_array_equal(io.read(tmp_path / locator).read()[0], images[3])
    assert io.read(tmp_path / "a.npz::train_labels/4").read().tolist() == [4]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("", "SEVERAL_PICTURES"),
        ("::x/5", "NO_SUCH_PART"),
        ("::x/-1", "NO_SUCH_PART"),
        ("::z", "NO_SUCH_PART"),
        ("::x/0/0", "NO_SUCH_PART"),
        ("::words", "NOT_NUMBERS"),
        ("::none", "EMPTY"),
        ("::many", "SEVERAL_PICTURES"),
        ("::x/²", "NO_SUCH_PART"),
    ],
)
@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_parts_that_are_not_there(tmp_path, suffix, part, code):
    arrays = {"x": np.zeros((5, 8, 8)), "words": np.array([b"a"]), "none": np.zeros((0, 4)), "many": np.zeros((2, 3, 8, 8, 5))}
    path = tmp_path / f"a.{suffix}"
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, value in arrays.items():
                file[name] = value
    with pytest.raises(UnreadableInput, match=rf"a\.{suffix}") as caught:
        io.read(f"{path}{part}")
    assert caught.value.code == code


def test_a_misspelt_array_is_answered_with_the_nearest(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((5, 8, 8)), test_images=np.zeros((5, 8, 8)))
    with pytest.raises(UnreadableInput, match=r"did you mean train_images\?"):
        io.read(f"{tmp_path / 'a.npz'}::train_image/3")


def test_a_whole_data_set_may_be_larger_than_one_image(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((1000, 8, 8), np.uint8))
    tight = io.Limits.default().but(pixels=64)
    assert io.read(f"{tmp_path / 'a.npz'}::x/7", limits=tight).read().shape == (1, 8, 8)
    with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
        io.read(f"{tmp_path / 'a.npz'}::x/7", limits=io.Limits.default().but(bytes=10_000))


def test_rows_of_one_array_do_not_unpack_it_again(tmp_path):
    import time

    np.savez_compressed(tmp_path / "a.npz", x=RNG.integers(0, 9, (2000, 64, 64), dtype=np.uint8))
    io.read(f"{tmp_path / 'a.npz'}::x/0").read()
    start = time.monotonic()
    for k in range(200):
        io.read(f"{tmp_path / 'a.npz'}::x/{k}").read()
    assert time.monotonic() - start < 1, "unpacking it each time takes ten seconds"


@pytest.mark.real_data
def test_medmnist(real_data):
    path = real_data / "pneumoniamnist" / "pneumoniamnist_trainval.npz"
    image = io.read(f"{path}::train_images/12")
    assert image.geometry.shape == (28, 28)
    assert image.read().dtype == np.uint8


def test_a_volume_lies_where_it_is_stated(tmp_path):
    import json

    from sagittal.errors import Refused

    values = np.zeros((8, 9, 10), np.uint8)
    np.save(tmp_path / "a.npy", values)
    assert io.read(tmp_path / "a.npy").geometry.unit == "none"
    (tmp_path / "a.json").write_text(json.dumps({"spacing": [1, 2, 3]}))
    grid = io.read(tmp_path / "a.npy").geometry
    assert (grid.spacing, grid.unit, grid.frame) == ((1, 2, 3), "mm", "none")
    affine = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    np.savez(tmp_path / "b.npz", scan=values, affine=affine)
    np.testing.assert_array_equal(io.read(tmp_path / "b.npz").geometry.affine, affine)
    np.savez(tmp_path / "c.npz", t1=values, t2=values, spacing=[1, 1, 2.5])
    assert io.read(f"{tmp_path / 'c.npz'}::t2").geometry.spacing == (1, 1, 2.5)
    for told, error in (({"spacing": [1, 0, 3]}, Refused), ({"spacing": [1, -1, 3]}, Refused), ({"affine": "x"}, UnreadableInput)):
        (tmp_path / "a.json").write_text(json.dumps(told))
        with pytest.raises(error):
            io.read(tmp_path / "a.npy")
