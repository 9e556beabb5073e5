"""Checks of chapter 23, inspecting models."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_dict,
    as_function,
    as_integer,
    as_tensor,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
    run,
)


@exercise(
    "23.1",
    hints=(
        "What walks through all parameters, and names one that stands in two places only once? "
        "What tells a frozen one, and what walks through the buffers?",
        "model.parameters() and model.buffers() give each tensor once. numel() counts its numbers, "
        "requires_grad sorts the parameters. Put all three keys in, also for a sum of 0.",
    ),
)
def count(answer: Any) -> str:
    for text, model in _models():
        result = as_dict(call(answer, model), f"count(model), for {text},")
        keys = ("trainable", "frozen", "buffers")
        for key in keys:
            require(
                key in result,
                f"count(model), for {text}, has no {key!r}: all three keys are there, also where "
                "the number is 0.",
            )
        extra = [key for key in result if key not in keys]
        require(not extra, f"It has a key {plain(extra[:1])[1:-1]}: the three keys are asked for.")
        found = {key: as_integer(result[key], f"{key} for {text}") for key in keys}
        wanted = _count(model.parameters(), model.buffers())
        if found != wanted:
            _tell_count(found, wanted, model, text)
    return "The counter of batches is a buffer too: a number of its own."


def _models() -> Iterator[tuple[str, nn.Module]]:
    model = nn.Module()
    model.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    model.encoder, model.decoder = nn.Linear(3, 5, bias=False), nn.Linear(3, 5)
    model.decoder.weight = model.encoder.weight
    model.body[0].requires_grad_(False)
    model.norms = nn.ModuleList([nn.LayerNorm(4)])
    yield "a frozen convolution, two norms and two layers that share a weight", model
    yield "a linear layer", nn.Linear(2, 3)
    yield "two norms that start with equal numbers", nn.Sequential(nn.LayerNorm(4), nn.LayerNorm(4))
    buffered = nn.Module()
    buffered.register_buffer("grid", torch.zeros(3, 4))
    buffered.register_buffer("cache", torch.zeros(7), persistent=False)
    buffered.scale = nn.Parameter(torch.tensor(1.0), requires_grad=False)
    yield "a model with a frozen number, and two buffers, one of which is not saved", buffered
    norm = nn.BatchNorm1d(6)
    again = nn.Sequential(norm, nn.Linear(6, 6), norm)
    again[1].bias.requires_grad_(False)
    yield "a batch normalisation that is used twice, and a layer with a frozen bias", again
    yield "a model without any tensor", nn.ReLU()


def _count(parameters: Any, buffers: Any) -> dict[str, int]:
    parameters = list(parameters)
    return {
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "frozen": sum(p.numel() for p in parameters if not p.requires_grad),
        "buffers": sum(b.numel() for b in buffers),
    }


def _tell_count(found: dict, wanted: dict, model: nn.Module, text: str) -> None:
    every = [p for _, p in model.named_parameters(remove_duplicate=False)]
    buffers = [b for _, b in model.named_buffers(remove_duplicate=False)]
    parameters = list(model.parameters())
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    saved = [v for name, v in model.state_dict().items() if name not in names]
    twice = _count(every, buffers)
    nested = _count(
        [p for module in model.modules() for p in module.parameters()],
        [b for module in model.modules() for b in module.buffers()],
    )
    trained = [p for p in parameters if p.requires_grad]
    mistakes = (
        ("trainable", twice["trainable"], "a parameter that is used in two places counts once. "
         "state_dict() names it twice; parameters() gives it once"),
        ("frozen", twice["frozen"], "a parameter that is used in two places counts once"),
        ("buffers", twice["buffers"], "a buffer that is used in two places counts once"),
        ("trainable", wanted["trainable"] + wanted["frozen"], "the frozen parameters are in it: "
         "ask requires_grad"),
        ("frozen", wanted["trainable"] + wanted["frozen"], "the trainable parameters are in it"),
        ("trainable", len(trained), "that is the number of tensors. Sum numel() over them"),
        ("frozen", len(parameters) - len(trained), "that is the number of tensors. Sum numel() "
         "over them"),
        ("buffers", len(list(model.buffers())), "that is the number of tensors. Sum numel() over "
         "them"),
        ("trainable", wanted["frozen"], "that is the number of frozen ones"),
        ("buffers", sum(b.numel() for b in saved), "buffers that state_dict() leaves out are "
         "missing: see model.buffers()"),
        ("buffers", sum(v.numel() for v in model.state_dict().values()), "parameters are in it"),
        ("buffers", sum(b.numel() for b in model.buffers() if b.is_floating_point()), "the "
         "counters of batches are missing, each a number of its own"),
        ("trainable", sum(p.numel() for m in model.children() for p in m.parameters(recurse=False)
                          if p.requires_grad), "layers deeper in the model are missing"),
        *((key, nested[key], f"{name}() of a module has those of the modules inside it already")
          for key, name in (("trainable", "parameters"), ("frozen", "parameters"),
                            ("buffers", "buffers"))),
    )  # fmt: skip
    for key, wrong, hint in mistakes:
        if found[key] != wanted[key] and found[key] == wrong:
            raise Wrong(f"For {text}, {key} is {found[key]}, and it should be {wanted[key]}: "
                        f"{hint}.")  # fmt: skip
    for key, value in wanted.items():
        require(
            found[key] == value,
            f"For {text}, {key} is {found[key]}, and it should be {value}.",
        )


@exercise(
    "23.2",
    hints=(
        "A forward hook sees what a layer puts out, whatever its kind. How many multiply-adds does "
        "each number of the output take?",
        "Each number of the output takes module.weight[0].numel() multiply-adds: one filter of a "
        "convolution, with its group's channels only, or one row of a linear layer. Multiply by "
        "output.numel(), and add to what is there already for that name.",
    ),
)
def work(answer: Any) -> str:
    draw = Draw(24)
    for text, model, x in _working_models(draw):
        given = f"work(model, x), for {text},"
        runs, wanted = _observe(copy.deepcopy(model), x)
        result = as_dict(call(answer, model, x), given)
        _judge_names(result, wanted, model, given)
        for name in wanted:
            found = as_integer(result[name], f"The number of {plain(name)}, for {text},")
            _judge_work(found, wanted[name], runs[name], f"For {text}, {plain(name)}")
        times = max((m.runs for m in model.modules() if isinstance(m, _Counter)), default=0)
        require(times <= 1, f"{given} ran the model {times} times: once is enough.")
    return (
        "For the pretrained network above, they add up to what PyTorch counted. torchinfo's total "
        "left most of them out."
    )


Run = tuple[nn.Module, Tensor, Tensor]


def _observe(model: nn.Module, x: Tensor) -> tuple[dict[str, list[Run]], dict[str, int]]:
    """Returns the runs of each layer, with input and output, and the multiply-adds."""
    runs: dict[str, list[Run]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(
                lambda m, inputs, output, name=name: runs.setdefault(name, []).append(
                    (m, inputs[0].detach(), output.detach())
                )
            )
    model(x)
    return runs, {name: sum(_multiply_adds(*run) for run in found) for name, found in runs.items()}


def _multiply_adds(module: nn.Module, given: Tensor, output: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return given.numel() * module.out_features
    height, width = module.kernel_size
    return output.numel() * height * width * (module.in_channels // module.groups)


def _judge_names(result: dict, wanted: dict[str, int], model: nn.Module, given: str) -> None:
    modules = dict(model.named_modules())
    every = dict(model.named_modules(remove_duplicate=False))
    for name in result:
        if name in wanted:
            continue
        named = plain(name)
        require(
            isinstance(name, str),
            f"{given} has a key that is {describe(name)}: the keys are the names of "
            "named_modules().",
        )
        require(
            name not in every or name in modules,
            f"{given} has a key {named}, the second name of a module: named_modules() gives it "
            "only the first.",
        )
        require(name in every, f"{given} has a key {named}, which no module is called.")
        require(
            isinstance(modules[name], nn.Conv2d | nn.Linear),
            f"{given} has a key {named}, and that is a module of type "
            f"{type(modules[name]).__name__}: only Conv2d and Linear count.",
        )
        raise Wrong(f"{given} has a key {named}, and that module does not run in this mode.")
    for name in wanted:
        if name in result:
            continue
        kind = type(modules[name])
        why = ""
        if kind not in (nn.Conv2d, nn.Linear):
            why = f": it is a {kind.__name__}, of a subclass, and has a module inside it"
        elif not name:
            why = ": the model itself is such a layer, and its name is ''"
        elif "." in name and not any("." in key for key in result):
            why = ": named_modules() goes through all levels"
        raise Wrong(f"{given} has no {plain(name)}, which runs{why}.")


def _judge_work(found: int, wanted: int, runs: list[Run], name: str) -> None:
    if found == wanted:
        return
    each = [_multiply_adds(*run) for run in runs]

    def total(one: Callable[..., int]) -> int:
        return sum(one(*run) for run in runs)

    def biases(module: nn.Module, given: Tensor, output: Tensor) -> int:
        return output.numel() if module.bias is not None else 0

    def biases_once(module: nn.Module, given: Tensor, output: Tensor) -> int:
        return len(given) * module.bias.numel() if module.bias is not None else 0

    def estimate(module: nn.Module, given: Tensor, output: Tensor) -> int:
        places = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        return module.weight.numel() * places

    def all_channels(module: nn.Module, given: Tensor, output: Tensor) -> int:
        return _multiply_adds(module, given, output) * getattr(module, "groups", 1)

    def input_places(module: nn.Module, given: Tensor, output: Tensor) -> int:
        places = given[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        return len(given) * module.weight.numel() * places

    for wrong, hint in (
        (wanted + total(biases), "the biases are counted, as torchinfo does it"),
        (wanted + total(biases_once), "the biases are counted"),
        (2 * wanted, "a multiplication and its addition count as one, and here they count as two"),
        (total(lambda *run: _multiply_adds(*run) // len(run[1])), "that is for one sample, and the "
         "whole batch is asked for"),
        (total(estimate), "that is for one sample at one position, and the whole output is asked "
         "for: a Linear works at each position of its input"),
        (total(lambda *run: len(run[1]) * estimate(*run)), "an input of a Linear may have more "
         "than two dimensions, and the layer works at each position"),
        (total(all_channels), "with groups, each output channel sees only the channels of its "
         "group: weight[0].numel() knows it"),
        (total(lambda *run: _multiply_adds(*run) // getattr(run[0], "groups", 1)), "the weight "
         "knows about groups already"),
        (total(input_places), "that counts the positions of the input: the kernel works at those "
         "of the output"),
        (each[-1], f"it runs {len(runs)} times, and that is the last run alone: add them up"),
        (each[0], f"it runs {len(runs)} times, and that is the first run alone: add them up"),
        (runs[0][0].weight.numel(), "that is the number of weights: each is used many times"),
        (total(lambda m, x, y: y.numel()), "that is the number of outputs: each takes many "
         "multiply-adds"),
    ):  # fmt: skip
        require(found != wrong or wrong == wanted, f"{name} is {found}, and it should be {wanted}: "
                f"{hint}.")  # fmt: skip
    raise Wrong(f"{name} is {found}, and it should be {wanted}.")


class _Counter(nn.Module):
    """Runs what is inside it, and counts how often."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.runs, self.layers = 0, nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.layers(x)


class _PaddedConv(nn.Conv2d):
    """A convolution with a module inside it, as in the chapter's network."""

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.pad = nn.ZeroPad2d((0, 1, 0, 2))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.pad(x))


class _TwoScales(nn.Module):
    """Uses a convolution on two sizes, ties two layers, and has one that it never uses."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(4, 9)
        self.shared = nn.Conv2d(2, 4, 3, padding=1)
        self.there, self.back = nn.Linear(4, 4, bias=False), nn.Linear(4, 4)
        self.back.weight = self.there.weight
        self.also = self.shared

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        large, small = self.shared(x), self.also(x[..., ::2, ::2])
        small = self.back(self.there(small.mean((2, 3))))
        return large, small


class _Auxiliary(nn.Module):
    """Has a second head, which runs in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.ReLU())
        self.heads = nn.ModuleDict({"main": nn.Linear(8, 3), "extra": nn.Linear(8, 2)})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.body(x)
        names = ("main", "extra") if self.training else ("main",)
        return {name: self.heads[name](x) for name in names}


def _working_models(draw: Draw) -> Iterator[tuple[str, nn.Module, Tensor]]:
    small = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(6 * 5 * 4, 10),
    )  # fmt: skip
    small[0].register_forward_hook(lambda module, inputs, output: None)  # someone else's
    yield "a convolution and a linear layer", small, draw.normal(3, 1, 10, 8)
    deep = _Counter(
        nn.Conv2d(4, 8, (3, 1), stride=(2, 1), groups=4, bias=False),
        nn.BatchNorm2d(8),
        nn.Sequential(nn.Conv2d(8, 6, 3, dilation=2, padding=(1, 2), groups=2), nn.ReLU()),
        _PaddedConv(6, 5, 3, stride=2),
    ).eval()
    yield "convolutions with strides, groups and dilation", deep, draw.normal(2, 4, 13, 9)
    tokens = nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.GELU(), nn.Linear(7, 3, bias=False))
    yield "linear layers on an input of three dimensions", tokens, draw.normal(4, 6, 5)
    yield "linear layers on an input of four dimensions", tokens, draw.normal(2, 3, 4, 5)
    yield "layers used twice, tied and never", _TwoScales(), draw.normal(2, 2, 8, 6)
    linear = nn.Linear(4, 4)
    twice = nn.Sequential(linear, nn.Tanh(), linear)
    yield "a layer that stands in two places", twice, draw.normal(3, 4)
    for training in (True, False):
        mode = "training" if training else "eval"
        model = _Auxiliary().train(training)
        yield f"a head for training only, in {mode} mode", model, draw.normal(5, 6)
    double = nn.Linear(3, 2).double()
    yield "a model that is a linear layer", double, draw.normal(4, 3, dtype=torch.float64)
    yield "a model without such a layer", nn.Sequential(nn.ReLU()), draw.normal(3, 4)


class _Broken(Exception):
    pass


class _Network(nn.Module):
    """A model with layers that work in place, pass their input on, and fail when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.Linear(3, 6), nn.Sequential(nn.Tanh(), nn.Linear(6, 5)))
        self.last = nn.Linear(5, 2)
        self.same = nn.Identity()
        self.runs, self.fails = 0, False

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        x = self.same(x)
        x = self.body(self.relu(self.first(x)))
        if self.fails:
            raise _Broken("the model has broken down")
        return self.last(x)


@exercise(
    "23.3",
    hints=(
        "A hook that is registered returns a handle, and the handle removes the hook. Which "
        "statement of Python makes sure that it is removed, whatever happens in between?",
        "Make the hooks and run the model inside try, and remove all handles in finally. In the "
        "hook, store output.detach().clone(), under a name that is bound, such as by name=name.",
    ),
)
def record(answer: Any) -> str:
    draw = Draw(23)
    for names, training in (
        (["first", "last"], True),
        (["body.1.0", "first", "body", "body.0", "relu"], False),
        (("same",), True),
    ):
        _try_record(answer, names, training, draw.normal(5, 4))
    _try_errors(answer, draw.normal(3, 4))
    return "Any model, any depth, and no trace."


def _outputs(model: _Network, x: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        first = model.first(x)
        relu = first.clamp(min=0)
        inner = model.body[0](relu)
        tanh = inner.tanh()
        body = model.body[1][1](tanh)
    return {
        "same": x.clone(),
        "first": first,
        "relu": relu,
        "body.0": inner,
        "body.1.0": tanh,
        "body": body,
        "last": model.last(body).detach(),
    }


def _try_record(answer: Any, names: Any, training: bool, x: Tensor) -> None:
    model = _Network().train(training)
    model.body.eval()
    model.first.register_forward_hook(lambda module, inputs, output: None)  # someone else's
    wanted = _outputs(model, x)
    before, hooks = model.runs, _hooks(model)
    result = call(answer, model, names, x, changes=("hooks",))
    given = f"record(model, {list(names)}, x)"
    found = as_dict(result, given)
    now = _hooks(model)
    extra = sum(now.values()) - sum(hooks.values())
    require(
        extra <= 0,
        f"After {given}, {extra} hook{'s are' if extra > 1 else ' is'} still there: remove each "
        "handle.",
    )
    require(
        now == hooks,
        "A hook that somebody else had registered is gone: remove the handles of yours, and no "
        "others.",
    )
    for name in names:
        require(name in found, f"{given} has no {name!r}: each of the names is a key.")
    strange = [name for name in found if name not in names]
    require(not strange, f"{given} has a key {plain(strange[:1])[1:-1]} that was not asked for.")
    for name in names:
        value = as_tensor(found[name], f"The output of {name}")
        for other, hint in (
            (wanted["relu"], "The output of first has been overwritten by the ReLU after it, which "
             "works in place: store a clone."),
            (wanted[names[-1]], f"{name} holds the output of {names[-1]}, too. A function looks up "
             "name when it is called: bind it by name=name."),
            (x, f"{name} holds the input of the model: a hook's third argument is the output."),
        ):  # fmt: skip
            unlike = wanted[name].shape != other.shape or not wanted[name].equal(other)
            require(not (unlike and value.shape == other.shape and value.allclose(other)), hint)
        compare(value, wanted[name], f"The output of {name}", 1e-4)
        require(
            not value.requires_grad and value.grad_fn is None,
            f"The output of {name} still holds its graph: detach it.",
        )
        require(
            name != "same" or value.data_ptr() != x.data_ptr(),
            "The output of a layer that passes its input on is not a copy: whoever changes x "
            "changes it, too. Store a clone.",
        )
    require(
        model.runs - before <= 1,
        f"The model ran {model.runs - before} times: once is enough for all names.",
    )


def _hooks(model: nn.Module) -> dict[str, int]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {name: sum(len(getattr(m, k)) for k in kinds) for name, m in model.named_modules()}


def _try_errors(answer: Any, x: Tensor) -> None:
    model = _Network()
    model.fails = True
    before = Snapshot(model)
    try:
        result = run(answer, model, ["first", "body.0"], x, changes=True)
    except _Broken:
        pass
    except Exception as error:
        require(
            not isinstance(error.__context__, _Broken),
            f"The model raised an error of its own, and the caller saw {type(error).__name__} "
            "instead: let it pass.",
        )
        raise
    else:
        raise Wrong(
            f"The model raised an error, and record returned {describe(result)}: the caller must "
            "see the error."
        )
    require(
        not before.change(),
        "After an error in the model a hook is still there: remove it in finally, or use with.",
    )
    model = _Network()
    before = Snapshot(model)
    try:
        run(answer, model, ["first", "no_such_layer"], x, changes=True)
    except (Wrong, NotAnswered):
        raise
    except Exception:
        pass
    else:
        raise Wrong("The model has no layer called no_such_layer, and no error was raised.")
    require(
        not before.change(),
        "The second name was of no layer, and the hook of the first one is still there: register "
        "the hooks inside try, too.",
    )


@exercise(
    "23.4",
    hints=(
        "Which modules have a bad output, though all that came in was good? A forward hook sees "
        "the output, and the inputs as they are then: a layer that works in place has overwritten "
        "them. What sees them before?",
        "Register a forward pre-hook on every module of named_modules(), which notes whether the "
        "inputs are finite, and a forward hook, which looks at the output. The inner hook runs "
        "before the outer one: keep the first name. Tuples, lists and dictionaries are to be "
        "opened.",
    ),
)
def first_bad(answer: Any) -> str:
    as_function(answer)
    draw = Draw(25)
    for model, x, wanted, why in _broken_models(draw):
        given = f"first_bad(model, x), for {why},"
        twin = copy.deepcopy(model)
        result = run(answer, model, x)
        require(
            result is None or isinstance(result, str),
            f"{given} should be a name or None, and it is {describe(result)}.",
        )
        runs = [m.runs for m in model.modules() if isinstance(m, _Twice)]
        require(runs in ([], [1], [0]), f"{given} ran the model {runs[:1]} times: once is enough.")
        if wanted is None:
            require(
                result is None,
                f"{given} is {plain(result)}, and no module makes something bad of good inputs.",
            )
        named = "None" if result is None else plain(result)
        if result != wanted:
            reason = _why_not(twin, x, result, wanted)
            raise Wrong(f"{given} is {named}, and it should be {plain(wanted)}{reason}.")
    _try_a_failing_model(answer, draw.normal(3, 4))
    return "One call instead of an evening with print."


def _why_not(model: nn.Module, x: Tensor, name: str | None, wanted: str | None) -> str:
    """Returns what speaks against a name, where it is one of a module that made something bad."""
    modules = dict(model.named_modules())
    if name not in modules or wanted is None:
        return ""
    good: list[bool] = []
    bad: list[bool] = []
    modules[name].register_forward_pre_hook(lambda m, inputs: good.append(_finite(inputs)))
    modules[name].register_forward_hook(lambda m, i, output: bad.append(not _finite(output)))
    model(x)
    if not any(good):
        return f": {plain(name)} was given something bad already"
    both = any(a and b for a, b in zip(good, bad, strict=True))
    return f": both qualify, and {plain(wanted)} ended first" if both else ""


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(value.isfinite().all())
    parts = value.values() if isinstance(value, dict) else value
    return all(_finite(part) for part in parts)


class _Log(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log()


class _Pair(nn.Module):
    """Gives a tuple: the second part is bad where its switch is on."""

    def __init__(self, bad: bool):
        super().__init__()
        self.bad = bad
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, list[Tensor]]]:
        x = self.layer(x)
        return x, {"more": [x, x / 0 if self.bad else x]}


class _First(nn.Module):
    def forward(self, parts: tuple) -> Tensor:
        return parts[0]


class _Outside(nn.Module):
    """Breaks in its own forward, between two good layers."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x) * float("inf"))


class _Backwards(nn.Module):
    """Has its layers in another order than it uses them."""

    def __init__(self):
        super().__init__()
        self.last, self.first = _Log(), _Log()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


class _LogInPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log_()


class _Second(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return y


class _BadSecond(nn.Module):
    """Gives its only layer a bad tensor in the second place."""

    def __init__(self):
        super().__init__()
        self.layer = _Second()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x / 0)


class _Doubling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x])


class _Twice(nn.Module):
    """Uses its layer twice, and counts how often it is used itself."""

    def __init__(self):
        super().__init__()
        self.runs, self.log = 0, _Log()

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.log(self.log(x))


def _broken_models(draw: Draw) -> Iterator[tuple[nn.Module, Tensor, str | None, str]]:
    x = draw.normal(3, 4) - 5

    def layers(*more: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Linear(4, 4), *more)

    good = layers(nn.Tanh(), nn.Dropout(0.5), nn.BatchNorm1d(4)).eval()
    yield good, x, None, "a model in which all is well"
    yield layers(_Log(), nn.Linear(4, 2)), -x.abs() * 100, "1", "a logarithm in the second place"
    deep = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh(), nn.Sequential(_Log())))
    yield deep, x, "1.1.0", "a logarithm three levels deep"
    spoiled = layers(nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 1))
    with torch.no_grad():
        spoiled[2].weight[1, 2] = float("inf")
    yield spoiled, x.abs(), "2", "a weight that is infinite"
    yield nn.Sequential(_Pair(False), _First()), x, None, "a tuple with good parts"
    yield nn.Sequential(_Pair(True), _First()), x, "0", "a bad tensor deep in a tuple"
    yield nn.Sequential(nn.Identity(), _Outside()), x, "1", "a factor between two layers"
    yield _Outside(), x, "", "a factor in the model's own forward"
    yield _Backwards(), -x.abs(), "first", "layers used in another order than they are listed"
    yield nn.Sequential(_Log(), nn.Identity()), x * float("nan"), None, "an input that is bad"
    yield layers(_LogInPlace()), x, "1", "a layer that works in place"
    yield _BadSecond(), x, "", "a bad second argument, made by the model itself"
    yield nn.Sequential(nn.Identity(), _Twice()), x, "1.log", "a layer that is used twice"
    log = _Log()
    yield nn.Sequential(log, nn.Tanh(), log), x, "0", "a layer that has two names"
    huge = torch.full((1, 1), 3e38)
    yield nn.Sequential(_Doubling()), huge, None, "numbers whose sum would be too large"
    mixed = layers(nn.BatchNorm1d(4), nn.Dropout(0.5), _Log())
    mixed[1].eval()
    mixed[0].register_forward_hook(lambda module, inputs, output: None)  # someone else's
    yield mixed, x, "3", "a model with a layer in evaluation mode and a hook of yours"
    half = nn.Sequential(nn.Linear(4, 4), nn.Identity()).half()
    with torch.no_grad():
        half[0].weight.fill_(3e4)
    yield half, x.half().abs() + 1, "0", "a sum beyond the range of float16"


def _try_a_failing_model(answer: Any, x: Tensor) -> None:
    model = _Network()
    model.fails = True
    hooks = _hooks(model)
    try:
        run(answer, model, x, changes=True)
    except _Broken:
        pass
    else:
        raise Wrong("The model raised an error, and it did not reach the caller.")
    require(
        _hooks(model) == hooks,
        "After an error in the model a hook is still there: remove it in finally, or use with.",
    )
