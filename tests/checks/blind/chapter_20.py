"""Chapter 20."""

import ctypes
import io
import itertools
import json
import os
import re
import struct
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
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


_NAMES = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def views_of_bytes(state):
    header, parts, at = {}, [], 0
    for name, tensor in state.items():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        part = flat.view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(part)],
        }
        at += len(part)
        parts.append(part)
    text = json.dumps(header).encode("utf-8")
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def packed_number_by_number(state):
    letters = {
        torch.float16: ("F16", "e"),
        torch.bfloat16: ("BF16", "H"),
        torch.float32: ("F32", "f"),
        torch.float64: ("F64", "d"),
        torch.int64: ("I64", "q"),
        torch.uint8: ("U8", "B"),
        torch.bool: ("BOOL", "?"),
    }
    data = bytearray()
    header = {}
    for name, tensor in state.items():
        dtype, letter = letters[tensor.dtype]
        numbers = tensor.detach().flatten()
        if tensor.dtype == torch.bfloat16:
            numbers = [n & 0xFFFF for n in numbers.contiguous().view(torch.int16).tolist()]
        else:
            numbers = numbers.tolist()
        begin = len(data)
        data += struct.pack(f"<{len(numbers)}{letter}", *numbers)
        header[name] = dict(dtype=dtype, shape=[*tensor.shape], data_offsets=[begin, len(data)])
    header = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + bytes(data)


class _Writer:
    """Sorted by name; the header is filled up with spaces so that the numbers are aligned."""

    def __init__(self):
        self.header, self.body = {}, io.BytesIO()

    def add(self, name, tensor):
        begin = self.body.tell()
        with torch.no_grad():
            if tensor.dtype is torch.bfloat16:
                array = tensor.clone(memory_format=torch.contiguous_format).view(torch.int16)
                array = array.numpy()
            else:
                array = tensor.detach().numpy()
        self.body.write(np.ascontiguousarray(array).tobytes())
        self.header[name] = {
            "data_offsets": (begin, self.body.tell()),
            "shape": tuple(tensor.size()),
            "dtype": _NAMES[tensor.dtype],
        }

    def finish(self):
        text = json.dumps(self.header, indent=1).encode()
        text += b" " * (-len(text) % 8)
        return b"".join([np.array([len(text)], "<u8").tobytes(), text, self.body.getvalue()])


def writer_sorted_and_padded(state):
    writer = _Writer()
    for name in sorted(state):
        writer.add(name, state[name])
    return writer.finish()


def from_memory(state):
    kept = {
        name: torch.empty(t.shape, dtype=t.dtype).copy_(t.detach()) for name, t in state.items()
    }
    sizes = [t.numel() * t.element_size() for t in kept.values()]
    ends = list(itertools.accumulate(sizes))
    header = json.dumps(
        {
            name: {
                "dtype": _NAMES[t.dtype],
                "shape": list(t.shape),
                "data_offsets": [end - size, end],
            }
            for (name, t), size, end in zip(kept.items(), sizes, ends)
        }
    ).encode()
    body = [ctypes.string_at(t.data_ptr(), n) if n else b"" for t, n in zip(kept.values(), sizes)]
    return b"".join((len(header).to_bytes(8, byteorder="little"), header, *body))


def bytes_of_storage(state):
    """Largest type first, as the package does it."""
    order = sorted(state, key=lambda n: (-state[n].element_size(), n))
    parts = {n: bytes(state[n].detach().clone().contiguous().untyped_storage()) for n in order}
    header, at = "", 0
    for n in order:
        end = at + len(parts[n])
        header += "," if header else ""
        header += f'{json.dumps(n)}:{{"dtype":"{_NAMES[state[n].dtype]}",'
        header += f'"shape":{list(state[n].shape)},"data_offsets":[{at},{end}]}}'
        at = end
    header = ("{" + header + "}").encode("utf-8")
    file = io.BytesIO()
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    file.writelines(parts[n] for n in order)
    return file.getvalue()


def _bytes(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _file(
    state,
    data=_bytes,
    dtype=lambda t: _NAMES[t.dtype],
    shape=lambda t: list(t.shape),
    offsets=lambda begin, end: [begin, end],
    length=lambda text: len(text.encode()).to_bytes(8, "little"),
    dumps=json.dumps,
    gap=1,
):
    header, body = {}, b""
    for name, tensor in state.items():
        part = data(tensor)
        body += b"\0" * (-len(body) % gap)
        header[name] = {
            "dtype": dtype(tensor),
            "shape": shape(tensor),
            "data_offsets": offsets(len(body), len(body) + len(part)),
        }
        body += part
    text = dumps(header)
    return length(text) + text.encode() + body


def length_big_endian(state):
    return _file(state, length=lambda text: len(text.encode()).to_bytes(8, "big"))


def length_in_four_bytes(state):
    return _file(state, length=lambda text: struct.pack("<I", len(text.encode())))


def length_in_characters(state):
    return _file(
        state,
        dumps=lambda h: json.dumps(h, ensure_ascii=False),
        length=lambda text: len(text).to_bytes(8, "little"),
    )


def length_with_itself(state):
    return _file(state, length=lambda text: (len(text.encode()) + 8).to_bytes(8, "little"))


def length_as_text(state):
    return _file(state, length=lambda text: f"{len(text.encode()):08d}".encode())


def header_is_python(state):
    return _file(state, dumps=str)


def header_loses_other_signs(state):
    return _file(
        state,
        dumps=lambda h: json.dumps(h, ensure_ascii=False).encode("ascii", "ignore").decode(),
    )


def offset_and_size(state):
    return _file(state, offsets=lambda begin, end: [begin, end - begin])


def last_byte_included(state):
    return _file(state, offsets=lambda begin, end: [begin, end - 1])


def offsets_from_zero_each(state):
    return _file(state, offsets=lambda begin, end: [0, end - begin])


def offsets_after_the_length(state):
    return _file(state, offsets=lambda begin, end: [begin + 8, end + 8])


def with_gaps(state):
    return _file(state, gap=8)


def torch_names(state):
    return _file(state, dtype=lambda t: str(t.dtype).removeprefix("torch."))


def all_f32(state):
    return _file(state, data=lambda t: _bytes(t.float()), dtype=lambda t: "F32")


def bfloat_as_half(state):
    def half(t):
        return t.half() if t.dtype == torch.bfloat16 else t

    return _file(state, data=lambda t: _bytes(half(t)))


def bfloat_through_float(state):
    def wide(t):
        return t.float() if t.dtype == torch.bfloat16 else t

    return _file(state, data=lambda t: _bytes(wide(t)), dtype=lambda t: _NAMES[wide(t).dtype])


def bits_of_booleans(state):
    def data(t):
        return np.packbits(t.numpy()).tobytes() if t.dtype == torch.bool else _bytes(t)

    return _file(state, data=data)


def scalars_have_a_dimension(state):
    return _file(state, shape=lambda t: list(t.shape) or [1])


def counts_numbers(state):
    return _file(state, shape=lambda t: [t.numel()])


def whole_storage(state):
    return _file(state, data=lambda t: bytes(t.detach().untyped_storage()))


def as_it_lies_in_memory(state):
    def data(t):
        return ctypes.string_at(t.data_ptr(), t.nbytes) if t.numel() else b""

    return _file(state, data=data)


def keeps_the_turn(state):
    def data(t):
        t = t.detach()
        return (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes(order="A")

    return _file(state, data=data)


def columns_first(state):
    def data(t):
        return _bytes(t.detach().permute(*reversed(range(t.ndim))))

    return _file(state, data=data)


def big_endian_numbers(state):
    def data(t):
        flat = t.detach().contiguous().reshape(-1).view(torch.uint8)
        return flat.reshape(-1, t.element_size()).flip(1).numpy().tobytes()

    return _file(state, data=data)


def numpy_of_what_comes(state):
    """Neither bfloat16 nor a gradient."""
    return _file(state, data=lambda t: t.numpy().tobytes())


def without_the_empty(state):
    return _file({n: t for n, t in state.items() if t.numel()})


def fails_on_scalars(state):
    return _file(state, data=lambda t: t.detach().contiguous().view(torch.uint8).numpy().tobytes())


def shared_are_written_once(state):
    seen, header, body = {}, {}, b""
    for name, t in state.items():
        where = t.data_ptr()
        if where not in seen:
            seen[where] = [len(body), len(body) + t.nbytes]
            body += _bytes(t)
        header[name] = {
            "dtype": _NAMES[t.dtype],
            "shape": list(t.shape),
            "data_offsets": seen[where],
        }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def torch_save(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def with_the_package(state):
    import safetensors.torch

    clones = {n: t.detach().clone(memory_format=torch.contiguous_format) for n, t in state.items()}
    return safetensors.torch.save(clones)


def list_of_entries(state):
    return _file(state, dumps=lambda h: json.dumps([{"name": n, **e} for n, e in h.items()]))


RIGHT = {
    "20.1": [loop_and_check, removeprefix_and_length, with_regex, looks_ahead_with_counter],
    "20.2": [stack_in_double, running_sum, running_mean, by_dtype_kind],
    "20.3": [regex_and_pathlib, listdir_and_slices, glob_and_dictionary, scandir_and_try],
    "20.4": [
        views_of_bytes,
        packed_number_by_number,
        writer_sorted_and_padded,
        from_memory,
        bytes_of_storage,
    ],
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
    "20.4": [
        length_big_endian,
        length_in_four_bytes,
        length_in_characters,
        length_with_itself,
        length_as_text,
        header_is_python,
        header_loses_other_signs,
        offset_and_size,
        last_byte_included,
        offsets_from_zero_each,
        offsets_after_the_length,
        with_gaps,
        torch_names,
        all_f32,
        bfloat_as_half,
        bfloat_through_float,
        bits_of_booleans,
        scalars_have_a_dimension,
        counts_numbers,
        whole_storage,
        as_it_lies_in_memory,
        keeps_the_turn,
        columns_first,
        big_endian_numbers,
        numpy_of_what_comes,
        without_the_empty,
        fails_on_scalars,
        shared_are_written_once,
        torch_save,
        with_the_package,
        list_of_entries,
    ],
}
