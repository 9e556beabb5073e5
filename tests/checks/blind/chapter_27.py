"""Chapter 27."""

import copy
import re

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence


def by_loop(output, lengths):
    return torch.stack([output[int(length) - 1, n] for n, length in enumerate(lengths)])


def by_gather(output, lengths):
    index = (lengths.long() - 1).view(1, -1, 1).expand(1, -1, output.size(2))
    return output.gather(0, index).squeeze(0)


def by_mask_sum(output, lengths):
    steps = torch.arange(output.shape[0])[:, None]
    mask = (steps == lengths[None, :] - 1)[:, :, None]
    return torch.where(mask, output, torch.zeros((), dtype=output.dtype)).sum(0)


def by_one_hot_einsum(output, lengths):
    hot = nn.functional.one_hot(lengths.long() - 1, len(output)).to(output.dtype)
    return torch.einsum("tnh,nt->nh", output, hot)


def by_boolean_index(output, lengths):
    mask = torch.arange(len(output)) == (lengths - 1).unsqueeze(1)
    return output.transpose(0, 1)[mask]


def by_flat_index(output, lengths):
    t, n, h = output.shape
    return output.reshape(t * n, h).index_select(0, (lengths.long() - 1) * n + torch.arange(n))


def by_scan(output, lengths):
    last = output[0]
    for t in range(1, len(output)):
        last = torch.where((lengths > t).unsqueeze(1), output[t], last)
    return last


def by_take_along_dim(output, lengths):
    return torch.take_along_dim(output, (lengths.long() - 1)[None, :, None], dim=0)[0]


def last_of_all(output, lengths):
    return output[-1]


def off_by_one(output, lengths):
    return output[(lengths - 2).clamp(min=0), torch.arange(len(lengths))]


def one_too_far(output, lengths):
    return output[lengths.clamp(max=len(output) - 1), torch.arange(len(lengths))]


def without_arange(output, lengths):
    return output[lengths - 1]


def shortest(output, lengths):
    return output[lengths.min() - 1]


def detached(output, lengths):
    return output.detach()[lengths - 1, torch.arange(len(lengths))]


def list_of_rows(output, lengths):
    return [output[length - 1, n] for n, length in enumerate(lengths)]


def first_step(output, lengths):
    return output[0]


def batch_first(output, lengths):
    return output[torch.arange(len(lengths)) % len(output), (lengths - 1) % output.shape[1]]


def mean_of_real(output, lengths):
    mask = (torch.arange(len(output)).unsqueeze(1) < lengths).unsqueeze(2)
    return (output * mask).sum(0) / lengths.unsqueeze(1)


def sorted_batch(output, lengths):
    lengths, order = lengths.sort(descending=True)
    return output[lengths - 1, order]


def max_over_time(output, lengths):
    mask = (torch.arange(len(output)).unsqueeze(1) < lengths).unsqueeze(2)
    return output.masked_fill(~mask, -float("inf")).amax(0)


def new_tensors(output, lengths):
    return torch.tensor([output[n - 1, i].tolist() for i, n in enumerate(lengths)])


def zeroes_the_padding_in_place(output, lengths):
    output.data[torch.arange(len(output)).unsqueeze(1) >= lengths] = 0
    return output[lengths - 1, torch.arange(len(lengths))]


def changes_lengths(output, lengths):
    lengths -= 1
    return output[lengths, torch.arange(len(lengths))]


def length_clipped_to_two(output, lengths):
    return output[(lengths - 1).clamp(min=1), torch.arange(len(lengths))]


def one_row_squeezed(output, lengths):
    return output[lengths - 1, torch.arange(len(lengths))].squeeze()


def transposed(output, lengths):
    return output[lengths - 1, torch.arange(len(lengths))].T


def sum_with_zeros(output, lengths):
    mask = (torch.arange(len(output)).unsqueeze(1) == lengths - 1).unsqueeze(2)
    return (output * mask).sum(1)


def flips(x, lengths):
    out = x.clone()
    for n, length in enumerate(lengths.tolist()):
        out[:length, n] = x[:length, n].flip(0)
    return out


def columns(x, lengths):
    parts = [torch.cat([x[: int(k), n].flip(0), x[int(k) :, n]]) for n, k in enumerate(lengths)]
    return torch.stack(parts, dim=1)


def advanced_index(x, lengths):
    t = torch.arange(x.shape[0])[:, None]
    back = lengths[None, :] - 1 - t
    return x[torch.where(back >= 0, back, t), torch.arange(x.shape[1])]


def roll_of_flip(x, lengths):
    total = len(x)
    flipped = x.flip(0)
    rolled = torch.stack(
        [flipped[:, n].roll(int(k) - total, dims=0) for n, k in enumerate(lengths)], 1
    )
    real = torch.arange(total)[:, None] < lengths
    return torch.where(real[:, :, None], rolled, x)


def modulo(x, lengths):
    t = torch.arange(len(x)).unsqueeze(1)
    k = lengths.long()
    source = (k - 1 - t) % k
    source = torch.where(t < k, source, t)
    return torch.take_along_dim(x, source.unsqueeze(2), 0)


def nested_python(x, lengths):
    rows = []
    for t in range(x.shape[0]):
        row = [x[k - 1 - t, n] if t < k else x[t, n] for n, k in enumerate(lengths.tolist())]
        rows.append(torch.stack(row))
    return torch.stack(rows)


def index_copied(x, lengths):
    out = x.clone()
    for n in range(x.shape[1]):
        k = lengths[n].item()
        out[:k, n] = x[torch.arange(k - 1, -1, -1), n]
    return out


def masked_select(x, lengths):
    real = (torch.arange(len(x))[:, None] < lengths).T
    y = x.transpose(0, 1)
    out = y.clone()
    out[real] = y.flip(1)[real.flip(1)]
    return out.transpose(0, 1)


def flip_all(x, lengths):
    return x.flip(0)


def flip_all_and_roll(x, lengths):
    return torch.stack(
        [x.flip(0)[:, n].roll(int(k) - len(x), dims=0) for n, k in enumerate(lengths)], 1
    )


def zero_padding(x, lengths):
    out = torch.zeros_like(x)
    for n, k in enumerate(lengths.tolist()):
        out[:k, n] = x[:k, n].flip(0)
    return out


def in_place(x, lengths):
    for n, k in enumerate(lengths.tolist()):
        x[:k, n] = x[:k, n].flip(0).clone()
    return x


def in_place_through_data(x, lengths):
    for n, k in enumerate(lengths.tolist()):
        x.data[:k, n] = x.data[:k, n].flip(0)
    return x


def detached_copy(x, lengths):
    out = x.detach().clone()
    for n, k in enumerate(lengths.tolist()):
        out[:k, n] = x.detach()[:k, n].flip(0)
    return out


def flips_features(x, lengths):
    out = x.clone()
    for n, k in enumerate(lengths.tolist()):
        out[:k, n] = x[:k, n].flip(1)
    return out


def one_short(x, lengths):
    out = x.clone()
    for n, k in enumerate(lengths.tolist()):
        out[: k - 1, n] = x[: k - 1, n].flip(0)
    return out


def one_too_many(x, lengths):
    out = x.clone()
    for n, k in enumerate(lengths.tolist()):
        out[: k + 1, n] = x[: k + 1, n].flip(0)
    return out


def pads_with_zeros_by_pad_sequence(x, lengths):
    return pad_sequence([x[:k, n].flip(0) for n, k in enumerate(lengths.tolist())])


def float_result(x, lengths):
    return flips(x, lengths).float()


def padding_to_the_front(x, lengths):
    out = x.clone()
    for n, k in enumerate(lengths.tolist()):
        out[:, n] = torch.cat([x[k:, n], x[:k, n].flip(0)])
    return out


def last_sequence_missing(x, lengths):
    out = x.clone()
    for n in range(x.shape[1] - 1):
        k = int(lengths[n])
        out[:k, n] = x[:k, n].flip(0)
    return out


def cuts_to_longest(x, lengths):
    return flips(x, lengths)[: int(lengths.max())]


def clamped_index(x, lengths):
    source = (lengths - 1 - torch.arange(len(x))[:, None]).clamp(min=0)
    return x[source, torch.arange(x.shape[1])]


def swaps_ends_only(x, lengths):
    out = x.clone()
    for n, k in enumerate(lengths.tolist()):
        out[0, n], out[k - 1, n] = x[k - 1, n], x[0, n]
    return out


def gradient_of_real_only(x, lengths):
    real = (torch.arange(len(x))[:, None] < lengths)[:, :, None]
    return torch.where(real, flips(x, lengths), x.detach())


def gradient_straight_through(x, lengths):
    return x + (flips(x, lengths) - x).detach()


def by_state(path, blank):
    result = []
    previous = blank
    for t, c in enumerate(path):
        if c != blank:
            if c == previous:
                s, first, _ = result[-1]
                result[-1] = (s, first, t)
            else:
                result.append((c, t, t))
        previous = c
    return result


def by_while(path, blank):
    out, i = [], 0
    while i < len(path):
        j = i
        while j + 1 < len(path) and path[j + 1] == path[i]:
            j += 1
        if path[i] != blank:
            out.append((path[i], i, j))
        i = j + 1
    return out


def by_borders(path, blank):
    starts = [i for i in range(len(path)) if i == 0 or path[i] != path[i - 1]]
    ends = [i for i in range(len(path)) if i == len(path) - 1 or path[i] != path[i + 1]]
    return [(path[a], a, b) for a, b in zip(starts, ends, strict=True) if path[a] != blank]


def by_torch(path, blank):
    if not path:
        return []
    values, counts = torch.unique_consecutive(torch.tensor(path), return_counts=True)
    ends = counts.cumsum(0)
    return [
        (v, e - c, e - 1)
        for v, c, e in zip(values.tolist(), counts.tolist(), ends.tolist(), strict=True)
        if v != blank
    ]


def recursive(path, blank, place=0):
    if not path:
        return []
    size = 1
    while size < len(path) and path[size] == path[0]:
        size += 1
    here = [] if path[0] == blank else [(path[0], place, place + size - 1)]
    return here + recursive(path[size:], blank, place + size)


def by_sentinel(path, blank):
    found, first = [], 0
    for t, (a, b) in enumerate(zip(path, [*path[1:], object()], strict=False)):
        if a != b:
            if a != blank:
                found.append((a, first, t))
            first = t + 1
    return found


def by_groupby_enumerate(path, blank):
    from itertools import groupby

    spans = []
    for c, run in groupby(enumerate(path), key=lambda pair: pair[1]):
        steps = [t for t, _ in run]
        spans += [(c, steps[0], steps[-1])] if c != blank else []
    return spans


def end_exclusive(path, blank):
    return [(s, a, b + 1) for s, a, b in by_state(path, blank)]


def blanks_too(path, blank):
    return by_state(path, object())


def from_one(path, blank):
    return [(s, a + 1, b + 1) for s, a, b in by_state(path, blank)]


def blank_is_zero(path, blank):
    return by_state(path, 0)


def forgets_the_last_run(path, blank):
    out, first = [], 0
    for t in range(1, len(path)):
        if path[t] != path[t - 1]:
            if path[t - 1] != blank:
                out.append((path[t - 1], first, t - 1))
            first = t
    return out


def joins_across_blanks(path, blank):
    out = []
    for t, c in enumerate(path):
        if c == blank:
            continue
        if out and out[-1][0] == c:
            out[-1] = (c, out[-1][1], t)
        else:
            out.append((c, t, t))
    return out


def places_without_blanks(path, blank):
    return by_state([c for c in path if c != blank], blank)


def one_per_symbol(path, blank):
    found = {}
    for s, a, b in by_state(path, blank):
        found[s] = (s, found.get(s, (s, a))[1], b)
    return list(found.values())


def sorted_by_symbol(path, blank):
    return sorted(by_state(path, blank))


def fails_when_empty(path, blank):
    out, first = [], 0
    for t in range(1, len(path)):
        if path[t] != path[t - 1]:
            out.append((path[t - 1], first, t - 1))
            first = t
    out.append((path[-1], first, len(path) - 1))
    return [s for s in out if s[0] != blank]


def first_and_size(path, blank):
    return [(s, a, b - a + 1) for s, a, b in by_state(path, blank)]


def each_step(path, blank):
    return [(c, t, t) for t, c in enumerate(path) if c != blank]


def by_index_method(path, blank):
    from itertools import groupby

    out = []
    for c, run in groupby(path):
        size = len(list(run))
        if c != blank:
            out.append((c, path.index(c), path.index(c) + size - 1))
    return out


def counts_runs_only(path, blank):
    from itertools import groupby

    place, out = 0, []
    for c, run in groupby(path):
        size = len(list(run))
        if c != blank:
            out.append((c, place, place + size - 1))
            place += size
    return out


def generator_of_spans(path, blank):
    yield from by_state(path, blank)


def changes_path(path, blank):
    found = []
    place = 0
    while path:
        c, first = path.pop(0), place
        place += 1
        while path and path[0] == c:
            path.pop(0)
            place += 1
        if c != blank:
            found.append((c, first, place - 1))
    return found


def appends_blank(path, blank):
    path.append(blank)
    out, first = [], 0
    for t in range(1, len(path)):
        if path[t] != path[t - 1]:
            if path[t - 1] != blank:
                out.append((path[t - 1], first, t - 1))
            first = t
    return out


def only_split_by_blank(path, blank):
    out, first = [], None
    for t, c in enumerate([*path, blank]):
        if c != blank and first is None:
            first = t
        if c == blank and first is not None:
            out.append((path[first], first, t - 1))
            first = None
    return out


def identity_compares(path, blank):
    out, i = [], 0
    while i < len(path):
        j = i
        while j + 1 < len(path) and path[j + 1] is path[i]:
            j += 1
        if path[i] != blank:
            out.append((path[i], i, j))
        i = j + 1
    return out


def first_last_order(path, blank):
    return [(a, b, s) for s, a, b in by_state(path, blank)]


def blank_minus_one_start(path, blank):
    """Starts with 0 as the symbol before, so a run of zeros at the start is lost."""
    result, previous = [], 0
    for t, c in enumerate(path):
        if c != blank:
            if c == previous and result:
                result[-1] = (c, result[-1][1], t)
            elif c != previous:
                result.append((c, t, t))
        previous = c
    return result


class PackedHalves(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.f = nn.LSTM(inputs, hidden)
        self.b = nn.LSTM(inputs, hidden)

    def run(self, layer, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        return pad_packed_sequence(layer(packed)[0], total_length=len(x))[0]

    def forward(self, x, lengths):
        back = flips(self.run(self.b, flips(x, lengths), lengths), lengths)
        return torch.cat([self.run(self.f, x, lengths), back], 2)


class OneByOne(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.layers = nn.ModuleList(nn.RNN(inputs, hidden) for _ in range(2))

    def forward(self, x, lengths):
        out = []
        for n, k in enumerate(lengths.tolist()):
            real = x[:k, n]
            a, _ = self.layers[0](real)
            b, _ = self.layers[1](real.flip(0))
            both = torch.cat([a, b.flip(0)], 1)
            out.append(nn.functional.pad(both, (0, 0, 0, len(x) - k)))
        return torch.stack(out, 1)


class CellsWithMask(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.ahead = nn.GRUCell(inputs, hidden)
        self.back = nn.GRUCell(inputs, hidden)

    def forward(self, x, lengths):
        steps, n, _ = x.shape
        real = [(t < lengths).unsqueeze(1) for t in range(steps)]
        zero = x.new_zeros(n, self.hidden)
        first, state = [], zero
        for t in range(steps):
            state = torch.where(real[t], self.ahead(x[t], state), zero)
            first.append(state)
        second, state = [], zero
        for t in reversed(range(steps)):
            state = torch.where(real[t], self.back(x[t], state), zero)
            second.insert(0, state)
        return torch.cat([torch.stack(first), torch.stack(second)], -1)


class OwnCell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.w = nn.Parameter(torch.randn(2, inputs, hidden) * inputs**-0.5)
        self.u = nn.Parameter(torch.randn(2, hidden, hidden) * hidden**-0.5)
        self.c = nn.Parameter(torch.zeros(2, hidden))

    def half(self, x, d):
        states, h = [], x.new_zeros(self.u.shape[-1])
        for row in x:
            h = torch.tanh(row @ self.w[d] + h @ self.u[d] + self.c[d])
            states.append(h)
        return torch.stack(states)

    def forward(self, x, lengths):
        out = x.new_zeros(*x.shape[:2], 2 * self.u.shape[-1])
        for n, k in enumerate(lengths):
            part = x[: int(k), n]
            out[: int(k), n] = torch.cat(
                [self.half(part, 0), self.half(part.flip(0), 1).flip(0)], dim=1
            )
        return out


class BatchFirstTwoLayers(nn.Module):
    """Any layers that read in one direction: here stacks of two."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.right = nn.GRU(inputs, hidden, num_layers=2, batch_first=True)
        self.left = nn.GRU(inputs, hidden, num_layers=2, batch_first=True)

    def forward(self, x, lengths):
        y = x.transpose(0, 1)
        z = flips(x, lengths).transpose(0, 1)
        a = self.right(y)[0].transpose(0, 1)
        b = flips(self.left(z)[0].transpose(0, 1), lengths)
        mask = (torch.arange(len(x))[:, None] < lengths)[..., None]
        return torch.where(mask, torch.cat((a, b), 2), 0.0)


class PushedToTheEnd(nn.Module):
    """Reads the flipped batch with the state held at zero while the padding lasts."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.a = nn.RNN(inputs, hidden, nonlinearity="tanh")
        self.b = nn.RNNCell(inputs, hidden)

    def forward(self, x, lengths):
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        x = x.masked_fill(~real, 0)
        a = self.a(x)[0].masked_fill(~real, 0)
        h, states = None, []
        for t in range(len(x) - 1, -1, -1):
            h = self.b(x[t], h).masked_fill(~real[t], 0)
            states.append(h)
        return torch.cat([a, torch.stack(states[::-1])], 2)


class NoBias(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.one = nn.GRU(inputs, hidden, bias=False)
        self.two = nn.GRU(inputs, hidden, bias=False)

    def forward(self, x, lengths):
        a, b = self.one(x)[0], flips(self.two(flips(x, lengths))[0], lengths)
        out = torch.cat([a, b], 2)
        for n, k in enumerate(lengths.tolist()):
            out[k:, n] = 0
        return out


class _Base(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.a, self.b = nn.GRU(inputs, hidden), nn.GRU(inputs, hidden)

    def zeroed(self, out, lengths):
        real = (torch.arange(len(out)).unsqueeze(1) < lengths).unsqueeze(2)
        return out.masked_fill(~real, 0)

    def halves(self, x, lengths):
        return self.a(x)[0], flips(self.b(flips(x, lengths))[0], lengths)

    def forward(self, x, lengths):
        return self.zeroed(torch.cat(self.halves(x, lengths), 2), lengths)


class FlipsThePadding(_Base):
    def forward(self, x, lengths):
        return self.zeroed(torch.cat([self.a(x)[0], self.b(x.flip(0))[0].flip(0)], 2), lengths)


class FlipsZeroedPadding(_Base):
    def forward(self, x, lengths):
        return FlipsThePadding.forward(self, self.zeroed(x, lengths), lengths)


class NotZeroBeyond(_Base):
    def forward(self, x, lengths):
        return torch.cat(self.halves(x, lengths), 2)


class ZeroedInput(_Base):
    """Zeroes the padding of the input, but not of the output."""

    def forward(self, x, lengths):
        return torch.cat(self.halves(self.zeroed(x, lengths), lengths), 2)


class SharedWeights(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b = self.a


class SharedParameters(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.weight_hh_l0 = self.a.weight_hh_l0


class NotFlippedBack(_Base):
    def forward(self, x, lengths):
        back = self.b(flips(x, lengths))[0]
        return self.zeroed(torch.cat([self.a(x)[0], back], 2), lengths)


class HalvesSwapped(_Base):
    def forward(self, x, lengths):
        a, b = self.halves(x, lengths)
        return self.zeroed(torch.cat([b, a], 2), lengths)


class Interleaved(_Base):
    def forward(self, x, lengths):
        return self.zeroed(torch.stack(self.halves(x, lengths), 3).flatten(2), lengths)


class NeedsSorted(_Base):
    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths)
        a = pad_packed_sequence(self.a(packed)[0], total_length=len(x))[0]
        packed = pack_padded_sequence(flips(x, lengths), lengths)
        b = pad_packed_sequence(self.b(packed)[0], total_length=len(x))[0]
        return torch.cat([a, flips(b, lengths)], 2)


class NoTotalLength(_Base):
    def forward(self, x, lengths):
        def run(layer, x):
            packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
            return pad_packed_sequence(layer(packed)[0])[0]

        a, b = run(self.a, x), run(self.b, flips(x, lengths))
        return torch.cat([a, flips(b, lengths)], 2)


class Bidirectional(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.net = nn.GRU(inputs, hidden, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return pad_packed_sequence(self.net(packed)[0], total_length=len(x))[0]


class BackDetached(_Base):
    def forward(self, x, lengths):
        a, b = self.halves(x, lengths)
        return self.zeroed(torch.cat([a, b.detach()], 2), lengths)


class ChangesInput(_Base):
    def forward(self, x, lengths):
        with torch.no_grad():
            for n, k in enumerate(lengths.tolist()):
                x[k:, n] = 0
        return super().forward(x, lengths)


class SecondReadsFirst(_Base):
    """The backward layer reads what the forward one gave, so it depends on earlier steps."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b = nn.GRU(hidden, hidden)

    def forward(self, x, lengths):
        a = self.a(x)[0]
        b = flips(self.b(flips(a, lengths))[0], lengths)
        return self.zeroed(torch.cat([a, b], 2), lengths)


class WithoutOwnStep(_Base):
    """The second half at step t has only the steps after t."""

    def forward(self, x, lengths):
        a, b = self.halves(x, lengths)
        b = self.zeroed(b, lengths)
        b = torch.cat([b[1:], torch.zeros_like(b[:1])])
        return self.zeroed(torch.cat([a, b], 2), lengths)


class FirstWithoutOwnStep(_Base):
    def forward(self, x, lengths):
        a, b = self.halves(x, lengths)
        a = torch.cat([torch.zeros_like(a[:1]), a[:-1]])
        return self.zeroed(torch.cat([a, b], 2), lengths)


class WindowOfTwo(nn.Module):
    """A convolution: only the neighbour, not all steps."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.a, self.b = nn.Linear(2 * inputs, hidden), nn.Linear(2 * inputs, hidden)

    def forward(self, x, lengths):
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        x = x.masked_fill(~real, 0)
        zero = torch.zeros_like(x[:1])
        a = self.a(torch.cat([x, torch.cat([zero, x[:-1]])], 2))
        b = self.b(torch.cat([x, torch.cat([x[1:], zero])], 2))
        return torch.cat([a, b], 2).tanh().masked_fill(~real, 0)


class KeepsState(_Base):
    """Starts with the state of the last call."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.state = None

    def forward(self, x, lengths):
        h = self.state
        if h is not None and h.shape[1] != x.shape[1]:
            h = None
        a, h = self.a(x, h)
        self.state = h.detach()
        b = flips(self.b(flips(x, lengths))[0], lengths)
        return self.zeroed(torch.cat([a, b], 2), lengths)


class Normalised(_Base):
    """Batch norm: a sequence in a batch isn't the same as alone."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.norm = nn.BatchNorm1d(inputs)

    def forward(self, x, lengths):
        y = self.norm(x.flatten(0, 1)).view_as(x)
        return super().forward(y, lengths)


class UnusedParameter(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.spare = nn.Linear(hidden, hidden)


class PlainList(nn.Module):
    """Layers in a plain list: the parameters are not registered."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.layers = [nn.GRU(inputs, hidden), nn.GRU(inputs, hidden)]

    def forward(self, x, lengths):
        a = self.layers[0](x)[0]
        b = flips(self.layers[1](flips(x, lengths))[0], lengths)
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        return torch.cat([a, b], 2).masked_fill(~real, 0)


class FrozenBack(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.requires_grad_(False)


class StartsBackWithAhead(_Base):
    """The last state of the forward direction starts the backward one."""

    def forward(self, x, lengths):
        a, _ = self.a(x)
        last = by_gather(a, lengths).unsqueeze(0)
        b = flips(self.b(flips(x, lengths), last)[0], lengths)
        return self.zeroed(torch.cat([a, b], 2), lengths)


class OnlySecondZeroed(_Base):
    def forward(self, x, lengths):
        a, b = self.halves(x, lengths)
        return torch.cat([a, self.zeroed(b, lengths)], 2)


class MultipliesMask(_Base):
    """Zero times nan is nan: what stands in the padding has an influence."""

    def forward(self, x, lengths):
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        return torch.cat(self.halves(x, lengths), 2) * real


class CopiedAtStart(_Base):
    """Both directions begin with equal weights, but have their own."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.load_state_dict(self.a.state_dict())


class ForwardOnTheFuture(_Base):
    """Adds the mean of the sequence to the inputs of both halves."""

    def forward(self, x, lengths):
        mean = self.zeroed(x, lengths).sum(0) / lengths.unsqueeze(1)
        return super().forward(x + mean, lengths)


class InferencePath(_Base):
    """Right in train mode; in eval mode it forgets the lengths."""

    def forward(self, x, lengths):
        if self.training:
            return super().forward(x, lengths)
        return torch.cat([self.a(x)[0], self.b(x.flip(0))[0].flip(0)], 2)


class ZeroNeverNeeded(_Base):
    """Reads as many steps as the batch's mean length."""

    def forward(self, x, lengths):
        return super().forward(x, lengths.float().mean().round().long().expand(len(lengths)))


def by_diagonal(output, lengths):
    return output[lengths - 1].diagonal(dim1=0, dim2=1).T


def by_packing(output, lengths):
    packed = pack_padded_sequence(output, lengths, enforce_sorted=False)
    return torch.stack([part[-1] for part in torch.nn.utils.rnn.unpack_sequence(packed)])


def half_the_gradient(output, lengths):
    last = output[lengths - 1, torch.arange(len(lengths))]
    return (last + last.detach()) / 2


def in_single_precision(output, lengths):
    return output[lengths - 1, torch.arange(len(lengths))].float()


def by_permutation(x, lengths):
    t = torch.arange(len(x))
    k = lengths.view(-1, 1, 1)
    hot = torch.where(t[:, None] < k, t == k - 1 - t[:, None], t == t[:, None])
    return torch.einsum("nts,snd->tnd", hot.to(x.dtype), x)


def through_single_precision(x, lengths):
    return flips(x.float(), lengths).to(x.dtype)


def by_regex(path, blank):
    text = "".join(map(chr, path))
    return [
        (ord(m[1]), m.start(), m.end() - 1)
        for m in re.finditer(r"(.)\1*", text, re.DOTALL)
        if ord(m[1]) != blank
    ]


def by_numpy(path, blank):
    a = np.array(path, dtype=int)
    starts = np.flatnonzero(np.r_[np.ones(min(1, len(a)), bool), a[1:] != a[:-1]])
    ends = np.r_[starts[1:], len(a)] - 1 if len(a) else starts
    return [(int(a[i]), int(i), int(j)) for i, j in zip(starts, ends, strict=True) if a[i] != blank]


def regex_on_digits(path, blank):
    text = "".join(map(str, path))
    return [
        (int(m[1]), m.start(), m.end() - 1)
        for m in re.finditer(r"(.)\1*", text)
        if int(m[1]) != blank
    ]


def regex_without_newline(path, blank):
    text = "".join(map(chr, path))
    return [
        (ord(m[1]), m.start(), m.end() - 1)
        for m in re.finditer(r"(.)\1*", text)
        if ord(m[1]) != blank
    ]


def largest_is_blank(path, blank):
    return by_state(path, max(path, default=0)) if blank else by_state(path, 0)


class DeepCopied(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b = copy.deepcopy(self.a)


class Rectified(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.a = nn.RNN(inputs, hidden, nonlinearity="relu")
        self.b = nn.RNN(inputs, hidden, nonlinearity="relu")


class Mixed(_Base):
    """Another kind of layer for each direction."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b = nn.LSTM(inputs, hidden)


class OwnMean(nn.Module):
    """A cell of one's own without a nonlinearity: a decaying sum."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.ins = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(inputs, hidden)])
        self.decay = nn.Parameter(torch.full((2, hidden), 0.5))

    def forward(self, x, lengths):
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        halves = []
        for d in (0, 1):
            state, states = 0, []
            for t in range(len(x)) if d == 0 else range(len(x) - 1, -1, -1):
                state = (self.decay[d] * state + self.ins[d](x[t])).masked_fill(~real[t], 0)
                states.append(state)
            halves.append(torch.stack(states if d == 0 else states[::-1]))
        return torch.cat(halves, 2)


class SharedInputWeights(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.weight_ih_l0 = self.a.weight_ih_l0
        self.b.bias_ih_l0 = self.a.bias_ih_l0
        self.b.bias_hh_l0 = self.a.bias_hh_l0


class SharedBut(_Base):
    """All shared but one bias."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.weight_ih_l0 = self.a.weight_ih_l0
        self.b.weight_hh_l0 = self.a.weight_hh_l0
        self.b.bias_hh_l0 = self.a.bias_hh_l0


class SharedWithAFactor(_Base):
    """One layer for both directions, and a sign that tells them apart."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        del self.b

    def forward(self, x, lengths):
        back = flips(self.a(-flips(x, lengths))[0], lengths)
        return self.zeroed(torch.cat([self.a(x)[0], back], 2), lengths)


class DroppedBetweenLayers(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.a = nn.GRU(inputs, hidden, num_layers=2, dropout=0.3)
        self.b = nn.GRU(inputs, hidden, num_layers=2, dropout=0.3)


class NormalisedByBatch(_Base):
    """Each step is centred over the batch."""

    def forward(self, x, lengths):
        return super().forward(x - x.mean(1, keepdim=True), lengths)


class StackedBidirectional(nn.Module):
    """Halves of two bidirectional layers."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        kind = lambda: nn.GRU(inputs, hidden, 1, True, False, 0.0, True)
        self.a, self.b = kind(), kind()

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        a = pad_packed_sequence(self.a(packed)[0], total_length=len(x))[0]
        b = pad_packed_sequence(self.b(packed)[0], total_length=len(x))[0]
        return torch.cat([a[..., : self.hidden], b[..., self.hidden :]], 2)


class ForwardFrozen(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        for p in self.a.parameters():
            p.requires_grad = False


class BiasFrozen(_Base):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.b.bias_hh_l0.requires_grad = False


class RightOnlyForTheBatchsOrder(_Base):
    """Sorts, and forgets to put the batch back in order."""

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        return super().forward(x[:, order], lengths)


class NewLayersEachCall(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.sizes = inputs, hidden

    def forward(self, x, lengths):
        return _Base(*self.sizes)(x, lengths)


class AllInNoGrad(_Base):
    @torch.no_grad()
    def forward(self, x, lengths):
        return super().forward(x, lengths)


class PlainBackLayer(_Base):
    """One layer registered, the other in a list."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        del self.b
        self.other = [nn.GRU(inputs, hidden)]

    def forward(self, x, lengths):
        a, b = self.a(x)[0], flips(self.other[0](flips(x, lengths))[0], lengths)
        return self.zeroed(torch.cat([a, b], 2), lengths)


RIGHT = {
    "27.1": [
        by_diagonal,
        by_packing,
        by_loop,
        by_gather,
        by_mask_sum,
        by_one_hot_einsum,
        by_boolean_index,
        by_flat_index,
        by_scan,
        by_take_along_dim,
    ],
    "27.2": [
        by_permutation,
        flips,
        columns,
        advanced_index,
        roll_of_flip,
        modulo,
        nested_python,
        index_copied,
        masked_select,
    ],
    "27.3": [
        by_regex,
        by_numpy,
        by_state,
        by_while,
        by_borders,
        by_torch,
        recursive,
        by_sentinel,
        by_groupby_enumerate,
    ],
    "27.4": [
        DeepCopied,
        Rectified,
        Mixed,
        OwnMean,
        _Base,
        PackedHalves,
        OneByOne,
        CellsWithMask,
        OwnCell,
        BatchFirstTwoLayers,
        PushedToTheEnd,
        NoBias,
        CopiedAtStart,
        MultipliesMask,
    ],
}


WRONG = {
    "27.1": [
        half_the_gradient,
        in_single_precision,
        last_of_all,
        off_by_one,
        one_too_far,
        without_arange,
        shortest,
        detached,
        list_of_rows,
        first_step,
        batch_first,
        mean_of_real,
        sorted_batch,
        max_over_time,
        new_tensors,
        zeroes_the_padding_in_place,
        changes_lengths,
        length_clipped_to_two,
        one_row_squeezed,
        transposed,
        sum_with_zeros,
    ],
    "27.2": [
        through_single_precision,
        flip_all,
        flip_all_and_roll,
        zero_padding,
        in_place,
        in_place_through_data,
        detached_copy,
        flips_features,
        one_short,
        one_too_many,
        pads_with_zeros_by_pad_sequence,
        float_result,
        padding_to_the_front,
        last_sequence_missing,
        cuts_to_longest,
        clamped_index,
        swaps_ends_only,
        gradient_of_real_only,
        gradient_straight_through,
    ],
    "27.3": [
        regex_on_digits,
        regex_without_newline,
        largest_is_blank,
        end_exclusive,
        blanks_too,
        from_one,
        blank_is_zero,
        forgets_the_last_run,
        joins_across_blanks,
        places_without_blanks,
        one_per_symbol,
        sorted_by_symbol,
        fails_when_empty,
        first_and_size,
        each_step,
        by_index_method,
        counts_runs_only,
        generator_of_spans,
        changes_path,
        appends_blank,
        only_split_by_blank,
        identity_compares,
        first_last_order,
        blank_minus_one_start,
    ],
    "27.4": [
        SharedInputWeights,
        SharedBut,
        SharedWithAFactor,
        DroppedBetweenLayers,
        NormalisedByBatch,
        StackedBidirectional,
        ForwardFrozen,
        BiasFrozen,
        RightOnlyForTheBatchsOrder,
        NewLayersEachCall,
        AllInNoGrad,
        PlainBackLayer,
        FlipsThePadding,
        FlipsZeroedPadding,
        NotZeroBeyond,
        ZeroedInput,
        SharedWeights,
        SharedParameters,
        NotFlippedBack,
        HalvesSwapped,
        Interleaved,
        NeedsSorted,
        NoTotalLength,
        Bidirectional,
        BackDetached,
        ChangesInput,
        SecondReadsFirst,
        WithoutOwnStep,
        FirstWithoutOwnStep,
        WindowOfTwo,
        KeepsState,
        Normalised,
        UnusedParameter,
        PlainList,
        FrozenBack,
        StartsBackWithAhead,
        OnlySecondZeroed,
        ForwardOnTheFuture,
        InferencePath,
        ZeroNeverNeeded,
    ],
}
