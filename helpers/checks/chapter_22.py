"""Checks of chapter 22, fine-tuning."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_dict,
    as_integer,
    as_list,
    as_module,
    as_number,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
)


def _model() -> nn.Module:
    model = nn.Module()
    model.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model.head = nn.Linear(4, 10)
    model.head_norm = nn.BatchNorm1d(10)
    model.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(10, 10))
    model.top = nn.ModuleDict({"inner": nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2))})
    return model


@exercise(
    "22.1",
    hints=(
        "A name with dots tells the way: the last part is an attribute of the module that the rest "
        "names. Where does the old layer keep its number of inputs?",
        'name.rpartition(".") splits off the last part; get_submodule finds the owner, also for '
        '"". setattr(owner, last, nn.Linear(old.in_features, classes, device=...)) replaces it.',
    ),
)
def new_head(answer: Any) -> str:
    for name, classes, prepare in (
        ("head", 7, nn.Module.train),
        ("classifier.1", 7, nn.Module.eval),
        ("top.inner.1", 5, lambda model: setattr(model.top["inner"][1], "bias", None)),
        ("top.inner.0", 4, lambda model: model.requires_grad_(False)),
        ("classifier.1", 10, lambda model: model.requires_grad_(False)),
    ):
        _try_head(answer, name, classes, prepare)
    model = _model().to("meta")
    call(answer, model, "head", 7, changes=True)
    weight = getattr(getattr(model, "head", None), "weight", None)
    require(
        isinstance(weight, Tensor) and weight.device.type == "meta",
        "The new layer is on the CPU, whatever the device of the old one: pass "
        "device=old.weight.device.",
    )
    return "It fits torchvision's networks too: fc, classifier.1, heads.head."


def _try_head(answer: Any, name: str, classes: int, prepare: Any) -> None:
    model = _model()
    prepare(model)
    old = model.get_submodule(name)
    names = {key for key, _ in model.named_modules()}
    others = {k: m for k, m in model.named_modules() if not list(m.children()) and k != name}
    before = [Snapshot(module, key) for key, module in others.items()]
    given = f"new_head(model, {name!r}, {classes})"
    result = call(answer, model, name, classes, changes=True)
    if isinstance(result, nn.Linear):
        raise Wrong(f"{given} returned the new layer: return the model that has it now.")
    require(
        result is model,
        f"{given} should return the model itself, since the layer is replaced in place, and it "
        f"returned {describe(result)}.",
    )
    now = {key for key, _ in model.named_modules()}
    if name in now:
        new = model.get_submodule(name)
        require(
            isinstance(new, nn.Linear),
            f"{name} should be an nn.Linear, and it is {describe(new)}.",
        )
    require(
        not now - names,
        f"The model has a new submodule {sorted(now - names)} beside the old one. For a name with "
        "dots, set the last part on its owner, which get_submodule finds.",
    )
    require(not names - now, f"After {given}, {sorted(names - now)} are missing in the model.")
    new = model.get_submodule(name)
    require(
        new is not old,
        f"{name} is still the old layer. Setting out_features changes a number, not the "
        "weights: make a new nn.Linear.",
    )
    require(
        not isinstance(new, nn.LazyLinear),
        f"{name} is a LazyLinear, which has no weights until it is called: the old layer knows its "
        "in_features.",
    )
    shape = tuple(new.weight.shape)
    require(
        shape != (old.in_features, classes) or classes == old.in_features,
        f"{name} has inputs and outputs exchanged: nn.Linear(inputs, outputs).",
    )
    require(
        shape == (classes, old.in_features),
        f"{name} has {shape[1]} inputs and {shape[0]} outputs, and it should have "
        f"{old.in_features} and {classes}. Take in_features from the old layer.",
    )
    require(new.bias is not None, f"{name} has no bias: nn.Linear has one by default.")
    require(
        new.weight.data_ptr() != old.weight.data_ptr(),
        f"{name} has the old weights: those belong to the old classes.",
    )
    require(
        new.weight.requires_grad and new.bias.requires_grad,
        f"The new {name} is frozen, and it is the layer that should learn.",
    )
    for snapshot in before:
        require(
            "requires_grad" not in snapshot.change(),
            f"Other layers than {name} were frozen or unfrozen: leave their requires_grad.",
        )
        if found := snapshot.change():
            raise Wrong(f"Something else changed than {name}: {found}")
    for key, module in others.items():
        require(model.get_submodule(key) is module, f"{key} was replaced as well.")


@exercise(
    "22.2",
    hints=(
        "First freeze everything, then unfreeze one submodule: then the state before does not "
        "matter. Which method of a module does that for all its parameters?",
        "model.requires_grad_(False), then model.get_submodule(keep).requires_grad_(True). "
        "numel() counts the numbers in a parameter, and p.requires_grad tells which to count.",
    ),
)
def freeze(answer: Any) -> str:
    for keep, prepare in (
        ("head", _all(True)),
        ("head", _all(False)),
        ("classifier", _every_second),
        ("classifier.1", _all(True)),
        ("body", _all(False)),
        ("body.0", _every_second),
        ("top.inner.0", _all(False)),
    ):
        model = _model()
        prepare(model)
        named = list(model.named_parameters())
        wanted = {name for name, _ in named if name.startswith(f"{keep}.")}
        before = [id(p) for _, p in named]
        number = call(answer, model, keep, changes=("requires_grad", "modules"))
        after = list(model.named_parameters())
        require(
            [id(p) for _, p in after] == before,
            "Some parameters are new ones, which no optimizer or other layer knows: set "
            "requires_grad of those that are there.",
        )
        trainable = {name for name, p in after if p.requires_grad}
        _compare_frozen(trainable, wanted, keep, {name for name, _ in after})
        name = f"freeze(model, {keep!r})"
        _compare_count(as_integer(number, name), model, keep, name)
    return "Frozen and counted."


def _all(on: bool) -> Any:
    return lambda model: model.requires_grad_(on)


def _every_second(model: nn.Module) -> None:
    for i, p in enumerate(model.parameters()):
        p.requires_grad_(i % 2 == 0)


def _compare_frozen(found: set[str], wanted: set[str], keep: str, every: set[str]) -> None:
    require(found, f"Nothing is trainable. Is {keep!r} unfrozen after all is frozen?")
    require(
        found != every - wanted,
        f"With keep={keep!r}, that submodule is frozen, and all others are trainable: it should be "
        "the other way round.",
    )
    alike = {name for name in every if name.startswith(keep)}
    require(
        found != alike or alike == wanted,
        f"With keep={keep!r}, these are trainable too: {sorted(found - wanted)}. A name that "
        "begins with the same letters is another submodule.",
    )
    extra = sorted(found - wanted)
    require(
        not extra,
        f"With keep={keep!r}, {_list(extra)} trainable, and should be frozen: whatever the state "
        "was before, freeze everything else.",
    )
    missing = sorted(wanted - found)
    require(
        not missing,
        f"With keep={keep!r}, {_list(missing)} frozen, and should be trainable: whatever the state "
        "was before, set it.",
    )


def _list(names: list[str]) -> str:
    text = ", ".join(names[:3])
    if len(names) > 3:
        text += f" and {len(names) - 3} more"
    return f"{text} {'is' if len(names) == 1 else 'are'}"


def _compare_count(number: int, model: nn.Module, keep: str, name: str) -> None:
    every = list(model.parameters())
    trained = [p for p in every if p.requires_grad]
    count = sum(p.numel() for p in trained)
    part = model.get_submodule(keep)
    for wrong, hint in (
        (len(trained), "that is the number of tensors: count the numbers in them, with numel()"),
        (sum(p.numel() for p in every), "that is how many numbers all parameters have: count the "
         "trainable ones"),
        (sum(p.numel() for p in every) - count, "that is how many are frozen"),
        (sum(v.numel() for v in part.state_dict().values()), "buffers are counted, too: they are "
         "not parameters"),
        (sum(p.numel() for n, p in part.named_parameters() if "bias" not in n), "the biases are "
         "not counted"),
    ):  # fmt: skip
        require(number != wrong or wrong == count, f"{name} returned {number}, and {hint}.")
    require(number == count, f"{name} returned {number}, and {count} numbers are trainable.")


@exercise(
    "22.3",
    hints=(
        "Two passes: the whole model into train(), then some of its layers back into eval(). How "
        "do you visit every layer at any depth, and tell its kind?",
        "model.modules() visits them all; isinstance(module, nn.modules.batchnorm._BatchNorm) "
        "tells the kind. Look at module.weight.requires_grad, and beware of a weight that is None.",
    ),
)
def train_unfrozen(answer: Any) -> str:
    for prepare in (nn.Module.eval, nn.Module.train, _mixed_modes):
        model = _norms()
        prepare(model)
        result = call(answer, model, changes=("mode",))
        require(result is model, f"Return the model itself; it returned {describe(result)}.")
        _compare_modes(model)
    model = _norms()
    model.requires_grad_(True)
    call(answer, model, changes=("mode",))
    resting = [name for name, m in model.named_modules() if not m.training]
    require(
        not resting,
        f"In a model without frozen parameters, {_list(resting)} in eval() mode: only frozen batch "
        "normalisation rests.",
    )
    return "Call it where the training loop calls model.train()."


def _norms() -> nn.Module:
    """Returns a model with normalisations of many kinds, by what is frozen of them."""
    model = nn.Module()
    model.frozen = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.2))
    model.frozen.requires_grad_(False)
    model.free = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model.frozen_weight = nn.ModuleList([nn.Sequential(nn.BatchNorm3d(2))])
    model.frozen_weight[0][0].weight.requires_grad_(False)
    model.frozen_bias = nn.BatchNorm2d(3)
    model.frozen_bias.bias.requires_grad_(False)
    model.without_weight = nn.BatchNorm1d(3, affine=False)
    model.layer_norm = nn.LayerNorm(4)
    model.instance_norm = nn.InstanceNorm2d(4, affine=True)
    model.linear = nn.Linear(2, 2)
    for part in (model.layer_norm, model.instance_norm, model.linear):
        part.requires_grad_(False)
    model.dropout = nn.Dropout(0.5)
    return model


def _mixed_modes(model: nn.Module) -> None:
    for i, module in enumerate(model.modules()):
        module.training = i % 2 == 0


def _compare_modes(model: nn.Module) -> None:
    modes = {name: module.training for name, module in model.named_modules()}
    for name, training, hint in (
        ("frozen.1", False, "The frozen batch normalisation is in training mode: its running "
         "statistics would move."),
        ("frozen_weight.0.0", False, "A frozen batch normalisation deeper in the model is in "
         "training mode. Its weight is frozen, and its bias is not: the weight decides. "
         "model.modules() visits every depth."),
        ("dropout", True, "The dropout is in evaluation mode. Only frozen batch normalisation "
         "rests."),
        ("frozen.2", True, "The dropout beside a frozen batch normalisation is in evaluation mode, "
         "too: set the mode of the normalisation alone."),
        ("free.1", True, "A batch normalisation with trainable weight is in evaluation mode: ask "
         "each layer for weight.requires_grad."),
        ("frozen_bias", True, "A batch normalisation whose bias alone is frozen is in evaluation "
         "mode: the weight decides."),
        ("without_weight", True, "A batch normalisation without a weight is in evaluation mode: it "
         "has nothing that is frozen."),
        ("layer_norm", True, "A frozen LayerNorm is in evaluation mode: it is not a batch "
         "normalisation."),
        ("instance_norm", True, "A frozen InstanceNorm2d is in evaluation mode: it is not a batch "
         "normalisation."),
        ("linear", True, "A frozen linear layer is in evaluation mode: only batch normalisation "
         "rests."),
        ("", True, "The model itself is in evaluation mode: model.train() comes first."),
    ):  # fmt: skip
        require(modes[name] == training, hint)
    for name, training in modes.items():
        wanted = name not in ("frozen.1", "frozen_weight.0.0")
        require(training == wanted, f"{name} is in {'train' if training else 'eval'}() mode.")


@exercise(
    "22.4",
    hints=(
        "Count the distance of each layer from the last one: 0, 1, 2, … What does it do to the "
        "rate, and which layers give a group at all?",
        "A group is a dictionary with params, a list, and lr. The rate is lr * factor ** distance, "
        "with enumerate(reversed(layers)); keep p for which p.requires_grad, and skip empty lists.",
    ),
)
def decayed_groups(answer: Any) -> str:
    for make, lr, factor in (
        (_plain_layers, 0.1, 0.5),
        (_deep_layers, 0.02, 0.9),
        (lambda: [nn.Linear(2, 2)], 0.3, 0.1),
        (lambda: [nn.Linear(2, 2), nn.Linear(2, 3), nn.ReLU()], 1.0, 0.25),
        (lambda: [nn.Tanh(), nn.Linear(3, 3).requires_grad_(False)], 0.1, 0.5),
    ):
        _try_groups(answer, make(), lr, factor)
    return "The optimizer takes it as it is: torch.optim.Adam(groups)."


def _plain_layers() -> list[nn.Module]:
    layers = [nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 4)]
    layers[1].requires_grad_(False)
    return layers


def _deep_layers() -> list[nn.Module]:
    layers = [
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())),
        nn.Linear(4, 5),
        nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.1)),
        nn.Linear(5, 2),
    ]
    layers[1].weight.requires_grad_(False)
    layers[2][0].bias.requires_grad_(False)
    return layers


def _try_groups(answer: Any, layers: list[nn.Module], lr: float, factor: float) -> None:
    name = f"decayed_groups(layers, {lr}, {factor}), for {len(layers)} layers,"
    rates: dict[int, float] = {}
    trained = {id(p): (i, p) for i, m in enumerate(layers) for p in m.parameters()}
    for group in as_list(call(answer, layers, lr, factor), name):
        group = as_dict(group, f"a group of {name}")
        for key in ("params", "lr"):
            require(key in group, f"A group of {name} has no {key!r}: it needs params and lr.")
        held = _params(group["params"], name)
        require(bool(held), "A group is empty: leave it out.")
        rate = as_number(group["lr"], f"the lr of a group of {name}")
        for p in held:
            require(id(p) in trained, "A group has a tensor that is no parameter of the layers.")
            require(
                p.requires_grad,
                "A frozen parameter is in a group. An optimizer would skip it, but weight decay "
                "and reports would not tell: leave it out.",
            )
            require(id(p) not in rates, "A parameter is in two groups: the optimizer refuses that.")
            rates[id(p)] = rate
    wanted = {key: (i, p) for key, (i, p) in trained.items() if p.requires_grad}
    for key, (i, p) in wanted.items():
        require(
            key in rates,
            f"A trainable parameter of layers[{i}], {describe(layers[i])}, of shape "
            f"{tuple(p.shape)}, is in no group.",
        )
    _compare_rates([(i, rates[key]) for key, (i, _) in wanted.items()], len(layers), lr, factor)


def _params(value: Any, name: str) -> list[Tensor]:
    """Returns what an optimizer would read from "params": a tensor, or any number of them."""
    if isinstance(value, Tensor):
        return [value]
    require(
        isinstance(value, Iterable) and not isinstance(value, str | nn.Module | dict),
        f"The params of a group of {name} should be a list of parameters, and they are "
        f"{describe(value)}.",
    )
    found = [part[1] if isinstance(part, tuple) and len(part) == 2 else part for part in value]
    for part in found:
        require(
            isinstance(part, Tensor),
            f"The params of a group of {name} should be parameters, and one is {describe(part)}.",
        )
    return found


def _compare_rates(found: list[tuple[int, float]], n: int, lr: float, factor: float) -> None:
    if not found:
        return
    present = sorted({i for i, _ in found}, reverse=True)

    def equals(rate: Any) -> bool:
        return all(abs(value - rate(i)) < 1e-6 * lr for i, value in found)

    def right(i: int) -> float:
        return lr * factor ** (n - 1 - i)

    if equals(right):
        return
    first_param = {i: k for k, i in enumerate(present)}
    for rate, hint in (
        (lambda i: lr * factor**i, "The rates are upside down: the last layer steps fastest."),
        (lambda i: lr * factor ** first_param[i],
         "Layers without trainable parameters were not counted: each is a step in depth."),
        (lambda i: lr, "All layers have the same rate: each one before the last has less."),
        (lambda i: lr * factor ** (n - i), f"The last layer should have the rate {lr} itself: its "
         "distance is 0."),
        (lambda i: lr * factor * (n - 1 - i), "The rate is lr * factor ** distance, a power and "
         "not a product."),
        (lambda i: lr * (1 - factor * (n - 1 - i)), "The rates fall by the same amount: each is "
         "the next one times factor."),
        (lambda i: lr / factor ** (n - 1 - i), "The rates grow towards the input: multiply by "
         "factor, not divide."),
        (lambda i: factor ** (n - 1 - i), "The rate of the last layer, lr, is missing in the "
         "product."),
    ):  # fmt: skip
        require(not equals(rate), hint)
    for i, value in found:
        distance = n - 1 - i
        require(
            abs(value - right(i)) < 1e-6 * lr,
            f"layers[{i}] of {n} has the rate {plain(value)}, and it should be "
            f"{plain(right(i))}: {lr} times {factor} to the power of {distance}.",
        )


@exercise(
    "22.5",
    hints=(
        "What must be added to a weight, or to an output, so that nothing changes before training? "
        "And which of its factors may be zero, so that a gradient still arrives?",
        "Deep-copy the model, freeze it, and register LoRA(layer.weight, rank=1) on each linear "
        "layer by parametrize.register_parametrization. Or wrap it: output + up(down(x)), where up "
        "begins with zeros.",
    ),
)
def adapt(answer: Any) -> str:
    draw = Draw(6)
    for sizes, activation, dtype in (
        ((40, 60, 30, 5), nn.ReLU, torch.float32),
        ((64, 48, 8), nn.Tanh, torch.float32),
        ((100, 120, 100, 40), nn.GELU, torch.float64),
    ):
        model = _perceptron(sizes, activation).to(dtype)
        x = draw.normal(32, sizes[0], dtype=dtype)
        expected = model(x).detach()
        total = sum(p.numel() for p in model.parameters())
        name = f"adapt(model), for a model of {total:,} parameters,"
        new = as_module(call(answer, model), name)
        own = {p.data_ptr() for p in model.parameters()}
        require(new is not model, "It returned model itself: model should stay as it was.")
        compare(
            call(new, x),
            expected,
            f"The output of {name}",
            hint="Before training it should be that of model.",
            dtype=dtype,
        )
        trainable = [p for p in new.parameters() if p.requires_grad]
        _require_few(trainable, own, total, name)
        kept = _originals(new, model, name)
        _require_training(new, x, expected, trainable, draw, name)
        for key, value in kept.items():
            require(
                torch.equal(new.state_dict()[key], value),
                f"A step of training changed {key}, one of model's own weights.",
            )
        compare(model(x), expected, "After the step, the output of model itself")
    return "Small, frozen around, and it learns."


def _perceptron(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def _require_few(trainable: list, own: set[int], total: int, name: str) -> None:
    require(bool(trainable), f"{name} has no parameter that can be trained.")
    require(
        not any(p.data_ptr() in own for p in trainable),
        f"In {name} weights of model itself are trained: train only what you add.",
    )
    small = sum(p.numel() for p in trainable)
    require(
        small <= total / 10,
        f"{name} trains {small:,} parameters, more than a tenth of {total:,}: freeze model's own, "
        "or add less.",
    )


def _originals(new: nn.Module, model: nn.Module, name: str) -> dict[str, Tensor]:
    """Returns the entries of the new state that hold the model's weights, copied."""
    state = {key: value.detach().clone() for key, value in new.state_dict().items()}
    kept = {}
    for key, p in model.named_parameters():
        found = [k for k, v in state.items() if v.shape == p.shape and torch.equal(v, p)]
        require(bool(found), f"{name} does not hold the weight {key} of model as it was.")
        kept |= {k: state[k] for k in found[:1]}
    return kept


def _require_training(
    new: nn.Module, x: Tensor, before: Tensor, trainable: list, draw: Draw, name: str
) -> None:
    target = draw.normal(*before.shape, dtype=before.dtype)
    output = as_tensor(call(new, x), f"The output of {name}")
    require(output.requires_grad, f"The output of {name} does not depend on what is trained.")
    (output - target).square().mean().backward()
    grads = [p.grad for p in trainable if p.grad is not None]
    require(
        any(bool((grad != 0).any()) for grad in grads),
        f"In {name} every gradient is zero: if both factors begin with zeros, neither can learn.",
    )
    torch.optim.SGD(trainable, lr=0.1).step()
    after = as_tensor(call(new, x), f"The output of {name}").detach()
    require(
        not torch.allclose(after, before, atol=1e-7),
        f"After a step of SGD the outputs of {name} are the same as before.",
    )
