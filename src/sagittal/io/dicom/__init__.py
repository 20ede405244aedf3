"""DICOM: series, pixels, segmentations; the only folder that turns LPS to RAS+."""
