"""Checks of chapter 26, the capstone."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    as_dict,
    as_integer,
    as_number,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
)


class _Noting(nn.Module):
    """A network that notes which of its layers are in training mode while it runs."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.flat, self.first = nn.Flatten(), nn.Linear(4, 6)
        self.norm, self.dropout, self.last = nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3)
        self.norm.running_mean.copy_(torch.linspace(-1, 1, 6))
        self.to(dtype)
        self.trained: set[str] = set()
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        self.trained |= {name for name in ("norm", "dropout") if getattr(self, name).training}
        return self.last(self.dropout(self.norm(self.first(self.flat(x)).tanh())))


@exercise(
    "26.1",
    hints=(
        "Each view gives probabilities of its own, and these are averaged. What must be true of "
        "the model while it computes, and how do you bring each of its layers back?",
        "Note module.training of all model.modules() first, then model.eval(). Stack "
        "model(transform(images)).softmax(dim=1) of all transforms and take the mean over dim 0, "
        "under torch.no_grad().",
    ),
)
def views(answer: Any) -> str:
    draw = Draw(26)
    for n, count, dtype, mode in (
        (5, 3, torch.float32, "train"),
        (3, 2, torch.float32, "eval"),
        (4, 4, torch.float64, "frozen norm"),
        (1, 2, torch.float32, "dropout alone"),
    ):
        transforms = [
            lambda x: x.flip(3), lambda x: 2 * x, lambda x: x.roll(1, 2), lambda x: x - 0.5
        ][:count]  # fmt: skip
        model = _Noting(dtype).train(mode in ("train", "frozen norm"))
        if mode == "frozen norm":
            model.norm.eval()
        elif mode == "dropout alone":
            model.dropout.train()
        images = 3 * draw.normal(n, 1, 2, 2, dtype=dtype)
        _try_views(answer, model, images, transforms)
    return "Any set of views that keeps the label will do."


def _try_views(answer: Any, model: _Noting, images: Tensor, transforms: list) -> None:
    before = Snapshot(model, "the model")
    logits, typical = _views(model, images, transforms)
    model.trained.clear()
    result = call(answer, model, images, transforms, changes=("values", "mode"))
    name = (
        f"views(model, images, transforms), for {len(images)} images and {len(transforms)} views,"
    )
    found = as_tensor(result, name, (len(images), 3))
    require(
        not model.trained,
        f"While it computed, the {' and the '.join(sorted(model.trained))} of the model "
        f"{'were' if len(model.trained) > 1 else 'was'} in training mode: call model.eval() first.",
    )
    compare(
        found,
        logits.softmax(2).mean(0),
        name,
        1e-4,
        typical,
        hint="It should be the mean over the transforms of softmax(model(transform(images))).",
    )
    found = before.change()
    require(
        "mode" not in found,
        "A layer of the model ends in another mode than the one in which it came. Note training of "
        "every module, since a frozen layer may be in eval() alone, and put it back.",
    )
    require(not found, f"The model has changed: {found}")
    require(
        not result.requires_grad,
        "The result holds the graph of all views: use torch.no_grad().",
    )


@torch.no_grad()
def _views(model: nn.Module, images: Tensor, transforms: list) -> tuple[Tensor, dict[str, Any]]:
    """Returns the logits of all views, and the results of typical mistakes."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    logits = torch.stack([model(transform(images)) for transform in transforms])
    chained, x = [], images
    for transform in transforms:
        x = transform(x)
        chained.append(model(x).softmax(1))
    plain_view = model(images).softmax(1)
    for module, mode in modes.items():
        module.training = mode
    shares = logits.softmax(2)
    halves = shares[0]
    for share in shares[1:]:
        halves = (halves + share) / 2
    votes = F.one_hot(logits.argmax(2), 3).to(shares)
    geometric = logits.log_softmax(2).mean(0).exp()
    return logits, {
        "The logits were averaged and then the softmax taken. Average the probabilities.": (
            logits.mean(0).softmax(1)
        ),
        "These are mean logits: take the softmax of each view first.": logits.mean(0),
        "The probabilities were added up: divide by the number of transforms.": shares.sum(0),
        "The softmax runs over the images, dim 0: it should run over the classes.": (
            logits.softmax(1).mean(0)
        ),
        "The logarithms of the probabilities were averaged: average the probabilities "
        "themselves.": geometric,
        "These are mean logarithms of probabilities: softmax, not log_softmax.": (
            logits.log_softmax(2).mean(0)
        ),
        "Only the first view was used: average over all transforms.": shares[0],
        "Only the last view was used: average over all transforms.": shares[-1],
        "Each transform was applied to the result of the one before: each begins with the images "
        "themselves.": torch.stack(chained).mean(0),
        "Halves of halves: the last view weighs more than the others.": halves,
        "The views were counted as votes for one class each: average their probabilities.": (
            votes.mean(0)
        ),
        "The largest probability of all views was taken: the mean is asked for.": shares.amax(0),
        "The median of the views was taken: the mean is asked for.": shares.median(0).values,
        "The images as they are were counted as a view, too: only the transforms count.": (
            torch.cat([shares, plain_view.unsqueeze(0)]).mean(0)
        ),
        "These are the images as they are: apply each transform to them first.": plain_view,
    }


@exercise(
    "26.2",
    hints=(
        "Only images on which the two models differ say anything. If neither is better, each of "
        "them falls to one side or the other like a coin. How likely is a split as uneven?",
        "gained = second & ~first, lost = first & ~second, n = gained + lost. Sum math.comb(n, i) "
        "for i from 0 to the smaller one, divide by 2**n, times 2, and at most 1.",
    ),
)
def mcnemar(answer: Any) -> str:
    draw = Draw(27)
    for gained, lost, right, wrong in (
        (8, 2, 88, 2), (0, 0, 7, 3), (4, 14, 20, 5), (5, 5, 0, 0), (0, 6, 10, 1), (7, 8, 3, 3),
        (1, 0, 2, 2), (25, 15, 100, 60), (3, 0, 0, 0),
    ):  # fmt: skip
        first = torch.tensor([True] * (lost + right) + [False] * (gained + wrong))
        second = torch.tensor([False] * lost + [True] * right + [True] * gained + [False] * wrong)
        order = draw.order(len(first))
        first, second = first[order], second[order]
        name = f"The p-value for {gained} gained and {lost} lost, among {len(first)} images,"
        found = as_number(call(answer, first, second), name)
        compare(
            found,
            _p_value(gained, lost),
            name,
            1e-5,
            _p_mistakes(gained, lost, len(first), right),
            hint="Images on which both are right or both wrong say nothing.",
        )
        back = as_number(call(answer, second, first), name)
        require(
            abs(back - found) < 1e-6,
            f"{name} is {plain(found)}, and {plain(back)} with the two models exchanged: the order "
            "should not matter.",
        )
    return "On eighteen differences, 14 to 4 is the first result below 0.05."


def _tail(n: int, k: int) -> float:
    """Returns the probability of at most k heads among n throws, as a product for each."""
    return sum(
        math.prod((n - j) / (j + 1) for j in range(i)) for i in range(k + 1)
    ) / float(2**n)  # fmt: skip


def _p_value(gained: int, lost: int) -> float:
    return min(1.0, 2 * _tail(gained + lost, min(gained, lost)))


def _p_mistakes(gained: int, lost: int, images: int, right: int) -> dict[str, Any]:
    n, k = gained + lost, min(gained, lost)
    exactly = math.comb(n, k) / 2**n
    gap = abs(gained - lost)
    above = "It is above 1, and a probability is at most 1: where both sides meet, cut at 1."
    if n == 0:
        return {"Where the models never differ, it should be 1.": 0.0, above: 2.0}
    return {
        "That is one side only. The result could be as uneven the other way: times 2.": (
            _tail(n, k)
        ),
        above: 2 * _tail(n, k),
        "That is the probability of exactly this result: those that are more uneven count, "
        "too.": exactly,
        "That is twice the probability of exactly this result: those that are more uneven count, "
        "too.": 2 * exactly,
        "The result itself was left out: those at least as uneven count, from 0 to the smaller "
        "number, itself included.": 2 * (_tail(n, k) - exactly),
        "Half of the result itself was counted, as in the mid-p test. The exact test counts all of "
        "it.": 2 * _tail(n, k) - exactly,
        "All images were counted as differences. Those on which both are right or both wrong say "
        "nothing.": min(1.0, 2 * _tail(images, n)),
        "All images were counted. Those on which both are right or both wrong say nothing.": (
            min(1.0, 2 * _tail(images, k))
        ),
        f"The tail runs from 0 to {max(gained, lost)}: it should run to the smaller number, {k}, "
        "whichever model that belongs to.": min(1.0, 2 * _tail(n, max(gained, lost))),
        "This is the approximation by a chi-squared distribution: the exact test adds up binomial "
        "coefficients.": lambda: math.erfc(math.sqrt(gap**2 / n / 2)),
        "This is the approximation by a chi-squared distribution, with its correction: the exact "
        "test adds up binomial coefficients.": (
            lambda: math.erfc(math.sqrt(max(gap - 1, 0) ** 2 / n / 2))
        ),
        "This is 1 minus the p-value.": 1 - _p_value(gained, lost),
    }


@exercise(
    "26.3",
    hints=(
        "Sort the answers by certainty into intervals. Within each, compare two means: how often "
        "the answer is right, and how certain it was. What about an interval without answers?",
        "certainty, said = probabilities.max(dim=1); (certainty * bins).long().clamp(max=bins - 1) "
        "is the interval. Add up share × |accuracy - mean certainty| over those that have answers.",
    ),
)
def calibration(answer: Any) -> str:
    draw = Draw(28)
    cases = []
    for n, classes, bins, dtype, scale in (
        (80, 6, 20, torch.float64, 4.0),
        (60, 3, 10, torch.float32, 2.0),
        (25, 4, 3, torch.float64, 1.0),
        (1, 5, 7, torch.float32, 1.0),
        (40, 2, 1, torch.float32, 3.0),
    ):
        probabilities = (scale * draw.normal(n, classes, dtype=torch.float64)).softmax(1)
        while (near := _near_an_edge(probabilities, bins)).any():
            probabilities[near] = (scale * draw.normal(int(near.sum()), classes).double()).softmax(
                1
            )
        if n > 30:
            probabilities[:3] = F.one_hot(draw.integers(0, classes, 3), classes).double()
        cases.append((probabilities.to(dtype), draw.integers(0, classes, n), bins))
    small = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    cases.append((small, torch.tensor([0, 0, 1, 1]), 5))
    for probabilities, labels, bins in cases:
        name = f"calibration(probabilities, labels, {bins}), for {len(labels)} answers,"
        found = as_number(call(answer, probabilities, labels, bins), name)
        require(
            not math.isnan(found),
            f"{name} is nan: an interval without answers has no mean. Leave it out.",
        )
        compare(
            found,
            sum(share * abs(right - sure) for share, right, sure in _cells(*_sorted(
                probabilities, labels), bins)),
            name,
            1e-4,
            _calibration_mistakes(probabilities, labels, bins),
        )  # fmt: skip
    return "Try it on the probabilities of this chapter, with and without label smoothing."


def _near_an_edge(probabilities: Tensor, bins: int) -> Tensor:
    """Tells which certainties lie where rounding decides on the interval."""
    place = probabilities.amax(1) * bins
    return (place - place.round()).abs() < 1e-3


Answers = list[tuple[float, bool]]


def _sorted(probabilities: Tensor, labels: Tensor) -> tuple[Answers]:
    """Returns certainty and rightness of each answer, in order of certainty."""
    found = []
    for row, label in zip(probabilities.double().tolist(), labels.tolist(), strict=True):
        found.append((max(row), row.index(max(row)) == label))
    return (sorted(found),)


def _cells(answers: Answers, bins: int, cell: Any = None) -> list[tuple[float, float, float]]:
    """Returns share, accuracy and mean certainty of each interval that has answers."""
    cells: dict[int, Answers] = {}
    for sure, right in answers:
        index = cell(sure) if cell else min(int(sure * bins), bins - 1)
        if index is not None:
            cells.setdefault(index, []).append((sure, right))
    return [
        (
            len(part) / len(answers),
            sum(right for _, right in part) / len(part),
            sum(sure for sure, _ in part) / len(part),
        )
        for part in cells.values()
    ]


def _calibration_mistakes(probabilities: Tensor, labels: Tensor, bins: int) -> dict[str, Any]:
    (answers,) = _sorted(probabilities, labels)
    cells = _cells(answers, bins)

    def total(parts: list[tuple[float, float, float]]) -> float:
        return sum(share * abs(right - sure) for share, right, sure in parts)

    own = probabilities.double().gather(1, labels.unsqueeze(1))[:, 0].tolist()
    truth = [(p, right) for p, (_, right) in zip(own, _unsorted(probabilities, labels),
                                                  strict=True)]  # fmt: skip
    gaps = [abs(right - sure) for _, right, sure in cells]
    middles = [
        (share, right, (min(int(sure * bins), bins - 1) + 0.5) / bins)
        for share, right, sure in cells
    ]
    return {
        "The intervals count alike. Weight each by its share of the answers.": (
            sum(gaps) / len(gaps)
        ),
        "The intervals count alike, empty ones too. Weight each by its share of the answers.": (
            sum(gaps) / bins
        ),
        "Distances were taken after averaging over all: over- and under-confidence cancel. Take "
        "the distance in each interval.": abs(sum(s * (right - sure) for s, right, sure in cells)),
        "The differences have a sign, so over- and under-confidence cancel: take their absolute "
        "values.": sum(s * (right - sure) for s, right, sure in cells),
        "The differences have a sign, so over- and under-confidence cancel: take the absolute "
        "values.": sum(s * (sure - right) for s, right, sure in cells),
        "The distances were squared.": sum(
            s * (right - sure) ** 2 for s, right, sure in cells
        ),
        "The distances were squared, and the root taken of their mean.": math.sqrt(
            sum(s * (right - sure) ** 2 for s, right, sure in cells)
        ),
        "That is the largest distance: the weighted mean is asked for.": max(gaps),
        "Distances were added, each times the number of answers: divide by the number of all "
        "answers.": total(cells) * len(answers),
        "The probability of the true class was taken for the certainty, which is the largest of "
        "all.": total(_cells(truth, bins)),
        "A certainty of 1 is in no interval: it belongs to the last one.": total(
            _cells(answers, bins, lambda sure: None if sure == 1 else int(sure * bins))
        ),
        "A certainty of 1 is in an interval of its own: it belongs to the last one.": total(
            _cells(answers, bins, lambda sure: int(sure * bins))
        ),
        "Ten intervals were made, whatever bins is.": total(_cells(answers, 10)),
        "The intervals are shifted by half of their width: rounding finds the nearest edge, and "
        "the interval is what lies below.": total(
            _cells(answers, bins, lambda sure: min(round(sure * bins), bins - 1))
        ),
        "The middle of each interval was taken for its mean certainty.": total(middles),
        "Each answer was compared on its own: compare the means of each interval.": (
            sum(abs(right - sure) for sure, right in answers) / len(answers)
        ),
        "It is 1 minus the right number.": 1 - total(cells),
    }  # fmt: skip


def _unsorted(probabilities: Tensor, labels: Tensor) -> Answers:
    said = probabilities.argmax(1)
    return [(0.0, bool(a == b)) for a, b in zip(said, labels, strict=True)]


@exercise(
    "26.4",
    hints=(
        "Two loops, one after the other: the first compares all settings on the validation images, "
        "the second opens the test images for the winner alone. Which seeds does each setting get?",
        'scores = {s: mean of run(s, seed, "validation") over seeds}; take the setting with the '
        'highest one; then [run(best, seed, "test") for seed in seeds], its mean and its standard '
        "deviation.",
    ),
)
def study(answer: Any) -> str:
    draw = Draw(4)
    for accuracies in _ACCURACIES:
        _Experiment(draw, accuracies).judge(answer)
    return "Nobody can say that you tuned on the test images."


# The validation accuracies of each setting's first, second, ... run, over and over. In each study
# the mean has another winner than what might be taken in its place.
_ACCURACIES: tuple[dict[Any, tuple[float, ...]], ...] = (
    # One lucky run: the winner's worst run and its median are low, and it wins few of the seeds.
    {
        "medium": (0.811, 0.809, 0.81, 0.81, 0.81),
        "large": (0.62, 0.61, 0.63, 0.62, 0.64),
        "small": (0.801, 0.8, 0.95, 0.799, 0.8),
    },
    # One unlucky run: the first, the last and the best run of 0.1 are higher than the winner's.
    {
        0.001: (0.71, 0.715, 0.705, 0.71, 0.71),
        0.01: (0.82, 0.822, 0.818, 0.819, 0.821),
        0.1: (0.83, 0.7, 0.831, 0.832, 0.7),
        1.0: (0.4, 0.45, 0.35, 0.42, 0.38),
    },
    # Two that differ by less than a rounding shows, with the winner behind and in front.
    {
        5: (0.82401, 0.81601, 0.82001, 0.82301, 0.81701),
        7: (0.82403, 0.81603, 0.82003, 0.82303, 0.81703),
    },
    {
        "wide": (0.82403, 0.81603, 0.82003, 0.82303, 0.81703),
        "deep": (0.82401, 0.81601, 0.82001, 0.82301, 0.81701),
    },
    {"only one": (0.8, 0.82, 0.81)},
)


class _Experiment:
    """Runs that cost nothing, and a record of which were asked for."""

    def __init__(self, draw: Draw, accuracies: dict[Any, tuple[float, ...]]) -> None:
        self.draw, self.accuracies, self.settings = draw, accuracies, list(accuracies)
        self.known: dict[tuple, float] = {}
        self.asked: list[tuple] = []

    def __call__(self, setting: Any, seed: Any, part: Any) -> float:
        require(
            part in ("validation", "test"),
            f'run was called for {describe(part)}: the parts are "validation" and "test".',
        )
        require(
            setting in self.accuracies,
            f"run was called with the setting {describe(setting)}, which was not given.",
        )
        key = setting, as_integer(seed, "The seed that run was called with"), part
        self.asked.append(key)
        if key not in self.known:
            accuracies = self.accuracies[setting]
            if part == "validation":
                self.known[key] = accuracies[self._tried(setting) % len(accuracies)]
            else:  # what is good on the validation images is bad on the test images
                noise = 0.01 * (self.draw.uniform(1).item() - 0.5)
                self.known[key] = 1.5 - sum(accuracies) / len(accuracies) + noise
        return self.known[key]

    def _tried(self, setting: Any) -> int:
        return sum((s, p) == (setting, "validation") for s, _, p in self.known)

    def seeds(self, setting: Any, part: str) -> list[int]:
        return [seed for s, seed, p in self.asked if (s, p) == (setting, part)]

    def judge(self, answer: Any) -> None:
        result = as_dict(call(answer, self, list(self.settings)), "study(run, settings)")
        for key in ("setting", "test", "spread"):
            require(key in result, f"The dictionary has no {key!r}: it has {plain(list(result))}.")
        opened = {s for s, _, part in self.asked if part == "test"}
        require(
            bool(opened), "The test images were never opened: the chosen setting needs a score."
        )
        self._require_fair_choice()
        means = {s: self._mean(s, "validation") for s in self.settings}
        best = max(means, key=means.get)
        require(
            len(opened) == 1,
            f"The test images were opened for {len(opened)} settings. Only the chosen one may see "
            "them.",
        )
        require(
            opened == {best},
            f"The setting {plain(best)} has the highest mean on the validation images, and the "
            f"test images were opened for {plain(opened.pop())}.",
        )
        require(
            result["setting"] == best,
            f"The setting returned is {describe(result['setting'])}, and {plain(best)} has the "
            "highest mean on the validation images.",
        )
        self._require_results(result, best)

    def _mean(self, setting: Any, part: str) -> float:
        found = [self.known[setting, seed, part] for seed in self.seeds(setting, part)]
        return sum(found) / len(found)

    def _require_fair_choice(self) -> None:
        parts = [part for _, _, part in self.asked]
        if "test" in parts:
            require(
                "validation" not in parts[parts.index("test") :],
                "Validation images were used after the test images had been opened. All choices "
                "come first.",
            )
        groups = {s: self.seeds(s, "validation") for s in self.settings}
        for setting, seeds in groups.items():
            require(
                len(seeds) > 0,
                f"The setting {plain(setting)} was never tried on the validation images.",
            )
            require(
                len(set(seeds)) == len(seeds),
                f"The setting {plain(setting)} was run twice with the same seed: that tells "
                "nothing new.",
            )
            require(
                len(seeds) >= 3,
                f"The setting {plain(setting)} was tried with {len(seeds)} "
                f"seed{'s' * (len(seeds) > 1)}: at least three are asked for.",
            )
        require(
            len({tuple(sorted(seeds)) for seeds in groups.values()}) == 1,
            "The settings were tried with different seeds, so one may have had the luckier ones.",
        )

    def _require_results(self, result: dict, best: Any) -> None:
        seeds = self.seeds(best, "test")
        require(
            len(set(seeds)) == len(seeds) and len(seeds) >= 3,
            f"The test images were opened with the seeds {plain(seeds)}: at least three different "
            "ones are asked for, each once.",
        )
        found = torch.tensor([self.known[best, seed, "test"] for seed in seeds]).double()
        compare(
            as_number(result["test"], "The value of 'test'"),
            found.mean().item(),
            "The value of 'test'",
            typical={
                "This is the mean on the validation images. Report that on the test images.": (
                    self._mean(best, "validation")
                ),
                "This is the best of the runs on the test images: report their mean.": (
                    found.max().item()
                ),
            },
            hint="It should be the mean over the runs on the test images.",
        )
        spread = as_number(result["spread"], "The value of 'spread'")
        right = [found.std(correction=c).item() for c in (0, 1)]
        require(
            any(abs(spread - value) < 1e-6 for value in right),
            f"The value of 'spread' is {spread:.4g}, and the standard deviation of the test "
            f"accuracies is {right[1]:.4g} (or {right[0]:.4g}, divided by n).",
        )
