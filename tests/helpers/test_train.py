"""The training command: options, errors, exit status, interruption and resumption."""

import json
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers.checkpoints import load_checkpoint, save_checkpoint
from helpers.data import fashion_mnist
from helpers.train import main, read_options

SHORT = ["--model", "linear", "--images", "600", "--epochs", "2", "--device", "cpu"]


def test_the_command_line_wins_over_the_file_and_the_file_over_the_default(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"lr": 0.5, "batch_size": 7, "augment": True}))
    options = read_options(["out", "--lr", "0.25", "--config", str(config), "--no-augment"])
    assert (options.lr, options.batch_size, options.augment, options.epochs) == (0.25, 7, False, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["out", "--lr", "fast"], "argument --lr: invalid float value: 'fast'"),
        (["out", "--lr", "-1"], "argument --lr: must be above 0 and finite, got -1"),
        (["out", "--lr", "inf"], "argument --lr: must be above 0 and finite, got inf"),
        (["out", "--epochs", "1.5"], "argument --epochs: invalid int value: '1.5'"),
        (["out", "--model", "resnet"], "argument --model: invalid choice: 'resnet'"),
        (["out", "--rate", "1"], "unrecognized arguments: --rate"),
        ([], "the following arguments are required: output"),
        (["out", "--config", "missing.json"], "argument --config: missing.json cannot be read"),
    ],
)
def test_a_wrong_argument_is_named(capsys, arguments, told):
    with pytest.raises(SystemExit) as caught:
        read_options(arguments)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_a_wrong_argument_of_the_command_is_told_on_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["out", "--lr", "0"])
    assert caught.value.code == 2
    told = "python -m helpers.train: error: argument --lr: must be above 0 and finite, got 0\n"
    assert capsys.readouterr().err == told


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "out"), *SHORT]) == 2
    told = f"output must be a folder, a part of {tmp_path / 'file' / 'out'} is a file"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[1]", "must hold an object of options"),
        ('{"rate": 1}', "unknown option 'rate'"),
        ('{"output": "x"}', "unknown option 'output'"),
        ('{"config": "x"}', "unknown option 'config'"),
        ('{"help": true}', "unknown option 'help'"),
        ('{"augment": "no"}', 'argument --augment: must be true or false, got "no" in'),
        ('{"resume": 0}', "argument --resume: must be true or false, got 0 in"),
        ('{"resume": null}', "argument --resume: must be true or false, got null in"),
        ('{"lr": false}', "argument --lr: must be a number or a text, got false in"),
        ('{"model": true}', "argument --model: must be a number or a text, got true in"),
        ('{"seed": null}', "argument --seed: must be a number or a text, got null in"),
        ('{"lr": [0.1]}', "argument --lr: invalid float value: '[0.1]'"),
        ('{"model": {"name": "linear"}}', "argument --model: invalid choice"),
        ('{"epochs": 3.0}', "argument --epochs: invalid int value: '3.0'"),
        ('{"lr": NaN}', "argument --lr: must be above 0 and finite, got nan"),
        ('{"lr": "fast"}', "argument --lr: invalid float value: 'fast'"),
        ('{"epochs": -3}', "argument --epochs: must be above 0 and finite, got -3"),
    ],
)
def test_a_wrong_config_file_is_named(capsys, tmp_path, text, told):
    config = tmp_path / "config.json"
    config.write_text(text)
    with pytest.raises(SystemExit) as caught:
        read_options(["out", "--config", str(config)])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_every_option_may_stand_in_a_file_at_its_default(tmp_path):
    bare = vars(read_options(["out"]))
    config = tmp_path / "config.json"
    given = {name: value for name, value in bare.items() if name not in ("output", "config")}
    config.write_text(json.dumps(given))
    assert vars(read_options(["out", "--config", str(config)])) == bare | {"config": config}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_may_spell_options_as_the_command_line_does(tmp_path, encoding):
    config = tmp_path / "config.json"
    config.write_text('{"batch-size": "32", "augment": true, "seed": -1}', encoding=encoding)
    options = read_options(["out", "--config", str(config)])
    assert (options.batch_size, options.augment, options.seed) == (32, True, -1)


def test_the_command_line_takes_back_a_switch_of_the_file(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"resume": true}')
    assert read_options(["out", "--config", str(config)]).resume
    assert not read_options(["out", "--config", str(config), "--no-resume"]).resume


@pytest.mark.parametrize("model", ["linear", "alexnet", "convnet"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_every_choice_runs(tmp_path, capsys, model, optimizer, schedule):
    arguments = ["--model", model, "--optimizer", optimizer, "--schedule", schedule]
    assert main([str(tmp_path), *arguments, "--images", "100", "--epochs", "1"]) == 0
    assert "epoch 1: loss" in capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["settings"]["schedule"] == schedule
    assert 0 <= result["history"][0]["accuracy"] <= 1


def test_half_precision_and_mirroring_run(tmp_path):
    arguments = [str(tmp_path), *SHORT, "--precision", "bfloat16", "--augment"]
    assert main(arguments) == 0


def test_accuracy_is_of_held_out_training_images_and_the_test_images_stay_closed(
    tmp_path, monkeypatch
):
    opened = []

    def watched(split):
        opened.append(split)
        return fashion_mnist(split)

    monkeypatch.setattr("helpers.train.fashion_mnist", watched)
    assert main([str(tmp_path), *SHORT]) == 0
    assert opened == ["train"]
    state = load_checkpoint(tmp_path / "checkpoint.pt")["model"]
    images, labels = fashion_mnist("train")
    logits = images[8500:].flatten(1).float() / 255 @ state["1.weight"].T + state["1.bias"]
    right = (logits.argmax(dim=1) == labels[8500:]).float().mean().item()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["history"][-1]["accuracy"] == pytest.approx(right, abs=2e-3)


def test_more_images_than_there_are(tmp_path, capsys):
    assert main([str(tmp_path), "--images", "8501"]) == 2
    assert "--images must be at most 8500, got 8501" in capsys.readouterr().err


def test_no_cuda_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([str(tmp_path), "--device", "cuda"]) == 2
    assert "--device cuda: there is no CUDA device" in capsys.readouterr().err


def test_resuming_nothing_or_something_else_is_refused(tmp_path, capsys):
    assert main([str(tmp_path), *SHORT, "--resume"]) == 2
    assert "there is no checkpoint" in capsys.readouterr().err
    assert main([str(tmp_path), *SHORT]) == 0
    assert main([str(tmp_path), *SHORT, "--lr", "1", "--seed", "5", "--resume"]) == 2
    assert "had other values of: lr, seed" in capsys.readouterr().err


def test_a_checkpoint_that_is_none_or_of_another_network_is_refused(tmp_path, capsys):
    """In one line, with status 2, and the file stays as it is."""
    path = tmp_path / "checkpoint.pt"
    told = {}
    path.write_bytes(b"no checkpoint")
    told["checkpoint.pt is not a checkpoint, or only a part of one"] = path.read_bytes()
    assert main([str(tmp_path), *SHORT, "--resume"]) == 2
    save_checkpoint(path, model={"weight": torch.ones(2)})
    told[f"{path} was not written by python -m helpers.train"] = path.read_bytes()
    assert main([str(tmp_path), *SHORT, "--resume"]) == 2
    assert main([str(tmp_path), *SHORT]) == 0
    saved = load_checkpoint(path)
    del saved["random"]
    saved["model"] = {"1.weight": torch.ones(3, 3), "1.bias": torch.ones(3)}
    save_checkpoint(path, **saved)
    told[f"{path} does not fit --model linear"] = path.read_bytes()
    assert main([str(tmp_path), *SHORT, "--resume"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" error: ")[2] for line in lines] == list(told)
    assert path.read_bytes() == list(told.values())[-1]


def test_a_folder_that_cannot_be_written_to_is_a_failure_on_the_way(tmp_path, capsys, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("helpers.train.save_checkpoint", full)
    assert main([str(tmp_path), *SHORT]) == 1
    assert "error: [Errno 28] No space left on device" in capsys.readouterr().err


def test_a_loss_that_explodes_ends_the_run(tmp_path, capsys):
    arguments = [str(tmp_path), "--optimizer", "sgd", "--lr", "1e30", "--images", "640"]
    assert main(arguments) == 1
    assert "lower --lr" in capsys.readouterr().err


def test_an_output_that_is_a_file(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main([str(tmp_path / "taken"), *SHORT]) == 2
    assert "taken" in capsys.readouterr().err


@pytest.mark.slow
def test_interrupted_and_resumed_equals_unbroken(tmp_path):
    arguments = ["--images", "3000", "--epochs", "3", "--device", "cpu", "--augment"]
    command = [sys.executable, "-m", "helpers.train"]
    subprocess.run([*command, str(tmp_path / "whole"), *arguments], check=True, capture_output=True)

    # The signal comes in the middle of the second epoch, whatever the machine is busy with.
    signalled = (
        "import os, signal, sys; from helpers import train; from torch import optim\n"
        "step, steps = optim.AdamW.step, []\n"
        "def counted(*given, **named):\n"
        "    steps.append(1)\n"
        "    if len(steps) == 70: os.kill(os.getpid(), signal.SIGINT)\n"
        "    return step(*given, **named)\n"
        "optim.AdamW.step = counted\n"
        "sys.exit(train.main(sys.argv[1:]))"
    )
    broken = [str(tmp_path / "broken"), *arguments]
    process = subprocess.run(
        [sys.executable, "-c", signalled, *broken], capture_output=True, text=True
    )
    errors = process.stderr
    assert process.returncode == 130
    assert "interrupted; saved to" in errors and "--resume" in errors
    assert not (tmp_path / "broken" / "result.json").exists()

    subprocess.run([*command, *broken, "--resume"], check=True, capture_output=True)
    whole, resumed = (
        load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "broken")
    )
    assert whole["history"] == resumed["history"]
    for name, value in whole["model"].items():
        assert torch.equal(value, resumed["model"][name]), name


def test_a_checkpoint_is_read_on_the_cpu_whatever_the_device(tmp_path, monkeypatch):
    """On a GPU, a state of a generator that was moved there could not be set."""
    real, asked = torch.load, []

    def watched(*arguments, **options):
        asked.append(options["map_location"])
        return real(*arguments, **options)

    assert main([str(tmp_path), *SHORT]) == 0
    # The CPU under its other name stands in for a GPU: it computes, and is not called "cpu".
    monkeypatch.setattr("helpers.train._device", lambda name: torch.device("cpu:0"))
    monkeypatch.setattr(torch, "load", watched)
    assert main([str(tmp_path), *SHORT, "--resume"]) == 0
    assert asked == ["cpu"]


def test_no_step_waits_for_the_value_of_its_loss(tmp_path):
    class Waits(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.count += function.name() == "aten::_local_scalar_dense"
            return function(*args, **(kwargs or {}))

    found = []
    for images in (320, 640):
        words = ["--model=linear", "--optimizer=sgd", "--epochs=1", "--device=cpu"]
        with Waits() as waits:
            assert main([str(tmp_path / str(images)), *words, f"--images={images}"]) == 0
        found.append(waits.count)
    assert found[0] == found[1] > 0
