"""Right and wrong answers to the exercises of chapter 28, and the hint that each must get."""

import numpy as np
import torch


def by_distance(steps, window):
    place = torch.arange(steps)
    back = place.unsqueeze(1) - place
    return (back >= 0) & (back < window)


def by_triangles(steps, window):
    full = torch.ones(steps, steps, dtype=torch.bool)
    return full.tril() & full.triu(1 - window)


def by_loops(steps, window):
    mask = torch.zeros(steps, steps).bool()
    for i in range(steps):
        mask[i, max(0, i - window + 1) : i + 1] = True
    return mask


def exchanged(steps, window):
    return ~by_distance(steps, window)


def looks_ahead(steps, window):
    return by_distance(steps, window).T


def all_of_the_past(steps, window):
    return torch.ones(steps, steps).tril().bool()


def one_too_long(steps, window):
    return by_distance(steps, window + 1)


def one_too_short(steps, window):
    return by_distance(steps, max(window - 1, 1))


def without_itself(steps, window):
    place = torch.arange(steps)
    back = place.unsqueeze(1) - place
    return (back > 0) & (back <= window)


def both_sides(steps, window):
    place = torch.arange(steps)
    return (place.unsqueeze(1) - place).abs() < window


def of_numbers(steps, window):
    return by_distance(steps, window).float()


def of_minus_infinity(steps, window):
    return torch.zeros(steps, steps).masked_fill(~by_distance(steps, window), -torch.inf)


def in_lists(steps, window):
    return by_distance(steps, window).tolist()


def as_wide_as_the_window(steps, window):
    return by_distance(steps, window)[:, :window]


def fails_for_wide_windows(steps, window):
    assert window <= steps
    return by_distance(steps, window)


def by_logaddexp(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    first, second = (log1 - both).exp().unsqueeze(-1), (log2 - both).exp().unsqueeze(-1)
    return first * y1 + second * y2, both


def by_softmax(y1, log1, y2, log2):
    logs = torch.stack([log1, log2], dim=-1)
    share = logs.softmax(dim=-1)
    return share[..., :1] * y1 + share[..., 1:] * y2, logs.logsumexp(dim=-1)


def by_sigmoid(y1, log1, y2, log2):
    share = torch.sigmoid(log1 - log2)[..., None]
    return [torch.lerp(y2, y1, share), torch.logaddexp(log2, log1)]


def by_maximum(y1, log1, y2, log2):
    top = torch.maximum(log1, log2).detach()
    a, b = (log1 - top).exp(), (log2 - top).exp()
    y = (a[..., None] * y1 + b[..., None] * y2) / (a + b)[..., None]
    return y, top + (a + b).log()


def mean_of_both(y1, log1, y2, log2):
    return (y1 + y2) / 2, torch.logaddexp(log1, log2)


def sum_of_both(y1, log1, y2, log2):
    return y1 + y2, torch.logaddexp(log1, log2)


def shares_exchanged(y1, log1, y2, log2):
    return by_logaddexp(y2, log1, y1, log2)


def weighted_by_logarithms(y1, log1, y2, log2):
    a, b = log1.unsqueeze(-1), log2.unsqueeze(-1)
    return (a * y1 + b * y2) / (a + b), torch.logaddexp(log1, log2)


def overflows(y1, log1, y2, log2):
    a, b = log1.exp().unsqueeze(-1), log2.exp().unsqueeze(-1)
    return (a * y1 + b * y2) / (a + b), torch.logaddexp(log1, log2)


def logarithm_overflows(y1, log1, y2, log2):
    return by_logaddexp(y1, log1, y2, log2)[0], (log1.exp() + log2.exp()).log()


def logarithms_added(y1, log1, y2, log2):
    return by_logaddexp(y1, log1, y2, log2)[0], log1 + log2


def larger_logarithm(y1, log1, y2, log2):
    return by_logaddexp(y1, log1, y2, log2)[0], torch.maximum(log1, log2)


def result_alone(y1, log1, y2, log2):
    return by_logaddexp(y1, log1, y2, log2)[0]


def logarithm_keeps_a_dimension(y1, log1, y2, log2):
    y, both = by_logaddexp(y1, log1, y2, log2)
    return y, both.unsqueeze(-1)


def shares_without_a_dimension(y1, log1, y2, log2):
    both = torch.logaddexp(log1, log2)
    return (log1 - both).exp() * y1 + (log2 - both).exp() * y2, both


def graph_cut(y1, log1, y2, log2):
    return by_logaddexp(y1.detach(), log1.detach(), y2.detach(), log2.detach())


def shares_detached(y1, log1, y2, log2):
    y, _ = by_logaddexp(y1, log1.detach(), y2, log2.detach())
    return y, torch.logaddexp(log1, log2)


def from_the_left(weights):
    steps = weights[0].shape[-1]
    result = torch.eye(steps, dtype=weights[0].dtype)
    for block in weights:
        result = (block.mean(dim=1) + torch.eye(steps, dtype=block.dtype)) / 2 @ result
    return result


def from_the_right(weights):
    first, *others = [(w.mean(1) + torch.eye(w.shape[-1]).to(w)) / 2 for w in weights]
    for matrix in others:
        first = torch.bmm(matrix, first)
    return first


def by_einsum(weights):
    held = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype).repeat(len(weights[0]), 1, 1)
    for block in weights:
        held = 0.5 * held + 0.5 * torch.einsum("nhik,nkj->nij", block, held) / block.shape[1]
    return held


def other_order(weights):
    return from_the_left(weights[::-1])


def transposed(weights):
    return from_the_left(weights).mT


def without_identity(weights):
    result = weights[0].mean(dim=1)
    for block in weights[1:]:
        result = block.mean(dim=1) @ result
    return result


def not_halved(weights):
    return from_the_left(weights) * 2 ** len(weights)


def heads_added(weights):
    return from_the_left([w.sum(dim=1, keepdim=True) for w in weights])


def largest_head(weights):
    return from_the_left([w.amax(dim=1, keepdim=True) for w in weights])


def first_head(weights):
    return from_the_left([w[:, :1] for w in weights])


def last_block(weights):
    return from_the_left(weights[-1:])


def mean_of_blocks(weights):
    return torch.stack([from_the_left([w]) for w in weights]).mean(dim=0)


def entry_by_entry(weights):
    return torch.stack([from_the_left([w]) for w in weights]).prod(dim=0)


def element_by_element(weights):
    result = own = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype)
    for block in weights:
        result = (block.mean(dim=1) + own) / 2 * result
    return result


def one_added(weights):
    result = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype)
    for block in weights:
        result = (block.mean(dim=1) + 1) / 2 @ result
    return result


def heads_kept(weights):
    result = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype)
    for block in weights:
        result = (block + torch.eye(block.shape[-1], dtype=block.dtype)) / 2 @ result
    return result


def empties_the_list(weights):
    return from_the_left([weights.pop(0) for _ in range(len(weights))])


def adds_in_place(weights):
    for block in weights:
        block += torch.eye(block.shape[-1])
    return without_identity([block / 2 for block in weights])


def by_scatter(logits, p, temperature):
    q, order = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True)
    before = q.cumsum(dim=1) - q
    kept = q.masked_fill(before >= p, 0)
    kept = kept / kept.sum(dim=1, keepdim=True)
    return torch.zeros_like(kept).scatter(1, order, kept)


def by_second_softmax(logits, p, temperature):
    logits = logits / temperature
    values, order = logits.sort(dim=1, descending=True)
    q = values.softmax(dim=1)
    too_many = q.cumsum(dim=1) - q >= p
    too_many = too_many.gather(1, order.argsort(dim=1))
    return logits.masked_fill(too_many, -torch.inf).softmax(dim=1)


def row_by_row(logits, p, temperature):
    rows = []
    for row in torch.softmax(logits / temperature, dim=-1):
        kept, reached = torch.zeros_like(row), 0.0
        for place in row.argsort(descending=True):
            if reached < p:
                kept[place] = row[place]
            reached += row[place].item()
        rows.append(kept / kept.sum())
    return torch.stack(rows)


def by_numpy(logits, p, temperature):
    z = logits.double().numpy() / temperature
    q = np.exp(z - z.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    order = np.argsort(-q, axis=1)
    ordered = np.take_along_axis(q, order, axis=1)
    ordered[np.cumsum(ordered, axis=1) - ordered >= p] = 0
    np.put_along_axis(q, order, ordered, axis=1)
    return torch.from_numpy(q / q.sum(axis=1, keepdims=True)).to(logits.dtype)


def not_divided(logits, p, temperature):
    kept = by_scatter(logits, p, temperature)
    return (logits / temperature).softmax(dim=1) * (kept > 0)


def last_one_missing(logits, p, temperature):
    q, order = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True)
    kept = q.masked_fill(q.cumsum(dim=1) > p + 1e-6, 0)
    kept = kept / kept.sum(dim=1, keepdim=True)
    return torch.zeros_like(kept).scatter(1, order, kept)


def one_too_many(logits, p, temperature):
    q, order = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True)
    before = (q.cumsum(dim=1) - q).roll(1, dims=1)
    before[:, 0] = 0
    kept = q.masked_fill(before >= p, 0)
    kept = kept / kept.sum(dim=1, keepdim=True)
    return torch.zeros_like(kept).scatter(1, order, kept)


def no_temperature(logits, p, temperature):
    return by_scatter(logits, p, 1.0)


def times_temperature(logits, p, temperature):
    return by_scatter(logits, p, 1 / temperature)


def temperature_last(logits, p, temperature):
    kept = by_scatter(logits, p, 1.0) > 0
    return (logits / temperature).masked_fill(~kept, -torch.inf).softmax(dim=1)


def _kept(logits, p, temperature):
    q = (logits / temperature).softmax(dim=1)
    return q * (by_scatter(logits, p, temperature) > 0)


def softmax_again(logits, p, temperature):
    kept = _kept(logits, p, temperature)
    return kept.masked_fill(kept == 0, -torch.inf).softmax(dim=1)


def softmax_of_the_zeros_too(logits, p, temperature):
    return _kept(logits, p, temperature).softmax(dim=1)


def in_single_precision(logits, p, temperature):
    return by_scatter(logits.float(), p, temperature).to(logits.dtype)


def by_the_sum_of_all(logits, p, temperature):
    kept = _kept(logits, p, temperature)
    return kept / kept.sum()


def by_the_sum_of_the_column(logits, p, temperature):
    kept = _kept(logits, p, temperature)
    return kept / kept.sum(dim=0)


def left_sorted(logits, p, temperature):
    return by_scatter(logits, p, temperature).sort(dim=1, descending=True).values


def equally_likely(logits, p, temperature):
    kept = (by_scatter(logits, p, temperature) > 0).to(logits.dtype)
    return kept / kept.sum(dim=1, keepdim=True)


def everything(logits, p, temperature):
    return (logits / temperature).softmax(dim=1)


def most_probable(logits, p, temperature):
    return torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype)


def each_at_least_p(logits, p, temperature):
    q = (logits / temperature).softmax(dim=1)
    q = q * (q >= p)
    return q / q.sum(dim=1, keepdim=True)


def count_of_the_first_row(logits, p, temperature):
    q = (logits / temperature).softmax(dim=1)
    count = (by_scatter(logits[:1], p, temperature) > 0).sum()
    kept = q.argsort(dim=1, descending=True).argsort(dim=1) < count
    return q * kept / (q * kept).sum(dim=1, keepdim=True)


def as_logits(logits, p, temperature):
    kept = by_scatter(logits, p, temperature) > 0
    return logits.masked_fill(~kept, -torch.inf)


def divides_in_place(logits, p, temperature):
    logits /= temperature
    return by_scatter(logits, p, 1.0)


def drawn(logits, p, temperature):
    return torch.multinomial(by_scatter(logits, p, temperature), 1)


def from_the_first(y1, log1, y2, log2):
    ratio = (log2 - log1).exp()
    share = (ratio / (1 + ratio)).unsqueeze(-1)
    return (1 - share) * y1 + share * y2, log1 + ratio.log1p()


def from_the_second(y1, log1, y2, log2):
    return from_the_first(y2, log2, y1, log1)


def from_the_middle(y1, log1, y2, log2):
    """Halves the difference, which is still too large."""
    middle = (log1 + log2) / 2
    a, b = (log1 - middle).exp(), (log2 - middle).exp()
    y = (a.unsqueeze(-1) * y1 + b.unsqueeze(-1) * y2) / (a + b).unsqueeze(-1)
    return y, middle + (a + b).log()


def limited(y1, log1, y2, log2):
    """Equal shares wherever both logarithms are large."""
    a, b = log1.clamp(-80, 80).exp(), log2.clamp(-80, 80).exp()
    y = (a.unsqueeze(-1) * y1 + b.unsqueeze(-1) * y2) / (a + b).unsqueeze(-1)
    return y, (a + b).log()


def winner_alone(y1, log1, y2, log2):
    return torch.where((log1 > log2).unsqueeze(-1), y1, y2), torch.logaddexp(log1, log2)


def nucleus_of(q, p):
    values, order = q.sort(dim=1, descending=True)
    kept = values.masked_fill(values.cumsum(dim=1) - values >= p, 0)
    return torch.zeros_like(q).scatter(1, order, kept / kept.sum(dim=1, keepdim=True))


def minus_ten(logits, p, temperature):
    """Nearly right where every other logit is larger."""
    return nucleus_of((logits.clamp(min=-10) / temperature).softmax(dim=1), p)


def minus_the_mean(logits, p, temperature):
    logits = logits - logits.mean(dim=1, keepdim=True)
    return nucleus_of((logits / temperature).softmax(dim=1), p)


def largest_count(logits, p, temperature):
    """As many symbols in every row as the row that needs most of them."""
    q = (logits / temperature).softmax(dim=1)
    values, order = q.topk(int((nucleus_of(q, p) > 0).sum(dim=1).max()), dim=1)
    return torch.zeros_like(q).scatter(1, order, values / values.sum(dim=1, keepdim=True))


def last_one_missing_of_several(logits, p, temperature):
    values, order = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True)
    keep = values.cumsum(dim=1) <= p
    keep[:, 0] = True
    kept = values * keep
    return torch.zeros_like(kept).scatter(1, order, kept / kept.sum(dim=1, keepdim=True))


def least_probable_first(logits, p, temperature):
    values, order = (logits / temperature).softmax(dim=1).sort(dim=1)
    kept = values.masked_fill(values.cumsum(dim=1) - values >= p, 0)
    return torch.zeros_like(kept).scatter(1, order, kept / kept.sum(dim=1, keepdim=True))


RIGHT = {
    "28.1": [by_distance, by_triangles, by_loops],
    "28.2": [by_logaddexp, by_softmax, by_sigmoid, by_maximum],
    "28.3": [from_the_left, from_the_right, by_einsum],
    "28.4": [by_scatter, by_second_softmax, row_by_row, by_numpy],
}

WRONG = {
    "28.1": [
        (exchanged, "True and False are exchanged"),
        (looks_ahead, "Rows and columns are exchanged"),
        (all_of_the_past, "the window has no effect"),
        (one_too_long, "one step too long"),
        (one_too_short, "one step too short"),
        (without_itself, "should see itself"),
        (both_sides, "reaches into the future"),
        (of_numbers, "would be added to the scores"),
        (of_minus_infinity, "would be added to the scores"),
        (in_lists, "should be a torch.Tensor, and it is a list"),
        (as_wide_as_the_window, "Row i says where step i may look"),
        (fails_for_wide_windows, "AssertionError"),
    ],
    "28.2": [
        (mean_of_both, "This is the mean of the two"),
        (sum_of_both, "The two were added"),
        (shares_exchanged, "The shares are exchanged"),
        (weighted_by_logarithms, "weighted with the logarithms"),
        (overflows, "exp of such scores"),
        (logarithm_overflows, "exp of such scores"),
        (logarithms_added, "The logarithms were added"),
        (larger_logarithm, "the larger of the two logarithms"),
        (result_alone, "should return two things"),
        (logarithm_keeps_a_dimension, "has shape"),
        (shares_without_a_dimension, "RuntimeError"),
        (graph_cut, "no graph"),
        (shares_detached, "has no gradient for log1"),
        (from_the_first, "infinite where the second half"),
        (from_the_second, "infinite where the first half"),
        (from_the_middle, "infinite where the second half"),
        (limited, "Exponentials of differences from the larger logarithm"),
        (winner_alone, "and the other left out"),
    ],
    "28.3": [
        (element_by_element, "multiplied element by element"),
        (one_added, "ones on the diagonal only"),
        (other_order, "in the other order"),
        (transposed, "The result is transposed"),
        (without_identity, "The identity for the sum around the attention is missing"),
        (not_halved, "the division by 2 is missing"),
        (heads_added, "The heads were added up"),
        (largest_head, "The largest weight over the heads"),
        (first_head, "Only the first head"),
        (last_block, "the last block alone"),
        (mean_of_blocks, "the mean over the blocks"),
        (entry_by_entry, "entry by entry"),
        (heads_kept, "has shape"),
        (empties_the_list, "changed"),
        (adds_in_place, "in-place"),
    ],
    "28.4": [
        (softmax_again, "through a softmax again"),
        (softmax_of_the_zeros_too, "and the zeros went through"),
        (in_single_precision, "rounded to float32 on the way"),
        (by_the_sum_of_all, "by that of all rows"),
        (by_the_sum_of_the_column, "by that of its column"),
        (not_divided, "divide what is kept by its sum"),
        (last_one_missing, "The symbol that carries the sum past p"),
        (one_too_many, "One symbol too many"),
        (no_temperature, "The temperature has no effect"),
        (times_temperature, "multiplied by the temperature"),
        (temperature_last, "chosen without the temperature"),
        (left_sorted, "The probabilities are sorted"),
        (equally_likely, "all equally likely"),
        (everything, "Nothing was left out"),
        (most_probable, "Only the most probable symbol"),
        (each_at_least_p, "it is their sum that must reach p"),
        (count_of_the_first_row, "All rows keep the same number of symbols"),
        (as_logits, "These are logits"),
        (divides_in_place, "in-place"),
        (drawn, "has shape"),
        (minus_ten, "whose logit is -inf a probability above 0"),
        (minus_the_mean, "holds nan where some logits are -inf"),
        (largest_count, "top_p(logits"),
        (last_one_missing_of_several, "The symbol that carries the sum past p"),
        (least_probable_first, "from the least probable on"),
    ],
}
