from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np

from sagittal.ops.randomness import generator


def test_the_same_keys_give_the_same_numbers_in_any_process():
    here = generator(3, 1, 2).integers(0, 2**62)
    code = "from sagittal.ops.randomness import generator; print(generator(3, 1, 2).integers(0, 2**62))"
    assert int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout) == here


def test_each_key_has_its_own_numbers():
    keys = [(0,), (1,), (-1,), (0, 0), (0, 1), (1, 0), (12, 3), (1, 23)]
    assert len({float(generator(*k).random()) for k in keys}) == len(keys)


def test_it_is_philox_keyed_by_the_hash_of_the_keys():
    key = np.frombuffer(hashlib.blake2b(b"3,1,2", digest_size=16).digest(), dtype="<u8")
    wanted = np.random.Generator(np.random.Philox(key=key.astype(np.uint64)))
    assert (generator(3, 1, 2).random(20) == wanted.random(20)).all()
