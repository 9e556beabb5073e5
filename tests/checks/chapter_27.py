"""Right and wrong answers to the exercises of chapter 27, and the hint that each must get."""

import copy
import re
from itertools import groupby

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def indexed(output, lengths):
    return output[lengths - 1, torch.arange(len(lengths))]


def gathered(output, lengths):
    index = (lengths - 1).view(1, -1, 1).expand(1, -1, output.shape[2])
    return output.gather(0, index).squeeze(0)


def stacked(output, lengths):
    return torch.stack([output[n - 1, i] for i, n in enumerate(lengths.tolist())])


def masked(output, lengths):
    steps = torch.arange(len(output)).unsqueeze(1)
    return (output * (steps == lengths - 1).unsqueeze(2)).sum(dim=0)


def last_of_batch(output, lengths):
    return output[-1]


def one_too_late(output, lengths):
    return output[lengths % len(output), torch.arange(len(lengths))]


def index_n(output, lengths):
    return output[lengths.clamp(max=len(output) - 1), torch.arange(len(lengths))]


def one_too_early(output, lengths):
    return output[lengths - 2, torch.arange(len(lengths))]


def first(output, lengths):
    return output[0]


def of_the_longest(output, lengths):
    return output[lengths.max() - 1]


def each_with_all(output, lengths):
    return output[lengths - 1]


def mean_of_all(output, lengths):
    return output.mean(dim=0)


def detached(output, lengths):
    return indexed(output.detach(), lengths)


def rows_in_a_list(output, lengths):
    return [output[n - 1, i] for i, n in enumerate(lengths)]


def shortens_lengths(output, lengths):
    lengths -= 1
    return output[lengths, torch.arange(len(lengths))]


def beyond_the_end(output, lengths):
    return output[lengths, torch.arange(len(lengths))]


def in_single_precision(output, lengths):
    return indexed(output.float(), lengths)


def rounded_to_single(output, lengths):
    return indexed(output.float(), lengths).to(output.dtype)


def flipped_parts(x, lengths):
    columns = [torch.cat([x[:n, i].flip(0), x[n:, i]]) for i, n in enumerate(lengths.tolist())]
    return torch.stack(columns, dim=1)


def by_gather(x, lengths):
    steps = torch.arange(len(x)).unsqueeze(1)
    source = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x.gather(0, source.unsqueeze(2).expand_as(x))


def by_copy(x, lengths):
    result = x.clone()
    for i, n in enumerate(lengths):
        result[:n, i] = x[:n, i].flip(0)
    return result


def by_index(x, lengths):
    steps = torch.arange(len(x)).view(-1, 1)
    source = (lengths - 1 - steps) * (steps < lengths) + steps * (steps >= lengths)
    return x[source, torch.arange(x.shape[1])]


def whole_flip(x, lengths):
    return x.flip(0)


def padding_in_front(x, lengths):
    flipped = x.flip(0)
    return flipped.clone()


def padding_zero(x, lengths):
    real = torch.arange(len(x)).unsqueeze(1) < lengths
    return by_gather(x, lengths) * real.unsqueeze(2)


def unchanged(x, lengths):
    return x.clone()


def sequences_reversed(x, lengths):
    return x.flip(1)


def shortest_only(x, lengths):
    return by_gather(x, lengths.clamp(max=int(lengths.min())))


def without_the_last(x, lengths):
    return by_gather(x, lengths - 1)


def padding_turned_too(x, lengths):
    columns = [
        torch.cat([x[:n, i].flip(0), x[n:, i].flip(0)]) for i, n in enumerate(lengths.tolist())
    ]
    return torch.stack(columns, dim=1)


def in_place(x, lengths):
    with torch.no_grad():
        x.copy_(by_gather(x.clone(), lengths))
    return x


def cut_graph(x, lengths):
    return by_gather(x.detach(), lengths)


def as_float(x, lengths):
    return by_gather(x, lengths).float()


def rounded(x, lengths):
    return by_gather(x.float(), lengths).to(x.dtype)


def by_numpy(x, lengths):
    return by_gather(x.detach(), lengths).numpy()


def by_groups(path, blank):
    found, place = [], 0
    for symbol, run in groupby(path):
        size = len(list(run))
        if symbol != blank:
            found.append((symbol, place, place + size - 1))
        place += size
    return found


def by_steps(path, blank):
    found = []
    for step, symbol in enumerate(path):
        if symbol == blank:
            continue
        if step and path[step - 1] == symbol:
            found[-1][2] = step
        else:
            found.append([symbol, step, step])
    return found


def by_borders(path, blank):
    starts = [i for i in range(len(path)) if i == 0 or path[i] != path[i - 1]]
    ends = [*(i - 1 for i in starts[1:]), len(path) - 1]
    return [(path[a], a, b) for a, b in zip(starts, ends, strict=False) if path[a] != blank]


def end_exclusive(path, blank):
    return [(s, a, b + 1) for s, a, b in by_groups(path, blank)]


def with_sizes(path, blank):
    return [(s, a, b - a + 1) for s, a, b in by_groups(path, blank)]


def from_one(path, blank):
    return [(s, a + 1, b + 1) for s, a, b in by_groups(path, blank)]


def blanks_too(path, blank):
    return by_groups(path, None)


def blanks_dropped_first(path, blank):
    return by_groups([symbol for symbol in path if symbol != blank], None)


def joined_across_blanks(path, blank):
    found = []
    for symbol, start, end in by_groups(path, blank):
        if found and found[-1][0] == symbol:
            found[-1] = (symbol, found[-1][1], end)
        else:
            found.append((symbol, start, end))
    return found


def forgets_the_last(path, blank):
    found, start = [], 0
    for step in range(1, len(path)):
        if path[step] != path[start]:
            if path[start] != blank:
                found.append((path[start], start, step - 1))
            start = step
    return found


def blank_is_zero(path, blank):
    return by_groups(path, 0)


def step_by_step(path, blank):
    return [(symbol, t, t) for t, symbol in enumerate(path) if symbol != blank]


def symbol_last(path, blank):
    return [(a, b, s) for s, a, b in by_groups(path, blank)]


def symbols_only(path, blank):
    return [s for s, _, _ in by_groups(path, blank)]


def as_dictionary(path, blank):
    return {s: (a, b) for s, a, b in by_groups(path, blank)}


def fails_when_empty(path, blank):
    assert path[0] is not None
    return by_groups(path, blank)


def by_identity(path, blank):
    found = []
    for step, symbol in enumerate(path):
        if symbol != blank:
            if step and path[step - 1] is symbol:
                found[-1] = (symbol, found[-1][1], step)
            else:
                found.append((symbol, step, step))
    return found


def by_characters(path, blank):
    """A dot stands for any character but a newline, which is the one of class 10."""
    runs = re.finditer(r"(.)\1*", "".join(map(chr, path)))
    return [(ord(run[1]), run.start(), run.end() - 1) for run in runs if ord(run[1]) != blank]


class Turned(nn.Module):
    kind = nn.GRU

    def __init__(self, inputs, hidden):
        super().__init__()
        self.ahead, self.back = self.kind(inputs, hidden), self.kind(inputs, hidden)

    def halves(self, x, lengths):
        ahead, _ = self.ahead(x)
        back, _ = self.back(by_gather(x, lengths))
        return ahead, by_gather(back, lengths)

    def join(self, parts, lengths):
        y = torch.cat(parts, dim=2)
        filling = torch.arange(len(y)).unsqueeze(1) >= lengths
        return y.masked_fill(filling.unsqueeze(2), 0)

    def forward(self, x, lengths):
        return self.join(self.halves(x, lengths), lengths)


class TurnedLSTM(Turned):
    kind = nn.LSTM


class Packed(Turned):
    kind = nn.RNN

    def halves(self, x, lengths):
        parts = []
        for layer, z in ((self.ahead, x), (self.back, by_copy(x, lengths))):
            packed = pack_padded_sequence(z, lengths, enforce_sorted=False)
            parts.append(pad_packed_sequence(layer(packed)[0], total_length=len(x))[0])
        return parts[0], by_copy(parts[1], lengths)


class StartsEqual(Turned):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.back = copy.deepcopy(self.ahead)


class Rectified(Turned):
    def kind(self, inputs, hidden):
        return nn.RNN(inputs, hidden, nonlinearity="relu")


class OneByOne(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.cells = nn.ModuleList(nn.GRUCell(inputs, hidden) for _ in range(2))

    def forward(self, x, lengths):
        y = x.new_zeros(len(x), x.shape[1], 2 * self.hidden)
        for i, n in enumerate(lengths.tolist()):
            for half, order in enumerate((range(n), reversed(range(n)))):
                h = x.new_zeros(self.hidden)
                for t in order:
                    h = self.cells[half](x[t, i], h)
                    y[t, i, half * self.hidden : (half + 1) * self.hidden] = h
        return y


class HalvesExchanged(Turned):
    def halves(self, x, lengths):
        return super().halves(x, lengths)[::-1]


class NotTurnedBack(Turned):
    def halves(self, x, lengths):
        return self.ahead(x)[0], self.back(by_gather(x, lengths))[0]


class BothForward(Turned):
    def halves(self, x, lengths):
        return self.ahead(x)[0], self.back(x)[0]


class FlippedWithPadding(Turned):
    def halves(self, x, lengths):
        return self.ahead(x)[0], self.back(x.flip(0))[0].flip(0)


class PaddingNotZero(Turned):
    def join(self, parts, lengths):
        return torch.cat(parts, dim=2)


class SharedWeights(Turned):
    def halves(self, x, lengths):
        return self.ahead(x)[0], by_gather(self.ahead(by_gather(x, lengths))[0], lengths)


class SharedRecurrence(Turned):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.back.weight_hh_l0 = self.ahead.weight_hh_l0


class ToldApartByASign(Turned):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        del self.back

    def halves(self, x, lengths):
        return self.ahead(x)[0], by_gather(self.ahead(by_gather(-x, lengths))[0], lengths)


class HalfHidden(Turned):
    """The second layer is no part of the module."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        del self.back
        self.others = [nn.GRU(inputs, hidden)]

    def halves(self, x, lengths):
        back, _ = self.others[0](by_gather(x, lengths))
        return self.ahead(x)[0], by_gather(back, lengths)


class AllHidden(Turned):
    """Both layers stand in a plain dictionary."""

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.layers = {"ahead": self.ahead, "back": self.back}
        del self.ahead, self.back

    def halves(self, x, lengths):
        back, _ = self.layers["back"](by_gather(x, lengths))
        return self.layers["ahead"](x)[0], by_gather(back, lengths)


class FrozenBias(Turned):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.back.bias_hh_l0.requires_grad_(False)


class FlippedInEval(Turned):
    def halves(self, x, lengths):
        if self.training:
            return super().halves(x, lengths)
        return self.ahead(x)[0], self.back(x.flip(0))[0].flip(0)


class UnusedLayer(Turned):
    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.extra = nn.Linear(hidden, hidden)


class Builtin(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return pad_packed_sequence(self.gru(packed)[0], total_length=len(x))[0]


class Shortened(Packed):
    def forward(self, x, lengths):
        return super().forward(x, lengths)[: lengths.max()]


class Summed(Turned):
    def forward(self, x, lengths):
        ahead, back = self.halves(x, lengths)
        return ahead + back


class NoMemory(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.linear = nn.Linear(inputs, 2 * hidden)

    def forward(self, x, lengths):
        return self.linear(x).tanh()


class CutGraph(Turned):
    def forward(self, x, lengths):
        return super().forward(x, lengths).detach()


class BatchFirst(Turned):
    def halves(self, x, lengths):
        x = x.transpose(0, 1)
        ahead, back = self.ahead(x)[0], self.back(x.flip(0))[0].flip(0)
        return ahead.transpose(0, 1), back.transpose(0, 1)


class OfTheBatch(Turned):
    def halves(self, x, lengths):
        ahead, back = super().halves(x, lengths)
        real = (torch.arange(len(x)).unsqueeze(1) < lengths).unsqueeze(2)
        return ahead - 0.1 * (ahead * real).mean(dim=1, keepdim=True), back


RIGHT = {
    "27.1": [indexed, gathered, stacked, masked],
    "27.2": [flipped_parts, by_gather, by_copy, by_index],
    "27.3": [by_groups, by_steps, by_borders],
    "27.4": [Turned, TurnedLSTM, Packed, OneByOne, StartsEqual, Rectified],
}

WRONG = {
    "27.1": [
        (index_n, "the last of n steps has the index n - 1"),
        (last_of_batch, "This is the last step of the batch"),
        (one_too_late, "This is one step too late"),
        (one_too_early, "This is one step too early"),
        (first, "This is the first step"),
        (of_the_longest, "the last step of the batch, output[-1]"),
        (each_with_all, "Each sequence was combined with the last step of every other"),
        (mean_of_all, "This is the mean of all steps"),
        (detached, "no graph"),
        (rows_in_a_list, "should be a torch.Tensor, and it is a list"),
        (shortens_lengths, "lengths"),
        (beyond_the_end, "IndexError"),
        (in_single_precision, "has dtype float32, and float64 is asked for"),
        (rounded_to_single, "The numbers were rounded to float32 on the way"),
    ],
    "27.2": [
        (whole_flip, "padding included"),
        (padding_in_front, "padding included"),
        (padding_zero, "the padding became zeros"),
        (unchanged, "This is x itself"),
        (sequences_reversed, "The sequences were put in reverse order"),
        (shortest_only, "within the length of the shortest"),
        (without_the_last, "The last real step did not move"),
        (padding_turned_too, "The padding was turned over as well"),
        (in_place, "an in-place operation is at work"),
        (cut_graph, "no graph"),
        (as_float, "float64 is asked for"),
        (by_numpy, "should be a torch.Tensor"),
        (rounded, "The numbers were rounded to float32 on the way"),
    ],
    "27.3": [
        (end_exclusive, "one too large"),
        (with_sizes, "how long the run is"),
        (from_one, "Steps are counted from 0"),
        (blanks_too, "Blanks are in it"),
        (blanks_dropped_first, "The blanks were dropped before"),
        (joined_across_blanks, "and they were joined"),
        (forgets_the_last, "The last span is missing"),
        (blank_is_zero, "The blank is 0 for this answer"),
        (step_by_step, "Repeats are listed one by one"),
        (symbol_last, "in this order"),
        (symbols_only, "should be a list; it is"),
        (as_dictionary, "should be a list; it is"),
        (fails_when_empty, "IndexError"),
        (by_identity, "compare them by ==, not by is"),
        (by_characters, "gave [(3, 0, 0), (13, 3, 3), (92, 4, 4)], and it should be"),
    ],
    "27.4": [
        (HalvesExchanged, "The halves are exchanged"),
        (NotTurnedBack, "turn its outputs back"),
        (BothForward, "reads from the beginning as well"),
        (FlippedWithPadding, "The second half changes when the numbers in the padding change"),
        (PaddingNotZero, "is not zero beyond the end"),
        (SharedWeights, "each direction needs weights of its own"),
        (SharedRecurrence, "ahead.weight_hh_l0 serves both directions"),
        (ToldApartByASign, "serves both directions: each direction needs weights of its own"),
        (HalfHidden, "that net.parameters() doesn't list"),
        (AllHidden, "The module lists no parameters"),
        (FrozenBias, "back.bias_hh_l0: requires_grad is off"),
        (FlippedInEval, "The second half changes when the numbers in the padding change"),
        (UnusedLayer, "No gradient reaches extra.bias, extra.weight"),
        (Builtin, "A layer with bidirectional=True does the work"),
        (Shortened, "is asked for. Two halves of hidden features"),
        (Summed, "is asked for. Two halves of hidden features"),
        (NoMemory, "The first half at step t should depend on the steps 0 to t"),
        (CutGraph, "The result has no graph"),
        (BatchFirst, "The first half at step t should depend on the steps 0 to t"),
        (OfTheBatch, "is what the same module gives for the sequence alone"),
    ],
}
