"""Loads the comparison of notebooks' outputs, wherever pytest is started from."""

pytest_plugins = ["tests.nbval_comparison"]
