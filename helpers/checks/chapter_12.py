"""Checks of chapter 12, model surgery."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import (
    NotAnswered,
    call,
    close,
    exercise,
    is_stub,
    require,
    require_subclass,
    require_tensor,
)


@exercise("12.1")
def swap_activations(answer: Any) -> str:
    net = nn.Sequential(
        nn.Linear(3, 4),
        nn.ReLU(),
        nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Sequential(nn.ReLU(), nn.Tanh())),
    )
    weight = net[0].weight
    count = call(answer, net, nn.GELU)
    kinds = [type(module).__name__ for module in net.modules()]
    left = kinds.count("ReLU") + kinds.count("Sigmoid")
    require(
        left == 0,
        f"{left} of 3 activations are still there. Children may have children: go down.",
    )
    require(kinds.count("Tanh") == 1, "Tanh was replaced as well: only ReLU and Sigmoid.")
    new = [m for _, m in net.named_modules(remove_duplicate=False) if isinstance(m, nn.GELU)]
    require(len(new) == 3, f"There are {len(new)} new activations, not 3.")
    require(
        len({id(module) for module in new}) == 3,
        "One object stands in several places: call new() for each.",
    )
    require(net[0].weight is weight, "The linear layers were made anew: leave them alone.")
    require(count == 3, f"It returned {count!r}, but 3 were replaced.")
    return "At any depth."


@exercise("12.2")
def pair(answer: Any) -> str:
    require_subclass(answer, nn.Module, "nn.Module")
    body = nn.Sequential(nn.Flatten(), nn.Linear(16, 5))
    module = answer(body, 5)
    if is_stub(type(module).forward):
        raise NotAnswered
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(6, 1, 4, 4, generator=generator) for _ in range(2))
    logits = require_tensor(module(first, second), "Pair(body, 5)(first, second)")
    require(tuple(logits.shape) != (6, 1), "It has shape (6, 1): squeeze(1) makes it (6,).")
    logits = require_tensor(logits, "Pair(body, 5)(first, second)", (6,))
    sizes = sorted(p.numel() for p in module.parameters())
    require(
        sizes == [1, 5, 5, 80],
        f"The parameters have {sizes} numbers, expected [1, 5, 5, 80]: one body for both images, "
        "and a head from 5 features to 1.",
    )
    require(
        close(module(second, first), logits),
        "Exchanging the two images changes the logit: take the absolute difference.",
    )
    same = module(first, first)
    require(
        close(same, same[:1].expand(6)),
        "For two equal images the features' difference is zero, so all logits should be the bias.",
    )
    (head,) = (m for m in module.modules() if isinstance(m, nn.Linear) and m.out_features == 1)
    expected = head((body(first) - body(second)).abs()).squeeze(1)
    require(close(logits, expected), "The logit is not the head of the absolute difference.")
    return "A siamese network: shared weights, two inputs."


@exercise("12.3")
def load_matching(answer: Any) -> str:
    source = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 10))
    target = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(3, 2))
    kept = target[1].weight.detach().clone()
    state = source.state_dict() | {"extra.weight": torch.zeros(2)}
    before = {name: value.clone() for name, value in state.items()}
    loaded = call(answer, target, state)
    require(
        torch.equal(target[0].weight, source[0].weight),
        "The first layer fits by name and shape, but was not loaded.",
    )
    require(torch.equal(target[1].weight, kept), "A layer of another shape has changed.")
    require(
        set(state) == set(before)
        and all(torch.equal(state[name], value) for name, value in before.items()),
        "The state that was passed in has changed: build a new dictionary.",
    )
    require(
        isinstance(loaded, list) and loaded == ["0.bias", "0.weight"],
        f"It returned {loaded!r}, expected ['0.bias', '0.weight']: the sorted names that fit.",
    )
    return "And you know what was loaded."
