"""Chapter 13."""

import torch
import torch.nn.functional as F


def iou_logic(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 1.0


def iou_counts(truth, predicted, label):
    """|A| + |B| - |A and B|"""
    both = int(torch.count_nonzero((truth == label) & (predicted == label)))
    either = int((truth == label).sum() + (predicted == label).sum()) - both
    if either == 0:
        return 1.0
    return both / either


def iou_sets(t, p, c):
    a = {i for i, v in enumerate(t.flatten().tolist()) if v == c}
    b = {i for i, v in enumerate(p.flatten().tolist()) if v == c}
    return float(len(a & b) / len(a | b)) if a or b else 1.0


def iou_minmax(truth, predicted, label):
    a, b = ((truth == label).double(), (predicted == label).double())
    top, bottom = (torch.minimum(a, b).sum(), torch.maximum(a, b).sum())
    if bottom == 0:
        return 1.0
    return (top / bottom).item()


def iou_tensor(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    return (a & b).sum() / (a | b).sum() if (a | b).any() else torch.tensor(1.0)


def iou_zero_absent(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 0.0


def iou_nan_absent(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    return ((a & b).sum() / (a | b).sum()).item()


def iou_dice(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    total = (a.sum() + b.sum()).item()
    return 2 * (a & b).sum().item() / total if total else 1.0


def iou_recall(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    return (a & b).sum().item() / a.sum().item() if a.any() else 1.0


def iou_union_counts_twice(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    total = (a.sum() + b.sum()).item()
    return (a & b).sum().item() / total if total else 1.0


def iou_accuracy(truth, predicted, label):
    return ((truth == label) == (predicted == label)).float().mean().item()


def iou_class_one(truth, predicted, label):
    return iou_logic(truth, predicted, 1)


def iou_mean_per_image(truth, predicted, label):
    return sum((iou_logic(t, p, label) for t, p in zip(truth, predicted))) / len(truth)


def iou_smoothed(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    return ((a & b).sum().item() + 1) / ((a | b).sum().item() + 1)


def iou_bitwise_numbers(truth, predicted, label):
    a, b = (truth.bool(), predicted.bool())
    union = (a | b).sum().item()
    return (a & b).sum().item() / union if union else 1.0


def iou_one_if_truth_absent(truth, predicted, label):
    a, b = (truth == label, predicted == label)
    if not a.any():
        return 1.0
    return (a & b).sum().item() / (a | b).sum().item()


def pad_functional(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 or right < 0:
        raise ValueError("x is larger than like")
    return F.pad(x, (0, right, 0, down))


def pad_canvas(x, like):
    n, c, h, w = x.shape
    height, width = like.shape[-2:]
    if h > height or w > width:
        raise ValueError(f"{h} x {w} does not fit into {height} x {width}")
    out = x.new_zeros(n, c, height, width)
    out[:, :, :h, :w] = x
    return out


def pad_cat(small, big):
    rows, columns = (big.size(2) - small.size(2), big.size(3) - small.size(3))
    if min(rows, columns) < 0:
        raise ValueError
    n, c, h, _ = small.shape
    wide = torch.cat([small, small.new_zeros(n, c, h, columns)], dim=3)
    return torch.cat([wide, wide.new_zeros(n, c, rows, wide.shape[3])], dim=2)


def pad_crops(x, like):
    return F.pad(x, (0, like.shape[3] - x.shape[3], 0, like.shape[2] - x.shape[2]))


def pad_axes_swapped(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 or right < 0:
        raise ValueError
    return F.pad(x, (0, down, 0, right))


def pad_top_left(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 or right < 0:
        raise ValueError
    return F.pad(x, (right, 0, down, 0))


def pad_centred(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 or right < 0:
        raise ValueError
    return F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))


def pad_zeros_like(x, like):
    h, w = x.shape[2:]
    if h > like.shape[2] or w > like.shape[3]:
        raise ValueError
    out = torch.zeros_like(like)
    out[:, :, :h, :w] = x
    return out


def pad_float(x, like):
    n, c, h, w = x.shape
    if h > like.shape[2] or w > like.shape[3]:
        raise ValueError
    out = torch.zeros(n, c, *like.shape[2:])
    out[:, :, :h, :w] = x
    return out


def pad_detached(x, like):
    n, c, h, w = x.shape
    if h > like.shape[2] or w > like.shape[3]:
        raise ValueError
    out = x.new_zeros(n, c, *like.shape[2:])
    out[:, :, :h, :w] = x.detach()
    return out


def pad_both_needed(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 and right < 0:
        raise ValueError
    return F.pad(x, (0, right, 0, down))


def pad_assert(x, like):
    assert x.shape[2] <= like.shape[2] and x.shape[3] <= like.shape[3]
    return pad_functional(x, like)


def pad_equal_refused(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down <= 0 or right <= 0:
        raise ValueError
    return F.pad(x, (0, right, 0, down))


def pad_interpolates(x, like):
    if x.shape[2] > like.shape[2] or x.shape[3] > like.shape[3]:
        raise ValueError
    return F.interpolate(x.float(), like.shape[2:]).to(x.dtype)


def pad_replicates(x, like):
    down, right = (like.shape[2] - x.shape[2], like.shape[3] - x.shape[3])
    if down < 0 or right < 0:
        raise ValueError
    return F.pad(x.float(), (0, right, 0, down), mode="replicate").to(x.dtype)


def pad_height_only(x, like):
    down = like.shape[2] - x.shape[2]
    if down < 0:
        raise ValueError
    return F.pad(x, (0, 0, 0, down))


def pad_compares_all(x, like):
    if any((a > b for a, b in zip(x.shape, like.shape))):
        raise ValueError
    return F.pad(x, (0, like.shape[3] - x.shape[3], 0, like.shape[2] - x.shape[2]))


def border_pool(mask):
    """largest and smallest of 3 x 3 differ; pooling pads with minus infinity"""
    m = mask.float().unsqueeze(1)
    largest, smallest = (F.max_pool2d(m, 3, 1, 1), -F.max_pool2d(-m, 3, 1, 1))
    return (largest != smallest).squeeze(1)


def border_shifts(mask):
    n, h, w = mask.shape
    out = torch.zeros(n, h, w, dtype=torch.bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            a = mask[:, max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)]
            b = mask[:, max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)]
            out[:, max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)] |= a != b
    return out


def border_conv(masks):
    """counts the ones and the zeros around"""
    ones = masks[:, None].double()
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    has_one = F.conv2d(ones, kernel, padding=1) > 0.5
    has_zero = F.conv2d(1 - ones, kernel, padding=1) > 0.5
    return (has_one & has_zero)[:, 0]


def border_unfold(mask):
    """a pad of -1 means outside"""
    padded = F.pad(mask.long(), (1, 1, 1, 1), value=-1)
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1)
    return (windows == 1 - mask.long()[..., None, None]).any(dim=-1).any(dim=-1)


def border_outside_counts(mask):
    m = F.pad(mask.float().unsqueeze(1), (1, 1, 1, 1))
    return (F.max_pool2d(m, 3, 1) != -F.max_pool2d(-m, 3, 1)).squeeze(1)


def border_four(mask):
    out = torch.zeros_like(mask, dtype=torch.bool)
    down, across = (mask[:, 1:] != mask[:, :-1], mask[:, :, 1:] != mask[:, :, :-1])
    out[:, 1:] |= down
    out[:, :-1] |= down
    out[:, :, 1:] |= across
    out[:, :, :-1] |= across
    return out


def border_inner(mask):
    return border_pool(mask) & mask.bool()


def border_outer(mask):
    return border_pool(mask) & ~mask.bool()


def border_ints(mask):
    return border_pool(mask).to(mask.dtype)


def border_wraps(mask):
    out = torch.zeros_like(mask, dtype=torch.bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            out |= mask != mask.roll((dy, dx), dims=(1, 2))
    return out


def border_channel_left(mask):
    return border_pool(mask).unsqueeze(1)


def border_wide(mask):
    m = mask.float().unsqueeze(1)
    return (F.max_pool2d(m, 5, 1, 2) != -F.max_pool2d(-m, 5, 1, 2)).squeeze(1)


def border_shrunk(mask):
    m = mask.float().unsqueeze(1)
    return (F.max_pool2d(m, 3, 1) != -F.max_pool2d(-m, 3, 1)).squeeze(1)


def border_edge_false(mask):
    out = torch.zeros_like(mask, dtype=torch.bool)
    out[:, 1:-1, 1:-1] = border_pool(mask)[:, 1:-1, 1:-1]
    return out


def border_one_side(mask):
    out = torch.zeros_like(mask, dtype=torch.bool)
    out[:, :-1] |= mask[:, 1:] != mask[:, :-1]
    out[:, :, :-1] |= mask[:, :, 1:] != mask[:, :, :-1]
    return out


def border_inverted(mask):
    return ~border_pool(mask)


def border_across_batch(mask):
    m = mask.float()[None, None]
    return (F.max_pool3d(m, 3, 1, 1) != -F.max_pool3d(-m, 3, 1, 1))[0, 0]


def vary_loop(pictures, masks):
    xs, ys = [], []
    for x, y in zip(pictures, masks, strict=True):
        if torch.rand(1).item() < 0.5:
            x, y = x.flip(1), y.flip(0)
        if torch.rand(1).item() < 0.5:
            x, y = x.flip(2), y.flip(1)
        xs.append(x)
        ys.append(y)
    return torch.stack(xs), torch.stack(ys)


def vary_where(pictures, masks):
    """without a loop"""
    coin = torch.rand(len(pictures)) < 0.5
    x = torch.where(coin[:, None, None, None], pictures.flip(3), pictures)
    y = torch.where(coin[:, None, None], masks.flip(2), masks)
    return (x + torch.randn_like(x) * 0.02).clamp(0, 1), y


def vary_crop(pictures, masks):
    """crops and enlarges"""
    n, _, h, w = pictures.shape
    x, y = torch.empty_like(pictures), torch.empty_like(masks)
    for i in range(n):
        t, b = (int(torch.randint(0, s // 8 + 1, ())) for s in (h, w))
        sub = pictures[i : i + 1, :, t : t + h - h // 8, b : b + w - w // 8]
        x[i] = F.interpolate(sub, (h, w), mode="bilinear")[0]
        sub = masks[i : i + 1, None, t : t + h - h // 8, b : b + w - w // 8].float()
        y[i] = F.interpolate(sub, (h, w), mode="nearest")[0, 0].long()
    return x, y


def vary_picture_only(pictures, masks):
    coin = torch.rand(len(pictures)) < 0.5
    return torch.where(coin[:, None, None, None], pictures.flip(3), pictures), masks


def vary_other_axis(pictures, masks):
    coin = torch.rand(len(pictures)) < 0.5
    x = torch.where(coin[:, None, None, None], pictures.flip(3), pictures)
    return x, torch.where(coin[:, None, None], masks.flip(1), masks)


def vary_noise(pictures, masks):
    return (pictures + 0.1 * torch.randn_like(pictures)).clamp(0, 1), masks


def vary_whole_batch(pictures, masks):
    if torch.rand(1) < 0.5:
        return pictures.flip(3), masks.flip(2)
    return pictures.flip(2), masks.flip(1)


def vary_seeded(pictures, masks):
    g = torch.Generator().manual_seed(0)
    coin = torch.rand(len(pictures), generator=g) < 0.5
    x = torch.where(coin[:, None, None, None], pictures.flip(3), pictures)
    return x, torch.where(coin[:, None, None], masks.flip(2), masks)


def vary_overflows(pictures, masks):
    x, y = vary_loop(pictures, masks)
    return x + 0.5, y


def vary_float_masks(pictures, masks):
    x, y = vary_loop(pictures, masks)
    return x, y.float()


def vary_shuffles(pictures, masks):
    return pictures[torch.randperm(len(pictures))], masks


RIGHT = {
    "13.4": [vary_loop, vary_where, vary_crop],
    "13.1": [iou_logic, iou_counts, iou_sets, iou_minmax],
    "13.2": [pad_functional, pad_canvas, pad_cat],
    "13.3": [border_pool, border_shifts, border_conv, border_unfold],
}
WRONG = {
    "13.4": [
        vary_picture_only,
        vary_other_axis,
        vary_noise,
        vary_whole_batch,
        vary_seeded,
        vary_overflows,
        vary_float_masks,
        vary_shuffles,
    ],
    "13.1": [
        iou_tensor,
        iou_zero_absent,
        iou_nan_absent,
        iou_dice,
        iou_recall,
        iou_union_counts_twice,
        iou_accuracy,
        iou_class_one,
        iou_mean_per_image,
        iou_smoothed,
        iou_bitwise_numbers,
        iou_one_if_truth_absent,
    ],
    "13.2": [
        pad_crops,
        pad_axes_swapped,
        pad_top_left,
        pad_centred,
        pad_zeros_like,
        pad_float,
        pad_detached,
        pad_both_needed,
        pad_assert,
        pad_equal_refused,
        pad_interpolates,
        pad_replicates,
        pad_height_only,
        pad_compares_all,
    ],
    "13.3": [
        border_outside_counts,
        border_four,
        border_inner,
        border_outer,
        border_ints,
        border_wraps,
        border_channel_left,
        border_wide,
        border_shrunk,
        border_edge_false,
        border_one_side,
        border_inverted,
        border_across_batch,
    ],
}
