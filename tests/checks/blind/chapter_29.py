"""Chapter 29."""

import math
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F


def kl_formula(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2) ** 2 / log_var_2.exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio).sum(dim=1)


def kl_with_sigmas(mean_1, log_var_1, mean_2, log_var_2):
    s1, s2 = torch.exp(0.5 * log_var_1), torch.exp(0.5 * log_var_2)
    kl = torch.log(s2 / s1) + (s1.square() + (mean_1 - mean_2).square()) / (2 * s2.square()) - 1 / 2
    return kl.sum(-1)


def kl_cross_entropy_minus_entropy(mean_1, log_var_1, mean_2, log_var_2):
    var_1, var_2 = log_var_1.exp(), log_var_2.exp()
    cross = F.gaussian_nll_loss(mean_1, mean_2, var_2, reduction="none", eps=1e-12)
    cross = cross + 0.5 * var_1 / var_2
    entropy = 0.5 * (log_var_1 + 1)
    return torch.sum(cross - entropy, 1)


def kl_with_matrices(mean_1, log_var_1, mean_2, log_var_2):
    precision = torch.diag_embed(torch.exp(-log_var_2))
    apart = (mean_2 - mean_1).unsqueeze(2)
    quadratic = (apart.mT @ precision @ apart).flatten()
    trace = (precision @ torch.diag_embed(log_var_1.exp())).diagonal(dim1=1, dim2=2).sum(1)
    return (trace + quadratic - mean_1.shape[1] + log_var_2.sum(1) - log_var_1.sum(1)) / 2


def kl_by_loops(mean_1, log_var_1, mean_2, log_var_2):
    rows = []
    for row in zip(mean_1, log_var_1, mean_2, log_var_2, strict=True):
        total = 0
        for a, b, c, d in zip(*row, strict=True):
            total = total + (d - b + (b.exp() + (a - c).pow(2)) / d.exp() - 1) / 2
        rows.append(total)
    return torch.stack(rows)


def kl_expm1(mean_1, log_var_1, mean_2, log_var_2):
    change = log_var_1 - log_var_2
    distance = (mean_1 - mean_2) * (-log_var_2 / 2).exp()
    return torch.einsum("nd->n", change.expm1() - change + distance * distance).div(2)


def kl_swapped(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_2, log_var_2, mean_1, log_var_1)


def kl_without_one(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2) + mean_1.shape[1] / 2


def kl_minus_one_once(mean_1, log_var_1, mean_2, log_var_2):
    d = mean_1.shape[1]
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2) + (d - 1) / 2


def kl_log_sign(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2) ** 2 / log_var_2.exp()
    return 0.5 * (ratio.exp() + apart - 1 + ratio).sum(1)


def kl_mean_of_numbers(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2) / mean_1.shape[1]


def kl_sum_of_all(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2).sum()


def kl_mean_of_rows(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2).mean()


def kl_over_rows(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1.T, log_var_1.T, mean_2.T, log_var_2.T)


def kl_keeps_column(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2).unsqueeze(1)


def kl_each_number(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    return 0.5 * (ratio.exp() + (mean_1 - mean_2) ** 2 / log_var_2.exp() - 1 - ratio)


def kl_variances_given(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1.abs().log(), mean_2, log_var_2.abs().log())


def kl_log_sigma(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, 2 * log_var_1, mean_2, 2 * log_var_2)


def kl_without_half(mean_1, log_var_1, mean_2, log_var_2):
    return 2 * kl_formula(mean_1, log_var_1, mean_2, log_var_2)


def kl_not_squared(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2).abs() / log_var_2.exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio).sum(1)


def kl_first_variance_below(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2) ** 2 / log_var_1.exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio).sum(1)


def kl_sigma_below(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2) ** 2 / (0.5 * log_var_2).exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio).sum(1)


def kl_without_means(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_1, log_var_2)


def kl_unscaled_means(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    return 0.5 * (ratio.exp() + (mean_1 - mean_2) ** 2 - 1 - ratio).sum(1)


def kl_to_standard(mean_1, log_var_1, mean_2, log_var_2):
    return 0.5 * (mean_1**2 + log_var_1.exp() - 1 - log_var_1).sum(1)


def kl_difference_to_standard(mean_1, log_var_1, mean_2, log_var_2):
    def standard(mean, log_var):
        return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)

    return standard(mean_1, log_var_1) - standard(mean_2, log_var_2)


def kl_symmetric(mean_1, log_var_1, mean_2, log_var_2):
    there = kl_formula(mean_1, log_var_1, mean_2, log_var_2)
    return (there + kl_formula(mean_2, log_var_2, mean_1, log_var_1)) / 2


def kl_negative(mean_1, log_var_1, mean_2, log_var_2):
    return -kl_formula(mean_1, log_var_1, mean_2, log_var_2)


def kl_second_is_fixed(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2.detach(), log_var_2.detach())


def kl_one_gradient_missing(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, torch.tensor(log_var_2.tolist()).to(log_var_2))


@torch.no_grad()
def kl_no_grad(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2)


def kl_in_double(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1.double(), log_var_1.double(), mean_2.double(), log_var_2.double())


def kl_in_float(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1.float(), log_var_1.float(), mean_2.float(), log_var_2.float())


def kl_square_of_sum(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2).sum(1) ** 2 / log_var_2.exp().sum(1)
    return 0.5 * ((ratio.exp() - 1 - ratio).sum(1) + apart)


def kl_by_library(mean_1, log_var_1, mean_2, log_var_2):
    from torch.distributions import Normal, kl_divergence

    first = Normal(mean_1, (log_var_1 / 2).exp())
    return kl_divergence(first, Normal(mean_2, (log_var_2 / 2).exp())).sum(1)


def kl_by_library_as_attribute(mean_1, log_var_1, mean_2, log_var_2):
    d = torch.distributions
    first = d.Independent(d.Normal(mean_1, (log_var_1 / 2).exp()), 1)
    second = d.Independent(d.Normal(mean_2, (log_var_2 / 2).exp()), 1)
    return d.kl_divergence(first, second)


def kl_estimated(mean_1, log_var_1, mean_2, log_var_2):
    x = mean_1 + (log_var_1 / 2).exp() * torch.randn(200, *mean_1.shape, dtype=mean_1.dtype)
    first = log_var_1 + (x - mean_1) ** 2 / log_var_1.exp()
    second = log_var_2 + (x - mean_2) ** 2 / log_var_2.exp()
    return 0.5 * (second - first).mean(0).sum(1)


def kl_sums_means(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 + mean_2) ** 2 / log_var_2.exp()
    return 0.5 * (ratio.exp() + apart - 1 - ratio).sum(1)


def kl_ratio_upside_down(mean_1, log_var_1, mean_2, log_var_2):
    ratio = log_var_1 - log_var_2
    apart = (mean_1 - mean_2) ** 2 / log_var_2.exp()
    return 0.5 * ((-ratio).exp() + apart - 1 - ratio).sum(1)


def heun_loop(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        first = velocity(z, i * h)
        second = velocity(z + h * first, (i + 1) * h)
        z = z + h * (first + second) / 2
    return z


def heun_pairs(velocity, z, steps):
    times = [i / steps for i in range(steps + 1)]
    for t, later in pairwise(times):
        a = velocity(z, t)
        b = velocity(torch.add(z, a, alpha=later - t), later)
        z = torch.add(z, torch.stack([a, b]).mean(0), alpha=later - t)
    return z


def heun_copy(velocity, z, steps):
    here = z.clone()
    t = 0.0
    for _ in range(steps):
        a = velocity(here, t)
        t += 1 / steps
        b = velocity(here + a / steps, t)
        here += (a + b) / (2 * steps)
    return here


def heun_recursive(velocity, z, steps, done=0):
    if done == steps:
        return z
    t, end = done / steps, (done + 1) / steps
    a = velocity(z, t)
    guess = z + a * (end - t)
    return heun_recursive(
        velocity, (z + guess + velocity(guess, end) * (end - t)) / 2, steps, done + 1
    )


def heun_numpy_times(velocity, z, steps):
    times = np.linspace(0, 1, steps + 1).tolist()
    while len(times) > 1:
        t, u = times[:2]
        k1 = velocity(z, t)
        k2 = velocity(z.lerp(z + k1, u - t), u)
        z = z + 0.5 * (u - t) * k1 + 0.5 * (u - t) * k2
        times = times[1:]
    return z


class _Solver:
    def __init__(self, velocity, step):
        self.velocity, self.step = velocity, step

    def euler(self, z, t):
        speed = self.velocity(z, t)
        return z + self.step * speed, speed

    def __call__(self, z, t):
        there, speed = self.euler(z, t)
        return z + self.step * (speed + self.velocity(there, t + self.step)) * 0.5


def heun_class(velocity, z, steps):
    solver = _Solver(velocity, 1.0 / steps)
    for i in range(steps):
        z = solver(z, i / steps)
    return z


def heun_is_euler(velocity, z, steps):
    for i in range(steps):
        z = z + velocity(z, i / steps) / steps
    return z


def heun_midpoint(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        middle = z + h / 2 * velocity(z, i * h)
        z = z + h * velocity(middle, (i + 0.5) * h)
    return z


def heun_end_velocity(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        z = z + h * velocity(z + h * velocity(z, i * h), (i + 1) * h)
    return z


def heun_same_time(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, i * h)) / 2
    return z


def heun_same_place(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        z = z + h * (velocity(z, i * h) + velocity(z, (i + 1) * h)) / 2
    return z


def heun_goes_on(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * a
        z = z + h * (a + velocity(z, (i + 1) * h)) / 2
    return z


def heun_sum(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 1) * h))
    return z


def heun_in_place(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z += h * (a + velocity(z + h * a, (i + 1) * h)) / 2
    return z


def heun_one_step_fewer(velocity, z, steps):
    h = 1 / steps
    for i in range(steps - 1):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 1) * h)) / 2
    return z


def heun_one_step_more(velocity, z, steps):
    h = 1 / steps
    for i in range(steps + 1):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 1) * h)) / 2
    return z


def heun_large_steps(velocity, z, steps):
    h = 1 / max(steps - 1, 1)
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 1) * h)) / 2
    return z


def heun_backwards(velocity, z, steps):
    h = 1 / steps
    for i in range(steps, 0, -1):
        a = velocity(z, i * h)
        z = z - h * (a + velocity(z - h * a, (i - 1) * h)) / 2
    return z


def heun_time_runs_down(velocity, z, steps):
    return heun_loop(lambda z, t: velocity(z, 1 - t), z, steps)


def heun_all_stations(velocity, z, steps):
    stations, h = [z], 1 / steps
    for i in range(steps):
        a = velocity(stations[-1], i * h)
        b = velocity(stations[-1] + h * a, (i + 1) * h)
        stations.append(stations[-1] + h * (a + b) / 2)
    return stations


def heun_stacked_stations(velocity, z, steps):
    return torch.stack(heun_all_stations(velocity, z, steps))


def heun_tensor_time(velocity, z, steps):
    times = torch.linspace(0, 1, steps + 1)
    for t, later in pairwise(times):
        a = velocity(z, t)
        z = z + (later - t) * (a + velocity(z + (later - t) * a, later)) / 2
    return z


def heun_time_for_each(velocity, z, steps):
    return heun_loop(lambda z, t: velocity(z, torch.full((len(z),), t)), z, steps)


def heun_asks_three_times(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        guess = z + h * velocity(z, i * h)
        z = z + h * (velocity(z, i * h) + velocity(guess, (i + 1) * h)) / 2
    return z


def heun_asks_once(velocity, z, steps):
    h = 1 / steps
    a = velocity(z, 0.0)
    for i in range(steps):
        b = velocity(z + h * a, (i + 1) * h)
        z = z + h * (a + b) / 2
        a = b
    return z


def heun_counts_time(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i)
        z = z + h * (a + velocity(z + h * a, i + 1)) / 2
    return z


def heun_time_zero(velocity, z, steps):
    return heun_loop(lambda z, t: velocity(z, 0.0), z, steps)


def heun_runge_kutta(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        t = i * h
        a = velocity(z, t)
        b = velocity(z + h / 2 * a, t + h / 2)
        c = velocity(z + h / 2 * b, t + h / 2)
        z = z + h * (a + 2 * b + 2 * c + velocity(z + h * c, t + h)) / 6
    return z


def heun_ralston(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        b = velocity(z + 2 / 3 * h * a, (i + 2 / 3) * h)
        z = z + h * (a + 3 * b) / 4
    return z


def heun_last_is_euler(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        if i < steps - 1:
            a = (a + velocity(z + h * a, (i + 1) * h)) / 2
        z = z + h * a
    return z


def heun_with_time(velocity, z, steps):
    return heun_loop(velocity, z, steps), 1.0


def heun_half_step(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h / 2 * a, (i + 1) * h)) / 2
    return z


def heun_one_step(velocity, z, steps):
    return heun_loop(velocity, z, 1)


def heun_two_eulers(velocity, z, steps):
    return heun_is_euler(velocity, z, 2 * steps)


def heun_first_velocity_stays(velocity, z, steps):
    h, start = 1 / steps, z
    for i in range(steps):
        a = velocity(start, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 1) * h)) / 2
    return z


def heun_half_time(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        a = velocity(z, i * h)
        z = z + h * (a + velocity(z + h * a, (i + 0.5) * h)) / 2
    return z


def _apart(a, b):
    return (a[:, None].double() - b[None].double()).square().sum(2).sqrt()


def coverage_sorted(real, drawn, k):
    radius = _apart(real, real).sort(dim=1).values[:, k]
    return (_apart(real, drawn) <= radius[:, None]).any(dim=1).double().mean().item()


def coverage_loops(real, drawn, k):
    covered = 0
    for i, centre in enumerate(real):
        others = torch.cat([real[:i], real[i + 1 :]])
        radius = sorted(((others - centre) ** 2).sum(1).tolist())[k - 1]
        covered += any(d <= radius for d in ((drawn - centre) ** 2).sum(1).tolist())
    return covered / len(real)


def coverage_numpy(real, drawn, k):
    r, d = real.numpy(), drawn.numpy()
    between = ((r[:, None] - r[None]) ** 2).sum(-1)
    np.fill_diagonal(between, np.inf)
    radius = np.partition(between, k - 1, axis=1)[:, k - 1]
    nearest = ((r[:, None] - d[None]) ** 2).sum(-1).min(axis=1)
    return float(np.mean(nearest <= radius))


def coverage_topk(real, drawn, k):
    mode = "donot_use_mm_for_euclid_dist"
    nearest = torch.cdist(real, real, compute_mode=mode).topk(k + 1, largest=False).values
    inside = torch.cdist(drawn, real, compute_mode=mode) <= nearest[:, -1]
    return inside.any(0).float().mean()


def coverage_counting(real, drawn, k):
    """A ball holds a drawing when fewer than k other real rows are strictly nearer."""
    nearest = _apart(real, drawn).amin(1, keepdim=True)
    nearer = (_apart(real, real) < nearest).fill_diagonal_(False).sum(1)
    return sum(n < k for n in nearer.tolist()) / len(real)


def coverage_row_by_row(real, drawn, k):
    shares = []
    for x in real:
        radius = torch.linalg.vector_norm(real - x, dim=1).kthvalue(k + 1).values
        shares.append(torch.linalg.vector_norm(drawn - x, dim=1).min() <= radius)
    return torch.stack(shares).count_nonzero() / len(shares)


def _radius(real, k):
    return _apart(real, real).sort(dim=1).values[:, k]


def coverage_counts_itself(real, drawn, k):
    radius = _apart(real, real).sort(dim=1).values[:, k - 1]
    return (_apart(real, drawn) <= radius[:, None]).any(1).double().mean()


def coverage_without_border(real, drawn, k):
    return (_apart(real, drawn) < _radius(real, k)[:, None]).any(1).double().mean()


def coverage_is_precision(real, drawn, k):
    return (_apart(real, drawn) <= _radius(real, k)[:, None]).any(0).double().mean()


def coverage_is_recall(real, drawn, k):
    return (_apart(real, drawn) <= _radius(drawn, k)).any(1).double().mean()


def coverage_swapped(real, drawn, k):
    return coverage_sorted(drawn, real, k)


def coverage_one_further(real, drawn, k):
    radius = _apart(real, real).sort(dim=1).values[:, min(k + 1, len(real) - 1)]
    return (_apart(real, drawn) <= radius[:, None]).any(1).double().mean()


def coverage_one_radius(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k).mean()).double().mean()


def coverage_largest_radius(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k).max()).double().mean()


def coverage_k_as_radius(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= k).double().mean()


def coverage_squares_on_one_side(real, drawn, k):
    return (_apart(real, drawn).amin(1) ** 2 <= _radius(real, k)).double().mean()


def coverage_count(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k)).sum()


def coverage_by_drawings(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k)).sum() / len(drawn)


def coverage_percent(real, drawn, k):
    return 100 * coverage_sorted(real, drawn, k)


def coverage_is_density(real, drawn, k):
    return (_apart(real, drawn) <= _radius(real, k)[:, None]).double().mean() * len(real) / k


def coverage_of_pairs(real, drawn, k):
    return (_apart(real, drawn) <= _radius(real, k)[:, None]).double().mean()


def coverage_missing(real, drawn, k):
    return 1 - coverage_sorted(real, drawn, k)


def coverage_by_sums(real, drawn, k):
    def apart(a, b):
        return (a[:, None] - b[None]).abs().sum(2)

    radius = apart(real, real).sort(dim=1).values[:, k]
    return (apart(real, drawn).amin(1) <= radius).double().mean()


def coverage_by_largest(real, drawn, k):
    def apart(a, b):
        return (a[:, None] - b[None]).abs().amax(2)

    radius = apart(real, real).sort(dim=1).values[:, k]
    return (apart(real, drawn).amin(1) <= radius).double().mean()


def coverage_nearest_of_drawings(real, drawn, k):
    """Each drawing covers the real row that is nearest to it, no more."""
    apart = _apart(real, drawn)
    nearest = apart.argmin(0)
    inside = apart.amin(0) <= _radius(real, k)[nearest]
    return len(nearest[inside].unique()) / len(real)


def coverage_k_drawings(real, drawn, k):
    inside = (_apart(real, drawn) <= _radius(real, k)[:, None]).sum(1)
    return (inside >= k).double().mean()


def coverage_furthest(real, drawn, k):
    radius = _apart(real, real).sort(dim=1, descending=True).values[:, k - 1]
    return (_apart(real, drawn).amin(1) <= radius).double().mean()


def coverage_mean_distance(real, drawn, k):
    radius = _apart(real, real).sort(dim=1).values[:, 1 : k + 1].mean(1)
    return (_apart(real, drawn).amin(1) <= radius).double().mean()


def coverage_row_for_row(real, drawn, k):
    n = min(len(real), len(drawn))
    inside = (real[:n] - drawn[:n]).norm(dim=1) <= _radius(real, k)[:n]
    return inside.double().mean()


def coverage_each_ball(real, drawn, k):
    return (_apart(real, drawn) <= _radius(real, k)[:, None]).any(1)


def coverage_any(real, drawn, k):
    return float((_apart(real, drawn) <= _radius(real, k)[:, None]).any())


def coverage_half_radius(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k) / 2).double().mean()


def coverage_standardised(real, drawn, k):
    scale = real.std(0)
    return coverage_sorted(real / scale, drawn / scale, k)


def coverage_always_first(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, 1)).double().mean()


def coverage_all_drawings(real, drawn, k):
    return (_apart(real, drawn) <= _radius(real, k)[:, None]).all(1).double().mean()


def coverage_mean_drawing(real, drawn, k):
    return coverage_sorted(real, drawn.mean(0, keepdim=True), k)


def coverage_in_the_union(real, drawn, k):
    """A ball up to the k-th neighbour of both kinds holds a drawing just when the other does."""
    both = torch.cat([real, drawn])
    radius = _apart(real, both).sort(dim=1).values[:, k]
    return (_apart(real, drawn).amin(1) <= radius).double().mean()


def coverage_wide_border(real, drawn, k):
    return (_apart(real, drawn).amin(1) <= _radius(real, k) + 0.1).double().mean()


def walk_rotation(start, stop, count):
    a, b = start.double(), stop.double()
    u = a / a.norm()
    side = b - (b @ u) * u
    angle = torch.atan2(side.norm(), b @ u)
    w = side / side.norm() if side.norm() > 0 else side
    rows = []
    for i in range(count):
        s = i / (count - 1)
        length = (1 - s) * a.norm() + s * b.norm()
        rows.append(length * (torch.cos(s * angle) * u + torch.sin(s * angle) * w))
    return torch.stack(rows).to(start.dtype)


def walk_sines(start, stop, count):
    lengths = torch.linspace(start.norm().item(), stop.norm().item(), count, dtype=start.dtype)
    s = torch.linspace(0, 1, count, dtype=start.dtype).unsqueeze(1)
    u, v = start / start.norm(), stop / stop.norm()
    angle = torch.acos((u * v).sum().clamp(-1, 1))
    if angle < 1e-4:
        directions = (1 - s) * u + s * v
    else:
        directions = (torch.sin((1 - s) * angle) * u + torch.sin(s * angle) * v) / torch.sin(angle)
    return directions * lengths[:, None]


def walk_sinc(start, stop, count):
    """By torch.sinc, which knows what to do at zero."""
    u, v = F.normalize(start, dim=0), F.normalize(stop, dim=0)
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    s = (torch.arange(count) / (count - 1)).to(start.dtype).outer(torch.ones_like(start))

    def part(share):
        return share * torch.sinc(share * angle / math.pi) / torch.sinc(angle / math.pi)

    return ((1 - s) * start.norm() + s * stop.norm()) * (part(1 - s) * u + part(s) * v)


def walk_in_numpy(start, stop, count):
    a, b = start.numpy().astype(float), stop.numpy().astype(float)
    la, lb = math.sqrt(a @ a), math.sqrt(b @ b)
    cos = min(1.0, max(-1.0, a @ b / (la * lb)))
    angle = math.acos(cos)
    out = np.empty((count, len(a)))
    for i, s in enumerate(np.linspace(0, 1, count)):
        if angle < 1e-6:
            direction = a / la
        else:
            direction = math.sin((1 - s) * angle) * a / la + math.sin(s * angle) * b / lb
            direction /= math.sin(angle)
        out[i] = (la + s * (lb - la)) * direction
    return torch.tensor(out, dtype=start.dtype)


def walk_step_by_step(start, stop, count):
    """The turn of one step, applied again and again in the plane of the two."""
    first, last = start.norm(), stop.norm()
    q = start / first
    across = stop - (stop @ q) * q
    size = across.norm()
    across = across / size if size > 1e-6 * last else torch.zeros_like(across)
    angle = math.atan2(size.item(), (stop @ q).item()) / (count - 1)
    x, y, points = 1.0, 0.0, []
    for i in range(count):
        points.append((first + (last - first) * i / (count - 1)) * (x * q + y * across))
        x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
    return torch.stack(points)


def walk_complex(start, stop, count):
    u = start / start.norm()
    side = stop - torch.dot(stop, u) * u
    w = F.normalize(side, dim=0)
    angle = torch.atan2(side.norm(), torch.dot(stop, u))
    s = torch.linspace(0, 1, count).to(start.dtype)
    turned = torch.polar(torch.lerp(start.norm().expand(count), stop.norm(), s), s * angle)
    return torch.view_as_real(turned) @ torch.stack([u, w])


def _share(start, count):
    return torch.linspace(0, 1, count, dtype=start.dtype).unsqueeze(1)


def walk_straight(start, stop, count):
    s = _share(start, count)
    return (1 - s) * start + s * stop


def walk_straight_lengthened(start, stop, count):
    s = _share(start, count)
    line = F.normalize((1 - s) * F.normalize(start, dim=0) + s * F.normalize(stop, dim=0), dim=1)
    return line * ((1 - s) * start.norm() + s * stop.norm())


def walk_slerp_of_vectors(start, stop, count):
    s = _share(start, count)
    angle = (start @ stop / (start.norm() * stop.norm())).clamp(-1, 1).acos()
    if angle < 1e-4:
        return (1 - s) * start + s * stop
    return (((1 - s) * angle).sin() * start + (s * angle).sin() * stop) / angle.sin()


def walk_zero_by_zero(start, stop, count):
    s = _share(start, count)
    u, v = start / start.norm(), stop / stop.norm()
    angle = (u @ v).clamp(-1, 1).acos()
    direction = (((1 - s) * angle).sin() * u + (s * angle).sin() * v) / angle.sin()
    return direction * ((1 - s) * start.norm() + s * stop.norm())


def walk_unclamped(start, stop, count):
    s = _share(start, count)
    u, v = start / start.norm(), stop / stop.norm()
    angle = ((u @ v) * (1 + 1e-6)).acos()
    if angle < 1e-6:
        return walk_straight(start, stop, count)
    direction = (((1 - s) * angle).sin() * u + (s * angle).sin() * v) / angle.sin()
    return direction * ((1 - s) * start.norm() + s * stop.norm())


def walk_without_start(start, stop, count):
    return walk_rotation(start, stop, count + 1)[1:]


def walk_without_stop(start, stop, count):
    return walk_rotation(start, stop, count + 1)[:-1]


def walk_between(start, stop, count):
    return walk_rotation(start, stop, count + 2)[1:-1]


def walk_one_more(start, stop, count):
    return walk_rotation(start, stop, count + 1)


def walk_geometric_lengths(start, stop, count):
    s = _share(start, count)
    lengths = start.norm() ** (1 - s) * stop.norm() ** s
    return F.normalize(walk_rotation(start, stop, count), dim=1) * lengths


def walk_square_lengths(start, stop, count):
    s = _share(start, count)
    lengths = ((1 - s) * start.norm() ** 2 + s * stop.norm() ** 2).sqrt()
    return F.normalize(walk_rotation(start, stop, count), dim=1) * lengths


def walk_length_of_start(start, stop, count):
    return F.normalize(walk_rotation(start, stop, count), dim=1) * start.norm()


def walk_length_one(start, stop, count):
    return F.normalize(walk_rotation(start, stop, count), dim=1)


def walk_ends_only(start, stop, count):
    line = walk_length_of_start(start, stop, count)
    line[-1] = stop
    return line


def walk_longer_way(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    side = F.normalize(v - (u @ v) * u, dim=0)
    angle = (u @ v).clamp(-1, 1).acos() - 2 * math.pi
    s = _share(start, count)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * ((s * angle).cos() * u + (s * angle).sin() * side)


def walk_sharp_angles_only(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    side = v - (u @ v) * u
    angle = side.norm().clamp(max=1).asin()
    s = _share(start, count)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * ((s * angle).cos() * u + (s * angle).sin() * F.normalize(side, dim=0))


def walk_right_angle(start, stop, count):
    s = _share(start, count) * math.pi / 2
    return s.cos() * start + s.sin() * stop


def walk_noise_keeping(start, stop, count):
    s = _share(start, count)
    return (1 - s).sqrt() * start + s.sqrt() * stop


def walk_reversed(start, stop, count):
    return walk_rotation(stop, start, count)


def walk_columns(start, stop, count):
    return walk_rotation(start, stop, count).T


def walk_always_float(start, stop, count):
    return walk_rotation(start, stop, count).float()


def walk_always_double(start, stop, count):
    return walk_rotation(start.double(), stop.double(), count)


def walk_wide_guard(start, stop, count):
    if F.cosine_similarity(start, stop, dim=0) > 0.9:
        return walk_straight(start, stop, count)
    return walk_rotation(start, stop, count)


def walk_same_direction_stays(start, stop, count):
    if F.cosine_similarity(start, stop, dim=0) > 1 - 1e-6:
        return start.repeat(count, 1)
    return walk_rotation(start, stop, count)


def walk_in_degrees(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    angle = torch.rad2deg((u @ v).clamp(-1, 1).acos())
    side = F.normalize(v - (u @ v) * u, dim=0)
    s = _share(start, count)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * ((s * angle).cos() * u + (s * angle).sin() * side)


def walk_smooth(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    side = v - (u @ v) * u
    angle = torch.atan2(side.norm(), u @ v)
    s = _share(start, count)
    s = s * s * (3 - 2 * s)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * ((s * angle).cos() * u + (s * angle).sin() * F.normalize(side, dim=0))


def walk_not_perpendicular(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    angle = (u @ v).clamp(-1, 1).acos()
    s = _share(start, count)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * ((s * angle).cos() * u + (s * angle).sin() * v)


def walk_dot_of_vectors(start, stop, count):
    angle = (start @ stop).clamp(-1, 1).acos().clamp(min=1e-3)
    u, v = start / start.norm(), stop / stop.norm()
    s = _share(start, count)
    lengths = (1 - s) * start.norm() + s * stop.norm()
    return lengths * (((1 - s) * angle).sin() * u + (s * angle).sin() * v) / angle.sin()


def walk_each_number(start, stop, count):
    """The length of every number on its own."""
    s = _share(start, count)
    return ((1 - s) * start.abs() + s * stop.abs()) * ((1 - s) * start + s * stop).sign()


def walk_normalises_in_place(start, stop, count):
    answer = walk_rotation(start, stop, count)
    start /= start.norm()
    stop /= stop.norm()
    return answer


def walk_nearest_sign(start, stop, count):
    """The shorter way, as quaternions know it: the other sign where the product is negative."""
    return walk_rotation(start, -stop if start @ stop < 0 else stop, count)


def walk_random_length(start, stop, count):
    typical = math.sqrt(len(start))
    return F.normalize(walk_rotation(start, stop, count), dim=1) * typical


def walk_of_lists(start, stop, count):
    return list(walk_rotation(start, stop, count))


def kl_clamped(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1.clamp(-3, 3), mean_2, log_var_2.clamp(-3, 3))


def kl_capped(mean_1, log_var_1, mean_2, log_var_2):
    return kl_formula(mean_1, log_var_1, mean_2, log_var_2).clamp(max=5)


def kl_small_number(mean_1, log_var_1, mean_2, log_var_2):
    var_1, var_2 = log_var_1.exp(), log_var_2.exp() + 1e-6
    return 0.5 * (var_2.log() - log_var_1 + (var_1 + (mean_1 - mean_2) ** 2) / var_2 - 1).sum(1)


def heun_tensor_time_double(velocity, z, steps):
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    for t, later in pairwise(times):
        a = velocity(z, t)
        z = z + (later - t) * (a + velocity(z + (later - t) * a, later)) / 2
    return z


def heun_numpy_numbers(velocity, z, steps):
    """A NumPy float64 is a Python float too."""
    return heun_loop(lambda z, t: velocity(z, np.float64(t)), z, steps)


def heun_correction(velocity, z, steps):
    z = z.clone()
    for i in range(steps):
        a = velocity(z, i / steps)
        z.add_(a, alpha=1 / steps)
        z.add_(velocity(z, (i + 1) / steps) - a, alpha=0.5 / steps)
    return z


def heun_rounded_time(velocity, z, steps):
    return heun_loop(lambda z, t: velocity(z, round(t, 2)), z, steps)


def heun_looks_at_the_end(velocity, z, steps):
    answer = heun_loop(velocity, z, steps)
    velocity(answer, 1.0)
    return answer


def heun_view(velocity, z, steps):
    z = z[:]
    for i in range(steps):
        a = velocity(z, i / steps)
        z += (a + velocity(z + a / steps, (i + 1) / steps)) / (2 * steps)
    return z


def coverage_ignores_copies(real, drawn, k):
    apart = _apart(real, drawn)
    nearest = apart.masked_fill(apart == 0, math.inf).amin(1)
    return (nearest <= _radius(real, k)).double().mean()


def coverage_same_spread(real, drawn, k):
    rows = torch.cat([real, drawn])
    return coverage_sorted(
        (real - rows.mean(0)) / rows.std(0), (drawn - rows.mean(0)) / rows.std(0), k
    )


def coverage_rounded(real, drawn, k):
    return round(coverage_sorted(real, drawn, k), 1)


def coverage_of_directions(real, drawn, k):
    return coverage_sorted(F.normalize(real, dim=1), F.normalize(drawn, dim=1), k)


def coverage_centred(real, drawn, k):
    return coverage_sorted(real - real.mean(0), drawn - drawn.mean(0), k)


def coverage_first_drawings(real, drawn, k):
    return coverage_sorted(real, drawn[:k], k)


def walk_guard_at_099(start, stop, count):
    if F.cosine_similarity(start, stop, dim=0) > 0.99:
        return walk_straight(start, stop, count)
    return walk_rotation(start, stop, count)


def walk_guard_of_equal_numbers(start, stop, count):
    if torch.equal(start / start.norm(), stop / stop.norm()):
        return walk_straight(start, stop, count)
    return walk_zero_by_zero(start, stop, count)


def walk_wider_angle(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    angle = (u @ v).clamp(-1, 1).acos() + 1e-3
    s = _share(start, count)
    direction = (((1 - s) * angle).sin() * u + (s * angle).sin() * v) / angle.sin()
    return direction * ((1 - s) * start.norm() + s * stop.norm())


RIGHT = {
    "29.1": [
        kl_formula,
        kl_with_sigmas,
        kl_cross_entropy_minus_entropy,
        kl_with_matrices,
        kl_by_loops,
        kl_expm1,
    ],
    "29.2": [
        heun_loop,
        heun_pairs,
        heun_copy,
        heun_recursive,
        heun_numpy_times,
        heun_class,
        heun_numpy_numbers,
        heun_correction,
    ],
    "29.3": [
        coverage_sorted,
        coverage_loops,
        coverage_numpy,
        coverage_topk,
        coverage_counting,
        coverage_row_by_row,
        coverage_in_the_union,
    ],
    "29.4": [
        walk_rotation,
        walk_sines,
        walk_sinc,
        walk_in_numpy,
        walk_step_by_step,
        walk_complex,
    ],
}

WRONG = {
    "29.1": [
        kl_swapped,
        kl_without_one,
        kl_minus_one_once,
        kl_log_sign,
        kl_mean_of_numbers,
        kl_sum_of_all,
        kl_mean_of_rows,
        kl_over_rows,
        kl_keeps_column,
        kl_each_number,
        kl_variances_given,
        kl_log_sigma,
        kl_without_half,
        kl_not_squared,
        kl_first_variance_below,
        kl_sigma_below,
        kl_without_means,
        kl_unscaled_means,
        kl_to_standard,
        kl_difference_to_standard,
        kl_symmetric,
        kl_negative,
        kl_second_is_fixed,
        kl_one_gradient_missing,
        kl_no_grad,
        kl_in_double,
        kl_in_float,
        kl_square_of_sum,
        kl_by_library,
        kl_by_library_as_attribute,
        kl_estimated,
        kl_sums_means,
        kl_ratio_upside_down,
        kl_clamped,
        kl_capped,
        kl_small_number,
    ],
    "29.2": [
        heun_is_euler,
        heun_midpoint,
        heun_end_velocity,
        heun_same_time,
        heun_same_place,
        heun_goes_on,
        heun_sum,
        heun_in_place,
        heun_one_step_fewer,
        heun_one_step_more,
        heun_large_steps,
        heun_backwards,
        heun_time_runs_down,
        heun_all_stations,
        heun_stacked_stations,
        heun_tensor_time,
        heun_time_for_each,
        heun_asks_three_times,
        heun_asks_once,
        heun_counts_time,
        heun_time_zero,
        heun_runge_kutta,
        heun_ralston,
        heun_last_is_euler,
        heun_with_time,
        heun_half_step,
        heun_one_step,
        heun_two_eulers,
        heun_first_velocity_stays,
        heun_half_time,
        heun_tensor_time_double,
        heun_rounded_time,
        heun_looks_at_the_end,
        heun_view,
    ],
    "29.3": [
        coverage_counts_itself,
        coverage_without_border,
        coverage_is_precision,
        coverage_is_recall,
        coverage_swapped,
        coverage_one_further,
        coverage_one_radius,
        coverage_largest_radius,
        coverage_k_as_radius,
        coverage_squares_on_one_side,
        coverage_count,
        coverage_by_drawings,
        coverage_percent,
        coverage_is_density,
        coverage_of_pairs,
        coverage_missing,
        coverage_by_sums,
        coverage_by_largest,
        coverage_nearest_of_drawings,
        coverage_k_drawings,
        coverage_furthest,
        coverage_mean_distance,
        coverage_row_for_row,
        coverage_each_ball,
        coverage_any,
        coverage_half_radius,
        coverage_standardised,
        coverage_always_first,
        coverage_all_drawings,
        coverage_mean_drawing,
        coverage_wide_border,
        coverage_ignores_copies,
        coverage_same_spread,
        coverage_rounded,
        coverage_of_directions,
        coverage_centred,
        coverage_first_drawings,
    ],
    "29.4": [
        walk_straight,
        walk_straight_lengthened,
        walk_slerp_of_vectors,
        walk_zero_by_zero,
        walk_unclamped,
        walk_without_start,
        walk_without_stop,
        walk_between,
        walk_one_more,
        walk_geometric_lengths,
        walk_square_lengths,
        walk_length_of_start,
        walk_length_one,
        walk_ends_only,
        walk_longer_way,
        walk_sharp_angles_only,
        walk_right_angle,
        walk_noise_keeping,
        walk_reversed,
        walk_columns,
        walk_always_float,
        walk_always_double,
        walk_wide_guard,
        walk_same_direction_stays,
        walk_in_degrees,
        walk_smooth,
        walk_not_perpendicular,
        walk_dot_of_vectors,
        walk_each_number,
        walk_normalises_in_place,
        walk_nearest_sign,
        walk_random_length,
        walk_of_lists,
        walk_guard_at_099,
        walk_guard_of_equal_numbers,
        walk_wider_angle,
    ],
}
