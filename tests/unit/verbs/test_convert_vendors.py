"""Series of five vendors as files: repeats in one 4-D volume, b-values and directions beside it, what the scanner did in the JSON."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sagittal.errors import Partial
from sagittal.verbs.convert import convert

_MAKERS = Path(__file__).parents[1] / "io" / "dicom" / "_vendors.py"


@pytest.fixture(scope="module")
def vendors():
    if "dicom_vendors" not in sys.modules:
        spec = importlib.util.spec_from_file_location("dicom_vendors", _MAKERS)
        sys.modules["dicom_vendors"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["dicom_vendors"])
    return sys.modules["dicom_vendors"]


def converted(vendors, folder: Path, name: str, **options):
    made = convert([vendors.written(name, folder / "in")], out=folder / "out", **options)
    return made, [nibabel.load(folder / "out" / r["file"]) for r in made.facts["volumes"]]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("siemens_mosaic_bold", [(12, 8, 7, 5)]),
        ("siemens_mosaic_phase", [(12, 8, 5, 2)] * 2),
        ("siemens_cine", [(14, 10, 3, 4)]),
        ("siemens_xa_diffusion", [(14, 10, 4, 4)]),
        ("ge_multi_echo", [(14, 10, 4)] * 3),
        ("ge_diffusion", [(14, 10, 4, 5)]),
        ("philips_echoes_and_phase", [(14, 10, 3)] * 4),
        ("philips_enhanced_without_temporal_position", [(14, 10, 4, 3)]),
        ("canon_enhanced_bold", [(14, 10, 4, 3)]),
        ("uih_grid_diffusion", [(12, 8, 5, 3)]),
    ],
)
def test_repeats_go_into_one_file_and_other_measurements_do_not(vendors, tmp_path, name, shapes):
    _, images = converted(vendors, tmp_path, name, time="together")
    assert [i.shape for i in images] == shapes
    for image in (i for i in images if len(i.shape) == 4):
        first = np.asanyarray(image.dataobj)[0, 0, 0]
        assert (np.diff(first.astype(float)) > 0).all()  # in the order in which they were measured


def test_an_unfinished_volume_does_not_take_the_others_with_it(vendors, tmp_path):
    made, images = converted(vendors, tmp_path, "philips_unfinished_dynamics", time="together")
    assert [i.shape for i in images] == [(14, 10, 3, 3)] and len(made.failed) == 1
    assert "SERIES_GAP" in (tmp_path / "out" / "failed.csv").read_text()
    with pytest.raises(Partial):
        made.raise_for_exit()


def test_a_volume_with_a_hole_does_not_take_the_others_with_it(vendors, tmp_path):
    made = vendors.MAKERS["ge_bold"]()
    for n, d in enumerate(d for d in made if (d.TemporalPositionIdentifier, d.InstanceNumber) != (2, 8)):
        vendors.objects.saved(d, tmp_path / "in" / f"{n}.dcm")
    done = convert([tmp_path / "in"], out=tmp_path / "out", time="together")
    assert [r["time_points"] for r in done.facts["volumes"]] == [2] and len(done.failed) == 1


@pytest.mark.parametrize("name", ["siemens_mosaic_diffusion", "philips_diffusion", "toshiba_diffusion", "uih_grid_diffusion"])
def test_directions_of_diffusion_are_those_of_the_patient(vendors, tmp_path, name):
    made, [image] = converted(vendors, tmp_path, name, time="together")
    stem = tmp_path / "out" / made.facts["volumes"][0]["file"].removesuffix(".nii.gz")
    b, vectors = np.loadtxt(f"{stem}.bval"), np.loadtxt(f"{stem}.bvec").T
    wanted = {
        "siemens_mosaic_diffusion": ([0, 1000, 1000, 0, 1000, 2000], [None, 0, 1, None, 2, 0]),
        "philips_diffusion": ([0, 800, 800, 800], [None, 0, 1, 2]),
        "toshiba_diffusion": ([0, 1500, 1500], [None, 0, 1]),
        "uih_grid_diffusion": ([0, 999.5, 1000.2], [None, 0, 1]),
    }[name]
    assert np.allclose(b, wanted[0])
    # FSL: along the axes of the voxels, the first turned round where they are right-handed
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    turn = [-1, 1, 1] if np.linalg.det(axes) > 0 else [1, 1, 1]
    for vector, number in zip(vectors, wanted[1], strict=True):
        told = np.zeros(3) if number is None else np.array(vendors.DIRECTIONS[number]) * [-1, -1, 1]
        assert np.allclose(axes @ (vector * turn), told, atol=2e-6)


# freq 0.48, phase 0.6, slice 0.64, phase along the columns: what dcm2niix 1.0.20260724 gives, in the world
@pytest.mark.parametrize(
    ("plane", "encoding", "world"),
    [
        ("AXIAL", "COL", (0.48, 0.6, 0.64)),
        ("AXIAL", "ROW", (0.6, -0.48, 0.64)),
        ("CORONAL", "COL", (0.48, -0.64, -0.6)),
        ("SAGITTAL", "COL", (-0.64, -0.48, -0.6)),
    ],
)
@pytest.mark.parametrize("maker", ["GE", "CANON"])
def test_directions_told_in_frequency_and_phase(vendors, tmp_path, plane, encoding, world, maker):
    objects, directions = vendors.objects, getattr(vendors, plane)
    for t, b in enumerate((0, 1000)):
        for k in range(3):
            if maker == "GE":
                d = vendors.ge(3 * t + k, k, 3, directions=directions)
                vendors.element(d, 0x0043, "GEMS_PARM_01", 0x39, "IS", [b, 8, 0, 0])
                for number, part in zip((0xBB, 0xBC, 0xBD), (0.48, 0.6, 0.64), strict=True):
                    vendors.element(d, 0x0019, "GEMS_ACQU_01", number, "DS", part if b else 0.0)
            else:
                d = vendors.a_slice("CANON_MEC", 3 * t + k, k, directions=directions)
                if b:
                    d.ImageComments = f"b={b}(0.600,0.480,0.640)"
            d.InPlanePhaseEncodingDirection = encoding
            objects.saved(d, tmp_path / "in" / f"{t}{k}.dcm")
    made = convert([tmp_path / "in"], out=tmp_path / "out", time="together")
    name = made.facts["volumes"][0]["file"].removesuffix(".nii.gz")
    axes = nibabel.load(tmp_path / "out" / f"{name}.nii.gz").affine[:3, :3]
    axes /= np.linalg.norm(axes, axis=0)
    vector = np.loadtxt(tmp_path / "out" / f"{name}.bvec")[:, 1] * ([-1, 1, 1] if np.linalg.det(axes) > 0 else [1, 1, 1])
    assert np.allclose(axes @ vector, world, atol=1e-5)


def test_what_the_scanner_did_stands_in_the_json(vendors, tmp_path):
    made, _ = converted(vendors, tmp_path, "philips_dynamics")
    record = json.loads((tmp_path / "out" / made.facts["volumes"][0]["file"].replace(".nii.gz", ".json")).read_text())
    assert record["scanner"] == {
        "Manufacturer": "Philips Medical Systems",
        "ManufacturersModelName": "Achieva",
        "MRAcquisitionType": "2D",
        "EchoTime": 0.03,
        "RepetitionTime": 2.0,
        "FlipAngle": 77.0,
        "MagneticFieldStrength": 3.0,
        "SliceThickness": 4.0,
        "SpacingBetweenSlices": 4.4,
        "ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"],
        "PhaseEncodingAxis": "j",
        "PhilipsRescaleSlope": 2.5,
        "PhilipsRescaleIntercept": 0.0,
        "PhilipsScaleSlope": pytest.approx(0.0125, rel=1e-6),
    }
    assert "4711" not in json.dumps(record) and "20200101" not in json.dumps(record)


def test_the_two_scales_of_philips(vendors, tmp_path):
    told, [standard, *_] = converted(vendors, tmp_path / "a", "philips_dynamics", scaling="standard")
    assert convention_of(told, tmp_path / "a") == "standard"
    told, [precise, *_] = converted(vendors, tmp_path / "b", "philips_dynamics")
    assert convention_of(told, tmp_path / "b") == "precise"
    assert np.allclose(precise.get_fdata() * (2.5 * 0.0125), standard.get_fdata(), rtol=1e-6)


def test_others_than_philips_keep_the_scale_of_the_standard(vendors, tmp_path):
    told, _ = converted(vendors, tmp_path, "ge_bold")
    assert convention_of(told, tmp_path) == "standard"


def convention_of(made, folder: Path) -> str:
    record = folder / "out" / made.facts["volumes"][0]["file"].replace(".nii.gz", ".json")
    return json.loads(record.read_text())["convention"]["scaling"]


def test_padding_is_kept_as_it_is_stored(vendors, tmp_path):
    _, [image] = converted(vendors, tmp_path, "ct_plain")
    assert np.asanyarray(image.dataobj)[2, -1, 0] == 3 - 1024  # the padding value, as any other
