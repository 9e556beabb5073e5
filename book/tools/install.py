"""Makes ``.venv`` and installs into it: with uv where it can be had, with pip otherwise.

Usage: PYTHON book/tools/install.py REQUIREMENTS [TORCH_INDEX]

PYTHON is the one that the environment will have; this script needs nothing else. TORCH_INDEX is the
address of a further index that has another build of PyTorch: its CPU build, say. The lock's CUDA
libraries are then left out; the build found there names those that it needs.

The stamp ``.venv/installed`` is written last. However an install ends before that, ``.venv`` is
removed: at once where that is possible (an error, Ctrl-C, a full disk), else by the next install.
"""

import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "installed"
PYTHON = VENV / "bin" / "python"
CUDA = re.compile(r"cuda-|nvidia-|triton")
# What uv calls pip's settings, of which it reads none by itself.
FOR_UV = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "constraint": "--constraints",
    "trusted-host": "--allow-insecure-host",
}


class Install:
    """One install; its programs hold the lock, so that a second one waits for the last of them."""

    def __init__(self, requirements: Path, torch_index: str):
        self.requirements, self.torch_index = requirements, torch_index
        self.lock = os.open(ROOT / "pyproject.toml", os.O_RDONLY)

    def __call__(self) -> None:
        """Makes the environment.

        Raises:
            CalledProcessError: Neither uv nor pip could install.
            OSError: A file cannot be written.
        """
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is installing; waiting for it.")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            if self.is_current():
                return
        if not STAMP.exists():
            remove()
        STAMP.unlink(missing_ok=True)
        say("Installing into .venv. The first time this fetches and unpacks some gigabytes (about")
        say("6 GB where PyTorch comes with CUDA), and takes from one to several minutes.")
        self.make_environment()
        if not self.with_uv():
            self.with_pip()
        let_root_use_jupyter()
        STAMP.touch()

    def is_current(self) -> bool:
        sources = (self.requirements, ROOT / "pyproject.toml")
        newest = max(source.stat().st_mtime for source in sources)
        return STAMP.exists() and STAMP.stat().st_mtime >= newest

    def make_environment(self) -> None:
        if not PYTHON.exists():
            self.run(sys.executable, "-m", "venv", VENV)

    def with_uv(self) -> bool:
        """Returns whether uv did it: the one that is there, or the package index's."""
        uv = shutil.which("uv")
        if uv is None:
            uv = VENV / "bin" / "uv"
            if self.run(*pip("install", "--quiet", "uv"), check=False):
                say("No uv from the package index: installing with pip, which is slower.")
                return False
        # Compiled, as pip does it: where Python may not write, each start would do it anew.
        options = ["--index-strategy", "unsafe-best-match", "--compile-bytecode", *pip_settings()]
        command = [uv, "pip", "install", "--python", PYTHON, *options, *self.wanted("--index")]
        if not self.run(*command, check=False):
            return True
        say("uv failed, as it says above: trying pip in a new environment.")
        remove()
        self.make_environment()
        return False

    def with_pip(self) -> None:
        self.run(*pip("install", *self.wanted("--extra-index-url")))

    def wanted(self, index: str) -> list[str | Path]:
        """Returns the options that name what to install and from where."""
        if not self.torch_index:
            return ["-r", self.requirements]
        lines = self.requirements.read_text(encoding="utf-8").splitlines()
        chosen = VENV / "requirements.txt"
        chosen.write_text("\n".join(line for line in lines if not CUDA.match(line)) + "\n")
        return [index, self.torch_index, "-r", chosen]

    def run(self, *command: str | Path, check: bool = True) -> int:
        return subprocess.run(command, cwd=ROOT, check=check, pass_fds=[self.lock]).returncode


def pip(*words: str | Path) -> list[str | Path]:
    return [PYTHON, "-m", "pip", "--disable-pip-version-check", *words]


def pip_settings() -> list[str]:
    """Returns what pip's configuration and variables say about sources, as options for uv."""
    done = subprocess.run(pip("config", "list"), capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    # As in pip, the later ones win.
    for section in ("global.", "install.", ":env:."):
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                found[name.removeprefix(section)] = " ".join(shlex.split(value))
    if "cert" in found:
        os.environ.setdefault("SSL_CERT_FILE", found["cert"])
    return [
        word
        for key, option in FOR_UV.items()
        for value in found.get(key, "").split()
        for word in (option, value)
    ]


def let_root_use_jupyter() -> None:
    """Lets JupyterLab start in a container, where everybody is root."""
    config = VENV / "etc" / "jupyter" / "jupyter_server_config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('{"ServerApp": {"allow_root": true}}\n')


def remove() -> None:
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("Usage: PYTHON book/tools/install.py REQUIREMENTS [TORCH_INDEX]")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        Install(ROOT / sys.argv[1], *(sys.argv[2:] or [""]))()
    except KeyboardInterrupt:
        remove()
        sys.exit("The install was interrupted; .venv was removed. Run make again.")
    except (OSError, subprocess.CalledProcessError) as error:
        remove()
        sys.exit(f"{error}\nThe install failed; .venv was removed. Run make again.")


if __name__ == "__main__":
    main()
