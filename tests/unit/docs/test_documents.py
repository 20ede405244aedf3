"""What is written for people is true: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import typer

from sagittal import cli
from sagittal.core import Geometry
from sagittal.engine.checks import check_settings
from sagittal.engine.config import load_recipe, recipe_names
from sagittal.io.guard import Limits
from sagittal.report.view import RunView
from sagittal.verbs.list import SHELVES
from sagittal.windows._windowing import Windowing

ROOT = Path(__file__).parents[3]
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")])
IDS = [str(p.relative_to(ROOT)) for p in PAGES]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target, _ in LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_page_speaks_of_one_machine(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", text)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_published_systems_are_called_by_their_names(page):
    found = re.search(r"\bS[0-4]\b", page.read_text(encoding="utf-8"))
    assert not found, "a number that only our plans know"


def commands_of(page):
    """Every ``sagittal ...`` line of the shell blocks of a page, continued lines joined."""
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in text.replace("\\\n", " ").splitlines() if kind == "sh" else ():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "sagittal":
                yield words[1:]


COMMANDS = sorted({tuple(words) for page in PAGES for words in commands_of(page)})


def test_the_pages_show_commands():
    assert len(COMMANDS) > 40
    assert any(words[0] == "run" for words in COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_that_is_shown_exists_with_its_options(words):
    command = typer.main.get_command(cli.app)
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, rest[0]
        command = command.commands[rest.pop(0)]
    with command.make_context("sagittal", rest) as context:
        given = context.params
    recipe = given.get("recipe")
    if words[0] in {"run", "train"}:
        assert recipe is None or recipe in recipe_names() or recipe.endswith(".yaml")
        check_settings(load_recipe(recipe if recipe in recipe_names() else None, given["sets"] or ()))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if "```yaml" in p.read_text(encoding="utf-8") and p.parent.name != "reference"], ids=lambda p: p.name
)
def test_a_recipe_that_is_shown_is_sound(page, tmp_path):
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "yaml":
            (tmp_path / "shown.yaml").write_text(text, encoding="utf-8")
            check_settings(load_recipe(tmp_path / "shown.yaml"))


def test_the_reference_speaks_of_every_part(tmp_path):
    spec = importlib.util.spec_from_file_location("reference_build", ROOT / "docs" / "reference" / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    pages = dict(build.pages())
    assert {f"{name}.md" for name in SHELVES} <= set(pages)
    assert {p.name for p in (ROOT / "docs" / "reference").glob("*.md")} == set(pages)
    assert "## grad_cam" in pages["explainers.md"]
    assert "## sagittal weights get" in pages["cli.md"]
    assert "`split.folds`" in pages["settings.md"]
    assert "| 130 | `Interrupted` |" in pages["errors.md"]
    stale = [name for name, text in pages.items() if (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") != build.MADE + text]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("--hlep", 2)])
def test_the_reference_is_built_into_folders_only(word, code, tmp_path):
    command = [sys.executable, str(ROOT / "docs" / "reference" / "build.py"), word]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code and "usage: build.py" in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def examples():
    """``(path, text)`` of every part that CONTRIBUTING.md shows."""
    for kind, text in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        if kind == "python":
            yield text.split("\n", 1)[0].removeprefix("# "), text


EXAMPLES = dict(examples())


def part_of(name: str) -> object:
    """The part that an example shows, as the shelf would take it from its file."""
    path, text = next((p, t) for p, t in EXAMPLES.items() if Path(p).stem == name)
    module = ModuleType(f"shown_{name}")
    sys.modules[module.__name__] = module
    exec(compile(text, path, "exec"), module.__dict__)
    failed, _ = doctest.testmod(module)
    assert not failed
    return getattr(module, name)


def test_every_kind_of_part_is_shown_in_its_folder():
    folders = {str(Path(p).parent.relative_to("src")).replace("/", ".") for p in EXAMPLES}
    assert folders == {*SHELVES.values(), "sagittal.report.sections"}
    assert all(not (ROOT / p).exists() for p in EXAMPLES), "an example has the name of a part that is there"


@pytest.mark.parametrize("name", [Path(p).stem for p in EXAMPLES])
def test_an_example_holds_the_part_of_its_name(name):
    assert part_of(name) is not None


def test_the_model_answers_and_learns():
    for axes in (1, 2, 3):
        model = part_of("tiny")(channels=2, outputs=3, axes=axes, generator=torch.Generator().manual_seed(0))
        x = torch.randn(2, 2, *(9, 8, 7)[:axes])
        assert torch.equal(model(x), model.head(model.trunk(x)))
        assert model(x).shape == (2, 3)


def test_the_reader_reads_and_refuses(tmp_path):
    reader = part_of("pgm")
    (tmp_path / "a.pgm").write_bytes(b"P5 3 2 255 " + bytes(range(6)))
    assert reader.sniff(b"P5 3 2")
    assert reader.read(tmp_path / "a.pgm", "", Limits.default()).read().tolist() == [[[0, 1, 2], [3, 4, 5]]]
    (tmp_path / "b.pgm").write_bytes(b"P5 3 2 255 ")
    with pytest.raises(Exception, match=r"b\.pgm"):
        reader.read(tmp_path / "b.pgm", "", Limits.default())


def test_the_layout_finds_classes_and_nothing_else(tmp_path):
    layout = part_of("class_in_name")
    for name in ("cat.1.png", "cat.2.png", "dog.1.png"):
        (tmp_path / name).touch()
    seen = layout(tmp_path)
    assert seen.manifest.labels.classes == ("cat", "dog")
    (tmp_path / "other.png").touch()
    assert layout(tmp_path) is None


def test_the_windowing_takes_the_middle():
    middle: Windowing = part_of("middle")(size=4)
    assert middle.cover(Geometry.picture((10, 8)))[0].start == (3, 2)
    assert (middle.one, middle.fixed, middle.thin) == (True, True, None)


def test_the_transform_inverts():
    values = np.zeros((1, 2, 2), np.float32)
    assert (part_of("invert")(p=1.0).apply(values, np.random.default_rng(0)) == 1).all()


def test_the_loss_is_a_number_a_sample():
    assert part_of("log_cosh")()(torch.zeros(4, 2), torch.ones(4, 2)).shape == (4,)


def test_the_explainer_gives_a_map():
    model = part_of("tiny")(channels=1, outputs=2)
    found = part_of("saliency")(model, torch.randn(1, 1, 8, 8), lambda logits: logits[0, 1])
    assert found.shape == (8, 8)
    assert found.max() == 1


def test_the_phantom_is_the_same_for_the_same_seed(tmp_path):
    one, two = (part_of("stripes")(tmp_path / n, each=2, seed=1) for n in "ab")
    assert [p.read_bytes() for p in sorted(one.rglob("*.png"))] == [p.read_bytes() for p in sorted(two.rglob("*.png"))]


def test_the_section_is_silent_without_a_log(tmp_path, example_run):
    section = part_of("duration")
    assert section(RunView(tmp_path)) is None
    assert "epochs" in section(RunView(example_run("oct"))).html
