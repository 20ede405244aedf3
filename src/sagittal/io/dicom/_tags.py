"""The tags that reading a series needs, by keyword, and how their values are stored."""

from __future__ import annotations

from typing import Final

SLIDE_CLASS: Final = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""VL Whole Slide Microscopy Image Storage (PS3.4 B.5): a file is a level of a slide, and its frames are tiles."""

# PS3.6; private tags are named with their vendor, the block of the creator left out (xx0C is 0x..0C).
_WANTED: Final[dict[str, tuple[int, str]]] = {
    "SpecificCharacterSet": (0x00080005, "CS"),
    "ImageType": (0x00080008, "CS"),
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "AcquisitionDate": (0x00080022, "DA"),
    "AcquisitionDateTime": (0x0008002A, "DT"),
    "AcquisitionTime": (0x00080032, "TM"),
    "ContentTime": (0x00080033, "TM"),
    "Modality": (0x00080060, "CS"),
    "Manufacturer": (0x00080070, "LO"),
    "SeriesDescription": (0x0008103E, "LO"),
    "ComplexImageComponent": (0x00089208, "CS"),
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "PatientBirthDate": (0x00100030, "DA"),
    "SliceThickness": (0x00180050, "DS"),
    "RepetitionTime": (0x00180080, "DS"),
    "EchoTime": (0x00180081, "DS"),
    "InversionTime": (0x00180082, "DS"),
    "EchoNumbers": (0x00180086, "IS"),
    "SpacingBetweenSlices": (0x00180088, "DS"),
    "SoftwareVersions": (0x00181020, "LO"),
    "ProtocolName": (0x00181030, "LO"),
    "TriggerTime": (0x00181060, "DS"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "FlipAngle": (0x00181314, "DS"),
    "NominalCardiacTriggerDelayTime": (0x00189153, "FD"),
    "EffectiveEchoTime": (0x00189082, "FD"),
    "DiffusionBValue": (0x00189087, "FD"),
    "DiffusionGradientOrientation": (0x00189089, "FD"),
    "DiffusionDirectionality": (0x00189075, "CS"),
    "InversionTimes": (0x00189079, "FD"),
    "AcquisitionMatrix": (0x00181310, "US"),
    "InPlanePhaseEncodingDirection": (0x00181312, "CS"),
    "DiffusionGradientDirectionSequence": (0x00189076, "SQ"),
    "MREchoSequence": (0x00189114, "SQ"),
    "MRModifierSequence": (0x00189115, "SQ"),
    "MRDiffusionSequence": (0x00189117, "SQ"),
    "CardiacSynchronizationSequence": (0x00189118, "SQ"),
    "MRImageFrameTypeSequence": (0x00189226, "SQ"),
    "CTImageFrameTypeSequence": (0x00189329, "SQ"),
    "FrameType": (0x00089007, "CS"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "SeriesNumber": (0x00200011, "IS"),
    "AcquisitionNumber": (0x00200012, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "TemporalPositionIdentifier": (0x00200100, "IS"),
    "StackID": (0x00209056, "SH"),
    "ImageComments": (0x00204000, "LT"),
    "PlanePositionSequence": (0x00209113, "SQ"),
    "PlaneOrientationSequence": (0x00209116, "SQ"),
    "FrameContentSequence": (0x00209111, "SQ"),
    "TemporalPositionIndex": (0x00209128, "UL"),
    "FrameAcquisitionNumber": (0x00209156, "US"),
    "DimensionIndexValues": (0x00209157, "UL"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "US"),
    "PixelPaddingRangeLimit": (0x00280121, "US"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "RescaleType": (0x00281054, "LO"),
    "RedPaletteDescriptor": (0x00281101, "US"),
    "GreenPaletteDescriptor": (0x00281102, "US"),
    "BluePaletteDescriptor": (0x00281103, "US"),
    "RedPalette": (0x00281201, "OW"),
    "GreenPalette": (0x00281202, "OW"),
    "BluePalette": (0x00281203, "OW"),
    "PixelMeasuresSequence": (0x00289110, "SQ"),
    "PixelValueTransformationSequence": (0x00289145, "SQ"),
    "RealWorldValueMappingSequence": (0x00409096, "SQ"),
    "RealWorldValueIntercept": (0x00409224, "FD"),
    "RealWorldValueSlope": (0x00409225, "FD"),
    "TotalPixelMatrixColumns": (0x00480006, "UL"),
    "GridFrameOffsetVector": (0x3004000C, "DS"),
    "DoseGridScaling": (0x3004000E, "DS"),
    "DetectorInformationSequence": (0x00540022, "SQ"),
    "SharedFunctionalGroupsSequence": (0x52009229, "SQ"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "SQ"),
    "SiemensSlicesInMosaic": (0x0019000A, "US"),
    "SiemensBValue": (0x0019000C, "IS"),
    "SiemensGradient": (0x0019000E, "FD"),
    "SiemensSliceTimes": (0x00190029, "FD"),
    "GEBValue": (0x00430039, "IS"),
    "GEImageKind": (0x0043002F, "SS"),
    "GEGradientX": (0x001900BB, "DS"),
    "GEGradientY": (0x001900BC, "DS"),
    "GEGradientZ": (0x001900BD, "DS"),
    "PhilipsBValue": (0x20010003, "FL"),
    "PhilipsDirectionality": (0x20010004, "CS"),
    "PhilipsImageKind": (0x20050011, "CS"),
    "PhilipsScaleSlope": (0x2005000E, "FL"),
    "PhilipsPhase": (0x20010008, "IS"),
    "PhilipsFrameSequence": (0x20050F0F, "SQ"),
    "PhilipsBValueNumber": (0x20050F12, "IS"),
    "PhilipsGradientNumber": (0x20050F13, "IS"),
    "PhilipsLabelled": (0x20050F29, "CS"),
    "PhilipsDiffusionOrder": (0x20051F96, "IS"),
    "PhilipsGradientX": (0x200500B0, "FL"),
    "PhilipsGradientY": (0x200500B1, "FL"),
    "PhilipsGradientZ": (0x200500B2, "FL"),
    "UIHBValue": (0x00650009, "FD"),
    "UIHGradient": (0x00650037, "FD"),
    "UIHSlicesInGrid": (0x00650050, "DS"),
    "UIHFrameSequence": (0x00650051, "SQ"),
}
_HEAVY: Final[dict[str, tuple[int, str]]] = {
    "SiemensCSAImage": (0x00290010, "OB"),
    "SiemensCSASeries": (0x00290020, "OB"),
}
_DRAWN: Final[dict[str, tuple[int, str]]] = {
    "ReferencedSeriesSequence": (0x00081115, "SQ"),
    "SegmentationType": (0x00620001, "CS"),
    "SegmentSequence": (0x00620002, "SQ"),
    "SegmentNumber": (0x00620004, "US"),
    "SegmentLabel": (0x00620005, "LO"),
    "SegmentIdentificationSequence": (0x0062000A, "SQ"),
    "ReferencedSegmentNumber": (0x0062000B, "US"),
    "RecommendedDisplayCIELabValue": (0x0062000D, "US"),
    "MaximumFractionalValue": (0x0062000E, "US"),
    "ReferencedFrameOfReferenceSequence": (0x30060010, "SQ"),
    "RTReferencedStudySequence": (0x30060012, "SQ"),
    "RTReferencedSeriesSequence": (0x30060014, "SQ"),
    "StructureSetROISequence": (0x30060020, "SQ"),
    "ROINumber": (0x30060022, "IS"),
    "ROIName": (0x30060026, "LO"),
    "ROIDisplayColor": (0x3006002A, "IS"),
    "ROIContourSequence": (0x30060039, "SQ"),
    "ContourSequence": (0x30060040, "SQ"),
    "ContourGeometricType": (0x30060042, "CS"),
    "ContourData": (0x30060050, "DS"),
    "ReferencedROINumber": (0x30060084, "IS"),
}
_FACTS: Final[dict[str, tuple[int, str]]] = {
    "ManufacturerModelName": (0x00081090, "LO"),
    "MRAcquisitionType": (0x00180023, "CS"),
    "KVP": (0x00180060, "DS"),
    "MagneticFieldStrength": (0x00180087, "DS"),
    "PixelBandwidth": (0x00180095, "DS"),
    "MRImagingModifierSequence": (0x00189006, "SQ"),
    "MRTimingAndRelatedParametersSequence": (0x00189112, "SQ"),
}
_ALL: Final = {**_WANTED, **_HEAVY, **_DRAWN, **_FACTS}

TAG: Final[dict[str, int]] = {name: tag for name, (tag, _) in _ALL.items()}
"""Tag by keyword; of a private one the block is left out, (0019,100A) is 0x0019000A."""

VR: Final[dict[int, str]] = dict(_ALL.values())
"""How the value of a tag is stored where the file does not say."""

SERIES_TAGS: Final[frozenset[int]] = frozenset(tag for tag, _ in _WANTED.values())
"""What :func:`sagittal.io.dicom.header.read_header` keeps when nothing else is asked."""

DRAWN_TAGS: Final[frozenset[int]] = SERIES_TAGS | {tag for tag, _ in _DRAWN.values()}
"""What segmentations and structure sets are read by."""

FACT_TAGS: Final[frozenset[int]] = SERIES_TAGS | {tag for tag, _ in _FACTS.values()}
"""How a volume was measured."""

CSA_TAGS: Final[frozenset[int]] = frozenset(tag for tag, _ in _HEAVY.values())
"""Siemens' headers of their own: large, and only needed once a series of mosaics."""

# The creators whose private tags are read; PS3.5 7.8.1 lets the block vary. Where two creators of a group have the same
# elements, the second one's are told apart by the byte that the block would take.
CREATORS: Final[dict[int, dict[bytes, int]]] = {
    0x0019: {b"SIEMENS MR HEADER": 0, b"GEMS_ACQU_01": 0},
    0x0029: {b"SIEMENS CSA HEADER": 0},
    0x0043: {b"GEMS_PARM_01": 0},
    0x2001: {b"Philips Imaging DD 001": 0},
    0x2005: {b"Philips MR Imaging DD 001": 0, b"Philips MR Imaging DD 005": 0x0F, b"Philips MR Imaging DD 006": 0x1F},
    0x0065: {b"Image Private Header": 0},
}

LONG_VRS: Final = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
"""Those whose length takes four bytes after two empty ones, where the VR is written (PS3.5 7.1.2)."""
