"""Typical wrong answers to the exercises of chapter 04, and the hint that each must get."""

import torch
from torch.utils.data import Dataset


class AllColumns(Dataset):
    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = table, sorted(columns, reverse=True), target

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        return torch.tensor([row[name] for name in self.columns]), row[self.target]


class Doubles(AllColumns):
    def __getitem__(self, index):
        row = self.table[index]
        return torch.tensor([row["a"], row["b"]], dtype=torch.float64), row[self.target]


class NotADataset:
    def __len__(self):
        return 7


def cut(samples):
    shortest = min(len(sample) for sample in samples)
    return torch.stack([sample[:shortest] for sample in samples]), torch.tensor([1, 1, 1])


def in_front(samples):
    batch = samples[0].new_zeros(3, 3)
    for row, sample in zip(batch, samples, strict=True):
        row[3 - len(sample) :] = sample
    return batch, torch.tensor([len(sample) for sample in samples])


def as_floats(samples):
    batch = torch.zeros(3, 3)
    for row, sample in zip(batch, samples, strict=True):
        row[: len(sample)] = sample
    return batch, torch.tensor([len(sample) for sample in samples])


def padded_lengths(samples):
    batch = as_floats(samples)[0].long()
    return batch, torch.tensor([len(row) for row in batch])


def over_all_classes(labels, share):
    everything = list(range(len(labels)))
    cut = int(share * len(labels))
    return everything[:cut], everything[cut:]


def loses_the_rest(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        first += found[: int(share * len(found))]
        second += found[int(share * len(found)) + 1 :]
    return first, second


def overlapping(labels, share):
    everything = list(range(len(labels)))
    return everything[: int(share * len(labels))], everything


WRONG = {
    "04.1": [
        (NotADataset, "A subclass of torch.utils.data.Dataset"),
        (AllColumns, "in their order"),
        (Doubles, "ask for dtype=torch.float32"),
    ],
    "04.2": [
        (cut, "cut to the shortest"),
        (in_front, "zeros stand in front"),
        (as_floats, "keep the dtype"),
        (padded_lengths, "before padding"),
    ],
    "04.3": [
        (over_all_classes, "split each class on its own"),
        (loses_the_rest, "in neither list"),
        (overlapping, "in both lists"),
    ],
}
