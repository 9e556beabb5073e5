"""Checks of chapter 10, parameter sharing."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_class,
    as_list,
    as_module,
    as_tensor,
    as_text,
    call,
    compare,
    diagnose,
    exercise,
    is_stub,
    plain,
    require,
    require_gradients,
    run,
    same,
)


class _Block(nn.Module):
    """Has a parameter of its own besides that of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 5))
        self.inner = nn.Linear(5, 5)


def _network() -> nn.Sequential:
    net = nn.Sequential(
        nn.Linear(4, 6), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 4)
    )
    net[3].weight, net[3].bias = net[1].weight, net[1].bias
    return net


def _networks() -> list[tuple[str, nn.Module]]:
    """Returns networks with and without ties, and what to call them."""
    equal = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    equal[1].weight = nn.Parameter(equal[0].weight.detach().clone())
    thrice = nn.Sequential(*(nn.Linear(5, 5) for _ in range(3)), _Block())
    for layer in (thrice[1], thrice[2], thrice[3].inner):
        layer.weight = thrice[0].weight
    thrice[3].weight = nn.Parameter(thrice[0].weight.detach().clone())
    shared = nn.Linear(2, 2)
    twice = nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared, nn.Linear(2, 2)))
    frozen = _network().requires_grad_(False)
    root = _Block()
    root.inner.weight = root.weight
    views = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    views[1].weight = nn.Parameter(views[0].weight.detach())
    return [
        ("two layers without a tie", nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))),
        ("two layers of equal values", equal),
        ("weight and bias of two layers tied", _network()),
        ("one weight in four layers", thrice),
        ("one layer in two places", twice),
        ("frozen tied layers", frozen),
        ("a parameter of the network itself tied to a layer's", root),
        ("two parameters on one memory", views),
    ]


@exercise(
    "10.1",
    hints=(
        "Two names belong to one parameter when both lead to the very same object, whatever its "
        "values. What can you use as the key of a dictionary that collects names?",
        "names.setdefault(id(parameter), []).append(name) collects them, over "
        "net.named_parameters(remove_duplicate=False). Keep the lists with more than one name.",
    ),
)
def ties(answer: Any) -> str:
    for text, net in _networks():
        found = as_list(call(answer, net), f"ties(net), for a network with {text},")
        groups = []
        for group in found:
            if isinstance(group, set):
                group = sorted(group, key=str)
            names = as_list(group, f"A group of ties(net), for a network with {text},")
            groups.append(sorted(as_text(name, "A name") for name in names))
        _compare_groups(sorted(groups), _groups(net), net, text)
    return "named_parameters() shows only the first name of each."


def _groups(net: nn.Module) -> list[list[str]]:
    """Returns the tied names, by walking through the modules."""
    where: dict[int, list[str]] = {}
    for path, module in net.named_modules(remove_duplicate=False):
        for name, parameter in module._parameters.items():
            if parameter is not None:
                where.setdefault(id(parameter), []).append(f"{path}.{name}".removeprefix("."))
    return sorted(sorted(names) for names in where.values() if len(names) > 1)


def _compare_groups(
    groups: list[list[str]], expected: list[list[str]], net: nn.Module, text: str
) -> None:
    if groups == expected:
        return
    name = f"For a network with {text}, ties(net) gave {plain(groups)}"
    require(
        not expected or bool(groups),
        f"{name}, and {expected} is asked for. named_parameters() and named_modules() hide second "
        "names: pass remove_duplicate=False.",
    )
    flat = [part for group in groups for part in group]
    require(
        not any(len(group) == 1 for group in groups),
        f"{name}: leave out parameters with a single name.",
    )
    parameters = dict(net.named_parameters(remove_duplicate=False))
    unknown = [part for part in flat if part not in parameters]
    require(
        not unknown,
        f"{name}: {'; '.join(unknown[:1])} is not a name in named_parameters.",
    )
    for group in groups:
        first = parameters[group[0]]
        others = [parameters[part] for part in group[1:] if parameters[part] is not first]
        require(
            not any(o.data_ptr() == first.data_ptr() for o in others),
            f"{name}. These two look into one memory and are two parameters, each with a gradient "
            "of its own: compare the objects with `is`, or by id.",
        )
        require(
            not any(o.shape == first.shape and torch.equal(o, first) for o in others),
            f"{name}. Two parameters of equal values are not one parameter: compare with `is`, or "
            "by id.",
        )
        require(not others, f"{name}: {group} are not all one parameter.")
    missing = [part for group in expected for part in group if part not in flat]
    require(
        not missing or sorted(map(len, groups)) == [2] * len(groups) or len(set(flat)) < len(flat),
        f"{name}, and {'; '.join(missing[:1])} is missing. named_parameters() and named_modules() "
        "hide second names: pass remove_duplicate=False.",
    )
    require(
        not missing or len(set(flat)) < len(flat),
        f"{name}, and {'; '.join(missing[:1])} is missing: all names of a parameter belong into "
        "its list, and all parameters with several names into the result.",
    )
    raise Wrong(
        f"{name}, and {expected} is asked for: one list for each parameter that has more than one "
        "name, with all its names."
    )


@exercise(
    "10.2",
    hints=(
        "A decoder with a weight of its own would need the shape (inputs, code). Which view of the "
        "one weight has that shape?",
        "Make one nn.Parameter of shape (code, inputs) and two biases of zeros. F.linear(x, "
        "weight, bias) computes x @ weight.T + bias; for the way back give it weight.T.",
    ),
)
def tied(answer: Any) -> str:
    draw = Draw(10)
    as_class(answer, nn.Module, "nn.Module")
    for inputs, code, rows in ((7, 3, 5), (4, 6, 1), (5, 5, 3)):
        name = f"Tied({inputs}, {code})"
        module = as_module(call(answer, inputs, code), name)
        if is_stub(type(module).forward):
            raise NotAnswered
        x = draw.normal(rows, inputs)
        named = f"{name}(x), for x of shape {(rows, inputs)},"
        result = call(module, x)
        weight, first, second = _three_parameters(module, x, inputs, code, name)
        _compare_tied(result, x, weight, first * 0, second * 0, named + " freshly made,")
        with torch.no_grad():
            weight.copy_(draw.normal(*weight.shape))
            first.copy_(draw.normal(*first.shape))
            second.copy_(draw.normal(*second.shape))
        result = call(module, x)
        flat = first.reshape(-1), second.reshape(-1)
        _compare_tied(result, x, weight, *flat, f"With other values in the parameters, {named}")
        ours = [p.detach().clone().requires_grad_() for p in (weight, first, second)]
        expected = _autoencode(x, ours[0], ours[1].reshape(-1), ours[2].reshape(-1))
        labels = "the weight", "the code's bias", "the output's bias"
        _require_both_uses(result, expected, x, weight, ours)
        require_gradients(
            result, expected, list(zip(labels, (weight, first, second), ours, strict=True)), named
        )
        doubled = call(module.double(), x.double())
        own = (p.detach().double() for p in (weight, first.reshape(-1), second.reshape(-1)))
        _compare_tied(doubled, x.double(), *own, f"After double(), {named}")
    one, two = call(answer, 7, 3), call(answer, 7, 3)
    require(
        not {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()},
        "Two networks share their parameters: make them in __init__, for each module anew.",
    )
    return "Half the weights of two layers."


def _require_both_uses(
    result: Tensor, expected: Tensor, x: Tensor, weight: Tensor, ours: list[Tensor]
) -> None:
    """Names the use of the weight that has no gradient, where the other one has."""
    if not result.requires_grad:
        return
    w, b, c = ours[0], *(p.detach().reshape(-1) for p in ours[1:])
    cut = w.detach()
    through_encoder = (x @ w.T + b).clamp(min=0) @ cut + c
    through_decoder = (x @ cut.T + b).clamp(min=0) @ w + c
    theirs, right, first, second = (
        torch.autograd.grad(y.square().sum(), p, retain_graph=True, allow_unused=True)[0]
        for y, p in (
            *((result, weight), (expected, w)),
            *((through_encoder, w), (through_decoder, w)),
        )
    )
    if theirs is not None:
        text = "The weight is used twice, and only the {} use has a gradient: is the {} detached?"
        typical = {text.format("encoder's", "decoder's"): first,
                   text.format("decoder's", "encoder's"): second}  # fmt: skip
        diagnose(theirs, typical, 1e-4, unlike=right)


def _autoencode(x: Tensor, weight: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return (x @ weight.T + first).clamp(min=0) @ weight + second


def _three_parameters(
    module: nn.Module, x: Tensor, inputs: int, code: int, name: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the weight, the code's bias and the output's bias."""
    parameters = dict(module.named_parameters())
    shapes = {n: tuple(p.shape) for n, p in parameters.items()}
    weights = [n for n, p in parameters.items() if p.numel() == code * inputs and p.ndim == 2
               and min(p.shape) > 1]  # fmt: skip
    want = f"one weight of shape {(code, inputs)}, and biases of {code} and {inputs} numbers"
    require(
        len(weights) < 2,
        f"{name} has the parameters {shapes}: there should be one weight, used twice.",
    )
    require(
        len(weights) == 1,
        f"{name} has the parameters {shapes}, and {want} are asked for. Is each a nn.Parameter, "
        "assigned to self?",
    )
    weight = parameters.pop(weights[0])
    require(
        tuple(weight.shape) == (code, inputs),
        f"The weight of {name} has shape {tuple(weight.shape)}, and {(code, inputs)} is asked for.",
    )
    biases = list(parameters.values())
    flat = all(p.ndim == 1 or (p.ndim == 2 and p.shape[0] == 1) for p in biases)
    require(
        flat and sorted(p.numel() for p in biases) == sorted((code, inputs)),
        f"{name} has the parameters {shapes}, and {want} are asked for.",
    )
    for label, parameter in module.named_parameters():
        require(parameter.requires_grad, f"{label} does not require gradients: it is not trained.")
    for label, bias in parameters.items():
        require(not bias.detach().any(), f"{label} starts at other numbers than zero.")
    require(
        float(weight.detach().std()) > 0,
        "The weight starts at one number for all, so that all units stay alike: draw it at random.",
    )
    if code != inputs:
        first, second = sorted(biases, key=lambda p: p.numel() != code)
        return weight, first, second
    # Of two biases of one size, the output's is the one that is added at the end.
    before = call(module, x)
    biases[0].data.add_(1)
    moved = call(module, x) - before
    biases[0].data.zero_()
    last_first = bool((moved - 1).abs().max() < 1e-4)
    return (weight, biases[1], biases[0]) if last_first else (weight, biases[0], biases[1])


def _compare_tied(
    result: Any, x: Tensor, weight: Tensor, first: Tensor, second: Tensor, name: str
) -> None:
    w, b, c = weight.detach(), first.detach().reshape(-1), second.detach().reshape(-1)
    code = x @ w.T + b
    compare(
        result,
        _autoencode(x, w, b, c),
        name,
        tolerance=1e-4,
        typical={
            "There is no ReLU between encoding and decoding.": code @ w + c,
            "There is a ReLU after decoding, too: the output may be negative.": (
                code.relu() @ w + c
            ).relu(),
            "The ReLU comes after decoding: it belongs to the code.": (code @ w + c).relu(),
            "The output's bias is not added.": code.relu() @ w,
            "The code's bias is not added.": (x @ w.T).relu() @ w + c,
            "Neither bias is added.": (x @ w.T).relu() @ w,
            "The code's bias is added after the ReLU: it belongs before it.": (
                ((x @ w.T).relu() + b) @ w + c
            ),
            "This is the code: decode it, by the transposed weight.": code.relu(),
            "There is a sigmoid in place of the ReLU.": code.sigmoid() @ w + c,
            "There is a sigmoid after decoding: the output is not bounded.": (
                code.relu() @ w + c
            ).sigmoid(),
            "There is a tanh in place of the ReLU.": code.tanh() @ w + c,
            "There is a GELU in place of the ReLU.": F.gelu(code) @ w + c,
            "Decoding uses the weight as it is: its transpose is asked for.": (
                lambda: code.relu() @ w.T + c
            ),
        },
        hint="It should compute relu(x Wᵀ + b) W + c.",
    )


@exercise(
    "10.3",
    hints=(
        "The copy has to be independent of net, and the second parameter of the first. Where do "
        "you put a new parameter, so that the copy finds it under the second name?",
        "copy.deepcopy(net) keeps the ties. owner, _, attribute = second.rpartition('.') and "
        "setattr(copy.get_submodule(owner), attribute, nn.Parameter(...clone())) cut one of them.",
    ),
)
def untie(answer: Any) -> str:
    draw = Draw(11)
    _require_untied(answer, _network(), "1.weight", "3.weight", draw.normal(5, 4))
    _require_untied(answer, _network(), "3.bias", "1.bias", draw.normal(5, 4))
    thrice = nn.Sequential(*(nn.Linear(5, 5) for _ in range(3)))
    thrice[1].weight = thrice[2].weight = thrice[0].weight
    thrice[2].bias = thrice[0].bias
    _require_untied(answer, thrice, "0.weight", "2.weight", draw.normal(2, 5))
    root = _Block()
    root.inner.weight = root.weight
    _require_untied(answer, root, "inner.weight", "weight", None)
    frozen = _network()
    frozen[1].weight.requires_grad_(False)
    frozen[2].eval()
    _require_untied(answer, frozen, "1.weight", "3.weight", draw.normal(3, 4))
    return (
        "Two parameters, one value, for now. (Here the owners are two layers. One layer that "
        "stands in two places would have to be copied first.)"
    )


def _require_untied(answer: Any, net: nn.Module, first: str, second: str, x: Tensor | None) -> None:
    case = f"untie(net, {first!r}, {second!r})"
    before = dict(net.named_parameters(remove_duplicate=False))
    values = {name: p.detach().clone() for name, p in before.items()}
    modes = {name: m.training for name, m in net.named_modules()}
    result = call(answer, net, first, second, changes=("modules", "entries"))
    now = dict(net.named_parameters(remove_duplicate=False))
    require(
        all(now.get(name) is p for name, p in before.items()) and len(now) == len(before),
        "The network that was passed in has changed, and it should stay tied: work on a deep copy.",
    )
    result = as_module(result, case)
    new = dict(result.named_parameters(remove_duplicate=False))
    require(
        result is not net and not {id(p) for p in new.values()} & {id(p) for p in now.values()},
        f"The result of {case} shares parameters with net: work on a deep copy.",
    )
    missing = sorted(set(before) - set(new))
    require(
        not missing,
        f"{'; '.join(missing[:1])} is not a parameter of the result any more: wrap the copy in "
        "nn.Parameter, and give it to the module that owns the name.",
    )
    added = sorted(set(new) - set(before))
    require(not added, f"The result has a new parameter, {'; '.join(added[:1])}.")
    for name, value in values.items():
        require(
            new[name].shape == value.shape and torch.equal(new[name].detach(), value),
            f"The values of {name} have changed: clone the parameter with its values.",
        )
    require(
        new[first] is not new[second],
        f"{first} and {second} are still one parameter: give the second name one of its own.",
    )
    _require_other_ties(new, before, first, second)
    require(
        new[first].data_ptr() != new[second].data_ptr(),
        f"{first} and {second} are two parameters on one memory: a change of one still shows in "
        "the other. clone() copies.",
    )
    for name, p in before.items():
        require(
            new[name].requires_grad == p.requires_grad,
            f"The requires_grad of {name} was {p.requires_grad} and is {new[name].requires_grad} "
            "in the result: take it over.",
        )
    require(
        {name: m.training for name, m in result.named_modules()} == modes,
        "The result is in another mode than net: each module's training belongs to the copy.",
    )
    if x is not None:
        compare(call(result, x), net(x), f"The output of the result of {case}")


def _require_other_ties(
    new: dict[str, Tensor], before: dict[str, Tensor], first: str, second: str
) -> None:
    """Demands that the two names alone have been separated."""
    for one in before:
        for other in before:
            if one >= other or {one, other} & {first, second} == {first, second}:
                continue
            tied, still = before[one] is before[other], new[one] is new[other]
            if one in (first, second) or other in (first, second):
                # A third name may stay with either of the two, though not with neither.
                third = other if one in (first, second) else one
                if tied:
                    require(
                        new[third] is new[first] or new[third] is new[second],
                        f"{third} was tied to {first} and {second}, and is tied to neither now: "
                        "separate the two names alone.",
                    )
                    continue
            require(
                tied == still or not tied,
                f"{one} and {other} were tied, and they are not any more: leave all other ties.",
            )
            require(tied == still, f"{one} and {other} are tied now, and they were not before.")


@exercise(
    "10.4",
    hints=(
        "A symmetric matrix is known by the numbers on and above its diagonal. How can one number "
        "stand in two places, so that training can never make the two differ?",
        "Keep n * (n + 1) // 2 numbers in one nn.Parameter, and an n × n table of whole numbers, "
        "as a buffer, that says which of them stands where: numbers[table] is the matrix, and "
        "autograd adds up the gradients of both places.",
    ),
)
def symmetric(answer: Any) -> str:
    as_class(answer, nn.Module, "nn.Module")
    draw = Draw(12)
    for n in (4, 1, 7):
        layer = as_module(call(answer, n), f"Symmetric({n})")
        if is_stub(type(layer).forward):
            raise NotAnswered
        matrix = _matrix(layer, n)
        for shape in ((n,), (5, n), (2, 3, n)):
            x = draw.normal(*shape)
            name = f"Symmetric({n})(x), for x of shape {shape},"
            y = as_tensor(call(layer, x), name, shape, dtype="float")
            require(
                same(y, x @ matrix, 1e-4),
                f"{name} is not x times the matrix that layer(torch.eye({n})) shows. Is it linear, "
                "and without bias?",
            )
        _require_symmetric(matrix, n, "at the start")
        _require_numbers(layer, n)
        if n > 1:
            other = _matrix(call(answer, n), n)
            require(
                not same(matrix, other, 1e-6),
                f"Two Symmetric({n}) start alike: draw the numbers at random.",
            )
        _train(layer, n, draw)
        require(not same(_matrix(layer, n), matrix, 1e-6), "Training does not change the matrix.")
        _require_symmetric(_matrix(layer, n), n, "after some steps of training")
        _require_reached(layer, n)
        found = call(layer.double(), torch.eye(n, dtype=torch.float64))
        found = as_tensor(found, f"Symmetric({n}) after double()", (n, n), dtype=torch.float64)
        _require_symmetric(found, n, "after double()")
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(1e-10)
        moved = call(layer, torch.eye(n, dtype=torch.float64))
        require(
            not torch.equal(moved, found),
            f"After double(), Symmetric({n}) still computes in float32: adding 1e-10 to its "
            "parameters changes nothing.",
        )
    return "One number in two places, for good."


def _matrix(layer: nn.Module, n: int) -> Tensor:
    result = call(layer, torch.eye(n))
    return as_tensor(result, f"Symmetric({n})(torch.eye({n}))", (n, n), dtype="float").detach()


def _require_symmetric(matrix: Tensor, n: int, when: str) -> None:
    apart = (matrix - matrix.T).abs()
    row, column = divmod(int(apart.argmax()), n)
    require(
        float(apart.max()) <= 1e-6 * float(matrix.abs().max()) + 1e-12,
        f"The matrix of Symmetric({n}) is not symmetric {when}: {float(matrix[row, column]):.4g} "
        f"stands at [{row}, {column}] and {float(matrix[column, row]):.4g} at [{column}, {row}].",
    )


def _require_numbers(layer: nn.Module, n: int) -> None:
    wanted = n * (n + 1) // 2
    parameters = [p for p in layer.parameters() if p.requires_grad]
    count = sum(p.numel() for p in parameters)
    require(
        count == wanted,
        f"Symmetric({n}) has {count} trainable numbers, and {wanted} are asked for.",
    )
    matrix = call(layer, torch.eye(n))
    require(
        matrix.requires_grad,
        "The output does not depend on the parameters as far as autograd knows: is something "
        "detached?",
    )
    upper = matrix[tuple(torch.triu_indices(n, n))]
    rows = []
    for value in upper:
        parts = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        rows.append(
            torch.cat(
                [
                    torch.zeros(p.numel()) if g is None else g.detach().flatten()
                    for p, g in zip(parameters, parts, strict=True)
                ]
            )
        )
    rank = int(torch.linalg.matrix_rank(torch.stack(rows)))
    require(
        rank == wanted,
        f"The {count} trainable numbers of Symmetric({n}) move its matrix in {rank} directions "
        f"only, so not every symmetric matrix can be reached: {wanted} are needed.",
    )


def _require_reached(layer: nn.Module, n: int) -> None:
    """Trains towards matrices of large numbers of both signs."""
    rows, columns = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    for sign in (1.0, -1.0):
        target = 3 * sign * (1 - 2 * ((rows + columns) % 3 == 1).float())
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        for _ in range(150):
            optimizer.zero_grad()
            run(lambda goal=target: (layer(torch.eye(n)) - goal).square().sum().backward())
            optimizer.step()
        found = _matrix(layer, n)
        apart = (found - target).abs()
        row, column = divmod(int(apart.argmax()), n)
        require(
            float(apart.max()) < 1.5,
            f"Symmetric({n}) was trained towards a matrix with {float(target[row, column]):.0f} at "
            f"[{row}, {column}], and {float(found[row, column]):.2f} stands there after 150 steps: "
            "every symmetric matrix should be within reach, with numbers of any size and sign.",
        )


def _train(layer: nn.Module, n: int, draw: Draw) -> None:
    target, x = draw.normal(n, n), draw.normal(16, n)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        run(lambda: (layer(x) - x @ target).square().mean().backward())
        optimizer.step()
