"""Checks of chapter 28, attention."""

import math
from typing import Any

import torch
from torch import Tensor

from helpers.checks.machinery import (
    Draw,
    as_pair,
    as_tensor,
    call,
    compare,
    exercise,
    require,
    require_gradients,
    same,
)


@exercise(
    "28.1",
    hints=(
        "How many steps back is step j from step i? For which of these distances may i look at j?",
        "torch.arange(steps), once as a column and once as a row, gives a table of all distances "
        "i - j. Two comparisons, joined by &, are the mask.",
    ),
)
def window_mask(answer: Any) -> str:
    for steps, window in ((5, 2), (6, 1), (7, 3), (4, 9), (4, 4), (1, 1), (3, 2), (1, 5), (9, 6)):
        name = f"window_mask({steps}, {window})"
        why = "Row i says where step i may look."
        found = as_tensor(call(answer, steps, window), name, (steps, steps), why=why)
        as_tensor(found, name, dtype="bool", why="A mask of numbers would be added to the scores.")
        expected = _window(steps, 0, window - 1)
        compare(found, expected, name, typical=_other_windows(steps, window, expected))
    return (
        "Each step sees at most `window` steps: a kernel that skips the rest does equal work "
        "for each."
    )


def _window(steps: int, nearest: int, farthest: int) -> Tensor:
    rows = [[nearest <= i - j <= farthest for j in range(steps)] for i in range(steps)]
    return torch.tensor(rows)


def _other_windows(steps: int, window: int, right: Tensor) -> dict[str, Tensor]:
    return {
        "True and False are exchanged: in F.scaled_dot_product_attention, True means may look.": (
            ~right
        ),
        "Rows and columns are exchanged: row i says where step i may look, and it may not look at "
        "what comes later.": right.T,
        "All of the past is allowed, however far back: the window has no effect.": _window(
            steps, 0, steps
        ),
        "The window is one step too long: the step itself counts as one of them.": _window(
            steps, 0, window
        ),
        "The window is one step too short: the step itself and window - 1 before it.": _window(
            steps, 0, window - 2
        ),
        "A step should see itself, too.": _window(steps, 1, window - 1),
        "A step should see itself, and the window counts it.": _window(steps, 1, window),
        "The window reaches into the future as well: step i may not look at what comes later.": (
            _window(steps, 1 - window, window - 1)
        ),
        "This is the far past, beyond the window, and the near past is asked for.": _window(
            steps, window, steps
        ),
    }


@exercise(
    "28.2",
    hints=(
        "Each half was divided by its own sum of exponentials. Which share of the sum of both "
        "does each half have?",
        "torch.logaddexp gives the new logarithm without overflow. The exponential of an old "
        "logarithm minus the new one is the weight of that half; it needs a last dimension.",
    ),
)
def merge(answer: Any) -> str:
    draw = Draw(2)
    for shape, d, keys, dtype, offsets, scale in (
        ((3,), 4, (2, 5), torch.float32, (0, 0), 1),
        ((2, 3, 5), 4, (1, 3), torch.float64, (0, 0), 1),
        ((2, 1), 1, (4, 4), torch.float64, (-3, -3), 2),
        ((4, 3), 3, (3, 2), torch.float32, (200, 200), 1),
        ((3, 2), 3, (3, 2), torch.float64, (1000, 1000), 1),
        ((4, 3), 2, (3, 2), torch.float64, (-1000, -1000), 1),
        ((2, 3), 2, (3, 4), torch.float64, (-1000, 1000), 1),
        ((3, 2), 2, (4, 3), torch.float64, (1000, -1000), 1),
        ((2, 6), 3, (5, 2), torch.float64, (0, 0), 700),
    ):
        halves = []
        for count, offset in zip(keys, offsets, strict=True):
            scores = offset + scale * draw.normal(*shape, count, dtype=torch.float64)
            values = draw.normal(*shape[:-1], count, d, dtype=torch.float64)
            y, log = scores.softmax(dim=-1) @ values, scores.logsumexp(dim=-1)
            halves += [part.to(dtype).requires_grad_() for part in (y, log)]
        large, steep = abs(offsets[0]) + scale > 99, scale > 99 or offsets[0] != offsets[1]
        about = f"scores {'far from 0' if large else 'of ordinary size'}"
        name = f"merge(y1, log1, y2, log2), for y1 of shape {(*shape, d)} and {about},"
        _judge_merged(answer, halves, name, large, steep)
    return "So attention can be spread over devices, or over parts of a long cache."


def _judge_merged(answer: Any, halves: list[Tensor], name: str, large: bool, steep: bool) -> None:
    y1, log1, y2, log2 = halves
    # A logarithm of 200 in float32 is rounded by up to 8e-6, and so are the shares.
    tolerance = 1e-4 if y1.dtype == torch.float32 else 1e-10
    logs = torch.stack([log1, log2])
    shares = logs.softmax(dim=0).unsqueeze(-1)
    expected = (shares * torch.stack([y1, y2])).sum(dim=0), logs.logsumexp(dim=0)
    found = as_pair(call(answer, *halves), name, "the result", "its logarithm")
    inputs = {"y1": y1, "log1": log1, "y2": y2, "log2": log2}
    given = [half.detach() for half in halves]
    # Far from 0, many mistakes agree. Those that remain have passed scores of ordinary size.
    mistakes = _overflows(*given, steep) if large else _other_merges(*given)
    hint = "Exponentials of differences from the larger logarithm are never too large."
    for result, wanted, wrong, part in zip(
        found, expected, mistakes, ("The result", "The logarithm"), strict=True
    ):
        which = f"{part} of {name}"
        compare(result, wanted, which, tolerance, wrong, hint if large else "", dtype=y1.dtype)
        used = inputs if part == "The result" else {"log1": log1, "log2": log2}
        if not steep:
            require_gradients(result, wanted, used, which, tolerance=1e-3)


def _other_merges(
    y1: Tensor, log1: Tensor, y2: Tensor, log2: Tensor
) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = (log.exp().unsqueeze(-1) for log in (log1, log2))
    shares = torch.stack([log1, log2]).softmax(dim=0).unsqueeze(-1)
    a, b = log1.unsqueeze(-1), log2.unsqueeze(-1)
    results = {
        "This is the mean of the two, and the half with the larger scores should count more.": (
            (y1 + y2) / 2
        ),
        "The two were added: each needs its share of the whole sum as a weight.": y1 + y2,
        "The shares are exchanged: y1 was weighted with the share of y2.": (
            shares[1] * y1 + shares[0] * y2
        ),
        "The halves were weighted with the logarithms: the sums themselves, exp of the "
        "logarithms, say how much each counts.": lambda: (a * y1 + b * y2) / (a + b),
        "The weights do not add up to 1: divide by the sum of both.": first * y1 + second * y2,
        "In each place the half with the larger logarithm was taken, and the other left out.": (
            torch.where(a > b, y1, y2)
        ),
    }
    logs = {
        "The logarithms were added: add the sums, and then take the logarithm.": log1 + log2,
        "This is the larger of the two logarithms.": torch.maximum(log1, log2),
        "This is the mean of the two logarithms.": (log1 + log2) / 2,
        "This is the sum itself, and its logarithm is asked for.": log1.exp() + log2.exp(),
        "This is the logarithm of the first half alone.": log1,
        "This is the logarithm of the mean of the two sums.": lambda: (
            torch.logaddexp(log1, log2) - math.log(2)
        ),
    }
    return results, logs


def _overflows(
    y1: Tensor, log1: Tensor, y2: Tensor, log2: Tensor, steep: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    def divided(e1: Tensor, e2: Tensor) -> Tensor:
        return (e1.unsqueeze(-1) * y1 + e2.unsqueeze(-1) * y2) / (e1 + e2).unsqueeze(-1)

    results, logs = {}, {}
    if steep:
        one = torch.ones_like(log1)
        for half, apart, base in (
            ("second", log2 - log1, log1),
            ("first", log1 - log2, log2),
        ):
            hint = (
                f"The exponential of a difference is infinite where the {half} half has much "
                "larger scores: subtract the larger of the two logarithms, or use torch.logaddexp."
            )
            pair = (one, apart.exp()) if half == "second" else (apart.exp(), one)
            results[hint] = divided(*pair)
            logs[hint] = base + apart.exp().log1p()
    else:
        hint = (
            "exp of such scores is infinite, or 0 for all of them: take the exponential of "
            "differences of logarithms only, or use torch.logaddexp and softmax."
        )
        results[hint] = divided(log1.exp(), log2.exp())
        logs[hint] = (log1.exp() + log2.exp()).log()
    results[
        "In each place the half with the larger logarithm was taken, and the other left out."
    ] = torch.where((log1 > log2).unsqueeze(-1), y1, y2)
    return results, logs


@exercise(
    "28.3",
    hints=(
        "After the first block, row i of its matrix says what is in step i. What must stand on "
        "which side of a product, so that the second block mixes the rows of the first?",
        "For each block: block.mean(dim=1), plus torch.eye, divided by 2. Begin with the identity "
        "and multiply each new matrix from the left, with @.",
    ),
)
def rollout(answer: Any) -> str:
    draw = Draw(3)
    for blocks, n, heads, steps, dtype in (
        (2, 2, 3, 4, torch.float32),
        (1, 1, 2, 3, torch.float64),
        (3, 3, 1, 5, torch.float64),
        (4, 1, 4, 2, torch.float32),
        (2, 2, 2, 1, torch.float32),
    ):
        sizes = n, heads, steps, steps
        weights = [
            draw.normal(*sizes, dtype=torch.float64).mul(2).softmax(dim=-1).to(dtype)
            for _ in range(blocks)
        ]
        name = f"rollout(weights), for {blocks} of shape {sizes},"
        expected = torch.stack([_followed([w[i] for w in weights]) for i in range(n)])
        found = call(answer, weights)
        compare(found, expected, name, typical=_other_rollouts(weights), dtype=dtype)
    return "Each row adds up to 1: it says where a step comes from."


def _followed(weights: list[Tensor]) -> Tensor:
    """Returns what of input j is in output i, for one sequence: (T, T)."""
    steps = weights[0].shape[-1]
    held = [[float(i == j) for j in range(steps)] for i in range(steps)]
    for block in weights:
        mean = block.double().mean(dim=0).tolist()
        held = [
            [
                (sum(mean[i][k] * held[k][j] for k in range(steps)) + held[i][j]) / 2
                for j in range(steps)
            ]
            for i in range(steps)
        ]
    return torch.tensor(held, dtype=weights[0].dtype)


def _other_rollouts(weights: list[Tensor]) -> dict[str, Any]:
    def product(blocks: list[Tensor], own: float = 1.0, share: float = 0.5) -> Tensor:
        result = torch.eye(blocks[0].shape[-1], dtype=blocks[0].dtype)
        for block in blocks:
            result = (block + own * torch.eye(block.shape[-1], dtype=block.dtype)) * share @ result
        return result

    means = [block.mean(dim=1) for block in weights]
    greatest = [block.amax(dim=1) for block in weights]
    eye = torch.eye(means[0].shape[-1], dtype=means[0].dtype)
    return {
        "The blocks were multiplied in the other order: the first block acts on the input, so it "
        "stands on the right of the product.": product(means[::-1]),
        "The result is transposed: entry (i, j) says how much of input j is in output i.": (
            product(means).mT
        ),
        "The identity for the sum around the attention is missing.": product(means, own=0, share=1),
        "The identity is missing, though each matrix was divided by 2.": product(means, own=0),
        "The identity was added, and the division by 2 is missing: the rows should add up to 1.": (
            product(means, share=1)
        ),
        "The heads were added up: take their mean.": product([b.sum(dim=1) for b in weights]),
        "The largest weight over the heads was taken: take their mean.": product(greatest),
        "Only the first head was followed: take the mean of all heads.": product(
            [block[:, 0] for block in weights]
        ),
        "This is the last block alone: multiply the matrices of all blocks.": product(means[-1:]),
        "This is the first block alone: multiply the matrices of all blocks.": product(means[:1]),
        "The matrices were multiplied entry by entry: a matrix product, @, is needed.": lambda: (
            torch.stack([product([m]) for m in means]).prod(dim=0)
        ),
        "The matrices were multiplied element by element: it is the matrix product, @.": lambda: (
            torch.stack([product([m]) for m in means]).prod(dim=0) * eye
        ),
        "1 was added to every entry: the identity has ones on the diagonal only.": lambda: product(
            [block + 1 - eye for block in means]
        ),
        "This is the mean over the blocks: multiply their matrices.": lambda: torch.stack(
            [product([m]) for m in means]
        ).mean(dim=0),
    }


@exercise(
    "28.4",
    hints=(
        "Sort the probabilities of a row from large to small and add them up. Which is the last "
        "symbol that is still needed, and what was the sum before it?",
        "softmax, sort(descending=True) and cumsum, along dim=1. A symbol is kept if the sum "
        "before it is below p. Set the others to 0, divide by what is left, and bring everything "
        "back to its column with scatter or with the argsort of the order.",
    ),
)
def top_p(answer: Any) -> str:
    draw = Draw(4)
    for n, symbols, p, temperature, dtype in (
        # With few rows and symbols, different mistakes agree.
        (6, 11, 0.75, 2.0, torch.float32),
        (1, 6, 0.9, 1.0, torch.float64),
        (3, 8, 0.5, 2.0, torch.float32),
        (4, 12, 0.9, 0.5, torch.float64),
        (2, 6, 0.95, 1.3, torch.float32),
        (5, 7, 1.0, 0.7, torch.float64),
        (3, 9, 0.01, 1.0, torch.float32),
        (2, 4, 0.8, 0.25, torch.float64),
        (2, 1, 0.3, 1.0, torch.float32),
    ):
        for hidden in (0, 2):
            logits = _clear_logits(draw, n, symbols, p, temperature, min(hidden, symbols - 1))
            _judge_top_p(answer, logits.to(dtype), p, temperature)
    return "Sampling from these probabilities is what many language models do by default."


def _clear_logits(
    draw: Draw, n: int, symbols: int, p: float, temperature: float, hidden: int
) -> Tensor:
    """Draws logits of which no sum of probabilities comes near p, some of them -inf."""
    while True:
        logits = 2 * draw.normal(n, symbols, dtype=torch.float64)
        for row in logits:
            row[draw.order(symbols)[:hidden]] = -math.inf
        sums = [
            (logits / t).softmax(dim=1).sort(dim=1, descending=True)[0].cumsum(dim=1)
            for t in (1.0, temperature)
        ]
        # Some row needs more than one symbol, or more than two, where p allows it.
        most = 1 if symbols - hidden > 3 and p > 0.85 else 0
        several = p < 0.1 or symbols == 1 or (sums[1][:, most] < p).any()
        if p == 1 or (several and all((found - p).abs().min() > 1e-3 for found in sums)):
            return logits


def _judge_top_p(answer: Any, logits: Tensor, p: float, temperature: float) -> None:
    name = f"top_p(logits, {p}, {temperature}), for logits of shape {tuple(logits.shape)},"
    rows = [_nucleus(row, p, temperature) for row in logits.tolist()]
    expected = torch.tensor(rows, dtype=torch.float64)
    found = as_tensor(call(answer, logits, p, temperature), name, tuple(logits.shape))
    if logits.isinf().any():
        require(
            not found.isnan().any(),
            f"{name} holds nan where some logits are -inf, whose symbols should have probability "
            "0: sums, means and differences of -inf, and 0 times -inf, are no numbers.",
        )
        require(
            not found[logits.isinf()].any(),
            f"{name} gives a symbol whose logit is -inf a probability above 0.",
        )
    compare(found, expected, name, 1e-5, _other_nuclei(logits, p, temperature), dtype=logits.dtype)
    if logits.dtype == torch.float64:
        compare(
            found,
            expected,
            name,
            1e-12,
            hint="Nearly: it was rounded to float32 on the way, or something small was added. "
            "Stay in the dtype of the logits.",
        )
    if p < 1:
        require(
            not found[expected == 0].any(),
            f"{name} gives a symbol that is left out a very small probability: it should be 0.",
        )
        if (logits.isinf()).any():
            return
    wide = logits.repeat(2, 1)
    wide[: len(logits)] = logits.flip(1)
    again = as_tensor(call(answer, wide, p, temperature), name, tuple(wide.shape))
    require(
        same(again[len(logits) :], found.detach(), 1e-5),
        "A row gives other probabilities when other rows stand before it: no row depends on "
        "another.",
    )


def _nucleus(row: list[float], p: float, temperature: float) -> list[float]:
    top = max(row)
    sizes = [math.exp((value - top) / temperature) for value in row]
    total = sum(sizes)
    order = sorted(range(len(row)), key=lambda i: -sizes[i])
    kept, reached = [], 0.0
    for i in order:
        kept.append(i)
        reached += sizes[i]
        if p < 1 and reached >= p * total:
            break
    return [sizes[i] / reached if i in kept else 0.0 for i in range(len(row))]


def _other_nuclei(logits: Tensor, p: float, temperature: float) -> dict[str, Any]:
    logits = logits.double()

    def nucleus(q: Tensor, shift: int = 0, level: float = p) -> Tensor:
        """Returns q where it is kept, and 0 elsewhere; ``shift`` keeps more or fewer."""
        ordered, order = q.sort(dim=1, descending=True)
        count = ((ordered.cumsum(dim=1) - ordered) < level - 1e-12).sum(dim=1, keepdim=True)
        rank = order.argsort(dim=1)
        return q * (rank < count + shift)

    def one(q: Tensor) -> Tensor:
        return q / q.sum(dim=1, keepdim=True)

    q, plain = (logits / temperature).softmax(dim=1), logits.softmax(dim=1)
    kept = nucleus(q)
    rank, one_number = q.argsort(dim=1, descending=True).argsort(dim=1), {}
    if len(q) > 5:  # in fewer rows, answers of other kinds agree
        hint = "All rows keep the same number of symbols: each row needs its own number."
        one_number[hint] = one(q * (rank < (kept[0] > 0).sum()))
    return {
        "The rows do not add up to 1: divide what is kept by its sum.": kept,
        "The symbol that carries the sum past p is missing: what is kept must add up to at least "
        "p.": lambda: one(nucleus(q, shift=-1)),
        "Without the symbol that carries the sum past p, a row may be left with nothing: what is "
        "kept must add up to at least p.": lambda: nucleus(q, shift=-1).div(
            nucleus(q, shift=-1).sum(dim=1, keepdim=True)
        ),
        "One symbol too many is kept: stop as soon as the sum is at least p.": one(
            nucleus(q, shift=1)
        ),
        "The logits were multiplied by the temperature: divide them.": one(
            nucleus((logits * temperature).softmax(dim=1))
        ),
        "Only the most probable symbol is kept: keep as many as p needs.": one(
            q * (q == q.amax(dim=1, keepdim=True))
        ),
        **one_number,
        "The temperature has no effect.": one(nucleus(plain)),
        "The symbols were chosen without the temperature: it comes first.": one(
            q * (nucleus(plain) > 0)
        ),
        "The symbols were chosen with the temperature, and their probabilities are those without "
        "it.": one(plain * (kept > 0)),
        "The probabilities are sorted: bring every symbol back to its column.": (
            one(kept).sort(dim=1, descending=True)[0]
        ),
        "The kept symbols are all equally likely: they should keep their ratios.": one(
            (kept > 0).double()
        ),
        "Nothing was left out: this is the softmax of all symbols.": q,
        "Symbols with a probability of at least p were kept: it is their sum that must reach p.": (
            lambda: one(q * (q >= p))
        ),
        "The symbols were added up from the least probable on: begin with the most probable.": (
            lambda: one(q - nucleus(q, shift=-1, level=1 - p))
        ),
        "The kept probabilities went through a softmax again: divide them by their sum.": (
            q.masked_fill(kept == 0, -math.inf).softmax(dim=1)
        ),
        "The kept probabilities and the zeros went through a softmax again: divide by the sum of "
        "the row.": kept.softmax(dim=1),
        "What is kept was divided by another sum than that of its row: by that of all rows.": (
            kept / kept.sum()
        ),
        "What is kept was divided by another sum than that of its row: by that of its column.": (
            kept / kept.sum(dim=0)
        ),
        "These are logits: return probabilities.": logits.masked_fill(kept == 0, -math.inf),
    }
