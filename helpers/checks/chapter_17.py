"""Checks of chapter 17, Optimizers."""

from typing import Any

import torch
from torch import nn, optim

from helpers.checks.machinery import (
    Wrong,
    call,
    exercise,
    require,
    require_subclass,
    require_tensor,
)


@exercise("17.1")
def rmsprop_momentum(answer: Any) -> str:
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    theirs = nn.Parameter(start.clone())
    optimizer = optim.RMSprop([theirs], lr=0.05, alpha=0.9, momentum=0.8)
    mine, state = start, {}
    scales = torch.tensor([1.0, 3.0, 0.2], dtype=torch.float64)
    options = {"lr": 0.05, "alpha": 0.9, "momentum": 0.8}
    for step in range(1, 21):
        mine = require_tensor(
            answer(mine, scales * mine, state, **options)
            if step > 1
            else call(lambda *given: answer(*given, **options), mine, scales * mine, state),
            "rmsprop_momentum(…)",
            (3,),
        )
        theirs.grad = scales * theirs.detach()
        optimizer.step()
        if torch.allclose(mine, theirs.detach(), atol=1e-9):
            continue
        require(step > 1, "The first step differs already: is it lr * g / (sqrt(v) + eps)?")
        require(
            state,
            "The dictionary s is empty after a step: what the rule remembers must be kept in it.",
        )
        raise Wrong(
            f"Step {step} differs: the buffer adds up the divided gradients, "
            "b = momentum * b + g / (sqrt(v) + eps), without 1 - momentum."
        )
    return "Twenty steps as PyTorch does them."


@exercise("17.2")
def groups(answer: Any) -> str:
    model = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2), nn.Linear(2, 2))
    head = model[3]
    model[2].weight.requires_grad = False
    found = call(answer, model, 0.1, head, 1.0, 0.5)
    require(
        isinstance(found, list) and all(isinstance(group, dict) for group in found),
        "A list of dictionaries is asked for, such as [{'params': …, 'lr': …}].",
    )
    require(all(len(list(group["params"])) for group in found), "There is an empty group.")
    given = [p for group in found for p in group["params"]]
    require(
        not any(p is model[2].weight for p in given),
        "A parameter that requires no gradient is in a group.",
    )
    require(len({id(p) for p in given}) == len(given), "A parameter is in more than one group.")
    expected = [p for p in model.parameters() if p.requires_grad]
    require(
        {id(p) for p in given} == {id(p) for p in expected},
        f"{len(given)} parameters are in groups, expected {len(expected)}.",
    )
    optimizer = optim.AdamW(found, lr=7.0, weight_decay=7.0)
    for group in optimizer.param_groups:
        for p in group["params"]:
            rate = 1.0 if any(p is q for q in head.parameters()) else 0.1
            require(
                group["lr"] == rate,
                f"A parameter {tuple(p.shape)} has learning rate {group['lr']}, expected {rate}.",
            )
            decay = 0.5 if p.ndim >= 2 else 0.0
            require(
                group["weight_decay"] == decay,
                f"A parameter {tuple(p.shape)} has weight decay {group['weight_decay']}, expected "
                f"{decay}.",
            )
    return "Any optimizer takes this list."


@exercise("17.3")
def sign_sgd(answer: Any) -> str:
    require_subclass(answer, optim.Optimizer, "torch.optim.Optimizer")
    w, b = nn.Parameter(torch.tensor([1.0, -2.0, 0.0])), nn.Parameter(torch.ones(2))
    optimizer = call(answer, [{"params": [w]}, {"params": [b], "lr": 0.5}], 0.25)
    w.grad = torch.tensor([3.0, -0.1, 0.0])
    try:
        optimizer.step()
    except (TypeError, AttributeError) as error:
        raise Wrong(
            f"A step with a parameter without gradient raised {type(error).__name__}: skip "
            "parameters whose grad is None."
        ) from error
    except RuntimeError as error:
        raise Wrong(
            f"The step raised: {str(error).splitlines()[0]} Put it under torch.no_grad()."
        ) from error
    require(
        not torch.equal(w.detach(), torch.tensor([1.25, -2.25, 0.0])),
        "The weights moved along the gradient: a step goes against it.",
    )
    require(
        torch.equal(w.detach(), torch.tensor([0.75, -1.75, 0.0])),
        f"[1, -2, 0] with gradient [3, -0.1, 0] and lr 0.25 became {w.tolist()}, expected "
        "[0.75, -1.75, 0.0].",
    )
    b.grad = torch.ones(2)
    optimizer.step()
    require(
        torch.equal(b.detach(), torch.full((2,), 0.5)),
        "A group with a learning rate of its own did not use it: read group['lr'].",
    )

    def closure():
        optimizer.zero_grad()
        loss = (b**2).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    require(loss is not None, "step(closure) should call the closure and return its loss.")
    require(
        torch.equal(b.detach(), torch.zeros(2)),
        "step(closure) did not step by the gradient that the closure computed.",
    )
    return "It works with schedules and groups, like any other."
