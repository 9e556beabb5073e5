"""How fast a machine is, by two pieces of work that never change.

Seconds differ by two and more between machines. The records of chapters, pages and tests carry what
is measured here, so that two of them can be compared.
"""

import statistics
import subprocess
import sys
import time

import torch

from tests.notebooks import ROOT

SIZE, PRODUCTS, REPETITIONS = 1024, 20, 5


def statements(texts: list[str]) -> dict[str, float]:
    """Returns each statement's median seconds, measured in turn in fresh processes."""
    code = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    seconds: dict[str, list[float]] = {text: [] for text in texts}
    for _ in range(REPETITIONS):
        for text, measured in seconds.items():
            command = [sys.executable, "-c", code.format(text)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            measured.append(float(done.stdout))
    return {text: statistics.median(measured) for text, measured in seconds.items()}


def product() -> float:
    """Returns the median seconds of a product of two float32 matrices on all cores of the CPU."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))
    seconds = []
    for _ in range(REPETITIONS + 1):  # the first round is for warming up
        started = time.perf_counter()
        for _ in range(PRODUCTS):
            a @ b
        seconds.append((time.perf_counter() - started) / PRODUCTS)
    return statistics.median(seconds[1:])


def measure() -> dict[str, float]:
    """Returns this machine's yardstick: milliseconds of the product, seconds of importing torch."""
    return {
        "product_ms": round(1000 * product(), 2),
        "import_seconds": round(statements(["import torch"])["import torch"], 2),
    }
