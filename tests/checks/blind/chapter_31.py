"""Chapter 31."""

import random

import numpy as np
import torch


def whole_stacked(gradients, counts):
    weights = torch.tensor(counts, dtype=gradients[0].dtype)
    stack = torch.stack(gradients).nan_to_num(0.0)
    return torch.tensordot(weights / weights.sum(), stack, dims=1)


def whole_in_a_loop(gradients, counts):
    total, seen = torch.zeros_like(gradients[0]), 0
    for gradient, count in zip(gradients, counts):
        if count == 0:
            continue
        total += count * gradient
        seen += count
    return total / seen


def whole_running_mean(gradients, counts):
    mean, seen = None, 0
    for gradient, count in zip(gradients, counts):
        if not count:
            continue
        seen += count
        mean = gradient.clone() if mean is None else mean + (gradient - mean) * (count / seen)
    return mean


def whole_by_where(gradients, counts):
    whole = sum(counts)
    return sum(torch.where(torch.tensor(c > 0), g, torch.zeros(())) * c for g, c in
               zip(gradients, counts)) / whole  # fmt: skip


def plain_mean(gradients, counts):
    return torch.stack(gradients).nanmean(dim=0)


def nan_by_zero(gradients, counts):
    return sum(g * c for g, c in zip(gradients, counts)) / sum(counts)


def weighted_without_division(gradients, counts):
    return sum(g * c for g, c in zip(gradients, counts) if c)


def in_place_weights(gradients, counts):
    for g, c in zip(gradients, counts):
        g.mul_(c)
        g.nan_to_num_(0)
    return sum(gradients) / sum(counts)


def rounded_weights(gradients, counts):
    whole = sum(counts)
    return sum(g * round(c / whole, 1) for g, c in zip(gradients, counts) if c)


def largest_rank_only(gradients, counts):
    return gradients[counts.index(max(counts))]


def memory_by_table(parameters, ranks, way):
    try:
        share = {"ddp": 1, "fsdp": ranks}[way]
    except KeyError:
        raise ValueError(way) from None
    return 16 * parameters // share


def memory_by_parts(parameters, ranks, way):
    size = torch.finfo(torch.float32).bits // 8
    weight = gradient = parameters * size
    adam = 2 * parameters * size
    if way == "ddp":
        return weight + gradient + adam
    if way == "fsdp":
        return sum(part // ranks for part in (weight, gradient, adam))
    raise ValueError("unknown way")


def memory_match(parameters, ranks, way):
    match way:
        case "ddp":
            return int(parameters * 16)
        case "fsdp":
            return parameters // ranks * 16
        case _:
            raise ValueError(f"{way}?")


def memory_tensor(parameters, ranks, way):
    if way not in {"ddp", "fsdp"}:
        raise ValueError
    held = torch.tensor(parameters, dtype=torch.int64)
    if way == "fsdp":
        held = torch.div(held, ranks, rounding_mode="floor")
    return (held * 4 * 4).item()


def memory_without_gradient(parameters, ranks, way):
    return memory_by_table(parameters, ranks, way) * 3 // 4


def memory_any_way(parameters, ranks, way):
    return 16 * parameters if way == "ddp" else 16 * parameters // ranks


def memory_reversed(parameters, ranks, way):
    if way == "ddp":
        return 16 * parameters // ranks
    return memory_by_table(parameters, 1, way)


def memory_weights_uncut(parameters, ranks, way):
    if way == "fsdp":
        return 4 * parameters + 12 * parameters // ranks
    return memory_by_table(parameters, ranks, way)


def memory_in_float64(parameters, ranks, way):
    return 2 * memory_by_table(parameters, ranks, way)


def memory_one_of_adam(parameters, ranks, way):
    if way == "ddp":
        return 12 * parameters
    return memory_by_table(parameters, ranks, way)


def step(p, compute, size, alpha, bandwidth):
    return compute / p + 2 * (p - 1) * alpha + 2 * (p - 1) / p * size / bandwidth


def best_by_argmin(compute, size, alpha, bandwidth, most):
    times = [step(p, compute, size, alpha, bandwidth) for p in range(1, most + 1)]
    return int(np.argmin(times)) + 1


def best_in_a_loop(compute, size, alpha, bandwidth, most):
    found, least = 1, compute
    for p in range(2, most + 1):
        t = step(p, compute, size, alpha, bandwidth)
        if t < least:
            found, least = p, t
    return found


def best_sorted(compute, size, alpha, bandwidth, most):
    return sorted((step(p, compute, size, alpha, bandwidth), p) for p in range(1, most + 1))[0][1]


def best_by_the_root(compute, size, alpha, bandwidth, most):
    gain = compute - 2 * size / bandwidth
    if gain <= 0:
        return 1
    if alpha == 0:
        return most
    near = int((gain / (2 * alpha)) ** 0.5)
    candidates = {min(max(p, 1), most) for p in (near, near + 1)}
    return min(sorted(candidates), key=lambda p: step(p, compute, size, alpha, bandwidth))


def best_is_most(compute, size, alpha, bandwidth, most):
    return most


def best_without_latency(compute, size, alpha, bandwidth, most):
    return best_by_argmin(compute, size, 0, bandwidth, most)


def best_from_zero(compute, size, alpha, bandwidth, most):
    return best_by_argmin(compute, size, alpha, bandwidth, most) - 1


def best_powers_of_two(compute, size, alpha, bandwidth, most):
    powers = [2**i for i in range(20) if 2**i <= most]
    return min(powers, key=lambda p: step(p, compute, size, alpha, bandwidth))


def best_as_text(compute, size, alpha, bandwidth, most):
    return str(best_by_argmin(compute, size, alpha, bandwidth, most))


def best_bytes_as_bits(compute, size, alpha, bandwidth, most):
    return best_by_argmin(compute, 8 * size, alpha, bandwidth, most)


class DealByPython:
    def __init__(self, count, rank, size, seed):
        self.arguments = count, rank, size, seed
        self.set_epoch(0)

    def set_epoch(self, epoch):
        count, rank, size, seed = self.arguments
        order = list(range(count))
        random.Random(f"{seed} {epoch}").shuffle(order)
        self.own = order[rank::size]

    def __len__(self):
        return len(self.own)

    def __iter__(self):
        yield from self.own


class DealByNumPy:
    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed, self.epoch = count, rank, size, seed, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def order(self):
        return np.random.default_rng([self.seed, self.epoch]).permutation(self.count)

    def __len__(self):
        return (
            (self.count - self.rank + self.size - 1) // self.size if self.rank < self.count else 0
        )

    def __iter__(self):
        return iter(self.order()[self.rank :: self.size].tolist())


class DealAsSampler(torch.utils.data.Sampler):
    epoch = 0

    def __init__(self, count, rank, size, seed):
        self.count, self.rank, self.size, self.seed = count, rank, size, seed

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        generator = torch.Generator()
        generator.manual_seed(hash((self.seed, self.epoch)) % 2**63)
        for place, index in enumerate(torch.randperm(self.count, generator=generator)):
            if place % self.size == self.rank:
                yield int(index)

    def __len__(self):
        whole, rest = divmod(self.count, self.size)
        return whole + (self.rank < rest)


class DealBySorting:
    def __init__(self, count, rank, size, seed, epoch=0):
        self.given = [count, rank, size, seed, epoch]

    def set_epoch(self, epoch):
        self.given[-1] = epoch

    def __iter__(self):
        count, rank, size, seed, epoch = self.given
        draw = random.Random(seed * 1_000_003 + epoch * 7919 + 1)
        keys = [draw.random() for _ in range(count)]
        return iter(sorted(range(count), key=keys.__getitem__)[rank::size])

    def __len__(self):
        return sum(1 for _ in self)


class DealContiguous(DealByNumPy):
    def __iter__(self):
        return iter(np.array_split(self.order(), self.size)[self.rank].tolist())


class DealAddsSeeds(DealByNumPy):
    def order(self):
        return np.random.default_rng(self.seed + self.epoch).permutation(self.count)


class DealNumPyIntegers(DealByNumPy):
    def __iter__(self):
        return iter(self.order()[self.rank :: self.size])


class DealGlobal(DealByNumPy):
    def order(self):
        torch.manual_seed(self.seed * 1000 + self.epoch)
        return torch.randperm(self.count).numpy()


class DealForgetsTheEpoch(DealByNumPy):
    def set_epoch(self, epoch):
        self.asked = epoch


class DealPads(DealByNumPy):
    def order(self):
        order = super().order()
        return np.resize(order, -(-self.count // self.size) * self.size) if self.count else order


RIGHT = {
    "31.1": [whole_stacked, whole_in_a_loop, whole_running_mean, whole_by_where],
    "31.2": [memory_by_table, memory_by_parts, memory_match, memory_tensor],
    "31.3": [best_by_argmin, best_in_a_loop, best_sorted, best_by_the_root],
    "31.4": [DealByPython, DealByNumPy, DealAsSampler, DealBySorting],
}
WRONG = {
    "31.1": [
        plain_mean,
        nan_by_zero,
        weighted_without_division,
        in_place_weights,
        rounded_weights,
        largest_rank_only,
    ],
    "31.2": [
        memory_without_gradient,
        memory_any_way,
        memory_reversed,
        memory_weights_uncut,
        memory_in_float64,
        memory_one_of_adam,
    ],
    "31.3": [
        best_is_most,
        best_without_latency,
        best_from_zero,
        best_powers_of_two,
        best_as_text,
        best_bytes_as_bits,
    ],
    "31.4": [
        DealContiguous,
        DealAddsSeeds,
        DealNumPyIntegers,
        DealGlobal,
        DealForgetsTheEpoch,
        DealPads,
    ],
}
