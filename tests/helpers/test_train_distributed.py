"""The training command on several processes: the result of one, and one end for all of them."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers.checkpoints import load_checkpoint
from helpers.distributed import Ranks, lost_another
from helpers.train import main

SHORT = ["--images", "700", "--epochs", "2", "--device", "cpu"]
SGD = ["--model", "linear", "--optimizer", "sgd", "--lr", "0.05", *SHORT]

# Forks one process for each command, with the environment that torchrun gives, after one import.
LAUNCH = """
import json, os, sys, torch
from helpers import train
torch.set_num_threads(1)
commands, before, extra, folder = json.loads(sys.argv[1])
children = []
for rank, words in enumerate(commands):
    child = os.fork()
    if not child:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), **extra}
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{name}{rank}", os.O_WRONLY | os.O_CREAT), number)
        status = 99
        try:
            exec(before)
            status = train.main(words)
        except SystemExit as end:
            status = end.code
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ranks(tmp_path, *commands, before="", **extra):
    """Runs one rank for each command; returns exit statuses and what each wrote to out and err."""
    folder = tmp_path / f"streams{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    extra = {"WORLD_SIZE": str(len(commands)), "MASTER_ADDR": "127.0.0.1",
             "MASTER_PORT": str(free_port()), **extra}  # fmt: skip
    given = json.dumps([commands, before, extra, str(folder)], default=str)
    done = subprocess.run([sys.executable, "-c", LAUNCH, given], capture_output=True, text=True,
                          timeout=200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts = [[(folder / f"{name}{rank}").read_text() for rank in range(len(commands))]
             for name in ("out", "err")]  # fmt: skip
    return json.loads(done.stdout), *texts


def both(count, *words):
    return [words] * count


def compare(one, other, tolerance):
    """The largest difference of two runs' weights, and of their histories."""
    one, other = (load_checkpoint(path / "checkpoint.pt") for path in (one, other))
    assert list(one["model"]) == list(other["model"])
    for name, value in one["model"].items():
        assert torch.allclose(value, other["model"][name], rtol=0, atol=tolerance), name
    assert len(one["history"]) == len(other["history"])
    for a, b in zip(one["history"], other["history"], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
        assert a["accuracy"] == pytest.approx(b["accuracy"], abs=1e-3)
    # Whatever was drawn at random was drawn alike.
    assert torch.equal(one["random"]["torch"], other["random"]["torch"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "count"), [("linear", 3), ("alexnet", 2), ("convnet", 3), ("quick", 2)]
)
def test_several_processes_give_the_result_of_one(tmp_path, model, count):
    """Uneven parts, dropout, batch normalisation and mirrored images included."""
    # 232 images in batches of 64: three ranks get 22, 21 and 21 of each, 14, 13 and 13 of the last.
    words = [
        "--model",
        model,
        "--optimizer",
        "sgd",
        "--lr",
        "0.005",
        "--augment",
        "--images",
        "232",
    ]
    words += ["--epochs", "2", "--device", "cpu"]
    assert main([str(tmp_path / "one"), *words]) == 0
    statuses, out, err = ranks(tmp_path, *both(count, tmp_path / "many", *words))
    assert statuses == [0] * count, err
    assert "epoch 2: loss" in out[0]
    assert out[1:] == [""] * (count - 1)
    compare(tmp_path / "one", tmp_path / "many", 1e-5)
    one, many = (
        json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "many")
    )
    assert one["settings"] == many["settings"] and one["device"] == many["device"]
    assert sorted(os.listdir(tmp_path / "many")) == ["checkpoint.pt", "result.json"]


@pytest.mark.slow
def test_a_batch_smaller_than_the_number_of_ranks(tmp_path):
    words = ["--model", "convnet", "--optimizer", "sgd", "--lr", "0.05", "--images", "65"]
    words += ["--epochs", "2", "--device", "cpu"]
    assert main([str(tmp_path / "one"), *words]) == 0
    statuses, _, err = ranks(tmp_path, *both(3, tmp_path / "many", *words))
    assert statuses == [0, 0, 0], err
    compare(tmp_path / "one", tmp_path / "many", 2e-5)


@pytest.mark.slow
def test_one_rank_under_torchrun_and_half_precision(tmp_path):
    words = [*SGD, "--precision", "bfloat16"]
    assert main([str(tmp_path / "one"), *words]) == 0
    statuses, _, err = ranks(tmp_path, [tmp_path / "many", *words])
    assert statuses == [0], err
    compare(tmp_path / "one", tmp_path / "many", 2e-3)


# Each rank runs one command after the other, and writes a line after each.
ONE_BY_ONE = """
for case in words:
    try:
        status = train.main(case)
    except SystemExit as end:
        status = f"{end.code} by SystemExit"
    for stream in sys.stdout, sys.stderr:
        print("== status", status, file=stream, flush=True)
    torch.__version__ = "2.11.0" if rank == 2 else torch.__version__
os._exit(0)
"""


def one_by_one(tmp_path, *commands):
    """Returns for each rank and command: its exit status, and what it wrote to out and err."""
    statuses, out, err = ranks(tmp_path, *commands, before=ONE_BY_ONE)
    assert statuses == [0] * len(commands), err
    texts = [[text.split("== status ") for text in texts] for texts in (out, err)]
    results = []
    for outs, errs in zip(*texts, strict=True):
        ends = [part.partition("\n") for part in errs[1:]]
        written = [errs[0], *(rest for _, _, rest in ends[:-1])]
        printed = [outs[0], *(part.partition("\n")[2] for part in outs[1:-1])]
        results.append(list(zip((int(end) for end, _, _ in ends), printed, written, strict=True)))
    return results


@pytest.mark.slow
def test_ranks_that_disagree_are_refused(tmp_path):
    """In one line; after the first command, rank 2 says it has another version of torch."""
    out = str(tmp_path / "out")
    plain = [out, *SHORT]
    cases = [
        ([*plain, "--lr", "1"], [*plain, "--lr", "2"], "--lr is 2.0 on rank 1 and 1.0 on rank 0"),
        (plain, plain, f"torch is 2.11.0 on rank 2 and {torch.__version__} on rank 0"),
        ([*plain, "--seed", "1"], plain, "--seed is 0 on rank 1 and 1 on rank 0"),
        (plain, [*plain, "--lr", "x"],
         "error: argument --lr: invalid float value: 'x' on rank 1 and none on rank 0"),
    ]  # fmt: skip
    firsts, seconds = [case[0] for case in cases], [case[1] for case in cases]
    first, second, third = one_by_one(tmp_path, firsts, seconds, firsts)
    for (status, printed, written), (_, _, told) in zip(first, cases, strict=True):
        assert (status, printed) == (2, "")
        assert "the ranks disagree: " in written and told in written
        assert len(written.splitlines()) == 1
    assert second == third == [(2, "", "")] * 4
    assert not Path(out).exists()


@pytest.mark.slow
def test_what_is_wrong_for_all_is_told_once(tmp_path):
    (tmp_path / "file").write_text("")
    cases = [
        (["--images", "8501"], 2, "--images must be at most 8500, got 8501"),
        (["--seed", "-1"], 2, "seed must be 0 <= seed"),
        (["--resume"], 2, "there is no checkpoint"),
        (["--optimizer", "sgd", "--lr", "1e30"], 1, "in epoch 1: lower --lr"),
        (["--lr", "fast"], 2, "argument --lr: invalid float value: 'fast'"),
    ]
    words = [[str(tmp_path / "out"), "--model", "alexnet", *SHORT, *case[0]] for case in cases]
    words += [[str(tmp_path / "file")], ["--help"]]
    first, second = one_by_one(tmp_path, words, words)
    for (status, printed, written), (_, expected, told) in zip(first[:5], cases, strict=True):
        assert (status, printed) == (expected, "") and told in written
        assert len(written.splitlines()) == 1
    assert first[5] == (2, "", "python -m helpers.train: error: output must be a folder, "
                               f"{tmp_path / 'file'} is a file\n")  # fmt: skip
    assert first[6][0] == 0 and "--batch-size" in first[6][1] and first[6][2] == ""
    assert second == [(status, "", "") for status, _, _ in first]
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.slow
def test_a_rank_that_fails_stops_the_others(tmp_path):
    """Rank 0 cannot write; the others learn it from the closed connection."""
    full = (
        "def full(*a, **b): raise OSError(28, 'No space left on device')\n"
        "train.save_checkpoint = full"
    )
    statuses, _, err = ranks(tmp_path, *both(3, tmp_path / "out", *SGD), before=full)
    assert statuses == [1, 1, 1], err
    assert "rank 0: error: [Errno 28] No space left on device" in err[0]
    for rank in (1, 2):
        assert f"rank {rank}: stopped, because another rank did" in err[rank]
        assert "Traceback" not in err[rank]


@pytest.mark.slow
def test_a_killed_rank_stops_the_others(tmp_path):
    killed = counted(15, "if rank == 1: os.kill(os.getpid(), 9)")
    statuses, _, err = ranks(tmp_path, *both(2, tmp_path / "out", *SGD), before=killed)
    assert statuses == [1, -signal.SIGKILL], err
    assert "rank 0: stopped, because another rank did" in err[0]
    assert "Traceback" not in err[0]
    assert load_checkpoint(tmp_path / "out" / "checkpoint.pt")["epoch"] == 1


def counted(count, then):
    """Code that does something at the SGD optimizer's step of a certain number."""
    return f"""
def replaced(step, steps=[], os=os, rank=rank, first=globals().get("first")):
    def counted(*given, **named):
        steps.append(1)
        if len(steps) == {count}:
            {then}
        return step(*given, **named)
    return counted
torch.optim.SGD.step = replaced(torch.optim.SGD.step)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "later"), [("SIGINT", 1), ("SIGTERM", 3)])
def test_one_interrupted_rank_ends_all_and_another_number_goes_on(tmp_path, number, later):
    words = ["--augment", *SGD]
    assert main([str(tmp_path / "one"), *words]) == 0
    before = counted(15, f"if rank == 1: os.kill(os.getpid(), {getattr(signal, number):d})")
    statuses, _, err = ranks(tmp_path, *both(2, tmp_path / "many", *words), before=before)
    assert statuses == [130, 130], err
    assert "interrupted; saved to" in err[0] and len(err[0].splitlines()) == 1 and err[1] == ""
    saved = load_checkpoint(tmp_path / "many" / "checkpoint.pt")
    assert (saved["epoch"], saved["batch"], len(saved["history"])) == (1, 4, 1)
    if later == 1:
        assert main([str(tmp_path / "many"), *words, "--resume"]) == 0
    else:
        statuses, _, err = ranks(tmp_path, *both(3, tmp_path / "many", *words, "--resume"))
        assert statuses == [0, 0, 0], err
    compare(tmp_path / "one", tmp_path / "many", 2e-5)


@pytest.mark.slow
def test_torchrun_starts_a_killed_run_again_and_it_goes_on(tmp_path):
    """By the real command: rank 1 kills itself once, in the second epoch."""
    words = ["--augment", *SGD]
    assert main([str(tmp_path / "one"), *words]) == 0
    script = tmp_path / "killed_once.py"
    before = counted(15, "if rank == 1 and first: os.kill(os.getpid(), 9)")
    script.write_text(
        "import os, sys, torch\nfrom helpers import train\n"
        "rank = int(os.environ['RANK'])\n"
        "first = os.environ['TORCHELASTIC_RESTART_COUNT'] == '0'\n"
        f"{before}"
        "sys.exit(train.main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "--max-restarts", "1", str(script), str(tmp_path / "many"), *words],
        capture_output=True, text=True, timeout=200, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The second start prints the second epoch only.
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["epoch 1", "epoch 2"]
    compare(tmp_path / "one", tmp_path / "many", 2e-5)


@pytest.mark.slow
def test_torchrun_itself_interrupted_saves_once(tmp_path):
    words = ["--model", "linear", "--images", "8000", "--epochs", "500", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "helpers.train", str(tmp_path / "out"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout.readline().startswith("epoch 1: loss")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=200)
    assert process.returncode != 0
    assert err.count("interrupted; saved to") == 1
    assert load_checkpoint(tmp_path / "out" / "checkpoint.pt")["epoch"] >= 1


@pytest.mark.slow
def test_the_old_run_in_a_folder_is_not_taken_for_this_one(tmp_path):
    """Only torchrun's own run goes on by itself; a new start begins at the beginning."""
    words, others = [str(tmp_path / "x"), *SGD], [str(tmp_path / "x"), *SGD, "--seed", "3"]
    job, restart = "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"
    cases = [
        ({job: "job-1"}, words, "12"),
        ({job: "job-1"}, words, ""),  # complete: nothing is left to do
        ({job: "job-2"}, words, "12"),
        ({job: "none"}, words, "12"),
        ({job: "none", restart: "1"}, words, ""),
        ({job: "none", restart: "1"}, others, "12"),  # other options make another run
        ({job: "none", restart: "1"}, others, ""),
        ({job: "none"}, others, "12"),
        ({}, others, "12"),
    ]
    code = f"""
for given, words, _ in {cases!r}:
    for name in {[job, restart]!r}:
        os.environ.pop(name, None)
    os.environ |= given
    assert train.main(words) == 0
    print("end", flush=True)
open({str(tmp_path / "x" / "checkpoint.pt")!r}, "wb").write(b"damaged")
os.environ |= {cases[4][0]!r}
words = {words!r}
"""
    statuses, out, err = ranks(tmp_path, words, before=code)
    assert statuses == [0], err
    printed = "".join(line.split(":")[0].removeprefix("epoch ") for line in out[0].splitlines())
    assert printed.replace("end", ",") == ",".join([*(case[2] for case in cases), "12"])


@pytest.mark.slow
def test_main_may_be_called_again_by_the_same_ranks(tmp_path):
    before = f"assert train.main({[str(tmp_path / 'a'), *SGD]!r}) == 0"
    statuses, out, err = ranks(tmp_path, *both(2, tmp_path / "b", *SGD), before=before)
    assert statuses == [0, 0], err
    first, second = out[0].splitlines()[:2], out[0].splitlines()[2:]
    assert first == second != []


def test_a_gpu_for_each_process(tmp_path, capsys, monkeypatch):
    from helpers import train

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    taken = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    device = train._own_device("cuda", Ranks(5, 8, 1, joined=True))
    assert (device, taken) == (torch.device("cuda:1"), [torch.device("cuda:1")])
    with pytest.raises(ValueError, match="3 processes need as many GPUs, and this machine has 2"):
        train._own_device("cuda", Ranks(6, 8, 2, joined=True))
    assert train._own_device("cuda", Ranks()) == torch.device("cuda")


def test_parts_are_the_batch():
    batch = torch.arange(23)
    for size in (1, 2, 3, 23, 30):
        parts = [Ranks(rank, size).part(batch) for rank in range(size)]
        assert torch.equal(torch.cat(parts), batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_nothing_is_sent_or_changed():
    alone = Ranks()
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.BatchNorm2d(3))
    assert alone.wrap(model) is model and type(model[0]) is torch.nn.Dropout
    assert (alone.total(3), alone.shared("x"), alone.all("x")) == (3, "x", ["x"])


def test_other_errors_are_not_taken_for_a_lost_rank():
    assert lost_another(RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer"))
    assert not lost_another(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not lost_another(OSError("Connection refused"))


@pytest.mark.slow
def test_the_streams_of_the_ranks_are_apart(tmp_path):
    """The launcher of these tests: what a rank writes and how it ends is its own."""
    before = "print('I am', rank); sys.exit(10 + rank)"
    assert ranks(tmp_path, *both(2, "x"), before=before)[:2] == ([10, 11], ["I am 0\n", "I am 1\n"])
    assert Path(tmp_path / "streams0" / "err1").read_text() == ""
