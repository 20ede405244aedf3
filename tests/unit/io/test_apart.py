"""What runs apart may do what it likes: the parent goes on and names the file."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from sagittal.errors import LimitExceeded, SagittalError, UnreadableInput
from sagittal.io._apart_worker import kept
from sagittal.io.apart import Job, apart

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of the kernel")


@pytest.fixture(autouse=True)
def jobs_are_found(monkeypatch: pytest.MonkeyPatch):
    kept(os.getpid()).close()  # processes that were started before do not know the folder
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "apart_jobs"))
    yield
    kept(os.getpid()).close()


def job(name: str, *, shape=(4,), seconds=20.0, memory=2**29, item="scan.dcm", **options) -> Job:
    return Job(
        item=item,
        call=f"jobs_that_go_wrong:{name}",
        options=options,
        shape=shape,
        dtype=np.dtype(np.int64),
        seconds=seconds,
        memory=memory,
    )


def only(name: str, **options):
    [(_, answer)] = apart([job(name, **options)])
    return answer


def test_answers_come_back_each_with_its_place():
    answers = dict(apart((job("fill", value=i, shape=(i + 1, 2)) for i in range(100)), workers=2))
    assert sorted(answers) == list(range(100))
    for i, values in answers.items():
        assert values.shape == (i + 1, 2)
        assert (values == i).all()


def test_an_answer_larger_than_a_block():
    values = only("fill", value=3, shape=(2**22,))
    assert values.nbytes == 2**25
    assert (values == 3).all()
    assert (only("fill", value=4) == 4).all()


def test_the_process_is_started_once_and_kept():
    numbers = {int(values[0]) for _, values in [*apart([job("number_of_process")] * 40), *apart([job("number_of_process")])]}
    assert len(numbers) == 1
    assert os.getpid() not in numbers


def test_what_a_library_prints_is_no_answer():
    assert (only("chatter") == 7).all()


@pytest.mark.parametrize(
    ("name", "options", "code", "kind", "says"),
    [
        ("complain", {"text": "bad\nmarker"}, "BROKEN", UnreadableInput, "bad marker"),
        ("panic", {}, "BROKEN", UnreadableInput, "unwrap"),
        ("leave", {"code": 0}, "DECODER_DIED", UnreadableInput, "exit 0"),
        ("leave", {"code": 5}, "DECODER_DIED", UnreadableInput, "exit 5"),
        pytest.param("crash", {}, "DECODER_DIED", UnreadableInput, "signal 11", marks=posix),
        ("sleep", {"seconds": 0.5}, "TOO_SLOW", UnreadableInput, "0.5 s"),
        ("spin_in_c", {"seconds": 0.5}, "TOO_SLOW", UnreadableInput, "0.5 s"),
        pytest.param("swell", {"memory": 2**28}, "DECODER_MEMORY", UnreadableInput, "256 MB", marks=posix),
    ],
)
def test_what_goes_wrong_is_a_refusal_that_names_the_file(name, options, code, kind, says):
    answer = only(name, **options)
    assert type(answer) is kind
    assert (answer.code, answer.item) == (code, "scan.dcm")
    assert says in answer.what
    assert (only("fill", value=1) == 1).all()  # and the next one is answered


def test_a_refusal_of_ours_passes_unchanged():
    answer = only("refuse", path="a.dcm")
    assert type(answer) is LimitExceeded
    assert str(answer) == "TOO_MUCH a.dcm: it asks for too much; leave it out"


def test_only_the_one_that_killed_it_is_lost():
    names = ["leave" if i in {3, 17, 18} else "fill" for i in range(40)]
    jobs = [job(n, item=f"{i}", **({"code": 1} if n == "leave" else {"value": i})) for i, n in enumerate(names)]
    answers = dict(apart(jobs, workers=2))
    assert sorted(answers) == list(range(40))
    assert {i for i, a in answers.items() if isinstance(a, SagittalError)} == {3, 17, 18}
    assert all(a.item == str(i) for i, a in answers.items() if isinstance(a, SagittalError))
    assert all((a == i).all() for i, a in answers.items() if not isinstance(a, SagittalError))


def test_whoever_stops_listening_leaves_nothing_behind():
    before = set(psutil.Process().children())
    answers = apart([job("sleep", seconds=60)] * 3 + [job("fill", value=1)], workers=2)
    other = apart([job("fill", value=1)] * 50, workers=1)
    next(other)
    other.close()
    answers.close()
    kept(os.getpid()).close()
    assert not {p for p in set(psutil.Process().children()) - before if p.is_running() and p.status() != psutil.STATUS_ZOMBIE}


def test_answers_that_are_thrown_away_leave_few_processes_and_block_nothing():
    """A refusal's traceback keeps its generator alive; it is closed when the garbage is collected, whenever that is."""
    thrown = []
    for value in range(12):
        answers = apart([job("fill", value=value)] * 2)
        assert (next(answers)[1] == value).all()
        cycle = [answers]
        cycle.append(cycle)
        thrown.append(cycle)
    thrown.clear()
    gc.collect()
    assert (only("fill", value=3) == 3).all()
    alive = [
        p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE and "sagittal.io._apart_child" in " ".join(p.cmdline())
    ]
    assert len(alive) <= 4


def test_one_that_died_while_it_waited_is_replaced():
    first = int(only("number_of_process")[0])
    psutil.Process(first).kill()
    psutil.wait_procs([psutil.Process(first)] if psutil.pid_exists(first) else [], timeout=5)
    assert int(only("number_of_process")[0]) != first


def test_nothing_of_torch_is_loaded_there(tmp_path):
    (tmp_path / "looks.py").write_text("import sys\ndef look(out):\n    out[...] = 'torch' in sys.modules or 'pandas' in sys.modules\n")
    sys.path.insert(0, str(tmp_path))
    kept(os.getpid()).close()
    try:
        [(_, answer)] = apart([Job(item="x", call="looks:look", options={}, shape=(1,), dtype=np.dtype(np.uint8))])
    finally:
        sys.path.remove(str(tmp_path))
    assert answer[0] == 0


@posix
@pytest.mark.parametrize("name", ["sleep", "spin_in_c"])
def test_no_orphan_outlives_its_parent(name, tmp_path):
    """The parent is killed while its decoder hangs: the decoder ends by itself, at the latest when its time is up."""
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent / 'apart_jobs')!r})\n"
        "import numpy as np\n"
        "from sagittal.io.apart import Job, apart\n"
        "common = dict(item='x', shape=(1,), dtype=np.dtype(np.int64), seconds=2.0)\n"
        "jobs = [Job(call='jobs_that_go_wrong:number_of_process', options={}, **common),\n"
        f"        Job(call='jobs_that_go_wrong:{name}', options={{}}, **common)]\n"
        "for _, answer in apart(jobs):\n"
        "    print(answer[0], flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.5)  # until the decoder is in its loop
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
