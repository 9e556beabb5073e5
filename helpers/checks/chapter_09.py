"""Checks of chapter 09, initialisation."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    as_float,
    as_function,
    as_list,
    call,
    compare,
    describe,
    diagnose,
    exercise,
    require,
    run,
    same,
)


@exercise(
    "09.1",
    hints=(
        "One unit adds up as many products as it has inputs, and ReLU throws half of the square "
        "away. What must the variance of a weight be, so that the sum keeps its size?",
        "The fan-in is the product of all sizes but the first: math.prod(shape[1:]). The variance "
        "is 2 over it, and the standard deviation the root of that.",
    ),
)
def kaiming_std(answer: Any) -> str:
    for shape in (
        *((64, 100), (32, 16, 3, 5), (7, 1), (1, 6), (8, 3, 1, 1)),
        torch.Size([10, 4, 5, 2]),
    ):
        fan_in, kernel = math.prod(shape[1:]), math.prod(shape[2:])
        fan_out = shape[0] * kernel
        compare(
            call(answer, shape),
            math.sqrt(2 / fan_in),
            f"kaiming_std({tuple(shape)})",
            typical={
                "This is the variance: the standard deviation is its root.": 2 / fan_in,
                "The fan-out was used: a unit sums over its inputs, shape[1:].": math.sqrt(
                    2 / fan_out
                ),
                "The gain of ReLU is missing, the 2 under the root.": math.sqrt(1 / fan_in),
                "The gain stands outside the root twice as large as it should be: it is √2.": (
                    2 / math.sqrt(fan_in)
                ),
                "The kernel is missing: each output sums over inputs × height × width.": math.sqrt(
                    2 / shape[1]
                ),
                "The outputs are counted, too: a unit sums over its inputs alone, shape[1:].": (
                    math.sqrt(2 / math.prod(shape))
                ),
                "The number of outputs stands under the root, and that of inputs is asked for.": (
                    math.sqrt(2 / shape[0])
                ),
                "This is Xavier's spread, which averages fan-in and fan-out: Kaiming's takes the "
                "fan-in alone.": math.sqrt(2 / (fan_in + fan_out)),
                "This is the limit of the uniform distribution: the standard deviation of the "
                "normal one is asked for.": math.sqrt(6 / fan_in),
                "It is divided, not multiplied: 2 / fan-in under the root.": math.sqrt(2 * fan_in),
                "The fraction is upside down: 2 / fan-in under the root.": math.sqrt(fan_in / 2),
                "Height and width of the kernel alone are counted: the input channels belong to "
                "it.": math.sqrt(2 / kernel),
                "Only the height of the kernel is counted: its width belongs to it.": math.sqrt(
                    2 / math.prod(shape[1:3])
                ),
            },
            hint="It is the root of 2 / fan-in.",
        )
    return "That is what kaiming_normal_ draws with."


def _network() -> nn.Sequential:
    """Returns a network with every kind of layer that must change, and many that must not."""
    net = nn.Sequential(
        nn.Embedding(200, 50),
        nn.Linear(50, 40),
        nn.ReLU(),
        nn.Sequential(nn.Linear(40, 60, bias=False), nn.LayerNorm(60)),
        nn.Linear(8, 8),
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Bilinear(3, 4, 5),
        nn.GRU(4, 3),
        nn.Conv1d(2, 3, 3, bias=False),
        nn.EmbeddingBag(9, 4),
    )
    with torch.no_grad():
        net[3][1].weight.fill_(7.0)
        net[3][1].bias.fill_(-2.0)
        for layer in (net[1], net[4]):
            layer.bias.fill_(0.5)
    net[5].eval()
    return net


@exercise(
    "09.2",
    hints=(
        "apply hands every module to your function, one after the other, containers and ReLU as "
        "well. How do you tell which kind it is?",
        "isinstance(module, nn.Linear) tells. init.orthogonal_(..., gain=math.sqrt(2)), "
        "init.zeros_ and init.normal_(..., std=0.02) fill a tensor in place. A bias may be None.",
    ),
)
def initialize(answer: Any) -> str:
    as_function(answer)
    net = _network()
    before = {name: value.detach().clone() for name, value in net.state_dict().items()}
    ids = {name: id(p) for name, p in net.named_parameters()}
    net.apply(lambda module: run(answer, module, changes=("values", "modules", "entries")))
    now = dict(net.named_parameters())
    lost, new = sorted(set(ids) - set(now)), sorted(set(now) - set(ids))
    require(not lost, f"{'; '.join(lost)} is not a parameter any more: fill it in place.")
    require(
        not new, f"There is a new parameter, {'; '.join(new)}: leave a layer without bias as it is."
    )
    for name, identity in ids.items():
        require(
            id(now[name]) == identity,
            f"{name} is another tensor than before, which an optimizer would not know: fill it in "
            "place, with a function of init that ends in an underscore.",
        )
    done = set()
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            done |= {f"{name}.weight", f"{name}.bias"}
            _require_orthogonal(module, before[f"{name}.weight"])
        elif isinstance(module, nn.Embedding):
            done.add(f"{name}.weight")
            _require_normal(module.weight.detach(), before[f"{name}.weight"])
    for name, value in net.state_dict().items():
        if name in done:
            continue
        kind = type(net.get_submodule(name.rpartition(".")[0])).__name__
        require(
            torch.equal(value, before[name]),
            f"The {name.rpartition('.')[2]} of the {kind} has changed: leave all modules but "
            "nn.Linear and nn.Embedding as they are.",
        )
    return "One function, any network."


def _require_orthogonal(layer: nn.Linear, before: Tensor) -> None:
    weight = layer.weight.detach()
    rows, columns = weight.shape
    short = weight @ weight.T if rows <= columns else weight.T @ weight
    eye = torch.eye(len(short))
    name = f"nn.Linear({columns}, {rows}{', bias=False' if layer.bias is None else ''})"
    require(
        not torch.equal(weight, before),
        f"The weight of {name} has not changed. apply visits every module: ask each with "
        "isinstance, and fill the weight in place.",
    )
    gain = float(short.diagonal().mean())
    if same(short, gain * eye, 1e-3):
        why = {1.0: ": gain=math.sqrt(2) is missing", 4.0: ": the gain is √2, not 2"}
        require(
            abs(gain - 2) < 1e-3,
            f"The weight of {name} is orthogonal with gain {math.sqrt(gain):.4g}, and √2 is asked "
            f"for{why.get(round(gain, 3), '')}.",
        )
    require(
        same(short, 2 * eye, 1e-3),
        f"The weight of {name} is not orthogonal with gain √2: init.orthogonal_ makes it so.",
    )
    if layer.bias is not None:
        bias = layer.bias.detach()
        require(
            not bool((bias == 0.5).all()), f"The bias of {name} has not changed: it should be zero."
        )
        require(not bias.any(), f"The bias of {name} is {float(bias[0]):.4g} at [0], and not zero.")


def _require_normal(table: Tensor, before: Tensor) -> None:
    name = "The embedding"
    require(not torch.equal(table, before), f"{name} has not changed: fill its weight in place.")
    spread, mean = float(table.std()), float(table.mean())
    known = {
        0.02**2: "0.02 is the standard deviation, and its square was taken for it",
        math.sqrt(0.02): "0.02 is the standard deviation, and its root was taken for it",
    }
    for wrong, why in known.items():
        require(abs(spread / wrong - 1) > 0.1, f"{name} has spread {spread:.3g}: {why}.")
    require(
        abs(spread - 1) > 0.1,
        f"{name} has spread {spread:.3g}, as normal_ gives it without std: its second argument is "
        "the mean, so write std=0.02.",
    )
    require(
        abs(spread - 0.02) < 0.002 and abs(mean) < 0.002,
        f"{name} has mean {mean:.3g} and spread {spread:.3g}, and 0 and 0.02 are asked for.",
    )
    beyond = float((table.abs() > 0.04).double().mean())
    require(
        0.03 < beyond < 0.06,
        f"{name} has spread 0.02 and is not normal: {beyond:.1%} of its numbers lie beyond two "
        "standard deviations, and 4.6% should.",
    )


class _Crossed(nn.Module):
    """Runs its layers in another order than they are registered."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(7, 2)
        self.body = nn.ModuleDict({"right": nn.Linear(4, 4), "left": nn.Linear(4, 3)})
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        left = self.act(self.body["left"](x))
        return self.last(torch.cat([left, self.body["right"](x)], dim=-1))


@exercise(
    "09.3",
    hints=(
        "Who sees the outputs in the order in which they come, while net(x) runs? Which modules "
        "does it have to be attached to?",
        "For each nn.Linear in net.modules(), register_forward_hook with a function of (module, "
        "inputs, output) that appends output.std().item() to a list. Remove the handles.",
    ),
)
def spreads(answer: Any) -> str:
    draw = Draw(5)
    nested = nn.Sequential(
        nn.Linear(6, 8),
        nn.ReLU(),
        nn.Sequential(nn.Linear(8, 9), nn.Linear(9, 3)),
        nn.Sigmoid(),
        nn.Linear(3, 2),
    )
    nested[1].eval()  # one module in another mode than the rest
    flat = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Tanh(), nn.Linear(4, 1), nn.Flatten())
    for net, shape in ((nested, (20, 6)), (_Crossed(), (30, 4)), (flat, (2, 7, 5))):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(draw.normal(*parameter.shape))
        _compare_spreads(answer, net, draw.normal(*shape) + 0.5)
    return "Now you can see a signal die."


def _compare_spreads(answer: Any, net: nn.Module, x: Tensor) -> None:
    inputs: list[Tensor] = []
    outputs: dict[nn.Module, Tensor] = {}
    everything: list[Tensor] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        everything.append(output.detach())
        if isinstance(module, nn.Linear):
            inputs.append(given[0].detach())
            outputs[module] = output.detach()

    handles = [m.register_forward_hook(note) for m in net.modules() if not list(m.children())]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    foreign = next(iter(outputs)).register_forward_hook(lambda module, given, output: None)
    try:
        result = call(answer, net, x)
    finally:
        foreign.remove()
    kind = type(net).__name__.removeprefix("_")
    name = f"spreads(net, x), for a {kind} with {len(outputs)} linear layers,"
    found = as_list(result, name)
    numbers = torch.tensor(
        [as_float(v, f"Entry {i} of {name}") for i, v in enumerate(found)], dtype=torch.float64
    )
    values = list(outputs.values())
    registered = [outputs[m] for m in net.modules() if m in outputs]
    expected = _list(values, lambda o: o.std())
    if same(numbers, _list(values, lambda o: o.std(correction=0)), 1e-4):
        return  # divided by N in place of N - 1, as the statement allows
    diagnose(
        numbers,
        {
            "These are the spreads of the weights: the outputs are asked for.": _list(
                list(outputs), lambda m: m.weight.detach().std()
            ),
            "These are in the order of the modules in the network: the order of computation is "
            "asked for. Append each when its hook runs.": _list(registered, lambda o: o.std()),
            "These are in the order of the modules in the network: the order of computation is "
            "asked for. Append each when its hook is run.": _list(
                registered, lambda o: o.std(correction=0)
            ),
            "These are in the reverse order: the layer that is computed first comes first.": (
                expected.flip(0)
            ),
            "These are variances: the standard deviation is the root.": _list(
                values, lambda o: o.var()
            ),
            "These are the spreads of what goes into the layers: what comes out is asked for.": (
                _list(inputs, lambda i: i.std())
            ),
            "These are means: the standard deviation is asked for.": _list(
                values, lambda o: o.mean()
            ),
            "All modules are listed, and only the nn.Linear layers are asked for.": _list(
                everything, lambda o: o.std()
            ),
            "The spread of each unit was taken and then averaged. One standard deviation of all "
            "numbers of the output is asked for.": _list(values, lambda o: o.std(0).mean()),
            "The spread within each sample was taken and then averaged. One standard deviation of "
            "all numbers of the output is asked for.": _list(values, lambda o: o.std(-1).mean()),
            "Linear layers inside other modules are missing: net.modules() finds all.": _list(
                [outputs[m] for m in net.children() if m in outputs], lambda o: o.std()
            ),
            "Only the last output is measured.": expected[-1:],
            "Only the first output is measured.": expected[:1],
        },
        1e-4,
        unlike=expected,
    )
    require(
        len(numbers) == len(expected),
        f"{name} gave {describe(found)}: one number for each linear layer, wherever it lies in the "
        "network, is asked for.",
    )
    compare(numbers, expected, name, 1e-4)


def _list(values: list, function: Any) -> Tensor:
    return torch.tensor([float(function(value)) for value in values], dtype=torch.float64)


class _Residual(nn.Module):
    """Adds what a branch computes; runs its layers in another order than they are registered."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.last = nn.Linear(2 * width, 3, bias=False)
        self.branch = nn.ModuleList([nn.Linear(width, 2 * width), nn.Linear(width, width)])

    def forward(self, x: Tensor) -> Tensor:
        x = x + torch.tanh(self.branch[1](x))
        return self.last(self.branch[0](x).square())


def _nets(draw: Draw) -> list[tuple[str, nn.Module, Tensor]]:
    """Returns networks with very different activations and starts, each with a batch."""
    deep = nn.Sequential(
        *(layer for _ in range(30) for layer in (nn.Linear(20, 20), nn.ReLU())), nn.Linear(20, 4)
    )
    mixed = nn.Sequential(
        nn.Linear(12, 40),
        nn.Sequential(nn.Sigmoid(), nn.Linear(40, 7, bias=False), nn.LayerNorm(7)),
        nn.Softplus(),
        nn.Linear(7, 30),
        nn.ELU(),
        nn.Linear(30, 1),
    )
    with torch.no_grad():
        for layer in deep[::2]:
            layer.weight.zero_()
        for parameter in mixed.parameters():
            parameter.copy_(10 * draw.normal(*parameter.shape))
    mixed[1].eval()  # one module in another mode than the rest
    return [
        ("a stack of 31 linear layers whose weights are all zero", deep, draw.normal(64, 20)),
        ("a nested network with large weights", mixed, 5 * draw.normal(80, 12) + 3),
        ("a module of one's own with a shortcut", _Residual(9), 0.01 * draw.normal(50, 6, 9)),
    ]


@exercise(
    "09.4",
    hints=(
        "If you double the weights of one layer without bias, what happens to the standard "
        "deviation of its output? And which layers must be settled before you can measure it?",
        "Draw each weight anew and set the biases to zero. Then, layer by layer in the order of "
        "computation, divide the weight by output.std(): a forward hook sees the output, and the "
        "tensor that it returns is what the next layer gets.",
    ),
)
def balance(answer: Any) -> str:
    as_function(answer)
    for name, net, x in _nets(Draw(7)):
        before = {key: value.clone() for key, value in net.state_dict().items()}
        given = Snapshot(x, "the argument x")
        own = dict(net.named_parameters())
        again = copy.deepcopy(net)
        run(answer, net, x, changes=("values", "grad", "modules"))
        require(not given.change(), given.change())
        _require_in_place(net, own)
        _require_balanced(name, net, x, before)
        if "zero" in name:
            torch.manual_seed(1)
            run(answer, again, x, changes=("values", "grad"))
            require(
                not torch.equal(again[0].weight, net[0].weight),
                f"For {name} two calls gave the same weights: draw them at random.",
            )
    return "No formula, and every layer has the right size."


def _require_in_place(net: nn.Module, own: dict[str, Tensor]) -> None:
    after = dict(net.named_parameters())
    for key, parameter in own.items():
        require(
            after.get(key) is parameter,
            f"{key} is not the parameter that it was: fill or scale it in place, so that an "
            "optimizer that knows it goes on.",
        )


def _require_balanced(name: str, net: nn.Module, x: Tensor, before: dict[str, Tensor]) -> None:
    linear = [key for key, module in net.named_modules() if isinstance(module, nn.Linear)]
    for key, value in net.state_dict().items():
        require(
            key.rpartition(".")[0] in linear or torch.equal(value, before[key]),
            f"{key} of {name} has changed, and it does not belong to an nn.Linear.",
        )
        require(bool(value.isfinite().all()), f"{key} of {name} is not finite any more.")
    outputs: list[tuple[str, Tensor]] = []

    def without_bias(key: str, output: Tensor) -> float:
        bias = net.get_submodule(key).bias
        return float((output if bias is None else output - bias.detach()).std())

    handles = [
        net.get_submodule(key).register_forward_hook(
            lambda module, given, output, key=key: outputs.append((key, output.detach()))
        )
        for key in linear
    ]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    for number, (key, output) in enumerate(outputs, 1):
        spread, bare = float(output.std()), without_bias(key, output)
        cause = f" Without its bias it would be {bare:.2f}: the bias counts as well."
        require(
            0.9 <= spread <= 1.1,
            f"In {name} the output of linear layer {number} of {len(outputs)}, {key!r}, has a "
            f"standard deviation of {spread:.3g}, and 0.9 to 1.1 is asked for."
            + (" The layers before it are right." if number > 1 else "")
            + (cause if 0.95 <= bare <= 1.05 else ""),
        )
    for key in linear:
        weight = net.get_submodule(key).weight.detach()
        require(
            len(weight.unique(dim=0)) == len(weight),
            f"In {name} two rows of {key}.weight are equal: those units would stay copies of each "
            "other. Draw the weights at random first.",
        )
