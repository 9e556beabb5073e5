"""book/tools/train_alexnet.py: a small run writes a full record; wrong options are named."""

import json
import subprocess
import sys

import pytest

from tests.notebooks import ROOT

pytestmark = pytest.mark.slow
SCRIPT = ROOT / "book" / "tools" / "train_alexnet.py"


def run(*options):
    command = [sys.executable, SCRIPT, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_small_run_writes_a_record(tmp_path):
    output = tmp_path / "results" / "record.json"
    done = run("--images", 8, "--epochs", 1, "--batch-size", 4, "--output", output)
    assert done.returncode == 0, done.stderr
    record = json.loads(output.read_text(encoding="utf-8"))
    assert record["training images"] == 8 and record["epochs"] == 1
    assert 0 <= record["test accuracy"] <= 1 and record["seconds"] > 0
    assert record["command"].startswith("python book/tools/train_alexnet.py --images 8")
    assert {"device", "torch", "python", "date"} <= set(record)


@pytest.mark.parametrize(("option", "value"), [("--epochs", 0), ("--images", "many")])
def test_a_wrong_option_is_named(option, value):
    done = run(option, value)
    assert done.returncode == 2
    assert f"argument {option}: must be a whole number of at least 1, got '{value}'" in done.stderr
