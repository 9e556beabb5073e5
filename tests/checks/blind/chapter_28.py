"""Chapter 28."""

import functools
import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F


def window_by_corners(steps, window):
    return torch.ones(steps, steps, dtype=torch.bool).tril().triu(1 - window)


def window_by_lists(steps, window):
    return torch.tensor([[i - window < j <= i for j in range(steps)] for i in range(steps)])


def window_by_rows(steps, window):
    mask = torch.zeros((steps, steps), dtype=torch.bool)
    for i in range(steps):
        mask[i, max(0, i - window + 1) : i + 1] = True
    return mask


def window_in_numpy(steps, window):
    i, j = np.indices((steps, steps))
    return torch.from_numpy(np.logical_and(j <= i, j > i - window))


def window_by_diagonals(steps, window):
    mask = torch.zeros(steps, steps)
    for back in range(min(window, steps)):
        mask += torch.diag(torch.ones(steps - back), diagonal=-back)
    return mask.bool()


def window_by_difference(steps, window):
    past = torch.full((steps, steps), True).tril()
    return past ^ past.tril(-window)


def _apart(steps):
    return torch.arange(steps)[:, None] - torch.arange(steps)[None, :]


def window_on_both_sides(steps, window):
    return _apart(steps).abs() < window


def window_one_wider(steps, window):
    back = _apart(steps)
    return (back >= 0) & (back <= window)


def window_one_narrower(steps, window):
    back = _apart(steps)
    return (back >= 0) & (back < max(window - 1, 1))


def window_upside_down(steps, window):
    return ~window_by_corners(steps, window)


def window_of_infinities(steps, window):
    return torch.zeros(steps, steps).masked_fill(~window_by_corners(steps, window), -math.inf)


def window_of_numbers(steps, window):
    return torch.ones(steps, steps).tril().triu(1 - window)


def window_of_integers(steps, window):
    return window_by_corners(steps, window).long()


def window_transposed(steps, window):
    back = -_apart(steps)
    return (back >= 0) & (back < window)


def window_without_self(steps, window):
    back = _apart(steps)
    return (back >= 1) & (back <= window)


def window_all_past(steps, window):
    return torch.ones(steps, steps, dtype=torch.bool).tril()


def window_no_causality(steps, window):
    return _apart(steps) < window


def window_longer_fails(steps, window):
    mask = torch.zeros(steps, steps)
    for back in range(window):
        mask += torch.diag(torch.ones(steps - back), -back)
    return mask > 0


def window_in_blocks(steps, window):
    block = torch.arange(steps) // window
    return (block[:, None] == block) & (_apart(steps) >= 0)


def window_with_batch(steps, window):
    return window_by_corners(steps, window)[None, None]


def window_at_start(steps, window):
    return (torch.arange(steps) < window).expand(steps, steps).tril()


def window_full_only(steps, window):
    mask = window_by_corners(steps, window)
    mask[: min(window, steps) - 1] = False
    return mask


def window_columns(steps, window):
    return torch.ones(steps, window, dtype=torch.bool).tril()


def window_round(steps, window):
    return (_apart(steps) % steps) < window


def window_other_sign(steps, window):
    return torch.ones(steps, steps, dtype=torch.bool).tril().triu(window - 1)


def window_with_first(steps, window):
    mask = window_by_corners(steps, window)
    mask[:, 0] = True
    return mask


def window_strided(steps, window):
    back = _apart(steps)
    return (back >= 0) & (back % window == 0)


def window_index_minus(steps, window):
    mask = torch.zeros(steps, steps, dtype=torch.bool)
    for i in range(steps):
        mask[i, i - window + 1 : i + 1] = True
    return mask


def window_of_lists(steps, window):
    return [[i - window < j <= i for j in range(steps)] for i in range(steps)]


def window_indices_negative(steps, window):
    mask = torch.zeros(steps, steps, dtype=torch.bool)
    for i, back in itertools.product(range(steps), range(min(window, steps))):
        mask[i, i - back] = True
    return mask


def merge_stacked(y1, log1, y2, log2):
    logs = torch.stack([log1, log2])
    share = logs.softmax(dim=0)
    y = (share[..., None] * torch.stack([y1, y2])).sum(dim=0)
    return y, logs.logsumexp(dim=0)


def merge_by_maximum(y1, log1, y2, log2):
    top = torch.maximum(log1, log2).detach()
    e1, e2 = torch.exp(log1 - top), torch.exp(log2 - top)
    total = e1 + e2
    y = (y1 * e1.unsqueeze(-1) + y2 * e2.unsqueeze(-1)) / total.unsqueeze(-1)
    return y, top + total.log()


def merge_sigmoid(y1, log1, y2, log2):
    share = (log1 - log2).sigmoid()[..., None]
    return y2 + share * (y1 - y2), log2 - F.logsigmoid(log2 - log1)


def merge_lerp(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    return torch.lerp(y1, y2, (log2 - both).exp().unsqueeze(-1)), both


def merge_einsum(y1, log1, y2, log2):
    logs = torch.stack((log1, log2), dim=-1)
    y = torch.einsum("...th,...thd->...td", logs.softmax(-1), torch.stack((y1, y2), dim=-2))
    return [y, torch.logsumexp(logs, -1)]


def merge_in_double(y1, log1, y2, log2):
    a, b = log1.double(), log2.double()
    larger, smaller = torch.max(a, b), torch.min(a, b)
    both = larger + torch.log1p(torch.exp(smaller - larger))
    y = y1 * torch.exp(a - both)[..., None] + y2 * torch.exp(b - both)[..., None]
    return y.to(y1.dtype), both.to(log1.dtype)


def _merged(y1, y2, w1, w2):
    return y1 * w1.unsqueeze(-1) + y2 * w2.unsqueeze(-1)


def merge_naive(y1, log1, y2, log2):
    e1, e2 = log1.exp(), log2.exp()
    return _merged(y1, y2, e1 / (e1 + e2), e2 / (e1 + e2)), (e1 + e2).log()


def merge_mean(y1, log1, y2, log2):
    return (y1 + y2) / 2, torch.logaddexp(log1, log2)


def merge_unnormalised(y1, log1, y2, log2):
    top = torch.maximum(log1, log2)
    return _merged(y1, y2, (log1 - top).exp(), (log2 - top).exp()), torch.logaddexp(log1, log2)


def merge_logs_added(y1, log1, y2, log2):
    return merge_stacked(y1, log1, y2, log2)[0], log1 + log2


def merge_logs_maximum(y1, log1, y2, log2):
    return merge_stacked(y1, log1, y2, log2)[0], torch.maximum(log1, log2)


def merge_softmax_over_steps(y1, log1, y2, log2):
    y = _merged(y1, y2, log1.softmax(-1), log2.softmax(-1))
    return y, torch.logaddexp(log1, log2)


def merge_clamped(y1, log1, y2, log2):
    return merge_naive(y1, log1.clamp(-80, 80), y2, log2.clamp(-80, 80))


def merge_by_first(y1, log1, y2, log2):
    ratio = (log2 - log1).exp()
    return _merged(y1, y2, 1 / (1 + ratio), ratio / (1 + ratio)), log1 + (1 + ratio).log()


def merge_one_maximum(y1, log1, y2, log2):
    top = torch.maximum(log1.max(), log2.max())
    e1, e2 = (log1 - top).exp(), (log2 - top).exp()
    return _merged(y1, y2, e1 / (e1 + e2), e2 / (e1 + e2)), (e1 + e2).log() + top


def merge_around_mean(y1, log1, y2, log2):
    middle = (log1 + log2) / 2
    y, both = merge_naive(y1, log1 - middle, y2, log2 - middle)
    return y, both + middle


def merge_weights_cut(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    w1, w2 = (log1 - both).exp().detach(), (log2 - both).exp().detach()
    return _merged(y1, y2, w1, w2), both


@torch.no_grad()
def merge_no_grad(y1, log1, y2, log2):
    return merge_stacked(y1, log1, y2, log2)


def merge_log_cut(y1, log1, y2, log2):
    y, both = merge_stacked(y1, log1, y2, log2)
    return y, both.detach()


def merge_values_cut(y1, log1, y2, log2):
    return merge_stacked(y1.detach(), log1, y2.detach(), log2)


def merge_result_only(y1, log1, y2, log2):
    return merge_stacked(y1, log1, y2, log2)[0]


def merge_other_way(y1, log1, y2, log2):
    return merge_stacked(y1, log1, y2, log2)[::-1]


def merge_without_exp(y1, log1, y2, log2):
    total = log1 + log2
    return _merged(y1, y2, log1 / total, log2 / total), torch.logaddexp(log1, log2)


def merge_swapped(y1, log1, y2, log2):
    return merge_stacked(y2, log1, y1, log2)


def merge_mean_of_exp(y1, log1, y2, log2):
    y, both = merge_stacked(y1, log1, y2, log2)
    return y, both - math.log(2)


def merge_base_two(y1, log1, y2, log2):
    both = torch.logaddexp2(log1, log2)
    return _merged(y1, y2, torch.exp2(log1 - both), torch.exp2(log2 - both)), both


def merge_three_dimensions(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    w1, w2 = (log1 - both).exp().unsqueeze(2), (log2 - both).exp().unsqueeze(2)
    return w1 * y1 + w2 * y2, both


def merge_winner(y1, log1, y2, log2):
    return torch.where((log1 > log2).unsqueeze(-1), y1, y2), torch.logaddexp(log1, log2)


def merge_nan_to_zero(y1, log1, y2, log2):
    y, both = merge_naive(y1, log1, y2, log2)
    return y.nan_to_num(), both.nan_to_num()


def merge_log_keeps_column(y1, log1, y2, log2):
    y, both = merge_stacked(y1, log1, y2, log2)
    return y, both.unsqueeze(-1)


def merge_tempered(y1, log1, y2, log2):
    share = (torch.stack([log1, log2]) / math.sqrt(y1.shape[-1])).softmax(0)
    return _merged(y1, y2, *share), torch.logaddexp(log1, log2)


def merge_epsilon(y1, log1, y2, log2):
    e1, e2 = log1.clamp(max=80).exp(), log2.clamp(max=80).exp()
    total = e1 + e2 + 1e-8
    return _merged(y1, y2, e1 / total, e2 / total), total.log()


def rollout_reduced(weights):
    def mixed(block):
        mean = block.mean(1)
        return 0.5 * (mean + torch.eye(mean.shape[-1]).to(mean))

    return functools.reduce(lambda before, block: block @ before, map(mixed, weights))


def rollout_from_behind(weights):
    total = None
    for block in reversed(weights):
        one = torch.eye(block.shape[-1], dtype=block.dtype, device=block.device)
        matrix = ((block + one) / 2).mean(dim=1)
        total = matrix if total is None else torch.bmm(total, matrix)
    return total


def rollout_einsum(weights):
    n, heads, t, _ = weights[0].shape
    result = torch.eye(t, dtype=weights[0].dtype).repeat(n, 1, 1)
    for block in weights:
        looked = torch.einsum("nhij,njk->nik", block, result) / heads
        result = (looked + result) / 2
    return result


def rollout_recursive(weights):
    *earlier, last = weights
    matrix = last.mean(dim=1).clone()
    matrix.diagonal(dim1=-2, dim2=-1).add_(1)
    matrix = matrix / 2
    return matrix @ rollout_recursive(earlier) if earlier else matrix


def rollout_per_text(weights):
    results = []
    for n in range(len(weights[0])):
        matrices = [(w[n].mean(0) + torch.eye(w.size(-1), dtype=w.dtype)) / 2 for w in weights]
        result = matrices[0]
        for matrix in matrices[1:]:
            result = torch.matmul(matrix, result)
        results.append(result)
    return torch.stack(results)


def rollout_in_numpy(weights):
    result = np.eye(weights[0].shape[-1])
    for block in weights:
        a = block.detach().numpy()
        result = (a.sum(1) / a.shape[1] @ result + result) / 2
    return torch.from_numpy(result).to(weights[0].dtype)


def _mixed(block):
    return (block.mean(1) + torch.eye(block.shape[-1], dtype=block.dtype)) / 2


def _product(matrices):
    return functools.reduce(lambda before, m: m @ before, matrices)


def rollout_reversed(weights):
    return functools.reduce(torch.matmul, map(_mixed, weights))


def rollout_no_identity(weights):
    return _product([w.mean(1) for w in weights])


def rollout_no_half(weights):
    return _product([2 * _mixed(w) for w in weights])


def rollout_half_once(weights):
    return _product([2 * _mixed(w) for w in weights]) / 2


def rollout_best_head(weights):
    return _product([_mixed(w.amax(1, keepdim=True)) for w in weights])


def rollout_sum_of_heads(weights):
    return _product([_mixed(w.sum(1, keepdim=True)) for w in weights])


def rollout_first_head(weights):
    return _product([_mixed(w[:, :1]) for w in weights])


def rollout_elementwise(weights):
    return functools.reduce(torch.mul, map(_mixed, weights))


def rollout_average(weights):
    return torch.stack([_mixed(w) for w in weights]).mean(0)


def rollout_transposed(weights):
    return _product(list(map(_mixed, weights))).transpose(1, 2)


def rollout_columns(weights):
    return _product([_mixed(w.transpose(2, 3)) for w in weights])


def rollout_last_block(weights):
    return _mixed(weights[-1])


def rollout_first_left_out(weights):
    return _product(
        [torch.eye(weights[0].shape[-1], dtype=weights[0].dtype), *map(_mixed, weights[1:])]
    )


def rollout_first_plain(weights):
    return _product([weights[0].mean(1), *map(_mixed, weights[1:])])


def rollout_mean_of_texts(weights):
    return _product(list(map(_mixed, weights))).mean(0)


def rollout_heads_apart(weights):
    eye = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype)
    return _product([(w + eye) / 2 for w in weights]).mean(1)


def rollout_keeps_heads(weights):
    eye = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype)
    return _product([(w + eye) / 2 for w in weights])


def rollout_adds_one(weights):
    return _product([(w.mean(1) + 1) / 2 for w in weights])


def rollout_mean_over_texts(weights):
    return _product([_mixed(w.transpose(0, 1)) for w in weights])


def rollout_residual_at_end(weights):
    product = _product([w.mean(1) for w in weights])
    return (product + torch.eye(product.shape[-1], dtype=product.dtype)) / 2


def rollout_two_blocks(weights):
    return _mixed(weights[1]) @ _mixed(weights[0])


def rollout_columns_to_one(weights):
    result = _product(list(map(_mixed, weights)))
    return result / result.sum(1, keepdim=True)


def rollout_mean_blocks(weights):
    mean = _mixed(torch.stack(list(weights)).mean(0))
    return _product([mean] * len(weights))


def rollout_all_steps(weights):
    return torch.stack(list(itertools.accumulate(map(_mixed, weights), lambda a, b: b @ a)))


def rollout_first_text(weights):
    result = _product([_mixed(w[:1]) for w in weights])
    return result.expand(len(weights[0]), -1, -1)


def rollout_diagonal_only_half(weights):
    return _product([w.mean(1) + torch.eye(w.shape[-1], dtype=w.dtype) / 2 for w in weights])


def top_p_by_mask(logits, p, temperature):
    q = F.softmax(logits / temperature, dim=-1)
    values, places = torch.sort(q, dim=-1, descending=True)
    drop = values.cumsum(-1) >= p
    drop = torch.cat([torch.zeros_like(drop[:, :1]), drop[:, :-1]], dim=1)
    drop = torch.empty_like(drop).scatter_(1, places, drop)
    q = q.masked_fill(drop, 0.0)
    return q / q.sum(-1, keepdim=True)


def top_p_by_loops(logits, p, temperature):
    result = torch.zeros_like(logits)
    for row, line in enumerate((logits / temperature).softmax(dim=1)):
        total, kept = 0.0, []
        for place in line.argsort(descending=True).tolist():
            if total >= p:
                break
            kept.append(place)
            total += line[place].item()
        result[row, kept] = line[kept] / line[kept].sum()
    return result


def top_p_logits_filtered(logits, p, temperature):
    scaled = logits / temperature
    order = scaled.argsort(dim=1, descending=True)
    sorted_scaled = scaled.gather(1, order)
    sorted_q = sorted_scaled.softmax(1)
    before = torch.roll(sorted_q.cumsum(1), 1, dims=1)
    before[:, 0] = 0
    sorted_scaled = sorted_scaled.masked_fill(before >= p, -torch.inf)
    return sorted_scaled.softmax(1).gather(1, order.argsort(1))


def top_p_count(logits, p, temperature):
    q = torch.softmax(logits / temperature, 1)
    values = q.topk(q.shape[1], dim=1).values
    count = (values.cumsum(1) < p).sum(1, keepdim=True).clamp(max=q.shape[1] - 1)
    least = values.gather(1, count)
    kept = torch.where(q >= least, q, torch.zeros_like(q))
    return kept / kept.sum(1, keepdim=True)


def top_p_more_probable(logits, p, temperature):
    """What stands before a symbol is the mass of all more probable ones: no sorting."""
    q = (logits / temperature).softmax(1)
    before = ((q[:, None, :] > q[:, :, None]) * q[:, None, :]).sum(2)
    kept = q * (before < p)
    return F.normalize(kept, p=1, dim=1)


def top_p_in_numpy(logits, p, temperature):
    x = logits.detach().double().numpy() / temperature
    x = np.exp(x - x.max(1, keepdims=True))
    q = x / x.sum(1, keepdims=True)
    out = np.zeros_like(q)
    for i in range(len(q)):
        order = np.argsort(-q[i])
        n = min(int(np.searchsorted(np.cumsum(q[i][order]), p)) + 1, q.shape[1])
        out[i, order[:n]] = q[i, order[:n]] / q[i, order[:n]].sum()
    return torch.from_numpy(out).to(logits.dtype)


def _kept(q, p, order=None):
    values, places = q.sort(dim=1, descending=True)
    keep = values.cumsum(1) - values < p
    return torch.zeros_like(keep).scatter(1, places, keep)


def _one(kept):
    return kept / kept.sum(1, keepdim=True)


def _q(logits, temperature=1):
    return (logits / temperature).softmax(1)


def top_p_without_crossing(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1, descending=True)
    keep = values.cumsum(1) <= p
    keep[:, 0] = True
    return torch.zeros_like(values).scatter(1, places, _one(values * keep))


def top_p_may_be_empty(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1, descending=True)
    return torch.zeros_like(values).scatter(1, places, _one(values * (values.cumsum(1) <= p)))


def top_p_temperature_last(logits, p, temperature):
    keep = _kept(_q(logits), p)
    return _q(logits.masked_fill(~keep, -math.inf), temperature)


def top_p_times_temperature(logits, p, temperature):
    q = (logits * temperature).softmax(1)
    return _one(q * _kept(q, p))


def top_p_no_temperature(logits, p, temperature):
    q = _q(logits)
    return _one(q * _kept(q, p))


def top_p_temperature_on_probabilities(logits, p, temperature):
    q = _q(logits) / temperature
    return _one(q * _kept(q, p))


def top_p_unnormalised(logits, p, temperature):
    q = _q(logits, temperature)
    return q * _kept(q, p)


def top_p_sorted_columns(logits, p, temperature):
    values = _q(logits, temperature).sort(dim=1, descending=True).values
    return _one(values * (values.cumsum(1) - values < p))


def top_p_softmax_again(logits, p, temperature):
    q = _q(logits, temperature)
    return q.masked_fill(~_kept(q, p), -math.inf).softmax(1)


def top_p_equal_shares(logits, p, temperature):
    return _one(_kept(_q(logits, temperature), p).to(logits.dtype))


def top_p_count_of_first_row(logits, p, temperature):
    q = _q(logits, temperature)
    k = int(_kept(q, p)[0].sum())
    values, places = q.topk(k, dim=1)
    return torch.zeros_like(q).scatter(1, places, _one(values))


def top_p_largest_count(logits, p, temperature):
    q = _q(logits, temperature)
    k = int(_kept(q, p).sum(1).max())
    values, places = q.topk(k, dim=1)
    return torch.zeros_like(q).scatter(1, places, _one(values))


def top_p_order_of_first_row(logits, p, temperature):
    q = _q(logits, temperature)
    order = q[0].argsort(descending=True)
    values = q[:, order]
    out = torch.zeros_like(q)
    out[:, order] = _one(values * (values.cumsum(1) - values < p))
    return out


def top_p_over_rows(logits, p, temperature):
    q = (logits / temperature).softmax(0)
    values, places = q.sort(dim=0, descending=True)
    kept = values * (values.cumsum(0) - values < p)
    return torch.zeros_like(q).scatter(0, places, kept / kept.sum(0))


def top_p_threshold(logits, p, temperature):
    q = _q(logits, temperature)
    keep = q >= p
    keep[torch.arange(len(q)), q.argmax(1)] = True
    return _one(q * keep)


def top_p_five(logits, p, temperature):
    q = _q(logits, temperature)
    values, places = q.topk(min(5, q.shape[1]), dim=1)
    return torch.zeros_like(q).scatter(1, places, _one(values))


def top_p_share_of_maximum(logits, p, temperature):
    q = _q(logits, temperature)
    return _one(q * (q >= p * q.amax(1, keepdim=True)))


def top_p_changes_logits(logits, p, temperature):
    logits /= temperature
    q = logits.softmax(1)
    return _one(q * _kept(q, p))


def top_p_fills_logits(logits, p, temperature):
    keep = _kept(_q(logits, temperature), p)
    logits[~keep] = -math.inf
    return _q(logits, temperature)


def top_p_multiplies_logits(logits, p, temperature):
    keep = _kept(_q(logits, temperature), p)
    return _q(logits * keep, temperature)


def top_p_in_double(logits, p, temperature):
    q = _q(logits.double(), temperature)
    return _one(q * _kept(q, p))


def top_p_in_float(logits, p, temperature):
    q = _q(logits.float(), temperature)
    return _one(q * _kept(q, p))


def top_p_least_probable(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1)
    kept = values * (values.cumsum(1) - values < p)
    return torch.zeros_like(values).scatter(1, places, _one(kept))


def top_p_gathers_back(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1, descending=True)
    return _one(values * (values.cumsum(1) - values < p)).gather(1, places)


def top_p_one_more(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1, descending=True)
    keep = values.cumsum(1) - values < p
    keep = torch.cat([torch.ones_like(keep[:, :1]), keep[:, :-1]], dim=1)
    return torch.zeros_like(values).scatter(1, places, _one(values * keep))


def top_p_greedy(logits, p, temperature):
    q = _q(logits, temperature)
    return F.one_hot(q.argmax(1), q.shape[1]).to(q.dtype)


def top_p_samples(logits, p, temperature):
    q = _q(logits, temperature)
    return torch.multinomial(_one(q * _kept(q, p)), 1)


def top_p_logarithms(logits, p, temperature):
    q = _q(logits, temperature)
    return _one(q * _kept(q, p)).log()


def top_p_share_of_symbols(logits, p, temperature):
    q = _q(logits, temperature)
    values, places = q.topk(max(1, math.ceil(p * q.shape[1])), dim=1)
    return torch.zeros_like(q).scatter(1, places, _one(values))


def top_p_unsorted(logits, p, temperature):
    q = _q(logits, temperature)
    return _one(q * (q.cumsum(1) - q < p))


def top_p_zeros_as_logits(logits, p, temperature):
    keep = _kept(_q(logits, temperature), p)
    return _q(logits.masked_fill(~keep, 0), temperature)


def top_p_ratios_of_temperature_one(logits, p, temperature):
    keep = _kept(_q(logits, temperature), p)
    return _one(_q(logits) * keep)


def top_p_minus_mean(logits, p, temperature):
    q = _q(logits - logits.mean(1, keepdim=True), temperature)
    return _one(q * _kept(q, p))


def top_p_all_at_once(logits, p, temperature):
    q = _q(logits, temperature)
    values, places = q.flatten().sort(descending=True)
    keep = values.cumsum(0) - values < p * len(q)
    kept = torch.zeros_like(values).scatter(0, places, values * keep)
    return _one(kept.view_as(q))


def top_p_index_select(logits, p, temperature):
    q = _q(logits, temperature)
    values, places = q.sort(dim=1, descending=True)
    out = torch.zeros_like(q)
    out[:, places[0]] = _one(values * (values.cumsum(1) - values < p))
    return out


def merge_by_second(y1, log1, y2, log2):
    ratio = (log1 - log2).exp()
    return _merged(y1, y2, ratio / (1 + ratio), 1 / (1 + ratio)), log2 + (1 + ratio).log()


def merge_sum_for_logarithm(y1, log1, y2, log2):
    y, both = merge_stacked(y1, log1, y2, log2)
    return y, both.exp()


def rollout_adds_in_place(weights):
    for block in weights:
        block += torch.eye(block.shape[-1], dtype=block.dtype)
    return _product([block.mean(1) / 2 for block in weights])


def rollout_skips_the_middle(weights):
    return _mixed(weights[-1]) @ _mixed(weights[0]) if len(weights) > 1 else _mixed(weights[0])


def rollout_rows_to_one(weights):
    """The rows of weights add up to 1, so those of the sum add up to 2."""

    def one(block):
        total = block.mean(1) + torch.eye(block.shape[-1], dtype=block.dtype)
        return total / total.sum(-1, keepdim=True)

    return _product([one(block) for block in weights])


def top_p_at_least_two(logits, p, temperature):
    values, places = _q(logits, temperature).sort(dim=1, descending=True)
    keep = values.cumsum(1) - values < p
    keep[:, :2] = True
    return torch.zeros_like(values).scatter(1, places, _one(values * keep))


def top_p_squeezed(logits, p, temperature):
    q = _q(logits, temperature)
    return _one(q * _kept(q, p)).squeeze()


def top_p_minus_ten(logits, p, temperature):
    q = _q(logits.masked_fill(logits.isinf(), -10.0), temperature)
    return _one(q * _kept(q, p))


def top_p_all_for_one(logits, p, temperature):
    q = _q(logits, temperature)
    return q if p == 1 else _one(q * _kept(q, p))


RIGHT = {
    "28.1": [
        window_by_corners,
        window_by_lists,
        window_by_rows,
        window_in_numpy,
        window_by_diagonals,
        window_by_difference,
    ],
    "28.2": [
        merge_stacked,
        merge_by_maximum,
        merge_sigmoid,
        merge_lerp,
        merge_einsum,
        merge_in_double,
    ],
    "28.3": [
        rollout_reduced,
        rollout_from_behind,
        rollout_einsum,
        rollout_recursive,
        rollout_per_text,
        rollout_in_numpy,
        rollout_rows_to_one,
    ],
    "28.4": [
        top_p_by_mask,
        top_p_by_loops,
        top_p_logits_filtered,
        top_p_count,
        top_p_more_probable,
        top_p_in_numpy,
        top_p_all_for_one,
    ],
}

WRONG = {
    "28.1": [
        window_on_both_sides,
        window_one_wider,
        window_one_narrower,
        window_upside_down,
        window_of_infinities,
        window_of_numbers,
        window_of_integers,
        window_transposed,
        window_without_self,
        window_all_past,
        window_no_causality,
        window_longer_fails,
        window_in_blocks,
        window_with_batch,
        window_at_start,
        window_full_only,
        window_columns,
        window_round,
        window_other_sign,
        window_with_first,
        window_strided,
        window_index_minus,
        window_of_lists,
        window_indices_negative,
    ],
    "28.2": [
        merge_naive,
        merge_mean,
        merge_unnormalised,
        merge_logs_added,
        merge_logs_maximum,
        merge_softmax_over_steps,
        merge_clamped,
        merge_by_first,
        merge_one_maximum,
        merge_around_mean,
        merge_weights_cut,
        merge_no_grad,
        merge_log_cut,
        merge_values_cut,
        merge_result_only,
        merge_other_way,
        merge_without_exp,
        merge_swapped,
        merge_mean_of_exp,
        merge_base_two,
        merge_three_dimensions,
        merge_winner,
        merge_nan_to_zero,
        merge_log_keeps_column,
        merge_tempered,
        merge_epsilon,
        merge_by_second,
        merge_sum_for_logarithm,
    ],
    "28.3": [
        rollout_reversed,
        rollout_no_identity,
        rollout_no_half,
        rollout_half_once,
        rollout_best_head,
        rollout_sum_of_heads,
        rollout_first_head,
        rollout_elementwise,
        rollout_average,
        rollout_transposed,
        rollout_columns,
        rollout_last_block,
        rollout_first_left_out,
        rollout_first_plain,
        rollout_mean_of_texts,
        rollout_heads_apart,
        rollout_keeps_heads,
        rollout_adds_one,
        rollout_mean_over_texts,
        rollout_residual_at_end,
        rollout_two_blocks,
        rollout_columns_to_one,
        rollout_mean_blocks,
        rollout_all_steps,
        rollout_first_text,
        rollout_diagonal_only_half,
        rollout_adds_in_place,
        rollout_skips_the_middle,
    ],
    "28.4": [
        top_p_without_crossing,
        top_p_may_be_empty,
        top_p_temperature_last,
        top_p_times_temperature,
        top_p_no_temperature,
        top_p_temperature_on_probabilities,
        top_p_unnormalised,
        top_p_sorted_columns,
        top_p_softmax_again,
        top_p_equal_shares,
        top_p_count_of_first_row,
        top_p_largest_count,
        top_p_order_of_first_row,
        top_p_over_rows,
        top_p_threshold,
        top_p_five,
        top_p_share_of_maximum,
        top_p_changes_logits,
        top_p_fills_logits,
        top_p_multiplies_logits,
        top_p_in_double,
        top_p_in_float,
        top_p_least_probable,
        top_p_gathers_back,
        top_p_one_more,
        top_p_greedy,
        top_p_samples,
        top_p_logarithms,
        top_p_share_of_symbols,
        top_p_unsorted,
        top_p_zeros_as_logits,
        top_p_ratios_of_temperature_one,
        top_p_minus_mean,
        top_p_all_at_once,
        top_p_index_select,
        top_p_at_least_two,
        top_p_squeezed,
        top_p_minus_ten,
    ],
}
