"""Chapter 32."""

import copy
import io
import math
import sys
import zipfile

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps
from torch import nn
from torch.nn import functional as F


# 32.1
def by_data_ptr(tensors):
    storages = {}
    for t in tensors.values():
        s = t.untyped_storage()
        storages[s.data_ptr()] = s.nbytes()
    return sum(t.nbytes for t in tensors.values()), sum(storages.values())


def by_saving(tensors):
    file = io.BytesIO()
    torch.save(dict(tensors), file)
    with zipfile.ZipFile(file) as z:
        stored = sum(i.file_size for i in z.infolist() if i.filename.split("/")[-2] == "data")
    return sum(math.prod(t.shape) * t.dtype.itemsize for t in tensors.values()), stored


def by_cdata(tensors):
    needed = stored = 0
    seen = set()
    for t in tensors.values():
        needed += t.numel() * t.itemsize
        storage = t.untyped_storage()
        if storage._cdata not in seen:
            seen.add(storage._cdata)
            stored += len(storage)
    return needed, stored


def by_pairs(tensors):
    views = [t.detach().untyped_storage() for t in tensors.values()]
    unique = {(s.data_ptr(), s.nbytes(), s.device) for s in views}
    return (
        sum(t.element_size() * t.nelement() for t in tensors.values()),
        sum(size for _, size, _ in unique),
    )


def by_list_of_pointers(tensors):
    known, second = [], 0
    for t in tensors.values():
        p = t.untyped_storage().data_ptr()
        if p in known:
            continue
        known.append(p)
        second += t.untyped_storage().size()
    first = 0
    for t in tensors.values():
        first += t.contiguous().numel() * t.contiguous().element_size()
    return first, second


def _needed(tensors):
    return sum(t.nbytes for t in tensors.values())


def _stored(tensors):
    return sum(
        {
            t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors.values()
        }.values()
    )


def always_four_bytes(tensors):
    return sum(4 * t.numel() for t in tensors.values()), _stored(tensors)


def both_the_numbers(tensors):
    return _needed(tensors), _needed(tensors)


def both_the_storages(tensors):
    return _stored(tensors), _stored(tensors)


def storages_once_each_tensor(tensors):
    return _needed(tensors), sum(t.untyped_storage().nbytes() for t in tensors.values())


def by_the_tensors_pointer(tensors):
    d = {t.data_ptr(): t.untyped_storage().nbytes() for t in tensors.values()}
    return _needed(tensors), sum(d.values())


def by_the_tensors_id(tensors):
    d = {id(t): t.untyped_storage().nbytes() for t in tensors.values()}
    return _needed(tensors), sum(d.values())


def by_the_size(tensors):
    return _needed(tensors), sum({t.untyped_storage().nbytes() for t in tensors.values()})


def swapped(tensors):
    return _stored(tensors), _needed(tensors)


def elements(tensors):
    d = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() // t.element_size()
        for t in tensors.values()
    }
    return sum(t.numel() for t in tensors.values()), sum(d.values())


def storage_in_elements(tensors):
    d = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() // t.element_size()
        for t in tensors.values()
    }
    return _needed(tensors), sum(d.values())


def storage_times_element(tensors):
    d = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() * t.element_size()
        for t in tensors.values()
    }
    return _needed(tensors), sum(d.values())


def size_of_the_file(tensors):
    f = io.BytesIO()
    torch.save(tensors, f)
    return _needed(tensors), f.tell()


def of_clones(tensors):
    tensors = {k: t.clone() for k, t in tensors.items()}
    return _needed(tensors), _stored(tensors)


def getsizeof(tensors):
    return sum(sys.getsizeof(t) for t in tensors.values()), _stored(tensors)


def bits(tensors):
    return 8 * _needed(tensors), 8 * _stored(tensors)


def parameters_only(tensors):
    tensors = {k: t for k, t in tensors.items() if isinstance(t, nn.Parameter)}
    return _needed(tensors), _stored(tensors)


def floats_only(tensors):
    tensors = {k: t for k, t in tensors.items() if t.is_floating_point()}
    return _needed(tensors), _stored(tensors)


def last_of_each_view(tensors):
    d = {}
    for t in tensors.values():
        d[t.untyped_storage().data_ptr()] = t.nbytes
    return _needed(tensors), sum(d.values())


def largest_of_each_view(tensors):
    d = {}
    for t in tensors.values():
        p = t.untyped_storage().data_ptr()
        d[p] = max(d.get(p, 0), t.nbytes)
    return _needed(tensors), sum(d.values())


def reached_by_strides(tensors):
    d = {}
    for t in tensors.values():
        reach = sum((n - 1) * s for n, s in zip(t.shape, t.stride())) + 1 if t.numel() else 0
        p = t.untyped_storage().data_ptr()
        d[p] = max(d.get(p, 0), (t.storage_offset() + reach) * t.element_size())
    return _needed(tensors), sum(d.values())


def one_sum(tensors):
    return _needed(tensors) + _stored(tensors)


def first_tensor_only(tensors):
    t = next(iter(tensors.values()))
    return t.nbytes, t.untyped_storage().nbytes()


def numbers_of_shared_once(tensors):
    d = {t.untyped_storage().data_ptr(): t.nbytes for t in tensors.values()}
    return sum(d.values()), _stored(tensors)


# 32.2
def by_reshape(weight, size, bits):
    top = 2 ** (bits - 1) - 1
    out, width = weight.shape
    groups = weight.detach().reshape(out, width // size, size)
    largest = groups.abs().max(-1, keepdim=True).values
    scale = torch.where(largest == 0, torch.ones_like(largest), largest / top)
    q = torch.round(groups / scale).to(torch.int8)
    return q.reshape(out, width), scale[..., 0]


def by_loops(weight, size, bits):
    top = (1 << (bits - 1)) - 1
    out, width = weight.shape
    q = torch.zeros(out, width, dtype=torch.int8)
    s = torch.ones(out, width // size, dtype=weight.dtype)
    with torch.no_grad():
        for i in range(out):
            for j in range(width // size):
                part = weight[i, j * size : (j + 1) * size]
                m = part.abs().max()
                if m > 0:
                    s[i, j] = m / top
                q[i, j * size : (j + 1) * size] = torch.round(part / s[i, j]).to(torch.int8)
    return q, s


def by_repeat(weight, size, bits):
    w = weight.detach()
    s = torch.stack([c.abs().amax(1) for c in w.split(size, dim=1)], dim=1) / (2 ** (bits - 1) - 1)
    s = s.masked_fill(s == 0, 1.0)
    return w.div(s.repeat_interleave(size, dim=1)).round().char(), s


def by_unfold(weight, size, bits):
    w = weight.detach().clone()
    s = w.unfold(1, size, size).norm(p=math.inf, dim=-1)
    s /= 2 ** (bits - 1) - 1
    s += (s == 0).to(s.dtype)
    q = (w / torch.kron(s, torch.ones(1, size, dtype=s.dtype))).round()
    return q.to(torch.int8), s


def by_numpy(weight, size, bits):
    w = weight.detach().cpu().numpy()
    g = w.reshape(len(w), -1, size)
    s = np.abs(g).max(axis=2) / w.dtype.type(2 ** (bits - 1) - 1)
    s[s == 0] = 1
    q = np.rint(g / s[:, :, None]).astype(np.int8).reshape(w.shape)
    return torch.from_numpy(q), torch.from_numpy(s)


def half_up(weight, size, bits):
    top = 2 ** (bits - 1) - 1
    g = weight.detach().unflatten(1, (-1, size))
    s = torch.maximum(g.amax(2), -g.amin(2)) / top
    s = torch.where(s > 0, s, torch.ones_like(s))
    q = torch.floor(g / s[..., None] + 0.5).clamp(-top, top)
    return q.to(torch.int8).flatten(1), s


def keeps_the_graph(weight, size, bits):
    g = weight.unflatten(1, (-1, size))
    s = g.abs().amax(2) / (2 ** (bits - 1) - 1)
    s = torch.where(s == 0, 1, s)
    return (g / s.unsqueeze(2)).round().to(torch.int8).flatten(1), s


def _quant(
    weight,
    size,
    bits,
    *,
    top=None,
    rounded=torch.round,
    dtype=torch.int8,
    zero=1,
    eps=0,
    largest=lambda g: g.abs().amax(2),
):
    top = top if top is not None else 2 ** (bits - 1) - 1
    g = weight.detach().unflatten(1, (-1, size))
    s = largest(g) / top + eps
    if zero is not None:
        s = torch.where(s == 0, zero, s)
    return rounded(g / s.unsqueeze(2)).to(dtype).flatten(1), s


def scale_per_row(weight, size, bits):
    w = weight.detach()
    s = w.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    s = torch.where(s == 0, 1, s)
    return (w / s).round().to(torch.int8), s.expand(-1, w.shape[1] // size).contiguous()


def one_scale(weight, size, bits):
    w = weight.detach()
    s = w.abs().max() / (2 ** (bits - 1) - 1)
    return (w / s).round().to(torch.int8), s.expand(w.shape[0], w.shape[1] // size).contiguous()


def every_other(weight, size, bits):
    w = weight.detach()
    g = w.unflatten(1, (size, -1))
    s = g.abs().amax(1) / (2 ** (bits - 1) - 1)
    s = torch.where(s == 0, 1, s)
    return (g / s.unsqueeze(1)).round().to(torch.int8).flatten(1), s


def size_is_the_number(weight, size, bits):
    return _quant(weight, weight.shape[1] // size, bits)


def over_rows_and_columns(weight, size, bits):
    w = weight.detach()
    g = w.reshape(-1, w.shape[0], size)
    s = g.abs().amax(2) / (2 ** (bits - 1) - 1)
    s = torch.where(s == 0, 1, s)
    return (g / s[..., None]).round().to(torch.int8).reshape(w.shape), s.T.contiguous()


def one_too_large(weight, size, bits):
    return _quant(weight, size, bits, top=2 ** (bits - 1))


def unsigned_range(weight, size, bits):
    return _quant(weight, size, bits, top=2**bits - 1)


def always_four(weight, size, bits):
    return _quant(weight, size, 4)


def always_eight(weight, size, bits):
    return _quant(weight, size, 8)


def without_abs(weight, size, bits):
    top = 2 ** (bits - 1) - 1
    return _quant(
        weight,
        size,
        bits,
        largest=lambda g: g.amax(2),
        rounded=lambda x: x.round().clamp(-top, top),
    )


def cuts_off(weight, size, bits):
    return _quant(weight, size, bits, rounded=torch.trunc)


def rounds_down(weight, size, bits):
    return _quant(weight, size, bits, rounded=torch.floor)


def zeros_are_nan(weight, size, bits):
    return _quant(weight, size, bits, zero=None)


def zeros_without_nan(weight, size, bits):
    return _quant(weight, size, bits, zero=None, rounded=lambda x: x.nan_to_num(0).round())


def zeros_small_scale(weight, size, bits):
    return _quant(weight, size, bits, zero=1e-8)


def adds_epsilon(weight, size, bits):
    return _quant(weight, size, bits, zero=None, eps=1e-8)


def adds_epsilon_large(weight, size, bits):
    return _quant(weight, size, bits, zero=None, eps=1e-3)


def clamps_the_scale(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, torch.where(s == 1, s, s.clamp_min(1e-3))


def small_is_zero(weight, size, bits):
    return _quant(
        weight,
        size,
        bits,
        largest=lambda g: torch.where(g.abs().amax(2) < 1e-4, 0, g.abs().amax(2)),
    )


def in_groups(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q.unflatten(1, (-1, size)), s


def floats(weight, size, bits):
    return _quant(weight, size, bits, dtype=torch.float32)


def int32(weight, size, bits):
    return _quant(weight, size, bits, dtype=torch.int32)


def scale_keeps_the_dimension(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, s.unsqueeze(2)


def scale_flat(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, s.flatten()


def scale_repeated(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, s.repeat_interleave(size, 1)


def scale_inverted(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, 1 / s


def largest_as_scale(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q, s * (2 ** (bits - 1) - 1)


def other_order(weight, size, bits):
    return _quant(weight, size, bits)[::-1]


def dequantised(weight, size, bits):
    q, s = _quant(weight, size, bits)
    return q * s.repeat_interleave(size, 1), s


def mean_of_abs(weight, size, bits):
    top = 2 ** (bits - 1) - 1
    return _quant(
        weight,
        size,
        bits,
        largest=lambda g: g.abs().mean(2),
        rounded=lambda x: x.round().clamp(-top, top),
    )


def lowest_too(weight, size, bits):
    top = 2 ** (bits - 1)
    return _quant(weight, size, bits, top=top, rounded=lambda x: x.round().clamp(-top, top - 1))


def changes_the_weight(weight, size, bits):
    with torch.no_grad():
        g = weight.view(len(weight), -1, size)
        s = g.abs().amax(2) / (2 ** (bits - 1) - 1)
        s[s == 0] = 1
        g /= s.unsqueeze(2)
        g.round_()
    return g.to(torch.int8).flatten(1), s


def zero_point(weight, size, bits):
    g = weight.detach().unflatten(1, (-1, size))
    low, high = g.amin(2, keepdim=True), g.amax(2, keepdim=True)
    s = (high - low) / (2**bits - 2)
    s = torch.where(s == 0, 1, s)
    top = 2 ** (bits - 1) - 1
    return ((g - low) / s - top).round().clamp(-top, top).to(torch.int8).flatten(1), s[..., 0]


# 32.3
@torch.no_grad()
def by_scale_and_shift(norm, linear):
    std = torch.sqrt(norm.running_var + norm.eps)
    gamma = norm.weight if norm.weight is not None else torch.ones_like(std)
    beta = norm.bias if norm.bias is not None else torch.zeros_like(std)
    scale = gamma / std
    shift = beta - norm.running_mean * scale
    new = nn.Linear(
        linear.in_features,
        linear.out_features,
        bias=True,
        dtype=linear.weight.dtype,
        device=linear.weight.device,
    )
    new.weight.data = linear.weight * scale[None, :]
    bias = F.linear(shift, linear.weight, linear.bias)
    new.bias.data = bias
    return new


@torch.no_grad()
def by_probing(norm, linear):
    norm = copy.deepcopy(norm).eval()
    eye = torch.eye(linear.in_features, dtype=linear.weight.dtype)
    zero = torch.zeros(1, linear.in_features, dtype=linear.weight.dtype)
    bias = linear(norm(zero))[0]
    weight = (linear(norm(eye)) - bias).T
    new = nn.Linear(*weight.shape[::-1], dtype=weight.dtype)
    new.load_state_dict({"weight": weight.contiguous(), "bias": bias})
    return new


def by_matrices(norm, linear):
    with torch.no_grad():
        d = (norm.running_var.double() + norm.eps).pow(-0.5)
        if norm.affine:
            d = d * norm.weight.double()
        W = linear.weight.double() @ torch.diag(d)
        b = -W @ norm.running_mean.double()
        if norm.affine:
            b += linear.weight.double() @ norm.bias.double()
        if linear.bias is not None:
            b += linear.bias.double()
        new = nn.Linear(linear.in_features, linear.out_features)
        new.weight = nn.Parameter(W.to(linear.weight.dtype))
        new.bias = nn.Parameter(b.to(linear.weight.dtype))
    return new


def on_a_copy(norm, linear):
    new = copy.deepcopy(linear)
    sd = norm.state_dict()
    with torch.no_grad():
        inv = 1 / (sd["running_var"] + norm.eps) ** 0.5
        k = inv * sd.get("weight", 1)
        if new.bias is None:
            new.bias = nn.Parameter(new.weight.new_zeros(new.out_features))
        new.bias += (new.weight * (sd.get("bias", 0) - sd["running_mean"] * k)).sum(1)
        new.weight *= k
    return new


@torch.no_grad()
def with_batch_norm_function(norm, linear):
    def f(x):
        return F.batch_norm(
            x,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            training=False,
            eps=norm.eps,
        )

    zero = linear.weight.new_zeros(1, linear.in_features)
    shift = f(zero)[0]
    scale = f(zero + 1)[0] - shift
    new = nn.utils.skip_init(
        nn.Linear, linear.in_features, linear.out_features, dtype=linear.weight.dtype
    )
    nn.init.zeros_(new.bias)
    if linear.bias is not None:
        new.bias.copy_(linear.bias)
    new.bias.addmv_(linear.weight, shift)
    new.weight.copy_(torch.einsum("oi,i->oi", linear.weight, scale))
    return new


@torch.no_grad()
def _fold(
    norm,
    linear,
    *,
    mean=True,
    eps=None,
    root=True,
    gamma=True,
    beta=True,
    bias=True,
    sign=-1,
    rows=False,
    plus=None,
    shift_through=True,
    twice=False,
    dtype=None,
    out=None,
):
    eps = norm.eps if eps is None else eps
    var = norm.running_var + eps
    factor = var.rsqrt() if root else 1 / var
    if plus is not None:
        factor = 1 / (norm.running_var.sqrt() + norm.eps)
    shift = sign * norm.running_mean * factor if mean else torch.zeros_like(factor)
    if norm.affine:
        if gamma:
            factor = factor * norm.weight
            shift = shift * norm.weight
        if beta:
            shift = shift + norm.bias
    if twice:
        shift = shift * factor
    W = linear.weight * factor
    b = (
        linear.weight @ shift
        if shift_through
        else (shift.sum().expand(linear.out_features).clone())
    )
    if bias and linear.bias is not None:
        b = b + linear.bias
    new = nn.Linear(linear.in_features, linear.out_features, dtype=dtype or linear.weight.dtype)
    new.weight.copy_(W)
    new.bias.copy_(b)
    return new


def forgets_mean(norm, linear):
    return _fold(norm, linear, mean=False)


def forgets_eps(norm, linear):
    return _fold(norm, linear, eps=0.0)


def usual_eps(norm, linear):
    return _fold(norm, linear, eps=1e-5)


def forgets_the_root(norm, linear):
    return _fold(norm, linear, root=False)


def eps_after_the_root(norm, linear):
    return _fold(norm, linear, plus=True)


def forgets_gamma(norm, linear):
    return _fold(norm, linear, gamma=False)


def forgets_beta(norm, linear):
    return _fold(norm, linear, beta=False)


def forgets_the_bias(norm, linear):
    return _fold(norm, linear, bias=False)


def adds_the_mean(norm, linear):
    return _fold(norm, linear, sign=1)


def shift_by_factor_again(norm, linear):
    return _fold(norm, linear, twice=True)


def shift_past_the_layer(norm, linear):
    return _fold(norm, linear, shift_through=False)


def shift_through_the_new_weight(norm, linear):
    new = _fold(norm, linear)
    with torch.no_grad():
        std = (norm.running_var + norm.eps).sqrt()
        g = norm.weight if norm.affine else 1
        shift = (norm.bias if norm.affine else 0) - norm.running_mean * g / std
        new.bias.copy_(new.weight @ shift + (0 if linear.bias is None else linear.bias))
    return new


def as_if_after(norm, linear):
    new = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        f = (norm.running_var + norm.eps).rsqrt()
        g, b = (norm.weight, norm.bias) if norm.affine else (1, 0)
        old = 0 if linear.bias is None else linear.bias
        new.weight.copy_(linear.weight * (f * g)[:, None])
        new.bias.copy_((old - norm.running_mean) * f * g + b)
    return new


@torch.no_grad()
def in_place(norm, linear):
    new = _fold(norm, linear)
    linear.weight.copy_(new.weight)
    if linear.bias is None:
        linear.bias = nn.Parameter(new.bias.clone())
    else:
        linear.bias.copy_(new.bias)
    return linear


def shares_the_bias(norm, linear):
    new = _fold(norm, linear)
    if linear.bias is not None:
        with torch.no_grad():
            linear.bias.copy_(new.bias)
        new.bias = linear.bias
    return new


def puts_norm_to_eval(norm, linear):
    norm.eval()
    return _fold(norm, linear)


def probes_in_train_mode(norm, linear):
    with torch.no_grad():
        x = torch.eye(linear.in_features, dtype=linear.weight.dtype)
        bias = linear(norm(x * 0))[0]
        new = nn.Linear(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
        new.weight.copy_((linear(norm(x)) - bias).T)
        new.bias.copy_(bias)
    return new


def needs_affine(norm, linear):
    new = nn.Linear(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
    with torch.no_grad():
        f = norm.weight / (norm.running_var + norm.eps).sqrt()
        new.weight.copy_(linear.weight * f)
        old = 0 if linear.bias is None else linear.bias
        new.bias.copy_(linear.weight @ (norm.bias - norm.running_mean * f) + old)
    return new


def needs_a_bias(norm, linear):
    new = _fold(norm, linear, bias=False)
    with torch.no_grad():
        new.bias += linear.bias
    return new


def bias_as_before(norm, linear):
    full = _fold(norm, linear)
    new = nn.Linear(
        linear.in_features,
        linear.out_features,
        bias=linear.bias is not None,
        dtype=linear.weight.dtype,
    )
    with torch.no_grad():
        new.weight.copy_(full.weight)
        if linear.bias is not None:
            new.bias.copy_(full.bias)
    return new


def a_sequence(norm, linear):
    return nn.Sequential(copy.deepcopy(norm), copy.deepcopy(linear)).eval()


def always_float32(norm, linear):
    return _fold(norm, linear, dtype=torch.float32)


def the_numbers_only(norm, linear):
    new = _fold(norm, linear)
    return new.weight, new.bias


def plain_tensors(norm, linear):
    new = _fold(norm, linear)
    return lambda x: F.linear(x, new.weight, new.bias)


def unchanged(norm, linear):
    new = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        new.weight.copy_(linear.weight)
        new.bias.copy_(torch.zeros(linear.out_features) if linear.bias is None else linear.bias)
    return new


def resets_the_norm(norm, linear):
    new = _fold(norm, linear)
    norm.reset_running_stats()
    return new


# 32.4
def _grey(picture):
    rgba = picture.convert("RGBA")
    sheet = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    sheet.alpha_composite(rgba)
    return sheet.convert("L")


def _border(x):
    mask = np.ones(x.shape, bool)
    mask[1:-1, 1:-1] = False
    return x[mask]


def _sheet(grey, up=round, ground=0, resample=Image.Resampling.BICUBIC):
    k = 28 / max(grey.size)
    size = tuple(max(1, up(s * k)) for s in grey.size)
    sheet = Image.new("L", (28, 28), ground)
    sheet.paste(grey.resize(size, resample), ((28 - size[0]) // 2, (28 - size[1]) // 2))
    return sheet


def _out(sheet):
    return torch.from_numpy(np.array(sheet)).view(1, 1, 28, 28)


def with_a_mask(picture):
    grey = _grey(picture)
    if np.median(_border(np.array(grey))) > 127:
        grey = ImageOps.invert(grey)
    return _out(_sheet(grey))


def with_image_ops(picture):
    rgba = picture.convert("RGBA")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(rgba, mask=rgba.getchannel("A"))
    x = np.asarray(ground.convert("L"))
    edge = list(x[0]) + list(x[-1]) + list(x[1:-1, 0]) + list(x[1:-1, -1])
    if np.median(edge) > 127:
        x = 255 - x
    h, w = x.shape
    x = Image.fromarray(x)
    if 56 * min(h, w) < max(h, w):  # ImageOps.pad would leave nothing of it
        x = x.resize((28, 1) if w > h else (1, 28))
    done = ImageOps.pad(x, (28, 28), Image.Resampling.LANCZOS, color=0)
    return torch.tensor(np.array(done), dtype=torch.uint8)[None, None]


def with_torch(picture):
    rgba = torch.from_numpy(np.array(picture.convert("RGBA"))).double()
    alpha = rgba[..., 3:] / 255
    rgb = (rgba[..., :3] * alpha + 255 * (1 - alpha)).round().byte().numpy()
    x = torch.from_numpy(np.array(Image.fromarray(rgb, "RGB").convert("L")))
    h, w = x.shape
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    edge = (rows == 0) | (rows == h - 1) | (columns == 0) | (columns == w - 1)
    if x[edge].double().quantile(0.5) > 127:
        x = 255 - x
    longer = max(h, w)
    h2, w2 = max(1, round(28 * h / longer)), max(1, round(28 * w / longer))
    small = np.array(Image.fromarray(x.numpy()).resize((w2, h2), Image.Resampling.BOX))
    top, left = (28 - h2 + 1) // 2, (28 - w2 + 1) // 2
    out = F.pad(torch.from_numpy(small), (left, 28 - w2 - left, top, 28 - h2 - top))
    return out.view(1, 1, 28, 28)


def nearest_and_lists(picture):
    grey = _grey(picture)
    w, h = grey.size
    pixels = grey.load()
    edge = sorted(
        pixels[i, j] for i in range(w) for j in range(h) if i in (0, w - 1) or j in (0, h - 1)
    )
    middle = (edge[(len(edge) - 1) // 2] + edge[len(edge) // 2]) / 2
    if middle > 127:
        grey = grey.point([255 - v for v in range(256)])
    if w >= h:
        new = 28, max(1, int(h * 28 / w + 0.5))
    else:
        new = max(1, int(w * 28 / h + 0.5)), 28
    grey = grey.resize(new, Image.Resampling.NEAREST)
    left, top = (28 - new[0]) / 2, (28 - new[1]) / 2
    sheet = Image.new("L", (28, 28), 0)
    sheet.paste(grey, (math.floor(left), math.floor(top)))
    return torch.tensor(sheet.tobytes() and list(sheet.tobytes()), dtype=torch.uint8).reshape(
        1, 1, 28, 28
    )


def inverts_after_resize(picture):
    grey = _grey(picture)
    negative = np.median(_border(np.array(grey))) > 127
    k = 28 / max(grey.size)
    size = [max(1, round(s * k)) for s in grey.size]
    small = grey.resize(size, Image.Resampling.BILINEAR)
    if negative:
        small = ImageChops.invert(small)
    sheet = np.zeros((1, 1, 28, 28), np.uint8)
    y, x = (28 - size[1]) // 2, (28 - size[0]) // 2
    sheet[0, 0, y : y + size[1], x : x + size[0]] = np.array(small)
    return torch.from_numpy(sheet)


def rounds_sides_down(picture):
    grey = _grey(picture)
    if np.median(_border(np.array(grey))) > 127:
        grey = ImageOps.invert(grey)
    w, h = grey.size
    longer = max(w, h)
    size = max(1, w * 28 // longer), max(1, h * 28 // longer)
    sheet = Image.new("L", (28, 28))
    sheet.paste(grey.resize(size), ((28 - size[0]) // 2, (28 - size[1]) // 2))
    return _out(sheet)


def rounds_sides_up(picture):
    grey = _grey(picture)
    if np.median(_border(np.array(grey))) > 127:
        grey = ImageOps.invert(grey)
    return _out(_sheet(grey, up=math.ceil))


def lower_median(picture):
    grey = _grey(picture)
    if torch.from_numpy(_border(np.array(grey))).median() > 127:
        grey = ImageOps.invert(grey)
    return _out(_sheet(grey))


def _any(
    picture, *, grey=_grey, border=_border, average=np.median, limit=127, finish=_sheet, out=_out
):
    g = grey(picture)
    if average(border(np.array(g))) > limit:
        g = ImageOps.invert(g)
    return out(finish(g))


def alpha_ignored(picture):
    return _any(picture, grey=lambda p: p.convert("RGB").convert("L"))


def straight_to_grey(picture):
    return _any(picture, grey=lambda p: p.convert("L"))


def _on_black(p):
    rgba = p.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", p.size, (0, 0, 0, 255)), rgba).convert("L")


def transparent_black(picture):
    return _any(picture, grey=_on_black)


def _hard(p):
    rgba = p.convert("RGBA")
    a = rgba.getchannel("A").point(lambda v: 255 if v > 0 else 0)
    ground = Image.new("RGB", p.size, "white")
    ground.paste(rgba.convert("RGB"), mask=a)
    return ground.convert("L")


def half_transparent_is_opaque(picture):
    return _any(picture, grey=_hard)


def rgba_only(picture):
    return _any(picture, grey=lambda p: _grey(p) if p.mode == "RGBA" else p.convert("L"))


def mean_of_colours(picture):
    def grey(p):
        rgba = p.convert("RGBA")
        rgb = Image.alpha_composite(Image.new("RGBA", p.size, "white"), rgba).convert("RGB")
        return Image.fromarray(np.array(rgb).mean(2).astype(np.uint8))

    return _any(picture, grey=grey)


def red_channel(picture):
    def grey(p):
        rgba = p.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", p.size, "white"), rgba).getchannel(0)

    return _any(picture, grey=grey)


def palette_numbers(picture):
    def grey(p):
        if p.mode == "P":
            return Image.fromarray(np.array(p).astype(np.uint8))
        return _grey(p)

    return _any(picture, grey=grey)


def ones_stay_ones(picture):
    def grey(p):
        if p.mode == "1":
            return Image.fromarray(np.array(p).astype(np.uint8))
        return _grey(p)

    return _any(picture, grey=grey)


def never_turned(picture):
    return _any(picture, limit=255)


def always_turned(picture):
    return _any(picture, limit=-1)


def border_mean(picture):
    return _any(picture, average=np.mean)


def all_pixels(picture):
    return _any(picture, border=lambda x: x)


def corners(picture):
    return _any(picture, border=lambda x: x[[0, 0, -1, -1], [0, -1, 0, -1]])


def top_left_pixel(picture):
    return _any(picture, border=lambda x: x[0, 0])


def top_row(picture):
    return _any(picture, border=lambda x: x[0])


def top_and_bottom(picture):
    return _any(picture, border=lambda x: np.concatenate([x[0], x[-1]]))


def left_and_right(picture):
    return _any(picture, border=lambda x: np.concatenate([x[:, 0], x[:, -1]]))


def corners_twice(picture):
    return _any(picture, border=lambda x: np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]]))


def limit_of_200(picture):
    return _any(picture, limit=200)


def limit_of_100(picture):
    return _any(picture, limit=100)


def limit_of_128(picture):
    return _any(picture, limit=128)


def limit_of_126(picture):
    return _any(picture, limit=126)


def stretched(picture):
    return _any(picture, finish=lambda g: g.resize((28, 28)))


def shorter_side_cropped(picture):
    return _any(picture, finish=lambda g: ImageOps.fit(g, (28, 28)))


def never_enlarged(picture):
    def finish(g):
        g = g.copy()
        g.thumbnail((28, 28))
        sheet = Image.new("L", (28, 28))
        sheet.paste(g, ((28 - g.width) // 2, (28 - g.height) // 2))
        return sheet

    return _any(picture, finish=finish)


def thumbnail_of_the_given(picture):
    if max(picture.size) > 28:
        picture.thumbnail((28, 28))
    return _any(picture)


def thin_vanishes(picture):
    def finish(g):
        k = 28 / max(g.size)
        size = [round(s * k) for s in g.size]
        sheet = Image.new("L", (28, 28))
        sheet.paste(g.resize(size), ((28 - size[0]) // 2, (28 - size[1]) // 2))
        return sheet

    return _any(picture, finish=finish)


def in_the_corner(picture):
    def finish(g):
        k = 28 / max(g.size)
        sheet = Image.new("L", (28, 28))
        sheet.paste(g.resize([max(1, round(s * k)) for s in g.size]), (0, 0))
        return sheet

    return _any(picture, finish=finish)


def white_ground(picture):
    return _any(picture, finish=lambda g: _sheet(g, ground=255))


def turned_at_the_end(picture):
    g = _grey(picture)
    turned = np.median(_border(np.array(g))) > 127
    sheet = _sheet(g)
    return _out(ImageOps.invert(sheet) if turned else sheet)


def border_of_the_sheet(picture):
    sheet = _sheet(_grey(picture))
    if np.median(_border(np.array(sheet))) > 127:
        sheet = ImageOps.invert(sheet)
    return _out(sheet)


def sides_swapped(picture):
    def finish(g):
        k = 28 / max(g.size)
        size = [max(1, round(s * k)) for s in g.size]
        sheet = Image.new("L", (28, 28))
        sheet.paste(g.resize(size[::-1]), ((28 - size[1]) // 2, (28 - size[0]) // 2))
        return sheet

    return _any(picture, finish=finish)


def transposed(picture):
    return _any(picture).transpose(2, 3)


def between_nought_and_one(picture):
    return _any(picture).float() / 255


def floats_of_255(picture):
    return _any(picture).float()


def two_dimensions(picture):
    return _any(picture)[0, 0]


def three_dimensions(picture):
    return _any(picture)[0]


def an_array(picture):
    return _any(picture).numpy()


def a_margin(picture):
    def finish(g):
        k = 20 / max(g.size)
        size = [max(1, round(s * k)) for s in g.size]
        sheet = Image.new("L", (28, 28))
        sheet.paste(g.resize(size), ((28 - size[0]) // 2, (28 - size[1]) // 2))
        return sheet

    return _any(picture, finish=finish)


def always_smoothed(picture):
    def finish(g):
        return _sheet(
            g.resize((g.width * 2, g.height * 2))
            .rotate(0)
            .reduce(1)
            .resize((56, 56) if g.size == (28, 28) else g.size)
        )

    return _any(picture, finish=finish)


def stretched_contrast(picture):
    return _any(picture, finish=lambda g: ImageOps.autocontrast(_sheet(g)))


def black_and_white(picture):
    return _any(picture, finish=lambda g: _sheet(g).point(lambda v: 255 * (v > 127)))


def pastes_into_the_given(picture):
    if picture.mode in ("RGB", "L"):
        picture.paste(ImageOps.invert(picture))
        picture.paste(ImageOps.invert(picture).point(lambda v: min(254, v)))
    return _any(picture)


def trims_first(picture):
    def finish(g):
        box = g.getbbox()
        return _sheet(g.crop(box) if box else g)

    return _any(picture, finish=finish)


def turned_before_white(picture):
    """The grey values decide before the transparent parts have become white."""
    first = np.array(picture.convert("RGB").convert("L"))
    g = _grey(picture)
    if np.median(_border(first)) > 127:
        g = ImageOps.invert(g)
    return _out(_sheet(g))


RIGHT = {
    "32.1": [by_data_ptr, by_saving, by_cdata, by_pairs, by_list_of_pointers],
    "32.2": [by_reshape, by_loops, by_repeat, by_unfold, by_numpy, half_up, keeps_the_graph],
    "32.3": [by_scale_and_shift, by_probing, by_matrices, on_a_copy, with_batch_norm_function],
    "32.4": [
        with_a_mask,
        with_image_ops,
        with_torch,
        nearest_and_lists,
        inverts_after_resize,
        rounds_sides_down,
        rounds_sides_up,
    ],
}
WRONG = {
    "32.1": [
        always_four_bytes,
        both_the_numbers,
        both_the_storages,
        storages_once_each_tensor,
        by_the_tensors_pointer,
        by_the_tensors_id,
        by_the_size,
        swapped,
        elements,
        storage_in_elements,
        storage_times_element,
        size_of_the_file,
        of_clones,
        getsizeof,
        bits,
        parameters_only,
        floats_only,
        last_of_each_view,
        largest_of_each_view,
        reached_by_strides,
        one_sum,
        first_tensor_only,
    ],
    "32.2": [
        scale_per_row,
        one_scale,
        every_other,
        size_is_the_number,
        over_rows_and_columns,
        one_too_large,
        unsigned_range,
        always_four,
        always_eight,
        without_abs,
        cuts_off,
        rounds_down,
        zeros_are_nan,
        zeros_without_nan,
        zeros_small_scale,
        adds_epsilon,
        adds_epsilon_large,
        clamps_the_scale,
        small_is_zero,
        in_groups,
        floats,
        int32,
        scale_keeps_the_dimension,
        scale_flat,
        scale_repeated,
        scale_inverted,
        largest_as_scale,
        other_order,
        dequantised,
        mean_of_abs,
        lowest_too,
        changes_the_weight,
        zero_point,
    ],
    "32.3": [
        forgets_mean,
        forgets_eps,
        usual_eps,
        forgets_the_root,
        eps_after_the_root,
        forgets_gamma,
        forgets_beta,
        forgets_the_bias,
        adds_the_mean,
        shift_by_factor_again,
        shift_past_the_layer,
        shift_through_the_new_weight,
        as_if_after,
        in_place,
        shares_the_bias,
        puts_norm_to_eval,
        probes_in_train_mode,
        needs_affine,
        needs_a_bias,
        bias_as_before,
        a_sequence,
        always_float32,
        the_numbers_only,
        plain_tensors,
        unchanged,
        resets_the_norm,
    ],
    "32.4": [
        alpha_ignored,
        straight_to_grey,
        transparent_black,
        half_transparent_is_opaque,
        rgba_only,
        mean_of_colours,
        red_channel,
        palette_numbers,
        ones_stay_ones,
        never_turned,
        always_turned,
        border_mean,
        all_pixels,
        corners,
        top_left_pixel,
        top_row,
        top_and_bottom,
        left_and_right,
        limit_of_200,
        limit_of_100,
        limit_of_128,
        limit_of_126,
        stretched,
        shorter_side_cropped,
        never_enlarged,
        thumbnail_of_the_given,
        thin_vanishes,
        in_the_corner,
        white_ground,
        turned_at_the_end,
        border_of_the_sheet,
        sides_swapped,
        transposed,
        between_nought_and_one,
        floats_of_255,
        two_dimensions,
        three_dimensions,
        an_array,
        a_margin,
        always_smoothed,
        stretched_contrast,
        black_and_white,
        pastes_into_the_given,
        trims_first,
        turned_before_white,
    ],
}
