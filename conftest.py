"""Loads what compares the notebooks' outputs, orders the tests, and leaves nothing behind."""

import os

pytest_plugins = ["tests.nbval_comparison", "tests.colab.chapters", "tests.order", "tests.traces"]

# Workers that run side by side share the cores. More threads than cores wait for each other, and a
# run takes several times as long.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    threads = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads)))

# glibc returns memory that was just freed to the system, and each training step asks for it again:
# up to a quarter of the time of a chapter that trains. So its kernel keeps at most 256 MiB.
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**28))
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**25))


def pytest_terminal_summary(terminalreporter):
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [dict(report.user_properties).get("mutations") for report in reports]
    scores = [score for score in found if score]
    if scores:
        caught, made = map(sum, zip(*scores, strict=True))
        share = f"{caught} of {made} caught, {100 * caught / made:.1f} %"
        terminalreporter.write_line(
            f"Mutations of stored outputs in {len(scores)} notebooks: {share}"
        )
