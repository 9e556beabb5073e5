"""A test run as such: it collects the same tests everywhere and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from multiprocessing import resource_tracker
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from tests import order, traces
from tests.notebooks import ROOT

pytestmark = pytest.mark.slow
PATIENCE = 300  # seconds: a machine ten times slower meets it as well
COLLECT = """
import sys, time
ahead = {ahead}
for name in ("time", "time_ns"):
    def later(now=getattr(time, name), unit=10**9 if name == "time_ns" else 1):
        return now() + ahead * unit
    setattr(time, name, later)
import pytest
sys.exit(pytest.main(["--collect-only", "-q", "--nbval", "-p", "no:cacheprovider", {root!r}]))
"""
PLUGINS = ("-p", "tests.nbval_comparison", "-p", "tests.traces", "-p", "no:cacheprovider")
OPTIONS = ("--nbval", "-q", "--rootdir", ROOT, "-c", ROOT / "pyproject.toml", "--confcutdir=/")


def collection(folder: Path, ahead: int, **variables: str) -> subprocess.Popen:
    """Starts a process that lists all tests, in another folder and at another time."""
    code = COLLECT.format(ahead=ahead, root=str(ROOT))
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_same_tests_are_collected_at_any_time_and_place(tmp_path: Path):
    started = [
        collection(tmp_path / "a", 0, PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C"),
        collection(tmp_path / "b", 86_413, PYTHONHASHSEED="2", TZ="America/Lima", COLUMNS="60"),
    ]
    first, second = (process.communicate(timeout=PATIENCE)[0].splitlines() for process in started)
    ids = [[line for line in lines if "::" in line] for lines in (first, second)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == len(set(ids[0])) > 1000


@pytest.fixture
def run(tmp_path: Path):
    """Starts a test run of one notebook; its processes carry a mark, its folders are in tmp."""
    mark, temporary = uuid.uuid4().hex, tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, traces.MARK: mark, "TMPDIR": str(temporary)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]

    def start(*sources: str, options: tuple[str, ...] = ()) -> subprocess.Popen:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=cells)
        path = tmp_path / "01_one.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", *OPTIONS, *PLUGINS, *options, path]
        return subprocess.Popen(
            [str(word) for word in command], preexec_fn=traces.hear_sigint,
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    yield start, lambda: (traces.processes(mark), list(temporary.iterdir()))
    for process in traces.processes(mark):
        process.kill()


HELD = "import tempfile; folder = tempfile.mkdtemp(); kept = open(folder + '/large', 'w')"
CHILD = "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {code!r}])"
SLEEP = "import time; time.sleep(10_000)"


def test_a_run_that_passes_leaves_nothing(run):
    start, left = run
    process = start(HELD)
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, output
    assert left() == ([], [])


def test_a_process_that_outlives_the_run_is_named_and_ended(run):
    start, left = run
    detached = CHILD.format(code=SLEEP).replace("])", "], start_new_session=True)")
    process = start(HELD, detached, options=("-o", "traces_grace=0.1"))
    output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1
    assert "left processes behind" in output and "time.sleep(10_000)" in output
    assert left() == ([], [])


def test_pythons_own_tracker_is_not_left_behind():
    resource_tracker.ensure_running()
    child = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        assert any(map(traces.own_tracker, psutil.Process().children()))
        assert not traces.own_tracker(psutil.Process(child.pid))
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one", "two"])
def test_a_run_that_is_ended_leaves_nothing(run, tmp_path: Path, number, options):
    start, left = run
    began = tmp_path / "began"
    process = start(
        HELD,
        CHILD.format(code=SLEEP),
        f"import pathlib; pathlib.Path({str(began)!r}).touch(); {SLEEP}",
        options=(*options, "-o", "traces_grace=5"),
    )
    deadline = time.monotonic() + PATIENCE
    while not began.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert left() == ([], [])


def test_the_kernels_of_a_killed_run_end_by_themselves(run, tmp_path: Path):
    start, left = run
    began = tmp_path / "began"
    process = start(f"import pathlib; pathlib.Path({str(began)!r}).touch(); {SLEEP}")
    deadline = time.monotonic() + PATIENCE
    while not began.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.1)
    process.kill()
    process.communicate()
    while left()[0]:
        assert time.monotonic() < deadline, left()[0]
        time.sleep(0.1)


def test_a_copy_beside_the_chapters_is_no_test():
    ignored = {
        name: order.pytest_ignore_collect(ROOT / "notebooks" / f"{name}.ipynb")
        for name in ("01_tensors", "01_tensors copy", "Untitled")
    }
    assert ignored == {"01_tensors": None, "01_tensors copy": True, "Untitled": True}
    assert order.pytest_ignore_collect(ROOT / "elsewhere" / "sample.ipynb") is None


def test_the_longest_files_come_first(monkeypatch, tmp_path: Path):
    record = tmp_path / "tests.json"
    record.write_text('{"files": {"a.py": 1, "b.py": 30, "c.py": 4}}')
    monkeypatch.setattr(order, "RECORD", record)
    ids = ["a.py::2", "a.py::1", "b.py::1", "c.py::1", "c.py::2", "new.py::1"]
    items = [SimpleNamespace(nodeid=name) for name in ids]
    order.pytest_collection_modifyitems(items)
    found = [item.nodeid for item in items]
    assert found == ["new.py::1", "b.py::1", "c.py::1", "c.py::2", "a.py::2", "a.py::1"]
