"""Checks of chapter 23, inspecting models."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from helpers.checks.changes import Snapshot
from helpers.checks.machinery import (
    Draw,
    NotAnswered,
    Wrong,
    as_dict,
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
        "Each number of the weight is multiplied once for each position of the output. How many "
        "positions are there, in each of the two directions?",
        "kernel_size, stride, padding and dilation of the layer are pairs, height first. "
        "weight.numel() knows about groups already; // rounds down.",
    ),
)
def work(answer: Any) -> str:
    for text, conv, height, width in (
        ("Conv2d(3, 8, 3, padding=1)", nn.Conv2d(3, 8, 3, padding=1), 10, 12),
        ("Conv2d(6, 12, 3, groups=3)", nn.Conv2d(6, 12, 3, groups=3), 9, 9),
        (
            "Conv2d(1, 2, (5, 3), stride=(2, 1), padding=(2, 0), dilation=(1, 2))",
            nn.Conv2d(1, 2, (5, 3), stride=(2, 1), padding=(2, 0), dilation=(1, 2), bias=False),
            *(11, 13),
        ),
        ("Conv2d(2, 4, 2, stride=3)", nn.Conv2d(2, 4, 2, stride=3), 13, 9),
        ("Conv2d(4, 4, 3, dilation=3, groups=4)", nn.Conv2d(4, 4, 3, dilation=3, groups=4), 7, 16),
        ("Conv2d(5, 7, 1)", nn.Conv2d(5, 7, 1, bias=False), 1, 20),
        (
            "Conv2d(2, 6, (1, 4), stride=(3, 2), padding=(0, 3), groups=2)",
            nn.Conv2d(2, 6, (1, 4), stride=(3, 2), padding=(0, 3), groups=2),
            *(8, 5),
        ),
    ):
        with torch.no_grad():
            rows, columns = conv(torch.zeros(1, conv.in_channels, height, width)).shape[2:]
        weights = conv.weight.numel()
        wanted = weights * rows * columns
        name = f"The work of {text} on {height} × {width}"
        found = as_integer(call(answer, conv, height, width), name)
        if found == wanted:
            continue
        for wrong, hint in _work_mistakes(conv, height, width, rows * columns):
            require(
                found != wrong or wrong == wanted,
                f"{name} is {found}, and it should be {wanted}: {hint}.",
            )
        raise Wrong(
            f"{name} is {found}, and it should be {wanted}, which is {weights} weights × {rows} × "
            f"{columns} positions."
        )
    return "The same numbers as FlopCounterMode's, halved."


def _work_mistakes(
    conv: nn.Conv2d, height: int, width: int, positions: int
) -> list[tuple[int, str]]:
    weights = conv.weight.numel()
    bias = 0 if conv.bias is None else conv.bias.numel()
    kernel, stride, padding, dilation = conv.kernel_size, conv.stride, conv.padding, conv.dilation

    def cells(sizes: Any = (height, width), s: Any = stride, p: Any = padding, d: Any = dilation,
              up: int = 0, least: int = 1) -> int:  # fmt: skip
        sides = [
            (n + 2 * pad - gap * (k - least) - 1 + up * (step - 1)) // step + 1
            for n, k, step, pad, gap in zip(sizes, kernel, s, p, d, strict=True)
        ]
        return sides[0] * sides[1]

    area = kernel[0] * kernel[1]
    return [
        ((weights + bias) * positions, "the biases are counted: weight.numel() alone is what is "
         "multiplied"),
        (weights * positions + bias, "the biases are counted: weight.numel() alone is what is "
         "multiplied"),
        (conv.out_channels * conv.in_channels * area * positions, "with groups, each output "
         "channel sees only its group's inputs. The shape of the weight knows it: use "
         "weight.numel()"),
        (weights * positions // conv.groups, "weight.numel() knows about groups already"),
        (2 * weights * positions, "a multiply-add counts once, and here each counts twice"),
        (weights, "that is the number of weights: each works at every position of the output"),
        (positions * conv.out_channels, "that is the number of outputs: each takes many "
         "multiply-adds"),
        (weights * height * width, "the output has fewer positions than the image: compute its "
         "sides"),
        (weights * cells((width, height)), "each argument is a pair, height first"),
        (weights * cells(s=(1, 1)), "the stride is missing: the output has fewer positions"),
        (weights * cells(p=(0, 0)), "the padding is missing"),
        (weights * cells(d=(1, 1)), "the dilation is missing: the kernel reaches further"),
        (weights * cells(p=[x / 2 for x in padding]), "the padding is on both sides: 2p"),
        (weights * cells(up=1), "the division is rounded up, and it should be rounded down"),
        (area * conv.in_channels // conv.groups * positions, "the number of output channels is "
         "missing"),
        (weights // conv.in_channels * conv.groups * positions, "the number of input channels is "
         "missing"),
    ]  # fmt: skip


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
