"""The record of chapter 30, and what measures it."""

import json
import math
import statistics

import pytest
import torch

from helpers.data import fashion_mnist
from tests.benchmarks import ladder
from tests.notebooks import ROOT

RECORD = ROOT / "helpers" / "assets" / "speed.json"
MACHINE = {"date", "python", "torch", "device", "processor", "cores", "threads"}


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text(encoding="utf-8"))


def test_every_part_says_where_and_when_it_was_measured(record):
    assert set(record) == {*ladder.PARTS, *ladder.NAMED}
    assert all(set(part) > MACHINE for part in record.values())


def test_the_seconds_of_a_run_are_those_of_its_first_look_at_the_target(record):
    target = record["ladder"]["target"]
    for rung in record["ladder"]["rungs"]:
        for run in rung["runs"]:
            assert run["curve"] == sorted(run["curve"])
            reached = [seconds for seconds, accuracy in run["curve"] if accuracy >= target]
            assert run["seconds"] == (reached[0] if reached else None)


def test_each_rung_changes_something_and_the_last_is_the_preset():
    every = ladder.rungs()
    assert len(set(every)) == len({rung.name for rung in every}) == len(every)
    assert every[-1].one_cycle and every[-1].rate == ladder.FAST["lr"]
    assert every[-1].batch == ladder.FAST["batch_size"]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, -1])
def test_a_rung_climbs_on_a_few_images(monkeypatch, place):
    monkeypatch.setattr(ladder, "TRAINED", 400)

    def few(split, *, full):
        assert full
        images, labels = fashion_mnist(split)
        return images[:400], labels[:400]

    monkeypatch.setattr(ladder, "fashion_mnist", few)
    ticks = iter(range(1000))
    found = ladder.climb(ladder.rungs()[place], 0, lambda: float(next(ticks)), target=0.05)
    epochs = 1 if place == 0 else ladder.FAST["epochs"]
    steps = math.ceil(400 / ladder.rungs()[place].batch)
    assert len(found["curve"]) == epochs * min(ladder.LOOKS, steps)
    # The clock moves by one each time it is read: once after reading, then twice for each look.
    assert [seconds for seconds, _ in found["curve"]] == [
        2.0 + i for i in range(len(found["curve"]))
    ]
    assert found["seconds"] == found["curve"][0][0]
    assert found["curve"][-1][1] > 0.05


def test_pictures_and_one_tensor_hold_the_same_numbers():
    images, labels = fashion_mnist("test")
    torch.manual_seed(0)
    first, *_, last = ladder.rungs()
    seen = {}
    for rung in (first, last):
        parts = list(ladder._batches(rung, images[:300], labels[:300])())
        inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
        assert inputs.shape == (300, 1, 28, 28) and inputs.dtype == torch.float32
        seen[rung.name] = sorted(zip(inputs.sum((1, 2, 3)).tolist(), targets.tolist(), strict=True))
    for (a, label), (b, other) in zip(*seen.values(), strict=True):
        assert a == pytest.approx(b, rel=1e-5) and label == other


def test_a_part_that_is_measured_again_leaves_the_others(monkeypatch, tmp_path):
    path = tmp_path / "speed.json"
    path.write_text('{"good": {"test_accuracy": [0.94]}}')
    monkeypatch.setattr(ladder, "variants", lambda: {"as it is": 1.0})
    ladder.measure(["variants"], 1, 1, path=path)
    record = json.loads(path.read_text())
    assert record["good"] == {"test_accuracy": [0.94]}
    assert set(record["variants"]) == MACHINE | {"ratios"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["quick"],
            "no part quick; there are: ladder, fast, good, variants, fit, gpu, gpu_preset, "
            "gpu_steps",
        ),
        (["gpu"], "part gpu: there is no CUDA device"),
        (["fit", "gpu_steps"], "part gpu_steps: there is no CUDA device"),
        (["--middle", "3", "--seeds", "2"], "--middle must be from 1 to --seeds, got 3"),
        (["--clock", "sand"], "invalid choice: 'sand'"),
    ],
)
def test_a_wrong_word_is_named(capsys, monkeypatch, words, told):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as caught:
        ladder.main(words)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_every_rung_is_there_and_the_ends_have_several_seeds(record):
    every = {rung["rung"]: rung["runs"] for rung in record["ladder"]["rungs"]}
    assert list(every) == [rung.name for rung in ladder.rungs()]
    first, *middle, last = every.values()
    assert len(first) == len(last) >= 3
    assert all(1 <= len(runs) <= len(first) for runs in middle)


def test_the_presets_reach_what_they_promise(record):
    assert len(record["fast"]["test_accuracy"]) >= 5
    assert statistics.median(record["fast"]["test_accuracy"]) >= 0.9
    assert statistics.median(record["fast"]["seconds"]) <= 12
    assert min(record["good"]["test_accuracy"]) >= 0.935


def test_the_parts_of_a_gpu_hold_what_was_measured_on_it(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(ladder, "preset", lambda name, seeds: {"seconds": [float(seeds)]})
    monkeypatch.setattr(ladder, "rates", lambda *where: asked.append(where) or {"as it is": 1})
    monkeypatch.setattr(ladder, "kernels", lambda: {"float32": {"ms": 1.0}})
    monkeypatch.setattr(ladder, "asking", lambda: {"asked": 0.1, "there": 2.0})
    path = tmp_path / "speed.json"
    ladder.measure(["gpu", "gpu_preset", "gpu_steps"], 3, 1, path=path)
    presets, own, steps = json.loads(path.read_text()).values()
    assert presets["device"] == steps["device"] == "a GPU"
    assert presets["fast"] == {"seconds": [3.0]} and presets["good"] == {"seconds": [1.0]}
    assert own["device"] == "a GPU" and own["seconds"] == [3.0]
    assert asked == [("cuda", ladder.FAST["batch_size"]), ("cuda", 8192)]
    assert steps["asking"] == {"asked": 0.1, "there": 2.0}


def test_on_the_gpu_the_presets_are_as_accurate_and_asking_is_not_the_work(record):
    told, steps = record["gpu"], record["gpu_steps"]
    assert told["device"] == steps["device"] != "CPU"
    assert statistics.median(told["fast"]["test_accuracy"]) >= 0.9
    assert min(told["good"]["test_accuracy"]) >= 0.935
    assert steps["asking"]["there"] > 10 * steps["asking"]["asked"]


def test_the_preset_for_a_gpu_reaches_94_percent(record):
    told = record["gpu_preset"]
    assert told["device"] != "CPU"
    assert statistics.median(told["test_accuracy"]) >= 0.94


def test_kernels_are_told_for_each_precision_and_memory_format():
    found = ladder.kernels("cpu", batch=64, steps=1)
    assert list(found) == ["float32, channels_last", "float32", "bfloat16, channels_last",
                           "bfloat16"]  # fmt: skip
    for told in found.values():
        assert told["ms"] > 0 and 0 < told["longest"] <= 1 and told["kernel"]


def test_variants_are_ratios_to_the_step_as_it_is(monkeypatch):
    found = {"as it is": 200, "bfloat16": 300, "torch.compile": "RuntimeError: no compiler"}
    monkeypatch.setattr(ladder, "rates", lambda: found)
    assert ladder.variants() == {**found, "as it is": 1.0, "bfloat16": 1.5}


def test_fit_costs_at_most_one_percent(record):
    assert record["fit"]["ratios"]["helpers.fit"]["ratio"] >= 0.99


def test_the_last_rung_is_ten_times_sooner_at_the_target_than_the_first(record):
    rungs = record["ladder"]["rungs"]
    first, last = (
        statistics.median(run["seconds"] or math.inf for run in rungs[place]["runs"])
        for place in (0, -1)
    )
    assert first / last >= 10
