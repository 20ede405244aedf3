from __future__ import annotations

import subprocess
import sys

from sagittal.ops.randomness import generator


def test_the_same_keys_give_the_same_numbers_in_any_process():
    here = generator(3, 1, 2).integers(0, 2**62)
    code = "from sagittal.ops.randomness import generator; print(generator(3, 1, 2).integers(0, 2**62))"
    assert int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout) == here


def test_each_key_has_its_own_numbers():
    keys = [(0,), (1,), (-1,), (0, 0), (0, 1), (1, 0), (12, 3), (1, 23)]
    assert len({float(generator(*k).random()) for k in keys}) == len(keys)
