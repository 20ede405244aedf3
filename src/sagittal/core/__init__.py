"""The nouns of the field: frozen, typed, numpy only, no files."""

from sagittal.core.annotation import Annotation, ClassLabel, Value
from sagittal.core.boxes import Boxes
from sagittal.core.case import Case
from sagittal.core.geometry import Geometry
from sagittal.core.image import Image
from sagittal.core.label_map import LabelMap
from sagittal.core.labels import Labels
from sagittal.core.polygons import Polygons
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
