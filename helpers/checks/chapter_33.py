"""Checks of chapter 33, the atlas of errors."""

import dis
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_function,
    as_list,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
    require_gradients,
    run,
    same,
)
from helpers.checks.words import one_line


@exercise(
    "33.1",
    hints=(
        "Two shapes can be compared with ==. What should happen before anything is subtracted?",
        "if prediction.shape != target.shape: raise ValueError(...) with tuple(prediction.shape) "
        "and tuple(target.shape) in an f-string; then return the mean of the squared difference.",
    ),
)
def safe_mse(answer: Any) -> str:
    draw = Draw(331)
    for shape, dtype in (((5,), torch.float32), ((4, 1), torch.float64), ((2, 3, 4), torch.float32),
                         ((), torch.float32)):  # fmt: skip
        prediction, target = draw.normal(*shape, dtype=dtype), draw.normal(*shape, dtype=dtype)
        prediction.requires_grad_()
        difference = prediction - target
        expected = difference.square().mean()
        name = f"safe_mse(prediction, target), for the shape {shape},"
        result = call(answer, prediction, target)
        compare(
            result,
            expected.detach(),
            name,
            typical={
                "This is the sum of the squares: divide by how many there are.": (
                    difference.square().sum()
                ),
                "This is the mean of the absolute differences: square them.": (
                    difference.abs().mean()
                ),
                "This is the root of it: leave the square root out.": expected.sqrt(),
                "This is the half of it.": expected / 2,
                "This is the square of the mean: first square, then take the mean.": (
                    difference.mean().square()
                ),
            },
            dtype=dtype,
        )
        if dtype == torch.float64:
            rounded = (prediction.float() - target.float()).square().mean()
            cause = "The numbers were rounded to float32 on the way, and they are float64."
            compare(result, expected.detach(), name, tolerance=1e-12, typical={cause: rounded})
        require_gradients(result, expected, {"prediction": prediction}, name)
    for one, other in (
        ((4, 1), (4,)),
        ((4,), (4, 1)),
        ((3,), (1,)),
        ((2, 3), (3, 2)),
        ((5,), (3,)),
        ((2, 1, 3), (2, 4, 3)),
        ((), (1,)),
    ):
        _refuses(answer, draw.normal(*one), draw.normal(*other))
    for dtypes in ((torch.float32, torch.float64), (torch.float64, torch.float32)):
        _takes_other_dtypes(answer, *(draw.normal(4, 2, dtype=dtype) for dtype in dtypes))
    return "No warning, no broadcasting."


def _takes_other_dtypes(answer: Any, prediction: Tensor, target: Tensor) -> None:
    dtypes = [str(tensor.dtype).removeprefix("torch.") for tensor in (prediction, target)]
    name = f"safe_mse(prediction, target), for two equal shapes, {' and '.join(dtypes)},"
    try:
        result = run(answer, prediction, target)
    except ValueError as error:
        raise Wrong(f"{name} raised a ValueError: only the shapes have to be equal.") from error
    expected = (prediction.double() - target.double()).square().mean()
    compare(result, expected, name)
    require(
        same(as_tensor(result, name), expected, 1e-12),
        f"{name} was rounded to float32 on the way: nothing is rounded. Without a conversion, "
        "float32 and float64 give float64.",
    )


def _refuses(answer: Any, prediction: Tensor, target: Tensor) -> None:
    shapes = tuple(prediction.shape), tuple(target.shape)
    given = f"For the shapes {shapes[0]} and {shapes[1]}"
    try:
        result = run(answer, prediction, target)
    except ValueError as error:
        for shape in shapes:
            require(
                str(shape) in str(error),
                f"{given}, the message should contain {shape}, and it is: {one_line(error)}",
            )
        return
    except Wrong:
        raise
    except Exception as error:
        raise Wrong(
            f"{given}, a ValueError is asked for, and {type(error).__name__} was raised."
        ) from error
    raise Wrong(f"{given}, a ValueError is asked for, and the result is {describe(result)}.")


@exercise(
    "33.2",
    hints=(
        "Where does an optimizer keep what it was given? And how do you tell whether two tensors "
        "are the same object, and do not merely hold equal numbers?",
        "Collect id(p) for every p in every group['params'] of optimizer.param_groups. Then go "
        "through model.named_parameters(): keep the name if requires_grad is False or the id is "
        "not among them.",
    ),
)
def not_updated(answer: Any) -> str:
    for model, optimizer, wanted, case in _optimizers():
        name = f"not_updated(model, optimizer), {case},"
        groups = [{**group, "params": list(group["params"])} for group in optimizer.param_groups]
        try:
            found = as_list(call(answer, model, optimizer), name)
        except RuntimeError as error:
            if not _from_in(error):
                raise
            raise Wrong(
                f"{name} raised a RuntimeError: `in` compares tensors element by element: ask with "
                "`is`, or collect id(p)."
            ) from error
        require(
            _same_groups(groups, optimizer.param_groups) and not any(optimizer.state.values()),
            f"{name} changed the optimizer: read its groups, and leave them as they are.",
        )
        other = [one for one in found if not isinstance(one, str)]
        if other:
            kind = "parameters" if isinstance(other[0], nn.Parameter) else describe(other[0])
            raise Wrong(f"{name} should be a list of names, and it holds {kind}.")
        named = dict(model.named_parameters())
        unknown = [one for one in found if one not in named]
        missing = [one for one in wanted if one not in found]
        extra = [one for one in found if one not in wanted]
        require(
            not unknown,
            f"{name} has {plain(unknown[:1])[1:-1]}, which named_parameters() doesn't have.",
        )
        for one in missing[:1]:
            raise Wrong(f"{name} lacks {plain([one])[1:-1]}. {_reason(case, named[one])}")
        why = "and only the two reasons count" if "rate" in case else "which a step can change"
        require(not extra, f"{name} has {plain(extra[:1])[1:-1]}, {why}.")
        twice = [one for one in found if found.count(one) > 1]
        require(not twice, f"{name} names {plain(twice[:1])[1:-1]} twice: each name once.")
        require(found == wanted, f"{name} is in another order than named_parameters().")
    return "Three lines that save an afternoon."


def _from_in(error: BaseException) -> bool:
    """Tells whether the error comes from ``in`` or ``not in``."""
    frame = error.__traceback__
    while frame is not None:
        for step in dis.get_instructions(frame.tb_frame.f_code):
            if step.offset == frame.tb_lasti and step.opname == "CONTAINS_OP":
                return True
        frame = frame.tb_next
    return False


def _same_groups(before: list[dict], after: list[dict]) -> bool:
    """Tells whether two lists of groups hold the same parameters and options."""

    def plainly(groups: list[dict]) -> list[dict]:
        return [{**group, "params": [id(p) for p in group["params"]]} for group in groups]

    return plainly(before) == plainly(after)


def _reason(case: str, parameter: nn.Parameter) -> str:
    if not parameter.requires_grad:
        return "A parameter that doesn't require a gradient gets none, and a step passes it by."
    reasons = {
        "new head": "The optimizer was made before, and doesn't know it.",
        "equal": "Another tensor with equal numbers is held: compare objects, not values.",
    }
    found = (text for word, text in reasons.items() if word in case)
    return next(found, "None of the optimizer's groups holds it.")


def _net(width: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))


def _give_gradients(net: nn.Module) -> None:
    for p in net.parameters():
        p.grad = torch.ones_like(p)


def _optimizers() -> Iterator[tuple[nn.Module, torch.optim.Optimizer, list[str], str]]:
    net = _net()
    yield net, torch.optim.SGD(net.parameters(), lr=0.1), [], "when all are updated"
    net = _net()
    net[0].requires_grad_(False)
    frozen = ["0.weight", "0.bias"]
    yield net, torch.optim.Adam(net.parameters(), lr=0.1), frozen, "with the first layer frozen"
    net = _net()
    early = torch.optim.SGD(net.parameters(), lr=0.1)
    net[2] = nn.Linear(3, 5)
    yield net, early, ["2.weight", "2.bias"], "with a new head"
    net = _net()
    groups = [{"params": [net[0].weight]}, {"params": [net[2].bias, net[2].weight], "lr": 0.01}]
    _give_gradients(net)
    yield net, torch.optim.SGD(groups, lr=0.1), ["0.bias"], "with two groups"
    net = _net()
    groups = [{"params": net[0].parameters(), "lr": 0.0}, {"params": [net[2].weight]}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    yield net, optimizer, ["2.bias"], "with a rate of 0 in one group"
    net, twin = _net(), _net()
    twin.load_state_dict(net.state_dict())
    names = [name for name, _ in net.named_parameters()]
    optimizer = torch.optim.SGD([*twin.parameters(), net[2].bias], lr=0.1)
    wanted = [name for name in names if name != "2.bias"]
    yield net, optimizer, wanted, "where the optimizer holds an equal model"
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 3)))
    net[2][0].weight = net[0].weight
    _give_gradients(net)
    net[1].bias.requires_grad_(False)
    net[1].bias.grad = None  # with an old gradient, a step would move it
    optimizer = torch.optim.SGD([net[0].weight, net[1].weight, net[1].bias], lr=0.1)
    wanted = ["0.bias", "1.bias", "2.0.bias"]
    yield net, optimizer, wanted, "with a shared weight and something frozen"
    net = _net()
    net.requires_grad_(False)
    other = nn.Linear(1, 1)
    every = [name for name, _ in net.named_parameters()]
    yield net, torch.optim.SGD(other.parameters(), lr=0.1), every, "with everything frozen"


@exercise(
    "33.3",
    hints=(
        "train == image compares one image with all training images at once. Over which axes must "
        "the answer be True everywhere, and over which is one True enough?",
        "(train == image).flatten(1).all(dim=1).any() is the answer for one image: stack it for "
        "all of val.",
    ),
)
def twins(answer: Any) -> str:
    for train, val, wanted, case in _batches(Draw(333)):
        name = f"twins(train, val), {case},"
        result = as_tensor(call(answer, train, val), name)
        compare(result, torch.tensor(wanted, dtype=torch.bool), name, dtype=torch.bool,
                hint=_HINTS.get(case, ""))  # fmt: skip
    return "Look for twins before you believe a number."


_HINTS = {
    "where an image differs in one pixel": "All pixels have to agree, not most of them.",
    "where an image has the same pixels in other places": "The same pixels in other places, or an "
    "equal sum, don't make equal images.",
    "where one pixel is -0.0": "-0.0 equals 0.0, and their bytes differ: compare by ==.",
    "where the twin stands in another row": "Every training image may be the twin, not only the "
    "one in the same row.",
    "where two differ by less than a grey level": "Equal means equal, not close.",
    "where one pixel differs in its last bit": "Equal means equal, not close.",
    "where one pixel of float64 differs in its last bit": "Equal means equal, not close.",
    "where a training image occurs twice": "One twin or several: True is asked for.",
    "where two validation images are equal": "Only the training images count: a twin within val "
    "is none.",
    "where an image is the negative of another": "The sign counts as well.",
    "where an image is brighter by the same amount everywhere": "Equal differences between "
    "pixels don't make equal images.",
    "where an image has twice the contrast": "Equal ratios of pixels don't make equal images.",
    "where every pixel occurs in some training image": "All pixels must come from one and the "
    "same training image.",
}


def _batches(draw: Draw) -> Iterator[tuple[Tensor, Tensor, list[bool], str]]:
    train = draw.normal(5, 3, 4, 2)
    val = draw.normal(4, 3, 4, 2)
    yield train, val, [False] * 4, "without twins"
    val = val.clone()
    val[1], val[3] = train[4], train[0]
    yield train, val, [False, True, False, True], "where the twin stands in another row"
    pixel = train[:2].clone()
    pixel[0, 2, 3, 1] += 1
    yield train, pixel, [False, True], "where an image differs in one pixel"
    other = torch.stack([train[0].flip(-1), train[1]])
    yield train, other, [False, True], "where an image has the same pixels in other places"
    mixed = torch.cat([train[1:2, :, :2], train[2:3, :, 2:]], dim=2)
    both = torch.cat([mixed, train[:1]])
    yield train, both, [False, True], "where every pixel occurs in some training image"
    grey = draw.integers(0, 255, 6, 1, 3, 3).to(torch.uint8)
    case = "where images are bytes"
    other = grey[[5, 5, 2, 0]]
    other[3, 0, 1, 1] += 1
    yield grey, other, [True, True, True, False], case
    close = train[:2].clone()
    close[1] += 1e-4
    yield train, close, [True, False], "where two differ by less than a grey level"
    zero = torch.zeros(1, 1, 2, 2)
    yield zero, -zero, [True], "where one pixel is -0.0"
    case = "where one pixel differs in its last bit"
    for dtype in (torch.float32, torch.float64):
        images = draw.uniform(3, 1, 2, 4, low=0.5, dtype=dtype)
        near = images[[2, 0]]
        near[1, 0, 1, 3] = torch.nextafter(near[1, 0, 1, 3], near.new_tensor(2))
        yield images, near, [True, False], case
        case = "where one pixel of float64 differs in its last bit"
    yield train[[0, 3, 3, 1]], train[2:4], [False, True], "where a training image occurs twice"
    yield train[:3], train[[3, 3, 1]], [False, False, True], "where two validation images are equal"
    negative = torch.stack([-train[1], train[3]])
    yield train, negative, [False, True], "where an image is the negative of another"
    whole = draw.integers(0, 9, 3, 2, 2, 3).float()
    case = "where an image is brighter by the same amount everywhere"
    yield whole, whole[[1, 2]] + torch.tensor([3.0, 0]).view(2, 1, 1, 1), [False, True], case
    case = "where an image has twice the contrast"
    yield whole, torch.stack([2 * whole[0], whole[2]]), [False, True], case


ILLNESSES = ("labels", "softmax", "random", "stuck", "scale")


@exercise(
    "33.4",
    hints=(
        "Work on a copy, so that nothing has to be put back. Which of the five need the model, in "
        "which mode, and which need only the inputs or the targets?",
        "copy.deepcopy(model).eval() and two calls under no_grad answer softmax and random, and K "
        "for labels. Then train(), zero_grad(), cross_entropy with targets of zeros, backward if "
        "the loss requires a gradient, and a look at each p.grad.",
    ),
)
def examine(answer: Any) -> str:
    as_function(answer)
    for model, inputs, targets, wanted, case in _patients(Draw(334)):
        name = f"examine(model, inputs, targets), for {case},"
        torch.manual_seed(5)  # and again after the answer, which may draw numbers of its own
        found = run(answer, model, inputs, targets)
        torch.manual_seed(5)
        require(
            isinstance(found, set | frozenset) and all(isinstance(one, str) for one in found),
            f"{name} should be a set of names, and it is {describe(found)}.",
        )
        unknown = sorted(set(found) - set(ILLNESSES))
        require(not unknown, f"{name} has {plain(unknown[:1])[1:-1]}, which is none of the names.")
        missing = [one for one in ILLNESSES if one in wanted and one not in found]
        require(not missing, f"{name} lacks {missing[:1]}.{_why(case, missing)}")
        extra = [one for one in ILLNESSES if one in found and one not in wanted]
        require(not extra, f"{name} has {extra[:1]}.{_why(case, extra)}")
    return "All patients, and none of them worse for it."


class _Forward(nn.Module):
    """A classifier with three inputs whose forward is a function of (module, logits)."""

    def __init__(self, then: Any, width: int = 4, classes: int = 3):
        super().__init__()
        self.body, self.head = nn.Linear(3, width), nn.Linear(width, classes)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self, self.head(self.body(x).tanh()))


class _Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.spare = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Cut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).tanh().detach())


class _Sum(nn.Module):
    """The layer that was made last isn't the one that gives the output its columns."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.wide = nn.Linear(3, 3), nn.Linear(3, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) + self.wide(x)[:, :3]


class _Counting(nn.Module):
    """Counts its steps in a buffer that state_dict leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 3)
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
        return self.body(x)


def _centred(module: nn.Module, logits: Tensor) -> Tensor:
    return 5 * (logits - logits.mean(dim=1, keepdim=True)) + 1 / logits.shape[1]


def _one_row(module: nn.Module, logits: Tensor) -> Tensor:
    return torch.cat([logits[:1].softmax(dim=1), logits[1:].exp()])


def _why(case: str, names: list[str]) -> str:
    """Returns what explains a case, where it is about the first of the names."""
    about, text = _WHY.get(case, ("", ""))
    return f" {text}" if about == "all" or about in names[:1] else ""


# Which illness a case is about, and what to tell whoever is wrong about it.
_WHY = {
    "outputs of a sigmoid": ("softmax", "They lie between 0 and 1, and don't sum to 1."),
    "outputs that sum to 1, some of them negative": ("softmax", "Probabilities are at least 0."),
    "outputs of which only the first row sums to 1": ("softmax", "Every row has to sum to 1."),
    "rows that sum to 0.5 and 1.5": ("softmax", "Every row has to sum to 1, not their mean."),
    "rows that sum to 0.5": ("softmax", "A sum below 1 is not 1 either."),
    "rows that sum to 1.001": ("softmax", "Within 0.0001 is asked for."),
    "rows that sum to 1.00005": ("softmax", "Within 0.0001 of 1 is asked for."),
    "probabilities, one of them 0 in each row": ("softmax", "A probability may be 0."),
    "a model that gives probabilities in eval mode only": (
        "softmax",
        "softmax is asked for in eval mode.",
    ),
    "a model that gives probabilities in train mode only": (
        "softmax",
        "softmax is asked for in eval mode.",
    ),
    "nn.Dropout": ("random", "In eval mode it does nothing: random is asked for in eval mode."),
    "F.dropout that ignores the mode": ("random", "Two calls differ in eval mode too."),
    "noise of 0.0001 in the outputs": ("random", "Any difference counts, small ones as well."),
    "noise of 0.00001 in outputs near 10": (
        "random",
        "Any difference counts: torch.allclose passes over small ones.",
    ),
    "a frozen layer": ("stuck", "A frozen parameter gets no gradient."),
    "a frozen bias": ("stuck", "A bias is a parameter too, and this one gets no gradient."),
    "probabilities and a frozen bias": ("all", "One patient may have several."),
    "everything frozen": ("stuck", "Then backward can't even start."),
    "a layer that forward doesn't use": ("stuck", "Its grad stays None."),
    "a detach in forward": ("stuck", "What lies before it gets no gradient."),
    "ReLUs that never open": ("stuck", "Their gradients are zeros, not None."),
    "one ReLU of several that never opens": (
        "stuck",
        "Some of the numbers in a gradient are zeros, and not all of them.",
    ),
    "a logit of 1000 for class 0": (
        "stuck",
        "With targets of class 0, the cross-entropy is exactly 0, and so are its gradients.",
    ),
    "a logit of 1000 for class 1": (
        "stuck",
        "With targets of class 0, the cross-entropy is large, and so are its gradients.",
    ),
    "gradients from an earlier step, and a layer that forward doesn't use": (
        "stuck",
        "The old gradients have to be cleared first.",
    ),
    "a target of -1": ("labels", "It is below 0."),
    "a target of K": ("labels", "Classes are 0 to K - 1."),
    "targets beyond the columns of a sum of two layers": (
        "labels",
        "K is the number of columns of the output, whatever layers there are.",
    ),
    "inputs of mean 0 and large spread": ("scale", "Take the mean of the absolute values."),
    "inputs of about -10.4": ("scale", "Take the mean of the absolute values."),
    "inputs with one outlier": ("scale", "Their mean is below 10."),
    "one row of 200": ("scale", "The mean of all absolute values is above 10."),
    "one row of 40": ("scale", "The mean of all absolute values is below 10."),
    "zeros in the first row only": ("scale", "The mean of all absolute values is above 10."),
    "a layer that works in train mode only": ("stuck", "stuck is asked for in train mode."),
    "a layer that works in eval mode only": ("stuck", "stuck is asked for in train mode."),
    "three illnesses": ("all", "One patient may have several."),
    "probabilities, labels and chance": ("all", "One patient may have several."),
}


def _sparse(module: nn.Module, logits: Tensor) -> Tensor:
    least = logits == logits.amin(dim=1, keepdim=True)
    return logits.masked_fill(least, -torch.inf).softmax(dim=1)


def _patients(
    draw: Draw,
) -> Iterator[tuple[nn.Module, Tensor, Tensor, set[str], str]]:
    x = draw.normal(6, 3)
    y = torch.tensor([0, 1, 2, 0, 2, 1])

    def same(module: nn.Module, logits: Tensor) -> Tensor:
        return logits

    def softmax(module: nn.Module, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    def dropped(module: nn.Module, logits: Tensor) -> Tensor:
        return F.dropout(logits, 0.5)

    yield _Forward(same), x, y, set(), "a healthy classifier"
    yield _Forward(same).eval(), x, y, set(), "a healthy classifier in eval mode"
    yield _Forward(softmax), x, y, {"softmax"}, "a softmax at the end"
    yield _Forward(lambda m, z: z.sigmoid()), x, y, set(), "outputs of a sigmoid"
    yield _Forward(lambda m, z: z.log_softmax(1)), x, y, set(), "logits of log_softmax"
    negative = _Forward(_centred)
    yield negative, x, y, set(), "outputs that sum to 1, some of them negative"
    yield _Forward(_one_row), x, y, set(), "outputs of which only the first row sums to 1"
    share = torch.where(torch.arange(6) < 3, 0.5, 1.5).unsqueeze(1)
    yield _Forward(lambda m, z: z.softmax(1) * share), x, y, set(), "rows that sum to 0.5 and 1.5"
    yield _Forward(lambda m, z: z.softmax(1) / 2), x, y, set(), "rows that sum to 0.5"
    yield _Forward(lambda m, z: z.softmax(1) * 1.001), x, y, set(), "rows that sum to 1.001"
    near = _Forward(lambda m, z: z.softmax(1) * 1.00005)
    yield near, x, y, {"softmax"}, "rows that sum to 1.00005"
    yield _Forward(_sparse), x, y, {"softmax"}, "probabilities, one of them 0 in each row"
    evaluated = _Forward(lambda m, z: z if m.training else z.softmax(1))
    yield evaluated, x, y, {"softmax"}, "a model that gives probabilities in eval mode only"
    trained = _Forward(lambda m, z: z.softmax(1) if m.training else z)
    yield trained, x, y, set(), "a model that gives probabilities in train mode only"
    yield _Forward(dropped), x, y, {"random"}, "F.dropout that ignores the mode"
    noisy = _Forward(lambda m, z: z + 1e-4 * torch.rand_like(z))
    yield noisy, x, y, {"random"}, "noise of 0.0001 in the outputs"
    faint = _Forward(lambda m, z: z + 10 + 1e-5 * torch.rand_like(z))
    yield faint, x, y, {"random"}, "noise of 0.00001 in outputs near 10"
    regular = nn.Sequential(nn.Linear(3, 40), nn.Tanh(), nn.Dropout(0.2), nn.Linear(40, 3))
    yield regular, x, y, set(), "nn.Dropout"
    frozen = _Forward(same)
    frozen.body.requires_grad_(False)
    yield frozen, x, y, {"stuck"}, "a frozen layer"
    biased = _Forward(same)
    biased.body.bias.requires_grad_(False)
    yield biased, x, y, {"stuck"}, "a frozen bias"
    both = _Forward(softmax)
    both.head.bias.requires_grad_(False)
    yield both, x, y, {"softmax", "stuck"}, "probabilities and a frozen bias"
    yield _Forward(same).requires_grad_(False), x, y, {"stuck"}, "everything frozen"
    yield _Unused(), x, y, {"stuck"}, "a layer that forward doesn't use"
    yield _Cut(), x, y, {"stuck"}, "a detach in forward"
    dead = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.constant_(dead[0].bias, -1000)
    yield dead, x, y, {"stuck"}, "ReLUs that never open"
    closed = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.constant_(closed[0].bias, 1)
    nn.init.constant_(closed[0].bias[:1], -1000)
    yield closed, x, y, set(), "one ReLU of several that never opens"
    certain = torch.tensor([[1000.0, 0, 0]])
    first, second = (_Forward(lambda m, z, c=c: z + c) for c in (certain, certain.roll(1)))
    yield first, x, y, {"stuck"}, "a logit of 1000 for class 0"
    yield second, x, y, set(), "a logit of 1000 for class 1"
    in_training = _Forward(lambda m, z: z if m.training else z.detach() * 0 + m.head.bias)
    yield in_training, x, y, set(), "a layer that works in train mode only"
    in_evaluation = _Forward(lambda m, z: z.detach() + m.head.bias if m.training else z)
    yield in_evaluation, x, y, {"stuck"}, "a layer that works in eval mode only"
    unused = _Unused()
    for p in unused.parameters():
        p.grad = torch.ones_like(p)
    yield (
        unused,
        x,
        y,
        {"stuck"},
        ("gradients from an earlier step, and a layer that forward doesn't use"),
    )
    yield _Forward(same), x, y - 1, {"labels"}, "a target of -1"
    yield _Forward(same), x, y + 1, {"labels"}, "a target of K"
    yield _Forward(same, classes=2), x, y, {"labels"}, "a target of K"
    yield _Sum(), x, y + 2, {"labels"}, "targets beyond the columns of a sum of two layers"
    yield (
        _Forward(same),
        x.sign() * 12 + 0.01 * x,
        y,
        {"scale"},
        ("inputs of mean 0 and large spread"),
    )
    yield _Forward(same), x.sign() * 9 + 0.01 * x, y, set(), "inputs of about 9"
    outlier = x.clone()
    outlier[2, 1] = 30
    yield _Forward(same), outlier, y, set(), "inputs with one outlier"
    for row, rest, wanted, case in (
        (200, 1, {"scale"}, "one row of 200"),
        (40, 1, set(), "one row of 40"),
        (0, 30, {"scale"}, "zeros in the first row only"),
    ):
        rows = torch.full((6, 3), rest) + 0.1 * x
        rows[0] = row
        yield nn.Linear(3, 3), rows, y, wanted, case
    yield _Forward(same), 0.01 * x - 10.4, y, {"scale"}, "inputs of about -10.4"
    norm = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 3))
    norm[1].eval()
    yield norm, x, y, set(), "batch normalisation in a mode of its own"
    deep = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.1)), nn.Linear(4, 3))
    deep[0][1].eval()
    yield deep, x, y, set(), "a nested layer in a mode of its own"
    yield _Counting(), x, y, set(), "a buffer that state_dict leaves out"
    moving = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 3))
    yield moving, x, y, set(), "batch normalisation"
    ill = _Forward(same)
    ill.head.requires_grad_(False)
    yield ill, x.abs() + 20, y - 1, {"labels", "stuck", "scale"}, "three illnesses"
    lucky = _Forward(lambda m, z: dropped(m, z).softmax(1))
    yield lucky, x, y + 5, {"labels", "softmax", "random"}, "probabilities, labels and chance"
