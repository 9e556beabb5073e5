"""Right and wrong answers to the exercises of chapter 20, and the hint that each must get."""

import io
import json
import os
import re
from collections import OrderedDict
from pathlib import Path

import safetensors.torch
import torch


def by_comprehension(state, prefix):
    result = {name.removeprefix(prefix): value for name, value in state.items()}
    if len(result) != len(state):
        raise ValueError("two names become one")
    return result


def by_a_loop_with_clones(state, prefix):
    out = OrderedDict()
    for key in state:
        name = key[len(prefix) :] if key[: len(prefix)] == prefix else key
        if name in out:
            raise ValueError(name)
        out[name] = state[key].clone()
    return out


def by_popping_from_a_copy(state, prefix):
    out = state.copy()
    for key in [key for key in state if key.startswith(prefix)]:
        name = key[len(prefix) :]
        if name in state and not name.startswith(prefix):
            raise ValueError(f"{key} and {name}")
        out.pop(key)
    for key in state:
        if key.startswith(prefix):
            out[key[len(prefix) :]] = state[key].detach()
    return out


def replaces(state, prefix):
    return {name.replace(prefix, ""): value for name, value in state.items()}


def replaces_the_first(state, prefix):
    return {name.replace(prefix, "", 1): value for name, value in state.items()}


def strips(state, prefix):
    return {name.lstrip(prefix): value for name, value in state.items()}


def merges(state, prefix):
    return {name.removeprefix(prefix): value for name, value in state.items()}


def drops_others(state, prefix):
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}


def by_a_pattern(state, prefix):
    return {re.sub("^" + prefix, "", name): value for name, value in state.items()}


def again_and_again(state, prefix):
    result = {}
    for name, value in state.items():
        while name.startswith(prefix):
            name = name.removeprefix(prefix)
        result[name] = value
    return result


def cuts_every_name(state, prefix):
    return {name[len(prefix) :]: value for name, value in state.items()}


def first_part(state, prefix):
    result = {}
    for name, value in state.items():
        first, _, rest = name.partition(".")
        result[rest if first + "." == prefix else name] = value
    return result


def changes_the_state(state, prefix):
    for name in list(state):
        state[name.removeprefix(prefix)] = state.pop(name)
    return state


def key_error(state, prefix):
    result = merges(state, prefix)
    if len(result) < len(state):
        raise KeyError("clash")
    return result


def too_careful(state, prefix):
    result = {}
    for name, value in state.items():
        short = name.removeprefix(prefix)
        if short != name and short in state:
            raise ValueError(short)
        result[short] = value
    return result


def the_same_if_nothing_changes(state, prefix):
    if not any(name.startswith(prefix) for name in state):
        return state
    return by_comprehension(state, prefix)


def names_only(state, prefix):
    return [name.removeprefix(prefix) for name in state]


def values_mixed_up(state, prefix):
    names = sorted(name.removeprefix(prefix) for name in state)
    return dict(zip(names, state.values(), strict=True))


def require_names(states):
    if any(set(state) != set(states[0]) for state in states):
        raise ValueError("names differ")


def by_stack(states):
    require_names(states)
    mean = {}
    for name, last in states[-1].items():
        values = torch.stack([state[name] for state in states])
        mean[name] = values.mean(dim=0) if last.is_floating_point() else last.clone()
    return mean


def by_running_sum(states):
    first, *rest = states
    for state in rest:
        if state.keys() != first.keys():
            raise ValueError(state.keys() ^ first.keys())
    result = OrderedDict()
    for name in first:
        if first[name].dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            total = torch.zeros_like(first[name], dtype=torch.float64)
            for state in states:
                total += state[name]
            result[name] = (total / len(states)).to(first[name].dtype)
        else:
            result[name] = states[-1][name]
    return result


def by_plain_sum(states):
    require_names(states)
    return {
        name: sum(state[name] for state in states) / len(states) if value.is_floating_point()
        else value
        for name, value in states[-1].items()
    }  # fmt: skip


def in_place(states):
    total = states[0]
    for state in states[1:]:
        for name in total:
            total[name] += state[name]
    return {name: value / len(states) for name, value in total.items()}


def counters_too(states):
    require_names(states)
    stacks = {n: torch.stack([s[n] for s in states]).double() for n in states[0]}
    return {name: stack.mean(dim=0).to(states[0][name].dtype) for name, stack in stacks.items()}


def combined(states, floats, others=lambda stack: stack[-1], check=require_names):
    check(states)
    stacks = {n: torch.stack([s[n] for s in states]) for n in states[-1]}
    return {n: floats(s) if s.is_floating_point() else others(s) for n, s in stacks.items()}


def over_rows(stack):
    return stack.mean(dim=0)


def only_the_sum(states):
    return combined(states, lambda stack: stack.sum(dim=0))


def counters_of_the_first(states):
    return combined(states, over_rows, lambda stack: stack[0])


def largest_counters(states):
    return combined(states, over_rows, lambda stack: stack.max(dim=0).values)


def summed_counters(states):
    return combined(states, over_rows, lambda stack: stack.sum(dim=0))


def any_names(states):
    return combined([{n: s[n] for n in states[0] if n in s} for s in states], over_rows,
                    check=lambda states: None)  # fmt: skip


def names_of_the_last(states):
    return combined(states, over_rows, check=lambda states: None)


def by_number(states):
    if len({len(state) for state in states}) > 1:
        raise ValueError("names differ")
    common = [{n: s.get(n, states[-1][n]) for n in states[-1]} for s in states]
    return combined(common, over_rows, check=lambda states: None)


def in_one_order(states):
    if any(list(state) != list(states[0]) for state in states):
        raise ValueError("names differ")
    return by_stack(states)


def first_and_last(states):
    require_names([states[0], states[-1]])
    common = [{n: s.get(n, states[-1][n]) for n in states[-1]} for s in states]
    return combined(common, over_rows, check=lambda states: None)


def always_float32(states):
    return combined(states, lambda stack: stack.float().mean(dim=0))


def halves_of_halves(states):
    def fold(stack):
        mean = stack[0]
        for value in stack[1:]:
            mean = (mean + value) / 2
        return mean

    return combined(states, fold)


def medians(states):
    return combined(states, lambda stack: stack.median(dim=0).values)


def one_mean_for_all(states):
    return combined(states, lambda stack: stack.mean())


def only_floats(states):
    return {n: v for n, v in by_stack(states).items() if v.is_floating_point()}


def numbers(states):
    return {name: value.tolist() for name, value in by_stack(states).items()}


def by_glob(folder, count):
    paths = [p for p in Path(folder).glob("epoch_*.pt") if p.stem[6:].isdigit()]
    paths.sort(key=lambda path: int(path.stem[6:]))
    cut = max(0, len(paths) - count)
    for path in paths[:cut]:
        path.unlink()
    return [path.name for path in paths[cut:]]


def by_listdir(folder, count):
    found = {}
    for name in os.listdir(folder):
        if match := re.fullmatch(r"epoch_(\d+)\.pt", name):
            found[int(match.group(1))] = name
    kept = sorted(found, reverse=True)[:count]
    for number in found:
        if number not in kept:
            os.remove(os.path.join(folder, found[number]))
    return [found[number] for number in reversed(kept)]


def a_tuple_of_names(folder, count):
    pattern = re.compile("epoch_([0-9]+)[.]pt$")
    paths = [path for path in folder.iterdir() if pattern.match(path.name)]
    paths = sorted(paths, key=lambda path: -int(pattern.match(path.name)[1]))
    for path in paths[count:]:
        os.unlink(path)
    return tuple(path.name for path in paths[:count][::-1])


def numbered(folder):
    paths = [p for p in Path(folder).glob("epoch_*.pt") if p.stem[6:].isdigit()]
    return sorted(paths, key=lambda path: int(path.stem[6:]))


def remove(paths, kept):
    for path in paths:
        if path not in kept:
            path.unlink()
    return [path.name for path in kept]


def as_text(folder, count):
    paths = sorted(Path(folder).glob("epoch_*.pt"))
    for path in paths[:-count]:
        path.unlink()
    return [path.name for path in paths[-count:]]


def all_files(folder, count):
    paths = sorted(Path(folder).glob("*.pt"), key=lambda p: int(f"0{p.stem[6:]}"))
    for path in paths[:-count]:
        path.unlink()
    return [path.name for path in paths[-count:]]


def stumbles_over_a_name(folder, count):
    paths = sorted(Path(folder).glob("epoch_*.pt"), key=lambda p: int(p.stem[6:]))
    return remove(paths, paths[max(0, len(paths) - count) :])


def no_zero(folder, count):
    paths = numbered(folder)
    return remove(paths, paths[-count:])


def searches(folder, count):
    found = [(int(m[1]), p) for p in folder.iterdir() if (m := re.search(r"epoch_(\d+)", p.name))]
    paths = [path for _, path in sorted(found)]
    return remove(paths, paths[max(0, len(paths) - count) :])


def pattern_without_end(folder, count):
    found = [(int(m[1]), p) for p in folder.iterdir() if (m := re.match(r"epoch_(\d+).pt", p.name))]
    paths = [path for _, path in sorted(found)]
    return remove(paths, paths[max(0, len(paths) - count) :])


def counts_down(folder, count):
    paths = numbered(folder)
    numbers = [int(path.stem[6:]) for path in paths]
    return remove(
        paths, [p for p, n in zip(paths, numbers, strict=True) if n > max(numbers) - count]
    )


def keeps_the_first(folder, count):
    paths = numbered(folder)
    return remove(paths, paths[:count])


def removes_nothing(folder, count):
    return [path.name for path in numbered(folder)][-count:]


def returns_paths(folder, count):
    paths = numbered(folder)
    remove(paths, paths[max(0, len(paths) - count) :])
    return numbered(folder)


def returns_long_names(folder, count):
    return [str(path) for path in returns_paths(folder, count)]


def returns_the_removed(folder, count):
    before = [path.name for path in numbered(folder)]
    return [name for name in before if name not in by_glob(folder, count)]


def highest_first(folder, count):
    return by_glob(folder, count)[::-1]


def returned_as_text(folder, count):
    return sorted(by_glob(folder, count))


def returns_everything(folder, count):
    by_glob(folder, count)
    return sorted(path.name for path in folder.iterdir())


def returns_nothing(folder, count):
    by_glob(folder, count)


CODES = {
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
    torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def _content(value):
    return value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _file(state, content=_content, code=CODES.get, start=lambda header: 0, order="little", gap=b"",
          length=lambda text: len(text.encode()), shape=list, ascii=True):  # fmt: skip
    header, data = {}, b""
    for name, value in state.items():
        made = content(value)
        end = len(data) + len(made)
        header[name] = {"dtype": code(value.dtype), "shape": shape(value.shape),
                        "data_offsets": [len(data), end]}  # fmt: skip
        data += made + gap
    shift = start(json.dumps(header))
    for entry in header.values():
        entry["data_offsets"] = [n + shift for n in entry["data_offsets"]]
    text = json.dumps(header, ensure_ascii=ascii)
    return length(text).to_bytes(8, order) + text.encode() + data


def tensor_by_tensor(state):
    return _file(state)


def largest_first(state):
    return _file(dict(sorted(state.items(), key=lambda item: -item[1].numel())), ascii=False)


def by_numpy(state):
    def content(value):
        if value.dtype == torch.bfloat16:
            value = value.view(torch.int16)
        return value.detach().numpy().tobytes()

    made = _file(state, content)
    length = int.from_bytes(made[:8], "little")
    text = made[8 : 8 + length] + b" " * (-length % 8)
    return bytearray(len(text).to_bytes(8, "little") + text + made[8 + length :])


def big_endian(state):
    return _file(state, order="big")


def from_the_start(state):
    return _file(state, start=lambda text: 8 + len(text))


def length_of_the_file(state):
    return _file(state, length=lambda text: 8 + len(text.encode()) + 100_000)


def length_in_letters(state):
    return _file(state, length=len, ascii=False)


def names_of_torch(state):
    return _file(state, code=lambda dtype: str(dtype).removeprefix("torch."))


def in_the_order_of_memory(state):
    def content(value):
        storage = bytes(value.detach().untyped_storage())
        start = value.storage_offset() * value.element_size()
        return storage[start : start + value.numel() * value.element_size()]

    return _file(state, content)


def whole_storage(state):
    return _file(state, lambda value: bytes(value.detach().untyped_storage()))


def with_gaps(state):
    return _file(state, gap=b"\0" * 8)


def shape_as_text(state):
    return _file(state, shape=lambda shape: str(tuple(shape)))


def everything_as_float(state):
    return _file(state, lambda value: _content(value.float()))


def by_the_package(state):
    return safetensors.torch.save({name: value.contiguous() for name, value in state.items()})


def by_pickle(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def forgets_to_detach(state):
    return _file(state, lambda value: value.contiguous().flatten().numpy().view("uint8").tobytes())


def without_a_length(state):
    return _file(state)[8:]


def as_a_string(state):
    return _file(state).decode("latin-1")


RIGHT = {
    "20.1": [by_comprehension, by_a_loop_with_clones, by_popping_from_a_copy],
    "20.2": [by_stack, by_running_sum, by_plain_sum],
    "20.3": [by_glob, by_listdir, a_tuple_of_names],
    "20.4": [tensor_by_tensor, largest_first, by_numpy],
}

WRONG = {
    "20.4": [
        (big_endian, "for weight: the length of the header is big-endian"),
        (from_the_start, "counted from its end"),
        (length_of_the_file, "and the whole file has"),
        (length_in_letters, "more than one byte"),
        (names_of_torch, "is 'float32' in the header"),
        (in_the_order_of_memory, "in the order of its memory"),
        (whole_storage, "in the order of its memory"),
        (with_gaps, "no gaps, and only the numbers"),
        (shape_as_text, "is '(2, 3)' in the header"),
        (everything_as_float, "so that they should be"),
        (by_the_package, "the package's own writer"),
        (by_pickle, "and the whole file has"),
        (forgets_to_detach, "your answer raised"),
        (without_a_length, "and the whole file has"),
        (as_a_string, "for weight, should be bytes"),
    ],
    "20.1": [
        (replaces, "in the middle of names, too"),
        (replaces_the_first, "removed in the middle of a name"),
        (strips, "lstrip removes letters"),
        (merges, "no ValueError was raised"),
        (drops_others, "they stay as they are"),
        (by_a_pattern, "taken as a regular expression"),
        (again_and_again, "removed more than once"),
        (cuts_every_name, ": every name lost as many letters"),
        (first_part, ": all names are as before"),
        (changes_the_state, "The entries of the argument state have changed"),
        (key_error, "ValueError is asked for, and key_error raised KeyError"),
        (too_careful, "raised a ValueError, and no two names become one"),
        (the_same_if_nothing_changes, "It returned the dictionary it was given"),
        (names_only, "should be a dictionary, and it is the list"),
        (values_mixed_up, "It should be the one that was at"),
    ],
    "20.2": [
        (in_place, "have changed"),
        (counters_too, "taken from the last state"),
        (only_the_sum, "These are sums"),
        (counters_of_the_first, "comes from the first state"),
        (largest_counters, "is the largest of all states"),
        (summed_counters, "was added up"),
        (any_names, "the second has a name more, and no ValueError"),
        (names_of_the_last, "ValueError is asked for, and names_of_the_last raised KeyError"),
        (by_number, "the one in the middle has another name, and no ValueError"),
        (in_one_order, "the first one in another order"),
        (first_and_last, "the one in the middle has another name, and no ValueError"),
        (always_float32, "has dtype float32, and float64 is asked for"),
        (halves_of_halves, "Halves of halves"),
        (medians, "the median of the states"),
        (one_mean_for_all, "has shape (), and (2, 3) is asked for"),
        (only_floats, "has no 'num_batches_tracked'"),
        (numbers, "should be a torch.Tensor, and it is"),
    ],
    "20.3": [
        (as_text, "Compare the numbers"),
        (all_files, "best.pt was removed"),
        (stumbles_over_a_name, "your answer raised ValueError"),
        (no_zero, "With the epochs [6, 7, 12] and count 0"),
        (searches, "was removed, and it is another file"),
        (pattern_without_end, "epoch_40.pt.tmp"),
        (counts_down, "numbers have gaps"),
        (keeps_the_first, "those with the lowest numbers are still there"),
        (removes_nothing, "none was removed"),
        (returns_paths, "each name should be a string, and it is an object of type"),
        (returns_long_names, "the names alone, without the folder"),
        (returns_the_removed, "those that were removed"),
        (highest_first, "the highest number comes first"),
        (returned_as_text, "the order of the numbers is asked for"),
        (returns_everything, "best.pt is in the list"),
        (returns_nothing, "Does it end with a return statement?"),
    ],
}
