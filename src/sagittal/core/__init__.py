"""The nouns of the field: frozen, typed, numpy only, no files."""

from sagittal.core.annotation import Annotation, Boxes, ClassLabel, LabelMap, Polygons, Value
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.labels import Labels
from sagittal.core.prediction import Explanation, Prediction
from sagittal.core.score import Score
from sagittal.core.window import Window

__all__ = [
    "Annotation",
    "Boxes",
    "Case",
    "ClassLabel",
    "Explanation",
    "Geometry",
    "Image",
    "LabelMap",
    "Labels",
    "Polygons",
    "Prediction",
    "Score",
    "Value",
    "Window",
]
