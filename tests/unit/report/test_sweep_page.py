"""The page of a sweep says what was chosen, by what, and what did not end well."""

from __future__ import annotations

import json

import pytest

from sagittal.engine.trials import CHOICE
from sagittal.report.sweep_page import html, write

KEYS = {"train.lr": [1e-3, 1e-4], "model.name": ["unet", "fcn"]}


def trial(number, lr, name, values, *, state="done", low=None, high=None, reason=None):
    known = [v for v in values if v is not None]
    seeds = [
        {
            "seed": n,
            "run": f"runs/{number:04d}-seed{n}",
            "state": "done" if v is not None else state,
            "value": v,
            "epoch": 3,
            "reason": reason,
        }
        for n, v in enumerate(values)
    ]
    mean = sum(known) / len(known) if known else None
    return {
        "trial": number, "settings": {"train.lr": lr, "model.name": name}, "state": state, "n": len(known), "value": mean, "low": low,
        "high": high, "seeds": seeds,
    }  # fmt: skip


def record(*trials, best=1, finished=True, **asked):
    common = {
        "grid": KEYS,
        "search": {},
        "seeds": 2,
        "trials": None,
        "device": "cpu",
        "recipe": {"recipe": "auto"},
        "data": "/secret/place",
    }
    return {
        "asked": common | asked, "score": "dice", "lower_is_better": False, "threads": 1, "note": CHOICE, "finished": finished,
        "best": best, "next": "sagittal evaluate s/runs/0001-seed0", "doubt": "luck may have chosen", "trials": list(trials),
    }  # fmt: skip


GOOD = (
    trial(0, 1e-3, "unet", [0.70, 0.72], low=0.58, high=0.84),
    trial(1, 1e-3, "fcn", [0.90, 0.92], low=0.78, high=0.99),
    trial(2, 1e-4, "unet", [None, 0.1], state="failed", reason="seed 0: NOT_FINITE: the gradient <b> is not a number"),
)


def test_the_choice_of_validation_is_marked_and_said_with_its_interval():
    page = html(record(*GOOD), name="s4")
    assert "Trial 1 is chosen: train.lr 0.001, model.name fcn" in page
    assert "0.780 to 0.990 over 2 seeds); luck may have chosen." in page
    assert page.count('<span class="positive">chosen</span>') == 1
    assert CHOICE in page
    assert "sagittal evaluate s/runs/0001-seed0" in page
    assert "3 of 4 trials" in page


def test_what_failed_is_named_with_its_reason_and_never_stands_among_the_values():
    page = html(record(*GOOD), name="s4")
    assert "NOT_FINITE: the gradient &lt;b&gt; is not a number" in page
    assert page.count('<span class="undefined">failed</span>') == 1
    assert page.count("trial 2:") == 0


def test_each_setting_has_a_plot_with_names_or_numbers():
    page = html(record(*GOOD), name="s4")
    assert page.count('class="chart"') == 2
    assert ">unet</text>" in page
    drawn = record(*GOOD, grid={"model.name": ["unet", "fcn"]}, search={"train.lr": {"low": 1e-5, "high": 1e-1, "log": True}}, trials=9)
    assert html(drawn, name="s").count('class="chart"') == 2
    assert "3 of 9 trials" in html(drawn, name="s")


@pytest.mark.parametrize(("trials", "said"), [((), "none to choose"), (GOOD[2:], "none to choose"), (GOOD[:1], "so far")])
def test_a_sweep_that_is_not_finished_says_so(trials, said):
    page = html(record(*trials, best=0 if trials == GOOD[:1] else None, finished=False), name="s4")
    assert "It is not finished" in page
    assert said in page


def test_the_page_needs_nothing_else_and_does_not_say_where_the_data_lie(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps(record(*GOOD)))
    page = write(tmp_path).read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "/secret/place" not in page
    before = page
    assert write(tmp_path).read_text(encoding="utf-8") == before
