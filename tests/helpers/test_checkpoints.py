"""Checkpoints: whole or not at all, and nothing but data."""

import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from torch import nn

from helpers.checkpoints import (
    load_checkpoint,
    random_state,
    save_checkpoint,
    set_random_state,
)


@pytest.fixture
def saved(tmp_path):
    model = nn.Linear(3, 2)
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, model=model, epoch=4, names=["a", "b"])
    return path, model


def test_what_was_saved_comes_back(saved):
    path, model = saved
    parts = load_checkpoint(path)
    assert parts["epoch"] == 4 and parts["names"] == ["a", "b"]
    other = nn.Linear(3, 2)
    other.load_state_dict(parts["model"])
    assert torch.equal(other.weight, model.weight)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_random_numbers_go_on_where_they_were(saved, tmp_path):
    def draw():
        return random.random(), np.random.rand(), torch.rand(3).tolist()

    path = tmp_path / "state.pt"
    save_checkpoint(path)
    expected = draw()
    draw()
    set_random_state(load_checkpoint(path)["random"])
    assert draw() == expected
    state = random_state()
    expected = draw()
    set_random_state(state)
    assert draw() == expected


@pytest.mark.parametrize("kept", [0, 1, 100, -200, -1])
def test_a_truncated_file_is_refused(saved, kept):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"checkpoint\.pt is no checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n", pickle.dumps({"random": 1})])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.pt is no checkpoint"):
        load_checkpoint(path)


def test_another_file_of_pytorch_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(ValueError, match="but not of save_checkpoint"):
        load_checkpoint(path)


def test_a_malicious_file_is_refused_and_does_nothing(tmp_path):
    trace = tmp_path / "trace"

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(trace),)

    path = tmp_path / "attack.pt"
    torch.save({"random": Attack()}, path)
    with pytest.raises(ValueError, match="contains more than data"):
        load_checkpoint(path)
    assert not trace.exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*missing\.pt"):
        load_checkpoint(tmp_path / "missing.pt")


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path, _ = saved

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, epoch=5)
    assert load_checkpoint(path)["epoch"] == 4
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_killed_while_writing_the_old_one_still_loads(tmp_path):
    path = tmp_path / "checkpoint.pt"
    program = textwrap.dedent(
        """
        import sys, torch
        from helpers.checkpoints import save_checkpoint
        for number in range(10_000):
            save_checkpoint(sys.argv[1], number=number, ballast=torch.full((2_000_000,), number))
            print(number, flush=True)
        """
    )
    for wait in (0.0, 0.013, 0.031):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        parts = load_checkpoint(path)
        assert (parts["ballast"] == parts["number"]).all()
