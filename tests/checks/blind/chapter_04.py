"""Chapter 04."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset


class Rows_simple(Dataset):
    """keeps the table and reads on demand"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        x = torch.tensor([row[c] for c in self.columns], dtype=torch.float32)
        return (x, int(row[self.target]))


class Rows_eager(Dataset):
    """converts everything in the constructor, hands out rows of one tensor"""

    def __init__(self, table, columns, target):
        columns = list(columns)
        self.x = torch.tensor(
            [[float(row[c]) for c in columns] for row in table], dtype=torch.float32
        ).reshape(len(table), len(columns))
        self.y = [int(row[target]) for row in table]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return (self.x[index].clone(), self.y[index])


class Rows_numpy(Dataset):
    """through numpy float32, tuple built by a helper method"""

    def __init__(self, table, columns, target):
        self._rows = [dict(row) for row in table]
        self._names = tuple(columns)
        self._label = target

    def _features(self, row):
        return np.fromiter((row[name] for name in self._names), dtype=np.float32)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, i):
        row = self._rows[i]
        pair = (torch.from_numpy(self._features(row)), int(row[self._label]))
        return pair


class Rows_float_target(Dataset):
    """target stays 2.0 where the table has it so"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (torch.tensor([row[c] for c in self.columns], dtype=torch.float32), row[self.target])


class Rows_tensor_target(Dataset):
    """target is a tensor, not a Python int"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            torch.tensor([row[c] for c in self.columns], dtype=torch.float32),
            torch.tensor(int(row[self.target])),
        )


class Rows_default_dtype(Dataset):
    """no dtype: ints in the table give int64"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (torch.tensor([row[c] for c in self.columns]), int(row[self.target]))


class Rows_sorted_columns(Dataset):
    """sorts the columns: order lost"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, sorted(columns), target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            torch.tensor([row[c] for c in self.columns], dtype=torch.float32),
            int(row[self.target]),
        )


class Rows_table_order(Dataset):
    """takes the order of the dictionary, not of columns"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            torch.tensor([v for k, v in row.items() if k in self.columns], dtype=torch.float32),
            int(row[self.target]),
        )


class Rows_all_but_target(Dataset):
    """ignores columns: every other entry is a feature"""

    def __init__(self, table, columns, target):
        self.table, self.target = (table, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            torch.tensor([v for k, v in row.items() if k != self.target], dtype=torch.float32),
            int(row[self.target]),
        )


class Rows_pops(Dataset):
    """pops the target out of the caller's rows: table changed"""

    def __init__(self, table, columns, target):
        self.y = [int(row.pop(target)) for row in table]
        self.x = [torch.tensor([row[c] for c in columns], dtype=torch.float32) for row in table]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return (self.x[index], self.y[index])


class Rows_converts_in_table(Dataset):
    """writes int targets back into the caller's table"""

    def __init__(self, table, columns, target):
        for row in table:
            row[target] = int(row[target])
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (torch.tensor([row[c] for c in self.columns], dtype=torch.float32), row[self.target])


class Rows_length_of_columns(Dataset):
    """__len__ counts columns, not rows"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.columns)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            torch.tensor([row[c] for c in self.columns], dtype=torch.float32),
            int(row[self.target]),
        )


class Rows_swapped(Dataset):
    """(target, features) instead of (features, target)"""

    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = (table, columns, target)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return (
            int(row[self.target]),
            torch.tensor([row[c] for c in self.columns], dtype=torch.float32),
        )


def pad_loop(samples):
    lengths = [len(s) for s in samples]
    batch = torch.zeros(len(samples), max(lengths), dtype=samples[0].dtype)
    for i, s in enumerate(samples):
        batch[i, : len(s)] = s
    return (batch, torch.tensor(lengths))


def pad_library(samples):
    return (pad_sequence(samples, batch_first=True), torch.tensor([s.numel() for s in samples]))


def pad_functional(sequences):
    longest = max(s.shape[0] for s in sequences)
    rows = [torch.nn.functional.pad(s, (0, longest - s.shape[0])) for s in sequences]
    return [torch.stack(rows), torch.tensor([s.shape[0] for s in sequences], dtype=torch.int32)]


def pad_cat(samples):
    n = max(map(len, samples))
    rows = [torch.cat([s, s.new_zeros(n - len(s))]) for s in samples]
    return (torch.stack(rows), torch.LongTensor(list(map(len, samples))))


def pad_front(samples):
    n = max(map(len, samples))
    return (
        torch.stack([torch.cat([s.new_zeros(n - len(s)), s]) for s in samples]),
        torch.tensor([len(s) for s in samples]),
    )


def pad_time_first(samples):
    return (pad_sequence(samples), torch.tensor([len(s) for s in samples]))


def pad_always_float(samples):
    n = max(map(len, samples))
    batch = torch.zeros(len(samples), n)
    for i, s in enumerate(samples):
        batch[i, : len(s)] = s
    return (batch, torch.tensor([len(s) for s in samples]))


def pad_lengths_list(samples):
    return (pad_sequence(samples, batch_first=True), [len(s) for s in samples])


def pad_lengths_float(samples):
    return (pad_sequence(samples, batch_first=True), torch.tensor([float(len(s)) for s in samples]))


def pad_lengths_after(samples):
    batch = pad_sequence(samples, batch_first=True)
    return (batch, torch.full((len(samples),), batch.shape[1]))


def pad_counts_nonzero(samples):
    batch = pad_sequence(samples, batch_first=True)
    return (batch, (batch != 0).sum(dim=1))


def pad_minus_one(samples):
    return (
        pad_sequence(samples, batch_first=True, padding_value=-1),
        torch.tensor([len(s) for s in samples]),
    )


def pad_truncates(samples):
    n = min(map(len, samples))
    return (torch.stack([s[:n] for s in samples]), torch.tensor([len(s) for s in samples]))


def pad_sorted(samples):
    samples = sorted(samples, key=len, reverse=True)
    return (pad_sequence(samples, batch_first=True), torch.tensor([len(s) for s in samples]))


def pad_only_batch(samples):
    return pad_sequence(samples, batch_first=True)


def stratified_nonzero(labels, share):
    first, second = ([], [])
    for c in labels.unique():
        where = (labels == c).nonzero().flatten().tolist()
        k = int(share * len(where))
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_dict(labels, share):
    groups = defaultdict(list)
    for i, label in enumerate(labels.tolist()):
        groups[label].append(i)
    first = []
    for members in groups.values():
        first.extend(members[: math.floor(len(members) * share)])
    chosen = set(first)
    return (first, [i for i in range(len(labels)) if i not in chosen])


def stratified_shuffled(labels, share):
    a, b = ([], [])
    for c in set(labels.tolist()):
        idx = torch.where(labels == c)[0]
        idx = idx[torch.randperm(len(idx))]
        k = int(len(idx) * share)
        a.extend(idx[:k].tolist())
        b.extend(idx[k:].tolist())
    return [a, b]


def stratified_quota(labels, share):
    values = labels.tolist()
    quota = {c: int(n * share) for c, n in Counter(values).items()}
    parts = ([], [])
    for i in reversed(range(len(values))):
        take = quota[values[i]] > 0
        quota[values[i]] -= take
        parts[0 if take else 1].append(i)
    return parts


def stratified_overall(labels, share):
    order = torch.randperm(len(labels)).tolist()
    k = int(len(labels) * share)
    return (order[:k], order[k:])


def stratified_front(labels, share):
    k = int(len(labels) * share)
    return (list(range(k)), list(range(k, len(labels))))


def stratified_range(labels, share):
    first, second = ([], [])
    for c in range(len(labels.unique())):
        where = (labels == c).nonzero().flatten().tolist()
        k = int(share * len(where))
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_rounds_up(labels, share):
    first, second = ([], [])
    for c in labels.unique():
        where = (labels == c).nonzero().flatten().tolist()
        k = math.ceil(share * len(where))
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_rounds_nearest(labels, share):
    first, second = ([], [])
    for c in labels.unique():
        where = (labels == c).nonzero().flatten().tolist()
        k = round(share * len(where))
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_tensor_items(labels, share):
    first, second = ([], [])
    for c in labels.unique():
        where = list((labels == c).nonzero().flatten())
        k = int(share * len(where))
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_returns_tensors(labels, share):
    first, second = stratified_nonzero(labels, share)
    return (torch.tensor(first), torch.tensor(second))


def stratified_swapped(labels, share):
    first, second = stratified_nonzero(labels, share)
    return (second, first)


def stratified_labels(labels, share):
    first, second = stratified_nonzero(labels, share)
    return (labels[first].tolist(), labels[second].tolist())


def stratified_loses_rest(labels, share):
    first, second = ([], [])
    for c in labels.unique():
        where = (labels == c).nonzero().flatten().tolist()
        k = int(share * len(where))
        first += where[:k]
        second += where[k + 1 :]
    return (first, second)


def stratified_equal(labels, share):
    smallest = min(Counter(labels.tolist()).values())
    k = int(share * smallest)
    first, second = ([], [])
    for c in labels.unique():
        where = (labels == c).nonzero().flatten().tolist()
        first += where[:k]
        second += where[k:]
    return (first, second)


def stratified_overlap(labels, share):
    first, _ = stratified_nonzero(labels, share)
    return (first, list(range(len(labels))))


class BB_numpy:
    def __init__(self, labels, per_class, seed):
        self.labels = labels.numpy()
        self.k = per_class
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return int(np.unique(self.labels, return_counts=True)[1].max()) // self.k

    def __iter__(self):
        n = len(self)
        parts = []
        for c in np.unique(self.labels):
            where = np.flatnonzero(self.labels == c)
            stream = np.concatenate(
                [self.rng.permutation(where) for _ in range(n * self.k // len(where) + 1)]
            )
            parts.append(stream[: n * self.k].reshape(n, self.k))
        for i in range(n):
            yield [int(p) for part in parts for p in part[i]]


class BB_cycle:
    def __init__(self, labels, per_class, seed):
        self.by = {}
        for i, c in enumerate(labels.tolist()):
            self.by.setdefault(c, []).append(i)
        self.per_class = per_class
        self.seed = seed
        self.epoch = 0

    def __len__(self):
        return max(len(v) for v in self.by.values()) // self.per_class

    def _endless(self, members, rng):
        while True:
            yield from rng.sample(members, len(members))

    def __iter__(self):
        rng = random.Random(f"{self.seed} {self.epoch}")
        self.epoch += 1
        streams = [self._endless(v, rng) for v in self.by.values()]
        for _ in range(len(self)):
            yield [next(s) for s in streams for _ in range(self.per_class)]


class BB_least_used:
    """Takes the positions that came least often so far, ties at random."""

    def __init__(self, labels, per_class, seed):
        self.groups = [torch.nonzero(labels == c).flatten().tolist() for c in torch.unique(labels)]
        self.per_class = per_class
        self.g = torch.Generator()
        self.g.manual_seed(seed)

    def __len__(self):
        return max(len(g) for g in self.groups) // self.per_class

    def __iter__(self):
        used = [[0] * len(g) for g in self.groups]
        for _ in range(len(self)):
            batch = []
            for group, count in zip(self.groups, used, strict=True):
                for _ in range(self.per_class):
                    ties = torch.rand(len(group), generator=self.g).tolist()
                    j = min(range(len(group)), key=lambda i: (count[i], ties[i]))
                    count[j] += 1
                    batch.append(group[j])
            yield batch


class BB_w_choice(BB_numpy):
    def __iter__(self):
        for _ in range(len(self)):
            yield [
                int(p)
                for c in np.unique(self.labels)
                for p in self.rng.choice(np.flatnonzero(self.labels == c), self.k)
            ]


class BB_w_len(BB_numpy):
    def __len__(self):
        return len(self.labels) // self.k


class BB_w_seeded_each_time(BB_cycle):
    def __iter__(self):
        self.epoch = 0
        return super().__iter__()


class BB_w_no_seed(BB_numpy):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        self.rng = np.random.default_rng()


class BB_w_numpy_ints(BB_numpy):
    def __iter__(self):
        for batch in super().__iter__():
            yield [np.int64(i) for i in batch]


class BB_w_repeats_one(BB_cycle):
    def _endless(self, members, rng):
        yield from rng.sample(members, len(members))
        while True:
            yield members[0]


class BB_w_flat(BB_numpy):
    def __iter__(self):
        for batch in super().__iter__():
            yield from batch


class BB_w_unbalanced(BB_numpy):
    def __iter__(self):
        everything = self.rng.permutation(len(self.labels)).tolist()
        size = self.k * len(np.unique(self.labels))
        for i in range(len(self)):
            yield everything[i * size : (i + 1) * size]


RIGHT = {
    "04.1": [Rows_simple, Rows_eager, Rows_numpy],
    "04.2": [pad_loop, pad_library, pad_functional, pad_cat],
    "04.3": [stratified_nonzero, stratified_dict, stratified_shuffled, stratified_quota],
    "04.4": [BB_numpy, BB_cycle, BB_least_used],
}
WRONG = {
    "04.1": [
        Rows_float_target,
        Rows_tensor_target,
        Rows_default_dtype,
        Rows_sorted_columns,
        Rows_table_order,
        Rows_all_but_target,
        Rows_pops,
        Rows_converts_in_table,
        Rows_length_of_columns,
        Rows_swapped,
    ],
    "04.2": [
        pad_front,
        pad_time_first,
        pad_always_float,
        pad_lengths_list,
        pad_lengths_float,
        pad_lengths_after,
        pad_counts_nonzero,
        pad_minus_one,
        pad_truncates,
        pad_sorted,
        pad_only_batch,
    ],
    "04.3": [
        stratified_overall,
        stratified_front,
        stratified_range,
        stratified_rounds_up,
        stratified_rounds_nearest,
        stratified_tensor_items,
        stratified_returns_tensors,
        stratified_swapped,
        stratified_labels,
        stratified_loses_rest,
        stratified_equal,
        stratified_overlap,
    ],
    "04.4": [
        BB_w_choice,
        BB_w_len,
        BB_w_seeded_each_time,
        BB_w_no_seed,
        BB_w_numpy_ints,
        BB_w_repeats_one,
        BB_w_flat,
        BB_w_unbalanced,
    ],
}
