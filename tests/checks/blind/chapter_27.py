"""Chapter 27."""

import torch
from torch import nn


def last_pairs(output, lengths):
    return output[[n - 1 for n in lengths.tolist()], range(len(lengths))]


def last_permuted(output, lengths):
    by_sequence = output.permute(1, 0, 2)
    return torch.cat([s[n - 1 : n] for s, n in zip(by_sequence, lengths, strict=True)])


def last_take_along(output, lengths):
    where = (lengths - 1)[None, :, None].repeat(1, 1, output.size(-1))
    return torch.take_along_dim(output, where, dim=0)[0]


def last_one_hot(output, lengths):
    chosen = nn.functional.one_hot(lengths - 1, len(output)).to(output.dtype)
    return torch.einsum("nt,tnh->nh", chosen, output)


def last_is_end(output, lengths):
    return output[-1, :, :]


def last_keeps_time(output, lengths):
    return output[lengths - 1, torch.arange(len(lengths))].unsqueeze(0)


def last_batch_first(output, lengths):
    return output[torch.arange(len(lengths)), lengths - 1]


def last_max_over_time(output, lengths):
    return output.amax(dim=0)


def last_mean_of_real(output, lengths):
    real = (torch.arange(len(output))[:, None] < lengths).unsqueeze(-1)
    return (output * real).sum(0) / lengths[:, None]


def last_numbers(output, lengths):
    return torch.tensor([output[n - 1, i].tolist() for i, n in enumerate(lengths)])


def last_nonzero(output, lengths):
    return output.sum(dim=0)


def last_off_by_one(output, lengths):
    return output[lengths.clamp(max=len(output) - 1), torch.arange(len(lengths))]


def back_loop(x, lengths):
    y = torch.empty_like(x)
    for i in range(x.shape[1]):
        for t in range(x.shape[0]):
            y[t, i] = x[lengths[i] - 1 - t, i] if t < lengths[i] else x[t, i]
    return y


def back_split(x, lengths):
    parts = []
    for column, n in zip(x.unbind(1), lengths.tolist(), strict=True):
        real, rest = column.split([n, len(column) - n])
        parts.append(torch.cat((torch.flip(real, [0]), rest)))
    return torch.stack(parts, 1)


def back_index(x, lengths):
    t = torch.arange(len(x)).unsqueeze(-1).expand(-1, len(lengths))
    t = torch.where(t < lengths, lengths - t - 1, t)
    return x[t, torch.arange(len(lengths))]


def back_everything(x, lengths):
    return torch.flip(x, dims=[0])


def back_modulo(x, lengths):
    t = torch.arange(len(x)).unsqueeze(1)
    return x[(lengths - 1 - t) % len(x), torch.arange(len(lengths))]


def back_clamped(x, lengths):
    t = (lengths - 1 - torch.arange(len(x)).unsqueeze(1)).clamp(min=0)
    return x[t, torch.arange(len(lengths))]


def back_zeros(x, lengths):
    y = torch.zeros_like(x)
    for i, n in enumerate(lengths):
        y[:n, i] = x[:n, i].flip(0)
    return y


def back_off_by_one(x, lengths):
    y = x.clone()
    for i, n in enumerate(lengths.tolist()):
        y[: n - 1, i] = x[: n - 1, i].flip(0)
    return y


def back_detached(x, lengths):
    return back_index(x.detach(), lengths)


def back_batch(x, lengths):
    return x[:, torch.arange(x.shape[1] - 1, -1, -1)]


def back_list(x, lengths):
    return [x[:n, i].flip(0) for i, n in enumerate(lengths)]


def spans_while(path, blank):
    result, start = [], 0
    while start < len(path):
        stop = start
        while stop + 1 < len(path) and path[stop + 1] == path[start]:
            stop += 1
        if path[start] != blank:
            result.append((path[start], start, stop))
        start = stop + 1
    return result


def spans_previous(path, blank):
    result, previous = [], None
    for i, c in enumerate(path):
        if c != previous:
            result.append((c, i, i))
        else:
            result[-1] = (c, result[-1][1], i)
        previous = c
    return [r for r in result if r[0] != blank]


def spans_tensor(path, blank):
    if not path:
        return []
    values, counts = torch.tensor(path).unique_consecutive(return_counts=True)
    ends = counts.cumsum(0)
    rows = torch.stack([values, ends - counts, ends - 1], 1)
    return [tuple(row) for row in rows[values != blank].tolist()]


def spans_half_open(path, blank):
    return [(c, a, b + 1) for c, a, b in spans_while(path, blank)]


def spans_join_equal(path, blank):
    result = []
    for c, a, b in spans_while(path, blank):
        if result and result[-1][0] == c:
            result[-1] = (c, result[-1][1], b)
        else:
            result.append((c, a, b))
    return result


def spans_truthy(path, blank):
    return [s for s in spans_previous(path, blank) if s[0]]


def spans_index(path, blank):
    return [
        (c, path.index(c), len(path) - 1 - path[::-1].index(c)) for c in set(path) if c != blank
    ]


def spans_with_blank(path, blank):
    return spans_while(path, -1)


def spans_last_lost(path, blank):
    result, start = [], None
    for i, c in enumerate(path):
        if start is not None and c != path[start]:
            result.append((path[start], start, i - 1))
            start = None
        if start is None and c != blank:
            start = i
    return result


def spans_sizes(path, blank):
    return [(c, a, b - a) for c, a, b in spans_while(path, blank)]


class TwoRNNs(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.left = nn.RNN(inputs, hidden)
        self.right = nn.RNN(inputs, hidden)
        self.hidden = hidden

    def forward(self, x, lengths):
        out = torch.zeros(len(x), x.size(1), 2 * self.hidden, dtype=x.dtype)
        for i, n in enumerate(lengths):
            alone = x[:n, i : i + 1]
            out[:n, i : i + 1, : self.hidden] = self.left(alone)[0]
            out[:n, i : i + 1, self.hidden :] = self.right(alone.flip(0))[0].flip(0)
        return out


class MaskedCells(nn.Module):
    """From the end, the state stays zero until the sequence begins."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.a, self.b = nn.LSTMCell(inputs, hidden), nn.LSTMCell(inputs, hidden)
        self.hidden = hidden

    def walk(self, cell, x, lengths, order):
        h = c = x.new_zeros(x.size(1), self.hidden)
        found = [None] * len(x)
        for t in order:
            real = (t < lengths).unsqueeze(1)
            new_h, new_c = cell(x[t], (h, c))
            h, c = torch.where(real, new_h, h), torch.where(real, new_c, c)
            found[t] = torch.where(real, h, torch.zeros_like(h))
        return torch.stack(found)

    def forward(self, x, lengths):
        steps = range(len(x))
        a = self.walk(self.a, x, lengths, steps)
        b = self.walk(self.b, x, lengths, reversed(steps))
        return torch.cat([a, b], -1)


class ShiftedGRUs(nn.Module):
    """Rolls each sequence to the end before the batch is turned over."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.layers = nn.ModuleDict({k: nn.GRU(inputs, hidden) for k in ("onward", "homeward")})

    def forward(self, x, lengths):
        def roll(z, sign):
            columns = [z[:, i].roll(sign * (len(z) - int(n)), 0) for i, n in enumerate(lengths)]
            return torch.stack(columns, 1)

        fro = roll(self.layers["homeward"](roll(x, 1).flip(0))[0].flip(0), -1)
        both = torch.cat([self.layers["onward"](x)[0], fro], 2)
        return both * (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)


class PlainFlip(TwoRNNs):
    def forward(self, x, lengths):
        y = torch.cat([self.left(x)[0], self.right(x.flip(0))[0].flip(0)], -1)
        return y * (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)


class ForgotToTurnBack(TwoRNNs):
    def forward(self, x, lengths):
        out = torch.zeros(len(x), x.size(1), 2 * self.hidden)
        for i, n in enumerate(lengths):
            alone = x[:n, i]
            out[:n, i] = torch.cat([self.left(alone)[0], self.right(alone.flip(0))[0]], 1)
        return out


class Swapped(TwoRNNs):
    def forward(self, x, lengths):
        return super().forward(x, lengths).roll(self.hidden, -1)


class OneLayer(TwoRNNs):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.right = self.left


class NoZeros(TwoRNNs):
    def forward(self, x, lengths):
        return super().forward(x, lengths) + 1


class ByTheFramework(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.inner = nn.LSTM(inputs, hidden, bidirectional=True)

    def forward(self, x, lengths):
        pack = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.inner(pack)[0], total_length=len(x))[0]


class OnlyForward(TwoRNNs):
    def forward(self, x, lengths):
        y = torch.cat([self.left(x)[0], self.right(x)[0]], -1)
        return y * (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)


class Frozen(TwoRNNs):
    def forward(self, x, lengths):
        return super().forward(x, lengths).data


RIGHT = {
    "27.1": [last_pairs, last_permuted, last_take_along, last_one_hot],
    "27.2": [back_loop, back_split, back_index],
    "27.3": [spans_while, spans_previous, spans_tensor],
    "27.4": [TwoRNNs, MaskedCells, ShiftedGRUs],
}

WRONG = {
    "27.1": [
        last_is_end,
        last_keeps_time,
        last_batch_first,
        last_max_over_time,
        last_mean_of_real,
        last_numbers,
        last_nonzero,
        last_off_by_one,
    ],
    "27.2": [
        back_everything,
        back_modulo,
        back_clamped,
        back_zeros,
        back_off_by_one,
        back_detached,
        back_batch,
        back_list,
    ],
    "27.3": [
        spans_half_open,
        spans_join_equal,
        spans_truthy,
        spans_index,
        spans_with_blank,
        spans_last_lost,
        spans_sizes,
    ],
    "27.4": [
        PlainFlip,
        ForgotToTurnBack,
        Swapped,
        OneLayer,
        NoZeros,
        ByTheFramework,
        OnlyForward,
        Frozen,
    ],
}
