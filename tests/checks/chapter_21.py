"""Right and wrong answers to the exercises of chapter 21, and the hint that each must get."""

import math

import numpy as np
import torch


def by_nextafter(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    above = torch.nextafter(here, torch.tensor(float("inf"), dtype=dtype))
    return above.item() - here.item()


def by_bits(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[here.element_size()]
    bits = here.view(whole)
    if x > 0 or here.item() == 0:
        above = (here.abs().view(whole) + 1).view(dtype)
    else:
        above = (bits - 1).view(dtype)
    return float(above.double() - here.double())


def by_logarithm(x, dtype):
    found = torch.finfo(dtype)
    here = torch.tensor(x, dtype=dtype).item()
    if abs(here) < found.tiny:
        return found.tiny * found.eps
    exponent = math.floor(math.log2(abs(here)))
    if here < 0 and abs(here) == 2.0**exponent and abs(here) > found.tiny:
        exponent -= 1
    return found.eps * 2.0**exponent


def always_eps(x, dtype):
    return torch.finfo(dtype).eps


def eps_times_x(x, dtype):
    return torch.finfo(dtype).eps * abs(x)


def below(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return torch.nextafter(here, torch.full((), -math.inf, dtype=dtype)).item() - here.item()


def towards_zero(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return abs(torch.nextafter(here, torch.zeros((), dtype=dtype)).item() - here.item())


def away_from_zero(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    to = torch.tensor(math.copysign(math.inf, x), dtype=dtype)
    return abs(torch.nextafter(here, to).item() - here.item())


def a_tensor(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return torch.nextafter(here, torch.full((), float("inf"), dtype=dtype)) - here


def the_next_number(x, dtype):
    here = torch.tensor(x, dtype=dtype)
    return torch.nextafter(here, torch.full((), float("inf"), dtype=dtype)).item()


def from_x(x, dtype):
    return the_next_number(x, dtype) - x


def not_rounded(x, dtype):
    return torch.finfo(dtype).eps * 2.0 ** math.floor(math.log2(abs(x)))


def python_numbers(x, dtype):
    return math.ulp(x)


def in_float32(x, dtype):
    return float(np.spacing(np.float32(x)))


def rounding_error(x, dtype):
    return abs(torch.tensor(x, dtype=dtype).item() - x)


def half_a_gap(x, dtype):
    return by_nextafter(x, dtype) / 2


def numpy_spacing(x, dtype):
    return np.spacing(np.float32(x))


def no_subnormals(x, dtype):
    here = torch.tensor(x, dtype=dtype).item()
    return torch.finfo(dtype).tiny if here == 0 else by_nextafter(x, dtype)


def weighed(model, criterion, x, y, size):
    model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size), strict=True):
        loss = criterion(model(a), b) * len(a) / len(x)
        loss.backward()
        total += loss.item()
    return total


def by_slices(model, criterion, x, y, size):
    for parameter in model.parameters():
        parameter.grad = None
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, x.shape[0], size):
        inputs, targets = x[start : start + size], y[start : start + size]
        loss = criterion(model(inputs), targets)
        share = inputs.shape[0] / x.shape[0]
        loss.backward(torch.full_like(loss, share))
        total += share * loss.detach()
    return float(total)


def with_autograd_grad(model, criterion, x, y, size):
    """Remembers the losses, whose graphs hold nothing any more."""
    trained = [p for p in model.parameters() if p.requires_grad]
    losses, sums = [], [torch.zeros_like(p) for p in trained]
    for a, b in zip(x.split(size), y.split(size), strict=True):
        losses.append(criterion(model(a), b) * (len(a) / len(x)))
        for total, gradient in zip(sums, torch.autograd.grad(losses[-1], trained), strict=True):
            total += gradient
    for p, total in zip(trained, sums, strict=True):
        p.grad = total
    return float(sum(losses).detach())


def by_torch_func(model, criterion, x, y, size):
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad()

    def loss(parameters, a, b):
        return criterion(torch.func.functional_call(model, parameters, (a,)), b) * len(a) / len(x)

    total = 0.0
    for a, b in zip(x.split(size), y.split(size), strict=True):
        values = {name: p.detach() for name, p in trained.items()}
        gradients, part = torch.func.grad_and_value(loss)(values, a, b)
        total += part.item()
        for name, p in trained.items():
            p.grad = gradients[name] if p.grad is None else p.grad + gradients[name]
    return total


def divided_at_the_end(model, criterion, x, y, size):
    model.zero_grad(set_to_none=False)
    losses = []
    for a, b in zip(torch.split(x, size), torch.split(y, size), strict=True):
        loss = criterion(model(a), b) * len(a)
        loss.backward()
        losses.append(loss.item())
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= len(x)
    return sum(losses) / len(x)


def parts(model, criterion, x, y, size, weight, clear=True, drop=False, again=False, say=None):
    if clear:
        model.zero_grad()
    total = 0.0
    for a, b in zip(x.split(size), y.split(size), strict=True):
        if again:
            model.zero_grad()
        if drop and len(a) < size:
            continue
        loss = criterion(model(a), b)
        (loss * weight(len(a))).backward()
        total = say(total, loss.item(), len(a)) if say else total + loss.item() * len(a) / len(x)
    return total


def unweighed(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: 1)


def equal_weights(model, criterion, x, y, size):
    count = len(x.split(size))
    return parts(model, criterion, x, y, size, lambda n: 1 / count)


def last_as_large(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: size / len(x))


def sum_over_samples(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n)


def not_cleared(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x), clear=False)


def cleared_each_time(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x), again=True)


def last_dropped(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x), drop=True)


def the_whole_batch(model, criterion, x, y, size):
    return parts(model, criterion, x, y, len(x), lambda n: 1)


def one_backward_at_the_end(model, criterion, x, y, size):
    model.zero_grad()
    pairs = zip(x.split(size), y.split(size), strict=True)
    loss = sum(criterion(model(a), b) * len(a) / len(x) for a, b in pairs)
    loss.backward()
    return loss.item()


def keeps_the_graphs(model, criterion, x, y, size):
    model.zero_grad()
    losses = []
    for a, b in zip(x.split(size), y.split(size), strict=True):
        losses.append(criterion(model(a), b) * len(a) / len(x))
        losses[-1].backward(retain_graph=True)
    return sum(losses).item()


def makes_a_step(model, criterion, x, y, size):
    loss = weighed(model, criterion, x, y, size)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    return loss


def sum_of_losses(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x),
                 say=lambda total, loss, n: total + loss)  # fmt: skip


def mean_of_losses(model, criterion, x, y, size):
    return sum_of_losses(model, criterion, x, y, size) / len(x.split(size))


def last_loss(model, criterion, x, y, size):
    return parts(model, criterion, x, y, size, lambda n: n / len(x),
                 say=lambda total, loss, n: loss)  # fmt: skip


def a_loss_tensor(model, criterion, x, y, size):
    return torch.tensor(weighed(model, criterion, x, y, size))


def without_backward(model, criterion, x, y, size):
    model.zero_grad()
    with torch.no_grad():
        return criterion(model(x), y).item()


def left_in_eval(model, criterion, x, y, size):
    return weighed(model.eval(), criterion, x, y, size)


def left_in_train(model, criterion, x, y, size):
    return weighed(model.train(), criterion, x, y, size)


def cleared_by_hand(model, criterion, x, y, size):
    for parameter in model.parameters():
        parameter.grad.zero_()
    return parts(model, criterion, x, y, size, lambda n: n / len(x), clear=False)


def loss_by_the_whole_batch(model, criterion, x, y, size):
    weighed(model, criterion, x, y, size)
    with torch.no_grad():
        return criterion(model(x), y).item()


def parameters_of(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def as_the_chapter(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    for parameter in parameters_of(optimizer):
        parameter.grad.div_(scale)
    if not all(p.grad.isfinite().all() for p in parameters_of(optimizer)):
        return scale / 2
    optimizer.step()
    return scale


def by_a_flag(optimizer, loss, scale):
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None
    loss.mul(scale).backward()
    bad = False
    for parameter in parameters_of(optimizer):
        parameter.grad = parameter.grad / scale
        bad = bad or bool((parameter.grad.isinf() | parameter.grad.isnan()).any())
    if bad:
        scale = 0.5 * scale
    else:
        optimizer.step()
    return torch.tensor(scale)


def by_the_norm(optimizer, loss, scale):
    optimizer.zero_grad(set_to_none=False)
    loss *= scale
    loss.backward()
    grads = [p.grad for p in parameters_of(optimizer)]
    torch._foreach_div_(grads, scale)
    largest = torch.stack([grad.abs().max() for grad in grads]).max()
    if not math.isfinite(largest):
        optimizer.zero_grad()
        return scale / 2
    optimizer.step()
    return scale


def step(optimizer, loss, scale, divide=True, look=True, clear=True, careful=True, factor=None):
    if clear:
        optimizer.zero_grad()
    (loss * (scale if factor is None else factor)).backward()
    grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
    if careful:
        grads = [g for g in grads if g is not None]
    if divide:
        for grad in grads:
            grad.div_(scale)
    look = (lambda grads: not all(g.isfinite().all() for g in grads)) if look is True else look
    if look and look(grads):
        return scale / 2
    optimizer.step()
    return scale


def not_divided(optimizer, loss, scale):
    return step(optimizer, loss, scale, divide=False)


def not_scaled(optimizer, loss, scale):
    return step(optimizer, loss, scale, factor=1)


def neither(optimizer, loss, scale):
    return step(optimizer, loss, scale, divide=False, factor=1)


def never_skips(optimizer, loss, scale):
    return step(optimizer, loss, scale, look=False)


def keeps_old(optimizer, loss, scale):
    return step(optimizer, loss, scale, clear=False)


def stumbles(optimizer, loss, scale):
    return step(optimizer, loss, scale, careful=False)


def looks_at_the_first(optimizer, loss, scale):
    return step(optimizer, loss, scale, look=lambda grads: not grads[0].isfinite().all())


def positive_infinity(optimizer, loss, scale):
    return step(
        optimizer,
        loss,
        scale,
        look=lambda grads: any((g == math.inf).any() or g.isnan().any() for g in grads),
    )


def only_nan(optimizer, loss, scale):
    return step(optimizer, loss, scale, look=lambda grads: any(g.isnan().any() for g in grads))


def all_elements_bad(optimizer, loss, scale):
    return step(
        optimizer, loss, scale, look=lambda grads: any((~g.isfinite()).all() for g in grads)
    )


def looks_at_the_loss(optimizer, loss, scale):
    return step(optimizer, loss, scale, look=lambda grads: not loss.isfinite())


def first_group(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    grads = [p.grad for p in optimizer.param_groups[0]["params"] if p.grad is not None]
    for grad in grads:
        grad.div_(scale)
    if not all(g.isfinite().all() for g in grads):
        return scale / 2
    optimizer.step()
    return scale


def doubles(optimizer, loss, scale):
    found = as_the_chapter(optimizer, loss, scale)
    return 2 * scale if found == scale else found


def keeps_the_scale(optimizer, loss, scale):
    as_the_chapter(optimizer, loss, scale)
    return scale


def whole_halves(optimizer, loss, scale):
    found = as_the_chapter(optimizer, loss, scale)
    return scale // 2 if found != scale else scale


def zeroes_the_bad(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    bad = False
    for parameter in parameters_of(optimizer):
        parameter.grad.div_(scale)
        bad = bad or not parameter.grad.isfinite().all()
        parameter.grad.nan_to_num_(0, 0, 0)
    optimizer.step()
    return scale / 2 if bad else scale


def no_step(optimizer, loss, scale):
    optimizer.zero_grad()
    (loss * scale).backward()
    good = all(p.grad.isfinite().all() for p in parameters_of(optimizer))
    return scale if good else scale / 2


def returns_nothing(optimizer, loss, scale):
    as_the_chapter(optimizer, loss, scale)


def a_random_carry(x):
    bits = x.contiguous().view(torch.int32)
    lot = torch.randint(0, 2**16, x.shape, dtype=torch.int32)
    return ((bits + lot) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def toward_zero(x):
    """The neighbour that is nearer to zero."""
    return (x.contiguous().view(torch.int32) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def farther_from_zero(x):
    near = toward_zero(x)
    end = torch.where(x < 0, -torch.inf, torch.inf).to(torch.bfloat16)
    return torch.where(near.float() == x, near, torch.nextafter(near, end))


def by_neighbours(x):
    small, large = toward_zero(x), farther_from_zero(x)
    gap = (large.float() - small.float()).abs()
    share = (x - small.float()).abs() / torch.where(gap == 0, 1, gap)
    return torch.where(torch.rand(x.shape) < share, large, small)


def one_by_one(x):
    flat, drawn = x.flatten(), []
    small, large = toward_zero(flat).double(), farther_from_zero(flat).double()
    uniform = torch.rand(len(flat)).double()
    share = (flat.double() - small) / (large - small)
    for low, high, p, u in zip(small, large, share.nan_to_num(0), uniform, strict=True):
        drawn.append(high if u < p else low)
    return torch.stack(drawn).to(torch.bfloat16).view(x.shape)


def nearest(x):
    return x.to(torch.bfloat16)


def cuts_off(x):
    return toward_zero(x)


def tosses_a_coin(x):
    return torch.where(torch.rand(x.shape) < 0.5, farther_from_zero(x), toward_zero(x))


def exchanged(x):
    small, large = toward_zero(x), farther_from_zero(x)
    gap = (large.float() - small.float()).abs()
    share = (x - small.float()).abs() / torch.where(gap == 0, 1, gap)
    return torch.where(torch.rand(x.shape) < share, small, large)


def too_many_bits(x):
    lot = torch.randint(0, 2**18, x.shape, dtype=torch.int32)
    bits = x.contiguous().view(torch.int32)
    return ((bits + lot) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def too_few_bits(x):
    lot = torch.randint(0, 2**15, x.shape, dtype=torch.int32)
    bits = x.contiguous().view(torch.int32)
    return ((bits + lot) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def stays_float32(x):
    return a_random_carry(x).float()


def in_float16(x):
    return x.to(torch.float16)


def same_lot_each_time(x):
    lot = torch.randint(
        0, 2**16, x.shape, dtype=torch.int32, generator=torch.Generator().manual_seed(0)
    )
    bits = x.contiguous().view(torch.int32)
    return ((bits + lot) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def one_lot_for_all(x):
    lot = torch.randint(0, 2**16, (), dtype=torch.int32)
    bits = x.contiguous().view(torch.int32)
    return ((bits + lot) & -(2**16)).view(torch.float32).to(torch.bfloat16)


def noise_of_the_wrong_size(x):
    return (x + 0.01 * torch.randn(x.shape)).to(torch.bfloat16)


def flattens(x):
    return a_random_carry(x).flatten()


def in_place(x):
    x += 0.002 * torch.randn(x.shape)
    return x.to(torch.bfloat16)


RIGHT = {
    "21.4": [a_random_carry, by_neighbours, one_by_one],
    "21.1": [by_nextafter, by_bits, by_logarithm],
    "21.2": [weighed, by_slices, divided_at_the_end, with_autograd_grad, by_torch_func],
    "21.3": [as_the_chapter, by_a_flag, by_the_norm],
}

WRONG = {
    "21.4": [
        (nearest, "both neighbours should come out"),
        (cuts_off, "both neighbours should come out"),
        (tosses_a_coin, "about one half"),
        (exchanged, "the farther neighbour is the more likely one"),
        (too_many_bits, "its neighbours in bfloat16 are"),
        (too_few_bits, "so that the mean is"),
        (stays_float32, "has dtype float32, and bfloat16 is asked for"),
        (in_float16, "has dtype float16, and bfloat16 is asked for"),
        (same_lot_each_time, "draw anew each time"),
        (one_lot_for_all, "both neighbours should come out"),
        (noise_of_the_wrong_size, "its neighbours in bfloat16 are"),
        (flattens, "has shape (60,), and (3, 4, 5) is asked for"),
        (in_place, "The numbers in the argument x have changed"),
    ],
    "21.1": [
        (always_eps, "It grows with the number"),
        (
            eps_times_x,
            "gap(5.0, torch.bfloat16) is eps times the number",
        ),
        (below, "the step to the next smaller number"),
        (towards_zero, "the distance to the next smaller number"),
        (away_from_zero, "gap(-1.0, torch.bfloat16) is the distance to the next smaller number"),
        (a_tensor, "should be a Python float"),
        (the_next_number, "is the next larger number itself"),
        (from_x, "round x to the format first"),
        (not_rounded, "gap(0.9999, torch.bfloat16) belongs to x as it is"),
        (python_numbers, "Python's own numbers"),
        (in_float32, "is that of a number in float32"),
        (rounding_error, "is 0, and it should be 0.03125"),
        (half_a_gap, "is half of the gap"),
        (numpy_spacing, "should be a Python float, and it is the NumPy number"),
        (no_subnormals, "Below it there are subnormal ones"),
    ],
    "21.2": [
        (one_backward_at_the_end, "was still there when the next part began"),
        (keeps_the_graphs, "was still there when the next part began"),
        (unweighed, "were added as they are, 2 means"),
        (equal_weights, "weighs as much as the others"),
        (last_as_large, "weighed as if it had 4 samples"),
        (sum_over_samples, "It is a sum over the samples"),
        (not_cleared, "clear the gradients first"),
        (cleared_each_time, "that of the last part alone"),
        (last_dropped, "The last, smaller part was left out"),
        (the_whole_batch, "the model was given 10 samples at once"),
        (makes_a_step, "The numbers in first.weight of the argument model have changed"),
        (sum_of_losses, "the sum of the parts' losses"),
        (mean_of_losses, "the plain mean of the parts' losses"),
        (last_loss, "that of the last part alone"),
        (a_loss_tensor, "should be a Python float, and it is a tensor"),
        (without_backward, "call backward() for each part"),
        (left_in_eval, "is in another mode than before"),
        (left_in_train, "is in another mode than before"),
        (cleared_by_hand, "in `parameter.grad.zero_()`"),
        (loss_by_the_whole_batch, "the model was given 10 samples at once"),
    ],
    "21.3": [
        (not_divided, "divide the gradients by the scale"),
        (not_scaled, "the loss was not multiplied by the scale"),
        (neither, "it should begin with the scale, 1024.0"),
        (never_skips, "and the step was made: skip it"),
        (keeps_old, "An old gradient went into the step"),
        (stumbles, "whose grad is None"),
        (looks_at_the_first, "and the step was made: skip it"),
        (positive_infinity, "One element of a gradient was -inf"),
        (only_nan, "One element of a gradient was inf"),
        (all_elements_bad, "One element of a gradient was inf"),
        (looks_at_the_loss, "The loss was finite and its gradient infinite"),
        (first_group, "Only the first group"),
        (doubles, "the scale stays the same"),
        (keeps_the_scale, "half of the scale is asked for"),
        (whole_halves, "it returned 1.0: half of the scale is asked for, 1.5"),
        (zeroes_the_bad, "and the step was made: skip it"),
        (no_step, "call optimizer.step()"),
        (returns_nothing, "Does it end with a return statement?"),
    ],
}
