"""Chapter 32."""

import copy
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image, ImageOps, ImageStat

# 32.1


def bytes_one_line(tensors):
    ts = tensors.values()
    pools = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in ts}
    return sum(t.nbytes for t in ts), sum(pools.values())


def bytes_with_a_set(tensors):
    need = 0
    total = 0
    known = set()
    for name in tensors:
        x = tensors[name]
        need = need + x.element_size() * x.nelement()
        key = x.untyped_storage().data_ptr()
        if key in known:
            continue
        known.add(key)
        total = total + x.untyped_storage().nbytes()
    return need, total


def bytes_by_shape(tensors):
    need = sum(
        math.prod(t.shape) * torch.empty((), dtype=t.dtype).element_size() for t in tensors.values()
    )
    pools = {}
    for t in tensors.values():
        pools[t.storage().data_ptr()] = t.storage().nbytes()
    return np.int64(need), np.int64(sum(pools.values()))


def bytes_by_span(tensors):
    """From the offset on only."""
    need = sum(t.nbytes for t in tensors.values())
    pools = {}
    for t in tensors.values():
        rest = t.untyped_storage().nbytes() - t.storage_offset() * t.element_size()
        pools[t.untyped_storage().data_ptr()] = rest
    return need, sum(pools.values())


def bytes_by_identity(tensors):
    need = sum(t.nbytes for t in tensors.values())
    pools = {id(t): t.untyped_storage().nbytes() for t in tensors.values()}
    return need, sum(pools.values())


def bytes_once_for_both(tensors):
    seen, need, total = set(), 0, 0
    for t in tensors.values():
        key = t.untyped_storage().data_ptr()
        if key not in seen:
            seen.add(key)
            need += t.nbytes
            total += t.untyped_storage().nbytes()
    return need, total


def bytes_of_sizes(tensors):
    """Storages of one size are taken for one."""
    need = sum(t.nbytes for t in tensors.values())
    return need, sum({t.untyped_storage().nbytes() for t in tensors.values()})


def bytes_as_dict(tensors):
    need, total = bytes_with_a_set(tensors)
    return {"needed": need, "written": total}


def bytes_by_file(tensors):
    import io

    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return sum(t.nbytes for t in tensors.values()), len(buffer.getvalue())


def bytes_fails_on_empty(tensors):
    need = torch.tensor([t.nbytes for t in tensors.values()]).max() * 0
    return int(need) + bytes_with_a_set(tensors)[0], bytes_with_a_set(tensors)[1]


# 32.2


def groups_reshaped(weight, size, bits):
    w = weight.detach()
    q_max = 2 ** (bits - 1) - 1
    g = w.reshape(w.shape[0], w.shape[1] // size, size)
    s = g.abs().max(dim=-1).values / q_max
    s = s.masked_fill(s == 0, 1.0)
    q = (g / s.unsqueeze(-1)).round().clamp(-q_max, q_max).to(torch.int8)
    return q.reshape(w.shape), s


def groups_by_chunks(weight, size, bits):
    qs, ss = [], []
    for part in weight.detach().split(size, dim=1):
        s = part.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
        s[s == 0] = 1
        ss.append(s)
        qs.append(torch.round(part / s).to(torch.int8))
    return torch.cat(qs, dim=1), torch.cat(ss, dim=1)


def groups_repeated(weight, size, bits):
    with torch.no_grad():
        levels = (1 << (bits - 1)) - 1
        s = F.max_pool1d(weight.abs().unsqueeze(1), size).squeeze(1) / levels
        s = s + (s == 0)
        q = (weight / s.repeat_interleave(size, 1)).round().char()
    return q, s


def groups_of_rows(weight, size, bits):
    """Groups along the other axis."""
    q, s = groups_reshaped(weight.detach().T.contiguous(), size, bits)
    return q.T, s.T


def groups_interleaved(weight, size, bits):
    w = weight.detach()
    g = w.reshape(w.shape[0], size, -1)
    s = g.abs().amax(1) / (2 ** (bits - 1) - 1)
    s[s == 0] = 1
    return (g / s.unsqueeze(1)).round().to(torch.int8).reshape(w.shape), s


def groups_with_minus_128(weight, size, bits):
    w = weight.detach()
    g = w.unflatten(1, (-1, size))
    s = g.abs().amax(2) / (2 ** (bits - 1) - 0.5)
    s[s == 0] = 1
    top = 2 ** (bits - 1)
    return (g / s[..., None]).round().clamp(-top, top - 1).to(torch.int8).flatten(1), s


def groups_nan(weight, size, bits):
    g = weight.detach().unflatten(1, (-1, size))
    s = g.abs().amax(2) / (2 ** (bits - 1) - 1)
    return torch.nan_to_num(g / s[..., None]).round().to(torch.int8).flatten(1), s


def groups_by_range(weight, size, bits):
    g = weight.detach().unflatten(1, (-1, size))
    s = (g.amax(2) - g.amin(2)) / (2**bits - 2)
    s[s == 0] = 1
    return (g / s[..., None]).round().clamp(-127, 127).to(torch.int8).flatten(1), s


def groups_eight_bits_only(weight, size, bits):
    return groups_reshaped(weight, size, 8)


def groups_in_int32(weight, size, bits):
    q, s = groups_reshaped(weight, size, bits)
    return q.int(), s


def groups_scales_first(weight, size, bits):
    q, s = groups_reshaped(weight, size, bits)
    return s, q


# 32.3


def into_plain(norm, linear):
    s = torch.ones(norm.num_features, dtype=linear.weight.dtype)
    s = s / (norm.running_var + norm.eps).sqrt()
    t = -norm.running_mean * s
    if norm.affine:
        s, t = s * norm.weight.detach(), t * norm.weight.detach() + norm.bias.detach()
    out = nn.Linear(linear.in_features, linear.out_features, bias=True, dtype=linear.weight.dtype)
    out.weight.data = linear.weight.detach() * s
    out.bias.data = F.linear(t, linear.weight, linear.bias).detach()
    return out


def into_by_copy(norm, linear):
    bn = copy.deepcopy(norm).eval()
    lin = copy.deepcopy(linear)
    with torch.no_grad():
        zero = bn(torch.zeros(1, norm.num_features, dtype=linear.weight.dtype))
        one = bn(torch.ones(1, norm.num_features, dtype=linear.weight.dtype))
        bias = lin(zero)[0]
        lin.weight.mul_(one - zero)
        lin.bias = nn.Parameter(bias.clone())
    return lin


def into_in_double(norm, linear):
    var, mean = norm.running_var.double(), norm.running_mean.double()
    g = norm.weight.detach().double() if norm.affine else torch.ones_like(mean)
    b = norm.bias.detach().double() if norm.affine else torch.zeros_like(mean)
    f = g * torch.rsqrt(var + norm.eps)
    w = linear.weight.detach().double()
    new = nn.Linear(*w.shape[::-1]).to(linear.weight.dtype)
    state = {"weight": w * f, "bias": w @ (b - mean * f)}
    if linear.bias is not None:
        state["bias"] = state["bias"] + linear.bias.detach().double()
    new.load_state_dict(state)
    return new


def into_wrong_sign(norm, linear):
    new = into_plain(norm, linear)
    extra = 0 if linear.bias is None else linear.bias.detach()
    new.bias.data = 2 * extra - new.bias.data
    return new


def into_conv_order(norm, linear):
    """As for a convolution in front of the normalisation."""
    new = nn.Linear(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
    f = (norm.weight if norm.affine else 1) / (norm.running_var + norm.eps).sqrt()
    new.weight.data = linear.weight.detach() * f.detach()[:, None]
    return new


def into_batch_statistics(norm, linear):
    x = torch.randn(64, norm.num_features, dtype=linear.weight.dtype)
    new = into_plain(norm, linear)
    new.bias.data = new.bias.data - linear.weight.detach() @ x.mean(0)
    return new


def into_eps_default(norm, linear):
    other = copy.deepcopy(norm)
    other.eps = 1e-5
    return into_plain(other, linear)


def into_without_bias(norm, linear):
    made = into_plain(norm, linear)
    new = nn.Linear(linear.in_features, linear.out_features, bias=False, dtype=made.weight.dtype)
    new.weight.data = made.weight.data
    return new


def into_shared_weight(norm, linear):
    made = into_plain(norm, linear)
    linear.weight.data.copy_(made.weight.data)
    made.weight = linear.weight
    return made


def into_mean_added(norm, linear):
    flipped = copy.deepcopy(norm)
    flipped.running_mean.neg_()
    return into_plain(flipped, linear)


def into_module_list(norm, linear):
    return nn.ModuleList([into_plain(norm, linear)])


# 32.4


def input_step_by_step(picture):
    img = picture.convert("RGBA")
    back = Image.new("RGBA", img.size, (255,) * 4)
    back.alpha_composite(img)
    img = back.convert("RGB").convert("L")
    a = np.array(img)
    mask = np.ones(a.shape, bool)
    mask[1:-1, 1:-1] = False
    if np.median(a[mask]) > 127:
        img = ImageOps.invert(img)
    w, h = img.size
    s = 28 / max(w, h)
    w, h = max(1, round(w * s)), max(1, round(h * s))
    img = img.resize((w, h), Image.Resampling.LANCZOS)
    out = np.zeros((28, 28), np.uint8)
    top, left = (28 - h) // 2, (28 - w) // 2
    out[top : top + h, left : left + w] = np.array(img)
    return torch.from_numpy(out).reshape(1, 1, 28, 28)


def input_by_expand(picture):
    rgba = picture.convert("RGBA")
    grey = Image.new("RGB", rgba.size, "white")
    grey.paste(rgba, (0, 0), rgba)
    grey = grey.convert("L")
    px = np.asarray(grey)
    edge = np.r_[px[0], px[-1], px[1:-1, 0], px[1:-1, -1]]
    if np.median(edge) > 127:
        grey = grey.point(lambda v: 255 - v)
    if max(grey.size) != 28:
        f = 28 / max(grey.size)
        grey = grey.resize([max(1, round(v * f)) for v in grey.size])
    dx, dy = 28 - grey.width, 28 - grey.height
    grey = ImageOps.expand(grey, (dx // 2, dy // 2, dx - dx // 2, dy - dy // 2), fill=0)
    return torch.tensor(np.array(grey))[None, None]


def input_in_torch(picture):
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "#ffffffff")
    x = torch.from_numpy(np.array(Image.alpha_composite(white, rgba).convert("RGB").convert("L")))
    edge = torch.cat([x[0], x[-1], x[:, 0], x[:, -1]]).double()
    if x.shape[0] > 1 and x.shape[1] > 1:
        edge = torch.cat([x[0], x[-1], x[1:-1, 0], x[1:-1, -1]]).double()
    if edge.quantile(0.5) > 127:
        x = 255 - x
    h, w = x.shape
    s = 28 / max(h, w)
    img = Image.fromarray(x.numpy()).resize(
        (max(1, round(w * s)), max(1, round(h * s))), Image.Resampling.HAMMING
    )
    sheet = Image.new("L", (28, 28), 0)
    sheet.paste(img, (math.ceil((28 - img.width) / 2), math.ceil((28 - img.height) / 2)))
    return torch.from_numpy(np.array(sheet)).view(1, 1, 28, 28)


def input_no_alpha(picture):
    return input_step_by_step(picture.convert("RGB"))


def input_stat_median(picture):
    img = picture.convert("L")
    if ImageStat.Stat(img).median[0] > 127:
        img = ImageOps.invert(img)
    return torch.tensor(np.array(ImageOps.pad(img, (28, 28))))[None, None]


def input_top_row(picture):
    a = np.array(picture.convert("L"))
    if a[0].mean() > 127:
        a = 255 - a
    return torch.tensor(np.array(ImageOps.pad(Image.fromarray(a), (28, 28), color=0)))[None, None]


def input_float(picture):
    return input_step_by_step(picture).float()


def input_three_channels(picture):
    return input_step_by_step(picture).expand(1, 3, 28, 28)


def input_larger_only(picture):
    """Small pictures are not enlarged."""
    if max(picture.size) >= 28:
        return input_step_by_step(picture)
    img = picture.convert("L")
    sheet = Image.new("L", (28, 28))
    sheet.paste(img, ((28 - img.width) // 2, (28 - img.height) // 2))
    return torch.tensor(np.array(sheet))[None, None]


def input_transposed(picture):
    return input_step_by_step(picture).transpose(2, 3)


def input_black_ground(picture):
    rgba = picture.convert("RGBA")
    black = Image.new("RGBA", rgba.size, "black")
    return input_step_by_step(Image.alpha_composite(black, rgba).convert("RGB"))


def input_short_side(picture):
    img = picture.convert("L")
    s = 28 / min(img.size)
    img = img.resize([round(v * s) for v in img.size])
    img = img.crop((0, 0, 28, 28))
    return torch.tensor(np.array(img))[None, None]


RIGHT = {
    "32.1": [bytes_one_line, bytes_with_a_set, bytes_by_shape],
    "32.2": [groups_reshaped, groups_by_chunks, groups_repeated],
    "32.3": [into_plain, into_by_copy, into_in_double],
    "32.4": [input_step_by_step, input_by_expand, input_in_torch],
}
WRONG = {
    "32.1": [bytes_by_span, bytes_by_identity, bytes_once_for_both, bytes_of_sizes, bytes_as_dict,
             bytes_by_file, bytes_fails_on_empty],
    "32.2": [groups_of_rows, groups_interleaved, groups_with_minus_128, groups_nan,
             groups_by_range, groups_eight_bits_only, groups_in_int32, groups_scales_first],
    "32.3": [into_wrong_sign, into_conv_order, into_batch_statistics, into_eps_default,
             into_without_bias, into_shared_weight, into_mean_added, into_module_list],
    "32.4": [input_no_alpha, input_stat_median, input_top_row, input_float, input_three_channels,
             input_larger_only, input_transposed, input_black_ground, input_short_side],
}  # fmt: skip
