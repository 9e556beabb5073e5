"""Checks of chapter 20, Checkpoints."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

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
def load_matching(answer: Any) -> str:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    state = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 1)).state_dict()
    head = model[1].weight.detach().clone()
    try:
        names = call(answer, model, state)
    except RuntimeError as error:
        raise Wrong(
            "It raised a RuntimeError: strict=False forgives names, not shapes. Compare the shapes "
            "first."
        ) from error
    require(
        torch.equal(model[0].weight, state["0.weight"]),
        "0.weight has the same name and shape, but was not copied.",
    )
    require(torch.equal(model[1].weight, head), "1.weight of another shape changed the model.")
    require(
        "2.weight" not in names, "It says that 2.weight was copied, which the model does not have."
    )
    require(
        list(names) == ["0.bias", "0.weight"],
        f"It returned {list(names)}, expected ['0.bias', '0.weight'], sorted.",
    )
    return "And you know what was left out."


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
