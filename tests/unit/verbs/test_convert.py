"""Every volume that is found is written with its values and its place exact, and with nobody's name on it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from sagittal import cli, io
from sagittal.core import Geometry, Image
from sagittal.errors import Partial, Refused, SagittalError, UsageError
from sagittal.verbs.convert import convert
from sagittal.verbs.show import show

SECRETS = ("Doe", "John", "ID4711", "19631231", "HOSP1", "Knee by", "Miller")
ROWS, COLUMNS, SLICES = 6, 8, 5


def series(folder: Path, *, number=1, modality="CT", slope=1.0, intercept=-1024.0, seed=0, slices=range(SLICES), **tags) -> np.ndarray:
    """Writes one; gives its values in index order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 2000, (SLICES, ROWS, COLUMNS)).astype(np.int16)
    uid = tags.pop("uid", None) or generate_uid()
    for k in slices:
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.StudyInstanceUID = uid, "1.2.3"
        data.PatientName, data.PatientID, data.PatientBirthDate, data.InstitutionName = "Doe^John", "ID4711", "19631231", "HOSP1"
        data.SeriesDescription, data.Modality, data.SeriesNumber, data.InstanceNumber = "Knee by Dr Miller", modality, number, k
        data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient, data.PixelSpacing = [-10, 5, 2.5 * k], [0.5, 0.75]
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        for name, value in tags.items():
            setattr(data, name, value)
        data.PixelData = stored[k].tobytes()
        data["PixelData"].VR = "OW"
        data.save_as(folder / f"{modality}-{number}-{k}-{generate_uid()[-6:]}.dcm", enforce_file_format=True)
    return stored.transpose(2, 1, 0) * slope + intercept


def loaded(path: Path) -> tuple[np.ndarray, nibabel.Nifti1Image]:
    image = nibabel.load(path)
    return np.asanyarray(image.dataobj), image


def top_down(path: Path) -> np.ndarray:
    """Values in the order of DICOM: files hold the rows of a picture from the lowest to the highest."""
    return loaded(path)[0][:, ::-1]


def test_values_place_and_name(tmp_path):
    wanted = series(tmp_path / "in")
    made = convert([tmp_path / "in"], out=tmp_path / "out")
    values, image = loaded(tmp_path / "out" / "001_CT_8x6x5.nii.gz")
    assert values.dtype == np.int16
    assert np.array_equal(values[:, ::-1], wanted)
    source = io.read(tmp_path / "in").geometry
    assert np.allclose(image.affine @ [1, 5, 2, 1], source.affine @ [1, 0, 2, 1], atol=1e-6)
    assert np.allclose(image.affine, [[-0.75, 0, 0, 10], [0, 0.5, 0, -7.5], [0, 0, 2.5, 0], [0, 0, 0, 1]])
    assert made.facts["n"] == 1
    assert made.failed == []


def test_nobody_is_named(tmp_path, capsys):
    series(tmp_path / "in" / "ct")
    series(tmp_path / "in" / "mr", number=2, modality="MR", slices=[0, 1, 3, 4])
    made = convert([tmp_path / "in"], out=tmp_path / "out")
    said = capsys.readouterr()
    told = [said.out, said.err, *made.lines(), json.dumps(made.record())]
    for file in (tmp_path / "out").iterdir():
        told += [file.name, io_text(file)]
    for secret in SECRETS:
        assert not any(secret.lower() in text.lower() for text in told), secret


def io_text(path: Path) -> str:
    import gzip

    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.decode("latin-1")


def test_descriptions_are_written_when_asked_for(tmp_path):
    series(tmp_path / "in")
    convert([tmp_path / "in"], out=tmp_path / "out", describe=True)
    [file] = (tmp_path / "out").glob("*.json")
    assert file.name == "001_CT_8x6x5_Knee-by-Dr-Miller.json"
    assert json.loads(file.read_text())["description"] == "Knee by Dr Miller"


def test_the_json_says_what_it_is(tmp_path):
    series(tmp_path / "in", modality="MR", slope=1.0, intercept=0.0, EchoTime=4.25)
    convert([tmp_path / "in"], out=tmp_path / "out")
    record = json.loads((tmp_path / "out" / "001_MR_8x6x5.json").read_text())
    assert (record["format"], record["version"]) == ("sagittal-conversion", 1)
    assert (record["modality"], record["slices"], record["orientation"], record["echo_time_ms"]) == ("MR", 5, "LAS", 4.25)
    assert record["spacing"] == [0.75, 0.5, 2.5]
    assert record["findings"] == []
    assert len(record["source_sha256"]) == 64
    assert "description" not in record


def test_a_fractional_slope_gives_floats(tmp_path):
    wanted = series(tmp_path / "in", modality="PT", slope=0.37, intercept=0.0)
    convert([tmp_path / "in"], out=tmp_path / "out")
    values, _ = loaded(tmp_path / "out" / "001_PT_8x6x5.nii.gz")
    assert values.dtype == np.float32
    assert np.array_equal(values[:, ::-1], wanted.astype(np.float32))


def test_numbers_that_int16_cannot_hold_are_floats(tmp_path):
    wanted = series(tmp_path / "in", slope=40.0, intercept=0.0)
    convert([tmp_path / "in"], out=tmp_path / "out")
    values, _ = loaded(tmp_path / "out" / "001_CT_8x6x5.nii.gz")
    assert values.dtype == np.float32
    assert np.array_equal(values[:, ::-1], wanted)


def test_two_echoes_are_two_files(tmp_path):
    uid = generate_uid()
    first = series(tmp_path / "in", modality="MR", uid=uid, seed=1, EchoTime=5.0)
    second = series(tmp_path / "in", modality="MR", uid=uid, seed=2, EchoTime=10.0)
    made = convert([tmp_path / "in"], out=tmp_path / "out", time="together")
    assert [r["echo_time_ms"] for r in made.facts["volumes"]] == [5.0, 10.0]
    for record, wanted in zip(made.facts["volumes"], (first, second), strict=True):
        assert np.array_equal(top_down(tmp_path / "out" / record["file"]), wanted)


def test_time_points_apart_or_together(tmp_path):
    uid = generate_uid()
    wanted = [series(tmp_path / "in", modality="MR", uid=uid, seed=t, TemporalPositionIdentifier=t + 1) for t in range(3)]
    apart = convert([tmp_path / "in"], out=tmp_path / "apart")
    assert apart.facts["n"] == 3
    together = convert([tmp_path / "in"], out=tmp_path / "together", time="together")
    [record] = together.facts["volumes"]
    values, image = loaded(tmp_path / "together" / record["file"])
    assert record["file"] == "001_MR_8x6x5x3.nii.gz"
    assert image.shape == (8, 6, 5, 3)
    assert np.array_equal(values[:, ::-1], np.stack(wanted, axis=3))
    assert record["temporal_position"] == [1.0, 2.0, 3.0]


def test_a_series_that_fails_is_listed_and_the_rest_goes_on(tmp_path):
    good = series(tmp_path / "in" / "a", number=1)
    series(tmp_path / "in" / "b", number=2, slices=[0, 1, 2, 4])
    series(tmp_path / "in" / "c", number=3)
    cut = sorted((tmp_path / "in" / "c").iterdir())[2]
    cut.write_bytes(cut.read_bytes()[:-20])
    made = convert([tmp_path / "in", tmp_path / "missing"], out=tmp_path / "out")
    assert np.array_equal(top_down(tmp_path / "out" / "001_CT_8x6x5.nii.gz"), good)
    listed = (tmp_path / "out" / "failed.csv").read_text()
    assert "SERIES_GAP" in listed
    assert "TRUNCATED" in listed
    assert "NOT_FOUND" in listed
    assert len(made.failed) == 3
    assert made.record()["exit"] == 11
    with pytest.raises(Partial):
        made.raise_for_exit()


def test_a_gap_may_be_let_through(tmp_path):
    series(tmp_path / "in", slices=[0, 1, 2, 4])
    with pytest.raises(Refused) as caught:
        convert([tmp_path / "in"], out=tmp_path / "out")
    assert (caught.value.code, caught.value.exit_code) == ("SERIES_GAP", 4)
    made = convert([tmp_path / "in"], out=tmp_path / "out", allow=["SERIES_GAP"])
    [record] = made.facts["volumes"]
    assert record["findings"] == [{"code": "SERIES_GAP", "allowed": True}]
    assert record["convention"]["missing"] == (3,)
    assert (loaded(tmp_path / "out" / record["file"])[0][..., 3] == -1024).all()


def test_volumes_of_other_formats(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    grid = Geometry(shape=(4, 5, 6), affine=np.diag([-2.0, 1.0, 3.0, 1.0]), unit="mm", frame="patient")
    values = np.arange(120, dtype=np.uint8).reshape(1, 4, 5, 6)
    for name in ("John.nii", "John.mha"):
        io.write(Image.of(values, grid), folder / name)
    np.save(folder / "John.npy", values[0].astype(np.float64))
    nibabel.save(nibabel.Nifti1Image(np.stack([values[0], values[0] + 1], 3), np.eye(4)), folder / "John4d.nii.gz")
    made = convert([folder], out=tmp_path / "out")
    assert made.failed == []
    assert len(made.facts["volumes"]) == 4
    for record in made.facts["volumes"]:
        assert "John" not in record["file"]
        got, image = loaded(tmp_path / "out" / record["file"])
        if len(record["shape"]) == 3 and image.ndim == 3:
            assert np.array_equal(got, values[0])
        if record["source"].endswith(("John.nii", ".mha")):
            assert np.allclose(image.affine, grid.affine)
            assert got.dtype == np.uint8
        if "4d" in record["source"]:
            assert np.array_equal(got, np.stack([values[0], values[0] + 1], 3))


def test_other_formats_to_write(tmp_path):
    wanted = series(tmp_path / "in")
    for to, suffix in (("nrrd", ".nrrd"), ("mha", ".mha")):
        made = convert([tmp_path / "in"], out=tmp_path / to, to=to)
        back = io.read(tmp_path / to / made.facts["volumes"][0]["file"])
        assert made.facts["volumes"][0]["file"].endswith(suffix)
        assert np.array_equal(back.read()[0], wanted)
        assert back.geometry.same_grid(io.read(tmp_path / "in").geometry)


def test_one_volume_of_many(tmp_path):
    series(tmp_path / "in", number=1)
    wanted = series(tmp_path / "in", number=2, modality="MR", seed=5)
    from sagittal.io.dicom.series import find

    key = next(v.key for v in find(tmp_path / "in") if v.modality == "MR")
    made = convert([f"{tmp_path / 'in'}::{key}"], out=tmp_path / "out")
    assert np.array_equal(top_down(tmp_path / "out" / made.facts["volumes"][0]["file"]), wanted)


@pytest.mark.parametrize(
    ("options", "item"),
    [({"to": "nifty"}, "nifty"), ({"time": "apartt"}, "--time"), ({"allow": ["SERIES_GAPS"]}, "SERIES_GAPS")],
)
def test_what_is_misspelt(tmp_path, options, item):
    with pytest.raises(UsageError) as caught:
        convert([tmp_path], out=tmp_path / "out", **options)
    assert item in caught.value.item


def test_a_folder_without_volumes(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError):
        convert([tmp_path / "in"], out=tmp_path / "out")
    with pytest.raises(SagittalError) as caught:
        convert([tmp_path / "nothing"], out=tmp_path / "out")
    assert caught.value.exit_code == 3


def test_the_command_line(tmp_path, capsys):
    series(tmp_path / "in", number=1)
    series(tmp_path / "in", number=2, slices=[0, 1, 2, 4])
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--json"])
    assert stop.value.code == 11
    said = json.loads(capsys.readouterr().out)
    assert (said["exit"], said["n"], len(said["failed"])) == (11, 1, 1)


def test_a_folder_is_shown_as_a_table(tmp_path, capsys):
    series(tmp_path / "in", number=1)
    series(tmp_path / "in", number=2, modality="MR", slices=[0, 1, 2, 4])
    made = show([str(tmp_path / "in")])
    text = "\n".join(made.lines())
    assert "8x6x5" in text
    assert "SERIES_GAP" in text
    assert "0.75 0.5 2.5" in text
    for secret in ("ID4711", "19631231", "HOSP1", "Doe^John"):
        assert secret not in text + json.dumps(made.record())
    with pytest.raises(SystemExit) as stop:
        cli.main(["show", str(tmp_path / "in")])
    assert stop.value.code == 0
    assert "Knee by Dr" in capsys.readouterr().out


def test_a_picture_of_a_folder_is_not_silently_left_out(tmp_path):
    series(tmp_path / "in", number=1)
    series(tmp_path / "in", number=2, modality="MR")
    with pytest.raises(UsageError, match="-o draws one volume"):
        show([str(tmp_path / "in")], out=tmp_path / "x.png")
    key = show([str(tmp_path / "in")]).facts["volumes"][0]["key"]
    show([f"{tmp_path / 'in'}::{key}"], out=tmp_path / "x.png")
    assert (tmp_path / "x.png").is_file()


def test_nothing_is_written_over(tmp_path, capsys):
    series(tmp_path / "one", number=1)
    series(tmp_path / "two", number=1, seed=1)
    convert([tmp_path / "one"], out=tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    with pytest.raises(SystemExit) as stop:
        cli.main(["convert", str(tmp_path / "two"), "-o", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"OUTPUT_EXISTS {tmp_path / 'out'}: the output folder is not empty; name another with -o\n"
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    with pytest.raises(UsageError, match="OUTPUT_EXISTS"):
        convert([tmp_path / "two"], out=next((tmp_path / "out").iterdir()))


def test_a_conversion_that_makes_nothing_leaves_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError, match="NO_SOURCE"):
        convert([tmp_path / "in"], out=tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()


def test_a_folder_shows_what_convert_would_take(tmp_path):
    series(tmp_path / "in" / "ct", number=1)
    grid = Geometry(shape=(4, 5, 6), affine=np.diag([-1.0, -1.0, 3.0, 1.0]), unit="mm", frame="patient")
    io.write(Image.of(np.zeros((1, 4, 5, 6), np.int16), grid), tmp_path / "in" / "brain.nii.gz")
    nibabel.save(nibabel.Nifti1Pair(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / "in" / "pair.hdr")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 7), np.int16), np.eye(4)), tmp_path / "in" / "times.nii")
    (tmp_path / "in" / "broken.nii").write_bytes(b"no volume")
    shown = show([str(tmp_path / "in")])
    records = {r["key"]: r for r in shown.facts["volumes"]}
    assert [k for k in records if not k.startswith("ct1")] == ["brain.nii.gz", "broken.nii", "pair.hdr", "times.nii"]
    brain = records["brain.nii.gz"]
    assert (brain["modality"], brain["shape"], brain["spacing"], brain["orientation"]) == ("nifti1", [4, 5, 6], [1.0, 1.0, 3.0], "LPS")
    assert records["broken.nii"]["findings"][0]["exit"] == 3
    text = "\n".join(shown.lines())
    assert "4x5x6x7" in text
    assert text.count("broken.nii") == 2, "in its row, and with what is wrong with it"
    assert "5 volumes; name one: " in shown.lines()[-1]
    made = convert([tmp_path / "in"], out=tmp_path / "out")
    took = {*(r["source"] for r in made.facts["volumes"]), *made.failed}
    assert took == set(records)
    for record in records.values():
        if not record["findings"] and "time_points" not in record:
            assert show([record["source"]]).facts["geometry"]["shape"] == record["shape"]


def test_the_table_of_a_folder_keeps_the_ends_of_long_paths(tmp_path):
    grid = Geometry(shape=(4, 5, 6), affine=np.eye(4), unit="mm", frame="patient")
    folder = tmp_path / "in" / ("a" * 50) / ("b" * 50)
    folder.mkdir(parents=True)
    io.write(Image.of(np.zeros((1, 4, 5, 6), np.int16), grid), folder / "brain.nii.gz")
    head, row, *_ = show([str(tmp_path / "in")]).lines()
    assert row.startswith("...bbbb")
    assert "/brain.nii.gz  nifti1" in row
    assert head.index("modality") == row.index("nifti1")
