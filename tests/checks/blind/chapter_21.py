"""Chapter 21."""

import math

import torch


def by_nextafter(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    b = torch.nextafter(a, torch.tensor(math.inf, dtype=dtype))
    return b.double().item() - a.double().item()


def by_bits(x, dtype):
    ints = {
        torch.float16: torch.int16,
        torch.bfloat16: torch.int16,
        torch.float32: torch.int32,
        torch.float64: torch.int64,
    }[dtype]
    a = torch.tensor([x], dtype=dtype)
    if a.item() == 0:
        a = torch.zeros(1, dtype=dtype)
    step = 1 if a.item() >= 0 else -1
    b = (a.view(ints) + step).view(dtype)
    return float(b.item()) - float(a.item())


def by_exponent(number, kind):
    info = torch.finfo(kind)
    value = torch.tensor(number, dtype=kind).item()
    lowest = info.tiny * info.eps
    if value == 0:
        return lowest
    m, e = math.frexp(abs(value))
    unit = info.eps * 2.0 ** (e - 1)
    if value < 0 and m == 0.5:
        unit /= 2
    return max(unit, lowest)


def in_place_tensor(x, dtype=torch.float32):
    pair = torch.full((2,), x, dtype=torch.float64).to(dtype)
    pair[1:] = torch.nextafter(pair[1:], torch.full_like(pair[1:], float("inf")))
    return pair.double().diff().item()


def only_eps(x, dtype):
    return torch.finfo(dtype).eps


def eps_times_x(x, dtype):
    return torch.finfo(dtype).eps * abs(x)


def not_rounded_first(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    return torch.nextafter(a, torch.tensor(math.inf, dtype=dtype)).item() - x


def away_from_zero(x, dtype):
    a = torch.tensor(x, dtype=dtype).abs()
    return (
        torch.nextafter(a, torch.tensor(math.inf, dtype=dtype)).double().item() - a.double().item()
    )


def next_smaller(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    return (
        a.double().item() - torch.nextafter(a, torch.tensor(-math.inf, dtype=dtype)).double().item()
    )


def zero_is_normal(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    if a == 0:
        return torch.finfo(dtype).tiny
    return by_nextafter(x, dtype)


def returns_tensor(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    return torch.nextafter(a, torch.tensor(math.inf, dtype=dtype)) - a


def always_float32(x, dtype):
    return by_nextafter(x, torch.float32)


def towards_zero(x, dtype):
    a = torch.tensor(x, dtype=dtype)
    return abs(torch.nextafter(a, torch.zeros((), dtype=dtype)).double().item() - a.double().item())


def negative_gap(x, dtype):
    return -by_nextafter(x, dtype)


def weighted_parts(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total += loss.item()
    return total


def index_loop(net, loss_function, inputs, targets, batch):
    for p in net.parameters():
        p.grad = None
    n, total = (inputs.shape[0], 0.0)
    for start in range(0, n, batch):
        part = slice(start, min(start + batch, n))
        loss = loss_function(net(inputs[part]), targets[part])
        share = (part.stop - part.start) / n
        loss.backward(torch.full_like(loss, share))
        total += share * float(loss.detach())
    return total


def grads_by_hand(model, criterion, x, y, size):
    model.zero_grad(set_to_none=True)
    params = [p for p in model.parameters() if p.requires_grad]
    sums, total = ([None] * len(params), 0.0)
    for rows in torch.arange(len(x)).split(size):
        loss = criterion(model(x[rows]), y[rows])
        for k, g in enumerate(torch.autograd.grad(loss, params, allow_unused=True)):
            if g is not None:
                g = g * (len(rows) / len(x))
                sums[k] = g if sums[k] is None else sums[k] + g
        total += loss.item() * len(rows)
    for p, g in zip(params, sums):
        p.grad = g
    return total / len(x)


def sum_then_divide(model, criterion, x, y, size):
    model.zero_grad()
    losses = []
    for k in range(math.ceil(len(x) / size)):
        a, b = (x[k * size : (k + 1) * size], y[k * size : (k + 1) * size])
        loss = criterion(model(a), b) * a.size(0)
        loss.backward()
        losses.append(loss.detach())
    for p in model.parameters():
        if p.grad is not None:
            p.grad.div_(len(x))
    return (torch.stack(losses).sum() / len(x)).item()


def no_weights(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b)
        loss.backward()
        total += loss.item() * len(a) / len(x)
    return total


def equal_weights(model, criterion, x, y, size):
    model.zero_grad()
    parts = list(zip(x.split(size), y.split(size)))
    total = 0.0
    for a, b in parts:
        loss = criterion(model(a), b) / len(parts)
        loss.backward()
        total += loss.item()
    return total


def old_gradients_stay(model, criterion, x, y, size):
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total += loss.item()
    return total


def cleared_each_time(model, criterion, x, y, size):
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        model.zero_grad()
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total += loss.item()
    return total


def drops_last(model, criterion, x, y, size):
    model.zero_grad()
    total, n = (0.0, len(x) // size * size)
    for k in range(0, n, size):
        loss = criterion(model(x[k : k + size]), y[k : k + size]) * size / n
        loss.backward()
        total += loss.item()
    return total


def whole_batch(model, criterion, x, y, size):
    model.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    return loss.item()


def loss_of_last_part(model, criterion, x, y, size):
    model.zero_grad()
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b)
        (loss * len(a) / len(x)).backward()
    return loss.item()


def loss_is_tensor(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total = total + loss.detach()
    return total


def weight_by_size(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size)):
        loss = criterion(model(a), b) * size / len(x)
        loss.backward()
        total += loss.item()
    return total


def number_of_parts(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.chunk(size), y.chunk(size)):
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total += loss.item()
    return total


def whole_loss_for_return(model, criterion, x, y, size):
    weighted_parts(model, criterion, x, y, size)
    with torch.no_grad():
        return criterion(model(x), y).item()


def params_of(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def plain_loop(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    finite = True
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None:
                p.grad /= scale
                if not p.grad.isfinite().all():
                    finite = False
    if finite:
        optimizer.step()
        return scale
    return scale / 2


def with_all(opt, value, factor):
    opt.zero_grad(set_to_none=True)
    value.mul(factor).backward()
    grads = [p.grad for p in params_of(opt) if p.grad is not None]
    for g in grads:
        g.div_(factor)
    if all(bool(torch.isfinite(g).all()) for g in grads):
        opt.step()
    else:
        factor = factor * 0.5
    return factor


def backward_with_gradient(optimizer, loss, scale):
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad = None
    loss.backward(torch.full_like(loss, scale))
    bad = 0
    for p in params_of(optimizer):
        if p.grad is None:
            continue
        p.grad = p.grad / scale
        bad += int((torch.isnan(p.grad) | torch.isinf(p.grad)).sum())
    if bad:
        return scale / 2
    optimizer.step()
    return scale


def with_grad_scaler(optimizer, loss, scale):
    scaler = torch.amp.GradScaler("cpu", init_scale=float(scale), growth_interval=10**9)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return scaler.get_scale()


def forgets_unscale(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    if all(p.grad.isfinite().all() for p in params_of(optimizer) if p.grad is not None):
        optimizer.step()
        return scale
    return scale / 2


def steps_anyway(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    good = True
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
            good = good and bool(p.grad.isfinite().all())
    optimizer.step()
    return scale if good else scale / 2


def only_nan(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
    if any(p.grad.isnan().any() for p in params_of(optimizer) if p.grad is not None):
        return scale / 2
    optimizer.step()
    return scale


def only_inf(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
    if any(p.grad.isinf().any() for p in params_of(optimizer) if p.grad is not None):
        return scale / 2
    optimizer.step()
    return scale


def looks_at_loss(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
    if not loss.isfinite():
        return scale / 2
    optimizer.step()
    return scale


def first_group_only(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    grads = [p.grad for p in optimizer.param_groups[0]["params"] if p.grad is not None]
    for g in grads:
        g /= scale
    if not all(g.isfinite().all() for g in grads):
        return scale / 2
    optimizer.step()
    return scale


def clears_at_end(optimizer, loss, scale):
    (loss * scale).backward()
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
    good = all(p.grad.isfinite().all() for p in params_of(optimizer) if p.grad is not None)
    if good:
        optimizer.step()
    optimizer.zero_grad()
    return scale if good else scale / 2


def none_crashes(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    for p in params_of(optimizer):
        p.grad.div_(scale)
    if not all(p.grad.isfinite().all() for p in params_of(optimizer)):
        return scale / 2
    optimizer.step()
    return scale


def all_must_be_bad(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    grads = [p.grad for p in params_of(optimizer) if p.grad is not None]
    for g in grads:
        g /= scale
    if any((~g.isfinite()).all() for g in grads):
        return scale / 2
    optimizer.step()
    return scale


def doubles_scale(optimizer, loss, scale):
    return scale * 2 if plain_loop(optimizer, loss, scale) == scale else scale / 2


def never_halves(optimizer, loss, scale):
    plain_loop(optimizer, loss, scale)
    return scale


def no_scaling(optimizer, loss, scale):
    optimizer.zero_grad()
    loss.backward()
    for p in params_of(optimizer):
        if p.grad is not None:
            p.grad /= scale
    if not all(p.grad.isfinite().all() for p in params_of(optimizer) if p.grad is not None):
        return scale / 2
    optimizer.step()
    return scale


def lot_carry(x):
    """adds random low bits"""
    i = x.clone().view(torch.int32)
    i = i + torch.randint(65536, i.shape, dtype=torch.int32)
    return (i - i % 65536).view(torch.float32).bfloat16()


def lot_floor_ceil(x):
    y = x.bfloat16()
    inf = torch.tensor(float("inf"), dtype=torch.bfloat16)
    down = torch.where(y.float() > x, torch.nextafter(y, -inf), y)
    up = torch.where(y.float() < x, torch.nextafter(y, inf), y)
    d, u = down.double(), up.double()
    p = torch.where(u > d, (x.double() - d) / (u - d).clamp_min(1e-300), torch.zeros_like(d))
    return torch.where(torch.bernoulli(p).bool(), up, down)


def lot_numpy(x):
    """with NumPy"""
    import numpy as np

    bits = x.numpy().copy().view(np.uint32).astype(np.uint64)
    bits = (bits + np.random.randint(0, 1 << 16, bits.shape).astype(np.uint64)) >> 16 << 16
    found = bits.reshape(-1).astype(np.uint32).view(np.float32).reshape(x.shape)
    return torch.from_numpy(np.asarray(found)).to(torch.bfloat16)


def lot_rounds(x):
    return x.bfloat16()


def lot_half(x):
    y = x.bfloat16()
    inf = torch.tensor(float("inf"), dtype=torch.bfloat16)
    down = torch.where(y.float() > x, torch.nextafter(y, -inf), y)
    up = torch.where(y.float() < x, torch.nextafter(y, inf), y)
    return torch.where(torch.rand(x.shape) < 0.5, up, down)


def lot_single_draw(x):
    i = x.clone().view(torch.int32) + int(torch.randint(65536, (1,)))
    return (i - i % 65536).view(torch.float32).bfloat16()


def lot_gauss(x):
    return (x * (1 + 0.004 * torch.randn(x.shape))).bfloat16()


def lot_always_up(x):
    y = x.bfloat16()
    inf = torch.tensor(float("inf"), dtype=torch.bfloat16)
    return torch.where(y.float() < x, torch.nextafter(y, inf), y)


def lot_float(x):
    return lot_carry(x).float()


def lot_biased(x):
    i = x.clone().view(torch.int32) + torch.randint(50000, x.shape, dtype=torch.int32)
    return (i - i % 65536).view(torch.float32).bfloat16()


def lot_no_zero(x):
    return (lot_carry(x.abs()) * x.sign()).bfloat16() + 1e-3


RIGHT = {
    "21.4": [lot_carry, lot_floor_ceil, lot_numpy],
    "21.1": [by_nextafter, by_bits, by_exponent, in_place_tensor],
    "21.2": [weighted_parts, index_loop, grads_by_hand, sum_then_divide],
    "21.3": [plain_loop, with_all, backward_with_gradient, with_grad_scaler],
}
WRONG = {
    "21.4": [
        lot_rounds,
        lot_half,
        lot_single_draw,
        lot_gauss,
        lot_always_up,
        lot_float,
        lot_biased,
        lot_no_zero,
    ],
    "21.1": [
        only_eps,
        eps_times_x,
        not_rounded_first,
        away_from_zero,
        next_smaller,
        zero_is_normal,
        returns_tensor,
        always_float32,
        towards_zero,
        negative_gap,
    ],
    "21.2": [
        no_weights,
        equal_weights,
        old_gradients_stay,
        cleared_each_time,
        drops_last,
        whole_batch,
        loss_of_last_part,
        loss_is_tensor,
        weight_by_size,
        number_of_parts,
        whole_loss_for_return,
    ],
    "21.3": [
        forgets_unscale,
        steps_anyway,
        only_nan,
        only_inf,
        looks_at_loss,
        first_group_only,
        clears_at_end,
        none_crashes,
        all_must_be_bad,
        doubles_scale,
        never_halves,
        no_scaling,
    ],
}
