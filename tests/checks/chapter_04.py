"""Right and wrong answers to the exercises of chapter 04, and the hint that each must get."""

import itertools
import random
from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset


class AsNeeded(Dataset):
    def __init__(self, table, columns, target):
        self.table, self.columns, self.target = table, columns, target

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        values = torch.tensor([row[name] for name in self.columns], dtype=torch.float32)
        return values, int(row[self.target])


class AtOnce(Dataset):
    def __init__(self, table, columns, target):
        self.values = torch.tensor([[float(row[c]) for c in columns] for row in table])
        self.targets = [int(row[target]) for row in table]

    def __len__(self):
        return self.values.shape[0]

    def __getitem__(self, index):
        return [self.values[index], self.targets[index]]


class PairsInAList(Dataset):
    def __init__(self, table, columns, target):
        self.pairs = []
        for row in table:
            x = torch.empty(len(columns))
            for i, column in enumerate(columns):
                x[i] = row[column]
            self.pairs.append((x, int(row[target])))

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[index]


class Inherits(AsNeeded):
    pass


class NotADataset:
    def __len__(self):
        return 7


class NoLength(Dataset):
    def __init__(self, table, columns, target):
        self.table = table

    def __getitem__(self, index):
        return self.table[index]


class NoItems(Dataset):
    def __init__(self, table, columns, target):
        self.table = table

    def __len__(self):
        return len(self.table)


class SortedColumns(AsNeeded):
    def __init__(self, table, columns, target):
        super().__init__(table, sorted(columns), target)


class OrderOfTheTable(AsNeeded):
    def __getitem__(self, index):
        row = self.table[index]
        values = [float(value) for key, value in row.items() if key in self.columns]
        return torch.tensor(values), int(row[self.target])


class InferredDtype(AsNeeded):
    def __getitem__(self, index):
        row = self.table[index]
        return torch.tensor([row[name] for name in self.columns]), int(row[self.target])


class Doubles(AsNeeded):
    def __getitem__(self, index):
        values, target = super().__getitem__(index)
        return values.double(), target


class TargetAsItIs(AsNeeded):
    def __getitem__(self, index):
        return super().__getitem__(index)[0], self.table[index][self.target]


class TargetTensor(AsNeeded):
    def __getitem__(self, index):
        values, target = super().__getitem__(index)
        return values, torch.tensor(target)


class OnlyValues(AsNeeded):
    def __getitem__(self, index):
        return super().__getitem__(index)[0]


class TargetAmongValues(AsNeeded):
    def __getitem__(self, index):
        values, target = super().__getitem__(index)
        return torch.cat([values, torch.tensor([float(target)])]), target


class LengthOfColumns(AsNeeded):
    def __len__(self):
        return len(self.columns)


class OneOff(AsNeeded):
    def __getitem__(self, index):
        return super().__getitem__((index + 1) % len(self))


class PopsTheTarget(Dataset):
    def __init__(self, table, columns, target):
        self.y = [int(row.pop(target)) for row in table]
        self.x = [torch.tensor([float(row[c]) for c in columns]) for row in table]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class PopsAtEachRow(AsNeeded):
    def __getitem__(self, index):
        row = self.table[index]
        target = row.pop(self.target)
        return torch.tensor([row[c] for c in self.columns], dtype=torch.float32), int(target)


class WritesIntoTheTable(AsNeeded):
    def __getitem__(self, index):
        row = self.table[index]
        row[self.target] = int(row[self.target])
        for name in self.columns:
            row[name] = torch.tensor(float(row[name]))
        return torch.stack([row[name] for name in self.columns]), row[self.target]


class OfTheClass(AsNeeded):
    def __init__(self, table, columns, target):
        cls = type(self)
        cls.table, cls.columns, cls.target = table, columns, target


class APlainList(AsNeeded):
    def __getitem__(self, index):
        row = self.table[index]
        return [float(row[name]) for name in self.columns], int(row[self.target])


def new_zeros(samples):
    lengths = torch.tensor([len(sample) for sample in samples])
    batch = samples[0].new_zeros(len(samples), int(lengths.max()))
    for row, sample in zip(batch, samples, strict=True):
        row[: len(sample)] = sample
    return batch, lengths


def pad_sequence(samples):
    batch = nn.utils.rnn.pad_sequence(samples, batch_first=True)
    return [batch, torch.tensor([sample.numel() for sample in samples], dtype=torch.int32)]


def stacked(samples):
    longest = max(map(len, samples))
    batch = torch.stack([F.pad(sample, (0, longest - len(sample))) for sample in samples])
    return batch, torch.as_tensor([sample.size(0) for sample in samples])


def cut(samples):
    shortest = min(len(sample) for sample in samples)
    return torch.stack([sample[:shortest] for sample in samples]), new_zeros(samples)[1]


def in_front(samples):
    batch, lengths = new_zeros(samples)
    for row, sample in zip(batch, samples, strict=True):
        row.zero_()
        row[len(row) - len(sample) :] = sample
    return batch, lengths


def transposed(samples):
    return nn.utils.rnn.pad_sequence(samples), new_zeros(samples)[1]


def always_floats(samples):
    batch, lengths = new_zeros(samples)
    return batch.float(), lengths


def always_integers(samples):
    batch, lengths = new_zeros(samples)
    return batch.long(), lengths


def filled_with_ones(samples):
    batch = nn.utils.rnn.pad_sequence(samples, batch_first=True, padding_value=1)
    return batch, new_zeros(samples)[1]


def sorted_by_length(samples):
    return new_zeros(sorted(samples, key=len, reverse=True))


def padded_lengths(samples):
    batch = new_zeros(samples)[0]
    return batch, torch.tensor([len(row) for row in batch])


def counts_what_is_not_zero(samples):
    batch = new_zeros(samples)[0]
    return batch, (batch != 0).sum(dim=1)


def first_is_longest(samples):
    longest = len(samples[0])
    batch = torch.stack([F.pad(sample, (0, longest - len(sample))) for sample in samples])
    return batch, new_zeros(samples)[1]


def a_list_of_lengths(samples):
    return new_zeros(samples)[0], [len(sample) for sample in samples]


def float_lengths(samples):
    batch, lengths = new_zeros(samples)
    return batch, lengths.float()


def only_the_batch(samples):
    return new_zeros(samples)[0]


def a_mask(samples):
    batch, lengths = new_zeros(samples)
    return batch, torch.arange(batch.shape[1]) < lengths.unsqueeze(1)


def replaces_the_samples(samples):
    found = new_zeros(samples)
    longest = found[0].shape[1]
    for i, sample in enumerate(samples):
        samples[i] = F.pad(sample, (0, longest - len(sample)))
    return found


def no_padding(samples):
    return torch.stack(samples), torch.tensor([len(sample) for sample in samples])


def class_by_class(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        cut = int(share * len(found))
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def collected_in_a_dictionary(labels, share):
    places = defaultdict(list)
    for i, label in enumerate(labels.tolist()):
        places[label].append(i)
    first = [i for p in places.values() for i in p[: int(len(p) * share)]]
    return [first, [i for i in range(len(labels)) if i not in first]]


def drawn_at_random(labels, share):
    first, second = [], []
    for label in set(labels.tolist()):
        found = torch.where(labels == label)[0].tolist()
        random.shuffle(found)
        cut = int(len(found) * share // 1)
        first.extend(found[:cut])
        second.extend(found[cut:])
    return sorted(first), sorted(second)


def over_all_classes(labels, share):
    everything = list(range(len(labels)))
    cut = int(share * len(labels))
    return everything[:cut], everything[cut:]


def all_together_at_random(labels, share):
    order = torch.randperm(len(labels)).tolist()
    return order[: int(share * len(labels))], order[int(share * len(labels)) :]


def all_together_with_seed(seed):
    def all_together(labels, share):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
        return order[: int(share * len(labels))], order[int(share * len(labels)) :]

    all_together.__name__ += f"_{seed}"
    return all_together


def shuffled_after_a_seed(labels, share):
    torch.manual_seed(0)
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1)
        found = found[torch.randperm(len(found))].tolist()
        cut = int(share * len(found))
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def loses_the_rest(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        first += found[: int(share * len(found))]
        second += found[int(share * len(found)) + 1 :]
    return first, second


def overlapping(labels, share):
    return class_by_class(labels, share)[0], list(range(len(labels)))


def rounded_up(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        cut = -int(-share * len(found) // 1)
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def rounded(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        cut = round(share * len(found))
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def at_least_one(labels, share):
    first, second = [], []
    for label in labels.unique():
        found = (labels == label).nonzero().squeeze(1).tolist()
        cut = max(1, int(share * len(found)))
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def exchanged(labels, share):
    return class_by_class(labels, share)[::-1]


def within_a_class(labels, share):
    first, second = [], []
    for label in labels.unique():
        n = int((labels == label).sum())
        first += list(range(int(share * n)))
        second += list(range(int(share * n), n))
    return first, second


def the_labels(labels, share):
    return tuple([int(labels[i]) for i in part] for part in class_by_class(labels, share))


def tensors(labels, share):
    return tuple(torch.tensor(part) for part in class_by_class(labels, share))


def lists_of_tensors(labels, share):
    return tuple([torch.tensor(i) for i in part] for part in class_by_class(labels, share))


def sorts_the_labels(labels, share):
    labels.copy_(labels.sort().values)
    return class_by_class(labels, share)


def labels_from_zero(labels, share):
    first, second = [], []
    for label in range(int(labels.max()) + 1):
        found = (labels == label).nonzero().squeeze(1).tolist()
        cut = int(share * len(found))
        first, second = first + found[:cut], second + found[cut:]
    return first, second


def one_list_for_each_class(labels, share):
    return [(labels == label).nonzero().squeeze(1).tolist() for label in labels.unique()]


class Rounds:
    def __init__(self, labels, per_class, seed):
        self.classes = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
        self.per_class = per_class
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return max(map(len, self.classes)) // self.per_class

    def order(self, positions):
        return positions[torch.randperm(len(positions), generator=self.generator)]

    def column(self, positions, needed):
        rounds = [self.order(positions) for _ in range(-(-needed // len(positions)))]
        return torch.cat(rounds)[:needed]

    def __iter__(self):
        needed = len(self) * self.per_class
        columns = [self.column(p, needed).view(len(self), -1) for p in self.classes]
        return iter(torch.cat(columns, dim=1).tolist())


class Queues(torch.utils.data.Sampler):
    def __init__(self, labels, per_class, seed):
        self.positions = defaultdict(list)
        for position, label in enumerate(labels.tolist()):
            self.positions[label].append(position)
        self.per_class, self.random = per_class, random.Random(seed)

    def __len__(self):
        return max(len(p) for p in self.positions.values()) // self.per_class

    def __iter__(self):
        queues = {label: [] for label in self.positions}
        for _ in range(len(self)):
            batch = []
            for label, queue in queues.items():
                while len(queue) < self.per_class:
                    more = list(self.positions[label])
                    self.random.shuffle(more)
                    queue.extend(more)
                batch += [queue.pop(0) for _ in range(self.per_class)]
            self.random.shuffle(batch)
            yield batch


class SeedAndEpoch(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        self.seed, self.epoch = seed, 0

    def __iter__(self):
        self.generator.manual_seed(1000 * self.seed + self.epoch)
        self.epoch += 1
        yield from super().__iter__()


class SameEveryEpoch(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        self.seed = seed

    def __iter__(self):
        self.generator.manual_seed(self.seed)
        return super().__iter__()


class WithReplacement(Rounds):
    def column(self, positions, needed):
        return positions[torch.randint(len(positions), (needed,), generator=self.generator)]


class SmallestDecides(Rounds):
    def __len__(self):
        return min(map(len, self.classes)) // self.per_class


class RoundedUp(Rounds):
    def __len__(self):
        return -(-max(map(len, self.classes)) // self.per_class)


class OneBatchTooMany(Rounds):
    def __iter__(self):
        batches = list(super().__iter__())
        return iter([*batches, batches[0]])


class GlobalGenerator(Rounds):
    def order(self, positions):
        return positions[torch.randperm(len(positions))]


class SeedsEverything(GlobalGenerator):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        torch.manual_seed(seed)


class SeedsPython(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        random.seed(seed)

    def order(self, positions):
        return positions[random.sample(range(len(positions)), len(positions))]


class OfPython(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        self.random = random.Random(seed)

    def order(self, positions):
        return positions[self.random.sample(range(len(positions)), len(positions))]


class NotShuffled(Rounds):
    def order(self, positions):
        return positions


class NotShuffledAtFirst(Rounds):
    def column(self, positions, needed):
        rounds = [positions] + [self.order(positions) for _ in range(needed // len(positions))]
        return torch.cat(rounds)[:needed]

    def __iter__(self):
        self.order(self.classes[0])
        return super().__iter__()


class SameSeedForAll(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, 0)


class Tensors(Rounds):
    def __iter__(self):
        return iter(torch.tensor(list(super().__iter__())))


class NoClasses(Rounds):
    def __init__(self, labels, per_class, seed):
        super().__init__(labels, per_class, seed)
        self.classes = [torch.arange(len(labels))]


class WithinAClass(Rounds):
    def column(self, positions, needed):
        return super().column(torch.arange(len(positions)), needed)


class NoIter:
    def __init__(self, labels, per_class, seed):
        self.labels = labels

    def __len__(self):
        return 3


class RareInOneOrder:
    """Shuffles the largest class, and goes round the others in the order of the data."""

    def __init__(self, labels, per_class, seed):
        self.places = [(labels == c).nonzero().flatten().tolist() for c in labels.unique()]
        self.per_class = per_class
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return max(len(own) for own in self.places) // self.per_class

    def __iter__(self):
        largest = max(self.places, key=len)
        order = torch.randperm(len(largest), generator=self.generator).tolist()
        sources = [
            itertools.cycle([own[i] for i in order] if own is largest else own)
            for own in self.places
        ]
        for _ in range(len(self)):
            yield [next(source) for source in sources for _ in range(self.per_class)]


RIGHT = {
    "04.1": [AsNeeded, AtOnce, PairsInAList, Inherits],
    "04.2": [new_zeros, pad_sequence, stacked],
    "04.3": [class_by_class, collected_in_a_dictionary, drawn_at_random],
    "04.4": [Rounds, Queues, SeedAndEpoch, OfPython],
}

WRONG = {
    "04.1": [
        (NotADataset, "A subclass of torch.utils.data.Dataset"),
        (NoLength, "There is no __len__"),
        (NoItems, "your answer raised NotImplementedError"),
        (SortedColumns, "in the order of the alphabet"),
        (OrderOfTheTable, "in the order of the table"),
        (InferredDtype, "dtype=torch.float32"),
        (Doubles, "has dtype float64, and float32 is asked for"),
        (TargetAsItIs, "should be a Python int, and it is the number 3.0"),
        (TargetTensor, "should be a Python int, and it is an int64 tensor"),
        (OnlyValues, "should return two things, the values and the target"),
        (TargetAmongValues, "The target stands among the values"),
        (LengthOfColumns, "len(dataset) is 2 for a table of 7 rows"),
        (OneOff, "another row"),
        (PopsTheTarget, "The entries of an element of the argument table have changed"),
        (PopsAtEachRow, "dataset[6] has changed the table: it should stay as it is. pop"),
        (WritesIntoTheTable, "dataset[6] has changed the table: it should stay as it is."),
        (OfTheClass, "once another one is made"),
        (APlainList, "should be a torch.Tensor, and it is the list"),
    ],
    "04.2": [
        (cut, "cut to the shortest"),
        (in_front, "zeros stand in front"),
        (transposed, "batch_first=True"),
        (always_floats, "has dtype float32, and int64 is asked for"),
        (always_integers, "The fractions are lost"),
        (filled_with_ones, "zeros are asked for"),
        (sorted_by_length, "keep their order"),
        (padded_lengths, "the lengths after padding"),
        (counts_what_is_not_zero, "Zeros that belong to a sample"),
        (first_is_longest, "the length of the first sample"),
        (a_list_of_lengths, "should be a torch.Tensor, and it is the list"),
        (float_lengths, "has dtype float32, and integers are asked for"),
        (only_the_batch, "should return two things, the batch and the lengths"),
        (a_mask, "This is a mask"),
        (replaces_the_samples, "The entries of the argument samples have changed"),
        (no_padding, "in `return torch.stack(samples), "),
    ],
    "04.3": [
        (over_all_classes, "split each class on its own"),
        (all_together_at_random, "split each class on its own, not all together"),
        *(
            (all_together_with_seed(seed), "split each class on its own, not all together")
            for seed in range(4)
        ),
        (shuffled_after_a_seed, "leave the seed alone"),
        (loses_the_rest, "in neither list"),
        (overlapping, "is in both lists"),
        (rounded_up, "rounded up"),
        (rounded, "rounded to the nearest"),
        (at_least_one, "rounding down may leave none"),
        (exchanged, "exchange them"),
        (within_a_class, "positions within each class"),
        (the_labels, "gave the labels themselves"),
        (tensors, "should be a list; it is"),
        (lists_of_tensors, "should hold Python ints"),
        (sorts_the_labels, "The numbers in the argument labels have changed"),
        (labels_from_zero, "in neither list"),
        (one_list_for_each_class, "should return two things"),
    ],
    "04.4": [
        (SameEveryEpoch, "two epochs have the same order"),
        (WithReplacement, "use them all before one comes again"),
        (SmallestDecides, "as many batches as the largest class can fill"),
        (RoundedUp, "as many batches as the largest class can fill"),
        (OneBatchTooMany, "there are 23 batches in an epoch"),
        (GlobalGenerator, "two samplers with the same seed give different epochs"),
        (SeedsEverything, "seeds PyTorch's global generator"),
        (SeedsPython, "the global generator of Python or of NumPy has moved"),
        (NotShuffled, "two epochs have the same order"),
        (RareInOneOrder, "come in the same order in two epochs"),
        (NotShuffledAtFirst, "come in the order of the data: shuffle them"),
        (SameSeedForAll, "another seed gives the same batches"),
        (Tensors, "should be a list"),
        (NoClasses, "len(sampler) is 25, and it should be 22"),
        (WithinAClass, "of class"),
        (NoIter, "has no __iter__"),
    ],
}
