"""Chapter 24."""

import torch
import torch.nn.functional as F


def with_grad(model, images, targets):
    x = images.detach().clone().requires_grad_()
    with torch.enable_grad():
        scores = model(x)[torch.arange(len(x)), targets]
        gradient = torch.autograd.grad(scores.sum(), x)[0]
    return gradient.abs().amax(dim=1)


def with_gather(net, batch, classes):
    inputs = batch.detach().requires_grad_(True)
    score = net(inputs).gather(1, classes.view(-1, 1)).sum()
    (gradient,) = torch.autograd.grad(score, inputs)
    return gradient.abs().max(dim=1).values


def with_one_hot(model, images, targets):
    x = images.detach().clone().requires_grad_(True)
    logits = model(x)
    gradient = torch.autograd.grad(logits, x, F.one_hot(targets, logits.shape[1]).to(logits))[0]
    return torch.maximum(gradient.amax(1), (-gradient).amax(1))


def row_by_row(model, images, targets):
    x = images.clone().detach().requires_grad_()
    logits, maps = (model(x), [])
    for n, target in enumerate(targets.tolist()):
        g = torch.autograd.grad(logits[n, target], x, retain_graph=True)[0][n]
        maps.append(g.abs().max(0)[0])
    return torch.stack(maps)


def _maps(model, images, targets, score=None, end=None):
    x = images.detach().clone().requires_grad_()
    out = model(x)
    s = out[torch.arange(len(x)), targets] if score is None else score(out, targets)
    g = torch.autograd.grad(s.sum(), x)[0]
    return g.abs().amax(1) if end is None else end(g)


def of_probability(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o.softmax(1)[torch.arange(len(t)), t])


def of_best_class(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o.max(1).values)


def of_all_classes(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o.sum(1))


def first_target_for_all(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o[:, t[0]])


def wrong_indexing(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o[:, t].sum(1))


def no_abs(model, images, targets):
    return _maps(model, images, targets, end=lambda g: g.amax(1))


def abs_too_late(model, images, targets):
    return _maps(model, images, targets, end=lambda g: g.amax(1).abs())


def mean_over_channels(model, images, targets):
    return _maps(model, images, targets, end=lambda g: g.abs().mean(1))


def keeps_axis(model, images, targets):
    return _maps(model, images, targets, end=lambda g: g.abs().amax(1, keepdim=True))


def wrong_axis(model, images, targets):
    return _maps(model, images, targets, end=lambda g: g.abs().amax(0))


def averaged_scores(model, images, targets):
    return _maps(model, images, targets, lambda o, t: o[torch.arange(len(t)), t].mean())


def leaves_grad(model, images, targets):
    images.requires_grad_()
    model(images)[torch.arange(len(images)), targets].sum().backward()
    return images.grad.abs().amax(1)


def sets_eval(model, images, targets):
    model.eval()
    return _maps(model, images, targets)


def of_loss(model, images, targets):
    return _maps(model, images, targets, lambda o, t: F.cross_entropy(o, t, reduction="none"))


class SavesInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        (inputs,) = ctx.saved_tensors
        return incoming.clamp(min=0) * (inputs > 0)


class SavesOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.relu(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        y = ctx.saved_tensors[0]
        return torch.where((y > 0) & (g > 0), g, torch.zeros_like(g))


class SavesMask(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.positive = inputs > 0
        return torch.where(ctx.positive, inputs, 0.0)

    @staticmethod
    def backward(ctx, incoming):
        return F.relu(incoming).masked_fill(~ctx.positive, 0)


class SetupContext(torch.autograd.Function):
    @staticmethod
    def forward(inputs):
        return F.relu(inputs)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, incoming):
        (output,) = ctx.saved_tensors
        result = incoming.clone()
        result[(output <= 0) | (incoming <= 0)] = 0
        return result


class PlainReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming * (ctx.saved_tensors[0] > 0)


class DeconvNet(PlainReLU):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0)


class ZeroPasses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * (ctx.saved_tensors[0] >= 0)


class IdentityForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clone()

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class ReturnsMask(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return ((incoming > 0) & (ctx.saved_tensors[0] > 0)).to(incoming)


class AbsoluteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.abs() * (ctx.saved_tensors[0] > 0)


class ChangesInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.positive = inputs > 0
        inputs.data.clamp_(min=0)
        return inputs.clone()

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * ctx.positive


class EitherPasses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming * ((incoming > 0) | (ctx.saved_tensors[0] > 0))


class NegativePasses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(max=0) * (ctx.saved_tensors[0] > 0)


class ReLU6Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(0, 6)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class TimesInput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * ctx.saved_tensors[0].clamp(min=0)


@torch.no_grad()
def two_loops(model, image, target, size):
    rows, columns = (image.shape[2] // size, image.shape[3] // size)
    before = model(image)[0, target]
    result = torch.zeros(rows, columns)
    for r in range(rows):
        for c in range(columns):
            covered = image.clone()
            covered[:, :, r * size : (r + 1) * size, c * size : (c + 1) * size] = 0
            result[r, c] = before - model(covered)[0, target]
    return result


def with_masks(net, picture, label, side):
    h, w = picture.shape[-2:]
    falls = []
    with torch.no_grad():
        whole = net(picture)[0][label].item()
        for top in range(0, h - side + 1, side):
            for left in range(0, w - side + 1, side):
                mask = torch.zeros(h, w, dtype=torch.bool)
                mask[top : top + side, left : left + side] = True
                falls.append(whole - net(picture.masked_fill(mask, 0.0))[0][label].item())
    return torch.tensor(falls).reshape(h // side, w // side)


def a_row_at_a_time(model, image, target, size):
    height, width = (image.shape[-2] // size, image.shape[-1] // size)
    with torch.inference_mode():
        score = model(image)[:, target]
        rows = [image.new_zeros(0, width)]
        for i in range(height):
            copies = image.repeat(width, 1, 1, 1)
            for j, copy in enumerate(copies):
                copy[:, i * size : i * size + size, j * size : j * size + size] = 0
            if width:
                rows.append((score - model(copies)[:, target]).view(1, -1))
        return torch.cat(rows).clone()


def with_kron(model, image, target, size):
    h, w = image.shape[-2:]
    r, c = (h // size, w // size)
    squares = torch.eye(r * c, dtype=torch.bool).view(r * c, r, c)
    squares = squares.repeat_interleave(size, 1).repeat_interleave(size, 2)
    squares = F.pad(squares, (0, w - c * size, 0, h - r * size))
    before = model(image)[0, target].detach()
    if not len(squares):
        return torch.zeros(r, c)
    scores = [
        model(torch.where(s, torch.zeros_like(image), image))[0, target].detach() for s in squares
    ]
    return (before - torch.stack(scores)).view(r, c)


def _occlude(
    model,
    image,
    target,
    size,
    score=lambda o, t: o[0, t],
    value=0.0,
    sign=1,
    channels=slice(None),
    up=False,
    keep=False,
    cumulative=False,
    square=True,
):
    with torch.no_grad():
        h, w = image.shape[2:]
        rows, columns = (-(-h // size), -(-w // size)) if up else (h // size, w // size)
        before = score(model(image), target)
        result = torch.zeros(rows, columns)
        covered = image.clone()
        for r in range(rows):
            for c in range(columns):
                if not cumulative:
                    covered = image.clone()
                covered[:, channels, r * size : (r + 1) * size, c * size : (c + 1) * size] = value
                result[r, c] = sign * (before - score(model(covered), target))
        return result


def rise_not_fall(model, image, target, size):
    return _occlude(model, image, target, size, sign=-1)


def of_probability_fall(model, image, target, size):
    return _occlude(model, image, target, size, score=lambda o, t: o.softmax(1)[0, t])


def one_channel(model, image, target, size):
    return _occlude(model, image, target, size, channels=slice(0, 1))


def rounds_up(model, image, target, size):
    return _occlude(model, image, target, size, up=True)


def squares_stay_covered(model, image, target, size):
    return _occlude(model, image, target, size, cumulative=True)


def covers_with_mean(model, image, target, size):
    return _occlude(model, image, target, size, value=image.mean().item())


def best_class_score(model, image, target, size):
    return _occlude(model, image, target, size, score=lambda o, t: o.max())


def the_score_itself(model, image, target, size):
    with torch.no_grad():
        base = model(image)[0, target]
    return base - two_loops(model, image, target, size)


def changes_image(model, image, target, size):
    rows, columns = (image.shape[2] // size, image.shape[3] // size)
    result = torch.zeros(rows, columns)
    with torch.no_grad():
        before = model(image)[0, target]
        for r in range(rows):
            for c in range(columns):
                image[:, :, r * size : (r + 1) * size, c * size : (c + 1) * size] = 0
                result[r, c] = before - model(image)[0, target]
    return result


def with_graph(model, image, target, size):
    rows, columns = (image.shape[2] // size, image.shape[3] // size)
    before, falls = (model(image)[0, target], [])
    for r in range(rows):
        for c in range(columns):
            covered = image.clone()
            covered[:, :, r * size : (r + 1) * size, c * size : (c + 1) * size] = 0
            falls.append(before - model(covered)[0, target])
    return torch.stack(falls).view(rows, columns) if falls else torch.zeros(rows, columns)


def ends_in_train(model, image, target, size):
    model.train()
    result = two_loops(model.eval(), image, target, size)
    model.train()
    return result


def transposed(model, image, target, size):
    return two_loops(model, image, target, size).T.contiguous()


def sliding(model, image, target, size):
    with torch.no_grad():
        h, w = image.shape[2:]
        before = model(image)[0, target]
        result = torch.zeros(h // size, w // size)
        for r in range(h // size):
            for c in range(w // size):
                covered = image.clone()
                covered[:, :, r : r + size, c : c + size] = 0
                result[r, c] = before - model(covered)[0, target]
        return result


def absolute_fall(model, image, target, size):
    return two_loops(model, image, target, size).abs()


@torch.no_grad()
def with_argsort(model, image, importance, target, shares):
    order = importance.flatten().argsort(descending=True)
    result = []
    for share in shares:
        count = round(share * order.numel())
        changed = image.clone().flatten(2)
        changed[:, :, order[:count]] = 0
        result.append(model(changed.view_as(image)).softmax(dim=1)[0, target].item())
    return result


def with_topk(net, picture, weights, label, fractions):
    answers = []
    for fraction in fractions:
        k = int(round(float(fraction) * weights.numel()))
        mask = torch.ones(weights.numel(), dtype=picture.dtype)
        mask[weights.reshape(-1).topk(k).indices] = 0
        with torch.no_grad():
            logits = net(picture * mask.reshape(1, 1, *weights.shape))
        answers.append(float(F.softmax(logits, dim=-1)[0, label]))
    return answers


def with_ranks(model, image, importance, target, shares):
    ranks = (-importance.detach()).flatten().argsort().argsort().view(importance.shape)
    with torch.no_grad():
        pictures = [image.masked_fill(ranks < round(s * importance.numel()), 0) for s in shares]
        return [model(p).log_softmax(1).exp()[0, target] for p in pictures]


def _delete(
    model,
    image,
    importance,
    target,
    shares,
    largest=True,
    probability=True,
    channels=slice(None),
    key=lambda v: v,
    value=0.0,
    cumulative=False,
    keep=False,
):
    with torch.no_grad():
        order = key(importance).flatten().argsort(descending=largest)
        result, changed = ([], image.clone().flatten(2))
        for share in shares:
            if not cumulative:
                changed = image.clone().flatten(2)
            rows = order[: round(share * len(order))]
            if keep:
                rows = order[round(share * len(order)) :]
            part = changed[:, channels]
            part[:, :, rows] = value
            out = model(changed.view_as(image))
            result.append((out.softmax(1) if probability else out)[0, target].item())
        return result


def least_important_first(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, largest=False)


def logits_not_probabilities(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, probability=False)


def first_channel_only(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, channels=slice(0, 1))


def by_absolute_value(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, key=torch.abs)


def carries_over(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, cumulative=True)


def keeps_the_strongest(model, image, importance, target, shares):
    return _delete(model, image, importance, target, shares, keep=True)


def overwrites_image(model, image, importance, target, shares):
    order, result = (importance.flatten().argsort(descending=True), [])
    with torch.no_grad():
        for share in shares:
            image.view(1, image.shape[1], -1)[:, :, order[: round(share * len(order))]] = 0
            result.append(model(image).softmax(1)[0, target].item())
    return result


def sorts_shares(model, image, importance, target, shares):
    return _delete(model, image, importance, target, sorted(shares))


def threshold_of_maximum(model, image, importance, target, shares):
    result = []
    with torch.no_grad():
        low, high = (importance.min(), importance.max())
        for share in shares:
            mask = importance > high - share * (high - low)
            result.append(model(image.masked_fill(mask, 0)).softmax(1)[0, target].item())
    return result


def changes_importance(model, image, importance, target, shares):
    importance -= importance.min()
    importance /= importance.max()
    return _delete(model, image, importance, target, shares)


def clamps_importance(model, image, importance, target, shares):
    return _delete(model, image, importance.clamp(min=0), target, shares)


def product_with_share(model, image, importance, target, shares):
    with torch.no_grad():
        return [
            model(image * (1 - share * importance)).softmax(1)[0, target].item() for share in shares
        ]


def best_probability(model, image, importance, target, shares):
    result = []
    with torch.no_grad():
        order = importance.flatten().argsort(descending=True)
        for share in shares:
            changed = image.clone().flatten(2)
            changed[:, :, order[: round(share * len(order))]] = 0
            result.append(model(changed.view_as(image)).softmax(1).max().item())
    return result


def share_of_side(model, image, importance, target, shares):
    side = importance.shape[-1]
    return _delete(
        model, image, importance, target, [round(s * side) / importance.numel() for s in shares]
    )


def plain_gradient_map(model, image, target):
    x = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(x)[0, target], x)
    return slope[0].abs().amax(dim=0)


def gradient_norm_map(model, image, target):
    x = image.detach().requires_grad_()
    if x is image:
        x = image.clone().detach().requires_grad_()
    score = model(x).squeeze(0)[target]
    return torch.autograd.grad(score, x)[0].squeeze(0).norm(dim=0)


def integrated_from_zero(model, image, target):
    steps = torch.linspace(0.05, 0.95, 10).view(-1, 1, 1, 1)
    path = (steps * image).requires_grad_()
    slope = torch.autograd.grad(model(path)[:, target].sum(), path)[0].mean(dim=0)
    return (slope * image[0]).abs().sum(dim=0).detach()


def covering_single_pixels(model, image, target):
    with torch.no_grad():
        base = model(image)[0, target]
        h, w = image.shape[-2:]
        rows = []
        for i in range(h):
            batch = image.repeat(w, 1, 1, 1)
            for j in range(w):
                batch[j, :, i, j] = 0
            rows.append((base - model(batch)[:, target]).abs())
        return torch.stack(rows)


def map_of_the_loss(model, image, target):
    x = image.clone().requires_grad_()
    F.cross_entropy(model(x) / 50, torch.tensor([target])).backward()
    return x.grad[0].abs().amax(dim=0)


def map_without_abs(model, image, target):
    x = image.clone().requires_grad_()
    return torch.autograd.grad(model(x)[0, target], x)[0][0].amax(dim=0)


def map_of_the_pixels(model, image, target):
    return image[0].abs().sum(dim=0)


def map_of_the_winner(model, image, target):
    x = image.clone().requires_grad_()
    return torch.autograd.grad(model(x).max(), x)[0][0].abs().amax(dim=0)


def map_with_batch(model, image, target):
    x = image.clone().requires_grad_()
    return torch.autograd.grad(model(x)[0, target], x)[0].abs().amax(dim=1)


def map_that_marks_the_image(model, image, target):
    image.requires_grad_()
    model(image)[0, target].backward()
    return image.grad[0].abs().amax(dim=0)


def map_at_random(model, image, target):
    return torch.rand(image.shape[2:])


RIGHT = {
    "24.5": [plain_gradient_map, gradient_norm_map, integrated_from_zero, covering_single_pixels],
    "24.1": [with_grad, with_gather, with_one_hot, row_by_row],
    "24.2": [SavesInput, SavesOutput, SavesMask, SetupContext],
    "24.3": [two_loops, with_masks, a_row_at_a_time, with_kron],
    "24.4": [with_argsort, with_topk, with_ranks],
}
WRONG = {
    "24.5": [
        map_of_the_loss,
        map_without_abs,
        map_of_the_pixels,
        map_of_the_winner,
        map_with_batch,
        map_that_marks_the_image,
        map_at_random,
    ],
    "24.1": [
        of_probability,
        of_best_class,
        of_all_classes,
        first_target_for_all,
        wrong_indexing,
        no_abs,
        abs_too_late,
        mean_over_channels,
        keeps_axis,
        wrong_axis,
        averaged_scores,
        leaves_grad,
        sets_eval,
        of_loss,
    ],
    "24.2": [
        PlainReLU,
        DeconvNet,
        ZeroPasses,
        IdentityForward,
        ReturnsMask,
        AbsoluteGradient,
        ChangesInput,
        EitherPasses,
        NegativePasses,
        ReLU6Forward,
        TimesInput,
    ],
    "24.3": [
        rise_not_fall,
        of_probability_fall,
        one_channel,
        rounds_up,
        squares_stay_covered,
        covers_with_mean,
        best_class_score,
        the_score_itself,
        changes_image,
        with_graph,
        ends_in_train,
        transposed,
        sliding,
        absolute_fall,
    ],
    "24.4": [
        least_important_first,
        logits_not_probabilities,
        first_channel_only,
        by_absolute_value,
        carries_over,
        keeps_the_strongest,
        overwrites_image,
        sorts_shares,
        threshold_of_maximum,
        changes_importance,
        clamps_importance,
        product_with_share,
        best_probability,
        share_of_side,
    ],
}
