"""Checks of chapter 33, the atlas of errors."""

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
        )
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
    return "No warning, no broadcasting."


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
        found = as_list(call(answer, model, optimizer), name)
        other = [one for one in found if not isinstance(one, str)]
        require(not other, f"{name} should be a list of names, and it holds {other[:1]}.")
        missing = [one for one in wanted if one not in found]
        extra = [one for one in found if one not in wanted]
        require(not missing, f"{name} lacks {plain(missing[:1])[1:-1]}. {_reason(case)}")
        require(not extra, f"{name} has {plain(extra[:1])[1:-1]}, which a step can change.")
        twice = [one for one in found if found.count(one) > 1]
        require(not twice, f"{name} names {plain(twice[:1])[1:-1]} twice: each name once.")
        require(found == wanted, f"{name} is in another order than named_parameters().")
    return "Three lines that save an afternoon."


def _reason(case: str) -> str:
    reasons = {
        "frozen": "A parameter that doesn't require a gradient gets none, and a step passes it by.",
        "new head": "The optimizer was made before, and doesn't know it.",
        "equal": "Another tensor with equal numbers is held: compare objects, not values.",
    }
    return next((text for word, text in reasons.items() if word in case), "")


def _net(width: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))


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
    yield net, torch.optim.SGD(groups, lr=0.1), ["0.bias"], "with two groups"
    net, twin = _net(), _net()
    twin.load_state_dict(net.state_dict())
    names = [name for name, _ in net.named_parameters()]
    optimizer = torch.optim.SGD([*twin.parameters(), net[2].bias], lr=0.1)
    wanted = [name for name in names if name != "2.bias"]
    yield net, optimizer, wanted, "where the optimizer holds an equal model"
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 3)))
    net[2][0].weight = net[0].weight
    net[1].bias.requires_grad_(False)
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
        "all of val. If val is empty, there is nothing to stack.",
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
    "where an image has the same pixels in other places": "Equal sums don't make equal images.",
    "where one pixel is -0.0": "-0.0 equals 0.0, and their bytes differ: compare by ==.",
    "where the twin stands in another row": "Every training image may be the twin, not only the "
    "one in the same row.",
    "where two differ by less than a grey level": "Equal means equal, not close.",
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
    yield grey, grey[[5, 5, 2]], [True] * 3, case
    close = train[:2].clone()
    close[1] += 1e-4
    yield train, close, [True, False], "where two differ by less than a grey level"
    zero = torch.zeros(1, 1, 2, 2)
    yield zero, -zero, [True], "where one pixel is -0.0"
    yield train, train[:0], [], "where val is empty"


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
        torch.manual_seed(5)
        found = run(answer, model, inputs, targets)
        require(
            isinstance(found, set | frozenset | list | tuple)
            and all(isinstance(one, str) for one in found),
            f"{name} should be a set of names, and it is {describe(found)}.",
        )
        unknown = sorted(set(found) - set(ILLNESSES))
        require(not unknown, f"{name} has {plain(unknown[:1])[1:-1]}, which is none of the names.")
        missing = [one for one in ILLNESSES if one in wanted and one not in found]
        require(not missing, f"{name} lacks {missing[:1]}. {_WHY.get(case, '')}".rstrip())
        extra = [one for one in ILLNESSES if one in found and one not in wanted]
        require(not extra, f"{name} has {extra[:1]}. {_WHY.get(case, '')}".rstrip())
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


def _centred(module: nn.Module, logits: Tensor) -> Tensor:
    return 5 * (logits - logits.mean(dim=1, keepdim=True)) + 1 / logits.shape[1]


def _one_row(module: nn.Module, logits: Tensor) -> Tensor:
    return torch.cat([logits[:1].softmax(dim=1), logits[1:].exp()])


_WHY = {
    "outputs of a sigmoid": "They lie between 0 and 1, and don't sum to 1.",
    "outputs that sum to 1, some of them negative": "Probabilities are at least 0.",
    "outputs of which only the first row sums to 1": "Every row has to sum to 1.",
    "a model that gives probabilities in eval mode only": "softmax is asked for in eval mode.",
    "a model that gives probabilities in train mode only": "softmax is asked for in eval mode.",
    "nn.Dropout": "In eval mode it does nothing: random is asked for in eval mode.",
    "F.dropout that ignores the mode": "Two calls differ in eval mode too.",
    "a frozen layer": "A frozen parameter gets no gradient.",
    "everything frozen": "Then backward can't even start.",
    "a layer that forward doesn't use": "Its grad stays None.",
    "a detach in forward": "What lies before it gets no gradient.",
    "ReLUs that never open": "Their gradients are zeros, not None.",
    "gradients from an earlier step, and a layer that forward doesn't use": "The old gradients "
    "have to be cleared first.",
    "a target of -1": "It is below 0.",
    "a target of K": "Classes are 0 to K - 1.",
    "inputs of mean 0 and large spread": "Take the mean of the absolute values.",
    "logits of log_softmax": "They are negative.",
    "a frozen layer, and gradients from an earlier step": "The old gradients have to be cleared "
    "first.",
    "a layer that works in train mode only": "stuck is asked for in train mode.",
    "a layer that works in eval mode only": "stuck is asked for in train mode.",
    "three illnesses": "One patient may have several.",
    "probabilities, labels and chance": "One patient may have several.",
}


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
    evaluated = _Forward(lambda m, z: z if m.training else z.softmax(1))
    yield evaluated, x, y, {"softmax"}, "a model that gives probabilities in eval mode only"
    trained = _Forward(lambda m, z: z.softmax(1) if m.training else z)
    yield trained, x, y, set(), "a model that gives probabilities in train mode only"
    yield _Forward(dropped), x, y, {"random"}, "F.dropout that ignores the mode"
    regular = nn.Sequential(nn.Linear(3, 40), nn.Tanh(), nn.Dropout(0.2), nn.Linear(40, 3))
    yield regular, x, y, set(), "nn.Dropout"
    frozen = _Forward(same)
    frozen.body.requires_grad_(False)
    yield frozen, x, y, {"stuck"}, "a frozen layer"
    yield _Forward(same).requires_grad_(False), x, y, {"stuck"}, "everything frozen"
    yield _Unused(), x, y, {"stuck"}, "a layer that forward doesn't use"
    yield _Cut(), x, y, {"stuck"}, "a detach in forward"
    dead = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.constant_(dead[0].bias, -1000)
    yield dead, x, y, {"stuck"}, "ReLUs that never open"
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
    yield _Forward(same), 0.01 * x - 10.4, y, {"scale"}, "inputs of about -10.4"
    norm = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 3))
    norm[1].eval()
    yield norm, x, y, set(), "batch normalisation in a mode of its own"
    moving = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 3))
    yield moving, x, y, set(), "batch normalisation"
    ill = _Forward(same)
    ill.head.requires_grad_(False)
    yield ill, x.abs() + 20, y - 1, {"labels", "stuck", "scale"}, "three illnesses"
    lucky = _Forward(lambda m, z: dropped(m, z).softmax(1))
    yield lucky, x, y + 5, {"labels", "softmax", "random"}, "probabilities, labels and chance"
