"""What every part on a shelf promises, as functions that any package can run on its own parts.

In the spirit of scikit-learn's ``check_estimator``: a check takes the part (not its name), brings small examples of its own
and raises ``AssertionError`` with the broken promise in a sentence. None of them needs pytest.

>>> from sagittal.metrics.accuracy import accuracy
>>> check_metric(accuracy)
"""

from __future__ import annotations

from sagittal.testing.files import check_image, check_layout, check_phantom, check_reader
from sagittal.testing.grids import check_transform, check_windowing
from sagittal.testing.networks import check_explainer, check_loss, check_model
from sagittal.testing.scores import check_metric, check_score, example_answers
from sagittal.testing.tasks import check_task

__all__ = [
    "check_explainer",
    "check_image",
    "check_layout",
    "check_loss",
    "check_metric",
    "check_model",
    "check_phantom",
    "check_reader",
    "check_score",
    "check_task",
    "check_transform",
    "check_windowing",
    "example_answers",
]
