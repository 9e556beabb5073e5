"""Checks of chapter 07, modules."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_class,
    as_dict,
    as_module,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    is_stub,
    plain,
    require,
    require_gradients,
    run,
    same,
)


def _module(answer: Any, argument: Any) -> nn.Module:
    """Returns the learner's module, whose forward is written."""
    name = f"{getattr(answer, '__name__', 'It')}({argument})"
    module = as_module(call(as_class(answer, nn.Module, "nn.Module"), argument), name)
    if is_stub(type(module).forward):
        raise NotAnswered
    return module


@exercise(
    "07.1",
    hints=(
        "Which kind of tensor does a module list in parameters(), so that an optimizer finds it? "
        "And how many numbers does each of the two need?",
        "self.scale = nn.Parameter(torch.ones(features)) in __init__, and the same with zeros for "
        "the shift. forward multiplies x by the one and adds the other: broadcasting does the "
        "rest.",
    ),
)
def affine(answer: Any) -> str:
    draw = Draw(0)
    for features, shape in ((3, (5, 3)), (4, (1, 4)), (1, (6, 1)), (5, (2, 7, 5))):
        module = _module(answer, features)
        name = f"Affine({features})(x), for x of shape {shape},"
        x = draw.normal(*shape)
        result = call(module, x)
        scale, shift = _scale_and_shift(module, features)
        compare(
            result,
            x,
            name,
            typical={
                "Freshly made, it should change nothing, and it gives 0: the scale starts at 1.": (
                    torch.zeros_like(x)
                ),
                "Freshly made, it should change nothing, and it adds 1: the shift starts at 0.": (
                    x + 1
                ),
                "Freshly made, it gives 1 everywhere: the scale starts at 1 and the shift at 0, "
                "and they are exchanged.": torch.ones_like(x),
            },
            hint="Freshly made, it should change nothing: the scale starts at 1 and the shift at "
            "0.",
        )
        before = Snapshot(module, "the module")
        a, b = draw.uniform(features, low=1.5, high=3), draw.normal(features)
        with torch.no_grad():
            scale.copy_(a.reshape(scale.shape))
            shift.copy_(b.reshape(shift.shape))
        values = f"With the scale {plain(a)} and the shift {plain(b)}, {name}"
        _compare_affine(call(module, x), x, a, b, values)
        x.requires_grad_()
        result = call(module, x)
        ours = a.reshape(scale.shape).requires_grad_(), b.reshape(shift.shape).requires_grad_()
        expected = x * ours[0].reshape(features) + ours[1].reshape(features)
        require_gradients(
            result,
            expected,
            [("the scale", scale, ours[0]), ("the shift", shift, ours[1]), ("x", x, x)],
            name,
        )
        require(
            not before.change(("values", "grad")),
            "The module's parameters are others after it was called: make them in __init__ alone.",
        )
    first, second = _module(answer, 3), _module(answer, 3)
    shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    require(
        not shared,
        "Two Affines share their parameters: make them in __init__, for each module anew.",
    )
    return "Two lines, and an optimizer finds both."


def _scale_and_shift(module: nn.Module, features: int) -> list[Tensor]:
    """Returns the two parameters, told apart by their values at the start."""
    parameters = dict(module.named_parameters())
    require(
        len(parameters) == 2,
        f"parameters() lists {len(parameters)} tensors, and 2 are asked for. Is each of the two a "
        "nn.Parameter, assigned to self?",
    )
    for name, parameter in parameters.items():
        shape = tuple(parameter.shape)
        require(
            parameter.numel() == features and (not shape or shape[-1] == features),
            f"{name} has shape {shape}: one number is asked for, for each of the {features} "
            "features.",
        )
        require(
            parameter.requires_grad,
            f"{name} does not require gradients, so it is never trained.",
        )
    start = "the scale starts at 1, for all features, and the shift at 0"
    found = {}
    for name, parameter in parameters.items():
        value = parameter.detach().reshape(-1)
        require(
            bool((value == value[0]).all()) and float(value[0]) in (0.0, 1.0),
            f"{name} starts at {plain(value)}: {start}.",
        )
        found[float(value[0])] = parameter
    require(len(found) == 2, f"Both parameters start at {plain(next(iter(found)))}: {start}.")
    return [found[1.0], found[0.0]]


def _compare_affine(result: Any, x: Tensor, a: Tensor, b: Tensor, name: str) -> None:
    v = x.detach()
    compare(
        result,
        v * a + b,
        name,
        typical={
            "It shifts first and scales then: scale first.": (v + b) * a,
            "The shift is missing: add it.": v * a,
            "The scale is missing: multiply by it.": v + b,
            "The two are exchanged: the parameter that starts at 0 is added, and the one that "
            "starts at 1 multiplies.": v * b + a,
            "The shift is subtracted.": v * a - b,
            "It is still x itself: forward does not use the parameters, or not their present "
            "values.": v,
            "The scale is used twice.": v * a * a + b,
        },
        hint="It should compute x * scale + shift, feature by feature.",
    )


@exercise(
    "07.2",
    hints=(
        "How many layers do the sizes make, and which two numbers belong to each? A plain Python "
        "list hides layers from the module: which list does not?",
        "zip(sizes, sizes[1:]) gives the pairs for nn.Linear, and nn.ModuleList or nn.Sequential "
        "registers the layers. In forward, apply relu after all but the last.",
    ),
)
def stack(answer: Any) -> str:
    draw = Draw(1)
    lists = [6, 5, 4, 3], [4, 2], [3, 8, 3], [2, 3, 3, 3, 3, 1], [3, 2, 3, 2]
    for sizes, rows in zip(lists, (7, 1, 5, 4, 6), strict=True):
        given = list(sizes)
        module = as_module(call(as_class(answer, nn.Module, "nn.Module"), given), f"Stack({sizes})")
        if is_stub(type(module).forward):
            raise NotAnswered
        name = f"Stack({sizes})(x), for x of shape {(rows, sizes[0])},"
        x = draw.normal(rows, sizes[0])
        as_tensor(call(module, x), name, (rows, sizes[-1]))
        layers = _in_order(module, _linear_layers(module, sizes), x)
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(draw.normal(*layer.weight.shape))
                layer.bias.copy_(draw.normal(*layer.bias.shape))
        result = call(module, x)
        ours = [(w.detach().clone().requires_grad_(), b.detach().clone().requires_grad_())
                for w, b in ((layer.weight, layer.bias) for layer in layers)]  # fmt: skip
        expected = _through(x, ours, "between")
        compare(
            result,
            expected.detach(),
            name,
            tolerance=1e-4,
            typical={
                "There is a ReLU after the last layer: outputs should be allowed to be negative.": (
                    _through(x, ours, "after each")
                ),
                "There is no ReLU between the layers.": _through(x, ours, "none"),
                "There is no ReLU after the first layer: one belongs between any two.": (
                    _through(x, ours, "not the first")
                ),
                "There is no ReLU before the last layer: one belongs between any two.": (
                    _through(x, ours, "not the last two")
                ),
                "There is a ReLU before the first layer: x itself may be negative.": (
                    _through(x.relu(), ours, "between")
                ),
                "The input itself goes through a ReLU, and that of the last layer does not: the "
                "first layer comes first, and ReLU after each but the last.": (
                    _through(x.relu(), ours, "not the last two")
                ),
                "Another function than ReLU is between the layers.": (
                    lambda x=x, ours=ours: _through(x, ours, "between", F.gelu)
                ),
                "There is a sigmoid between the layers, and ReLU is asked for.": (
                    _through(x, ours, "between", torch.sigmoid)
                ),
                "There is a tanh between the layers, and ReLU is asked for.": (
                    _through(x, ours, "between", torch.tanh)
                ),
                "The leak is not asked for: ReLU gives 0 below 0.": (
                    _through(x, ours, "between", F.leaky_relu)
                ),
            },
            hint="It is not the output of the linear layers with ReLU between them, in order.",
        )
        triples = [
            (f"the {part} of layer {i}", getattr(layer, part), mine)
            for i, (layer, pair) in enumerate(zip(layers, ours, strict=True))
            for part, mine in zip(("weight", "bias"), pair, strict=True)
        ]
        require_gradients(result, expected, triples, name)
    return "Any depth from one list of numbers."


def _linear_layers(module: nn.Module, sizes: list[int]) -> list[nn.Linear]:
    count = len(sizes) - 1
    layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    own = sum(1 for _ in module.parameters())
    if not layers and own:
        raise Wrong(f"Stack({sizes}) has no nn.Linear: use {count} of them.")
    lists = [value for value in vars(module).values() if isinstance(value, list | tuple)]
    hidden = any(isinstance(part, nn.Module) for value in lists for part in value)
    why = (
        "A plain list hides them: use nn.ModuleList."
        if hidden
        else ("Each two neighbouring sizes make one.")
    )
    require(
        len(layers) == count,
        f"Stack({sizes}) finds {len(layers)} linear layer{'s' * (len(layers) != 1)}, and {count} "
        f"{'is' if count == 1 else 'are'} asked for. {why}",
    )
    shapes = [tuple(layer.weight.shape) for layer in layers]
    wanted = [(b, a) for a, b in pairwise(sizes)]
    require(
        sorted(shapes) == sorted(wanted),
        f"The weights of Stack({sizes}) have the shapes {shapes}, and {wanted} are asked for.",
    )
    require(
        all(layer.bias is not None for layer in layers),
        "The layers have no bias: nn.Linear has one unless bias=False.",
    )
    extra = own - 2 * count
    require(
        extra == 0,
        f"The module has {extra} parameters besides those of its linear layers, and none is asked "
        "for.",
    )
    return layers


def _in_order(module: nn.Module, layers: list[nn.Linear], x: Tensor) -> list[nn.Linear]:
    """Returns the layers in the order in which they run, which may differ from the registered."""
    ran: list[nn.Linear] = []
    handles = [m.register_forward_hook(lambda m, i, o: ran.append(m)) for m in layers]
    call(module, x)
    for handle in handles:
        handle.remove()
    return ran if {id(m) for m in ran} == {id(m) for m in layers} else layers


def _through(x: Tensor, pairs: list[tuple[Tensor, Tensor]], where: str, f: Any = F.relu) -> Tensor:
    for i, (weight, bias) in enumerate(pairs):
        x = x @ weight.T + bias
        last = i == len(pairs) - 1
        on = {
            "between": not last,
            "after each": True,
            "none": False,
            "not the first": i > 0 and not last,
            "not the last two": i < len(pairs) - 2,
        }[where]
        x = f(x) if on else x
    return x


class _Crossed(nn.Module):
    """Runs its children in another order than they are registered, and not one after the other."""

    runs = 0  # of the class, so that a copy counts as well

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(7, 2)
        self.body = nn.ModuleDict({"left": nn.Linear(4, 3), "right": nn.Linear(4, 4)})
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        _Crossed.runs += 1
        both = [self.act(self.body["left"](x)), self.body["right"](x)]
        return self.last(torch.cat(both, dim=1))


@exercise(
    "07.3",
    hints=(
        "Who sees what a module inside returns, while the whole network runs? And which modules of "
        "named_modules() have no children?",
        "module.register_forward_hook(hook) calls hook(module, inputs, output) and returns a "
        "handle. The hook needs its own name: def hook(..., name=name). Remove all handles at the "
        "end.",
    ),
)
def shapes(answer: Any) -> str:
    nested = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2))
    _compare_shapes(answer, nested, torch.zeros(3, 4), {"0.0": (3, 8), "0.1": (3, 8), "1": (3, 2)})
    convolution = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.MaxPool2d(2), nn.Flatten())
    )
    convolution[1].eval()  # one module in another mode than the rest
    expected = {"0": (2, 3, 6, 4), "1": (2, 3, 6, 4), "2.0": (2, 3, 3, 2), "2.1": (2, 18)}
    _compare_shapes(answer, convolution, torch.zeros(2, 1, 8, 6), expected)
    crossed, _Crossed.runs = _Crossed(), 0
    expected = {"last": (5, 2), "body.left": (5, 3), "body.right": (5, 4), "act": (5, 3)}
    _compare_shapes(answer, crossed, torch.zeros(5, 4), expected)
    require(
        _Crossed.runs == 1,
        f"The network was run {_Crossed.runs} times: once is enough, with the hooks in place.",
    )
    return "That is the heart of torchinfo."


def _compare_shapes(answer: Any, net: nn.Module, x: Tensor, expected: dict[str, tuple]) -> None:
    kept = net.register_forward_hook(lambda module, inputs, output: None)
    inner = next(m for m in net.modules() if not list(m.children()))
    other = inner.register_forward_hook(lambda module, inputs, output: None)
    mine = {id(module): list(module._forward_hooks) for module in net.modules()}
    try:
        found = call(answer, net, x, changes=("hooks",))
        left = sum(len(set(m._forward_hooks) - set(mine[id(m)])) for m in net.modules())
        left += sum(len(m._forward_pre_hooks) for m in net.modules())
        lost = sum(len(set(mine[id(m)]) - set(m._forward_hooks)) for m in net.modules())
    finally:
        kept.remove()
        other.remove()
    found = as_dict(found, "shapes(net, x)")
    require(
        left == 0,
        f"{left} hook{'s are' if left > 1 else ' is'} left on the network: remove each by its "
        "handle.",
    )
    require(
        lost == 0,
        "Hooks that were on the network before are gone: remove your own handles, and no others.",
    )
    names = {m: n for n, m in net.named_modules()}
    if found and all(isinstance(key, nn.Module) for key in found):
        raise Wrong("The keys are the modules themselves: their names are asked for.")
    require(
        all(isinstance(key, str) for key in found),
        f"The keys should be names, and one is {describe(next(iter(found)))}.",
    )
    kinds = {type(m).__name__ for m in names}
    require(
        not set(found) & (kinds - set(expected)),
        "The keys are the names of the classes: take those from named_modules, which differ for "
        "two layers of one class.",
    )
    with_children = {n for m, n in names.items() if list(m.children())}
    extra = sorted(set(found) & with_children)
    missing = sorted(set(expected) - set(found))
    only_last = len(found) == 1 and next(iter(found)) == list(names.values())[-1]
    why = (
        "Each hook reads the name after the loop has ended: give it one of its own, name=name."
        if only_last
        else "Take them from named_modules."
    )
    require(
        not missing,
        f"It has the names {sorted(found)}, and {sorted(expected)} are asked for. {why}",
    )
    require(
        not extra,
        f"It lists modules that have children, too, such as {extra[:1]}: leave them out.",
    )
    require(
        set(found) == set(expected),
        f"It has the names {sorted(found)}, and {sorted(expected)} are asked for.",
    )
    for name, shape in expected.items():
        got = found[name]
        if isinstance(got, Tensor):
            raise Wrong(f"For {name!r} it gives the output itself: its shape is asked for.")
        require(
            isinstance(got, tuple),
            f"The shape of {name!r} should be a tuple, and it is {describe(got)}: "
            "tuple(output.shape) makes one.",
        )
        got = tuple(int(v) if isinstance(v, int) else -1 for v in got)
        require(
            got != shape[1:],
            f"The shape of {name!r} is {got}: the batch dimension belongs to it.",
        )
        require(
            got == shape,
            f"The shape of {name!r} is {got}, and its output has the shape {shape}. Let net(x) run "
            "the modules, and look at their outputs.",
        )


@exercise(
    "07.4",
    hints=(
        "Which layer is random in training and still in eval()? Does what you keep outside of "
        "layers move with double(), and is it in state_dict()?",
        "nn.Dropout as an attribute makes the one difference. A convolution with a stride, a ReLU, "
        "nn.Flatten and one nn.Linear stay far below 20,000 parameters. Keep other tensors in "
        "nn.Buffer.",
    ),
)
def mine(answer: Any) -> str:
    as_class(answer, nn.Module, "nn.Module")
    draw = Draw(4)
    images = draw.uniform(12, 1, 28, 28)
    net = as_module(call(answer), "Mine()")
    if is_stub(type(net).forward):
        raise NotAnswered
    net.train()
    outputs = _answers(net, images, "in training mode")
    _require_parameters(net, outputs)
    require(
        not same(outputs, _answers(net, images, "in training mode"), 1e-6),
        "In training mode two calls with the same images gave the same answers: something random, "
        "such as nn.Dropout, is asked for.",
    )
    net.eval()
    outputs = _answers(net, images, "in eval() mode")
    require(
        same(outputs, _answers(net, images, "in eval() mode"), 1e-6),
        "In eval() mode two calls with the same images gave different answers. Is a dropout called "
        "as a function, or hidden in a plain list?",
    )
    for rows in ([3], [7, 2], [0, 1, 2, 3, 4]):
        require(
            same(_answers(net, images[rows], "in eval() mode"), outputs[rows], 1e-4),
            f"In eval() mode image {rows[0]} gets another answer in a batch of {len(rows)} than in "
            "a batch of 12.",
        )
    other = call(answer)
    with torch.no_grad():
        for parameter in other.parameters():
            if not isinstance(parameter, nn.parameter.UninitializedParameter):
                parameter.add_(0.1)
    other.load_state_dict(net.state_dict())
    require(
        same(_answers(other.eval(), images, "in eval() mode"), outputs, 1e-5),
        "A second Mine() with the first one's state gives other answers: something that the answer "
        "depends on is not in state_dict().",
    )
    other.double()
    found = _answers(other, images.double(), "after double(), for images of float64,")
    require(
        found.dtype == torch.float64 and same(found.float(), outputs, 1e-3),
        "After double() the answers are not those of before in float64.",
    )
    return "It behaves like a layer of PyTorch."


def _answers(net: nn.Module, images: Tensor, when: str) -> Tensor:
    name = f"Mine() {when} for {len(images)} image{'s' * (len(images) > 1)}"
    result = call(net, images)
    return as_tensor(result, name, (len(images), 10), dtype="float")


def _require_parameters(net: nn.Module, outputs: Tensor) -> None:
    parameters = dict(net.named_parameters())
    require(bool(parameters), "Mine() has no parameters that parameters() finds.")
    count = sum(p.numel() for p in parameters.values())
    require(count <= 20_000, f"Mine() has {count:,} parameters, and at most 20,000 are allowed.")
    require(
        outputs.requires_grad,
        "The answers do not depend on the parameters as far as autograd knows: is something "
        "detached, or computed under no_grad?",
    )
    weights = torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape).to(outputs)
    run(lambda: (outputs * weights).sum().backward())
    for name, parameter in parameters.items():
        require(
            parameter.grad is not None,
            f"The parameter {name} gets no gradient: it takes no part in the answer.",
        )
