"""Checks of chapter 17, optimizers."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn, optim

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_class,
    as_dict,
    as_list,
    as_number,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
    run,
)

Rule = Callable[..., tuple[Any, Any, Any]]


@exercise(
    "17.1",
    hints=(
        "Two things must be remembered from step to step: the mean square v and the buffer b. What "
        "are they in the first step, when s is empty?",
        's.get("v", 0) is 0 at first. v = alpha * v + (1 - alpha) * g**2, then '
        "b = momentum * b + g / (v.sqrt() + eps); store both in s, and return w - lr * b.",
    ),
)
def rmsprop_momentum(answer: Any) -> str:
    draw = Draw(1)
    for options, dtype in (
        ({"alpha": 0.9, "momentum": 0.8, "eps": 1e-8}, torch.float64),
        ({"alpha": 0.7, "momentum": 0.5, "eps": 0.1}, torch.float64),
        ({"alpha": 0.99, "momentum": 0.9, "eps": 1e-8}, torch.float32),
    ):
        _compare_rmsprop(answer, draw, options, dtype)
    return "Twenty steps as PyTorch does them."


def _compare_rmsprop(answer: Any, draw: Draw, options: dict, dtype: torch.dtype) -> None:
    """Moves two parameters in turn, each with a dictionary of its own."""
    starts = draw.normal(3, dtype=dtype), draw.normal(2, 4, dtype=dtype)
    theirs = [nn.Parameter(start.clone()) for start in starts]
    optimizer = optim.RMSprop(theirs, lr=0.05, **options)
    mine, states = list(starts), [{}, {}]
    wrong = [{hint: (start, 0, 0) for hint in _RULES} for start in starts]
    for step in range(1, 21):
        rate = 0.05 if step < 6 else 0.02
        for i, p in enumerate(theirs):
            p.grad = draw.normal(*p.shape, dtype=dtype) * (1 + 3 * i)
            for hint, rule in _RULES.items():
                wrong[i][hint] = rule(*wrong[i][hint], p.grad, rate, **options)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        for i, p in enumerate(theirs):
            arguments = mine[i], p.grad.clone(), states[i], rate, *options.values()
            result = call(answer, *arguments, changes=(2,))
            given = "".join(f", {name}={value:g}" for name, value in options.items())
            name = f"w after step {step}, with lr={rate}{given},"
            mine[i] = as_tensor(result, name, tuple(p.shape)).detach()
            if step > 1:
                require(
                    len(states[i]) > 0,
                    "The dictionary s is empty after a step: what the rule remembers must be kept "
                    "in it, s[...] = ...",
                )
            compare(
                mine[i],
                p.detach(),
                name,
                tolerance=1e-5 if dtype == torch.float32 else 1e-8,
                typical={hint: found[0] for hint, found in wrong[i].items()},
                hint="v = alpha * v + (1 - alpha) * g², b = momentum * b + g / (sqrt(v) + eps), "
                "w - lr * b, with v and b of the step before from s.",
            )


def _rule(
    mean: Callable = lambda v, g, a: a * v + (1 - a) * g**2,
    divided: Callable = lambda g, v, e: g / (v**0.5 + e),
    buffer: Callable = lambda b, u, m, lr: m * b + u,
    moved: Callable = lambda w, b, u, lr: w - lr * b,
) -> Rule:
    """Makes a rule with one part that differs."""

    def step(w: Any, v: Any, b: Any, g: Tensor, lr: float, alpha: float, momentum: float,
             eps: float) -> tuple[Any, Any, Any]:  # fmt: skip
        v = mean(v, g, alpha)
        u = divided(g, v, eps)
        b = buffer(b, u, momentum, lr)
        return moved(w, b, u, lr), v, b

    return step


_RULES: dict[str, Rule] = {
    "The weights go uphill: subtract lr * b.": _rule(moved=lambda w, b, u, lr: w + lr * b),
    "The step was returned, without w: return w - lr * b.": _rule(moved=lambda w, b, u, lr: lr * b),
    "v is not remembered: each step takes it from this step's gradient alone. Keep it in s.": (
        _rule(mean=lambda v, g, a: (1 - a) * g**2)
    ),
    "The buffer is not remembered, so there is no momentum. Keep it in s.": _rule(
        buffer=lambda b, u, m, lr: u
    ),
    "alpha and 1 - alpha are exchanged: v keeps the share alpha of what it was.": _rule(
        mean=lambda v, g, a: (1 - a) * v + a * g**2
    ),
    "v lacks 1 - alpha, or is corrected for its start as Adam's is: v is as it comes from "
    "alpha * v + (1 - alpha) * g².": _rule(mean=lambda v, g, a: a * v + g**2),
    "v is a mean of g, not of g².": _rule(mean=lambda v, g, a: a * v + (1 - a) * g.abs()),
    "The gradient was divided by v: divide by its root.": _rule(
        divided=lambda g, v, e: g / (v + e)
    ),
    "eps stands inside the root: it is added to the root, sqrt(v) + eps.": _rule(
        divided=lambda g, v, e: g / (v + e) ** 0.5
    ),
    "eps is left out, or is 1e-8 whatever is given.": _rule(
        divided=lambda g, v, e: g / (v**0.5 + 1e-8)
    ),
    "The gradient was not divided by sqrt(v) + eps before it went into the buffer.": _rule(
        divided=lambda g, v, e: g
    ),
    "The buffer takes 1 - momentum of each step: it adds up the divided gradients, "
    "b = momentum * b + g / (sqrt(v) + eps).": _rule(
        buffer=lambda b, u, m, lr: m * b + (1 - m) * u
    ),
    "The learning rate went into the buffer, so that a change of lr reaches old steps late: it "
    "belongs to w - lr * b.": _rule(
        buffer=lambda b, u, m, lr: m * b + lr * u, moved=lambda w, b, u, lr: w - b
    ),
    "The buffer is added to itself without momentum: b = momentum * b + ...": _rule(
        buffer=lambda b, u, m, lr: b + u
    ),
}


class _Net(nn.Module):
    """A model with a parameter of its own, nested parts, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.start = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1, 4))
        self.body = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Sequential(nn.Linear(3, 2)))
        self.head = nn.Sequential(
            nn.Linear(2, 5), nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2))
        )
        self.tied = nn.Linear(4, 3, bias=False)
        self.tied.weight = self.body[0].weight


def _models() -> list[tuple[nn.Module, nn.Module]]:
    """Makes models with the head of each."""
    chain = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2), nn.Linear(2, 2))
    chain[2].weight.requires_grad = False
    net = _Net()
    net.head[0].bias.requires_grad = False
    inner = _Net()
    inner.body[0].requires_grad_(False)
    frozen = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)))
    frozen[0].requires_grad_(False)
    return [(chain, chain[3]), (net, net.head), (inner, inner.body[2]), (frozen, frozen[1])]


@exercise(
    "17.2",
    hints=(
        "Two questions decide for each parameter: is it one of the head's, and how many dimensions "
        "has it? That makes up to four groups.",
        "set(head.parameters()) holds the head's, at any depth. Go through model.parameters(), "
        "skip what does not require gradients, and append each to the list under the key "
        "(rate, decay) of a dictionary.",
    ),
)
def groups(answer: Any) -> str:
    rates = (0.1, 1.0, 0.5), (0.01, 0.3, 0.2), (1.0, 2.0, 0.1), (0.2, 0.4, 0.0)
    for (model, head), (lr, head_lr, weight_decay) in zip(_models(), rates, strict=True):
        result = as_list(call(answer, model, lr, head, head_lr, weight_decay), "groups(...)")
        found = [_group(group) for group in result]
        _require_each_once(model, [p for parameters, _, _ in found for p in parameters])
        names = {id(p): name for name, p in model.named_parameters()}
        inside = {id(p) for p in head.parameters()}
        for parameters, rate, decay in found:
            for p in parameters:
                name = f"{names[id(p)]!r} of shape {tuple(p.shape)}"
                place = "is one of the head" if id(p) in inside else "is not one of the head"
                right = head_lr if id(p) in inside else lr
                require(
                    abs(rate - right) < 1e-9,
                    f"{name} {place}, and has the learning rate {rate:g}: it should be {right:g}.",
                )
                right = weight_decay if p.ndim >= 2 else 0.0
                require(
                    abs(decay - right) < 1e-9,
                    f"{name} has {p.ndim} dimension{'s' * (p.ndim != 1)} and the weight decay "
                    f"{decay:g}: it should be {right:g}.",
                )
    return "Any optimizer takes this list."


def _group(group: Any) -> tuple[list[Tensor], float, float]:
    """Returns the parameters, the learning rate and the weight decay of a group."""
    found = as_dict(group, "A group")
    for key in ("params", "lr", "weight_decay"):
        require(key in found, f"A group has no {key!r}: it has {plain(list(found))}.")
    parameters = _parameters(found["params"])
    require(bool(parameters), "There is an empty group: leave it out.")
    rate = as_number(found["lr"], "The lr of a group")
    return parameters, rate, as_number(found["weight_decay"], "The weight_decay of a group")


def _require_each_once(model: nn.Module, parameters: list[Tensor]) -> None:
    names = {id(p): name for name, p in model.named_parameters()}
    seen: set[int] = set()
    for p in parameters:
        require(
            id(p) in names,
            f"A group has {describe(p)}, which is not one of the model's parameters.",
        )
        name = names[id(p)]
        require(p.requires_grad, f"{name!r} is in a group, and it does not require gradients.")
        require(id(p) not in seen, f"{name!r} is in two groups, or twice in one.")
        seen.add(id(p))
    for name, p in model.named_parameters():
        require(
            id(p) in seen or not p.requires_grad,
            f"{name!r} requires gradients and is in no group.",
        )


def _parameters(value: Any) -> list[Tensor]:
    """Returns the parameters of a group, in each form that an optimizer takes."""
    if isinstance(value, Tensor):
        return [value]
    try:
        found = [p[1] if isinstance(p, tuple) and len(p) == 2 else p for p in value]
    except TypeError:
        found = [value]
    wrong = [p for p in found if not isinstance(p, Tensor)]
    if wrong:
        raise Wrong(
            f"The params of a group should be a list of parameters, and it holds "
            f"{describe(wrong[0])}."
        )
    return found


@exercise(
    "17.3",
    hints=(
        "optim.Optimizer keeps the groups: what does its __init__ want besides the parameters? And "
        "in which mode may a parameter be changed in place?",
        'super().__init__(params, {"lr": lr}) makes self.param_groups, each a dictionary with '
        '"params" and "lr". Under torch.no_grad(), subtract group["lr"] * p.grad.sign(); call the '
        "closure first, under torch.enable_grad(), and return its loss.",
    ),
)
def sign_sgd(answer: Any) -> str:
    as_class(answer, optim.Optimizer, "torch.optim.Optimizer")
    draw = Draw(3)
    w = nn.Parameter(torch.tensor([1.0, -2.0, 0.0]))
    b, m = nn.Parameter(torch.ones(2)), nn.Parameter(draw.normal(2, 3, dtype=torch.float64))
    optimizer = call(answer, [{"params": [w]}, {"params": [b, m], "lr": 0.5}], 0.25, changes=True)
    require(
        len(getattr(optimizer, "param_groups", [])) == 2,
        'The optimizer has no param_groups of its own: super().__init__(params, {"lr": lr}) makes '
        "them.",
    )
    w.grad = torch.tensor([3.0, -1e-9, 0.0])
    _compare_step(optimizer, w, 0.25, "with lr 0.25")
    require(
        torch.equal(b.detach(), torch.ones(2)),
        "A parameter without a gradient has moved: skip those whose grad is None.",
    )
    m.grad = draw.normal(2, 3, dtype=torch.float64)
    _compare_step(optimizer, m, 0.5, "behind a parameter without a gradient")
    b.grad, m.grad = torch.tensor([2.0, -1.0]), draw.normal(2, 3, dtype=torch.float64)
    _compare_step(optimizer, b, 0.5, "in a group with lr 0.5 of its own")
    _compare_step(optimizer, m, 0.5, "in a group with lr 0.5 of its own")
    optimizer.param_groups[0]["lr"] = 0.125
    _compare_step(optimizer, w, 0.125, "after a schedule has set the group's lr to 0.125")
    _require_closure(answer, draw)
    return "It works with schedules and groups, like any other."


def _compare_step(optimizer: optim.Optimizer, p: nn.Parameter, lr: float, where: str) -> None:
    before, gradient = p.detach().clone(), p.grad.clone()
    others = [(q, q.grad.clone()) for g in optimizer.param_groups for q in g["params"]
              if q.grad is not None]  # fmt: skip
    run(optimizer.step)
    what = f"A parameter {plain(before.flatten())} with gradient {plain(gradient.flatten())}"
    compare(
        p.detach(),
        before - lr * gradient.sign(),
        f"{what}, {where},",
        typical={
            "The parameter did not move.": before,
            "The step goes along the gradient: it should go against it.": (
                before + lr * gradient.sign()
            ),
            "The step is lr times the gradient: its sign alone counts.": before - lr * gradient,
            "An element with a tiny gradient moved by less than lr: the sign of 1e-9 is 1, and "
            "g / (|g| + eps) is not.": before - lr * gradient / (gradient.abs() + 1e-8),
            "An element whose gradient is 0 has moved: its sign is 0.": (
                before - lr * torch.where(gradient >= 0, 1.0, -1.0)
            ),
            "An element whose gradient is 0 moved up: its sign is 0.": (
                before - lr * torch.where(gradient > 0, 1.0, -1.0)
            ),
            "The learning rate is missing.": before - gradient.sign(),
            "All elements moved by the sign of the gradient's sum: each has a sign of its own.": (
                before - lr * gradient.sum().sign()
            ),
            "The step did not use this group's learning rate: read group['lr'] in each step.": (
                before - 0.25 * gradient.sign()
            ),
            "It is the parameter's sign that was subtracted, not the gradient's.": (
                before - lr * before.sign()
            ),
        },
        hint="Each element moves by lr, against the sign of its gradient.",
    )
    for q, old in others:
        require(
            q.grad is not None and torch.equal(q.grad, old),
            "step changed or cleared a gradient: .sign() makes a new tensor and .sign_() does not; "
            "clearing is for zero_grad.",
        )


def _require_closure(answer: Any, draw: Draw) -> None:
    p = nn.Parameter(draw.normal(4))
    p.grad = -p.detach()  # left from before: points the other way than the closure's
    optimizer, calls = call(answer, [p], 0.1, changes=True), []

    def closure() -> Tensor:
        if not torch.is_grad_enabled():
            raise Wrong(
                "step calls the closure with gradients switched off, so its backward fails: "
                "with torch.enable_grad(): loss = closure()."
            )
        calls.append(p.detach().clone())
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    start = p.detach().clone()
    loss = run(optimizer.step, closure)
    require(bool(calls), "step(closure) did not call the closure.")
    require(len(calls) == 1, f"step(closure) called the closure {len(calls)} times, not once.")
    require(torch.equal(calls[0], start), "The closure was called after the step: it comes first.")
    require(loss is not None, "step(closure) returned None: it should return the closure's loss.")
    compare(as_number(loss, "What step(closure) returned"), (start**2).sum().item(),
            "What step(closure) returned", hint="It should be the closure's loss.")  # fmt: skip
    compare(
        p.detach(),
        start - 0.1 * start.sign(),
        "A parameter after step(closure)",
        typical={
            "step(closure) went by the gradients from before the closure: call it first.": (
                start + 0.1 * start.sign()
            ),
            "step(closure) did not move the parameter.": start,
        },
        hint="The step should go by the gradients that the closure computed.",
    )


@exercise(
    "17.4",
    hints=(
        "A rule that multiplies the gradient by a fixed number can't serve a flat and a steep bowl "
        "alike. What could you divide the gradient by, so that its unit cancels?",
        "Keep a sum or a mean of squared gradients in self.state[p], divide each gradient by its "
        'root, and multiply by group["lr"]. Choose a default rate of about 0.1, and let the steps '
        "become smaller towards the end if they jump about the bottom.",
    ),
)
def own_rule(answer: Any) -> str:
    as_class(answer, optim.Optimizer, "torch.optim.Optimizer")
    draw = Draw(4)
    _require_manners(answer, draw)
    _require_groups(answer, draw)
    for steepest in (1, 10, 100):
        bowl = _Bowl(draw, steepest)
        start = bowl.loss()
        bowl.descend(_made(answer, bowl.parameters), 300)
        share = bowl.loss() / start
        require(
            share < 0.01,
            f"On a bowl that is {steepest} times as steep in one direction as in another, the loss "
            f"after 300 steps is {_said(share)} times what it was at first: it should be below "
            "0.01.",
        )
    for factor, written in ((1000.0, "1000"), (1 / 1000, "1/1000")):
        _require_no_unit(answer, draw, factor, written)
    _require_continuation(answer, draw)
    return "Your rule has a unit of its own, and a memory that can be saved."


class _Bowl:
    """f = sum of c w² / 2 over two parameters; c runs from 1 to ``steepest``."""

    def __init__(self, draw: Draw, steepest: float) -> None:
        shapes = (3,), (2, 2)
        signs = [draw.normal(*shape).sign() for shape in shapes]
        self.parameters = [nn.Parameter(sign * draw.uniform(*sign.shape).add(1) / 2)
                           for sign in signs]  # fmt: skip
        self.slopes = [torch.linspace(1, steepest, p.numel()).view_as(p) for p in self.parameters]

    def loss(self) -> float:
        pairs = zip(self.slopes, self.parameters, strict=True)
        return sum((c * p.detach() ** 2).sum().item() / 2 for c, p in pairs)

    def descend(self, optimizer: optim.Optimizer, steps: int, factor: float = 1.0) -> None:
        for _ in range(steps):
            for c, p in zip(self.slopes, self.parameters, strict=True):
                p.grad = factor * c * p.detach()
            run(optimizer.step)

    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.parameters])


def _said(share: float) -> str:
    return f"{share:.3g}" if math.isfinite(share) else "countless"


def _made(answer: Any, parameters: list, groups: int = 1) -> optim.Optimizer:
    optimizer = call(answer, parameters, changes=True)
    require(
        len(getattr(optimizer, "param_groups", [])) == groups,
        'The optimizer has no param_groups of its own: super().__init__(params, {"lr": lr}) makes '
        "them.",
    )
    require(
        all("lr" in group for group in optimizer.param_groups),
        'The group has no "lr": hand it to super().__init__ in the dictionary of defaults.',
    )
    return optimizer


def _require_manners(answer: Any, draw: Draw) -> None:
    """Steps, and leaves alone what is not its own."""
    idle, moving, late = (nn.Parameter(draw.normal(n)) for n in (3, 4, 2))
    optimizer = _made(answer, [idle, moving, late])
    start, still = moving.detach().clone(), idle.detach().clone()
    for number in range(5):
        moving.grad = moving.detach().clone()
        late.grad = late.detach().clone() if number < 3 else None
        left = late.detach().clone()
        _step(optimizer, [idle, moving, late])
        require(
            torch.equal(idle.detach(), still),
            "A parameter without a gradient has moved: skip those whose grad is None.",
        )
        require(
            late.grad is not None or torch.equal(late.detach(), left),
            "A parameter without a gradient has moved, by what is remembered of an earlier one: "
            "skip those whose grad is None now.",
        )
    require(
        not torch.equal(moving.detach(), start),
        "The parameters did not move. Change them in place, under torch.no_grad().",
    )
    optimizer.param_groups[0]["lr"] = 0.0
    kept = moving.detach().clone()
    run(optimizer.step)
    require(
        torch.equal(moving.detach(), kept),
        'The group\'s lr was set to 0, and the parameters still moved: read group["lr"] in each '
        "step.",
    )


def _step(optimizer: optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    """Steps, and demands that each gradient stays what it was, or missing."""
    before = [None if p.grad is None else p.grad.clone() for p in parameters]
    run(optimizer.step)
    for p, old in zip(parameters, before, strict=True):
        if old is None:
            require(
                p.grad is None,
                "step gave a gradient to a parameter that had none: leave .grad alone, and skip "
                "the parameter.",
            )
            continue
        require(
            p.grad is not None and torch.equal(p.grad, old),
            "step changed or cleared a gradient: work on a copy; clearing is for zero_grad.",
        )


def _require_groups(answer: Any, draw: Draw) -> None:
    """Of two groups, the one whose lr is 0 rests, and the other moves."""
    for resting in (0, 1):
        parameters = [nn.Parameter(draw.normal(3)), nn.Parameter(draw.normal(2, 2))]
        optimizer = _made(answer, [{"params": [p]} for p in parameters], groups=2)
        optimizer.param_groups[resting]["lr"] = 0.0
        start = [p.detach().clone() for p in parameters]
        for _ in range(3):
            for p in parameters:
                p.grad = p.detach().clone()
            _step(optimizer, parameters)
        where = f"Of two groups, the {('first', 'second')[resting]} has the lr 0"
        moved = [not torch.equal(p, old) for p, old in zip(parameters, start, strict=True)]
        require(
            not moved[resting],
            f"{where}, and its parameters moved: read each group's own lr.",
        )
        require(
            moved[1 - resting],
            f"{where}, and the parameters of the other did not move: go through all groups, and "
            "read each group's own lr.",
        )


def _require_no_unit(answer: Any, draw: Draw, factor: float, written: str) -> None:
    one = _Bowl(draw, 10)
    other = copy.deepcopy(one)
    start = one.weights()
    one.descend(_made(answer, one.parameters), 20)
    other.descend(_made(answer, other.parameters), 20, factor)
    way = (one.weights() - start).norm().item()
    share = (one.weights() - other.weights()).norm().item() / max(way, 1e-12)
    require(
        share < 0.01,
        f"With all gradients multiplied by {written}, the weights after 20 steps are elsewhere, "
        f"by {_said(share)} of the way that they went. Divide by the size of the gradient, so that "
        "its unit cancels.",
    )


def _require_continuation(answer: Any, draw: Draw) -> None:
    bowl = _Bowl(draw, 10)
    optimizer = _made(answer, bowl.parameters)
    bowl.descend(optimizer, 10)
    twin = copy.deepcopy(bowl)
    second = _made(answer, twin.parameters)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    bowl.descend(optimizer, 10)
    twin.descend(second, 10)
    compare(
        twin.weights(),
        bowl.weights(),
        "The weight of a run that goes on from a saved state_dict",
        hint="It should go on as the unbroken one does. Keep all that the rule remembers in "
        "self.state[p], with nothing in attributes of the optimizer.",
    )
