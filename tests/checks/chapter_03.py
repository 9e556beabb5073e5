"""Right and wrong answers to the exercises of chapter 03, and the hint that each must get."""

import torch
from torch.nn import functional as F


def as_written(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w**2).sum()


def with_mse_loss(w, X, y, strength):
    return F.mse_loss(X @ w, y) + strength * torch.dot(w, w)


def by_loops(w, X, y, strength):
    total = 0.0
    for row, target in zip(X, y, strict=True):
        total = total + (row.dot(w) - target) ** 2 / len(y)
    for weight in w:
        total = total + strength * weight * weight
    return total


def one_element(w, X, y, strength):
    errors = (X @ w - y).unsqueeze(1)
    return (errors.T @ errors / len(errors) + strength * w.norm() ** 2).squeeze(1)


def summed(w, X, y, strength):
    return ((X @ w - y) ** 2).sum() + strength * (w**2).sum()


def with_the_norm(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * w.norm()


def mean_of_the_weights(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w**2).mean()


def without_penalty(w, X, y, strength):
    return ((X @ w - y) ** 2).mean()


def absolute_weights(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * w.abs().sum()


def squared_sum(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * w.sum() ** 2


def subtracted(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() - strength * (w**2).sum()


def strength_on_both(w, X, y, strength):
    return strength * (((X @ w - y) ** 2).mean() + (w**2).sum())


def root(w, X, y, strength):
    return ((X @ w - y) ** 2).mean().sqrt() + strength * (w**2).sum()


def strength_forgotten(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + (w**2).sum()


def absolute_errors(w, X, y, strength):
    return (X @ w - y).abs().mean() + strength * (w**2).sum()


def per_sample(w, X, y, strength):
    return (X @ w - y) ** 2 + strength * (w**2).sum()


def wrong_order(w, X, y, strength):
    return ((w @ X - y) ** 2).mean() + strength * (w**2).sum()


def detached_penalty(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w.detach() ** 2).sum()


def penalty_as_a_number(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w**2).sum().item()


def detached_errors(w, X, y, strength):
    return ((X @ w.detach() - y) ** 2).mean() + strength * (w**2).sum()


def half_detached(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w * w.detach()).sum()


def data_of_w(w, X, y, strength):
    return ((X @ w.data - y) ** 2).mean() + strength * (w.data**2).sum()


def a_python_number(w, X, y, strength):
    return as_written(w, X, y, strength).item()


def by_formula(w, X, y, rate):
    return w - rate * 2 * X.T @ (X @ w - y) / len(y)


def averaged_samples(w, X, y, rate):
    errors = (X @ w - y).unsqueeze(1)
    return w - rate * (2 * errors * X).mean(dim=0)


def gradient_by_loops(w, X, y, rate):
    new = w.clone()
    for j in range(len(w)):
        for i in range(len(y)):
            new[j] -= rate * 2 * (X[i] @ w - y[i]) * X[i, j] / len(y)
    return new


def grad(w, X, y):
    return torch.einsum("nd,n->d", X, 2 * (X @ w - y)) / X.shape[0]


def a_helper_called_grad(w, X, y, rate):
    return torch.sub(w, grad(w, X, y), alpha=rate)


def uphill(w, X, y, rate):
    return w + rate * 2 * X.T @ (X @ w - y) / len(y)


def no_mean(w, X, y, rate):
    return w - rate * 2 * X.T @ (X @ w - y)


def no_factor(w, X, y, rate):
    return w - rate * X.T @ (X @ w - y) / len(y)


def no_rate(w, X, y, rate):
    return w - 2 * X.T @ (X @ w - y) / len(y)


def only_the_gradient(w, X, y, rate):
    return 2 * X.T @ (X @ w - y) / len(y)


def divided_by_weights(w, X, y, rate):
    return w - rate * 2 * X.T @ (X @ w - y) / len(w)


def added_target(w, X, y, rate):
    return w - rate * 2 * X.T @ (X @ w + y) / len(y)


def in_place(w, X, y, rate):
    w -= rate * 2 * X.T @ (X @ w - y) / len(y)
    return w


def not_transposed(w, X, y, rate):
    return w - rate * 2 * X @ (X @ w - y) / len(y)


def by_backward(w, X, y, rate):
    leaf = w.clone().requires_grad_()
    ((X @ leaf - y) ** 2).mean().backward()
    return w - rate * leaf.grad


def by_func_grad(w, X, y, rate):
    return w - rate * torch.func.grad(lambda v: ((X @ v - y) ** 2).mean())(w)


def through_float64(w, X, y, rate):
    w, X, y = w.double(), X.double(), y.double()
    return w - rate * 2 / len(y) * X.T @ (X @ w - y)


def a_column(w, X, y, rate):
    return by_formula(w, X, y, rate).unsqueeze(1)


def a_list(w, X, y, rate):
    return by_formula(w, X, y, rate).tolist()


def by_eigvalsh(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X / len(X)).max()


def by_the_spectral_norm(X):
    return len(X) / torch.linalg.matrix_norm(X, ord=2).item() ** 2


def by_power_iteration(X):
    v = torch.ones(X.shape[1], dtype=X.dtype)
    for _ in range(500):
        v = X.T @ (X @ v)
        v = v / v.norm()
    return float(len(X) / (X @ v).square().sum())


def complex_eigenvalues(X):
    return 2 / torch.linalg.eigvals(2 / X.shape[0] * X.mT @ X).real.amax(dim=0, keepdim=True)


def flattest(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X / len(X)).min()


def half_curvature(X):
    return 2 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def summed_curvature(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X).max()


def one_over(X):
    return 1 / torch.linalg.eigvalsh(2 * X.T @ X / len(X)).max()


def the_curvature(X):
    return torch.linalg.eigvalsh(2 * X.T @ X / len(X)).max()


def diagonal(X):
    return 2 / (2 * X.T @ X / len(X)).diag().max()


def trace(X):
    return 2 / (2 * X.T @ X / len(X)).trace()


def singular_value(X):
    return len(X) / torch.linalg.svdvals(X).max()


def all_rates(X):
    return 2 / torch.linalg.eigvalsh(2 * X.T @ X / len(X))


def covariance(X):
    centred = X - X.mean(0)
    return 2 / torch.linalg.eigvalsh(2 * centred.T @ centred / len(X)).max()


def a_constant(X):
    return 0.1


def changes_its_input(X):
    X /= len(X) ** 0.5
    return 1 / torch.linalg.eigvalsh(X.T @ X).max()


def by_min(fit, measure, candidates):
    return min(candidates, key=lambda candidate: measure(fit(candidate)))


def by_a_loop(fit, measure, candidates):
    best, lowest = None, float("inf")
    for candidate in candidates:
        found = measure(fit(candidate))
        if found < lowest:
            best, lowest = candidate, found
    return best


def by_position(fit, measure, candidates):
    measures = torch.tensor([measure(fit(candidate)) for candidate in candidates])
    return candidates[measures.argmin()]


def by_a_dictionary(fit, measure, candidates):
    measures = {candidate: measure(fit(candidate)) for candidate in candidates}
    return sorted(measures, key=measures.get)[0]


def highest(fit, measure, candidates):
    return max(candidates, key=lambda candidate: measure(fit(candidate)))


def weights_instead(fit, measure, candidates):
    return min((fit(candidate) for candidate in candidates), key=measure)


def measure_instead(fit, measure, candidates):
    return min(measure(fit(candidate)) for candidate in candidates)


def position_instead(fit, measure, candidates):
    measures = [measure(fit(candidate)) for candidate in candidates]
    return measures.index(min(measures))


def starts_at_a_million(fit, measure, candidates):
    best, lowest = candidates[0], 1e6
    for candidate in candidates:
        found = measure(fit(candidate))
        if found < lowest:
            best, lowest = candidate, found
    return best


def starts_at_one(fit, measure, candidates):
    best, lowest = None, 1.0
    for candidate in candidates:
        found = measure(fit(candidate))
        if found < lowest:
            best, lowest = candidate, found
    return best


def previous_only(fit, measure, candidates):
    best, previous = None, float("inf")
    for candidate in candidates:
        found = measure(fit(candidate))
        if found < previous:
            best = candidate
        previous = found
    return best


def lowest_is_never_updated(fit, measure, candidates):
    best, lowest = candidates[0], measure(fit(candidates[0]))
    for candidate in candidates[1:]:
        if measure(fit(candidate)) < lowest:
            best = candidate
    return best


def closest_to_zero(fit, measure, candidates):
    return min(candidates, key=lambda candidate: abs(measure(fit(candidate))))


def sorts_the_list(fit, measure, candidates):
    candidates.sort(key=lambda candidate: measure(fit(candidate)))
    return candidates[0]


def measures_the_candidate(fit, measure, candidates):
    return min(candidates, key=measure)


def fits_twice(fit, measure, candidates):
    lowest = min(measure(fit(candidate)) for candidate in candidates)
    for candidate in candidates:
        if measure(fit(candidate)) == lowest:
            return candidate


def stops_at_the_first(fit, measure, candidates):
    best, lowest = None, float("inf")
    for candidate in candidates:
        found = measure(fit(candidate))
        if found < lowest:
            best, lowest = candidate, found
        return best


def returns_nothing(fit, measure, candidates):
    min(candidates, key=lambda candidate: measure(fit(candidate)))


def both(fit, measure, candidates):
    return min((measure(fit(candidate)), candidate) for candidate in candidates)


def medians(x, y):
    first, second = torch.triu_indices(len(x), len(x), 1)
    slopes = (y[first] - y[second]) / (x[first] - x[second])
    w = slopes.median()
    return w, torch.median(y - w * x)


def descent(x, y, loss=F.l1_loss, steps=600, rate=0.2):
    line = torch.zeros(2, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.Adam([line], lr=rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        loss(line[0] * x + line[1], y).backward()
        optimizer.step()
    return line.detach()


def least_absolute(x, y):
    w, b = descent(x, y)
    return w.item(), b.item()


def huber(x, y):
    w, b = descent(x, y, lambda p, t: F.huber_loss(p, t, delta=0.2))
    return [w, b]


def reweighted(x, y):
    columns = torch.stack([x, torch.ones_like(x)], dim=1).double()
    weights = torch.ones(len(x), dtype=torch.float64)
    for _ in range(40):
        squares = columns.T @ (weights[:, None] * columns)
        line = torch.linalg.solve(squares, columns.T @ (weights * y.double()))
        weights = 1 / (y - columns @ line).abs().clamp(min=1e-4)
    return line[0], line[1]


def least_squares(x, y):
    columns = torch.stack([x, torch.ones_like(x)], dim=1)
    return torch.linalg.lstsq(columns, y[:, None]).solution.flatten().tolist()


def mean_of_the_slopes(x, y):
    first, second = torch.triu_indices(len(x), len(x), 1)
    w = ((y[first] - y[second]) / (x[first] - x[second])).mean()
    return w, (y - w * x).mean()


def mean_intercept(x, y):
    w, _ = medians(x, y)
    return w, (y - w * x).mean()


def through_the_origin(x, y):
    return (y / x).median(), 0.0


def intercept_first(x, y):
    return medians(x, y)[::-1]


def neighbours(x, y):
    w = (y.diff() / x.diff()).median()
    return w, (y - w * x).median()


def first_points(x, y):
    w = (y[1] - y[0]) / (x[1] - x[0])
    return w, y[0] - w * x[0]


def too_few_steps(x, y):
    return descent(x, y, steps=5)[0], descent(x, y, steps=5)[1]


def no_intercept(x, y):
    return medians(x, y)[0]


def a_cut_at_last(x, y):
    w, b = least_squares(x, y)
    errors = (y - w * x - b).abs()
    kept = errors < errors.quantile(0.95)
    return least_squares(x[kept], y[kept])


def sorts_in_place(x, y):
    y.copy_(y.clamp(min=y.quantile(0.2), max=y.quantile(0.8)))
    return least_squares(x, y)


def half_the_penalty(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength / 2 * (w**2).sum()


RIGHT = {
    "03.1": [as_written, with_mse_loss, by_loops, one_element],
    "03.2": [by_formula, averaged_samples, gradient_by_loops, a_helper_called_grad],
    "03.3": [by_eigvalsh, by_the_spectral_norm, by_power_iteration, complex_eigenvalues],
    "03.4": [by_min, by_a_loop, by_position, by_a_dictionary],
    "03.5": [medians, least_absolute, huber, reweighted],
}

WRONG = {
    "03.1": [
        (summed, "take their mean"),
        (with_the_norm, "without the root"),
        (mean_of_the_weights, "averaged over the weights"),
        (without_penalty, "The penalty is missing"),
        (absolute_weights, "absolute weights: square them"),
        (squared_sum, "square each, then add"),
        (half_the_penalty, "Half of the penalty"),
        (subtracted, "The penalty is subtracted"),
        (strength_on_both, "only the penalty has it"),
        (root, "the root of the mean squared error"),
        (strength_forgotten, "strength does not multiply it"),
        (absolute_errors, "square the errors"),
        (per_sample, "should be one number, and it is a float64 tensor of shape (12,)"),
        (wrong_order, "in `return ((w @ X - y) ** 2).mean()"),
        (detached_penalty, "no gradient reaches w through the penalty"),
        (penalty_as_a_number, "no gradient reaches w through the penalty"),
        (detached_errors, "no gradient reaches w through the errors"),
        (half_detached, "The gradient of penalised_risk(w, X, y, 0.5) for w"),
        (data_of_w, "no graph, so nothing can be learned"),
        (a_python_number, "should be a torch.Tensor, and it is the number"),
    ],
    "03.2": [
        (uphill, "uphill"),
        (no_mean, "divide by their number"),
        (no_factor, "half as long"),
        (no_rate, "The rate is missing"),
        (only_the_gradient, "the gradient alone"),
        (divided_by_weights, "divided by the number of weights"),
        (added_target, "the wrong sign for y"),
        (in_place, "The numbers in the argument w have changed"),
        (not_transposed, "in `return w - rate * 2 * X @ (X @ w - y) / len(y)`"),
        (by_backward, "autograd computed it"),
        (by_func_grad, "autograd computed it"),
        (through_float64, "has dtype float64, and float32 is asked for"),
        (a_column, "has shape (3, 1), and (3,) is asked for"),
        (a_list, "should be a torch.Tensor, and it is the list"),
    ],
    "03.3": [
        (flattest, "The steepest one diverges first"),
        (half_curvature, "twice too large"),
        (summed_curvature, "sum over samples"),
        (one_over, "half of the limit"),
        (the_curvature, "the limit is 2 divided by it"),
        (diagonal, "from the diagonal"),
        (trace, "The sum of all curvatures"),
        (singular_value, "are their squares"),
        (all_rates, "should be one number, and it is a float64 tensor ["),
        (covariance, "The mean of each column was subtracted first"),
        (a_constant, "is 0.1, and it should be"),
        (changes_its_input, "The numbers in the argument X have changed"),
    ],
    "03.4": [
        (highest, "highest measure"),
        (weights_instead, "returned the fitted weights"),
        (measure_instead, "returned the lowest measure"),
        (position_instead, "returned the position"),
        (starts_at_a_million, "returned the first candidate"),
        (starts_at_one, "float('inf') is above every measure"),
        (previous_only, "better than the one before it"),
        (lowest_is_never_updated, "better than the first"),
        (closest_to_zero, "closest to 0"),
        (sorts_the_list, "The entries of the argument candidates have changed"),
        (measures_the_candidate, "it takes the weights that fit returned"),
        (fits_twice, "fit once with each"),
        (stops_at_the_first, "returned the first candidate"),
        (returns_nothing, "Does it end with a return statement?"),
        (both, "and the measure is lowest for 2.5"),
    ],
    "03.5": [
        (least_squares, "which the wrong points pull away"),
        (mean_of_the_slopes, "The slope is off by more than 0.1"),
        (mean_intercept, "The intercept is off by more than 0.1"),
        (through_the_origin, "The slope is off by more than 0.1"),
        (intercept_first, "The intercept comes first"),
        (neighbours, "in another order"),
        (first_points, "is off by more than 0.1"),
        (too_few_steps, "is off by more than 0.1"),
        (no_intercept, "should be 2 numbers"),
        (a_cut_at_last, "is off by more than 0.1"),
        (sorts_in_place, "changed"),
    ],
}
