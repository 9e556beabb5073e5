"""What every check is built from, in one place to import from.

A check takes an answer and returns a sentence of praise, or raises ``Wrong`` with a hint::

    @exercise("01.2", hints=("The first hint.", "The second hint, which says more."))
    def standardize(answer: Any) -> str:
        draw = Draw(2)
        for rows, columns, dtype in ((6, 3, torch.float32), (4, 7, torch.float64)):
            x = draw.normal(rows, columns, dtype=dtype)
            compare(
                call(answer, x),
                (x - x.mean(0)) / x.std(0),
                f"standardize(x), for x of shape {tuple(x.shape)},",
                typical={"Each row has mean 0, and each column should.": along_rows(x)},
            )
        return "Each column has mean 0."

* ``call`` runs the answer; ``changes=`` names what it may change of what it is given. Everything
  else must stay as it is: that is looked at afterwards, with the settings of PyTorch and Python.
* ``as_number``, ``as_tensor``, ``as_pair``, ... take a result by value and look at its type and
  shape before they convert it.
* ``compare`` holds it against an independent reference and names typical mistakes, the first
  place that differs, and both numbers. ``require_gradients`` compares gradients.
* ``require`` states anything else, ``require_error`` an error, ``forbid`` what the code must not
  use.
* ``Draw`` makes inputs. A check tries several sizes, shapes that are not square, dtypes, and the
  edges that the statement names.

An error in the answer's code is told as the answer's. An error in the check itself is never: it
says what the answer gave instead. Generators, modes, folders and streams are put back.
"""

from helpers.checks.calling import call, is_stub, named, require_error, run
from helpers.checks.comparing import compare, diagnose, difference, require_gradients, same
from helpers.checks.drawing import Draw
from helpers.checks.registry import EXERCISES, Exercise, exercise
from helpers.checks.source import forbid
from helpers.checks.values import (
    as_bool,
    as_class,
    as_dict,
    as_float,
    as_function,
    as_integer,
    as_list,
    as_module,
    as_number,
    as_numbers,
    as_pair,
    as_tensor,
    as_text,
)
from helpers.checks.verdicts import NotAnswered, TimeOver, Wrong, require
from helpers.checks.words import describe, plain

__all__ = [
    "EXERCISES",
    "Draw",
    "Exercise",
    "NotAnswered",
    "TimeOver",
    "Wrong",
    "as_bool",
    "as_class",
    "as_dict",
    "as_float",
    "as_function",
    "as_integer",
    "as_list",
    "as_module",
    "as_number",
    "as_numbers",
    "as_pair",
    "as_tensor",
    "as_text",
    "call",
    "compare",
    "describe",
    "diagnose",
    "difference",
    "exercise",
    "forbid",
    "is_stub",
    "named",
    "plain",
    "require",
    "require_error",
    "require_gradients",
    "run",
    "same",
]
