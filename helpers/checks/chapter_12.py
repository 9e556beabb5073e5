"""Checks of chapter 12, model surgery."""

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
    as_text,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    plain,
    require,
    require_gradients,
)


class Block(nn.Module):
    """A module of another class than nn.Sequential, with an activation as an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(4, 4), nn.ReLU()
        self.gates = nn.ModuleDict({"in": nn.Sigmoid(), "out": nn.Tanh()})

    def forward(self, x: Tensor) -> Tensor:
        return self.gates["out"](self.gates["in"](x) * self.act(self.linear(x)))


def _nets() -> list[nn.Module]:
    """Makes networks with activations at several depths, in several kinds of module."""
    nested = nn.Sequential(
        nn.Linear(3, 4),
        nn.ReLU(),
        nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Sequential(nn.ReLU(), nn.Tanh())),
        nn.ReLU6(),
        nn.LeakyReLU(),
    )
    blocks = nn.Sequential(Block(), nn.ModuleList([Block(), nn.Sigmoid()]), nn.BatchNorm1d(4))
    act = nn.ReLU()
    shared = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act, nn.Sigmoid(), nn.Softmax(1))
    return [nested, Block(), blocks, shared, nn.Sequential(nn.Linear(2, 2), nn.Tanh())]


@exercise(
    "12.1",
    hints=(
        "A child may have children of its own: the function can call itself. Where does a module "
        "keep its children, so that another can take a child's place?",
        "for name, child in module._modules.items() finds each place, also where one object stands "
        "in two; setattr(module, name, new()) fills it. Add up what the calls return.",
    ),
)
def swap_activations(answer: Any) -> str:
    kinds = nn.GELU, nn.SiLU, lambda: nn.ELU(0.5), nn.GELU, nn.GELU
    for net, new in zip(_nets(), kinds, strict=True):
        before = dict(net.named_modules(remove_duplicate=False))
        places = [name for name, m in before.items() if isinstance(m, nn.ReLU | nn.Sigmoid)]
        count = call(answer, net, new, changes=(0,))
        after = dict(net.named_modules(remove_duplicate=False))
        _require_swapped(before, after, places, type(new()))
        name = f"What it returns for a network with {len(places)} activations to replace"
        found = as_integer(count, name)
        require(found == len(places), f"{name} is {found}: add up what was replaced at any depth.")
    return "At any depth."


def _require_swapped(
    before: dict[str, nn.Module], after: dict[str, nn.Module], places: list[str], kind: type
) -> None:
    lost = [name for name in before if name not in after]
    if lost:
        raise Wrong(f"The module {lost[0]!r} is not in the network any more.")
    left = [name for name in places if isinstance(after[name], nn.ReLU | nn.Sigmoid)]
    if left:
        raise Wrong(
            f"{type(after[left[0]]).__name__} is still there at {left[0]!r}: "
            f"{_why_left(left, places, before)}"
        )
    for name, module in before.items():
        if name not in places:
            require(
                after[name] is module,
                f"{type(module).__name__} at {name!r} was replaced: only ReLU and Sigmoid give "
                "way, everything else stays.",
            )
    for name in places:
        require(
            isinstance(after[name], kind),
            f"At {name!r} there is {describe(after[name])}, and new() makes a {kind.__name__}.",
        )
    require(
        len({id(after[name]) for name in places}) == len(places),
        "One object stands in several places: call new() for each.",
    )


def _why_left(left: list[str], places: list[str], before: dict[str, nn.Module]) -> str:
    name = left[0]
    parent, kind = before[name.rpartition(".")[0]], type(before[name])
    others = [before[place] for place in places if place not in left]
    if sum(m is before[name] for m in before.values()) > 1 and len(others) > 0:
        return (
            "one object stands in two places, and named_modules() and named_children() name it "
            "once: named_modules(remove_duplicate=False) has both, and so has _modules."
        )
    if not others:
        return "no activation of the network that was passed in was replaced."
    if not isinstance(parent, nn.Sequential):
        return f"its parent is a {type(parent).__name__}. Modules of any class can hold one."
    if all(type(before[n]) is kind for n in left) and not any(type(m) is kind for m in others):
        return "both nn.ReLU and nn.Sigmoid are to be replaced."
    return "children may have children: go down."


@exercise(
    "12.2",
    hints=(
        "The two images pass through one body, so it is called twice. What is the difference of "
        "the features if the images change places, and what should the logit be then?",
        "In __init__, keep body and make nn.Linear(features, 1). In forward, "
        "(body(first) - body(second)).abs() has shape (N, features), the linear layer makes it "
        "(N, 1), and squeeze(1) (N,).",
    ),
)
def pair(answer: Any) -> str:
    as_class(answer, nn.Module, "nn.Module")
    draw = Draw(1)
    for features, n in ((5, 6), (3, 1), (8, 4)):
        body = nn.Sequential(nn.Flatten(), nn.Linear(16, features), nn.Tanh())
        module = as_module(call(answer, body, features), f"Pair(body, {features})")
        first, second = draw.normal(n, 1, 4, 4), draw.normal(n, 1, 4, 4)
        name = f"Pair(body, {features})(first, second), for {n} pair{'s' * (n > 1)},"
        logits = as_tensor(call(module, first, second), name)
        weight, bias = _head(module, body, features)
        a, b = body(first), body(second)
        expected = (a - b).abs() @ weight.reshape(-1) + bias.reshape(())
        require(
            tuple(logits.shape) != (n, 1),
            f"{name} has shape ({n}, 1), and ({n},) is asked for: squeeze(1) takes the last "
            "dimension away.",
        )
        require(
            n > 1 or logits.ndim > 0,
            f"{name} has shape (), and (1,) is asked for: squeeze() takes away every dimension of "
            "size 1. squeeze(1) takes that one alone.",
        )
        compare(
            logits,
            expected,
            name,
            typical=_pair_mistakes(a, b, weight.reshape(-1), bias.reshape(())),
            hint="It should be the linear layer of the absolute difference of the two feature "
            "vectors.",
        )
        halves = [(a.detach() - b).abs(), (a - b.detach()).abs()]
        _require_both_images(logits, expected, [h @ weight.reshape(-1) for h in halves], body)
        tensors = {f"{k} of the body": p for k, p in body.named_parameters()}
        require_gradients(logits, expected, {**tensors, "the weight": weight}, name)
    return "A siamese network: shared weights, two inputs."


def _require_both_images(
    logits: Tensor, expected: Tensor, halves: list[Tensor], body: nn.Module
) -> None:
    if not logits.requires_grad:
        return
    theirs, right, *others = (
        torch.autograd.grad(y.sum(), list(body.parameters()), retain_graph=True, allow_unused=True)
        for y in (logits, expected, *halves)
    )
    if None in theirs:
        return
    found, whole = (torch.cat([g.flatten() for g in gs]) for gs in (theirs, right))
    for half in others:
        hint = "The body gets a gradient through one of the two images only: run both with "
        wrong = torch.cat([g.flatten() for g in half])
        diagnose(found, {f"{hint}recording on.": wrong}, 1e-4, unlike=whole)


def _head(module: nn.Module, body: nn.Module, features: int) -> tuple[Tensor, Tensor]:
    """Returns the weight and bias that the module has beside those of the body."""
    inside = {id(p) for p in body.parameters()}
    found = list(module.parameters())
    require(
        inside <= {id(p) for p in found},
        "module.parameters() lacks those of the body that was passed in: keep body itself, not a "
        "copy, as an attribute, not in a list.",
    )
    others = sorted((p for p in found if id(p) not in inside), key=lambda p: -p.numel())
    sizes = [p.numel() for p in others]
    require(
        bool(sizes),
        "module.parameters() has nothing beside the body: make the linear layer in __init__, and "
        "keep it as an attribute.",
    )
    require(
        sizes == [features, 1],
        f"Beside the body, the parameters have {plain(sizes)} numbers, and [{features}, 1] are "
        f"asked for: one linear layer with bias, from {features} features to 1 logit.",
    )
    return others[0], others[1]


def _pair_mistakes(a: Tensor, b: Tensor, weight: Tensor, bias: Tensor) -> dict[str, Any]:
    logits = (a - b).abs() @ weight + bias
    return {
        "Exchanging the two images changes the logit: take the absolute difference of the "
        "features.": (a - b) @ weight + bias,
        "Exchanging the two images changes the logit: take the absolute difference of the "
        "features, whichever comes first.": (b - a) @ weight + bias,
        "The absolute value was taken of the logit: take it of the features' difference, before "
        "the linear layer.": ((a - b) @ weight + bias).abs(),
        "The difference was squared: take its absolute value.": (a - b).square() @ weight + bias,
        "These are probabilities: a logit is what the linear layer gives, without a sigmoid.": (
            logits.sigmoid()
        ),
        "The features were added: take the absolute value of their difference.": (
            (a + b) @ weight + bias
        ),
        "The features were multiplied: take the absolute value of their difference.": (
            (a * b) @ weight + bias
        ),
        "Each image got a logit of its own, and these were subtracted. Subtract the features, then "
        "take one logit.": (a @ weight - b @ weight).abs(),
        "Only the first image counts: run the body on both.": a @ weight + bias,
        "The bias is missing.": logits - bias,
    }


@exercise(
    "12.3",
    hints=(
        "net.state_dict() has the names and shapes of everything that can be loaded, buffers too. "
        "Which entries of state agree with it in both?",
        "Build a new dictionary of the entries that fit, give it to "
        "net.load_state_dict(..., strict=False), and return sorted(...) of its names.",
    ),
)
def load_matching(answer: Any) -> str:
    draw = Draw(2)
    source = nn.Sequential(
        *(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 10)),
        *(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(3, 4)), nn.Linear(2, 2)),
    )
    for value in source.state_dict().values():
        value.copy_(draw.normal(*value.shape) * 3 if value.is_floating_point() else 7)
    for state in (
        {**source.state_dict(), "extra.weight": torch.zeros(2)},
        nn.Sequential(nn.Linear(9, 9)).state_dict(),
        {"2.bias": torch.zeros(1), "1.running_mean": torch.ones(6), "0.bias": torch.ones(6)},
    ):
        net = nn.Sequential(
            *(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)),
            *(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Linear(4, 3)), nn.Linear(2, 2, bias=False)),
            nn.Linear(3, 2),
        )
        net[3].eval()
        net[0].weight.requires_grad_(False)
        own = {name: value.clone() for name, value in net.state_dict().items()}
        given = {name: value.clone() for name, value in state.items()}
        fitting = sorted(k for k, v in given.items() if k in own and own[k].shape == v.shape)
        loaded = call(answer, net, state, changes=("values", "modules"))
        require(
            list(state) == list(given) and all(torch.equal(state[k], given[k]) for k in given),
            "The state that was passed in has changed: build a new dictionary.",
        )
        _require_loaded(net, own, state, fitting)
        name = "load_matching(net, state)"
        names = [as_text(part, f"An entry of {name}") for part in as_list(loaded, name)]
        _require_names(names, fitting, state)
    return "And you know what was loaded."


def _require_loaded(
    net: nn.Module, own: dict[str, Tensor], state: dict[str, Tensor], fitting: list[str]
) -> None:
    now = net.state_dict()
    require(list(now) == list(own), "The entries of net.state_dict() are not those of before.")
    for name, before in own.items():
        value = now[name]
        if name in fitting:
            buffer = name not in dict(net.named_parameters())
            require(
                torch.equal(value.to(before.dtype), state[name].to(before.dtype)),
                f"{name!r} fits by name and shape, and was not loaded."
                + " It is a buffer: state_dict() has these, too." * buffer,
            )
            require(
                value.data_ptr() != state[name].data_ptr(),
                f"{name!r} of net now lies in the memory of state: training net would change "
                "state. Copy the numbers, as load_state_dict does without assign.",
            )
            continue
        unlike = f"{tuple(before.shape)} in net"
        why = f"is not in state. It is {unlike}"
        if name in state:
            why = f"has shape {unlike} and {tuple(state[name].shape)} in state: it does not fit"
        require(
            value.shape == before.shape and torch.equal(value, before),
            f"{name!r} of net has changed, though it {why}.",
        )


def _require_names(names: list[str], fitting: list[str], state: dict[str, Tensor]) -> None:
    extra, missing = set(names) - set(fitting), set(fitting) - set(names)
    if extra:
        first = min(extra)
        where = "fits in no place of net" if first in state else "is not in state"
        raise Wrong(f"The names that it returned include {first!r}, which {where}.")
    if missing:
        raise Wrong(f"The names that it returned lack {min(missing)!r}, which was loaded.")
    require(len(names) == len(fitting), "A name was returned twice.")
    require(
        names == fitting, f"The names should be sorted, and they begin with {plain(names[:3])}."
    )


@exercise(
    "12.4",
    hints=(
        "The new units must not change the output yet. Which weights decide whether the last layer "
        "listens to a unit? And could a unit be split into two halves?",
        "Copy the old weights into the first rows and columns. New units may come in at random and "
        "go out with zeros; or they repeat an old unit, whose outgoing weights are shared out.",
    ),
)
def wider(answer: Any) -> str:
    draw = Draw(5)
    for inputs, hidden, outputs, units, dtype in (
        (3, 5, 2, 4, torch.float32),
        (6, 4, 3, 11, torch.float64),
        (1, 1, 1, 1, torch.float32),
        (2, 3, 4, 3, torch.float32),
    ):
        kind = {"dtype": dtype}
        parts = nn.Linear(inputs, hidden, **kind), nn.ReLU(), nn.Linear(hidden, outputs, **kind)
        net = nn.Sequential(*parts)
        with torch.no_grad():  # from this draw, so that no unit of net is ever silent
            net[0].weight.copy_(draw.normal(hidden, inputs))
            net[0].bias.copy_(draw.uniform(hidden, low=-0.5, high=0.5))
        name = f"wider(net, {units}), for a net with {hidden} hidden units,"
        new = as_module(call(answer, net, units), name, nn.Sequential)
        _require_wider(new, net, hidden + units, name)
        x = 3 * draw.normal(300, inputs, dtype=dtype)
        expected = net(x).detach()
        compare(
            call(new, x),
            expected,
            f"The output of {name}",
            hint="It should be that of net, for every input.",
            dtype=dtype,
        )
        (call(new, x) - draw.normal(*expected.shape, dtype=dtype)).square().mean().backward()
        incoming, outgoing = new[0].weight.grad, new[2].weight.grad
        stuck = (incoming == 0).all(1) & (outgoing == 0).all(0)
        active = (new[0](x) > 0).any(0)
        require(
            not bool((active & stuck).any()),
            f"In {name} a hidden unit that is active gets no gradient at all, neither for its "
            "incoming nor for its outgoing weights.",
        )
        silent = int((new[0](30 * x) <= 0).all(0).sum())  # far out, as a small weight is slow
        require(
            silent == 0,
            f"In {name} {silent} of the hidden units are 0 for each of 300 inputs, however "
            "large: a ReLU that is never active passes no gradient, so such a unit cannot learn.",
        )
    return "It knows what the small one knew, and has room for more."


def _require_wider(new: nn.Sequential, net: nn.Sequential, hidden: int, name: str) -> None:
    kinds = [type(layer).__name__ for layer in new]
    require(
        kinds == ["Linear", "ReLU", "Linear"],
        f"{name} has the layers {plain(kinds)}: Linear, ReLU and Linear are asked for.",
    )
    own = {p.data_ptr() for p in net.parameters()}
    require(
        not any(p.data_ptr() in own for p in new.parameters()),
        f"{name} shares weights with net: copy them.",
    )
    shapes = [tuple(p.shape) for p in new.parameters()]
    inputs, outputs = net[0].in_features, net[2].out_features
    wanted = [(hidden, inputs), (hidden,), (outputs, hidden), (outputs,)]
    require(
        shapes == wanted,
        f"The parameters of {name} have the shapes {plain(shapes)}, and {plain(wanted)} are asked "
        "for.",
    )
    wanted_dtype = net[0].weight.dtype
    for key, p in new.named_parameters():
        require(
            p.dtype == wanted_dtype,
            f"The {key} of {name} has dtype {str(p.dtype)[6:]}, and net has "
            f"{str(wanted_dtype)[6:]}.",
        )
        require(p.requires_grad, f"The {key} of {name} is frozen: it could not learn.")
