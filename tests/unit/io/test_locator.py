"""A locator is parted and joined without looking at any file."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sagittal import io
from sagittal.io import locator


@given(st.text(st.characters(exclude_characters=":")), st.text(st.characters(exclude_characters=":"), min_size=1))
def test_what_is_joined_is_parted(path, part):
    assert locator.split(locator.join(path, part)) == (path, part)
    assert locator.split(locator.join(path)) == (path, "")


def test_windows_drives_are_no_parts():
    assert locator.split(r"C:\data\a.png") == (r"C:\data\a.png", "")
    assert locator.split(r"C:\data\a.npz::x/1") == (r"C:\data\a.npz", "x/1")


def test_a_file_whose_name_holds_the_mark_is_found(tmp_path):
    np.save(tmp_path / "odd::name.npy", np.ones((3, 4)))
    assert io.read(tmp_path / "odd::name.npy").geometry.shape == (3, 4)
    assert io.read(f"{tmp_path / 'odd::name.npy'}::1").read().shape == (4,)
