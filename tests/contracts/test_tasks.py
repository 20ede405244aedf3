"""What every task on the shelf promises."""

from __future__ import annotations

import pytest

from sagittal.shelf import Shelf
from sagittal.testing import check_task

SHELF = Shelf("sagittal.tasks", kind="task")


@pytest.mark.parametrize("name", SHELF.names())
def test_a_task_keeps_the_contract(name):
    assert SHELF.get(name).name == name
    check_task(SHELF.get(name))
