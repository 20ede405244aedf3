"""The front door: what is misspelt is answered with the nearest name, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import typer

from sagittal import cli
from sagittal.io.writers.raster import encode_png
from sagittal.verbs._outcome import Outcome


def said(capsys, *words):
    """``(exit code, lines on stdout, lines on stderr)`` of a command line."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    out, err = capsys.readouterr()
    return stop.value.code, out.splitlines(), err.splitlines()


def commands():
    """``(words, command)`` of every command, those below another one too."""
    top = typer.main.get_command(cli.app)
    for name, command in top.commands.items():
        if hasattr(command, "commands"):
            yield from (([name, below], c) for below, c in command.commands.items())
        else:
            yield [name], command


OPTIONS = [(words, option) for words, c in commands() for p in c.params for option in p.opts if option.startswith("--") and len(option) > 4]


def test_there_are_commands_and_options_to_try():
    assert len(OPTIONS) > 30
    assert ["weights", "get"] in [words for words, _ in commands()]


def test_every_option_says_what_it_is_for():
    silent = [(*words, p.name) for words, c in commands() for p in c.params if p.param_type_name == "option" and not p.help]
    assert not silent


def test_every_argument_says_what_it_is_for_and_is_named_as_in_messages():
    arguments = [(words, p) for words, c in commands() for p in c.params if p.param_type_name == "argument"]
    assert not [(*words, p.name) for words, p in arguments if not p.help]
    assert not [(*words, p.metavar) for words, p in arguments if p.metavar != p.metavar.upper() and "NAME" not in p.metavar]


def test_no_sentence_is_cut_in_the_table_of_commands(capsys):
    code, out, _ = said(capsys, "--help")
    assert code == 0
    rows = out[out.index("Commands:") + 1 : out.index("", out.index("Commands:"))]
    assert len(rows) > 12
    assert not [row for row in rows if row.endswith("...") and not row.endswith("metrics ...")]


@pytest.mark.parametrize(("words", "option"), OPTIONS, ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_a_misspelt_option_is_answered_with_the_nearest(words, option, capsys):
    wrong = option[:3] + option[4:] + "x"
    code, out, err = said(capsys, *words, wrong, "1")
    assert code == 2
    assert out == []
    assert len(err) == 1
    assert wrong in err[0]
    assert f"did you mean {option}?" in err[0]


@pytest.mark.parametrize("words", [w for w, _ in commands()], ids=" ".join)
def test_a_misspelt_command_is_answered_with_the_nearest(words, capsys):
    wrong = [*words[:-1], words[-1][:-1] + "q" if len(words[-1]) > 3 else words[-1] + "q"]
    code, _, err = said(capsys, *wrong)
    assert code == 2
    assert err == [f"USAGE {wrong[-1]}: there is no such command; did you mean {words[-1]}?"]


@pytest.mark.parametrize("words", [[], ["weights"], ["--help"], ["run", "--help"]])
def test_help_is_no_error(words, capsys):
    code, out, err = said(capsys, *words)
    assert code == 0
    assert out[0].startswith("Usage: sagittal")
    assert err == []


def test_the_help_says_that_it_is_no_medical_device(capsys):
    assert "Not a medical device" in " ".join(said(capsys, "--help")[1])


@pytest.mark.parametrize(
    "words", [["run"], ["predict", "run"], ["run", "x", "--out"], ["show", "model", "vgg", "--size", "large"], ["phantom", "retina"]]
)
def test_what_is_missing_or_no_number_is_one_line(words, capsys):
    code, out, err = said(capsys, *words)
    assert code == 2
    assert out == []
    assert len(err) == 1
    assert err[0].startswith("USAGE ")


def test_json_gives_one_object_also_for_a_refusal(capsys):
    code, out, err = said(capsys, "list", "modls", "--json")
    assert code == 2
    assert json.loads(" ".join(out)) == {
        "error": "UNKNOWN_SHELF",
        "item": "modls",
        "what": "there is no shelf of this name",
        "remedy": "did you mean models?",
        "exit": 2,
    }
    assert len(err) == 1


def test_json_and_debug_stand_anywhere_but_after_two_dashes(capsys):
    assert json.loads("".join(said(capsys, "--json", "list", "models")[1]))["exit"] == 0
    code, _, err = said(capsys, "list", "--", "--json")
    assert code == 2
    assert "--json" in err[0]


def test_ctrl_c_in_a_verb_ends_with_130(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("sagittal.verbs.list.list_parts", interrupted)
    code, _, err = said(capsys, "list")
    assert code == 130
    assert err[0].startswith("INTERRUPTED ")
    assert len(err) == 1


def test_an_unforeseen_error_is_one_line_and_a_traceback_only_with_debug(capsys, monkeypatch):
    def broken():
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("sagittal.verbs.list.list_parts", broken)
    code, _, err = said(capsys, "list")
    assert code == 1
    assert len(err) == 1
    assert err[0].startswith("FAULT ZeroDivisionError: two lines;")
    assert "Traceback" in "\n".join(said(capsys, "list", "--debug")[2])


def test_a_verb_that_did_only_a_part_prints_its_record_and_exits_11(capsys, monkeypatch, tmp_path):
    made = Outcome(path=tmp_path, failed=["b.png"], list_file=tmp_path / "failed.csv", text=["done"])
    monkeypatch.setattr("sagittal.verbs.predict.predict", lambda *a, **k: made)
    code, out, err = said(capsys, "predict", "run", "a.png", "-o", str(tmp_path), "--json")
    assert code == 11
    assert json.loads("".join(out))["exit"] == 11
    assert len(err) == 1


def test_a_reader_that_leaves_early_is_no_fault():
    with subprocess.Popen(
        [sys.executable, "-c", "from sagittal.cli import main; import time; time.sleep(0.5); main(['list'])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait(timeout=60)


def seconds_of(code):
    """Processor time of a Python process: how busy the machine is does not matter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_takes_less_than_three_tenths_of_a_second():
    code = "import sys; from sagittal.cli import main; main(['--help'])"
    assert min(seconds_of(code) for _ in range(3)) < 0.3


@pytest.mark.parametrize("module", ["sagittal", "sagittal.cli"])
def test_the_program_is_also_a_module_as_fast_as_itself(module):
    done = subprocess.run([sys.executable, "-m", module, "rnu"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "did you mean run" in done.stderr
    code = f"import runpy, sys; sys.argv = ['sagittal', '--help']; runpy.run_module({module!r}, run_name='__main__')"
    assert min(seconds_of(code) for _ in range(3)) < 0.3


HEAVY = ("torch", "numpy", "pandas", "scipy", "numba", "cv2", "PIL", "matplotlib", "sklearn")


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list", "recipes"], ["rnu"]])
def test_the_front_door_loads_nothing_heavy(words):
    code = f"""
        import sys
        from sagittal.cli import main
        try:
            main({words!r})
        except SystemExit:
            sys.exit(",".join(m for m in {HEAVY!r} if m in sys.modules) or 0)
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def two_classes(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(6):
            (tmp_path / "data" / name / f"{i}.png").write_bytes(encode_png(rng.integers(0, 255, (1, 20, 24), dtype=np.uint8)))
    return tmp_path / "data"


def test_audit_does_not_import_torch(two_classes, tmp_path):
    code = f"""
        import sys
        from sagittal.cli import main
        if __name__ == "__main__":
            try:
                main(["audit", {str(two_classes)!r}, "-o", {str(tmp_path / "out")!r}])
            except SystemExit as stop:
                sys.exit(f"exit {{stop.code}}" if stop.code else ("torch was imported" if "torch" in sys.modules else 0))
        """
    script = tmp_path / "audit.py"
    script.write_text(textwrap.dedent(code))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "audit.html").is_file()


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for another process on Windows")
def test_ctrl_c_during_an_audit_leaves_no_traceback(two_classes, tmp_path):
    rng = np.random.default_rng(1)
    for i in range(1500):
        (two_classes / "a" / f"more{i}.png").write_bytes(encode_png(rng.integers(0, 255, (1, 90, 90), dtype=np.uint8)))
    command = [sys.executable, "-m", "sagittal.cli", "audit", str(two_classes), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "out").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("INTERRUPTED ")
    assert len(err.splitlines()) <= 2
