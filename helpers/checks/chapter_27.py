"""Checks of chapter 27, sequences."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
    _compare_on_batches(answer, Draw(1), "last_outputs", "output", _last, _other_steps)
    return "With one direction and one layer, a packed run has these in h_n."


def _compare_on_batches(
    answer: Any,
    draw: Draw,
    function: str,
    argument: str,
    reference: Callable[[Tensor, list[int]], Tensor],
    mistakes: Callable[[Tensor, list[int]], dict[str, Any]],
    hint: str = "",
) -> None:
    """Compares values, dtype and gradients on padded batches of one and of several features."""
    for steps, sizes in _BATCHES:
        for features, dtype in ((3, torch.float32), (1, torch.float64), (5, torch.float64)):
            x = draw.normal(steps, len(sizes), features, dtype=dtype).requires_grad_()
            name = f"{function}({argument}, lengths), for lengths {sizes} of {steps} steps,"
            result = call(answer, x, torch.tensor(sizes))
            expected = reference(x, sizes)
            compare(
                result,
                expected,
                name,
                typical=mistakes(x.detach(), sizes),
                hint=hint,
                dtype=dtype,
            )
            if dtype == torch.float64:
                rounded = {
                    "The numbers were rounded to float32 on the way, and they are float64.": (
                        expected.float().double()
                    )
                }
                compare(result, expected, name, tolerance=1e-12, typical=rounded)
            require_gradients(result, expected, {argument: x}, name)


def _last(output: Tensor, sizes: list[int]) -> Tensor:
    return torch.stack([output[n - 1, i] for i, n in enumerate(sizes)])


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
        "This is one step too late: the last of n steps has the index n - 1.": torch.stack(
            [output[min(n, steps - 1), i] for i, n in enumerate(sizes)]
        ),
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
    hint = "Real steps are turned within their own length, and padding stays as it is."
    _compare_on_batches(answer, Draw(2), "reverse_padded", "x", _turned, _other_turns, hint)
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
        ([3, 10, 10, 13, 92], 0),
        ([int(text) for text in ("300", "300", "7", "7", "500", "500", "500", "300")], 500),
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
    single = [(symbol, t, t) for t, symbol in enumerate(path) if symbol != blank]
    apart = [run for run in expected if run[0] < 257] + [one for one in single if one[0] > 256]
    ends = bool(expected) and expected[-1][2] == len(path) - 1
    mistakes = {
        "Equal numbers above 256 were taken for different ones: compare them by ==, not by is.": (
            sorted(apart, key=lambda run: run[1])
        ),
        "Class 0 was left out, and the blank is another number here.": [
            run for run in expected if run[0] != 0
        ],
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
        "The last span is missing: it ends with the path.": expected[:-1] if ends else expected,
        "The first span is missing.": expected[1:],
        "The blank is 0 for this answer, and it is another number here.": [
            run for run in runs if run[0] != 0
        ],
        "Repeats are listed one by one: join equal neighbours.": single,
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
        case = _Case(kind, draw, inputs, hidden, steps, torch.tensor(sizes))
        net, x = case.module(), case.batch()
        for training in (True, False):
            y = case.read(net.train(training), x)
            require(
                not any(getattr(part, "bidirectional", False) for part in net.modules()),
                "A layer with bidirectional=True does the work: use layers that read in one "
                "direction.",
            )
            require(
                same(case.read(net, x), y),
                f"{case.name(net)} gives other numbers in a second call with the same x: draw "
                "nothing anew, and keep nothing from an earlier call.",
            )
            _require_directions(case, net)
            _require_no_padding(case, net, x, y)
            _require_one_by_one(case, net, x, y)
        _require_own_weights(replace(case, steps=4, lengths=torch.tensor([4, 2])), net.train())
    return "Each half is what a layer with bidirectional=True would give."


# A unit of a ReLU can be closed for one input or one start, and nothing passes through it. What is
# asked for may show in any of so many modules; what is forbidden must show in none of them.
_TRIALS = 60


@dataclass(frozen=True)
class _Case:
    """A class to be judged, with the sizes of its modules and of the batches that they read."""

    kind: type[nn.Module]
    draw: Draw
    inputs: int
    hidden: int
    steps: int
    lengths: Tensor

    def module(self) -> nn.Module:
        name = f"Both({self.inputs}, {self.hidden})"
        return as_module(call(self.kind, self.inputs, self.hidden), name)

    def modules(self, first: nn.Module) -> Iterator[nn.Module]:
        """Yields a module, and then others like it, in the same mode."""
        yield first
        for _ in range(_TRIALS - 1):
            yield self.module().train(first.training)

    def batch(self) -> Tensor:
        return self.draw.normal(self.steps, len(self.lengths), self.inputs)

    def name(self, net: nn.Module) -> str:
        where = "" if net.training else " in eval mode"
        of = f"for lengths {self.lengths.tolist()} of {self.steps} steps"
        return f"Both({self.inputs}, {self.hidden})(x, lengths){where}, {of},"

    def read(self, net: nn.Module, x: Tensor) -> Tensor:
        shape = (self.steps, len(self.lengths), 2 * self.hidden)
        why = "Two halves of hidden features stand side by side at each step of x."
        y = call(net, x, self.lengths.clone())
        return as_tensor(y, self.name(net), shape, dtype="float", why=why)

    def real(self) -> Tensor:
        """Tells which steps are no padding: (steps, sequences)."""
        return torch.arange(self.steps).unsqueeze(1) < self.lengths

    def seen(self, net: nn.Module) -> Tensor:
        """Tells which real steps move which: (halves, step changed, step moved, sequences)."""
        x, other, real = self.batch(), 2 * self.batch(), self.real()
        before, moved = self.read(net, x).detach(), []
        for step in range(self.steps):
            changed = x.clone()
            changed[step, real[step]] = other[step, real[step]]
            change = (self.read(net, changed).detach() - before).abs()
            moved.append((change.unflatten(2, (2, self.hidden)).amax(3) > 1e-7).movedim(2, 0))
        return torch.stack(moved, dim=1) & real


def _require_directions(case: _Case, net: nn.Module) -> None:
    steps = torch.ones(case.steps, case.steps, dtype=torch.bool)
    pairs = case.real().unsqueeze(1) & case.real()
    right = torch.stack([steps.triu(), steps.tril()]).unsqueeze(3) & pairs
    seen = torch.zeros_like(right)
    for trial, module in enumerate(case.modules(net)):
        seen |= case.seen(module)
        if not (right & ~seen).any() or (trial > 3 and (seen & ~right).any()):
            break
    for column, size in enumerate(case.lengths.tolist()):
        first, second = seen[:, :size, :size, column]
        ahead, back = right[:, :size, :size, column]
        require(
            not (first.equal(back) and second.equal(ahead)),
            "The halves are exchanged: the half that reads from the beginning comes first.",
        )
        require(
            not second.equal(ahead),
            "The second half reads from the beginning as well: let it read from the end.",
        )
        require(
            not second.equal(back.flip(1)),
            "The second half stands in the order in which it was read: turn its outputs back, so "
            "that step t holds what was read from the end to t.",
        )
        for found, wanted, rule in (
            (first, ahead, "The first half at step t should depend on the steps 0 to t"),
            (second, back, "The second half at step t should depend on the steps t to the last"),
        ):
            if not found.equal(wanted):
                raise Wrong(
                    f"{rule} of its sequence, on all of them and no others. For sequence {column} "
                    f"of {case.name(net)} {_other_pair(found, wanted)}."
                )


def _other_pair(seen: Tensor, right: Tensor) -> str:
    """Returns in words the first pair of steps that is not as it should be."""
    source, place = (seen != right).nonzero()[0].tolist()
    depends = "depends" if seen[source, place] else "doesn't depend"
    return f"step {place} {depends} on step {source}"


def _require_no_padding(case: _Case, net: nn.Module, x: Tensor, y: Tensor) -> None:
    real = case.real()
    require(not y[~real].any(), f"{case.name(net)} is not zero beyond the end of each sequence.")
    again = case.read(net, torch.where(real.unsqueeze(2), x, x * 3 - 2))
    for half, which in ((slice(0, case.hidden), "first"), (slice(case.hidden, None), "second")):
        require(
            same(again[..., half], y[..., half], 1e-5),
            f"The {which} half changes when the numbers in the padding change: no layer should "
            "read them before the real steps.",
        )


def _require_one_by_one(case: _Case, net: nn.Module, x: Tensor, y: Tensor) -> None:
    for column, size in enumerate(case.lengths.tolist()):
        alone = replace(case, steps=size, lengths=torch.tensor([size]))
        compare(
            y[:size, column : column + 1],
            alone.read(net, x[:size, column : column + 1]).detach(),
            f"Sequence {column} of {case.name(net)}",
            tolerance=1e-4,
            hint="The second number is what the same module gives for the sequence alone.",
        )


def _require_own_weights(case: _Case, net: nn.Module) -> None:
    idle, halves = {name for name, _ in net.named_parameters()}, {"first", "second"}
    require(idle, f"The module lists no parameters, so no optimizer would train it. {_REGISTERED}")
    for module in case.modules(net):
        named = dict(module.named_parameters())
        frozen = [name for name, p in named.items() if not p.requires_grad]
        require(not frozen, f"{', '.join(frozen[:3])}: requires_grad is off, so it never learns.")
        y = case.read(module, case.batch())
        require(
            y.requires_grad,
            "The result has no graph, so nothing can be learnt: detach or no_grad cuts it.",
        )
        unlisted = [leaf for leaf in _leaves(y) if all(leaf is not p for p in named.values())]
        require(
            not unlisted,
            f"A weight of shape {[tuple(w.shape) for w in unlisted[:1]]} is at work that "
            f"net.parameters() doesn't list, so no optimizer would train it. {_REGISTERED}",
        )
        first, second = (
            call(_gradients, half.square().sum(), list(named.values()))
            for half in y.split(case.hidden, dim=2)
        )
        for name, g, h in zip(named, first, second, strict=True):
            require(
                not ((g != 0) & (h != 0)).any(),
                f"{name} serves both directions: each direction needs weights of its own.",
            )
            if g.any() or h.any():
                idle.discard(name)
        halves -= {which for which, found in (("first", first), ("second", second))
                   if any(g.any() for g in found)}  # fmt: skip
        if not idle and not halves:
            break
    require(not idle, f"No gradient reaches {', '.join(sorted(idle)[:3])}.")
    require(not halves, f"No weight gets a gradient from the {min(halves, default='')} half.")


_REGISTERED = "Assign a layer to an attribute of self, several of them as an nn.ModuleList."


def _leaves(y: Tensor) -> list[Tensor]:
    """Returns the tensors for which a backward of y would collect gradients."""
    waiting, passed, found = [y.grad_fn], set(), []
    while waiting:
        node = waiting.pop()
        if node is None or node in passed:
            continue
        passed.add(node)
        waiting += [following for following, _ in node.next_functions]
        if type(node).__name__ == "AccumulateGrad":
            found.append(node.variable)
    return found


def _gradients(loss: Tensor, weights: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
