"""The table of cases: what belongs together, whose it is, which split it is in, what was said of it."""

from sagittal.data.manifest.naming import classes_of, relative
from sagittal.data.manifest.reading import has_record, read
from sagittal.data.manifest.table import DEFAULT_LIMITS, Manifest
from sagittal.data.manifest.words import DRAWN, FORMAT, OUTLINES, SPLITS, VERSION, Said

__all__ = [
    "DEFAULT_LIMITS",
    "DRAWN",
    "FORMAT",
    "OUTLINES",
    "SPLITS",
    "VERSION",
    "Manifest",
    "Said",
    "classes_of",
    "has_record",
    "read",
    "relative",
]
