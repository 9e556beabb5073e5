"""Chapter 05."""

import numpy as np
import torch
from skimage import filters, measure, morphology, segmentation
from torchvision import ops
from torchvision.io import encode_jpeg


def a1(image, limit):
    for q in range(100, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    raise ValueError("too large")


def a2(image, limit):
    found = [d for d in (encode_jpeg(image, q) for q in range(1, 101)) if len(d) <= limit]
    if not found:
        raise ValueError(limit)
    return found[-1]


def a3(image, limit):
    best = None
    for q in range(1, 101):
        d = encode_jpeg(image, quality=q)
        if d.shape[0] <= limit:
            best = d
    if best is None:
        raise ValueError
    return best


def wa_strict(image, limit):
    for q in range(100, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() < limit:
            return d
    raise ValueError


def wa_lowest(image, limit):
    for q in range(1, 101):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    raise ValueError


def wa_95(image, limit):
    for q in range(95, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    raise ValueError


def wa_none(image, limit):
    for q in range(100, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d


def wa_quality(image, limit):
    for q in range(100, 0, -1):
        if encode_jpeg(image, quality=q).numel() <= limit:
            return q
    raise ValueError


def wa_default(image, limit):
    d = encode_jpeg(image)
    if d.numel() > limit:
        raise ValueError
    return d


def wa_step(image, limit):
    for q in range(100, 0, -5):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    raise ValueError


def wa_smallest(image, limit):
    for q in range(100, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    return encode_jpeg(image, quality=1)


def wa_runtime(image, limit):
    for q in range(100, 0, -1):
        d = encode_jpeg(image, quality=q)
        if d.numel() <= limit:
            return d
    raise RuntimeError("too large")


def wa_bytes(image, limit):
    return bytes(a1(image, limit).tolist())


def b1(boxes):
    x1, y1, x2, y2 = boxes.unbind(1)
    return (
        torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1).float(), (y2 - y1).float()], 1)
        if not boxes.is_floating_point()
        else torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1)
    )


def b2(boxes):
    b = boxes if boxes.is_floating_point() else boxes.float()
    return torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], dim=1)


def b3(boxes):
    b = boxes.double() if boxes.dtype in (torch.int64, torch.int32, torch.float64) else boxes
    m = torch.tensor(
        [[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]], dtype=b.dtype
    )
    return b @ m


def wb_corner(boxes):
    b = boxes.float()
    return torch.cat([b[:, :2], b[:, 2:] - b[:, :2]], 1)


def wb_conv(boxes):
    return ops.box_convert(boxes.float(), "xyxy", "cxcywh")


def wb_int(boxes):
    return torch.cat([(boxes[:, :2] + boxes[:, 2:]) // 2, boxes[:, 2:] - boxes[:, :2]], 1)


def wb_half(boxes):
    b = boxes.float()
    return torch.cat([(b[:, 2:] - b[:, :2]) / 2, b[:, 2:] - b[:, :2]], 1)


def wb_swap(boxes):
    b = boxes.float()
    return torch.cat([(b[:, :2] + b[:, 2:]) / 2, (b[:, 2:] - b[:, :2]).flip(1)], 1)


def wb_order(boxes):
    b = boxes.float()
    return torch.cat([b[:, 2:] - b[:, :2], (b[:, :2] + b[:, 2:]) / 2], 1)


def wb_plus1(boxes):
    b = boxes.float()
    return torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2] + 1], 1)


def wb_inplace(boxes):
    b = boxes if boxes.is_floating_point() else boxes.float()
    b[:, 2:] -= b[:, :2]
    b[:, :2] += b[:, 2:] / 2
    return b


def wb_stack0(boxes):
    x1, y1, x2, y2 = boxes.float().unbind(1)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def c1(boxes, scores, labels, limit):
    kept = []
    for c in labels.unique():
        i = (labels == c).nonzero().flatten()
        kept.append(i[ops.nms(boxes[i], scores[i], limit)])
    if not kept:
        return torch.empty(0, dtype=torch.int64)
    k = torch.cat(kept)
    return k[scores[k].argsort(descending=True)]


def c2(boxes, scores, labels, limit):
    kept = []
    iou = ops.box_iou(boxes, boxes) if len(boxes) else None
    for i in scores.argsort(descending=True).tolist():
        if all(labels[i] != labels[j] or iou[i, j] <= limit for j in kept):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


def c3(boxes, scores, labels, limit):
    if len(boxes) == 0:
        return torch.zeros(0, dtype=torch.long)
    span = boxes.max() - boxes.min() + 1
    return ops.nms(boxes + (labels.to(boxes) * span)[:, None], scores, limit)


def wc_plain(boxes, scores, labels, limit):
    return ops.nms(boxes, scores, limit)


def wc_batched(boxes, scores, labels, limit):
    return ops.batched_nms(boxes, scores, labels, limit)


def wc_unsorted(boxes, scores, labels, limit):
    kept = [
        i[ops.nms(boxes[i], scores[i], limit)]
        for i in ((labels == c).nonzero().flatten() for c in labels.unique())
    ]
    return torch.cat(kept) if kept else torch.empty(0, dtype=torch.int64)


def wc_local(boxes, scores, labels, limit):
    kept = [ops.nms(boxes[labels == c], scores[labels == c], limit) for c in labels.unique()]
    return torch.cat(kept) if kept else torch.empty(0, dtype=torch.int64)


def wc_empty(boxes, scores, labels, limit):
    k = torch.cat(
        [
            i[ops.nms(boxes[i], scores[i], limit)]
            for i in ((labels == c).nonzero().flatten() for c in labels.unique())
        ]
    )
    return k[scores[k].argsort(descending=True)]


def wc_ascending(boxes, scores, labels, limit):
    k = c1(boxes, scores, labels, limit)
    return k.flip(0)


def wc_boxes(boxes, scores, labels, limit):
    return boxes[c1(boxes, scores, labels, limit)]


def wc_maxoff(boxes, scores, labels, limit):
    if len(boxes) == 0:
        return torch.zeros(0, dtype=torch.long)
    return ops.nms(boxes + (labels.to(boxes) * boxes.max())[:, None], scores, limit)


def wc_ge(boxes, scores, labels, limit):
    kept = []
    iou = ops.box_iou(boxes, boxes) if len(boxes) else None
    for i in scores.argsort(descending=True).tolist():
        if all(labels[i] != labels[j] or iou[i, j] < limit for j in kept):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


def wc_one(boxes, scores, labels, limit):
    k = [(labels == c).nonzero().flatten()[scores[labels == c].argmax()] for c in labels.unique()]
    return torch.stack(k) if k else torch.empty(0, dtype=torch.int64)


def _regions(mask):
    mask = segmentation.clear_border(morphology.closing(mask, morphology.disk(3)))
    return [r for r in measure.regionprops(measure.label(mask)) if 600 < r.area < 6000]


def _boxes(regions):
    return torch.tensor([[r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]] for r in regions]).float()


def e1(image):
    a = image[0].numpy().astype(float)
    return _boxes(_regions(a > a.mean() + 40))


def e2(image):
    """Keeps, of overlapping areas at all thresholds, the one that fills its hull best."""
    a = image[0].numpy()
    found = [r for t in range(80, 185, 15) for r in _regions(a > t)]
    found.sort(key=lambda r: -r.solidity)
    kept = []
    for r in found:
        box = _boxes([r])
        if all(ops.box_iou(box, _boxes([k]))[0, 0] < 0.2 for k in kept):
            kept.append(r)
    return _boxes(kept)


def e3(image):
    a = image[0].numpy().astype(float)
    return _boxes(_regions(a > np.median(a) + 50)).double()


def we_115(image):
    return _boxes(_regions(image[0].numpy() > 115))


def we_135(image):
    return _boxes(_regions(image[0].numpy() > 135))


def we_otsu(image):
    a = image[0].numpy()
    return _boxes(_regions(a > filters.threshold_otsu(a)))


def we_xywh(image):
    b = e1(image)
    b[:, 2:] -= b[:, :2]
    return b


def we_yx(image):
    return e1(image)[:, [1, 0, 3, 2]]


def we_heap(image):
    return torch.cat([e1(image), e3(image).float()])


def we_best_twenty(image):
    return e1(image)[:20]


def we_whole(image):
    _, h, w = image.shape
    return torch.cat([e1(image), torch.tensor([[0.0, 0.0, w, h]])])


RIGHT = {"05.1": [a1, a2, a3], "05.2": [b1, b2, b3], "05.3": [c1, c2, c3], "05.4": [e1, e2, e3]}
WRONG = {
    "05.1": [
        wa_strict,
        wa_lowest,
        wa_95,
        wa_none,
        wa_quality,
        wa_default,
        wa_step,
        wa_smallest,
        wa_runtime,
        wa_bytes,
    ],
    "05.2": [
        wb_corner,
        wb_conv,
        wb_int,
        wb_half,
        wb_swap,
        wb_order,
        wb_plus1,
        wb_inplace,
        wb_stack0,
    ],
    "05.3": [
        wc_plain,
        wc_batched,
        wc_unsorted,
        wc_local,
        wc_empty,
        wc_ascending,
        wc_boxes,
        wc_maxoff,
        wc_ge,
        wc_one,
    ],
    "05.4": [we_115, we_135, we_otsu, we_xywh, we_yx, we_heap, we_best_twenty, we_whole],
}
