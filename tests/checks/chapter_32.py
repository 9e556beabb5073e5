"""Right and wrong answers to the exercises of chapter 32, and the hint that each must get."""

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn

# 32.1


def by_storage(tensors):
    needed = sum(t.numel() * t.element_size() for t in tensors.values())
    seen = {}
    for t in tensors.values():
        storage = t.untyped_storage()
        seen[storage.data_ptr()] = len(storage)
    return needed, sum(seen.values())


def as_list_of_numbers(tensors):
    needed, written, seen = 0, 0, set()
    for tensor in tensors.values():
        needed += tensor.nelement() * tensor.dtype.itemsize
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            written += storage.size()
    return [needed, written]


def by_nbytes(tensors):
    storages = {}
    for t in tensors.values():
        storages.setdefault(t.untyped_storage()._cdata, t.untyped_storage().nbytes())
    return torch.tensor(sum(t.nbytes for t in tensors.values())), sum(storages.values())


def counts_numbers(tensors):
    return sum(t.numel() for t in tensors.values()), by_storage(tensors)[1]


def four_bytes_each(tensors):
    return 4 * sum(t.numel() for t in tensors.values()), by_storage(tensors)[1]


def needed_twice(tensors):
    needed = by_storage(tensors)[0]
    return needed, needed


def each_storage_again(tensors):
    return by_storage(tensors)[0], sum(t.untyped_storage().nbytes() for t in tensors.values())


def by_first_address(tensors):
    seen = {t.data_ptr(): t.untyped_storage().nbytes() for t in tensors.values()}
    return by_storage(tensors)[0], sum(seen.values())


def other_order(tensors):
    return by_storage(tensors)[::-1]


def one_number(tensors):
    return by_storage(tensors)[1]


def text_of_bytes(tensors):
    return tuple(f"{value} bytes" for value in by_storage(tensors))


def in_kilobytes(tensors):
    return tuple(value / 1000 for value in by_storage(tensors))


def clones_them(tensors):
    for name, tensor in tensors.items():
        tensors[name] = tensor.clone()
    return by_storage(tensors)


def shared_once(tensors):
    written = by_storage(tensors)[1]
    seen = {t.untyped_storage().data_ptr(): t.nbytes for t in tensors.values()}
    return sum(seen.values()), written


# 32.2


def by_view(weight, size, bits):
    top = 2 ** (bits - 1) - 1
    w = weight.detach().reshape(len(weight), -1, size)
    peak = w.abs().amax(-1)
    scale = torch.where(peak == 0, torch.ones_like(peak), peak / top)
    return torch.round(w / scale[..., None]).to(torch.int8).view_as(weight), scale


def by_loops(weight, size, bits):
    rows, columns = weight.shape
    q = torch.zeros(rows, columns, dtype=torch.int8)
    scale = torch.ones(rows, columns // size)
    for i in range(rows):
        for j in range(columns // size):
            part = weight[i, j * size : (j + 1) * size].detach()
            if part.abs().max() > 0:
                scale[i, j] = part.abs().max() / (2 ** (bits - 1) - 1)
            q[i, j * size : (j + 1) * size] = (part / scale[i, j]).round()
    return q, scale


def in_numpy(weight, size, bits):
    w = weight.detach().numpy().astype(np.float64)
    parts = np.stack(np.split(w, w.shape[1] // size, axis=1), axis=1)
    peak = np.abs(parts).max(axis=2)
    scale = np.where(peak > 0, peak / (2 ** (bits - 1) - 1), 1.0)
    q = np.rint(parts / scale[:, :, None]).clip(-127, 127).reshape(w.shape)
    return [torch.from_numpy(q.astype(np.int8)), torch.from_numpy(scale)]


def _groups(weight, size, bits, peak=None, top=None, rounded=torch.round, zero=1.0):
    w = weight.detach().unflatten(1, (-1, size))
    peak = (peak or (lambda w: w.abs().amax(dim=2)))(w)
    scale = peak / (top or 2 ** (bits - 1) - 1)
    scale = torch.where(scale == 0, torch.full_like(scale, zero), scale)
    return rounded(w / scale.unsqueeze(2)).clamp(-128, 127).to(torch.int8).flatten(1), scale


def scale_for_each_row(weight, size, bits):
    return _groups(weight, size, bits, lambda w: w.abs().amax((1, 2), True)[..., 0].expand(
        w.shape[:2]))  # fmt: skip


def one_scale_for_all(weight, size, bits):
    return _groups(weight, size, bits, lambda w: w.abs().amax().expand(w.shape[:2]))


def signed_largest(weight, size, bits):
    return _groups(weight, size, bits, lambda w: w.amax(dim=2))


def divides_by_a_power(weight, size, bits):
    return _groups(weight, size, bits, top=2 ** (bits - 1))


def whole_range(weight, size, bits):
    return _groups(weight, size, bits, top=2**bits - 1)


def cuts_off(weight, size, bits):
    return _groups(weight, size, bits, rounded=torch.trunc)


def rounds_down(weight, size, bits):
    return _groups(weight, size, bits, rounded=torch.floor)


def always_127(weight, size, bits):
    return _groups(weight, size, bits, top=127)


def every_second_column(weight, size, bits):
    columns = weight.shape[1]
    order = torch.arange(columns).view(size, -1).T.flatten()
    q, scale = by_view(weight[:, order], size, bits)
    return q[:, order.argsort()], scale


def multiplies(weight, size, bits):
    scale = by_view(weight, size, bits)[1]
    return (weight.detach() * scale.repeat_interleave(size, 1)).round().to(torch.int8), scale


def zeros_by_a_small_number(weight, size, bits):
    return _groups(weight, size, bits, zero=1e-8)


def divides_by_zero(weight, size, bits):
    w = weight.detach().unflatten(1, (-1, size))
    scale = w.abs().amax(dim=2) / (2 ** (bits - 1) - 1)
    return (w / scale.unsqueeze(2)).round().to(torch.int8).flatten(1), scale


def inverse_scale(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    peak = weight.detach().unflatten(1, (-1, size)).abs().amax(2)
    return q, torch.where(peak == 0, scale, 1 / scale)


def of_floats(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    return q.float(), scale


def in_groups(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    return q.unflatten(1, (-1, size)), scale


def scale_with_a_last_dimension(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    return q, scale.unsqueeze(2)


def the_weight_again(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    return q * scale.repeat_interleave(size, dim=1)


def rounds_the_weight_itself(weight, size, bits):
    q, scale = by_view(weight, size, bits)
    weight.data = q * scale.repeat_interleave(size, dim=1)
    return q, scale


# 32.3


def by_factor_and_shift(norm, linear):
    with torch.no_grad():
        factor = 1 / torch.sqrt(norm.running_var + norm.eps)
        if norm.weight is not None:
            factor = factor * norm.weight
        shift = -norm.running_mean * factor
        if norm.bias is not None:
            shift = shift + norm.bias
        new = nn.Linear(linear.in_features, linear.out_features).to(linear.weight.dtype)
        new.weight.copy_(linear.weight * factor[None])
        new.bias.copy_(linear.weight @ shift)
        if linear.bias is not None:
            new.bias.add_(linear.bias)
    return new


def by_its_answers(norm, linear):
    """What an affine map is, it says itself: at zero and at the unit vectors."""
    n, dtype = linear.in_features, linear.weight.dtype

    def both(x):
        mean, var = norm.running_mean, norm.running_var
        return linear(nn.functional.batch_norm(x, mean, var, norm.weight, norm.bias, eps=norm.eps))

    with torch.no_grad():
        zero = both(torch.zeros(1, n, dtype=dtype))[0]
        columns = both(torch.eye(n, dtype=dtype)) - zero
        new = nn.Linear(n, linear.out_features, dtype=dtype)
        new.weight = nn.Parameter(columns.T.contiguous())
        new.bias = nn.Parameter(zero)
    return new


def by_a_diagonal(norm, linear):
    new = nn.Linear(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
    ones = torch.ones_like(norm.running_var)
    gamma = norm.weight.data if norm.affine else ones
    beta = norm.bias.data if norm.affine else 0 * ones
    scale = torch.diag(gamma / (norm.running_var + norm.eps) ** 0.5)
    new.weight.data = linear.weight.data @ scale
    extra = 0 if linear.bias is None else linear.bias.data
    new.bias.data = linear.weight.data @ (beta - scale @ norm.running_mean) + extra
    return new


def _folded(norm, linear, factor=None, shift=None, bias=True, rows=False, around=False):
    gamma = 1 if norm.weight is None else norm.weight.data
    beta = 0 if norm.bias is None else norm.bias.data
    mean, var, w = norm.running_mean, norm.running_var, linear.weight.data
    f = (factor or (lambda g, v, e: g / (v + e).sqrt()))(gamma, var, norm.eps) + 0 * mean
    t = (shift or (lambda b, m, f: b - m * f))(beta, mean, f) + 0 * mean
    new = nn.Linear(linear.in_features, linear.out_features, dtype=w.dtype)
    new.weight.data = w * (f.unsqueeze(1) if rows else f)
    new.bias.data = (t if around else w @ t) + 0
    if bias and linear.bias is not None:
        new.bias.data += linear.bias.data
    return new


def without_the_bias(norm, linear):
    return _folded(norm, linear, bias=False)


def without_the_mean(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: b)


def without_the_shift(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: 0 * m)


def shift_beside_the_weight(norm, linear):
    """Works where there are as many features as outputs, and is wrong there."""
    return _folded(norm, linear, around=True)


def without_eps(norm, linear):
    return _folded(norm, linear, factor=lambda g, v, e: g / v.sqrt())


def eps_outside(norm, linear):
    return _folded(norm, linear, factor=lambda g, v, e: g / (v.sqrt() + e))


def no_root(norm, linear):
    return _folded(norm, linear, factor=lambda g, v, e: g / (v + e))


def without_beta(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: -m * f)


def adds_the_mean(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: b + m * f)


def negative_shift(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: m * f - b)


def through_the_scaled_weight(norm, linear):
    new = _folded(norm, linear)
    factor = 1 if norm.weight is None else norm.weight.data
    factor = factor / (norm.running_var + norm.eps).sqrt()
    shift = (0 if norm.bias is None else norm.bias.data) - norm.running_mean * factor
    new.bias.data += new.weight.data @ shift - linear.weight.data @ shift
    return new


def always_float32(norm, linear):
    return _folded(norm, linear).float()


def mean_without_factor(norm, linear):
    return _folded(norm, linear, shift=lambda b, m, f: b - m)


def without_its_weights(norm, linear):
    return _folded(norm, linear, lambda g, v, e: 1 / (v + e).sqrt(), lambda b, m, f: -m * f)


def rows_for_columns(norm, linear):
    return _folded(norm, linear, rows=True)


def the_layer_alone(norm, linear):
    return _folded(norm, linear, lambda g, v, e: 1, lambda b, m, f: 0 * m)


def in_place(norm, linear):
    new = by_factor_and_shift(norm, linear)
    linear.weight.data = new.weight.data
    linear.bias = new.bias
    return linear


def changes_the_mode(norm, linear):
    norm.eval()
    return by_factor_and_shift(norm, linear)


def a_sequence_of_both(norm, linear):
    return nn.Sequential(norm, linear)


def needs_a_bias(norm, linear):
    new = _folded(norm, linear, bias=False)
    new.bias.data += linear.bias.data
    return new


def needs_a_weight(norm, linear):
    with torch.no_grad():
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        new = nn.Linear(linear.in_features, linear.out_features, dtype=linear.weight.dtype)
        new.weight.copy_(linear.weight * factor)
        new.bias.copy_(linear.weight @ (norm.bias - norm.running_mean * factor))
        if linear.bias is not None:
            new.bias += linear.bias
    return new


# 32.4


def _grey(picture):
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB").convert("L")


def _ground(grey, middle=np.median):
    x = np.asarray(grey)
    return middle(np.concatenate([x[0], x[-1], x[1:-1, 0], x[1:-1, -1]]))


def _tensor(grey):
    return torch.from_numpy(np.array(grey))[None, None]


def _square(grey, fill=0, filter=Image.Resampling.BICUBIC, corner=False):
    scale = 28 / max(grey.size)
    size = tuple(max(1, round(side * scale)) for side in grey.size)
    sheet = Image.new("L", (28, 28), fill)
    place = (0, 0) if corner else ((28 - size[0]) // 2, (28 - size[1]) // 2)
    sheet.paste(grey.resize(size, filter), place)
    return sheet


def _negative(grey):
    return ImageOps.invert(grey) if _ground(grey) > 127 else grey


def by_pasting(picture):
    return _tensor(_square(_negative(_grey(picture))))


def by_pillows_own_pad(picture):
    grey = _negative(_grey(picture))
    if grey.size == (28, 28):
        return _tensor(grey)
    scale = 28 / max(grey.size)
    size = [max(1, round(side * scale)) for side in grey.size]
    return _tensor(ImageOps.pad(grey.resize(size, Image.Resampling.BOX), (28, 28)))


def by_hand(picture):
    """Paste with a mask, arithmetic in NumPy, the nearest pixel, padding in PyTorch."""
    picture = picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    x = np.array(white.convert("L")).astype(int)
    edge = list(x[0]) + list(x[-1]) + list(x[1:-1, 0]) + list(x[1:-1, -1])
    middle = sorted(edge)[(len(edge) - 1) // 2 : len(edge) // 2 + 1]
    if sum(middle) > 127 * len(middle):
        x = 255 - x
    side = max(x.shape)
    rows, columns = (max(1, int(n * 28 / side + 0.5)) for n in x.shape)
    row = ((np.arange(rows) + 0.5) * x.shape[0] / rows).astype(int)
    column = ((np.arange(columns) + 0.5) * x.shape[1] / columns).astype(int)
    x = torch.from_numpy(x[np.ix_(row, column)])
    top, left = (29 - rows) // 2, (29 - columns) // 2
    pad = (left, 28 - columns - left, top, 28 - rows - top)
    return nn.functional.pad(x, pad).to(torch.uint8).view(1, 1, 28, 28)


def _turns_above(picture, middle):
    grey = _grey(picture)
    return _tensor(_square(ImageOps.invert(grey) if _ground(grey, middle) > 127 else grey))


def by_the_lower_median(picture):
    return _turns_above(picture, lambda edge: torch.from_numpy(edge).median().item())


def by_the_upper_median(picture):
    return _turns_above(picture, lambda edge: np.sort(edge)[len(edge) // 2])


def rounds_the_median_down(picture):
    return _turns_above(picture, lambda edge: int(np.median(edge)))


def never_turns(picture):
    return _tensor(_square(_grey(picture)))


def always_turns(picture):
    return _tensor(_square(ImageOps.invert(_grey(picture))))


def turns_by_the_mean(picture):
    grey = _grey(picture)
    light = np.asarray(grey).mean() > 127
    return _tensor(_square(ImageOps.invert(grey) if light else grey))


def turns_by_the_corners(picture):
    grey = _grey(picture)
    x = np.asarray(grey)
    light = np.median([x[0, 0], x[0, -1], x[-1, 0], x[-1, -1]]) > 127
    return _tensor(_square(ImageOps.invert(grey) if light else grey))


def corners_twice(picture):
    grey = _grey(picture)
    x = np.asarray(grey)
    light = np.median(np.concatenate([x[0], x[-1], x[:, 0], x[:, -1]])) > 127
    return _tensor(_square(ImageOps.invert(grey) if light else grey))


def without_corners(picture):
    grey = _grey(picture)
    x = np.asarray(grey)
    edge = np.concatenate([x[0, 1:-1], x[-1, 1:-1], x[1:-1, 0], x[1:-1, -1]])
    light = np.median(edge if edge.size else x) > 127
    return _tensor(_square(ImageOps.invert(grey) if light else grey))


def turns_after_scaling(picture):
    grey = _grey(picture)
    scale = 28 / max(grey.size)
    grey = grey.resize([max(1, round(side * scale)) for side in grey.size])
    return _tensor(_square(_negative(grey)))


def by_the_shorter_side(picture):
    grey = _negative(_grey(picture))
    scale = 28 / min(grey.size)
    grey = grey.resize([round(side * scale) for side in grey.size])
    sheet = Image.new("L", (28, 28))
    sheet.paste(grey, ((28 - grey.width) // 2, (28 - grey.height) // 2))
    return _tensor(sheet)


def stretches(picture):
    return _tensor(_negative(_grey(picture)).resize((28, 28)))


def crops(picture):
    return _tensor(ImageOps.fit(_negative(_grey(picture)), (28, 28)))


def into_a_corner(picture):
    return _tensor(_square(_negative(_grey(picture)), corner=True))


def on_white(picture):
    return _tensor(_square(_negative(_grey(picture)), fill=255))


def turns_after_padding(picture):
    return _tensor(_negative(_square(_grey(picture))))


def black_for_transparent(picture):
    return _tensor(_square(_negative(picture.convert("L"))))


def palettes_as_they_are(picture):
    if picture.mode == "P":
        picture = Image.fromarray(np.array(picture))
    return by_pasting(picture)


def mean_of_colours(picture):
    if picture.mode == "RGB":
        picture = Image.fromarray(np.array(picture).astype(int).mean(axis=2).astype(np.uint8))
    return by_pasting(picture)


def half_transparent_is_solid(picture):
    if picture.mode == "RGBA":
        x = np.array(picture)
        x[..., 3] = np.where(x[..., 3] > 0, 255, 0)
        picture = Image.fromarray(x)
    return by_pasting(picture)


def between_zero_and_one(picture):
    return by_pasting(picture).float() / 255


def without_a_batch(picture):
    return by_pasting(picture)[0]


def in_the_given_picture(picture):
    result = by_pasting(picture)
    picture.paste(0, (0, 0, 1, 1))
    picture.putpixel((0, 0), 1)
    return result


def thumbnails_it(picture):
    result = by_pasting(picture)
    picture.thumbnail((20, 20))
    return result


def loses_thin_sides(picture):
    grey = _negative(_grey(picture))
    scale = 28 / max(grey.size)
    size = [int(side * scale) for side in grey.size]
    sheet = Image.new("L", (28, 28))
    if min(size):
        sheet.paste(grey.resize(size), ((28 - size[0]) // 2, (28 - size[1]) // 2))
    return _tensor(sheet)


RIGHT = {
    "32.1": [by_storage, as_list_of_numbers, by_nbytes],
    "32.2": [by_view, by_loops, in_numpy],
    "32.3": [by_factor_and_shift, by_its_answers, by_a_diagonal],
    "32.4": [by_pasting, by_pillows_own_pad, by_hand],
}
WRONG = {
    "32.1": [
        (shared_once, "the first number counts every entry"),
        (counts_numbers, "numbers are counted, not bytes"),
        (four_bytes_each, "each number is taken for 4 bytes"),
        (needed_twice, "torch.save writes the whole storage"),
        (each_storage_again, "written once, and counted twice"),
        (by_first_address, "compare storages"),
        (other_order, "in the other order"),
        (one_number, "the bytes needed"),
        (text_of_bytes, "should be one number"),
        (in_kilobytes, "whole number"),
        (clones_them, "changed"),
    ],
    "32.2": [
        (always_127, "127 belongs to 8 bits: for 4 bits"),
        (every_second_column, "made of neighbours in the row"),
        (multiplies, "multiplied by the scale"),
        (scale_for_each_row, "Each row has one scale here"),
        (one_scale_for_all, "The whole weight has one scale here"),
        (signed_largest, "take the absolute value first"),
        (divides_by_a_power, "not by"),
        (whole_range, "not by"),
        (cuts_off, "cut off towards zero"),
        (rounds_down, "rounded down"),
        (zeros_by_a_small_number, "should have 1"),
        (divides_by_zero, "should have 1"),
        (inverse_scale, "The scale is the inverse"),
        (of_floats, "int8 is asked for"),
        (in_groups, "shape"),
        (scale_with_a_last_dimension, "There is one scale for each group."),
        (the_weight_again, "the whole numbers"),
        (rounds_the_weight_itself, "changed"),
    ],
    "32.3": [
        (without_beta, "beta is left out"),
        (adds_the_mean, "The mean has the wrong sign"),
        (negative_shift, "The shift has the wrong sign"),
        (through_the_scaled_weight, "through the scaled weight"),
        (always_float32, "your answer raised"),
        (without_the_bias, "The bias of the linear layer is left out."),
        (without_the_mean, "The running mean is left out"),
        (without_the_shift, "The shift is left out"),
        (shift_beside_the_weight, "size of tensor"),
        (without_eps, "eps is left out"),
        (eps_outside, "eps"),
        (no_root, "The variance is used where its root should be."),
        (mean_without_factor, "The mean is subtracted without the factor."),
        (without_its_weights, "The weight and bias of the normalisation are left out."),
        (rows_for_columns, "size of tensor"),
        (the_layer_alone, "This is the linear layer alone"),
        (in_place, "changed"),
        (changes_the_mode, "in another mode than before"),
        (a_sequence_of_both, "nn.Linear"),
        (needs_a_bias, "your answer raised"),
        (needs_a_weight, "your answer raised"),
    ],
    "32.4": [
        (corners_twice, "counts once, the corners too"),
        (without_corners, "counts once, the corners too"),
        (turns_after_scaling, "before the picture is scaled"),
        (by_the_shorter_side, "the shorter side became 28"),
        (by_the_lower_median, "the mean of the two in the middle"),
        (by_the_upper_median, "the mean of the two in the middle"),
        (rounds_the_median_down, "the mean of the two in the middle"),
        (never_turns, "the picture is not turned"),
        (always_turns, "although its background is dark"),
        (turns_by_the_mean, "The mean of the whole picture decides here"),
        (turns_by_the_corners, "The corners decide here"),
        (stretches, "both sides were made 28"),
        (crops, "the shorter side became 28"),
        (into_a_corner, "in the middle of the square"),
        (on_white, "what is filled in is black"),
        (turns_after_padding, "its border is light"),
        (black_for_transparent, "put the picture on white"),
        (palettes_as_they_are, "numbers of the palette"),
        (mean_of_colours, 'use convert("L")'),
        (half_transparent_is_solid, "mix it with white"),
        (between_zero_and_one, "uint8 is asked for"),
        (without_a_batch, "shape"),
        (in_the_given_picture, "changed the picture"),
        (thumbnails_it, "changed the picture"),
        (loses_thin_sides, "at least 1 pixel"),
    ],
}
