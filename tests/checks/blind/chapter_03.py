"""Chapter 03."""

import torch
from torch.nn import functional as F


def a1(w, X, y, strength):
    return ((X @ w - y) ** 2).mean() + strength * (w**2).sum()


def a2(w, X, y, s):
    return F.mse_loss(X.matmul(w), y) + s * w.square().sum()


def a3(weights, X, y, strength):
    r = y - X @ weights
    return (
        r.dot(r) / len(y) + strength * torch.dot(weights, weights)
        if r.ndim == 1
        else (r * r).mean() + strength * weights.pow(2).sum()
    )


def wa_l1(w, X, y, s):
    return ((X @ w - y) ** 2).mean() + s * w.abs().sum()


def wa_meanw(w, X, y, s):
    return ((X @ w - y) ** 2).mean() + s * (w**2).mean()


def wa_sum(w, X, y, s):
    return ((X @ w - y) ** 2).sum() + s * (w**2).sum()


def wa_norm(w, X, y, s):
    return ((X @ w - y) ** 2).mean() + s * w.norm()


def wa_half(w, X, y, s):
    return ((X @ w - y) ** 2).mean() + s / 2 * (w**2).sum()


def wa_det(w, X, y, s):
    return ((X @ w - y) ** 2).mean() + s * (w.detach() ** 2).sum()


def wa_item(w, X, y, s):
    return (((X @ w - y) ** 2).mean() + s * (w**2).sum()).item()


def wa_rmse(w, X, y, s):
    return ((X @ w - y) ** 2).mean().sqrt() + s * (w**2).sum()


def wa_nopen(w, X, y, s):
    return ((X @ w - y) ** 2).mean()


def b1(w, X, y, rate):
    return w - rate * 2 / len(y) * X.T @ (X @ w - y)


def b2(w, X, y, rate):
    n = X.shape[0]
    g = 2 * (X.T @ X @ w - X.T @ y) / n
    return torch.sub(w, rate * g)


def b3(w, X, y, rate):
    return (
        w - rate * 2 * (X * (X @ w - y)[:, None]).mean(0)
        if w.ndim == 1
        else w - rate * 2 * X.mT @ (X @ w - y) / X.size(0)
    )


def wb_no2(w, X, y, r):
    return w - r / len(y) * X.T @ (X @ w - y)


def wb_non(w, X, y, r):
    return w - r * 2 * X.T @ (X @ w - y)


def wb_up(w, X, y, r):
    return w + r * 2 / len(y) * X.T @ (X @ w - y)


def wb_inpl(w, X, y, r):
    w -= r * 2 / len(y) * X.T @ (X @ w - y)
    return w


def wb_grad(w, X, y, r):
    return 2 / len(y) * X.T @ (X @ w - y)


def wb_d(w, X, y, r):
    return w - r * 2 / X.shape[1] * X.T @ (X @ w - y)


def wb_auto(w, X, y, r):
    v = w.clone().requires_grad_()
    ((X @ v - y) ** 2).mean().backward()
    return (v - r * v.grad).detach()


def wb_sgn(w, X, y, r):
    return w - r * 2 / len(y) * X.T @ (y - X @ w)


def wb_norate(w, X, y, r):
    return w - 2 / len(y) * X.T @ (X @ w - y)


def c1(X):
    return 1 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def c2(X):
    return len(X) / torch.linalg.matrix_norm(X, 2).item() ** 2


def c3(X):
    return (2 / torch.linalg.eigvalsh(2 * X.T @ X / X.shape[0])[-1]).item()


def wc_2(X):
    return 2 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def wc_min(X):
    return 1 / torch.linalg.eigvalsh(X.T @ X / len(X)).min()


def wc_non(X):
    return 1 / torch.linalg.eigvalsh(X.T @ X).max()


def wc_tr(X):
    return len(X) / (X**2).sum()


def wc_sv(X):
    return 1 / torch.linalg.svdvals(X).max()


def wc_center(X):
    X = X - X.mean(0)
    return 1 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def wc_cov(X):
    return 1 / torch.linalg.eigvalsh(torch.cov(X.T)).max()


def wc_half(X):
    return 0.5 / torch.linalg.eigvalsh(X.T @ X / len(X)).max()


def d1(fit, measure, candidates):
    return min(candidates, key=lambda c: measure(fit(c)))


def d2(fit, measure, candidates):
    scores = [float(measure(fit(c))) for c in candidates]
    return candidates[scores.index(min(scores))]


def d3(fit, measure, candidates):
    best = None
    for c in candidates:
        m = measure(fit(c))
        if best is None or m < best[0]:
            best = (m, c)
    return best[1]


def wd_max(fit, measure, candidates):
    return max(candidates, key=lambda c: measure(fit(c)))


def wd_score(fit, measure, candidates):
    return min(measure(fit(c)) for c in candidates)


def wd_zero(fit, measure, candidates):
    best, low = (candidates[0], 1000.0)
    for c in candidates:
        m = measure(fit(c))
        if m < low:
            best, low = (c, m)
    return best


def wd_twice(fit, measure, candidates):
    best = candidates[0]
    for c in candidates:
        if measure(fit(c)) < measure(fit(best)):
            best = c
    return best


def wd_weights(fit, measure, candidates):
    return min((fit(c) for c in candidates), key=measure)


def wd_index(fit, measure, candidates):
    s = [measure(fit(c)) for c in candidates]
    return s.index(min(s))


def wd_abs(fit, measure, candidates):
    return min(candidates, key=lambda c: abs(measure(fit(c))))


def wd_first(fit, measure, candidates):
    return candidates[0]


def wd_sorted(fit, measure, candidates):
    return min(sorted(candidates)[1:], key=lambda c: measure(fit(c)))


def e1(x, y):
    ws = []
    for i in range(len(x)):
        dx = x - x[i]
        keep = dx != 0
        ws.append(((y - y[i])[keep] / dx[keep]).median())
    w = torch.stack(ws).median()
    return float(w), float((y - w * x).median())


def e2(x, y):
    w = torch.zeros((), dtype=x.dtype, requires_grad=True)
    b = torch.zeros((), dtype=x.dtype, requires_grad=True)
    opt = torch.optim.SGD([w, b], lr=0.1)
    for i in range(1000):
        if i == 500:
            opt.param_groups[0]["lr"] = 0.01
        opt.zero_grad()
        (w * x + b - y).abs().mean().backward()
        opt.step()
    return w, b


def e3(x, y):
    """Trims the worst points again and again."""
    X = torch.stack([x, torch.ones_like(x)], 1).double()
    y = y.double()
    line = torch.tensor(e1(x, y), dtype=torch.float64)
    for _ in range(10):
        r = (y - X @ line).abs()
        keep = r < 3 * 1.48 * r.median()
        line = torch.linalg.lstsq(X[keep], y[keep, None]).solution[:, 0]
    return line


def we_ls(x, y):
    w = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return w, y.mean() - w * x.mean()


def we_swapped(x, y):
    w, b = e1(x, y)
    return b, w


def we_mean_b(x, y):
    w, _ = e1(x, y)
    return w, (y - w * x).mean()


def we_slow(x, y):
    w = torch.zeros(2, dtype=x.dtype, requires_grad=True)
    for _ in range(100):
        (g,) = torch.autograd.grad((w[0] * x + w[1] - y).abs().mean(), w)
        w = (w - 0.001 * g).detach().requires_grad_()
    return w[0].item(), w[1].item()


def we_clip(x, y):
    return we_ls(x, y.clamp(-10, 10))


def we_w_only(x, y):
    return e1(x, y)[0]


def we_huber_wide(x, y):
    line = torch.zeros(2, dtype=x.dtype, requires_grad=True)
    opt = torch.optim.Adam([line], lr=0.05)
    for _ in range(500):
        opt.zero_grad()
        F.huber_loss(line[0] * x + line[1], y, delta=50.0).backward()
        opt.step()
    return line[0], line[1]


def we_inverse(x, y):
    w, b = e1(y, x)
    return w, b


RIGHT = {
    "03.1": [a1, a2, a3],
    "03.2": [b1, b2, b3],
    "03.3": [c1, c2, c3],
    "03.4": [d1, d2, d3],
    "03.5": [e1, e2, e3],
}
WRONG = {
    "03.1": [wa_l1, wa_meanw, wa_sum, wa_norm, wa_half, wa_det, wa_item, wa_rmse, wa_nopen],
    "03.2": [wb_no2, wb_non, wb_up, wb_inpl, wb_grad, wb_d, wb_auto, wb_sgn, wb_norate],
    "03.3": [wc_2, wc_min, wc_non, wc_tr, wc_sv, wc_center, wc_cov, wc_half],
    "03.4": [
        wd_max,
        wd_score,
        wd_zero,
        wd_twice,
        wd_weights,
        wd_index,
        wd_abs,
        wd_first,
        wd_sorted,
    ],
    "03.5": [we_ls, we_swapped, we_mean_b, we_slow, we_clip, we_w_only, we_huber_wide, we_inverse],
}
