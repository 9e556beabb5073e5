"""Loads the comparison of notebooks' outputs, wherever pytest is started from."""

import os

pytest_plugins = ["tests.nbval_comparison"]

# Workers that run side by side share the cores. More threads than cores wait for each other, and a
# run takes several times as long.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    threads = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads)))
