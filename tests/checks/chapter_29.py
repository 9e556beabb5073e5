"""Right and wrong answers to the exercises of chapter 29, and the hint that each must get."""

import math

import torch
from torch.distributions import Normal, kl_divergence


def formula(mean_1, log_var_1, mean_2, log_var_2):
    ratio = (log_var_1 - log_var_2).exp()
    shift = (mean_1 - mean_2) ** 2 / log_var_2.exp()
    return ((ratio + shift - 1 - log_var_1 + log_var_2) / 2).sum(-1)


def by_variances(mean_1, log_var_1, mean_2, log_var_2):
    v1, v2 = torch.exp(log_var_1), torch.exp(log_var_2)
    return torch.sum(torch.log(v2 / v1) / 2 + (v1 + (mean_1 - mean_2) ** 2) / (2 * v2) - 0.5, dim=1)


def by_spreads(mean_1, log_var_1, mean_2, log_var_2):
    s1, s2 = (log_var_1 / 2).exp(), (log_var_2 / 2).exp()
    each = s2.log() - s1.log() + (s1.square() + (mean_1 - mean_2).square()) / (2 * s2.square())
    return each.sum(dim=1) - 0.5 * mean_1.shape[1]


def row_by_row(mean_1, log_var_1, mean_2, log_var_2):
    return torch.stack(
        [formula(*(part[None] for part in row))[0]
         for row in zip(mean_1, log_var_1, mean_2, log_var_2, strict=True)]
    )  # fmt: skip


def exchanged(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_2, log_var_2, mean_1, log_var_1)


def logs_of_spreads(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, 2 * log_var_1, mean_2, 2 * log_var_2)


def spreads_for_variances(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1 / 2, mean_2, log_var_2 / 2)


def mean_of_numbers(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1, mean_2, log_var_2) / mean_1.shape[1]


def without_half(mean_1, log_var_1, mean_2, log_var_2):
    return 2 * formula(mean_1, log_var_1, mean_2, log_var_2)


def to_the_standard(mean_1, log_var_1, mean_2, log_var_2):
    return 0.5 * (mean_1**2 + log_var_1.exp() - 1 - log_var_1).sum(1)


def not_divided(mean_1, log_var_1, mean_2, log_var_2):
    ratio, shift = (log_var_1 - log_var_2).exp(), (mean_1 - mean_2) ** 2
    return 0.5 * (ratio + shift - 1 - log_var_1 + log_var_2).sum(1)


def without_one(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1, mean_2, log_var_2) + mean_1.shape[1] / 2


def signs_turned(mean_1, log_var_1, mean_2, log_var_2):
    return (
        formula(mean_1, log_var_1, mean_2, log_var_2) + (log_var_1 - log_var_2).sum(1)
    )  # fmt: skip


def one_number(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1, mean_2, log_var_2).sum()


def not_summed(mean_1, log_var_1, mean_2, log_var_2):
    ratio = (log_var_1 - log_var_2).exp()
    shift = (mean_1 - mean_2) ** 2 / log_var_2.exp()
    return 0.5 * (ratio + shift - 1 - log_var_1 + log_var_2)


def with_epsilon(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1, mean_2, log_var_2) + 1e-7


def in_float32(mean_1, log_var_1, mean_2, log_var_2):
    parts = (part.float() for part in (mean_1, log_var_1, mean_2, log_var_2))
    return formula(*parts).to(mean_1.dtype)


def cut(mean_1, log_var_1, mean_2, log_var_2):
    return formula(mean_1, log_var_1, mean_2.detach(), log_var_2)


def by_library(mean_1, log_var_1, mean_2, log_var_2):
    first, second = Normal(mean_1, (log_var_1 / 2).exp()), Normal(mean_2, (log_var_2 / 2).exp())
    return kl_divergence(first, second).sum(1)


def no_return(*arguments):
    sum(1 for _ in arguments)


def two_looks(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        second = velocity(z + first / steps, (i + 1) / steps)
        z = z + (first + second) / (2 * steps)
    return z


def times_of_a_tensor(velocity, z, steps):
    for t in torch.linspace(0, 1, steps + 1)[:-1].tolist():
        first = velocity(z, t)
        z = z + (first + velocity(z + first / steps, t + 1 / steps)) / (2 * steps)
    return z


def with_size(velocity, z, steps):
    size, x = 1.0 / steps, z.clone()
    for i in range(steps):
        t = size * i
        begin = velocity(x, t)
        x += 0.5 * size * (begin + velocity(x + size * begin, t + size))
    return x


def recursive(velocity, z, steps, i=0):
    if i == steps:
        return z
    first = velocity(z, i / steps)
    average = torch.stack([first, velocity(z + first / steps, (i + 1) / steps)]).mean(dim=0)
    return recursive(velocity, z + average / steps, steps, i + 1)


def plain_euler(velocity, z, steps):
    for i in range(steps):
        z = z + velocity(z, i / steps) / steps
    return z


def middle(velocity, z, steps):
    for i in range(steps):
        half = z + velocity(z, i / steps) / (2 * steps)
        z = z + velocity(half, (i + 0.5) / steps) / steps
    return z


def end_alone(velocity, z, steps):
    for i in range(steps):
        trial = z + velocity(z, i / steps) / steps
        z = z + velocity(trial, (i + 1) / steps) / steps
    return z


def sum_of_both(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, (i + 1) / steps)) / steps
    return z


def goes_on_from_trial(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        z = z + first / steps
        z = z + (first + velocity(z, (i + 1) / steps)) / (2 * steps)
    return z


def same_time(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, i / steps)) / (2 * steps)
    return z


def same_place(velocity, z, steps):
    for i in range(steps):
        z = z + (velocity(z, i / steps) + velocity(z, (i + 1) / steps)) / (2 * steps)
    return z


def one_step_less(velocity, z, steps):
    for i in range(steps - 1):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, (i + 1) / steps)) / (2 * steps)
    return z


def counted_from_one(velocity, z, steps):
    for i in range(1, steps + 1):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, (i + 1) / steps)) / (2 * steps)
    return z


def in_place(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        z += (first + velocity(z + first / steps, (i + 1) / steps)) / (2 * steps)
    return z


def three_looks(velocity, z, steps):
    for i in range(steps):
        trial = z + velocity(z, i / steps) / steps
        z = z + (velocity(z, i / steps) + velocity(trial, (i + 1) / steps)) / (2 * steps)
    return z


def whole_path(velocity, z, steps):
    return [z, two_looks(velocity, z, steps)]


def by_cdist(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def by_sorting(real, drawn, k):
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    return (torch.cdist(drawn, real) <= radius).any(dim=0).float().mean().item()


def without_own(real, drawn, k):
    among = torch.cdist(real, real)
    among.fill_diagonal_(math.inf)
    radius = among.topk(k, dim=1, largest=False).values[:, -1]
    gaps = (real[:, None] - drawn[None]).square().sum(-1)
    return ((gaps <= radius[:, None] ** 2).sum(dim=1) > 0).sum() / len(real)


def by_loop(real, drawn, k):
    held = 0
    for i in range(len(real)):
        others = sorted(torch.dist(real[i], real[j]).item() for j in range(len(real)) if j != i)
        held += any(torch.dist(real[i], one).item() <= others[k - 1] for one in drawn)
    return held / len(real)


def precision(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return (torch.cdist(drawn, real) <= radius).any(dim=1).double().mean()


def recall(real, drawn, k):
    radius = torch.cdist(drawn, drawn).sort(dim=1).values[:, min(k, len(drawn) - 1)]
    return (torch.cdist(real, drawn) <= radius).any(dim=1).double().mean()


def counts_itself(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k, dim=1).values
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def number_of_balls(real, drawn, k):
    return by_cdist(real, drawn, k) * len(real)


def hits_per_ball(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return (torch.cdist(drawn, real) <= radius).double().sum(0).mean()


def share_of_pairs(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return (torch.cdist(drawn, real) <= radius).double().mean()


def share_that_is_missed(real, drawn, k):
    return 1 - by_cdist(real, drawn, k)


def without_border(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return (torch.cdist(real, drawn).amin(dim=1) < radius).double().mean()


def one_radius(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values.mean()
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def for_each_ball(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return torch.cdist(real, drawn).amin(dim=1) <= radius


def in_plane(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    u, v = start / start.norm(), stop / stop.norm()
    side = v - (u @ v) * u
    angle = torch.atan2(side.norm(), u @ v)
    w = side / side.norm().clamp(min=1e-12)
    length = torch.lerp(start.norm(), stop.norm(), share)
    return length * ((share * angle).cos() * u + (share * angle).sin() * w)


def by_sines(start, stop, count):
    u, v = start / start.norm(), stop / stop.norm()
    angle = 2 * torch.asin(((u - v).norm() / 2).clamp(max=1)).item()
    rows = []
    for i in range(count):
        a = i / (count - 1)
        if angle < 1e-5:
            direction = u
        else:
            direction = (math.sin((1 - a) * angle) * u + math.sin(a * angle) * v) / math.sin(angle)
        rows.append(((1 - a) * start.norm() + a * stop.norm()) * direction)
    return torch.stack(rows)


def by_rotation(start, stop, count):
    u, v = start.double() / start.double().norm(), stop.double() / stop.double().norm()
    basis, triangle = torch.linalg.qr(torch.stack([u, v], dim=1))
    basis = basis * triangle[0, 0].sign()
    turned = torch.atan2(basis[:, 1] @ v, basis[:, 0] @ v)
    angles = torch.linspace(0, 1, count, dtype=torch.float64) * turned
    rows = torch.stack([angles.cos(), angles.sin()], dim=1) @ basis.T
    lengths = torch.linspace(0, 1, count, dtype=torch.float64)[:, None]
    lengths = start.norm().double() * (1 - lengths) + stop.norm().double() * lengths
    return (lengths * rows).to(start.dtype)


def straight(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    return (1 - share) * start + share * stop


def made_long(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    line = straight(start, stop, count)
    length = torch.lerp(start.norm(), stop.norm(), share)
    return line / line.norm(dim=1, keepdim=True) * length


def of_one_length(start, stop, count):
    path = in_plane(start, stop, count)
    return path / path.norm(dim=1, keepdim=True)


def turned_round(start, stop, count):
    return in_plane(start, stop, count).flip(0)


def without_stop(start, stop, count):
    return in_plane(start, stop, count + 1)[:-1]


def without_start(start, stop, count):
    return in_plane(start, stop, count + 1)[1:]


def no_equal_directions(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    u, v = start / start.norm(), stop / stop.norm()
    angle = (u @ v).clamp(-1, 1).acos()
    if start.norm() == 0 or (start / start.norm() - stop / stop.norm()).norm() < 1e-3:
        angle = angle * 0
    mix = (((1 - share) * angle).sin() * u + (share * angle).sin() * v) / angle.sin()
    return torch.lerp(start.norm(), stop.norm(), share) * mix


def shoemake(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    u, v = start / start.norm(), stop / stop.norm()
    angle = 2 * torch.asin(((u - v).norm() / 2).clamp(max=1)).clamp(min=1e-3)
    return (((1 - share) * angle).sin() * start + (share * angle).sin() * stop) / angle.sin()


def columns(start, stop, count):
    return in_plane(start, stop, count).T


def one_too_many(start, stop, count):
    return in_plane(start, stop, count + 1)


def in_list(start, stop, count):
    return list(in_plane(start, stop, count))


def longer_way(start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    u, v = start / start.norm(), stop / stop.norm()
    side = v - (u @ v) * u
    angle = torch.atan2(side.norm(), u @ v)
    angle = angle - 2 * math.pi if angle > 1e-3 else angle
    w = side / side.norm().clamp(min=1e-12)
    length = torch.lerp(start.norm(), stop.norm(), share)
    return length * ((share * angle).cos() * u + (share * angle).sin() * w)


def time_in_tensor(velocity, z, steps):
    times = torch.linspace(0, 1, steps + 1, dtype=z.dtype)
    for i in range(steps):
        t, end = times[i], times[i + 1]
        first = velocity(z, t)
        z = z + (end - t) / 2 * (first + velocity(z + (end - t) * first, end))
    return z


def always_time_zero(velocity, z, steps):
    for _ in range(steps):
        first = velocity(z, 0.0)
        z = z + (first + velocity(z + first / steps, 0.0)) / (2 * steps)
    return z


def without_the_step_size(velocity, z, steps):
    for i in range(steps):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, (i + 1) / steps)) / 2
    return z


def one_step_more(velocity, z, steps):
    for i in range(steps + 1):
        first = velocity(z, i / steps)
        z = z + (first + velocity(z + first / steps, (i + 1) / steps)) / (2 * steps)
    return z


def the_end_again(velocity, z, steps):
    first = velocity(z, 0.0)
    for i in range(steps):
        second = velocity(z + first / steps, (i + 1) / steps)
        z, first = z + (first + second) / (2 * steps), second
    return z


def euler_at_the_end(velocity, z, steps):
    """Some samplers end like this, where the velocity at t = 1 is unknown."""
    for i in range(steps):
        speed = velocity(z, i / steps)
        if i + 1 < steps:
            speed = (speed + velocity(z + speed / steps, (i + 1) / steps)) / 2
        z = z + speed / steps
    return z


def share_of_balls(real, drawn, k, p=2.0, factor=1.0):
    radius = torch.cdist(real, real, p=p).sort(dim=1).values[:, k]
    return (torch.cdist(real, drawn, p=p).amin(dim=1) <= factor * radius).double().mean()


def exchanged_sets(real, drawn, k):
    return share_of_balls(drawn, real, k)


def too_far(real, drawn, k):
    return share_of_balls(real, drawn, k + 1)


def radius_of_the_largest(real, drawn, k):
    radius = torch.cdist(real, real).sort(dim=1).values[:, k].max()
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def first_neighbour(real, drawn, k):
    return share_of_balls(real, drawn, 1)


def percentage(real, drawn, k):
    return 100 * share_of_balls(real, drawn, k)


def sums_of_differences(real, drawn, k):
    return share_of_balls(real, drawn, k, p=1.0)


def one_spread(real, drawn, k):
    return share_of_balls(real / real.std(dim=0), drawn / real.std(dim=0), k)


def spread_of_all(real, drawn, k):
    spread = torch.cat([real, drawn]).std(dim=0)
    return share_of_balls(real / spread, drawn / spread, k)


def without_copies(real, drawn, k):
    """Takes every distance of 0 for that of a row to itself."""
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    apart = torch.cdist(real, drawn)
    return (apart.masked_fill(apart == 0, math.inf).amin(dim=1) <= radius).double().mean()


def to_the_farthest(real, drawn, k):
    radius = torch.cdist(real, real).topk(k, dim=1).values[:, -1]
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def to_the_farthest_but_k(real, drawn, k):
    radius = torch.cdist(real, real).topk(k + 1, dim=1).values[:, -1]
    return (torch.cdist(real, drawn).amin(dim=1) <= radius).double().mean()


def to_a_drawn_row(real, drawn, k):
    between = torch.cdist(real, drawn)
    radius = between.sort(dim=1).values[:, min(k, len(drawn)) - 1]
    return (between.amin(dim=1) <= radius).double().mean()


def half_of_the_radius(real, drawn, k):
    return share_of_balls(real, drawn, k, factor=0.5)


def straight_below(cosine, start, stop, count):
    share = torch.linspace(0, 1, count, dtype=start.dtype).unsqueeze(1)
    u, v = start / start.norm(), stop / stop.norm()
    if u @ v > cosine:
        return torch.lerp(start, stop, share)
    side = v - (u @ v) * u
    angle = torch.atan2(side.norm(), u @ v)
    turned = (share * angle).cos() * u + (share * angle).sin() * side / side.norm()
    return torch.lerp(start.norm(), stop.norm(), share) * turned


def straight_when_near(start, stop, count):
    return straight_below(0.9, start, stop, count)


def straight_when_very_near(start, stop, count):
    return straight_below(0.9995, start, stop, count)


RIGHT = {
    "29.1": [formula, by_variances, by_spreads, row_by_row],
    "29.2": [two_looks, with_size, recursive],
    "29.3": [by_cdist, by_sorting, without_own, by_loop],
    "29.4": [in_plane, by_sines, by_rotation],
}

WRONG = {
    "29.1": [
        (exchanged, "the two Gaussians are exchanged"),
        (logs_of_spreads, "exp(log_var) is the variance"),
        (spreads_for_variances, "it is the standard deviation"),
        (mean_of_numbers, "This is the mean over the numbers"),
        (without_half, "The factor 1/2 is missing"),
        (to_the_standard, "was taken for N(0, 1)"),
        (not_divided, "is not divided by the second variance"),
        (without_one, "The -1 per number is missing"),
        (signs_turned, "The logarithms have the wrong sign"),
        (one_number, "one number per row is asked for"),
        (not_summed, "sum them over dim 1"),
        (with_epsilon, "add no small number"),
        (in_float32, "stay in float64"),
        (cut, "mean_2"),
        (by_library, "without torch.distributions"),
        (no_return, "Does it end with a return statement?"),
    ],
    "29.2": [
        (times_of_a_tensor, "The times were rounded to float32"),
        (without_the_step_size, "The step size is missing"),
        (one_step_more, "asked for 8 times in 3 steps: twice per step is enough"),
        (the_end_again, "asked for 4 times in 3 steps: twice per step is asked for"),
        (plain_euler, "This is Euler's method"),
        (middle, "This is the midpoint method"),
        (end_alone, "Only the velocity at the end"),
        (sum_of_both, "The two velocities were added up"),
        (goes_on_from_trial, "The step was taken from the trial point"),
        (same_time, "at the beginning's time"),
        (same_place, "at the beginning's place"),
        (one_step_less, "One step is missing"),
        (counted_from_one, "it should begin at t = 0"),
        (in_place, "in-place"),
        (three_looks, "twice per step is enough"),
        (whole_path, "should be a torch.Tensor, and it is a list"),
        (time_in_tensor, "should be a Python number"),
        (always_time_zero, "heun(velocity, z, 3)"),
        (euler_at_the_end, "heun(velocity, z, 3)"),
    ],
    "29.3": [
        (to_the_farthest, "the k-th farthest row"),
        (to_the_farthest_but_k, "the farthest row but k"),
        (to_a_drawn_row, "the k-th drawn row"),
        (precision, "This is precision"),
        (recall, "This is recall"),
        (counts_itself, "counted itself as its first neighbour"),
        (number_of_balls, "This is the number of balls"),
        (hits_per_ball, "how many drawn rows lie in a ball"),
        (share_of_pairs, "All pairs were counted"),
        (share_that_is_missed, "the share of balls that hold none"),
        (without_border, "The border belongs to the ball"),
        (one_radius, "each real row has its own"),
        (for_each_ball, "should be one number, and it is a bool tensor"),
        (exchanged_sets, "precision with real and drawn exchanged"),
        (too_far, "to the neighbour after the k-th"),
        (radius_of_the_largest, "the radius of the largest"),
        (first_neighbour, "whatever k is"),
        (percentage, "This is a percentage"),
        (sums_of_differences, "sums of differences"),
        (one_spread, "divided by their spread"),
        (spread_of_all, "divided by"),
        (without_copies, "A drawn row that equals a real one"),
        (half_of_the_radius, "coverage(real, drawn, 3)"),
    ],
    "29.4": [
        (straight, "This is the straight line"),
        (made_long, "all turns should be equal"),
        (of_one_length, "of walk(start, stop, 10)"),
        (turned_round, "It goes from stop to start"),
        (without_stop, "The last row of"),
        (without_start, "The first row of"),
        (no_equal_directions, "holds nan or inf"),
        (shoemake, "lengths change by the same amount"),
        (columns, "One row per station"),
        (one_too_many, "One row per station"),
        (in_list, "should be a torch.Tensor, and it is a list"),
        (longer_way, "take the shorter way"),
        (straight_when_near, "the straight line where the angle is only 0.40"),
        (straight_when_very_near, "the straight line where the angle is only 0.02"),
    ],
}
