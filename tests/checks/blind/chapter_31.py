"""Chapter 31."""

import functools
import hashlib
import itertools
import math
import random
from fractions import Fraction

import numpy as np
import torch
from torch.utils.data import DistributedSampler


# 31.1
def weighted_sum(gradients, counts):
    total = sum(counts)
    return sum(g * (n / total) for g, n in zip(gradients, counts) if n > 0)


def stacked(gradients, counts):
    g = torch.stack(gradients)
    n = torch.tensor(counts, dtype=g.dtype, device=g.device)
    n = n.view(-1, *[1] * (g.dim() - 1))
    return torch.where(n > 0, g, 0).mul(n).sum(0) / n.sum()


def einsum_of_some(gradients, counts):
    kept = [i for i, n in enumerate(counts) if n]
    g = torch.stack([gradients[i] for i in kept])
    w = g.new_tensor([counts[i] for i in kept])
    return torch.einsum("r...,r->...", g, w / w.sum())


def accumulated(gradients, counts):
    result = torch.zeros_like(gradients[0])
    for gradient, count in zip(gradients, counts):
        if count == 0:
            continue
        result.add_(gradient, alpha=count)
    return result.div_(sum(counts))


def running_mean(gradients, counts):
    mean, seen = None, 0
    for g, n in zip(gradients, counts):
        if not n:
            continue
        seen += n
        mean = g.clone() if mean is None else mean + (g - mean) * n / seen
    return mean


def reduced_in_double(gradients, counts):
    pairs = [(g.double() * n, n) for g, n in zip(gradients, counts) if n != 0]
    total, images = functools.reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]), pairs)
    return (total / images).to(gradients[0].dtype)


def masked_copy(gradients, counts):
    clean = [torch.zeros_like(g) if n == 0 else g for g, n in zip(gradients, counts)]
    flat = torch.stack([c.flatten() for c in clean])
    w = torch.tensor(counts, dtype=flat.dtype) / sum(counts)
    return (w @ flat).view_as(gradients[0])


def plain_mean(gradients, counts):
    return torch.stack(gradients).mean(0)


def mean_of_the_busy(gradients, counts):
    return torch.stack([g for g, n in zip(gradients, counts) if n]).mean(0)


def nan_mean(gradients, counts):
    return torch.stack(gradients).nanmean(0)


def nan_times_nought(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts)) / sum(counts)


def by_ranks(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts) if n) / len(counts)


def not_divided(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts) if n)


def sum_by_images(gradients, counts):
    return sum(g for g, n in zip(gradients, counts) if n) / sum(counts)


def changes_the_first(gradients, counts):
    total = None
    for g, n in zip(gradients, counts):
        if n:
            total = g.mul_(n) if total is None else total + g * n
    return total / sum(counts)


def adds_to_the_first(gradients, counts):
    busy = [(g, n) for g, n in zip(gradients, counts) if n]
    result = busy[0][0]
    result *= busy[0][1]
    for g, n in busy[1:]:
        result += g * n
    result /= sum(counts)
    return result


def cleans_in_place(gradients, counts):
    for g in gradients:
        g.nan_to_num_()
    return sum(g * n for g, n in zip(gradients, counts)) / sum(counts)


def whole_weights(gradients, counts):
    total = sum(counts)
    return sum(g * (n // total) for g, n in zip(gradients, counts) if n)


def softmax_weights(gradients, counts):
    w = torch.tensor(counts, dtype=torch.float32).softmax(0)
    return sum(g * x for g, n, x in zip(gradients, counts, w) if n)


def a_list(gradients, counts):
    return weighted_sum(gradients, counts).tolist()


def one_number(gradients, counts):
    return weighted_sum(gradients, counts).mean()


def flattened(gradients, counts):
    return weighted_sum(gradients, counts).flatten()


def leading_one(gradients, counts):
    return weighted_sum(gradients, counts).unsqueeze(0)


def first_rank_only(gradients, counts):
    return gradients[0]


def shares_of_the_ranks(gradients, counts):
    busy = sum(n > 0 for n in counts)
    return sum(g * n for g, n in zip(gradients, counts) if n) / (busy * max(counts))


def total_with_empty_as_one(gradients, counts):
    total = sum(max(1, n) for n in counts)
    return sum(g * n for g, n in zip(gradients, counts) if n) / total


def inverse_weights(gradients, counts):
    w = [1 / n if n else 0 for n in counts]
    return sum(g * x for g, x in zip(gradients, w) if x) / sum(w)


def stops_at_the_empty(gradients, counts):
    busy = list(itertools.takewhile(lambda p: p[1], zip(gradients, counts)))
    return sum(g * n for g, n in busy) / sum(counts)


def counts_shift(gradients, counts):
    busy = [g for g, n in zip(gradients, counts) if n]
    return sum(g * n for g, n in zip(busy, counts)) / sum(counts)


def cuts_nan_and_plain(gradients, counts):
    return torch.stack([g.nan_to_num() for g in gradients]).mean(0)


# 31.2
def four_times_four(parameters, ranks, way):
    if way == "ddp":
        return 16 * parameters
    if way == "fsdp":
        return 16 * (parameters // ranks)
    raise ValueError(f"unknown way {way!r}")


def with_match(parameters, ranks, way):
    match way:
        case "ddp":
            own = parameters
        case "fsdp":
            own = parameters // ranks
        case _:
            raise ValueError(way)
    weights = gradients = first = second = own * torch.float32.itemsize
    return weights + gradients + first + second


def with_a_table(parameters, ranks, way):
    try:
        parts = {"ddp": 1, "fsdp": ranks}[way]
    except (KeyError, TypeError) as error:
        raise ValueError("way is ddp or fsdp") from error
    return divmod(4 * 4 * parameters, parts)[0]


def with_ways(parameters, ranks, way):
    ways = ["ddp", "fsdp"]
    which = ways.index(way)
    return sum([4] * 4) * parameters // [1, ranks][which]


def whole_of_a_float(parameters, ranks, way):
    if way not in ("ddp", "fsdp"):
        raise ValueError
    return int(parameters * (1 + 1 + 2) * 4 / (ranks if way == "fsdp" else 1))


def _bytes(parameters, ranks, way, ddp, fsdp):
    if way == "ddp":
        return ddp
    if way == "fsdp":
        return fsdp
    raise ValueError(way)


def no_gradient(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 12 * parameters, 12 * parameters // ranks)


def one_of_the_optimizer(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 12 * parameters, 12 * parameters // ranks)


def weights_only(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 4 * parameters, 4 * parameters // ranks)


def numbers_not_bytes(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 4 * parameters, 4 * parameters // ranks)


def bits(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 128 * parameters, 128 * parameters // ranks)


def doubles(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 32 * parameters, 32 * parameters // ranks)


def cuts_the_optimizer_only(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 16 * parameters, 8 * parameters + 8 * parameters // ranks)


def cuts_the_weights_only(parameters, ranks, way):
    return _bytes(
        parameters, ranks, way, 16 * parameters, 12 * parameters + 4 * parameters // ranks
    )


def keeps_the_weights_whole(parameters, ranks, way):
    return _bytes(
        parameters, ranks, way, 16 * parameters, 4 * parameters + 12 * parameters // ranks
    )


def ways_swapped(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 16 * parameters // ranks, 16 * parameters)


def ddp_of_all_ranks(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 16 * parameters * ranks, 16 * parameters)


def both_cut(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 16 * parameters // ranks, 16 * parameters // ranks)


def true_division(parameters, ranks, way):
    return _bytes(parameters, ranks, way, 16 * parameters, 16 * parameters / ranks)


def all_else_is_fsdp(parameters, ranks, way):
    return 16 * parameters if way == "ddp" else 16 * parameters // ranks


def all_else_is_ddp(parameters, ranks, way):
    return 16 * parameters // ranks if way == "fsdp" else 16 * parameters


def none_for_others(parameters, ranks, way):
    if way == "ddp":
        return 16 * parameters
    if way == "fsdp":
        return 16 * parameters // ranks


def key_error(parameters, ranks, way):
    return 16 * parameters // {"ddp": 1, "fsdp": ranks}[way]


def asserts(parameters, ranks, way):
    assert way in ("ddp", "fsdp"), way
    return 16 * parameters // (ranks if way == "fsdp" else 1)


def returns_the_error(parameters, ranks, way):
    if way not in ("ddp", "fsdp"):
        return ValueError(way)
    return 16 * parameters // (ranks if way == "fsdp" else 1)


def capitals_too(parameters, ranks, way):
    return four_times_four(parameters, ranks, way.lower())


def by_ending(parameters, ranks, way):
    if way.endswith("fsdp") or "fsdp" in way:
        return 16 * parameters // ranks
    if "ddp" in way:
        return 16 * parameters
    raise ValueError(way)


def by_substring(parameters, ranks, way):
    if way in "ddp":
        return 16 * parameters
    if way in "fsdp":
        return 16 * parameters // ranks
    raise ValueError(way)


def prints_and_goes_on(parameters, ranks, way):
    if way not in ("ddp", "fsdp"):
        print("ValueError")
    return 16 * parameters // (ranks if way == "fsdp" else 1)


def kilobytes(parameters, ranks, way):
    return four_times_four(parameters, ranks, way) // 1024


def gathers_a_whole_weight(parameters, ranks, way):
    return _bytes(
        parameters, ranks, way, 16 * parameters, 16 * parameters // ranks + 4 * parameters
    )


# 31.3
def min_with_key(compute, size, alpha, bandwidth, most):
    def t(p):
        return compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth

    return min(range(1, most + 1), key=t)


def with_a_loop(compute, size, alpha, bandwidth, most):
    least, devices = math.inf, None
    for p in range(1, most + 1):
        ring = 2 * (p - 1) * (alpha + size / (p * bandwidth))
        if compute / p + ring < least:
            least, devices = compute / p + ring, p
    return devices


def numpy_argmin(compute, size, alpha, bandwidth, most):
    p = np.arange(1, most + 1, dtype=float)
    t = compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * (size / bandwidth)
    return int(t.argmin()) + 1


def exact_fractions(compute, size, alpha, bandwidth, most):
    T, n, a, B = map(Fraction, (compute, size, alpha, bandwidth))
    return min(
        (T / p + 2 * (p - 1) * a + Fraction(2 * (p - 1), p) * n / B, p) for p in range(1, most + 1)
    )[1]


def torch_double(compute, size, alpha, bandwidth, most):
    p = torch.arange(1, most + 1, dtype=torch.float64)
    t = compute / p + 2 * (p - 1) * alpha + (2 * (p - 1) / p) * (size / bandwidth)
    return (t == t.min()).nonzero()[0].item() + 1


def closed_form_and_neighbours(compute, size, alpha, bandwidth, most):
    def t(p):
        return compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth

    gain = compute - 2 * size / bandwidth
    if gain <= 0:
        return 1
    if alpha == 0:
        return most
    root = math.floor(math.sqrt(gain / (2 * alpha)))
    some = {min(most, max(1, root + d)) for d in (-1, 0, 1, 2)}
    return min(sorted(some), key=t)


def tuples_sorted(compute, size, alpha, bandwidth, most):
    table = [
        ((compute + 2 * (p - 1) * size / bandwidth) / p + 2 * (p - 1) * alpha, p)
        for p in range(1, most + 1)
    ]
    return sorted(table)[0][1]


def stops_when_it_grows(compute, size, alpha, bandwidth, most):
    def t(p):
        return compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth

    p = 1
    while p < most and t(p + 1) < t(p):
        p += 1
    return p


def _t(p, T, n, a, B):
    return T / p + 2 * (p - 1) * a + 2 * (p - 1) / p * n / B


def largest_of_ties(compute, size, alpha, bandwidth, most):
    return min(range(most, 0, -1), key=lambda p: _t(p, compute, size, alpha, bandwidth))


def most_left_out(compute, size, alpha, bandwidth, most):
    return min(range(1, max(2, most)), key=lambda p: _t(p, compute, size, alpha, bandwidth))


def from_two(compute, size, alpha, bandwidth, most):
    return min(range(2, most + 1), key=lambda p: _t(p, compute, size, alpha, bandwidth), default=1)


def from_nought(compute, size, alpha, bandwidth, most):
    return min(range(most), key=lambda p: _t(p + 1, compute, size, alpha, bandwidth))


def the_time(compute, size, alpha, bandwidth, most):
    return min(_t(p, compute, size, alpha, bandwidth) for p in range(1, most + 1))


def time_and_number(compute, size, alpha, bandwidth, most):
    return min((_t(p, compute, size, alpha, bandwidth), p) for p in range(1, most + 1))


def without_limit(compute, size, alpha, bandwidth, most):
    return min(range(1, 2 * most + 100), key=lambda p: _t(p, compute, size, alpha, bandwidth))


def without_alpha(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: _t(p, compute, size, 0, bandwidth))


def without_size(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: _t(p, compute, 0, alpha, bandwidth))


def alpha_once(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: _t(p, compute, size, alpha / 2, bandwidth))


def alpha_not_multiplied(compute, size, alpha, bandwidth, most):
    return min(
        range(1, most + 1), key=lambda p: _t(p, compute, size, 0, bandwidth) + alpha * (p > 1)
    )


def size_once(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: _t(p, compute, size / 2, alpha, bandwidth))


def size_not_cut(compute, size, alpha, bandwidth, most):
    return min(
        range(1, most + 1), key=lambda p: compute / p + 2 * (p - 1) * (alpha + size / bandwidth)
    )


def times_bandwidth(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: _t(p, compute, size, alpha, 1 / bandwidth))


def compute_not_divided(compute, size, alpha, bandwidth, most):
    return min(
        range(1, most + 1),
        key=lambda p: _t(p, compute, size, alpha, bandwidth) - compute / p + compute,
    )


def slowest(compute, size, alpha, bandwidth, most):
    return max(range(1, most + 1), key=lambda p: _t(p, compute, size, alpha, bandwidth))


def precedence(compute, size, alpha, bandwidth, most):
    return min(
        range(1, most + 1),
        key=lambda p: compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / (p * size / bandwidth),
    )


def root_rounded(compute, size, alpha, bandwidth, most):
    gain = compute - 2 * size / bandwidth
    if gain <= 0:
        return 1
    if alpha == 0:
        return most
    return min(most, max(1, round(math.sqrt(gain / (2 * alpha)))))


def root_floored(compute, size, alpha, bandwidth, most):
    gain = compute - 2 * size / bandwidth
    if gain <= 0:
        return 1
    if alpha == 0:
        return most
    return min(most, max(1, int(math.sqrt(gain / (2 * alpha)))))


def root_without_alpha_nought(compute, size, alpha, bandwidth, most):
    gain = compute - 2 * size / bandwidth
    if gain <= 0:
        return 1
    r = math.sqrt(gain / (2 * alpha))
    return min(
        (p for p in (int(r), int(r) + 1) if 1 <= p <= most),
        key=lambda p: _t(p, compute, size, alpha, bandwidth),
        default=most,
    )


def alpha_nought_means_all(compute, size, alpha, bandwidth, most):
    if alpha == 0:
        return most
    return min_with_key(compute, size, alpha, bandwidth, most)


def powers_of_two(compute, size, alpha, bandwidth, most):
    return min(
        (2**i for i in range(most.bit_length())),
        key=lambda p: _t(p, compute, size, alpha, bandwidth),
    )


def goes_on_at_ties(compute, size, alpha, bandwidth, most):
    p = 1
    while p < most and _t(p + 1, compute, size, alpha, bandwidth) <= _t(
        p, compute, size, alpha, bandwidth
    ):
        p += 1
    return p


def a_float(compute, size, alpha, bandwidth, most):
    return float(min_with_key(compute, size, alpha, bandwidth, most))


def most_efficient(compute, size, alpha, bandwidth, most):
    return min(range(1, most + 1), key=lambda p: p * _t(p, compute, size, alpha, bandwidth))


# 31.4
class TorchDeal:
    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed, self.epoch = count, rank, size, seed, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(range(self.rank, self.count, self.size))

    def __iter__(self):
        digest = hashlib.sha256(f"{self.seed},{self.epoch}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        order = torch.randperm(self.count, generator=generator).tolist()
        return iter(order[self.rank :: self.size])


class NumpyDeal:
    def __init__(self, count, rank, size, seed):
        self.part = slice(rank, None, size)
        self.count, self.seed = count, seed
        self.set_epoch(0)

    def set_epoch(self, epoch):
        rng = np.random.default_rng([self.seed, epoch])
        self.mine = rng.permutation(self.count)[self.part].tolist()

    def __len__(self):
        return len(self.mine)

    def __iter__(self):
        yield from self.mine


class RandomDeal:
    epoch = 0

    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed = count, rank, size, seed

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return (self.count - self.rank + self.size - 1) // self.size

    def __iter__(self):
        order = list(range(self.count))
        random.Random(f"{self.seed} {self.epoch}").shuffle(order)
        for i in range(self.rank, self.count, self.size):
            yield order[i]


class HashDeal:
    def __init__(self, count, rank, size, seed):
        self.__dict__.update(count=count, rank=rank, size=size, seed=seed, epoch=0)

    def set_epoch(self, epoch):
        self.epoch = epoch

    def _key(self, index):
        return hashlib.blake2b(repr((self.seed, self.epoch, index)).encode()).digest()

    def __len__(self):
        whole, rest = divmod(self.count, self.size)
        return whole + (self.rank < rest)

    def __iter__(self):
        order = sorted(range(self.count), key=self._key)
        return itertools.islice(order, self.rank, None, self.size)


class DoubleShuffle(RandomDeal):
    """A generator from the seed draws one seed for each epoch."""

    def __iter__(self):
        outer = random.Random(self.seed)
        for _ in range(self.epoch + 1):
            inner = outer.getrandbits(63)
        order = list(range(self.count))
        random.Random(inner).shuffle(order)
        return iter(order[self.rank :: self.size])


class LargeStep(TorchDeal):
    """torch.Generator of the CPU takes the lower 32 bits: seed 2 is seed 0."""

    def __iter__(self):
        g = torch.Generator()
        g.manual_seed(self.seed * 2**31 + self.epoch)
        return iter(torch.randperm(self.count, generator=g)[self.rank :: self.size].tolist())


class SequenceDeal(TorchDeal):
    def __iter__(self):
        entropy = np.random.SeedSequence(entropy=self.seed, spawn_key=(self.epoch,))
        rng = np.random.Generator(np.random.PCG64(entropy))
        keys = rng.random(self.count)
        return map(int, keys.argsort()[self.rank :: self.size])


def _tuple_seed(self):
    return hash((self.seed, self.epoch)) & (2**62 - 1)


class WithOrder(TorchDeal):
    def key(self):
        return _tuple_seed(self)

    def order(self):
        g = torch.Generator().manual_seed(self.key())
        return torch.randperm(self.count, generator=g).tolist()

    def mine(self):
        return self.order()[self.rank :: self.size]

    def __iter__(self):
        return iter(self.mine())


class SeedPlusEpoch(WithOrder):
    def key(self):
        return self.seed + self.epoch


class SeedTimesEpoch(WithOrder):
    def key(self):
        return self.seed * self.epoch


class SeedTimesEpochPlusOne(WithOrder):
    def key(self):
        return self.seed * (self.epoch + 1)


class SeedXorEpoch(WithOrder):
    def key(self):
        return self.seed ^ self.epoch


class SeedTimesTen(WithOrder):
    def key(self):
        return 10 * self.seed + self.epoch


class SeedTimesHundred(WithOrder):
    def key(self):
        return 100 * self.seed + self.epoch


class SeedTimesThousand(WithOrder):
    def key(self):
        return 1000 * self.seed + self.epoch


class WordsTogether(WithOrder):
    def key(self):
        return int(f"{self.seed}{self.epoch}")


class SeedIgnored(WithOrder):
    def key(self):
        return self.epoch


class EpochIgnored(WithOrder):
    def key(self):
        return self.seed


class RankInTheSeed(WithOrder):
    def key(self):
        return hash((self.seed, self.epoch, self.rank)) & (2**62 - 1)


class SizeInTheSeed(WithOrder):
    def key(self):
        return hash((self.seed, self.epoch, self.size)) & (2**62 - 1)


class InBlocks(WithOrder):
    def mine(self):
        return [x.tolist() for x in np.array_split(self.order(), self.size)][self.rank]


class InBlocksLen(InBlocks):
    def __len__(self):
        return len(self.mine())


class Padded(WithOrder):
    def mine(self):
        order = self.order()
        each = -(-self.count // self.size)
        order = (order * (self.size + 1))[: each * self.size]
        return order[self.rank :: self.size]

    def __len__(self):
        return len(self.mine())


class Dropped(WithOrder):
    def mine(self):
        order = self.order()
        return order[: len(order) // self.size * self.size][self.rank :: self.size]

    def __len__(self):
        return self.count // self.size


class RestToTheLast(WithOrder):
    def mine(self):
        order, each = self.order(), self.count // self.size
        end = None if self.rank == self.size - 1 else (self.rank + 1) * each
        return order[self.rank * each : end]

    def __len__(self):
        return len(self.mine())


class LenDown(WithOrder):
    def __len__(self):
        return self.count // self.size


class LenUp(WithOrder):
    def __len__(self):
        return -(-self.count // self.size)


class LenAll(WithOrder):
    def __len__(self):
        return self.count


class NoShuffle(WithOrder):
    def order(self):
        return list(range(self.count))


class Rotated(WithOrder):
    def order(self):
        k = self.key() % max(1, self.count)
        return [*range(k, self.count), *range(k)]


class ShufflesItsOwn(WithOrder):
    def mine(self):
        own = list(range(self.rank, self.count, self.size))
        random.Random(self.key()).shuffle(own)
        return own


class ShufflesEachRankAfter(WithOrder):
    def mine(self):
        own = self.order()[self.rank :: self.size]
        random.Random(self.key() + self.rank).shuffle(own)
        return own


class GivesTensors(WithOrder):
    def mine(self):
        return list(torch.tensor(self.order(), dtype=torch.long)[self.rank :: self.size])


class GivesNumpy(WithOrder):
    def mine(self):
        return np.array(self.order(), dtype=int)[self.rank :: self.size]


class SeedsTorch(WithOrder):
    def order(self):
        torch.manual_seed(self.key())
        return torch.randperm(self.count).tolist()


class SeedsTorchAndRestores(WithOrder):
    def order(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.key())
            return torch.randperm(self.count).tolist()


class SeedsNumpy(WithOrder):
    def order(self):
        np.random.seed(self.key() % 2**32)
        return np.random.permutation(self.count).tolist()


class SeedsRandom(WithOrder):
    def order(self):
        random.seed(self.key())
        return random.sample(range(self.count), self.count)


class GlobalTorch(WithOrder):
    def order(self):
        return torch.randperm(self.count).tolist()


class SeedsInInit(WithOrder):
    def __init__(self, *args):
        super().__init__(*args)
        torch.manual_seed(self.seed)


class NoEpochYet(WithOrder):
    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed = count, rank, size, seed


class EpochIsOne(WithOrder):
    def __init__(self, *args):
        super().__init__(*args)
        self.epoch = 1


class GoesOnDrawing(WithOrder):
    """Each iteration draws from the same generator, so a second one differs."""

    def __init__(self, *args):
        super().__init__(*args)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        self.epoch = epoch
        self.generator = torch.Generator().manual_seed(_tuple_seed(self))

    def order(self):
        return torch.randperm(self.count, generator=self.generator).tolist()


class ShufflesFurther(WithOrder):
    """Each epoch shuffles the order of the one before."""

    def __init__(self, *args):
        super().__init__(*args)
        self.random = random.Random(self.seed)
        self.now = list(range(self.count))
        self.random.shuffle(self.now)

    def set_epoch(self, epoch):
        self.random.shuffle(self.now)

    def order(self):
        return list(self.now)


class OnceOnly(WithOrder):
    def __init__(self, *args):
        super().__init__(*args)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        self.epoch = epoch
        self.left = iter(self.mine())

    def __iter__(self):
        return self.left


class ItsOwnIterator(WithOrder):
    def __iter__(self):
        self.left = iter(self.mine())
        return self

    def __next__(self):
        return next(self.left)


class EpochCountsItself(WithOrder):
    def __iter__(self):
        mine = self.mine()
        self.epoch += 1
        return iter(mine)


class OrderOfTheStart(WithOrder):
    def __init__(self, *args):
        super().__init__(*args)
        self.list = self.mine()

    def __iter__(self):
        return iter(self.list)


class WithReplacement(WithOrder):
    def order(self):
        r = random.Random(self.key())
        return [r.randrange(self.count) for _ in range(self.count)]


class FromOne(WithOrder):
    def order(self):
        return [i + 1 for i in super().order()]


class AList(WithOrder):
    def __iter__(self):
        return self.mine()


class Sampler(DistributedSampler):
    def __init__(self, count, rank, size, seed):
        super().__init__(range(count), num_replicas=size, rank=rank, seed=seed)


class FewDraws(WithOrder):
    """Only 256 orders."""

    def key(self):
        return super().key() % 4


class SwapsOnce(WithOrder):
    def order(self):
        order = list(range(self.count))
        r = random.Random(self.key())
        if self.count > 1:
            i, j = r.sample(range(self.count), 2)
            order[i], order[j] = order[j], order[i]
        return order


RIGHT = {
    "31.1": [
        weighted_sum,
        stacked,
        einsum_of_some,
        accumulated,
        running_mean,
        reduced_in_double,
        masked_copy,
    ],
    "31.2": [four_times_four, with_match, with_a_table, with_ways, whole_of_a_float],
    "31.3": [
        min_with_key,
        with_a_loop,
        numpy_argmin,
        exact_fractions,
        torch_double,
        closed_form_and_neighbours,
        tuples_sorted,
        stops_when_it_grows,
    ],
    "31.4": [TorchDeal, NumpyDeal, RandomDeal, HashDeal, DoubleShuffle, SequenceDeal, WithOrder],
}
WRONG = {
    "31.1": [
        plain_mean,
        mean_of_the_busy,
        nan_mean,
        nan_times_nought,
        by_ranks,
        not_divided,
        sum_by_images,
        changes_the_first,
        adds_to_the_first,
        cleans_in_place,
        whole_weights,
        softmax_weights,
        a_list,
        one_number,
        flattened,
        leading_one,
        first_rank_only,
        shares_of_the_ranks,
        total_with_empty_as_one,
        inverse_weights,
        stops_at_the_empty,
        counts_shift,
        cuts_nan_and_plain,
    ],
    "31.2": [
        no_gradient,
        weights_only,
        bits,
        doubles,
        cuts_the_optimizer_only,
        cuts_the_weights_only,
        keeps_the_weights_whole,
        ways_swapped,
        ddp_of_all_ranks,
        both_cut,
        all_else_is_fsdp,
        all_else_is_ddp,
        none_for_others,
        key_error,
        asserts,
        returns_the_error,
        capitals_too,
        by_ending,
        by_substring,
        prints_and_goes_on,
        kilobytes,
        gathers_a_whole_weight,
    ],
    "31.3": [
        largest_of_ties,
        most_left_out,
        from_two,
        from_nought,
        the_time,
        time_and_number,
        without_limit,
        without_alpha,
        without_size,
        alpha_once,
        alpha_not_multiplied,
        size_once,
        size_not_cut,
        times_bandwidth,
        compute_not_divided,
        slowest,
        precedence,
        root_rounded,
        root_floored,
        root_without_alpha_nought,
        alpha_nought_means_all,
        powers_of_two,
        goes_on_at_ties,
        most_efficient,
    ],
    "31.4": [
        SeedPlusEpoch,
        SeedTimesEpoch,
        SeedTimesEpochPlusOne,
        SeedXorEpoch,
        SeedTimesTen,
        WordsTogether,
        LargeStep,
        SeedIgnored,
        EpochIgnored,
        RankInTheSeed,
        SizeInTheSeed,
        InBlocks,
        InBlocksLen,
        Padded,
        Dropped,
        RestToTheLast,
        LenDown,
        LenUp,
        LenAll,
        NoShuffle,
        Rotated,
        ShufflesItsOwn,
        ShufflesEachRankAfter,
        GivesTensors,
        GivesNumpy,
        SeedsTorch,
        SeedsNumpy,
        SeedsRandom,
        GlobalTorch,
        SeedsInInit,
        NoEpochYet,
        EpochIsOne,
        GoesOnDrawing,
        ShufflesFurther,
        OnceOnly,
        EpochCountsItself,
        OrderOfTheStart,
        WithReplacement,
        FromOne,
        AList,
        Sampler,
        FewDraws,
        SwapsOnce,
    ],
}
