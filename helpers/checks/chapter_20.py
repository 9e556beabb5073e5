"""Checks of chapter 20, Checkpoints."""

import tempfile
from pathlib import Path
from typing import Any

import torch

from helpers.checks.machinery import Wrong, call, exercise, require


@exercise("20.1")
def without_prefix(answer: Any) -> str:
    state = {"module.a.weight": 1, "module.module.b": 2, "c.module.d": 3, "mod": 4}
    before = dict(state)
    result = call(answer, state, "module.")
    require(state == before, "The dictionary that was passed in was changed: make a new one.")
    require(
        "c.d" not in result, "'c.module.d' became 'c.d': only names that begin with the prefix."
    )
    require("b" not in result, "'module.module.b' became 'b': remove the prefix once.")
    require(
        "mod" in result and result["mod"] == 4,
        "'mod' is gone or cut: names without the prefix stay as they are.",
    )
    expected = {"a.weight": 1, "module.b": 2, "c.module.d": 3, "mod": 4}
    require(result == expected, f"It gave {result}, expected {expected}.")
    try:
        answer({"module.a": 1, "a": 2}, "module.")
    except ValueError:
        return "load_state_dict takes it now."
    raise Wrong("'module.a' and 'a' became one name, and no ValueError was raised.")


@exercise("20.2")
def average(answer: Any) -> str:
    states = [
        {"weight": torch.full((2,), value), "counter": torch.tensor(number)}
        for value, number in ((1.0, 10), (2.0, 25), (6.0, 30))
    ]
    before = [{name: tensor.clone() for name, tensor in state.items()} for state in states]
    mean = call(answer, states)
    for number, (state, old) in enumerate(zip(states, before, strict=True)):
        require(
            all(torch.equal(state[name], old[name]) for name in old),
            f"states[{number}] was changed: add up in new tensors.",
        )
    require(isinstance(mean, dict), f"It returned {type(mean).__name__}, not a dictionary.")
    require(
        list(mean) == ["weight", "counter"],
        f"It has the names {list(mean)}, expected ['weight', 'counter'].",
    )
    require(
        torch.equal(mean["weight"], torch.full((2,), 3.0)),
        f"Of 1, 2 and 6 it made {mean['weight'].tolist()}: the mean is 3.",
    )
    require(
        mean["counter"].dtype == torch.int64 and mean["counter"].item() == 30,
        f"The counters 10, 25 and 30 became {mean['counter'].item()} of {mean['counter'].dtype}: "
        "integers are taken from the last state.",
    )
    try:
        answer([{"a": torch.ones(1)}, {"b": torch.ones(1), "a": torch.ones(1)}])
    except ValueError:
        return "torch.optim.swa_utils.AveragedModel does it while you train."
    except KeyError as error:
        raise Wrong(
            "States with different names gave a KeyError: compare the names first, and raise a "
            "ValueError."
        ) from error
    raise Wrong("One state had a name more than the other, and no ValueError was raised.")


@exercise("20.3")
def keep_last(answer: Any) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in (1, 2, 9, 10, 11):
            (folder / f"epoch_{number}.pt").touch()
        (folder / "best.pt").touch()
        left = call(answer, folder, 3)
        there = {path.name for path in folder.iterdir()}
        require("best.pt" in there, "best.pt was removed: only the files epoch_….pt may go.")
        require(
            "epoch_10.pt" in there and "epoch_11.pt" in there,
            f"Left are {sorted(there)}: as text, 9 comes after 10. Compare the numbers.",
        )
        expected = ["epoch_9.pt", "epoch_10.pt", "epoch_11.pt"]
        require(
            there == {"best.pt", *expected},
            f"Left are {sorted(there)}, expected {expected} and best.pt.",
        )
        require(list(left) == expected, f"It returned {list(left)}, expected {expected}.")
        require(
            list(answer(folder, 5)) == expected,
            "If there are fewer files than count, all should stay.",
        )
        require(
            list(answer(folder, 0)) == [] and {p.name for p in folder.iterdir()} == {"best.pt"},
            "With count 0 all of them should go.",
        )
    return "The disk does not fill up any more."
