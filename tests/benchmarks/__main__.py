"""Measures the book, prints tables, and keeps the budgets. Run by hand: make bench.

The budgets (seconds and memory of each chapter, seconds of a build) are written to
``book/results/budgets.json``, which the page *How to use this book* shows. They, and the
records of pages and tests, carry the yardstick of the machine.

``python -m tests.benchmarks`` with a name measures one part. ``budgets``. ``pages``: the weight of
the built pages and Lighthouse's scores, in ``book/results/pages.json``. ``speed``: imports and the
training loop. ``precision``: autocast, channels_last and torch.compile against the plain step.
``tests``: the tests themselves, by group, in ``book/results/tests.json``. ``ladder``: chapter 30's
rungs and presets on all of Fashion-MNIST, in ``helpers/assets/speed.json``.
"""

import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

import nbformat
import torch
from nbclient import NotebookClient
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import helpers
from book import notebooks
from tests.benchmarks import ladder, pages, suite, yardstick
from tests.benchmarks.precision import ratios

ROOT = Path(__file__).parents[2]
BUDGETS = ROOT / "book" / "results" / "budgets.json"
REPETITIONS = 40
ROW = "{:<44}{:>12}{:>14}"


def notebook(path: Path) -> tuple[float, float]:
    """Runs a notebook in a fresh kernel; returns seconds and peak memory in MiB."""
    content = nbformat.read(path, as_version=4)
    # Not ru_maxrss, which a process inherits from the one that started it.
    probe = "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    content.cells.append(nbformat.v4.new_code_cell(probe))
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        started = time.perf_counter()
        NotebookClient(content, kernel_name="python3", timeout=600, resources=resources,
                       startup_timeout=600).execute()  # fmt: skip
        seconds = time.perf_counter() - started
    return seconds, int(content.cells[-1].outputs[0].text) / 1024


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * 14 * 14, 10),
    )  # fmt: skip


def _bare(model: nn.Module, train: DataLoader, val: DataLoader) -> None:
    """What helpers.fit does in one epoch, written bare."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    criterion = nn.CrossEntropyLoss()
    device = helpers.device()
    model.to(device)
    model.train()
    total, count = 0.0, 0
    for inputs, targets in train:
        inputs, targets = inputs.to(device), targets.to(device)
        optimizer.zero_grad()
        logits = model(inputs)
        loss = criterion(logits, targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
        count += len(inputs)
    model.eval()
    total, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for inputs, targets in val:
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)
            total += criterion(logits, targets).item() * len(inputs)
            correct += (logits.argmax(dim=1) == targets).sum().item()
            count += len(inputs)


def _with_helpers(model: nn.Module, train: DataLoader, val: DataLoader) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    helpers.fit(model, train, val, optimizer, epochs=1, device=helpers.device())


def training() -> dict[str, tuple[float, list[float]]]:
    """Trains with helpers.fit, bare, and bare once more, in shuffled order.

    Without a GPU, one thread's processor time is taken: wall time on two threads moved by 8 % with
    what else ran, and with the order. The second bare run shows what spread is left.

    Returns:
        For each: median images/s, and the quartiles of its ratios to the bare run of its round.
    """
    on_cpu = helpers.device().type == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    loaders = []
    for split, count in (("train", 3000), ("test", 600)):
        images, labels = helpers.data.fashion_mnist(split)
        data = TensorDataset(images[:count].float() / 255, labels[:count])
        loaders.append(DataLoader(data, batch_size=64))
    runs = {"bare loop": _bare, "bare loop again": _bare, "helpers.fit": _with_helpers}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    shuffle = random.Random(0)
    for repetition in range(-1, REPETITIONS):
        for name in shuffle.sample(list(runs), len(runs)):
            model = _network()
            started = clock()
            runs[name](model, *loaders)
            if repetition >= 0:  # the first round is for warming up
                rates[name].append(len(loaders[0].dataset) / (clock() - started))
    torch.set_num_threads(threads)
    bare = rates["bare loop"]
    return {
        name: (
            statistics.median(own),
            statistics.quantiles([a / b for a, b in zip(own, bare, strict=True)], n=4),
        )
        for name, own in rates.items()
        if name != "bare loop"
    } | {"bare loop": (statistics.median(bare), [1.0, 1.0, 1.0])}


def site() -> tuple[float, float]:
    """Returns the seconds of a first build, and of a second with one notebook touched."""
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        command += ["-W", "-n", "--keep-going", "--quiet", "--path-output", folder]
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
            os.utime(ROOT / "notebooks" / "01_tensors.ipynb")
    return seconds[0], seconds[1]


def keep(chapters: dict[str, dict[str, float]], cold: float, warm: float) -> None:
    """Writes the budgets to their record."""
    record = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "cores": os.cpu_count(),
        "yardstick": yardstick.measure(),
        "build_seconds": round(cold, 1),
        "rebuild_seconds": round(warm, 1),
        "chapters": chapters,
    }
    BUDGETS.parent.mkdir(exist_ok=True)
    helpers.files.write_atomically(BUDGETS, (json.dumps(record, indent=1) + "\n").encode())


def precision() -> None:
    print(ROW.format("training step", "of plain's", ""))
    for name, ratio in ratios().items():
        print(ROW.format(name, ratio if isinstance(ratio, str) else f"{ratio:.2f}", ""), flush=True)


def speed() -> None:
    texts = ["import torch", "import helpers", "import helpers; helpers.setup()"]
    found = yardstick.statements(texts)
    print(ROW.format("import", "seconds", "of torch's"))
    torchs = found["import torch"]
    for text, seconds in found.items():
        print(ROW.format(text, f"{seconds:.3f}", f"{seconds / torchs:.3f}"), flush=True)

    print("\n" + ROW.format("training (fit: at least 0.97)", "images/s", "of bare's"))
    for name, (rate, (low, middle, high)) in training().items():
        print(ROW.format(name, f"{rate:.0f}", f"{middle:.3f}"), f"  quartiles {low:.3f} {high:.3f}")


def budgets() -> None:
    print(ROW.format("notebook", "seconds", "peak MiB"))
    chapters: dict[str, dict[str, float]] = {}
    for path in notebooks.chapters():
        seconds, memory = notebook(path)
        chapters[path.stem] = {"seconds": round(seconds, 1), "peak_mib": round(memory)}
        print(ROW.format(path.stem, f"{seconds:.1f}", f"{memory:.0f}"), flush=True)
    total = sum(chapter["seconds"] for chapter in chapters.values())
    print(ROW.format("all", f"{total:.1f}", ""))

    cold, warm = site()
    print("\n" + ROW.format("site", "seconds", ""))
    print(ROW.format("first build", f"{cold:.1f}", ""))
    print(ROW.format("one notebook changed", f"{warm:.1f}", ""), flush=True)

    keep(chapters, cold, warm)


def site_pages() -> None:
    record = pages.measure()
    print(ROW.format("page, as a phone loads it", "kB, gzip", "elements"))
    for name, page in record["pages"].items():
        print(ROW.format(name, page["wire_kb"], page["elements"]))
    for name, scores in record["lighthouse"].items():
        print(ROW.format(f"Lighthouse, {name}", *list(scores.values())[:2]))


def tests() -> None:
    record = suite.measure()
    print(ROW.format("tests", "seconds", ""))
    for name, seconds in record["groups"].items():
        print(ROW.format(name, f"{seconds:.0f}", ""))
    print(ROW.format("all, by two workers", record["seconds"], ""))
    print(ROW.format("pytest --nbval -n 2 notebooks", record["notebooks_alone_seconds"], ""))
    print(ROW.format("ratio (at most 2.2)", record["ratio"], ""))
    print(ROW.format("peak MiB (at most 6144)", record["peak_mib"], ""))


PARTS = {
    "budgets": budgets,
    "pages": site_pages,
    "speed": speed,
    "precision": precision,
    "tests": tests,
    "ladder": lambda: ladder.main([]),
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    threads = torch.get_num_threads()
    print(f"Python {sys.version.split()[0]}, torch {torch.__version__}, {helpers.device()}, "
          f"{threads} threads")  # fmt: skip
    for name in wanted:
        print()
        PARTS[name]()


if __name__ == "__main__":
    main()
