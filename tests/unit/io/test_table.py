"""Tables of every dialect become columns of numbers or text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sagittal import io
from sagittal.errors import UnreadableInput


def table(tmp_path, content: str | bytes, name: str = "t.csv") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return io.read_table(path)


def test_a_header_is_told_from_data(tmp_path):
    named = table(tmp_path, "age,dose,label\n1,2.5,R\n3,4,M\n")
    assert list(named.columns) == ["age", "dose", "label"]
    assert named["age"].dtype == np.int64
    assert named["dose"].tolist() == [2.5, 4.0]
    bare = table(tmp_path, "1,2.5,R\n3,4,M\n")
    assert list(bare.columns) == ["c0", "c1", "c2"]
    assert len(bare) == 2


def test_columns_of_words_have_a_header_unless_its_words_come_again(tmp_path):
    assert list(table(tmp_path, "file,label\na.png,CNV\nb.png,DME\n").columns) == ["file", "label"]
    assert list(table(tmp_path, "a.png,CNV\nb.png,DME\nc.png,CNV\n").columns) == ["c0", "c1"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path, delimiter):
    text = "\n".join(delimiter.join(row) for row in (["a", "b", "c"], ["1", "x y", "2"], ["3", "z", "4"]))
    found = table(tmp_path, text)
    assert list(found.columns) == ["a", "b", "c"]
    assert found["c"].tolist() == [2, 4]


def test_quoted_cells_keep_their_delimiters_and_line_breaks(tmp_path):
    found = table(tmp_path, 'name,note\nA,"one, two"\nB,"three\nfour"\n')
    assert found["note"].tolist() == ["one, two", "three\nfour"]


def test_a_decimal_comma(tmp_path):
    assert table(tmp_path, "a;b\n1,5;2\n2,25;3\n")["a"].tolist() == [1.5, 2.25]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    found = table(tmp_path, "größe,label\n1,Ödem\n2,ohne\n".encode(encoding))
    assert list(found.columns) == ["größe", "label"]
    assert found["label"][0] == "Ödem"


def test_ids_stay_text(tmp_path):
    found = table(tmp_path, "patient,uid,n\n007,12345678901234567890,1\n008,12345678901234567891,2\n")
    assert found["patient"].tolist() == ["007", "008"]
    assert found["uid"].tolist() == ["12345678901234567890", "12345678901234567891"]
    assert found["n"].dtype == np.int64


def test_missing_cells(tmp_path):
    found = table(tmp_path, "a,b,c\n1,x,?\n,NA,2\nNaN,,3\n")
    assert found["a"].tolist()[0] == 1
    assert found["a"].isna().tolist() == [False, True, True]
    assert found["b"].tolist()[:2] == ["x", "NA"], "a word in a column of words is a word"
    assert found["b"].isna().tolist() == [False, False, True]
    assert found["c"].isna().tolist() == [True, False, False]


def test_names_of_columns_are_made_unique(tmp_path):
    assert list(table(tmp_path, ",a,a\n1,2,3\n4,5,6\n").columns) == ["c0", "a", "a.1"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("a,b\n1,2\n3,4,5\n", "RAGGED"),
        ("a,b,c\n1,2,3\n4,5\n", "RAGGED"),
        ("a,b\n", "EMPTY"),
        ("\n\n", "EMPTY"),
        (b"a,b\n1,\0\0\n", "UNKNOWN_CONTENT"),
        (b"\x89PNG\r\n\x1a\n0000", "WRONG_SUFFIX"),
        ('a,b\n"1,2\n', "RAGGED"),
    ],
)
def test_broken_tables_are_refused_by_name(tmp_path, content, code):
    with pytest.raises(UnreadableInput, match=r"t\.csv") as caught:
        table(tmp_path, content)
    assert caught.value.code == code


def test_a_row_is_an_image_without_axes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("age,sex,dose\n61,m,1.5\n48,f,\n")
    image = io.read(f"{path}::1")
    assert image.geometry.axes == 0
    assert image.channels == ("age", "dose")
    np.testing.assert_array_equal(image.read(), [48.0, np.nan])
    for part, code in (("", "SEVERAL_ROWS"), ("::2", "NO_SUCH_PART"), ("::-1", "NO_SUCH_PART"), ("::x", "NO_SUCH_PART")):
        with pytest.raises(UnreadableInput) as caught:
            io.read(f"{path}{part}")
        assert caught.value.code == code


def test_a_changed_file_is_read_again_and_a_given_frame_is_yours(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    frame = io.read_table(path)
    frame.loc[0, "a"] = 99
    assert io.read_table(path)["a"][0] == 1
    path.write_text("a,b\n11,22\n")
    assert io.read_table(path)["a"][0] == 11


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"age": [1, 2], "name": ["a", "b"], "x": [0.5, None]}, index=[7, 8]).to_parquet(path)
    found = io.read_table(path)
    assert found["age"].tolist() == [1, 2]
    assert list(found.index) == [0, 1]
    np.testing.assert_array_equal(io.read(f"{path}::1").read(), [2, np.nan])


def test_limits_hold_for_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 500)
    with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
        io.read_table(path, limits=io.Limits.default().but(pixels=100))
    with pytest.raises(UnreadableInput, match="OVER_LIMIT"):
        io.read_table(path, limits=io.Limits.default().but(bytes=1000))


@pytest.mark.real_data
def test_sonar_has_no_header(real_data):
    found = io.read_table(real_data / "sonar" / "sonar.csv")
    assert found.shape == (208, 61)
    assert sorted(found["c60"].unique()) == ["M", "R"]
    assert io.read(f"{real_data / 'sonar' / 'sonar.csv'}::207").read().shape == (60,)


@pytest.mark.parametrize(
    "text",
    [
        "a;b\n1;2\n3;4\n",
        "sep=;\r\na;b\r\n1;2\r\n3;4\r\n",
        "# exported, on a Sunday\na;b\n1;2\n3;4\n",
        "a;b\r1;2\r3;4\r",
        "a;b;;\n1;2;;\n3;4;;\n",
        "a;b\n1;2;;\n3;4;;\n",
        "a;b;;\n1;2\n3;4\n",
        "a;b\n1;2\n;\n3;4\n;\n",
        "\n\na;b\n1;2\n\n3;4\n",
    ],
)
def test_what_programs_write_around_a_table_is_none_of_it(tmp_path, text):
    found = table(tmp_path, text)
    assert list(found.columns) == ["a", "b"]
    assert found.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_a_header_may_begin_with_a_hash(tmp_path):
    assert list(table(tmp_path, "# made by a program\n#id,age\n1,2\n3,4\n").columns) == ["#id", "age"]


@pytest.mark.parametrize(("text", "line"), [("sep=;\na;b\n1;2\n3\n", 4), ("# x\na;b\n1;2\n3;4;5\n", 4)])
def test_the_line_of_a_broken_row_is_that_of_the_file(tmp_path, text, line):
    with pytest.raises(UnreadableInput, match=f"RAGGED.*line {line} has"):
        table(tmp_path, text)


def test_commas_in_words_do_not_part_a_tsv(tmp_path):
    found = table(tmp_path, "file\tfinding\na.png\twet, red\nb.png\tdry, pale\n", name="t.tsv")
    assert found["finding"].tolist() == ["wet, red", "dry, pale"]
