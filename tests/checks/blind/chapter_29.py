"""Chapter 29."""

import math

import torch
from torch.nn import functional as F


def kl_precision(mean_1, log_var_1, mean_2, log_var_2):
    weight = torch.exp(-log_var_2)
    terms = log_var_1.exp() * weight + (mean_2 - mean_1).pow(2) * weight
    return 0.5 * torch.sum(terms - 1 + log_var_2 - log_var_1, -1)


def kl_matrices(mean_1, log_var_1, mean_2, log_var_2):
    a, b = torch.diag_embed(log_var_1.exp()), torch.diag_embed(log_var_2.exp())
    gap = (mean_2 - mean_1).unsqueeze(-1)
    inverse = torch.linalg.inv(b)
    trace = (inverse @ a).diagonal(dim1=1, dim2=2).sum(-1)
    square = (gap.mT @ inverse @ gap).squeeze(-1).squeeze(-1)
    logs = torch.logdet(b) - torch.logdet(a)
    return (trace + square - mean_1.shape[1] + logs) / 2


def kl_loop(mean_1, log_var_1, mean_2, log_var_2):
    total = mean_1.new_zeros(len(mean_1))
    for j in range(mean_1.shape[1]):
        v, w = log_var_1[:, j], log_var_2[:, j]
        total = (
            total + (w - v + (v - w).exp() - 1 + (mean_1[:, j] - mean_2[:, j]) ** 2 / w.exp()) / 2
        )
    return total


def kl_reverse(mean_1, log_var_1, mean_2, log_var_2):
    return kl_precision(mean_2, log_var_2, mean_1, log_var_1)


def kl_batch_mean(mean_1, log_var_1, mean_2, log_var_2):
    return kl_precision(mean_1, log_var_1, mean_2, log_var_2).mean()


def kl_symmetric(mean_1, log_var_1, mean_2, log_var_2):
    arguments = mean_1, log_var_1, mean_2, log_var_2
    return (kl_precision(*arguments) + kl_reverse(*arguments)) / 2


def kl_absolute_gap(mean_1, log_var_1, mean_2, log_var_2):
    gap = (mean_1 - mean_2).abs() / log_var_2.exp()
    return 0.5 * ((log_var_1 - log_var_2).exp() + gap - 1 - log_var_1 + log_var_2).sum(1)


def kl_keepdim(mean_1, log_var_1, mean_2, log_var_2):
    return kl_precision(mean_1, log_var_1, mean_2, log_var_2).unsqueeze(1)


def kl_ratio_upside_down(mean_1, log_var_1, mean_2, log_var_2):
    shift = (mean_1 - mean_2).square() / log_var_2.exp()
    return 0.5 * ((log_var_2 - log_var_1).exp() + shift - 1 - log_var_1 + log_var_2).sum(1)


def kl_without_trace(mean_1, log_var_1, mean_2, log_var_2):
    shift = (mean_1 - mean_2).square() / log_var_2.exp()
    return 0.5 * (shift - log_var_1 + log_var_2).sum(1)


def heun_times(velocity, z, steps):
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64).tolist()
    for t, after in zip(times[:-1], times[1:], strict=True):
        h = after - t
        k = velocity(z, t)
        z = torch.add(z, (k + velocity(torch.add(z, k, alpha=h), after)) * (h / 2))
    return z


def heun_correct(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        k = velocity(z, i * h)
        trial = z + h * k
        z = trial + h / 2 * (velocity(trial, (i + 1) * h) - k)
    return z


def heun_while(velocity, z, steps):
    i = 0
    while i < steps:
        slopes = [velocity(z, i / steps)]
        slopes.append(velocity(z + slopes[0] / steps, (i + 1) / steps))
        z, i = z + sum(slopes) / 2 / steps, i + 1
    return z


def heun_ralston(velocity, z, steps):
    h = 1 / steps
    for i in range(steps):
        k = velocity(z, i * h)
        z = z + h * (k / 4 + 3 / 4 * velocity(z + 2 / 3 * h * k, (i + 2 / 3) * h))
    return z


def heun_reused(velocity, z, steps):
    k = velocity(z, 0.0)
    for i in range(steps):
        after = velocity(z + k / steps, (i + 1) / steps)
        z, k = z + (k + after) / (2 * steps), after
    return z


def heun_half_end(velocity, z, steps):
    for i in range(steps):
        k = velocity(z, i / steps)
        z = z + (k + velocity(z + k / (2 * steps), (i + 1) / steps)) / (2 * steps)
    return z


def heun_time_as_tensor(velocity, z, steps):
    for i in range(steps):
        k = velocity(z, torch.full_like(z, i / steps))
        z = z + k / steps
    return z


def heun_stays(velocity, z, steps):
    for i in range(steps):
        k = velocity(z, i / steps)
        velocity(z + k / steps, (i + 1) / steps)
    return z


def heun_time_beyond(velocity, z, steps):
    for i in range(steps):
        k = velocity(z, i / steps)
        z = z + (k + velocity(z + k / steps, (i + 2) / steps)) / (2 * steps)
    return z


def heun_first_step_only(velocity, z, steps):
    k = velocity(z, 0.0)
    return z + (k + velocity(z + k, 1.0)) / 2


def cover_any(real, drawn, k):
    radius = torch.topk(torch.cdist(real, real), k + 1, largest=False).values.amax(dim=1)
    held = (torch.cdist(drawn, real) <= radius).any(0)
    return held.sum().item() / held.numel()


def cover_masked(real, drawn, k):
    among = (real.unsqueeze(0) - real.unsqueeze(1)).norm(dim=2)
    among = among[~torch.eye(len(real), dtype=torch.bool)].view(len(real), -1)
    radius, _ = among.sort(dim=1)
    nearest = (real.unsqueeze(1) - drawn.unsqueeze(0)).norm(dim=2).min(dim=1).values
    return torch.mean((nearest <= radius[:, k - 1]).float())


def cover_rows(real, drawn, k):
    share = 0.0
    for i, row in enumerate(real):
        rest = torch.cat([real[:i], real[i + 1 :]])
        radius = (rest - row).norm(dim=1).kthvalue(k).values
        share += float((drawn - row).norm(dim=1).min() <= radius) / len(real)
    return share


def cover_of_drawn(real, drawn, k):
    return cover_any(drawn, real, min(k, len(drawn) - 1))


def cover_k_off(real, drawn, k):
    return cover_any(real, drawn, k - 1)


def cover_squared(real, drawn, k):
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    return ((real[:, None] - drawn[None]).square().sum(2).amin(1) <= radius).double().mean()


def cover_strict(real, drawn, k):
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    return (torch.cdist(real, drawn).amin(1) < radius).double().mean()


def cover_percent(real, drawn, k):
    return 100 * cover_any(real, drawn, k)


def cover_farthest(real, drawn, k):
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    return (torch.cdist(real, drawn).amax(dim=1) <= radius).double().mean()


def cover_count(real, drawn, k):
    return round(cover_any(real, drawn, k) * len(real))


def walk_polar(start, stop, count):
    a, b = start.norm(), stop.norm()
    u, v = F.normalize(start, dim=0), F.normalize(stop, dim=0)
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    w = F.normalize(v - torch.dot(u, v) * u, dim=0)
    rows = []
    for i in range(count):
        s = i / (count - 1)
        rows.append((a + s * (b - a)) * (torch.cos(s * angle) * u + torch.sin(s * angle) * w))
    return torch.stack(rows)


def walk_double(start, stop, count):
    p, q = start.double(), stop.double()
    u, v = p / p.norm(), q / q.norm()
    s = torch.arange(count).double().div(count - 1).unsqueeze(1)
    angle = torch.acos((u @ v).clamp(-1, 1))
    if angle < 1e-6:
        turned = u.expand(count, -1)
    else:
        turned = (torch.sin((1 - s) * angle) * u + torch.sin(s * angle) * v) / torch.sin(angle)
    return ((p.norm() * (1 - s) + q.norm() * s) * turned).to(start.dtype)


def walk_complex(start, stop, count):
    u = start / start.norm()
    along, rest = stop @ u, stop - (stop @ u) * u
    across = rest.norm()
    w = rest / across if across > 0 else rest
    angle = math.atan2(across.item(), along.item())
    lengths = torch.linspace(start.norm().item(), stop.norm().item(), count, dtype=start.dtype)
    turns = torch.linspace(0, angle, count, dtype=start.dtype)
    return torch.outer(lengths * turns.cos(), u) + torch.outer(lengths * turns.sin(), w)


def walk_lerp(start, stop, count):
    return torch.stack([torch.lerp(start, stop, i / (count - 1)) for i in range(count)])


def walk_geometric(start, stop, count):
    path = walk_double(start, stop, count)
    s = torch.linspace(0, 1, count, dtype=start.dtype)
    lengths = start.norm() ** (1 - s) * stop.norm() ** s
    return F.normalize(path, dim=1) * lengths[:, None]


def walk_smooth(start, stop, count):
    s = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    mixed = (1 - s).sqrt() * start + s.sqrt() * stop
    return mixed


def walk_open_end(start, stop, count):
    return walk_double(start, stop, count + 1)[:count]


def walk_nan(start, stop, count):
    s = torch.linspace(0, 1, count, dtype=start.dtype)[:, None]
    u, v = start / start.norm(), stop / stop.norm()
    w = v - (u @ v) * u
    w = w / w.norm() if w.norm() > 1e-4 else w / 0
    angle = torch.atan2(v @ w, v @ u)
    return torch.lerp(start.norm(), stop.norm(), s) * (
        (s * angle).cos() * u + (s * angle).sin() * w
    )


def walk_constant_length(start, stop, count):
    path = walk_double(start, stop, count)
    return F.normalize(path, dim=1) * start.norm()


def walk_wrong_side(start, stop, count):
    return torch.cat([walk_double(start, -stop, count)[:-1], stop[None]])


RIGHT = {
    "29.1": [kl_precision, kl_matrices, kl_loop],
    "29.2": [heun_times, heun_correct, heun_while],
    "29.3": [cover_any, cover_masked, cover_rows],
    "29.4": [walk_polar, walk_double, walk_complex],
}
WRONG = {
    "29.1": [
        kl_reverse,
        kl_batch_mean,
        kl_symmetric,
        kl_absolute_gap,
        kl_keepdim,
        kl_ratio_upside_down,
        kl_without_trace,
    ],
    "29.2": [
        heun_ralston,
        heun_reused,
        heun_half_end,
        heun_time_as_tensor,
        heun_stays,
        heun_time_beyond,
        heun_first_step_only,
    ],
    "29.3": [
        cover_of_drawn,
        cover_k_off,
        cover_squared,
        cover_strict,
        cover_percent,
        cover_farthest,
        cover_count,
    ],
    "29.4": [
        walk_lerp,
        walk_geometric,
        walk_smooth,
        walk_open_end,
        walk_nan,
        walk_constant_length,
        walk_wrong_side,
    ],
}
