"""Checkpoints: whole or not at all, and nothing but data."""

import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import helpers
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
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not a checkpoint"):
        load_checkpoint(path)


def test_a_flipped_bit_is_refused_or_changes_nothing(saved):
    path, model = saved
    whole = path.read_bytes()
    weights = model.weight.detach().numpy().tobytes()
    draw = random.Random(0)
    # In the weights, which torch.load would take as they are, and all over the file.
    places = [whole.index(weights) + 3, *(draw.randrange(len(whole)) for _ in range(400))]
    refused = []
    for place in places:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << draw.randrange(8)
        path.write_bytes(spoilt)
        try:
            parts = load_checkpoint(path)
        except ValueError as error:
            refused.append(str(error))
        else:
            assert torch.equal(parts["model"]["weight"], model.weight)
            assert parts["names"] == ["a", "b"]
    assert refused[0] == "checkpoint.pt is damaged: a checksum does not match"
    assert len(refused) > 300


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n", pickle.dumps({"random": 1})])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.pt is not a checkpoint"):
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


@pytest.mark.slow
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


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(("given", "back"), [
    (np.float32(0.25), 0.25),
    (np.int64(-3), -3),
    (np.bool_(True), True),
    (np.str_("cpu"), "cpu"),
    (Path("data") / "train", os.path.join("data", "train")),
    (helpers.History([dict(epoch=np.int32(1), val_acc=np.float64(0.5))]),
     [{"epoch": 1, "val_acc": 0.5}]),
    (Point(1, np.float16(2)), (1, 2.0)),
    (defaultdict(list, a=[np.uint8(7)]), {"a": [7]}),
    ({np.int64(3): "label"}, {3: "label"}),
    ({"a": [{"b": (None, b"raw", 2j)}]}, {"a": [{"b": (None, b"raw", 2j)}]}),
    (Counter("aab"), Counter("aab")),
    ({1, 2}, {1, 2}),
    (torch.bfloat16, torch.bfloat16),
])  # fmt: skip
def test_a_part_comes_back_as_plain_data(tmp_path, given, back):
    save_checkpoint(tmp_path / "run.pt", part=given)
    opened = load_checkpoint(tmp_path / "run.pt")["part"]
    assert opened == back and type(opened) is type(back)


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3), np.arange(4)[::-1], np.array(2.5), np.ones(3, ">f4"),
    np.array([True, False]), np.broadcast_to(np.float32(1), (2, 2)), np.zeros((0, 3), np.uint16),
])  # fmt: skip
def test_an_array_comes_back_as_a_tensor(tmp_path, array):
    save_checkpoint(tmp_path / "run.pt", part={"scores": [array]})
    (opened,) = load_checkpoint(tmp_path / "run.pt")["part"]["scores"]
    assert isinstance(opened, torch.Tensor) and np.array_equal(opened.numpy(), array)
    assert opened.numpy().dtype == array.dtype.newbyteorder("=")


def test_a_model_inside_a_list_is_its_state(tmp_path):
    model = nn.Linear(3, 2)
    save_checkpoint(tmp_path / "run.pt", nets=[model, model])
    for state in load_checkpoint(tmp_path / "run.pt")["nets"]:
        assert torch.equal(state["weight"], model.weight)


def test_the_state_of_a_model_keeps_its_version(saved):
    path, model = saved
    state = load_checkpoint(path)["model"]
    assert type(state) is OrderedDict and state._metadata == model.state_dict()._metadata


@pytest.mark.parametrize(("given", "named", "kind"), [
    (lambda: None, "part", "function"),
    (date(2026, 1, 1), "part", "date"),
    ({"when": [0, Fraction(1, 3)]}, r"part\['when'\]\[1\]", "Fraction"),
    ([{"classes": frozenset("ab")}], r"part\[0\]\['classes'\]", "frozenset"),
    ({Fraction(1, 2): 0}, "a key of part", "Fraction"),
    (np.array(["bag", "coat"]), "part", "ndarray"),
    (np.ones(2, np.longdouble), "part", "ndarray"),
    (np.ma.array([1, 2], mask=[0, 1]), "part", "MaskedArray"),
    (np.longdouble(1), "part", "longdouble"),
    (np.datetime64("2026-01-01"), "part", "date"),
    (deque([1]), "part", "deque"),
    (torch.Generator(), "part", "Generator"),
    (nn.Linear, "part", "type"),
    (nn.LazyLinear(2), r"part\['weight'\]", "UninitializedParameter"),
    (torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged), "part", "NestedTensor"),
])  # fmt: skip
def test_what_could_not_be_opened_is_refused_and_the_old_file_stays(saved, given, named, kind):
    path, _ = saved
    with pytest.raises(TypeError, match=f"^{named} is of type {kind}; a checkpoint holds numbers"):
        save_checkpoint(path, epoch=5, part=given)
    assert load_checkpoint(path)["epoch"] == 4
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_learning_rate_from_numpy_is_saved_as_a_number(tmp_path):
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=np.linspace(0.1, 0.3, 3)[1])
    save_checkpoint(tmp_path / "run.pt", optimizer=optimizer)
    (group,) = load_checkpoint(tmp_path / "run.pt")["optimizer"]["param_groups"]
    assert group["lr"] == 0.2 and type(group["lr"]) is float


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_strided_nested_tensor_is_refused(tmp_path):
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(TypeError, match=r"^part is of type Tensor"):
        save_checkpoint(tmp_path / "run.pt", part=nested)


def test_the_name_of_the_generators_states_is_taken(tmp_path):
    with pytest.raises(ValueError, match="random is the name of the generators' states"):
        save_checkpoint(tmp_path / "run.pt", random=3)
    assert list(tmp_path.iterdir()) == []


def every_optimizer(parameters):
    names = ("Adam", "Adagrad", "Adafactor", "ASGD", "LBFGS", "NAdam", "RMSprop", "Rprop", "SGD")
    return [getattr(torch.optim, name)(parameters, lr=0.1) for name in names]


def every_schedule(optimizer):
    kinds = torch.optim.lr_scheduler
    return [
        kinds.LambdaLR(optimizer, lambda epoch: 0.5**epoch),
        kinds.MultiStepLR(optimizer, [2, 5]),
        kinds.OneCycleLR(optimizer, 0.1, total_steps=9),
        kinds.CyclicLR(optimizer, 0.01, 0.1),
        kinds.ReduceLROnPlateau(optimizer),
        kinds.SequentialLR(optimizer, [kinds.ConstantLR(optimizer)] * 2, [3]),
        torch.optim.swa_utils.SWALR(optimizer, 0.1),
    ]


def test_optimizers_and_schedules_come_back(tmp_path):
    path = tmp_path / "run.pt"

    def pieces():
        model = nn.Linear(2, 2)
        optimizers = every_optimizer(list(model.parameters()))
        return [*optimizers, *every_schedule(optimizers[-1]), torch.amp.GradScaler("cpu")]

    for first, second in zip(pieces(), pieces(), strict=True):
        save_checkpoint(path, piece=first)
        second.load_state_dict(load_checkpoint(path)["piece"])
        assert repr(second.state_dict()) == repr(first.state_dict())


def test_the_generators_states_stay_on_the_cpu_whatever_the_device(saved):
    """On a GPU, map_location moved them as well; here "meta" stands in for it."""
    path, _ = saved
    expected = torch.rand(3)
    parts = load_checkpoint(path, map_location="meta")
    assert parts["model"]["weight"].device.type == "meta"
    assert parts["random"]["torch"].device.type == "cpu"
    set_random_state(parts["random"])
    assert torch.equal(torch.rand(3), expected)


def test_a_device_that_is_missing_is_not_called_damage(saved):
    path, _ = saved
    with pytest.raises(RuntimeError, match=r"CUDA|cuda"):
        load_checkpoint(path, map_location="cuda:99")


@pytest.mark.parametrize(("saved_gpus", "gpus"), [(0, 2), (2, 0), (1, 3), (3, 1), (2, 2)])
def test_as_many_gpus_are_set_as_both_runs_have(monkeypatch, saved_gpus, gpus):
    states = [torch.full((16,), number, dtype=torch.uint8) for number in range(saved_gpus)]
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    state, given = random_state(), []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    set_random_state(state)
    assert [int(part[0]) for part in given] == list(range(min(saved_gpus, gpus)))
