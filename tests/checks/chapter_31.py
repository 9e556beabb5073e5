"""Right and wrong answers to the exercises of chapter 31, and the hint that each must get."""

import itertools
import random

import torch


def weighted(gradients, counts):
    parts = [part * count for part, count in zip(gradients, counts, strict=True) if count]
    return torch.stack(parts).sum(dim=0) / sum(counts)


def by_shares(gradients, counts):
    total = sum(counts)
    return sum(torch.nan_to_num(g) * (c / total) for g, c in zip(gradients, counts, strict=True))


def in_double(gradients, counts):
    there = [i for i, count in enumerate(counts) if count > 0]
    result = sum(gradients[i].double() * counts[i] for i in there) / sum(counts)
    return result.to(gradients[0].dtype)


def mean_of_means(gradients, counts):
    there = [g for g, c in zip(gradients, counts, strict=True) if c]
    return sum(there) / len(there)


def mean_over_all_ranks(gradients, counts):
    return sum(g for g, c in zip(gradients, counts, strict=True) if c) / len(counts)


def only_the_sum(gradients, counts):
    return sum(g for g, c in zip(gradients, counts, strict=True) if c)


def not_divided(gradients, counts):
    return sum(g * c for g, c in zip(gradients, counts, strict=True) if c)


def divided_by_ranks(gradients, counts):
    return not_divided(gradients, counts) / len(counts)


def times_the_ranks(gradients, counts):
    return weighted(gradients, counts) * len(counts)


def upside_down(gradients, counts):
    return sum(g / c for g, c in zip(gradients, counts, strict=True) if c)


def zero_times_nan(gradients, counts):
    return sum(g * c for g, c in zip(gradients, counts, strict=True)) / sum(counts)


def weights_in_place(gradients, counts):
    for gradient, count in zip(gradients, counts, strict=True):
        gradient.nan_to_num_().mul_(count)
    return sum(gradients) / sum(counts)


def as_numbers(gradients, counts):
    return weighted(gradients, counts).tolist()


def sixteen(parameters, ranks, way):
    if way == "ddp":
        return 16 * parameters
    if way == "fsdp":
        return 16 * parameters // ranks
    raise ValueError(f"way must be 'ddp' or 'fsdp', got {way!r}")


def by_a_table(parameters, ranks, way):
    ways = {"ddp": lambda: parameters, "fsdp": lambda: parameters // ranks}
    if way not in ways:
        raise ValueError(way)
    return ways[way]() * 4 * torch.float32.itemsize


def piece_by_piece(parameters, ranks, way):
    if way not in ("ddp", "fsdp"):
        raise ValueError("unknown")
    share = 1 if way == "ddp" else ranks
    return sum(4 * parameters // share for _ in ("weight", "gradient", "exp_avg", "exp_avg_sq"))


def counts_numbers(parameters, ranks, way):
    return sixteen(parameters, ranks, way) // 4


def without_gradients(parameters, ranks, way):
    return sixteen(parameters, ranks, way) * 3 // 4


def without_adam(parameters, ranks, way):
    return sixteen(parameters, ranks, way) // 2


def in_bits(parameters, ranks, way):
    return sixteen(parameters, ranks, way) * 8


def always_cut(parameters, ranks, way):
    return sixteen(parameters, ranks, "fsdp")


def never_cut(parameters, ranks, way):
    return sixteen(parameters, ranks, "ddp")


def weights_are_whole(parameters, ranks, way):
    if way == "fsdp":
        return 4 * parameters + 12 * parameters // ranks
    return sixteen(parameters, ranks, way)


def only_adam_is_cut(parameters, ranks, way):
    if way == "fsdp":
        return 8 * parameters + 8 * parameters // ranks
    return sixteen(parameters, ranks, way)


def only_weights_are_cut(parameters, ranks, way):
    if way == "fsdp":
        return 12 * parameters + 4 * parameters // ranks
    return sixteen(parameters, ranks, way)


def takes_any_way(parameters, ranks, way):
    return sixteen(parameters, ranks, "ddp" if way == "ddp" else "fsdp")


def another_error(parameters, ranks, way):
    return {"ddp": 16 * parameters, "fsdp": 16 * parameters // ranks}[way]


def a_float(parameters, ranks, way):
    return sixteen(parameters, ranks, way) / 1


def a_tensor_of_floats(parameters, ranks, way):
    return torch.tensor(sixteen(parameters, ranks, way), dtype=torch.float64)


def any_capitals(parameters, ranks, way):
    return sixteen(parameters, ranks, way.lower())


def a_fraction(parameters, ranks, way):
    return sixteen(parameters, ranks, way) + 0.5


def seconds(p, compute, size, alpha, bandwidth):
    return compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth


def smallest(compute, size, alpha, bandwidth, most):
    times = [seconds(p, compute, size, alpha, bandwidth) for p in range(1, most + 1)]
    return times.index(min(times)) + 1


def with_tensors(compute, size, alpha, bandwidth, most):
    p = torch.arange(1, most + 1, dtype=torch.float64)
    times = compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth
    return p[times == times.min()][0].int()


def downhill(compute, size, alpha, bandwidth, most):
    p = 1
    while p < most and seconds(p + 1, compute, size, alpha, bandwidth) < seconds(
        p, compute, size, alpha, bandwidth
    ):
        p += 1
    return p


def all_devices(compute, size, alpha, bandwidth, most):
    return most


def one_device(compute, size, alpha, bandwidth, most):
    return 1


def slowest(compute, size, alpha, bandwidth, most):
    return max(range(1, most + 1), key=lambda p: seconds(p, compute, size, alpha, bandwidth))


def an_index(compute, size, alpha, bandwidth, most):
    return smallest(compute, size, alpha, bandwidth, most) - 1


def without_most(compute, size, alpha, bandwidth, most):
    candidates = range(1, most) if most > 1 else [1]
    return min(candidates, key=lambda p: seconds(p, compute, size, alpha, bandwidth))


def times_the_bandwidth(compute, size, alpha, bandwidth, most):
    return smallest(compute, size * bandwidth, alpha, 1.0, most)


def a_rounded_root(compute, size, alpha, bandwidth, most):
    if alpha == 0:
        return smallest(compute, size, alpha, bandwidth, most)
    root = (max(0.0, compute - 2 * size / bandwidth) / (2 * alpha)) ** 0.5
    return max(1, min(most, round(root)))


def no_delay(compute, size, alpha, bandwidth, most):
    return smallest(compute, size, 0, bandwidth, most)


def half_the_ring(compute, size, alpha, bandwidth, most):
    return smallest(compute, size / 2, alpha / 2, bandwidth, most)


def last_of_equal(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: (seconds(p, compute, size, alpha, bandwidth), -p))


def one_too_many(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 2), key=lambda p: seconds(p, compute, size, alpha, bandwidth))


def the_time(compute, size, alpha, bandwidth, most):
    return min(seconds(p, compute, size, alpha, bandwidth) for p in range(1, most + 1))


def the_root(compute, size, alpha, bandwidth, most):
    return max(1, min(most, round((compute / (2 * alpha)) ** 0.5))) if alpha else most


class Strided:
    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed, self.epoch = count, rank, size, seed, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def order(self):
        generator = torch.Generator().manual_seed(self.seed * 65_537 + self.epoch)
        return torch.randperm(self.count, generator=generator).tolist()

    def __iter__(self):
        return iter(self.order()[self.rank :: self.size])

    def __len__(self):
        return len(range(self.rank, self.count, self.size))


class Lazy(Strided):
    def __iter__(self):
        return itertools.islice(self.order(), self.rank, None, self.size)

    def __len__(self):
        return self.count // self.size + (self.rank < self.count % self.size)


class WithPython(Strided):
    def order(self):
        return random.Random(f"{self.seed}/{self.epoch}").sample(range(self.count), self.count)


class Blocks(Strided):
    def __iter__(self):
        parts = torch.tensor(self.order(), dtype=torch.int64).tensor_split(self.size)
        return iter(parts[self.rank].tolist())

    def __len__(self):
        return len(list(iter(self)))


class DealtThenShuffled(Strided):
    def __iter__(self):
        own = list(range(self.rank, self.count, self.size))
        random.Random(f"{self.seed}/{self.epoch}").shuffle(own)
        return iter(own)


class Repeats(Strided):
    def __iter__(self):
        order = self.order()
        missing = -len(order) % self.size
        return iter((order + order[:missing])[self.rank :: self.size])

    def __len__(self):
        return len(list(iter(self)))


class Drops(Strided):
    def __iter__(self):
        order = self.order()
        return iter(order[: len(order) // self.size * self.size][self.rank :: self.size])

    def __len__(self):
        return self.count // self.size


class AddsUp(Strided):
    def order(self):
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return torch.randperm(self.count, generator=generator).tolist()


class FiftyEpochs(Strided):
    def order(self):
        generator = torch.Generator().manual_seed(self.seed * 50 + self.epoch)
        return torch.randperm(self.count, generator=generator).tolist()


class NoEpoch(Strided):
    def set_epoch(self, epoch):
        self.asked = epoch


class NoSeed(Strided):
    def order(self):
        generator = torch.Generator().manual_seed(self.epoch)
        return torch.randperm(self.count, generator=generator).tolist()


class Sorted(Strided):
    def order(self):
        return list(range(self.count))


class Rotated(Strided):
    def order(self):
        start = (3 + self.seed * 7 + self.epoch) % max(1, self.count)
        return [(start + i) % self.count for i in range(self.count)]


class SeedsTheGlobal(Strided):
    def order(self):
        torch.manual_seed(self.seed * 65_537 + self.epoch)
        return torch.randperm(self.count).tolist()


class Advances(Strided):
    def __init__(self, *given):
        super().__init__(*given)
        self.generator = torch.Generator().manual_seed(self.seed)

    def order(self):
        return torch.randperm(self.count, generator=self.generator).tolist()


class RanksOfTheirOwn(Strided):
    def order(self):
        generator = torch.Generator().manual_seed(self.seed * 65_537 + self.epoch + 999 * self.size)
        return torch.randperm(self.count, generator=generator).tolist()


class Tensors(Strided):
    def __iter__(self):
        return iter(torch.tensor(self.order())[self.rank :: self.size])


class RoundsItsLength(Strided):
    def __len__(self):
        return self.count // self.size


RIGHT = {
    "31.1": [weighted, by_shares, in_double],
    "31.2": [sixteen, by_a_table, piece_by_piece],
    "31.3": [smallest, with_tensors, downhill],
    "31.4": [Strided, Lazy, WithPython],
}

WRONG = {
    "31.1": [
        (times_the_ranks, "as many times too large as there are ranks"),
        (mean_of_means, "This is the mean over the ranks"),
        (mean_over_all_ranks, "a rank with more images has more to say"),
        (only_the_sum, "This is the sum over the ranks"),
        (not_divided, "divide it by the number of all images"),
        (divided_by_ranks, "not by the number of ranks"),
        (upside_down, "The weights are upside down"),
        (zero_times_nan, "0 times NaN is NaN"),
        (weights_in_place, "in-place"),
        (as_numbers, "should be a torch.Tensor"),
    ],
    "31.2": [
        (a_float, "bytes are whole numbers"),
        (a_tensor_of_floats, "bytes are whole numbers"),
        (any_capitals, "'DDP' was accepted"),
        (counts_numbers, "That is a quarter"),
        (without_gradients, "That is three quarters"),
        (without_adam, "That is half"),
        (in_bits, "These are bits"),
        (always_cut, "With DDP, each rank has everything"),
        (never_cut, "a rank has only its share of everything"),
        (weights_are_whole, "gradients and Adam's numbers are cut, too"),
        (only_adam_is_cut, "the weights and gradients are cut, too"),
        (only_weights_are_cut, "the weights are cut, too"),
        (takes_any_way, "'tp' was accepted: other ways than"),
        (another_error, "KeyError"),
        (a_fraction, "a whole number"),
    ],
    "31.3": [
        (without_most, "range(1, most + 1)"),
        (times_the_bandwidth, ": t(1) is "),
        (a_rounded_root, ": t(1) is "),
        (all_devices, "the best without delays"),
        (one_device, ": t(1) is "),
        (slowest, "where a step takes the most time"),
        (an_index, "an index counts from 0"),
        (no_delay, "the best without delays"),
        (half_the_ring, "both halves of the ring count"),
        (last_of_equal, "take the smallest number"),
        (one_too_many, "more than there may be"),
        (the_time, "a whole number"),
        (the_root, "take the smallest number"),
    ],
    "31.4": [
        (Blocks, "These are neighbours in the order"),
        (DealtThenShuffled, "Shuffle first, then deal"),
        (Repeats, "are given more than once"),
        (Drops, "no rank gives 1 of them"),
        (AddsUp, "Do not just add them up"),
        (FiftyEpochs, "must tell every pair of them apart"),
        (NoEpoch, "Another epoch has another order"),
        (NoSeed, "Another seed has another order"),
        (Sorted, "the indices come sorted"),
        (Rotated, "that is a rotation"),
        (SeedsTheGlobal, "generator"),
        (Advances, "gives something else when iterated again"),
        (RanksOfTheirOwn, "Other ranks must not change the order"),
        (Tensors, "of type Tensor"),
        (RoundsItsLength, "len of Deal(10, 0, 3, 5) is 3, and it gives 4"),
    ],
}
