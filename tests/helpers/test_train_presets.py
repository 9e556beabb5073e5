"""The training command with --preset, --full, --data and --download."""

import gzip
import json
import struct

import numpy as np
import pytest
import torch

from helpers import train
from helpers.data import fashion
from helpers.networks import quick_net
from helpers.train import PRESETS, _options, main

SHORT = ["--images", "300", "--epochs", "1", "--device", "cpu"]


def wrong(arguments, capsys):
    """Returns the last line of a command that must end with status 2."""
    with pytest.raises(SystemExit) as caught:
        _options(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_without_a_preset_the_defaults_are_those_of_chapter_19():
    bare, before = vars(_options(["out"])), vars(train.read_options(["out"]))
    assert {name: bare[name] for name in before} == before
    assert train._settings(_options(["out"])).keys() == set(train._FIXED)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_options(name):
    options = vars(_options(["out", "--preset", name]))
    bare = vars(_options(["out"]))
    assert options == bare | PRESETS[name] | {"preset": name}


def test_the_file_wins_over_the_preset_and_the_command_line_over_both(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"lr": 0.5, "epochs": 7, "fused": false}')
    words = ["out", "--preset", "fast", "--config", str(config), "--epochs", "4"]
    options = _options(words)
    assert (options.lr, options.epochs, options.fused) == (0.5, 4, False)
    assert options.batch_size == PRESETS["fast"]["batch_size"] and options.channels_last


def test_a_file_may_name_the_preset_and_the_command_line_take_it_back(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"preset": "fast", "full": true, "label_smoothing": 0.2}')
    options = _options(["out", "--config", str(config)])
    assert (options.model, options.images, options.label_smoothing) == ("quick", 55_000, 0.2)
    options = _options(["out", "--config", str(config), "--preset", "none", "--no-full"])
    assert (options.model, options.images, options.label_smoothing) == ("alexnet", 8500, 0.2)


def test_a_file_may_name_the_folder_of_the_original_files(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"full": true, "data": "somewhere"}')
    assert _options(["out", "--config", str(config)]).data == "somewhere"
    config.write_text('{"folder": "somewhere"}')
    with pytest.raises(SystemExit):
        _options(["out", "--config", str(config)])


def test_full_means_all_images_unless_their_number_is_given():
    assert _options(["out"]).images == 8500
    assert _options(["out", "--full"]).images == 55_000
    assert _options(["out", "--full", "--images", "100"]).images == 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["out", "--preset", "slow"], "argument --preset: invalid choice: 'slow'"),
        (["out", "--preset"], "argument --preset: expected one argument"),
        (["out", "--download"], "argument --download: goes with --full"),
        (["out", "--data", "here"], "argument --data: goes with --full"),
        (["out", "--label-smoothing", "1"], "argument --label-smoothing: must be at least 0 and"),
        (["out", "--label-smoothing", "nan"], "argument --label-smoothing: must be at least 0 and"),
        (
            ["out", "--label-smoothing", "a"],
            "argument --label-smoothing: invalid number value: 'a'",
        ),
    ],
)
def test_a_wrong_argument_is_named(capsys, arguments, told):
    assert told in wrong(arguments, capsys)


def test_a_preset_trains_and_tells_its_settings(tmp_path):
    assert main([str(tmp_path), "--preset", "fast", *SHORT]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["settings"]["label_smoothing"] == 0.1 and result["settings"]["fused"]
    assert "full" not in result["settings"] and "test_accuracy" not in result


@pytest.mark.parametrize("model", ["quick", "wide", "vgg"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_new_networks_run_with_each_optimizer(tmp_path, model, optimizer):
    words = ["--model", model, "--optimizer", optimizer, "--fused", "--channels-last"]
    assert main([str(tmp_path), *words, *SHORT]) == 0


def test_a_last_batch_of_one_image_is_told_before_the_training(tmp_path, capsys):
    words = [str(tmp_path / "out"), "--model", "quick", "--images", "101", "--batch-size", "50"]
    assert main(words) == 2
    assert "--batch-size 50 leaves a last batch of one image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_smoothing_does_not_go_on(tmp_path, capsys):
    words = [str(tmp_path), "--model", "linear", *SHORT]
    assert main([*words, "--label-smoothing", "0.1", "--channels-last"]) == 0
    assert main([*words, "--resume"]) == 2
    assert "had other values of: label_smoothing, channels_last" in capsys.readouterr().err


def write_original(folder, split, count, seed):
    """Writes an original file of random images; returns them and their labels."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    prefix = {"train": "train", "test": "t10k"}[split]
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        with gzip.open(folder / f"{prefix}-{name}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(head + array.tobytes())
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """A folder of small files in the original format."""
    monkeypatch.setattr(fashion, "_FASHION_SIZE", {"train": 700, "test": 120})
    monkeypatch.setattr(train, "FULL_HELD_OUT", 100)
    folder = tmp_path / "originals"
    folder.mkdir()
    return folder, {
        split: write_original(folder, split, count, seed)
        for seed, (split, count) in enumerate((("train", 700), ("test", 120)))
    }


FULL = ["--full", "--model", "quick", "--images", "600", "--epochs", "2", "--device", "cpu"]


def test_full_opens_the_test_images_once_at_the_end(tmp_path, originals, monkeypatch, capsys):
    folder, data = originals
    opened, read = [], train.fashion_mnist

    def watched(split, **options):
        opened.append((split, (tmp_path / "out" / "checkpoint.pt").exists()))
        return read(split, **options)

    monkeypatch.setattr(train, "fashion_mnist", watched)
    assert main([str(tmp_path / "out"), *FULL, "--data", str(folder)]) == 0
    assert opened == [("train", False), ("test", True)]
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["settings"]["full"] is True
    assert result["seconds"].keys() == {"reading", "training"}
    assert min(result["seconds"].values()) > 0

    model = quick_net()
    saved = train.load_checkpoint(tmp_path / "out" / "checkpoint.pt")
    model.load_state_dict(saved["model"])
    model.eval()
    images, labels = data["test"]
    with torch.no_grad():
        right = (model(images.float() / 255).argmax(dim=1) == labels).double().mean().item()
    assert result["test_accuracy"] == pytest.approx(right, abs=1e-9)
    assert f"test accuracy {right:.4f}, " in capsys.readouterr().out


def test_training_seconds_go_on_with_the_run(tmp_path, originals):
    folder, _ = originals
    words = [str(tmp_path / "out"), *FULL, "--data", str(folder)]
    assert main(words) == 0
    first = json.loads((tmp_path / "out" / "result.json").read_text())
    assert main([*words, "--resume"]) == 0
    second = json.loads((tmp_path / "out" / "result.json").read_text())
    assert second["seconds"]["training"] == first["seconds"]["training"]
    assert second["test_accuracy"] == first["test_accuracy"]


def test_full_has_a_limit_of_images_of_its_own(tmp_path, originals, capsys):
    folder, _ = originals
    assert main([str(tmp_path / "out"), "--full", "--images", "601", "--data", str(folder)]) == 2
    assert "--images must be at most 600, got 601" in capsys.readouterr().err


def test_full_without_the_files_says_what_to_do(tmp_path, capsys):
    words = [str(tmp_path / "out"), "--full", "--data", str(tmp_path / "nowhere")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"--full: train-images-idx3-ubyte.gz is not in {tmp_path / 'nowhere'}." in error
    assert "Add --download" in error and "dataset-fashion-mnist" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
def test_a_damaged_file_is_named(tmp_path, originals, capsys, name):
    folder, _ = originals
    path = folder / name
    path.write_bytes(path.read_bytes()[:-20])
    assert main([str(tmp_path / "out"), *FULL, "--data", str(folder)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and "Add --download" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_test_file_ends_the_run_after_its_checkpoint(tmp_path, originals, capsys):
    folder, _ = originals
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    assert main([str(tmp_path / "out"), *FULL, "--data", str(folder)]) == 2
    assert "t10k-images-idx3-ubyte.gz" in capsys.readouterr().err
    assert (tmp_path / "out" / "checkpoint.pt").exists()
    assert not (tmp_path / "out" / "result.json").exists()


def test_a_download_without_a_network_is_told(tmp_path, monkeypatch, capsys):
    def unreachable(address, target, *, md5):
        raise ConnectionError(f"{address} could not be fetched")

    monkeypatch.setattr(fashion, "fetch", unreachable)
    words = [str(tmp_path / "out"), "--full", "--download", "--data", str(tmp_path / "data")]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "could not be fetched" in error and error.count("\n") == 1
    assert "Add --download" not in error
    assert not (tmp_path / "out").exists()
