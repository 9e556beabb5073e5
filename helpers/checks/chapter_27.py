"""Checks of chapter 27, sequences."""

from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_integer,
    as_list,
    as_module,
    as_tensor,
    call,
    compare,
    exercise,
    plain,
    require,
    require_gradients,
    same,
)

# Steps, then the lengths: unsorted, one alone, all equal, none as long as the batch.
_BATCHES = ((6, [2, 6, 3, 4]), (5, [3]), (4, [4, 4]), (7, [5, 3, 6, 1, 2]))


@exercise(
    "27.1",
    hints=(
        "Which row of the first dimension is the last real one of sequence i? Each sequence has "
        "its own.",
        "Index with two tensors of N numbers at once: one says the step, the other the sequence. "
        "torch.arange gives the second; steps are counted from 0.",
    ),
)
def last_outputs(answer: Any) -> str:
    draw = Draw(1)
    for steps, sizes in _BATCHES:
        for hidden, dtype in ((3, torch.float32), (5, torch.float64)):
            lengths = torch.tensor(sizes)
            output = draw.normal(steps, len(sizes), hidden, dtype=dtype).requires_grad_()
            name = f"last_outputs(output, lengths), for lengths {sizes} of {steps} steps,"
            result = call(answer, output, lengths)
            expected = torch.stack([output[n - 1, i] for i, n in enumerate(sizes)])
            compare(result, expected, name, typical=_other_steps(output.detach(), sizes))
            require_gradients(result, expected, {"output": output}, name)
    return "With one direction and one layer, a packed run has these in h_n."


def _other_steps(output: Tensor, sizes: list[int]) -> dict[str, Any]:
    count, steps = len(sizes), len(output)
    real = torch.arange(steps).unsqueeze(1) < torch.tensor(sizes)
    kept = output * real.unsqueeze(2)

    def at(offset: int) -> Tensor:
        places = [(n - 1 + offset) % steps for n in sizes]
        return torch.stack([output[place, i] for i, place in enumerate(places)])

    return {
        "This is the last step of the batch, output[-1]: for a shorter sequence it is padding.": (
            output[-1]
        ),
        "This is one step too late: steps are counted from 0.": lambda: torch.stack(
            [output[n, i] for i, n in enumerate(sizes)]
        ),
        "This is one step too late, or the first step where there is none: steps are counted from "
        "0.": at(1),
        "This is one step too early.": at(-1),
        "This is the first step.": output[0],
        "This is the last real step of the longest sequence, for all of them.": (
            output[max(sizes) - 1]
        ),
        "This is the last real step of the shortest sequence, for all of them.": (
            output[min(sizes) - 1]
        ),
        "This is the mean of the real steps.": lambda: (
            kept.sum(0) / torch.tensor(sizes).unsqueeze(1)
        ),
        "This is the mean of all steps.": output.mean(0),
        "This is the sum of the real steps.": kept.sum(0),
        "Each sequence was combined with the last step of every other: two tensors of N indices "
        "go in together, output[steps, sequences].": output[torch.tensor(sizes) - 1],
        "Batch and time are exchanged: output is (T, N, H).": lambda: torch.stack(
            [output[i, n - 1] for i, n in enumerate(sizes)]
        ),
        "The sequences come in another order: sorted by length.": lambda: torch.stack(
            [output[sizes[i] - 1, i] for i in sorted(range(count), key=lambda i: -sizes[i])]
        ),
    }


@exercise(
    "27.2",
    hints=(
        "Step t of a sequence of length n comes from which step? And where does a step beyond n "
        "come from?",
        "For one sequence it is x[:n, i].flip(0), put into a copy of x. Without a loop, compute a "
        "table of steps of shape (T, N) with torch.where, and use gather or index with it.",
    ),
)
def reverse_padded(answer: Any) -> str:
    draw = Draw(2)
    for steps, sizes in _BATCHES:
        for features, dtype in ((3, torch.float32), (1, torch.float64)):
            lengths = torch.tensor(sizes)
            x = draw.normal(steps, len(sizes), features, dtype=dtype).requires_grad_()
            name = f"reverse_padded(x, lengths), for lengths {sizes} of {steps} steps,"
            result = call(answer, x, lengths)
            expected = _turned(x, sizes)
            compare(
                result,
                expected,
                name,
                typical=_other_turns(x.detach(), sizes),
                hint="Real steps are turned within their own length, and padding stays as it is.",
                dtype=dtype,
            )
            require_gradients(result, expected, {"x": x}, name)
    return "Twice in a row, it gives x back."


def _turned(x: Tensor, sizes: list[int]) -> Tensor:
    columns = [torch.cat([x[:n, i].flip(0), x[n:, i]]) for i, n in enumerate(sizes)]
    return torch.stack(columns, dim=1)


def _other_turns(x: Tensor, sizes: list[int]) -> dict[str, Any]:
    real = (torch.arange(len(x)).unsqueeze(1) < torch.tensor(sizes)).unsqueeze(2)
    turned = _turned(x, sizes)
    fronted = [torch.cat([x[n:, i], x[:n, i].flip(0)]) for i, n in enumerate(sizes)]
    return {
        "The whole batch was turned over, padding included: each sequence is to be turned within "
        "its own length.": x.flip(0),
        "The real steps are right, and the padding became zeros: it should stay as it is.": turned
        * real,
        "The real steps should come first, and the padding stands before them.": torch.stack(
            fronted, dim=1
        ),
        "This is x itself.": x,
        "The sequences were put in reverse order, not their steps.": x.flip(1),
        "The features were put in reverse order, not the steps.": x.flip(2),
        "All sequences were turned within the length of the shortest.": _turned(
            x, [min(sizes)] * len(sizes)
        ),
        "All sequences were turned within the length of the longest.": _turned(
            x, [max(sizes)] * len(sizes)
        ),
        "The last real step did not move: a sequence of length n has the steps 0 to n - 1.": (
            lambda: _turned(x, [max(n - 1, 0) for n in sizes])
        ),
        "A step of padding was turned along: a sequence of length n has the steps 0 to n - 1.": (
            lambda: _turned(x, [n + 1 for n in sizes])
        ),
        "The sequences were moved along, and not turned.": lambda: torch.stack(
            [torch.cat([x[n:, i], x[:n, i]]) for i, n in enumerate(sizes)], dim=1
        ),
        "The padding was turned over as well: it should stay as it is.": lambda: torch.stack(
            [torch.cat([x[:n, i].flip(0), x[n:, i].flip(0)]) for i, n in enumerate(sizes)], dim=1
        ),
    }


@exercise(
    "27.3",
    hints=(
        "A span begins where the class is another than one step before, and ends where it is "
        "another than one step later. Which spans are left out?",
        "groupby(path) gives the runs of equal classes one after the other: the length of each "
        "moves the position on, whether it is blank or not.",
    ),
)
def spans(answer: Any) -> str:
    draw = Draw(3)
    paths: list[tuple[list[int], int]] = [
        ([0, 3, 3, 0, 3, 5], 0),
        ([2, 2, 2], 10),
        ([10, 10, 6, 0, 0, 0, 10], 10),
        ([], 0),
        ([7, 7, 7, 7], 7),
        ([1, 0, 0, 2, 2, 4], 4),
    ]
    paths += [(draw.integers(0, 3, n).tolist(), blank) for n, blank in ((12, 0), (15, 2), (9, 1))]
    for path, blank in paths:
        name = f"spans({plain(path)}, {blank})"
        found = []
        for part in as_list(call(answer, path, blank), name):
            numbers = part.tolist() if isinstance(part, Tensor) else part
            triple = as_list(numbers, f"An entry of {name}", 3)
            found.append(tuple(as_integer(v, f"a number in {name}") for v in triple))
        _judge_spans(found, path, blank, name)
    return "Now you know when each symbol was said."


def _runs(path: list[int]) -> list[tuple[int, int, int]]:
    runs, place = [], 0
    for symbol, run in groupby(path):
        size = len(list(run))
        runs.append((symbol, place, place + size - 1))
        place += size
    return runs


def _judge_spans(found: list, path: list[int], blank: int, name: str) -> None:
    runs = _runs(path)
    expected = [run for run in runs if run[0] != blank]
    if found == expected:
        return
    without = [symbol for symbol in path if symbol != blank]
    merged: list[tuple[int, int, int]] = []
    for symbol, first, last in expected:
        if merged and merged[-1][0] == symbol:
            merged[-1] = (symbol, merged[-1][1], last)
        else:
            merged.append((symbol, first, last))
    mistakes = {
        "The third number is one too large: it is the last step itself, not the one after it.": [
            (s, a, b + 1) for s, a, b in expected
        ],
        "The third number is how long the run is: the last step is asked for.": [
            (s, a, b - a + 1) for s, a, b in expected
        ],
        "Steps are counted from 0.": [(s, a + 1, b + 1) for s, a, b in expected],
        "Blanks are in it: leave them out.": runs,
        "The blanks were dropped before the steps were counted: positions are those in the whole "
        "path.": _runs(without),
        "Equal symbols on both sides of a blank are two spans, and they were joined.": merged,
        "The last span is missing: it ends with the path.": expected[:-1],
        "The first span is missing.": expected[1:],
        "Class 0 was left out, and the blank is another number here.": [
            run for run in runs if run[0] != 0
        ],
        "Repeats are listed one by one: join equal neighbours.": [
            (symbol, t, t) for t, symbol in enumerate(path) if symbol != blank
        ],
        "An entry is (symbol, first, last), in this order.": [(a, b, s) for s, a, b in expected],
        "Only blanks are in it: leave them out, and keep the rest.": [
            run for run in runs if run[0] == blank
        ],
        "The spans come in another order: that of the path is asked for.": sorted(expected),
    }
    for hint, mistake in mistakes.items():
        require(found != mistake or mistake == expected, hint)
    raise Wrong(f"{name} gave {plain(found)}, and it should be {plain(expected)}.")


@exercise(
    "27.4",
    hints=(
        "One layer reads x, the other reads each sequence from its own end. In which order do "
        "the second layer's outputs come, and where must they stand?",
        "Turn x with reverse_padded, read it with the second layer, and turn the outputs back in "
        "the same way. torch.cat joins the halves, and a mask made of torch.arange and lengths "
        "puts zeros beyond the ends.",
    ),
)
def both(answer: Any) -> str:
    kind = as_class(answer, nn.Module, "nn.Module")
    draw = Draw(4)
    for inputs, hidden, steps, sizes in ((3, 4, 6, [4, 6, 2]), (2, 5, 5, [3]), (4, 3, 5, [4, 3])):
        net = as_module(call(kind, inputs, hidden), f"Both({inputs}, {hidden})")
        x, lengths = draw.normal(steps, len(sizes), inputs), torch.tensor(sizes)
        name = f"Both({inputs}, {hidden})(x, lengths), for lengths {sizes} of {steps} steps,"
        y = _read(net, x, lengths, name, hidden)
        require(
            not any(getattr(part, "bidirectional", False) for part in net.modules()),
            "A layer with bidirectional=True does the work: use layers that read in one direction.",
        )
        _require_directions(net, x, lengths, name, hidden)
        _require_no_padding(net, x, lengths, y, name, hidden)
        _require_one_by_one(net, x, lengths, y, name, hidden)
        _require_own_weights(net, draw, inputs, hidden)
    return "Each half is what nn.GRU with bidirectional=True would give."


def _read(net: nn.Module, x: Tensor, lengths: Tensor, name: str, hidden: int) -> Tensor:
    shape = (len(x), len(lengths), 2 * hidden)
    why = "Two halves of hidden features stand side by side at each step of x."
    return as_tensor(call(net, x, lengths), name, shape, dtype="float", why=why)


def _moved(
    net: nn.Module, x: Tensor, lengths: Tensor, step: int, column: int, name: str, hidden: int
) -> tuple[list[bool], list[bool]]:
    """Tells at which real steps each half changes when one step of one sequence is another."""
    other = x.clone()
    other[step, column] += torch.linspace(1, 2, x.shape[2])
    size = int(lengths[column])
    before, after = (_read(net, z, lengths, name, hidden).detach() for z in (x, other))
    change = (after - before)[:size, column].abs()
    halves = (change[:, :hidden].amax(1) > 1e-7, change[:, hidden:].amax(1) > 1e-7)
    return halves[0].tolist(), halves[1].tolist()


def _require_directions(net: nn.Module, x: Tensor, lengths: Tensor, name: str, hidden: int) -> None:
    for column, size in enumerate(lengths.tolist()):
        first = _moved(net, x, lengths, 0, column, name, hidden)
        last = _moved(net, x, lengths, size - 1, column, name, hidden)
        start, end = [True] + [False] * (size - 1), [False] * (size - 1) + [True]
        ahead, back = ([True] * size, end), (start, [True] * size)
        halves = [(first[half], last[half]) for half in (0, 1)]
        about = f"(Sequence {column} of {name[:-1]}.)"
        require(
            halves != [back, ahead],
            "The halves are exchanged: the half that reads from the beginning comes first.",
        )
        require(
            halves[1] != ahead,
            "The second half reads from the beginning as well: let it read from the end.",
        )
        require(
            halves[1] != (end, [True] * size),
            "The second half stands in the order in which it was read: turn its outputs back, so "
            "that step t holds what was read from the end to t.",
        )
        require(
            halves[0] == ahead,
            "The first half at step t should hang on the steps 0 to t of its sequence, on all of "
            f"them and no others, and it does not. {about}",
        )
        require(
            halves[1] == back,
            "The second half at step t should hang on step t and all real steps after it, and on "
            f"no others, and it does not. {about}",
        )


def _require_no_padding(
    net: nn.Module, x: Tensor, lengths: Tensor, y: Tensor, name: str, hidden: int
) -> None:
    real = torch.arange(len(x)).unsqueeze(1) < lengths
    require(not y[~real].any(), f"{name} is not zero beyond the end of each sequence.")
    other = torch.where(real.unsqueeze(2), x, x * 3 - 2)
    again = _read(net, other, lengths, name, hidden)
    for half, which in ((slice(0, hidden), "first"), (slice(hidden, None), "second")):
        require(
            same(again[..., half], y[..., half], 1e-5),
            f"The {which} half changes when the numbers in the padding change: no layer should "
            "read them before the real steps.",
        )


def _require_one_by_one(
    net: nn.Module, x: Tensor, lengths: Tensor, y: Tensor, name: str, hidden: int
) -> None:
    for column, size in enumerate(lengths.tolist()):
        alone = x[:size, column : column + 1]
        found = _read(net, alone, torch.tensor([size]), f"{name[:-1]} one by one,", hidden)
        compare(
            y[:size, column : column + 1],
            found.detach(),
            f"Sequence {column} of {name}",
            tolerance=1e-4,
            hint="The second number is what the same module gives for the sequence alone.",
        )


def _require_own_weights(net: nn.Module, draw: Draw, inputs: int, hidden: int) -> None:
    name = f"Both({inputs}, {hidden})(x, lengths), for lengths [1] of 1 steps,"
    y = _read(net, draw.normal(1, 1, inputs), torch.tensor([1]), name, hidden)
    require(
        not same(y[..., :hidden], y[..., hidden:]),
        "For a sequence of one step both halves are equal: each direction needs weights of its "
        "own.",
    )
    x = draw.normal(4, 2, inputs)
    name = f"Both({inputs}, {hidden})(x, lengths), for lengths [4, 2] of 4 steps,"
    y = _read(net, x, torch.tensor([4, 2]), name, hidden)
    require(
        y.requires_grad,
        "The result has no graph, so nothing can be learnt: detach or no_grad cuts it.",
    )
    named = dict(net.named_parameters())
    found = torch.autograd.grad(y.square().sum(), list(named.values()), allow_unused=True)
    idle = [n for n, g in zip(named, found, strict=True) if g is None or not g.any()]
    require(not idle, f"No gradient reaches {', '.join(idle[:3])}.")
