"""A test run leaves no process and no folder behind, however it ends.

Everything that a run starts inherits two environment variables from it: a mark, by which its
processes are found at the end, and ``TMPDIR``, a folder of the run's own, which is removed.
"""

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest

MARK = "BOOK_TEST_RUN"
_mark = pytest.StashKey[str]()
_folder = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "seconds that a process may take to end once the run is over"
    parser.addini("traces_grace", about, default="60")


def processes(mark: str) -> list[psutil.Process]:
    """Returns the processes that carry a mark, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            own = process.environ().get(MARK, "")
            if mark in own and process.pid != os.getpid() and process.status() != "zombie":
                found.append(process)
        except psutil.Error:  # ended meanwhile, or another user's
            continue
    return found


def own_tracker(process: psutil.Process) -> bool:
    """Tells Python's tracker of what processes share; it ends with this one, which started it."""
    try:
        words = process.cmdline()
        return process.ppid() == os.getpid() and any("resource_tracker" in word for word in words)
    except psutil.Error:
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:160]}"
    except psutil.Error:
        return f"{process.pid}"


def _end(*_: object) -> None:
    pytest.exit("ended by SIGTERM", returncode=143)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    mark = uuid.uuid4().hex
    folder = tempfile.mkdtemp(prefix="pytorch-executed-")
    before = {name: os.environ.get(name) for name in (MARK, "TMPDIR")}
    # A run inside a run carries both marks: the outer one counts its processes as well.
    os.environ[MARK] = f"{os.environ.get(MARK, '')} {mark}"
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.stash[_mark], config.stash[_folder] = mark, folder
    handler = signal.signal(signal.SIGTERM, _end)

    def restore() -> None:
        signal.signal(signal.SIGTERM, handler)
        shutil.rmtree(folder, ignore_errors=True)
        tempfile.tempdir = None
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

    config.add_cleanup(restore)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    if _mark not in session.config.stash:
        return
    mark = session.config.stash[_mark]
    deadline = time.monotonic() + float(session.config.getini("traces_grace"))
    while left := [process for process in processes(mark) if not own_tracker(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if left:
        names = "\n  ".join(map(_describe, left))
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"\nThis run left processes behind; they are ended:\n  {names}")
        for process in left:
            process.kill()
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def hear_sigint() -> None:
    """Undoes what a shell does to a command with &: it ignores SIGINT, and so do its children.

    For a process that a test interrupts: ``subprocess.Popen(..., preexec_fn=hear_sigint)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
