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


def test_of_several_dimensions_the_first_runs_fastest(vendors, tmp_path):
    # marked blood of Philips: stack, place, repeat, phase, marking; b-values and directions are numbered so, too
    frames = [
        {"position": vendors.philips_along(k), "k": k, "time": r, "index": (r, p, c), "type": ["ASL", "NONE"]}
        for r in (1, 2, 3)
        for p in (1, 2)
        for c in (1, 2)
        for k in range(3)
    ]
    [image] = of_series(vendors, tmp_path, [vendors.philips_enhanced(frames)], time="together")
    told = np.asarray(image.dataobj)[0, -1, 0]
    numbers = [12 * (r - 1) + 6 * (p - 1) + 3 * (c - 1) for c in (1, 2) for p in (1, 2) for r in (1, 2, 3)]
    wanted = np.array([float(vendors.values(n)[0, 0] % 4096) for n in numbers])
    assert image.shape == (14, 10, 3, 12) and np.allclose(told / told[0], wanted / wanted[0], rtol=1e-4)


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


@pytest.mark.parametrize("name", ["siemens_mosaic_diffusion", "philips_diffusion", "toshiba_diffusion"])
def test_directions_of_diffusion_are_those_of_the_patient(vendors, tmp_path, name):
    made, [image] = converted(vendors, tmp_path, name, time="together")
    stem = tmp_path / "out" / made.facts["volumes"][0]["file"].removesuffix(".nii.gz")
    b, vectors = np.loadtxt(f"{stem}.bval"), np.loadtxt(f"{stem}.bvec").T
    wanted = {
        "siemens_mosaic_diffusion": ([0, 1000, 1000, 0, 1000, 2000], [None, 0, 1, None, 2, 0]),
        "philips_diffusion": ([0, 800, 800, 800], [None, 0, 1, 2]),
        "toshiba_diffusion": ([0, 1500, 1500], [None, 0, 1]),
    }[name]
    assert np.allclose(b, wanted[0])
    # FSL: along the axes of the voxels, the first turned round where they are right-handed
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    turn = [-1, 1, 1] if np.linalg.det(axes) > 0 else [1, 1, 1]
    for vector, number in zip(vectors, wanted[1], strict=True):
        told = np.zeros(3) if number is None else np.array(vendors.DIRECTIONS[number]) * [-1, -1, 1]
        assert np.allclose(axes @ (vector * turn), told, atol=2e-6)


def test_directions_of_united_imaging_are_those_of_the_picture(vendors, tmp_path):
    made = vendors.MAKERS["uih_grid_diffusion"]()
    for n, d in enumerate(made):
        d.DiffusionBValue, d.DiffusionGradientOrientation = 7.0, [0.0, 0.0, 1.0]  # the standard's tags are not believed
        vendors.objects.saved(d, tmp_path / "in" / f"{n}.dcm")
    done = convert([tmp_path / "in"], out=tmp_path / "out", time="together")
    stem = tmp_path / "out" / done.facts["volumes"][0]["file"].removesuffix(".nii.gz")
    assert np.allclose(np.loadtxt(f"{stem}.bval"), [0, 999.5, 1000.2])
    # rows are written from the lowest up, so the second axis of the picture turns round
    assert np.allclose(np.loadtxt(f"{stem}.bvec").T, [[0, 0, 0], [1, 0, 0], [0, -1, 0]])


def of_series(vendors, folder: Path, made, **options) -> list[nibabel.Nifti1Image]:
    for n, d in enumerate(made):
        vendors.objects.saved(d, folder / "in" / f"{n}.dcm")
    done = convert([folder / "in"], out=folder / "out", **options)
    return [nibabel.load(folder / "out" / r["file"]) for r in done.facts["volumes"]]


def test_rows_are_written_from_the_lowest_up_and_lie_where_they_lay(vendors, tmp_path):
    for plane in ("AXIAL", "CORONAL", "SAGITTAL"):
        made = [vendors.a_slice("SIEMENS", 3 - k, k, directions=getattr(vendors, plane)) for k in range(4)]
        [image] = of_series(vendors, tmp_path / plane, made)
        assert np.linalg.det(image.affine[:3, :3]) < 0
        assert np.array_equal(np.asanyarray(image.dataobj)[:, ::-1, 2], made[2].pixel_array.T)
        lowest = np.array(made[2].ImagePositionPatient) + np.array(made[2].ImageOrientationPatient[3:]) * 2.0 * (vendors.ROWS - 1)
        assert np.allclose((image.affine @ [0, 0, 2, 1])[:3], lowest * [-1, -1, 1], atol=1e-4)


@pytest.mark.parametrize("enhanced", [False, True])
def test_a_mean_over_directions_is_no_direction(vendors, tmp_path, enhanced):
    table = [
        (800.0, (1.0, 0.0, 0.0), "DIRECTIONAL"),
        (800.0, (0.0, 1.0, 0.0), "DIRECTIONAL"),
        (0.0, None, "NONE"),
        (800.0, None, "ISOTROPIC"),
    ]
    frames = [
        {"position": vendors.philips_along(k), "k": k, "b": b, "v": v, "kind": kind, "index": (n + 1,), "type": ["M", "NONE"]}
        for n, (b, v, kind) in enumerate(table)
        for k in range(3)
    ]
    if enhanced:
        made = [vendors.philips_enhanced(frames)]
        places = [item.MRDiffusionSequence[0] for item in made[0].PerFrameFunctionalGroupsSequence]
    else:
        made = places = [vendors.philips(n, f["k"], 3) for n, f in enumerate(frames)]
    for place, frame in zip(places, frames, strict=True):
        told = place
        if enhanced and frame["v"]:
            told = vendors.Dataset()
            place.DiffusionGradientDirectionSequence = vendors.Sequence([told])
        place.DiffusionBValue, place.DiffusionDirectionality = frame["b"], frame["kind"]
        if frame["v"] or not enhanced:
            told.DiffusionGradientOrientation = list(frame["v"] or (0.0, 0.0, 0.0))
    images = of_series(vendors, tmp_path, made, time="together")
    assert sorted(i.shape for i in images) == [(14, 10, 3), (14, 10, 3, 3)]
    [b] = (tmp_path / "out").glob("*.bval")
    assert b.read_text().split() == ["800", "800", "0"]


def test_slices_with_slopes_of_their_own_keep_the_scale_of_the_standard(vendors, tmp_path):
    made = [vendors.philips(3 * t + k, k, 3, slope=2.5 + t, TemporalPositionIdentifier=t + 1) for t in range(2) for k in range(3)]
    images = of_series(vendors, tmp_path, made)
    for t, image in enumerate(images):
        wanted = np.stack([vendors.values(3 * t + k).T * (2.5 + t) for k in range(3)], axis=-1)
        assert np.array_equal(np.asanyarray(image.dataobj)[:, ::-1], wanted.astype(np.float32))


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize(("maker", "wanted"), [("Philips Medical Systems", 0.25), ("GE MEDICAL SYSTEMS", None)])
def test_philips_without_a_slope_takes_that_of_the_real_world(vendors, tmp_path, enhanced, maker, wanted):
    world = vendors.Dataset()
    world.RealWorldValueSlope, world.RealWorldValueIntercept = 0.25, 5.0
    if enhanced:
        made = [vendors.philips_enhanced([{"position": vendors.philips_along(k), "k": k, "type": ["M", "NONE"]} for k in range(3)])]
        places = made[0].PerFrameFunctionalGroupsSequence
    else:
        made = places = [vendors.a_slice(maker, k, k) for k in range(3)]
    for place in places:
        place.RealWorldValueMappingSequence = vendors.Sequence([world])
        if enhanced:
            del place.PixelValueTransformationSequence, place[0x2005140F]
    for d in made:
        d.Manufacturer = maker
    [image] = of_series(vendors, tmp_path, made)
    stored = np.stack([vendors.values(k).T for k in range(3)], axis=-1)
    assert np.array_equal(np.asanyarray(image.dataobj)[:, ::-1], stored if wanted is None else stored * 0.25 + 5)


@pytest.mark.parametrize(("moved", "told"), [(0.01, None), (0.7, 1.4), (15.0, None)])
def test_a_grid_that_follows_the_head_is_one_series(vendors, tmp_path, moved, told):
    made = [vendors.mosaic(n, 7) for n in range(3)]
    for n, d in enumerate(made):
        d.ImagePositionPatient = [float(p) + moved * n for p in d.ImagePositionPatient]
    images = of_series(vendors, tmp_path, made, time="together")
    assert sorted(i.shape for i in images) == ([(12, 8, 7), (12, 8, 7, 2)] if moved > 10 else [(12, 8, 7, 3)])
    records = [json.loads(p.read_text()) for p in (tmp_path / "out").glob("*.json")]
    assert told is None or [r["convention"].get("moved_mm") for r in records] == [told]


def test_places_that_are_rounded_anew_in_every_volume_are_one_series(vendors, tmp_path):
    rng, made = np.random.default_rng(1), []
    for t in range(3):
        for k in range(5):
            made.append(vendors.ge(5 * t + k, k, 5, directions=vendors.turned(20.0), TemporalPositionIdentifier=t + 1))
            made[-1].ImagePositionPatient = [round(float(p) + rng.uniform(-0.01, 0.01), 4) for p in made[-1].ImagePositionPatient]
    [image] = of_series(vendors, tmp_path, made, time="together")
    assert image.shape == (14, 10, 5, 3)


@pytest.mark.parametrize(("thickness", "between", "wanted"), [(5, 4, 4), (4, 5, 5), (4, None, 4), (4, -5, 4), (None, None, 1)])
def test_a_slice_alone_is_as_thick_as_the_way_to_the_next(vendors, tmp_path, thickness, between, wanted):
    d = vendors.a_slice("GE MEDICAL SYSTEMS", 0, 0, SliceThickness=thickness, SpacingBetweenSlices=between)
    [image] = of_series(vendors, tmp_path, [d])
    assert np.isclose(image.affine[2, 2], wanted)


@pytest.mark.parametrize("frames", [1, 4])
def test_pictures_without_a_place_lie_around_the_origin(vendors, tmp_path, frames):
    pixels = np.stack([vendors.values(k) for k in range(frames)])
    d = vendors.objects.blank(pixels if frames > 1 else pixels[0], modality="NM")
    d.PixelSpacing = [2.0, 3.0]
    [image] = of_series(vendors, tmp_path, [d])
    assert np.array_equal(np.asanyarray(image.dataobj)[:, ::-1], pixels.transpose(2, 1, 0))
    wanted = np.diag([-3.0, 2.0, 1.0, 1.0])
    wanted[:3, 3] = [3 * 6.5, -2 * 4.5, -(frames - 1) / 2]
    assert np.allclose(image.affine, wanted)


def test_maps_in_colour_are_colours(vendors, tmp_path):
    made, colours = [], np.arange(3 * 10 * 14 * 3, dtype=np.uint8).reshape(3, 10, 14, 3)
    for k in range(3):
        d = vendors.a_slice("SIEMENS", k, k, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "FA"])
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "RGB", 0
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelData = 8, 8, 7, colours[k].tobytes()
        d["PixelData"].VR = "OB"
        made.append(d)
    [image] = of_series(vendors, tmp_path, made)
    assert image.shape == (14, 10, 3)
    values = np.asanyarray(image.dataobj)
    assert np.array_equal(np.stack([values[c] for c in "RGB"], axis=-1)[:, ::-1], colours.transpose(2, 1, 0, 3))


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
