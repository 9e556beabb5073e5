"""Chapter 28."""

import torch


def mask_by_cumsum(steps, window):
    past = torch.eye(steps).cumsum(0)
    older = torch.zeros(steps, steps)
    if window < steps:
        older[window:] = past[: steps - window]
    return past - older > 0


def mask_by_list(steps, window):
    return torch.tensor([[i - window < j <= i for j in range(steps)] for i in range(steps)])


def mask_by_shift(steps, window):
    i, j = torch.meshgrid(torch.arange(steps), torch.arange(steps), indexing="ij")
    return torch.logical_and(j <= i, j > i - window)


def mask_inverse(steps, window):
    i, j = torch.meshgrid(torch.arange(steps), torch.arange(steps), indexing="ij")
    return (j > i) | (j <= i - window)


def mask_off_by_one(steps, window):
    return torch.tensor([[i - window <= j <= i for j in range(steps)] for i in range(steps)])


def mask_symmetric(steps, window):
    near = torch.zeros(steps, steps, dtype=torch.bool)
    for k in range(min(window, steps)):
        near |= torch.ones(steps, steps, dtype=torch.bool).tril(k).triu(-k)
    return near


def mask_int(steps, window):
    return mask_by_list(steps, window).int()


def mask_causal(steps, window):
    return torch.tril(torch.ones(steps, steps, dtype=torch.bool))


def mask_upper(steps, window):
    return torch.tensor([[i <= j < i + window for j in range(steps)] for i in range(steps)])


def mask_blocks(steps, window):
    i = torch.arange(steps)
    return (i[:, None] // window == i // window) & (i[:, None] >= i)


def merge_stack(y1, log1, y2, log2):
    total = torch.logsumexp(torch.stack((log1, log2)), 0)
    parts = torch.stack((y1, y2)) * torch.exp(torch.stack((log1, log2)) - total).unsqueeze(-1)
    return parts.sum(0), total


def merge_difference(y1, log1, y2, log2):
    ratio = (log2 - log1).sigmoid().unsqueeze(-1)
    return y1 * (1 - ratio) + y2 * ratio, log1 + torch.nn.functional.softplus(log2 - log1)


def merge_log_softmax(y1, log1, y2, log2):
    pair = torch.stack([log1, log2], -1)
    weights = pair.log_softmax(-1).exp()
    y = torch.einsum("...td,...tk->...tdk", y1, weights[..., :1]) + torch.einsum(
        "...td,...tk->...tdk", y2, weights[..., 1:]
    )
    return y.squeeze(-1), pair.logsumexp(-1)


def merge_naive(y1, log1, y2, log2):
    s1, s2 = log1.exp(), log2.exp()
    y = (y1 * s1[..., None] + y2 * s2[..., None]) / (s1 + s2)[..., None]
    return y, torch.log(s1 + s2)


def merge_average(y1, log1, y2, log2):
    return 0.5 * y1 + 0.5 * y2, torch.logaddexp(log1, log2)


def merge_max(y1, log1, y2, log2):
    first = (log1 > log2).unsqueeze(-1)
    return torch.where(first, y1, y2), torch.logaddexp(log1, log2)


def merge_unscaled(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    return y1 * log1.unsqueeze(-1) / both.unsqueeze(-1) + y2 * log2.unsqueeze(-1) / both.unsqueeze(
        -1
    ), both


def merge_sum_log(y1, log1, y2, log2):
    y, _ = merge_stack(y1, log1, y2, log2)
    return y, log1 + log2


def merge_swapped(y1, log1, y2, log2):
    y, log = merge_stack(y1, log1, y2, log2)
    return log, y


def merge_no_graph(y1, log1, y2, log2):
    with torch.no_grad():
        return merge_stack(y1, log1, y2, log2)


def roll_reduce(weights):
    from functools import reduce

    matrices = []
    for w in weights:
        n, _, t, _ = w.shape
        matrices.append((w.mean(1) + torch.eye(t, dtype=w.dtype).expand(n, t, t)) * 0.5)
    return reduce(lambda old, new: new @ old, matrices)


def roll_chain(weights):
    matrices = []
    for w in weights:
        m = w.sum(1) / w.size(1)
        m = m.clone()
        m.diagonal(dim1=-2, dim2=-1).add_(1)
        matrices.insert(0, m / 2)
    out = matrices[0]
    for m in matrices[1:]:
        out = out.matmul(m)
    return out


def roll_lerp(weights):
    n, _, t, _ = weights[0].shape
    x = torch.eye(t, dtype=weights[0].dtype).expand(n, t, t)
    for w in weights:
        x = torch.lerp(x, w.mean(1) @ x, 0.5)
    return x


def roll_wrong_way(weights):
    x = torch.eye(weights[0].size(-1), dtype=weights[0].dtype)
    for w in weights:
        x = x @ (w.mean(1) + torch.eye(w.size(-1), dtype=w.dtype)) / 2
    return x


def roll_no_skip(weights):
    x = weights[0].mean(1)
    for w in weights[1:]:
        x = w.mean(1) @ x
    return x


def roll_half_once(weights):
    x = torch.eye(weights[0].size(-1), dtype=weights[0].dtype)
    for w in weights:
        x = (w.mean(1) + torch.eye(w.size(-1), dtype=w.dtype)) @ x
    return x / 2


def roll_mean_of_products(weights):
    x = torch.eye(weights[0].size(-1), dtype=weights[0].dtype)
    for w in weights:
        x = (w + torch.eye(w.size(-1), dtype=w.dtype)) / 2 @ x
    return x.mean(1)


def roll_over_batch(weights):
    x = torch.eye(weights[0].size(-1), dtype=weights[0].dtype)
    for w in weights:
        x = (w.mean(0) + torch.eye(w.size(-1), dtype=w.dtype)) / 2 @ x
    return x


def roll_columns(weights):
    return roll_reduce([w.mT for w in weights])


def roll_normalised_again(weights):
    x = roll_half_once(weights)
    return x / x.sum(-1, keepdim=True).clamp(min=1) + 0.01


def nucleus_threshold(logits, p, temperature):
    q = torch.softmax(logits / temperature, 1)
    ordered = q.sort(1, descending=True).values
    count = (ordered.cumsum(1) < p).sum(1, keepdim=True).clamp(max=q.size(1) - 1)
    lowest = ordered.gather(1, count)
    q = torch.where(q >= lowest, q, torch.zeros_like(q))
    return q / q.sum(1, keepdim=True)


def nucleus_python(logits, p, temperature):
    result = []
    for row in (logits / temperature).softmax(1).tolist():
        ranked, total, keep = sorted(enumerate(row), key=lambda x: x[1], reverse=True), 0, {}
        for place, value in ranked:
            keep[place] = value
            total += value
            if total >= p:
                break
        result.append([keep.get(i, 0) / total for i in range(len(row))])
    return torch.tensor(result, dtype=logits.dtype)


def nucleus_ascending(logits, p, temperature):
    q = (logits / temperature).softmax(-1)
    ordered, order = q.sort(-1)
    drop = ordered.cumsum(-1) <= 1 - p
    drop[:, -1] = False
    keep = ~torch.zeros_like(drop).scatter(-1, order, drop)
    q = q * keep
    return q / q.sum(-1, keepdim=True)


def nucleus_strict(logits, p, temperature):
    q, order = (logits / temperature).softmax(1).sort(1, descending=True)
    q[q.cumsum(1) > p] = 0
    return torch.zeros_like(q).scatter_(1, order, q / q.sum(1, keepdim=True))


def nucleus_wrong_scatter(logits, p, temperature):
    q, order = (logits / temperature).softmax(1).sort(1, descending=True)
    q = q.masked_fill(q.cumsum(1) - q >= p, 0)
    return (q / q.sum(1, keepdim=True)).gather(1, order)


def nucleus_raw(logits, p, temperature):
    q, order = (logits / temperature).softmax(1).sort(1, descending=True)
    q = q.masked_fill(q.cumsum(1) - q >= p, 0)
    return torch.zeros_like(q).scatter(1, order, q)


def nucleus_after(logits, p, temperature):
    q = nucleus_threshold(logits, p, 1.0) ** (1 / temperature)
    return q / q.sum(1, keepdim=True)


def nucleus_min_p(logits, p, temperature):
    q = (logits / temperature).softmax(1)
    q = q * (q >= p * q.amax(1, keepdim=True))
    return q / q.sum(1, keepdim=True)


def nucleus_top_k(logits, p, temperature):
    q = (logits / temperature).softmax(1)
    k = max(1, round(p * q.size(1)))
    q = q * (q >= q.topk(k).values[:, -1:])
    return q / q.sum(1, keepdim=True)


def nucleus_flat(logits, p, temperature):
    q = (logits / temperature).softmax(1).flatten()
    ordered, order = q.sort(descending=True)
    ordered = ordered.masked_fill(ordered.cumsum(0) - ordered >= p, 0)
    q = torch.zeros_like(q).scatter(0, order, ordered).view_as(logits)
    return q / q.sum(1, keepdim=True)


RIGHT = {
    "28.1": [mask_by_cumsum, mask_by_list, mask_by_shift],
    "28.2": [merge_stack, merge_difference, merge_log_softmax],
    "28.3": [roll_reduce, roll_chain, roll_lerp],
    "28.4": [nucleus_threshold, nucleus_python, nucleus_ascending],
}

WRONG = {
    "28.1": [
        mask_inverse,
        mask_off_by_one,
        mask_symmetric,
        mask_int,
        mask_causal,
        mask_upper,
        mask_blocks,
    ],
    "28.2": [
        merge_naive,
        merge_average,
        merge_max,
        merge_unscaled,
        merge_sum_log,
        merge_swapped,
        merge_no_graph,
    ],
    "28.3": [
        roll_wrong_way,
        roll_no_skip,
        roll_half_once,
        roll_mean_of_products,
        roll_over_batch,
        roll_columns,
        roll_normalised_again,
    ],
    "28.4": [
        nucleus_strict,
        nucleus_wrong_scatter,
        nucleus_raw,
        nucleus_after,
        nucleus_min_p,
        nucleus_top_k,
        nucleus_flat,
    ],
}
