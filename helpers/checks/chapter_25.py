"""Checks of chapter 25, TensorBoard."""

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from helpers.checks.machinery import call, exercise, require


def _write(folder: Path, tag: str, events: Iterable[tuple[int, float]], suffix: str = "") -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), filename_suffix=suffix) as writer:
        for time, (step, value) in enumerate(events):
            writer.add_scalar(tag, value, step, walltime=time + (1000.0 if suffix == ".b" else 0.0))


@exercise("25.1")
def last_value(answer: Any) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, "loss", [(0, 1.0), (7, 0.5), (3, 0.75)])
        result = call(answer, folder, "loss")
        require(
            result != (3, 0.75),
            "That is the event written last. The highest step is 7; an earlier line of the file.",
        )
        require(
            isinstance(result, tuple) and len(result) == 2 and result == (7, 0.5),
            f"Of the steps 0, 7, 3 with values 1.0, 0.5, 0.75 it returned {result!r}, expected "
            "(7, 0.5): step first, both numbers.",
        )
        _write(folder, "loss", [(0, 2.0), (7, 0.25)], suffix=".b")
        result = call(answer, folder, "loss")
        require(
            result == (7, 0.25),
            f"A second attempt wrote step 7 again, with 0.25; it returned {result!r}. Among equal "
            "steps the latest wall_time counts.",
        )
        try:
            answer(folder, "accuracy")
        except KeyError as error:
            require("loss" in str(error), f"The KeyError should name the tags there are: {error}.")
        except Exception as error:
            require(
                False, f"For an unknown tag it raised {type(error).__name__}, expected KeyError."
            )
        else:
            require(False, "For an unknown tag it returned something; expected a KeyError.")
    return "The same as the page shows under the pointer."


@exercise("25.2")
def slider(answer: Any) -> str:
    values = [1.0, 0.0, 0.0, 2.0]
    result = call(answer, list(values), 0.0)
    require(
        isinstance(result, list) and len(result) == 4,
        f"Return a list with a number for each value, got {result!r}.",
    )
    require(
        result == values,
        f"With weight 0 nothing is smoothed, but {values} became {result}.",
    )
    result = call(answer, list(values), 0.5)
    require(
        not math.isclose(result[0], 0.5),
        "The first value is 0.5, expected 1.0: divide by 1 - weight**n, as the average began at 0.",
    )
    wanted = [1.0, 1 / 3, 1 / 7, 17 / 15]
    require(
        all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(result, wanted, strict=True)),
        f"For {values} and weight 0.5: {[round(v, 3) for v in result]}, expected "
        f"{[round(v, 3) for v in wanted]}.",
    )
    result = call(answer, [1.0, float("nan"), 0.0], 0.5)
    require(
        math.isnan(result[1]) and not math.isnan(result[2]),
        "After a NaN the line should go on: the NaN is passed through and not averaged.",
    )
    require(
        math.isclose(result[2], 1 / 3, abs_tol=1e-9),
        f"After 1, NaN, 0 the last is {result[2]:.3f}, expected 0.333: n counts finite values.",
    )
    return "Now you know what the slider hides: it lags behind by about 1 / (1 - weight) steps."


@exercise("25.3")
def best_run(answer: Any) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "sweep" / "a", "accuracy", [(0, 0.2), (1, 0.95), (2, 0.5)])
        _write(folder / "sweep" / "b", "accuracy", [(0, 0.1), (1, 0.7), (2, 0.75)])
        _write(folder / "c", "accuracy", [(0, 0.6)])
        _write(folder / "d", "loss", [(0, 9.0)])
        result = call(answer, folder, "accuracy")
    require(
        result != "sweep/a",
        "sweep/a had the highest value on the way, 0.95, but 0.5 at its last step.",
    )
    require(result != "c", "Runs may lie deeper: sweep/b is a run too. See Path.rglob.")
    require(result != "b", "The name alone is not enough: 'sweep/b', relative to the folder.")
    require(
        not Path(str(result)).is_absolute(),
        f"Return the path relative to the folder, 'sweep/b', not the whole path {result!r}.",
    )
    require(isinstance(result, str), f"Return text, got {type(result).__name__}.")
    require(result == "sweep/b", f"It returned {result!r}, expected 'sweep/b'.")
    return "A table of runs is one loop more."
