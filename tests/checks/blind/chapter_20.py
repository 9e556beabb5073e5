"""Chapter 20."""

import os
import re
from collections import Counter, OrderedDict
from pathlib import Path

import torch


def loop_and_check(state, prefix):
    new = {}
    for name, tensor in state.items():
        if name.startswith(prefix):
            name = name[len(prefix) :]
        if name in new:
            raise ValueError(f"two tensors would be {name}")
        new[name] = tensor
    return new


def removeprefix_and_length(state, prefix):
    new = {name.removeprefix(prefix): t for name, t in state.items()}
    if len(new) != len(state):
        raise ValueError("names collide")
    return new


def with_regex(sd, pre):
    pattern = re.compile("^" + re.escape(pre))
    names = [pattern.sub("", n, count=1) for n in sd]
    if len(set(names)) < len(names):
        raise ValueError(f"twice: {sorted(n for n in set(names) if names.count(n) > 1)}")
    return OrderedDict(zip(names, sd.values()))


def looks_ahead_with_counter(state, prefix):

    def short(name):
        return name[len(prefix) :] if name[: len(prefix)] == prefix else name

    counts = Counter(map(short, state))
    if max(counts.values(), default=0) > 1:
        raise ValueError(counts.most_common(1)[0][0])
    return OrderedDict((short(name), state[name]) for name in state)


def replaces_everywhere(state, prefix):
    new = {n.replace(prefix, ""): t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def replaces_first_anywhere(state, prefix):
    new = {n.replace(prefix, "", 1): t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def lstrip_characters(state, prefix):
    new = {n.lstrip(prefix): t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def removes_repeatedly(state, prefix):
    new = {}
    for n, t in state.items():
        while prefix and n.startswith(prefix):
            n = n[len(prefix) :]
        if n in new:
            raise ValueError(n)
        new[n] = t
    return new


def cuts_always(state, prefix):
    new = {n[len(prefix) :]: t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def drops_others(state, prefix):
    return {n[len(prefix) :]: t for n, t in state.items() if n.startswith(prefix)}


def no_collision_check(state, prefix):
    return {n.removeprefix(prefix): t for n, t in state.items()}


def in_place(state, prefix):
    for n in list(state):
        if n.startswith(prefix):
            if n[len(prefix) :] in state:
                raise ValueError(n)
            state[n[len(prefix) :]] = state.pop(n)
    return state


def clones_tensors(state, prefix):
    new = {n.removeprefix(prefix): t.clone() for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def collision_is_key_error(state, prefix):
    new = {n.removeprefix(prefix): t for n, t in state.items()}
    if len(new) != len(state):
        raise KeyError
    return new


def hard_codes_module(state, prefix):
    new = {n.removeprefix("module."): t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def regex_not_escaped(state, prefix):
    new = {re.sub("^" + prefix, "", n): t for n, t in state.items()}
    if len(new) != len(state):
        raise ValueError
    return new


def collision_seen_in_one_order(state, prefix):
    new = {}
    for n, t in state.items():
        if n.startswith(prefix):
            if n[len(prefix) :] in new:
                raise ValueError(n)
            n = n[len(prefix) :]
        new[n] = t
    return new


def stack_in_double(states):
    if any(s.keys() != states[0].keys() for s in states):
        raise ValueError("names differ")
    out = {}
    for k, t in states[-1].items():
        if t.is_floating_point():
            out[k] = torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        else:
            out[k] = t.clone()
    return out


def running_sum(states):
    names = set(states[0])
    for s in states[1:]:
        if set(s) != names:
            raise ValueError(f"not the same names: {sorted(names ^ set(s))}")
    result = OrderedDict()
    for name in states[0]:
        last = states[-1][name]
        if not torch.is_floating_point(last):
            result[name] = last
            continue
        total = torch.zeros_like(last, dtype=torch.float64)
        for s in states:
            total += s[name]
        result[name] = (total / len(states)).type_as(last)
    return result


def running_mean(states):
    first, *rest = states
    mean = {}
    for k, v in first.items():
        wide = torch.float64 if v.dtype == torch.float64 else torch.float32
        mean[k] = v.detach().to(wide, copy=True) if v.is_floating_point() else v
    for n, s in enumerate(rest, start=2):
        if sorted(s) != sorted(mean):
            raise ValueError("other names")
        for k, v in s.items():
            mean[k] = mean[k] + (v.to(mean[k].dtype) - mean[k]) / n if v.is_floating_point() else v
    return {k: m.to(first[k].dtype) for k, m in mean.items()}


def by_dtype_kind(states):
    if len({frozenset(s) for s in states}) != 1:
        raise ValueError("the states have different names")
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return {
        n: (sum(s[n].to(torch.float64) for s in states) / len(states)).to(t.dtype)
        if t.dtype in floats
        else t.detach().clone()
        for n, t in states[-1].items()
    }


def _check(states):
    if any(s.keys() != states[0].keys() for s in states):
        raise ValueError("names")


def averages_integers(states):
    _check(states)
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        for k, t in states[0].items()
    }


def integers_of_the_first(states):
    _check(states)
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        if t.is_floating_point()
        else t
        for k, t in states[0].items()
    }


def integers_left_out(states):
    _check(states)
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        for k, t in states[0].items()
        if t.is_floating_point()
    }


def stays_double(states):
    _check(states)
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0) if t.is_floating_point() else t
        for k, t in states[-1].items()
    }


def always_float32(states):
    _check(states)
    return {
        k: torch.stack([s[k].float() for s in states]).mean(0) if t.is_floating_point() else t
        for k, t in states[-1].items()
    }


def sums_into_the_first(states):
    _check(states)
    out = states[0]
    for k, t in states[-1].items():
        if t.is_floating_point():
            for s in states[1:]:
                out[k] += s[k]
            out[k] /= len(states)
        else:
            out[k] = t
    return out


def shallow_copy_then_in_place(states):
    _check(states)
    out = dict(states[0])
    for k, t in states[-1].items():
        if t.is_floating_point():
            for s in states[1:]:
                out[k].add_(s[k])
            out[k].div_(len(states))
        else:
            out[k] = t
    return out


def no_name_check(states):
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        if t.is_floating_point()
        else t
        for k, t in states[-1].items()
        if all(k in s for s in states)
    }


def order_matters(states):
    if any(list(s) != list(states[0]) for s in states):
        raise ValueError
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        if t.is_floating_point()
        else t
        for k, t in states[-1].items()
    }


def by_position(states):
    _check(states)
    out = {}
    for (k, last), *rest in zip(states[-1].items(), *[s.values() for s in states]):
        out[k] = (
            torch.stack([t.double() for t in rest]).mean(0).to(last.dtype)
            if last.is_floating_point()
            else last
        )
    return out


def raises_key_error(states):
    first = states[0]
    for s in states:
        for k in first.keys() ^ s.keys():
            raise KeyError(k)
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        if t.is_floating_point()
        else t
        for k, t in states[-1].items()
    }


def one_sided_check(states):
    for s in states:
        if any(k not in s for k in states[0]):
            raise ValueError
    return {
        k: torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        if t.is_floating_point()
        else states[-1][k]
        for k, t in states[0].items()
    }


def mean_of_first_and_last(states):
    _check(states)
    return {
        k: ((states[0][k].double() + t.double()) / 2).to(t.dtype) if t.is_floating_point() else t
        for k, t in states[-1].items()
    }


def sum_without_division(states):
    _check(states)
    return {
        k: sum(s[k].double() for s in states).to(t.dtype) if t.is_floating_point() else t
        for k, t in states[-1].items()
    }


def booleans_averaged(states):
    _check(states)
    return {
        k: t
        if t.dtype == torch.long
        else torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        for k, t in states[-1].items()
    }


def only_named_counter_spared(states):
    _check(states)
    return {
        k: t
        if k.endswith("num_batches_tracked")
        else torch.stack([s[k].double() for s in states]).mean(0).to(t.dtype)
        for k, t in states[-1].items()
    }


def overall_mean(states):
    _check(states)
    return {
        k: torch.stack([s[k].double() for s in states]).mean().to(t.dtype)
        if t.is_floating_point()
        else t
        for k, t in states[-1].items()
    }


def regex_and_pathlib(folder, count):
    found = []
    for path in Path(folder).iterdir():
        m = re.fullmatch("epoch_([0-9]+)\\.pt", path.name)
        if m:
            found.append((int(m[1]), path))
    found.sort()
    split = max(0, len(found) - count)
    for _, path in found[:split]:
        path.unlink()
    return [path.name for _, path in found[split:]]


def listdir_and_slices(folder, count):

    def number(name):
        return int(name[len("epoch_") : -len(".pt")])

    names = [
        n
        for n in os.listdir(folder)
        if n.startswith("epoch_") and n.endswith(".pt") and n[6:-3].isdecimal()
    ]
    newest_first = sorted(names, key=number, reverse=True)
    for name in newest_first[count:]:
        os.remove(os.path.join(folder, name))
    return newest_first[:count][::-1]


def glob_and_dictionary(directory, n):
    by_number = {}
    for p in Path(directory).glob("epoch_*.pt"):
        middle = p.stem.removeprefix("epoch_")
        if middle.isascii() and middle.isdigit():
            by_number[int(middle)] = p
    keep = sorted(by_number)[-n:] if n > 0 else []
    for k, p in by_number.items():
        if k not in keep:
            p.unlink()
    return [by_number[k].name for k in keep]


def scandir_and_try(folder, count):
    numbered = []
    with os.scandir(folder) as entries:
        for e in entries:
            head, _, tail = e.name.partition("_")
            stem, ext = os.path.splitext(tail)
            if head != "epoch" or ext != ".pt":
                continue
            try:
                k = int(stem)
            except ValueError:
                continue
            if e.name == f"epoch_{k}.pt" and k >= 0:
                numbered.append(k)
    numbered.sort()
    while len(numbered) > count:
        os.unlink(os.path.join(folder, f"epoch_{numbered.pop(0)}.pt"))
    return [f"epoch_{k}.pt" for k in numbered]


def _numbered(folder):
    return sorted(
        (p for p in Path(folder).iterdir() if re.fullmatch("epoch_[0-9]+\\.pt", p.name)),
        key=lambda p: int(p.stem[6:]),
    )


def sorts_as_text(folder, count):
    ps = sorted(_numbered(folder), key=lambda p: p.name)
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


def by_time(folder, count):
    ps = sorted(_numbered(folder), key=lambda p: (p.stat().st_mtime_ns, p.name))
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in sorted(ps[n:], key=lambda p: int(p.stem[6:]))]


def negative_slice_of_zero(folder, count):
    ps = _numbered(folder)
    for p in ps[:-count]:
        p.unlink()
    return [p.name for p in ps[-count:]]


def fails_on_few(folder, count):
    ps = _numbered(folder)
    n = len(ps) - count
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


def keeps_lowest(folder, count):
    ps = _numbered(folder)
    for p in ps[count:]:
        p.unlink()
    return [p.name for p in ps[:count]]


def by_number_above(folder, count):
    ps = _numbered(folder)
    top = max((int(p.stem[6:]) for p in ps), default=0)
    left = []
    for p in ps:
        if int(p.stem[6:]) <= top - count:
            p.unlink()
        else:
            left.append(p.name)
    return left


def removes_best(folder, count):
    ps = sorted(
        Path(folder).glob("epoch_*.pt"),
        key=lambda p: int(p.stem[6:]) if p.stem[6:].isdigit() else -1,
    )
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


def fails_on_best(folder, count):
    ps = sorted(Path(folder).glob("epoch_*.pt"), key=lambda p: int(p.stem[6:]))
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


def removes_tmp(folder, count):
    ps = sorted(
        (p for p in Path(folder).iterdir() if re.match("epoch_\\d+\\.pt", p.name)),
        key=lambda p: int(re.search("\\d+", p.name)[0]),
    )
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


def highest_first(folder, count):
    ps = _numbered(folder)[::-1]
    for p in ps[count:]:
        p.unlink()
    return [p.name for p in ps[:count]]


def returns_paths(folder, count):
    ps = _numbered(folder)
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return ps[n:]


def returns_full_names(folder, count):
    ps = _numbered(folder)
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [str(p) for p in ps[n:]]


def returns_the_removed(folder, count):
    ps = _numbered(folder)
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[:n]]


def only_says_so(folder, count):
    ps = _numbered(folder)
    return [p.name for p in ps[max(0, len(ps) - count) :]]


def empties_the_folder(folder, count):
    keep = _numbered(folder)
    keep = [p.name for p in keep[max(0, len(keep) - count) :]]
    for p in Path(folder).iterdir():
        if p.is_file() and p.name not in keep:
            p.unlink()
    return keep


def returns_all_files(folder, count):
    ps = _numbered(folder)
    for p in ps[: max(0, len(ps) - count)]:
        p.unlink()
    return sorted(p.name for p in Path(folder).iterdir())


def single_digit(folder, count):
    ps = sorted(p for p in Path(folder).iterdir() if re.fullmatch("epoch_\\d\\.pt", p.name))
    n = max(0, len(ps) - count)
    for p in ps[:n]:
        p.unlink()
    return [p.name for p in ps[n:]]


RIGHT = {
    "20.1": [loop_and_check, removeprefix_and_length, with_regex, looks_ahead_with_counter],
    "20.2": [stack_in_double, running_sum, running_mean, by_dtype_kind],
    "20.3": [regex_and_pathlib, listdir_and_slices, glob_and_dictionary, scandir_and_try],
}
WRONG = {
    "20.1": [
        replaces_everywhere,
        replaces_first_anywhere,
        lstrip_characters,
        removes_repeatedly,
        cuts_always,
        drops_others,
        no_collision_check,
        in_place,
        collision_is_key_error,
        hard_codes_module,
        regex_not_escaped,
        collision_seen_in_one_order,
    ],
    "20.2": [
        averages_integers,
        integers_of_the_first,
        integers_left_out,
        stays_double,
        always_float32,
        sums_into_the_first,
        shallow_copy_then_in_place,
        no_name_check,
        order_matters,
        by_position,
        raises_key_error,
        one_sided_check,
        mean_of_first_and_last,
        sum_without_division,
        booleans_averaged,
        only_named_counter_spared,
        overall_mean,
    ],
    "20.3": [
        sorts_as_text,
        by_time,
        negative_slice_of_zero,
        fails_on_few,
        keeps_lowest,
        by_number_above,
        removes_best,
        fails_on_best,
        removes_tmp,
        highest_first,
        returns_paths,
        returns_full_names,
        returns_the_removed,
        only_says_so,
        empties_the_folder,
        returns_all_files,
        single_digit,
    ],
}
