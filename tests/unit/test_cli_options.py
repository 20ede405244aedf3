"""Every option of every command: a number out of its range, a typo in its name, and the verb that takes it."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
import typer

import sagittal
from sagittal import cli
from sagittal.errors import UsageError
from sagittal.verbs._numbers import RANGES, check_numbers

VERBS = {
    "list": "list:list_parts",
    "weights get": "weights:get",
    "weights list": "weights:known",
    "weights convert": "weights:convert",
}


def commands(group=None, before=()):
    """``(words, command)`` of every command, those below another one too."""
    for name, command in (group or typer.main.get_command(cli.app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


def said(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    out, err = capsys.readouterr()
    return stop.value.code, out.splitlines(), err.splitlines()


def needed(command, but):
    """Words for what a command cannot do without: names of things that are not there."""
    words = ["nowhere"] if command.name == "train" else []
    for p in command.params:
        if p.required and p.name != but:
            words += ["nowhere"] if p.param_type_name == "argument" else [p.opts[-1], "nowhere"]
    return words


NUMBERS = [
    (words, command, p)
    for words, command in commands()
    for p in command.params
    if p.param_type_name == "option" and p.bare_type() in {"int", "float"}
]
SLIPS = ["-1", "nan", "inf", "-inf", "1e30", str(10**30), "0"]


def test_there_are_numbers_to_try():
    assert {p.name for _, _, p in NUMBERS} == set(RANGES)


@pytest.mark.parametrize(("words", "command", "p"), NUMBERS, ids=[f"{' '.join(w)} {p.opts[-1]}" for w, _, p in NUMBERS])
def test_a_number_that_makes_no_sense_is_one_line_that_names_the_option(words, command, p, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for slip in SLIPS:
        if slip == "0" and RANGES[p.name].holds(0):
            continue
        # the model is there: it is the number that is wrong
        args = ["model", "vgg"] if words == ("show",) else needed(command, but=p.name)
        code, out, err = said(capsys, *words, *args, f"{p.opts[-1]}={slip}")
        assert code == 2, (slip, err)
        assert out == []
        assert len(err) == 1
        assert p.opts[-1] in err[0], slip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "command"), list(commands()), ids=[" ".join(w) for w, _ in commands()])
def test_the_options_of_a_command_are_those_of_its_verb(words, command):
    module, _, name = VERBS.get(" ".join(words), words[0]).partition(":")
    verb = getattr(importlib.import_module(f"sagittal.verbs.{module}"), name or module)
    own = inspect.signature(verb).parameters
    for p in command.params:
        if p.name == "help":
            continue
        assert p.name in own, p.name
        if p.default is not None and not callable(p.default):
            assert p.default == own[p.name].default, p.name


@pytest.mark.parametrize(("words", "command"), list(commands()), ids=[" ".join(w) for w, _ in commands()])
def test_a_typo_in_any_option_is_answered_with_what_was_meant(words, command, capsys):
    for p in command.params:
        for option in (o for o in (*p.opts, *p.secondary_opts) if o.startswith("--")):
            for typo in (option + "x", option[:3] + option[4:] if len(option) > 5 else option + "q"):
                code, out, err = said(capsys, *words, typo, "1")
                assert (code, out, len(err)) == (2, [], 1)
                assert f"did you mean {option}?" in err[0], err


def test_python_is_told_the_same_as_the_command_line(tmp_path):
    for verb, given in (
        (lambda: sagittal.run("nowhere", max_ram=float("nan")), "--max-ram"),
        (lambda: sagittal.train("nowhere", seed=-1), "--seed"),
        (lambda: sagittal.evaluate("nowhere", max_pixels=0), "--max-pixels"),
        (lambda: sagittal.predict("nowhere", ["x"], out=tmp_path / "out", top=0), "--top"),
        (lambda: sagittal.show(["model", "vgg"], classes=0), "--classes"),
    ):
        with pytest.raises(UsageError, match=f"OUT_OF_RANGE {given}"):
            verb()
    assert not (tmp_path / "out").exists()


def test_each_end_of_a_range_is_what_it_says():
    check_numbers(seed=0, top=1, mpp=0.25, axes=3)
    for bad in ({"mpp": 0.0}, {"mpp": 1000.5}, {"seed": 2**63}, {"axes": 4}):
        with pytest.raises(UsageError, match="OUT_OF_RANGE"):
            check_numbers(**bad)


def test_the_program_runs_as_a_module_too():
    done = subprocess.run([sys.executable, "-m", "sagittal.cli", "list", "tasks"], capture_output=True, text=True, check=True)
    assert "segmentation" in done.stdout


def test_a_run_that_goes_on_takes_no_other_settings(capsys):
    for more in (["data"], ["--seed", "3"], ["--set", "train.epochs=3"], ["--allow-unreadable"], ["-o", "elsewhere"]):
        code, _, err = said(capsys, "train", *more, "--resume", "RUN")
        assert code == 2
        assert err[0].startswith(f"RESUME {'DATA' if more == ['data'] else more[0].replace('-o', '--out')}: ")
