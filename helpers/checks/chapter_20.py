"""Checks of chapter 20, checkpoints."""

import json
import re
import tempfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import safetensors.torch
import torch
from torch import Tensor, nn

from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_dict,
    as_list,
    as_tensor,
    as_text,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
    require_error,
)


@exercise(
    "20.1",
    hints=(
        "A name loses the prefix at its beginning, once, and nowhere else. How can you tell "
        "afterwards that two names have become one?",
        "name.removeprefix(prefix) leaves other names alone. A dictionary comprehension over "
        "state.items() makes the new one; if it has fewer entries than state, two became one.",
    ),
)
def without_prefix(answer: Any) -> str:
    draw = Draw(20)
    for prefix, names in (
        (
            "module.",
            [
                "module.a.weight", "module.module.b", "c.module.d", "mod", "modules.e",
                "module.dense.bias", "module.a.bias", "other.f",
            ],
        ),
        ("net.body.", ["net.body.0.weight", "net.head.w", "body.net.x", "net.body.net.body.y"]),
        ("old", ["old_head.weight", "older.bias", "head.old"]),
        ("module.", ["module.a", "module.module.a", "b"]),
        ("module.", ["a.weight", "a.bias"]),
        ("module.", []),
    ):  # fmt: skip
        state = OrderedDict((name, draw.normal(2)) for name in names)
        given = f"without_prefix(state, {prefix!r}), for the names {names},"
        try:
            result = call(answer, state, prefix)
        except ValueError as error:
            raise Wrong(
                f"{given} raised a ValueError, and no two names become one: each loses the prefix "
                "once, at its beginning."
            ) from error
        found = as_dict(result, given)
        require(result is not state, "It returned the dictionary it was given: make a new one.")
        _compare_names(found, names, prefix)
        for name, value in state.items():
            key = name.removeprefix(prefix)
            compare(
                found[key],
                value,
                f"The tensor at {key!r}",
                hint=f"It should be the one that was at {name!r}.",
            )
    for names in (["module.a", "a"], ["a", "b", "module.a"], ["module.x.y", "c", "x.y"]):
        state = {name: draw.normal(2) for name in names}
        require_error(
            ValueError,
            answer,
            state,
            "module.",
            hint=f"For the names {names}, two become one without 'module.', and no ValueError was "
            "raised: one tensor would be lost.",
        )
    return "load_state_dict takes it now."


def _compare_names(found: dict, names: list[str], prefix: str) -> None:
    wanted = {name.removeprefix(prefix) for name in names}
    if set(found) == wanted:
        return
    mistakes = {
        "The prefix was removed in the middle of names, too: only from names that begin with it.": (
            [name.replace(prefix, "") for name in names]
        ),
        "The prefix was removed in the middle of a name: only from names that begin with it.": (
            [name.replace(prefix, "", 1) for name in names]
        ),
        "lstrip removes letters, whatever their order, and more than the prefix: see "
        "removeprefix.": [name.lstrip(prefix) for name in names],
        "The prefix was taken as a regular expression, in which a dot stands for any character: "
        "see removeprefix.": [re.sub(f"^{prefix}", "", name) for name in names],
        "Names that do not begin with the prefix are missing: they stay as they are.": [
            name.removeprefix(prefix) for name in names if name.startswith(prefix)
        ],
        "The prefix was removed more than once from a name: a part of that name is called so, "
        "too.": [re.sub(f"^({re.escape(prefix)})+", "", name) for name in names],
        "All names are as before: the prefix is still there.": names,
        "Every name lost as many letters as the prefix has: look whether it begins with it.": [
            name[len(prefix) :] for name in names
        ],
        "Every name lost its first part: look whether it begins with the prefix.": [
            name.partition(".")[2] for name in names
        ],
    }
    for hint, wrong in mistakes.items():
        require(
            set(found) != set(wrong),
            f"For {prefix!r} and the names {names}: {hint[0].lower()}{hint[1:]}",
        )
    for name in names:
        key = name.removeprefix(prefix)
        require(key in found, f"Without {prefix!r}, {name!r} should be {key!r}; that is missing.")
    extra = [name for name in found if name not in wanted]
    raise Wrong(f"For {prefix!r} and the names {names} there is a name {plain(extra[0])}, too.")


@exercise(
    "20.2",
    hints=(
        "Compare the names of all states first. Then each tensor needs the same place of all "
        "states, side by side: which function does that, and over which dimension is the mean?",
        "torch.stack([state[name] for state in states]).mean(dim=0) is the mean of one tensor; "
        "is_floating_point() tells floats from integers, which come from states[-1].",
    ),
)
def average(answer: Any) -> str:
    draw = Draw(21)
    for number in (3, 1, 4, 2):
        states = [_state(draw, counter) for counter in (10, 31, 35, 25)[-number:]]
        states[0] = dict(reversed(states[0].items()))
        name = f"average(states), for {number} state{'s' * (number > 1)},"
        try:
            mean = as_dict(call(answer, states), name)
        except ValueError as error:
            if number == 1:
                raise
            raise Wrong(
                f"{name} raised a ValueError, and all states have the same names, the first one in "
                "another order: compare them as sets, such as by keys()."
            ) from error
        _require_names(mean, states[-1], name)
        for key, last in states[-1].items():
            _compare_mean(mean[key], [state[key] for state in states], last, f"{key!r} of {name}")
    one, two, other = ({"a": draw.normal(1), name: draw.normal(1)} for name in ("b", "b", "c"))
    more = {**one, "d": draw.normal(1)}
    for states, why in (
        ([one, more], "the second has a name more"),
        ([more, one], "the first has a name more"),
        ([one, other, two], "the one in the middle has another name"),
        ([one, two, other], "the last has another name"),
        ([other, two, one], "the first has another name"),
        ([one, more, two], "the one in the middle has a name more"),
        ([more, one, more], "the one in the middle lacks a name"),
    ):
        require_error(
            ValueError,
            answer,
            states,
            hint=f"The names of the states differ, {why}, and no ValueError was raised.",
        )
    return "AveragedModel(use_buffers=True) averages while you train."


def _state(draw: Draw, counter: int) -> dict[str, Tensor]:
    return {
        "weight": draw.normal(2, 3),
        "bias": draw.normal(2, dtype=torch.float64),
        "scale": draw.normal(),
        "half": draw.normal(3, dtype=torch.bfloat16),
        "num_batches_tracked": torch.tensor(counter),
        "table": draw.integers(0, 9, 3),
        "mask": draw.bools(5),
    }


def _require_names(mean: dict, state: dict, name: str) -> None:
    for key in state:
        require(key in mean, f"{name} has no {key!r}: every name of the states is in the result.")
    for key in mean:
        require(key in state, f"{name} has a name {plain(key)} that no state has.")


def _compare_mean(result: Any, values: list[Tensor], last: Tensor, name: str) -> None:
    found = as_tensor(result, name, last.shape)
    stack = torch.stack(values).double()
    if last.is_floating_point():
        typical = {
            "These are sums: divide by the number of states.": stack.sum(0),
            "It was divided by the number of states less one.": (
                lambda: stack.sum(0) / (len(values) - 1)
            ),
            "This is the tensor of the last state: floats are averaged.": stack[-1],
            "This is the tensor of the first state: floats are averaged.": stack[0],
            "Halves of halves: the last state weighs more than the others.": (
                lambda: _running_halves(stack)
            ),
            "This is the median of the states: the mean is asked for.": stack.median(0).values,
        }
        rough = last.dtype == torch.bfloat16
        compare(found, stack.mean(0), name, 0.02 if rough else 1e-5, {} if rough else typical)
    else:
        what = "booleans" if last.dtype == torch.bool else "integers"
        compare(
            found.double(),
            last.double(),
            name,
            typical={
                f"{name} was averaged, and {what} are taken from the last state.": stack.mean(0),
                f"{name} was averaged and rounded, and {what} are taken from the last state.": (
                    stack.mean(0).to(last.dtype)
                ),
                f"{name} comes from the first state, and {what} are taken from the last.": stack[0],
                f"{name} was added up, and {what} are taken from the last state.": stack.sum(0),
                f"{name} is the largest of all states, and {what} are taken from the last.": (
                    stack.amax(0)
                ),
            },
        )
    as_tensor(result, name, dtype=last.dtype, why="Each tensor keeps its dtype.")


def _running_halves(stack: Tensor) -> Tensor:
    mean = stack[0]
    for value in stack[1:]:
        mean = (mean + value) / 2
    return mean


@exercise(
    "20.3",
    hints=(
        "As text, 9 comes after 10: sort by the number in the name. Which files of the folder are "
        "of this kind at all, and what does paths[:-count] give for count 0?",
        'Path(folder).glob("epoch_*.pt") finds too many: keep those where the part between '
        "epoch_ and .pt isdecimal(). Sort by int(...), cut at max(0, len(paths) - count), unlink "
        "what comes before.",
    ),
)
def keep_last(answer: Any) -> str:
    others = [
        "best.pt", "epoch_best.pt", "my_epoch_30.pt", "epoch_40.pt.tmp", "epoch_50.txt",
        "epoch_.pt", "epoch_60_old.pt", "notes.txt", "epoch_70.pth",
    ]  # fmt: skip
    for numbers, count, extra in (
        ((1, 2, 9, 10, 11), 3, ["best.pt"]),
        ((3, 20, 7, 100, 95), 2, others),
        ((8, 9, 30), 5, others),
        ((4, 5), 2, []),
        ((6, 7, 12), 0, others),
        ((5, 10, 1), 1, ["best.pt"]),
        ((), 3, others),
    ):
        _try_folder(answer, numbers, count, extra)
    return "The disk does not fill up any more."


def _try_folder(answer: Any, numbers: tuple[int, ...], count: int, extra: list[str]) -> None:
    ordered = sorted(numbers)
    kept = ordered[max(0, len(ordered) - count) :]
    names = [f"epoch_{number}.pt" for number in numbers]
    wanted = [f"epoch_{number}.pt" for number in kept]
    given = f"With the epochs {ordered} and count {count}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in [*names, *extra]:
            (folder / file).write_bytes(b"weights")
        result = call(answer, folder, count)
        there = {path.name for path in folder.iterdir()}
    for file in extra:
        require(file in there, f"{file} was removed, and it is another file: those stay.")
    left = sorted(int(file[6:-3]) for file in names if file in there)
    by_text = sorted(numbers, key=str)[max(0, len(numbers) - count) :]
    for wrong, hint in (
        (by_text, "as text, 9 comes after 10. Compare the numbers."),
        (ordered[:count], "those with the lowest numbers are still there, and the highest should."),
        (ordered, "none was removed."),
        ([n for n in ordered if n > max(ordered, default=0) - count],
         "numbers have gaps, so counting down from the highest keeps too few."),
        ([], "all were removed."),
    ):  # fmt: skip
        if sorted(wrong) != kept:
            require(left != sorted(wrong), f"{given}: {hint}")
    require(left == kept, f"{given}, {left} are left, and it should be {kept}.")
    require(there == {*wanted, *extra}, f"{given}, new files lie in the folder.")
    found = [
        as_text(f, f"{given}, each name") for f in as_list(result, f"{given}, what it returns")
    ]
    if found == wanted:
        return
    removed = [file for file in names if file not in wanted]
    with suppress(StopIteration):
        path = next(f for f in found if "/" in f or "\\" in f)
        raise Wrong(f"{given}, it returned {plain(path)}: the names alone, without the folder.")
    for wrong, hint in (
        (sorted(wanted), "as text, 9 comes after 10: the order of the numbers is asked for."),
        (wanted[::-1], "the highest number comes first, and it should come last."),
        (removed, "those that were removed: return those that are left."),
    ):
        require(found != wrong, f"{given}, it returned {plain(found)}, {hint}")
    for file in found:
        require(file not in extra, f"{given}, {file} is in the list: it is another file.")
    raise Wrong(f"{given}, it returned {plain(found)}, and it should be {plain(wanted)}.")


@exercise(
    "20.4",
    hints=(
        "Three parts, one after the other: the length of the header, the header, the numbers. Make "
        "the numbers of one tensor first: how do you see a tensor of any dtype as bytes?",
        "value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes() are the "
        "bytes of one tensor. Note for each where they begin and end, make the JSON from that, and "
        'put len(header).to_bytes(8, "little") in front.',
    ),
)
def to_safetensors(answer: Any) -> str:
    draw = Draw(24)
    base = draw.normal(6, 8)
    for state in (
        {"weight": draw.normal(2, 3)},
        {"a": draw.normal(4), "b": draw.integers(-9, 9, 2, 2), "größe": draw.normal(3)},
        {
            "half": draw.normal(5).half(),
            "brain": draw.normal(3, dtype=torch.bfloat16),
            "double": draw.normal(2, dtype=torch.float64),
            "mask": draw.bools(5),
            "bytes": torch.arange(7, dtype=torch.uint8),
        },
        {"count": torch.tensor(5), "none": torch.empty(0, 3), "scale": draw.normal()},
        {"turned": base.T, "column": base[:, 1], "corner": base[:2, ::3], "after": base[4]},
        {"trained": nn.Parameter(draw.normal(2, 2)), "tail": draw.bools(3)},
        {},
    ):
        _compare_file(answer, state)
    return "safetensors opens it: a format without code, in ten lines."


_CODES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def _bytes(value: Tensor) -> bytes:
    return value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _compare_file(answer: Any, state: dict[str, Tensor]) -> None:
    given = f"to_safetensors(state), for {', '.join(state) or 'an empty state'}"

    def refuse(*arguments: Any, **options: Any) -> None:
        raise Wrong("That is the package's own writer: put the bytes together yourself.")

    with (
        patch.object(safetensors.torch, "serialize", refuse),
        patch.object(safetensors.torch, "serialize_file", refuse),
    ):
        file = call(answer, state)
    require(
        isinstance(file, bytes | bytearray),
        f"{given}, should be bytes, and it is {describe(file)}.",
    )
    file = bytes(file)
    header, body = _header(file, given)
    _compare_header(header, body, state, given)
    try:
        found = safetensors.torch.load(file)
    except safetensors.SafetensorError as error:
        raise Wrong(f"{given}: safetensors refuses the file: {plain(str(error))}.") from error
    for name, value in state.items():
        compare(found[name].double(), value.detach().double(), f"The tensor {name!r}")


def _header(file: bytes, given: str) -> tuple[dict, bytes]:
    """Returns the header and what comes after it."""
    length = int.from_bytes(file[:8], "little")
    if 8 + length > len(file):
        require(
            8 + int.from_bytes(file[:8], "big") > len(file),
            f"{given}: the length of the header is big-endian; the smallest byte comes first.",
        )
        raise Wrong(
            f"{given}: the first eight bytes say that the header has {length} bytes, and the whole "
            f"file has {len(file)}."
        )
    text = file[8 : 8 + length]
    try:
        header = json.loads(text.decode())
    except ValueError as error:
        with suppress(ValueError):
            end = json.JSONDecoder().raw_decode(file[8:].decode("latin-1"))[1]
            raise Wrong(
                f"{given}: the first eight bytes say that the header has {length} bytes, and it "
                f"has {end}. (A letter such as ö is more than one byte.)"
            ) from error
        raise Wrong(
            f"{given}: the header is not JSON in UTF-8: {plain(text[:40])}. json.dumps makes it."
        ) from error
    return as_dict(header, f"The header of {given},"), file[8 + length :]


def _compare_header(header: dict, body: bytes, state: dict[str, Tensor], given: str) -> None:
    for name in state:
        require(name in header, f"{given}: the header has no {name!r}.")
    for name in header:
        require(
            name in state or name == "__metadata__",
            f"{given}: the header has {plain(name)}, which the state has not.",
        )
    ends = [0]
    for name, value in state.items():
        entry = as_dict(header[name], f"The header's entry of {name!r}")
        for key in ("dtype", "shape", "data_offsets"):
            require(key in entry, f"{given}: the header's entry of {name!r} has no {key!r}.")
        require(
            entry["dtype"] == _CODES[value.dtype],
            f"{given}: the dtype of {name!r} is {plain(entry['dtype'])} in the header, and it "
            f"should be {_CODES[value.dtype]!r}.",
        )
        require(
            entry["shape"] == list(value.shape),
            f"{given}: the shape of {name!r} is {plain(entry['shape'])} in the header, and it "
            f"should be {list(value.shape)}.",
        )
        offsets = as_list(entry["data_offsets"], f"data_offsets of {name!r}")
        require(
            len(offsets) == 2 and all(isinstance(n, int) for n in offsets),
            f"{given}: data_offsets of {name!r} is {plain(offsets)}: two integers, where the bytes "
            "begin and end.",
        )
        begin, end = offsets
        size = value.numel() * value.element_size()
        require(
            end - begin == size,
            f"{given}: data_offsets of {name!r} is {offsets}, and the tensor has {size} bytes, so "
            f"that they should be {size} apart.",
        )
        require(
            begin >= 0 and end <= len(body),
            f"{given}: data_offsets of {name!r} is {offsets}, and {len(body)} bytes follow the "
            "header. They are counted from its end.",
        )
        require(
            body[begin:end] == _bytes(value),
            f"{given}: the bytes {begin} to {end} after the header are not those of {name!r}."
            + _hint(value, body[begin:end]),
        )
        ends.append(end)
    require(
        len(body) == max(ends),
        f"{given}: {len(body)} bytes follow the header, and the tensors have {max(ends)}: no gaps, "
        "and only the numbers that a tensor shows, not those of its whole storage.",
    )


def _hint(value: Tensor, found: bytes) -> str:
    storage = bytes(value.detach().untyped_storage())
    if not value.is_contiguous() and found and found in storage:
        return " They are in the order of its memory: a turned or thinned tensor is not contiguous."
    return ""
