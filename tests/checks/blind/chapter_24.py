"""Chapter 24."""

import copy

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


def gradient(model, image, target):
    x = image.detach().clone().requires_grad_()
    (g,) = torch.autograd.grad(model(x)[0, target], x)
    return g[0].abs().amax(dim=0)


def times_input(model, image, target):
    with torch.enable_grad():
        x = image.detach().clone().requires_grad_(True)
        g = torch.autograd.grad(model(x)[:, target].sum(), [x])[0]
    return (x.detach() * g).squeeze(0).sum(0).abs()


def smoothgrad(model, image, target, n=20, spread=0.1):
    g = torch.Generator().manual_seed(0)
    total = torch.zeros_like(image)
    for _ in range(n):
        noise = torch.randn(image.shape, generator=g) * spread
        x = (image.detach() + noise).requires_grad_()
        total += torch.autograd.grad(model(x)[0, target], x)[0] ** 2
    return total[0].sum(0)


@torch.no_grad()
def occlusion(model, image, target):
    base = model(image)[0, target]
    _, _, h, w = image.shape
    out = torch.zeros(h, w)
    fill = image.mean()
    for r in range(h):
        for c in range(w):
            y = image.clone()
            y[:, :, r, c] = fill
            out[r, c] = (base - model(y)[0, target]).abs()
    return out


def integrated(model, image, target, steps=32):
    base = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    total = 0
    for a in torch.linspace(0, 1, steps):
        x = (base + a * (image.detach() - base)).requires_grad_()
        total = total + torch.autograd.grad(model(x)[0, target], x)[0]
    return ((image.detach() - base) * total / steps)[0].sum(0).abs()


@torch.no_grad()
def finite(model, image, target):
    h, w = image.shape[-2:]
    out = []
    base = model(image)[0, target].item()
    for i in range(h * w):
        y = image.detach().clone()
        y.view(1, image.shape[1], -1)[..., i] += 1
        z = image.detach().clone()
        z.view(1, image.shape[1], -1)[..., i] -= 1
        out.append(abs(model(y)[0, target].item() - base) + abs(model(z)[0, target].item() - base))
    return torch.tensor(out).view(h, w)


def backward_on_copies(model, image, target):
    twin = copy.deepcopy(model)
    x = image.detach().clone().requires_grad_()
    twin(x)[0, target].backward()
    return x.grad[0].norm(dim=0)


@torch.no_grad()
def randomised(model, image, target):
    """Random values for one pixel: the score's standard deviation."""
    g = torch.Generator().manual_seed(0)
    h, w = image.shape[-2:]
    out = image.new_zeros(h, w)
    for r in range(h):
        for c in range(w):
            y = image.repeat(8, 1, 1, 1)
            y[:, :, r, c] = torch.randn(8, image.shape[1], generator=g)
            out[r, c] = model(y)[:, target].std()
    return out


def squared_grad(model, image, target):
    f = lambda x: model(x)[0, target]
    jac = torch.func.grad(f)(image.detach())
    return jac.square().sum((0, 1))


def predicted(model, image, target):
    x = image.detach().clone().requires_grad_()
    z = model(x)
    return torch.autograd.grad(z[0].max(), x)[0][0].abs().sum(0)


def signed(model, image, target):
    x = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x)[0, target], x)[0][0].sum(0)


def with_graph_map(model, image, target):
    x = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x)[0, target], x, create_graph=True)[0][0].abs().sum(0)


def graph_of_input(model, image, target):
    x = image.detach().clone().requires_grad_()
    g = torch.autograd.grad(model(x)[0, target], x)[0]
    return (x * g)[0].abs().sum(0)


def fills_model(model, image, target):
    x = image.detach().clone().requires_grad_()
    model(x)[0, target].backward()
    return x.grad[0].abs().sum(0)


def fills_image(model, image, target):
    image.requires_grad_()
    model(image)[0, target].backward()
    return image.grad[0].abs().sum(0)


def leaves_requires_grad(model, image, target):
    image.requires_grad_()
    return torch.autograd.grad(model(image)[0, target], image)[0][0].abs().sum(0)


def zeroes_grads(model, image, target):
    x = image.detach().clone().requires_grad_()
    model.zero_grad()
    model(x)[0, target].backward()
    g = x.grad[0].abs().sum(0)
    model.zero_grad()
    return g


def freezes(model, image, target):
    for p in model.parameters():
        p.requires_grad_(False)
    x = image.detach().clone().requires_grad_()
    model(x)[0, target].backward()
    return x.grad[0].abs().sum(0)


def trains(model, image, target):
    model.train()
    return gradient(model, image, target)


def channels(model, image, target):
    x = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x)[0, target], x)[0][0].abs()


def batch_axis(model, image, target):
    return gradient(model, image, target)[None]


def all_logits(model, image, target):
    x = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x).sum(), x)[0][0].abs().sum(0)


def norm_of_logits(model, image, target):
    x = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(x).norm(), x)[0][0].abs().sum(0)


def cross_entropy(model, image, target):
    x = image.detach().clone().requires_grad_()
    loss = F.cross_entropy(model(x), torch.tensor([0]))
    return torch.autograd.grad(loss, x)[0][0].abs().sum(0)


def pixels(model, image, target):
    return image.detach()[0].abs().sum(0)


def uniform(model, image, target):
    return torch.ones(image.shape[-2:])


def zeros(model, image, target):
    return torch.zeros(image.shape[-2:])


def transposed_map(model, image, target):
    return gradient(model, image, target).T


def flipped(model, image, target):
    return gradient(model, image, target).flip(1)


def standardised(model, image, target):
    g = gradient(model, image, target)
    return (g - g.mean()) / g.std()


def logarithm(model, image, target):
    return gradient(model, image, target).log()


def softmaxed(model, image, target):
    g = gradient(model, image, target)
    return g.flatten().softmax(0).view_as(g)


def big_patch(model, image, target):
    h, w = image.shape[-2:]
    out = torch.zeros(h, w)
    with torch.no_grad():
        base = model(image)[0, target]
        for r in range(0, h - 7):
            for c in range(0, w - 7):
                y = image.clone()
                y[:, :, r : r + 8, c : c + 8] = 0
                out[r : r + 8, c : c + 8] += (base - model(y)[0, target]).abs()
    return out


def occludes_in_place(model, image, target):
    h, w = image.shape[-2:]
    out = torch.zeros(h, w)
    with torch.no_grad():
        base = model(image)[0, target]
        for r in range(h):
            for c in range(w):
                image[:, :, r, c] = 0
                out[r, c] = (base - model(image)[0, target]).abs()
    return out


def kept_score(model, image, target):
    h, w = image.shape[-2:]
    out = torch.zeros(h, w)
    with torch.no_grad():
        for r in range(h):
            for c in range(w):
                y = image.clone()
                y[:, :, r, c] = 0
                out[r, c] = model(y)[0, target].abs()
    return out


def blurred(model, image, target):
    return F.avg_pool2d(gradient(model, image, target)[None, None], 9, 1, 4)[0, 0]


def hook_left(model, image, target):
    model.register_forward_hook(lambda m, i, o: None)
    return gradient(model, image, target)


def numpy_map(model, image, target):
    return gradient(model, image, target).numpy()


def half_predicted(model, image, target):
    return gradient(model, image, target) + gradient(model, image, int(model(image)[0].argmax()))


def moves_image(model, image, target):
    image.sub_(image.mean())
    return gradient(model, image, target)


def func_grad(model, image, target):
    g = torch.func.grad(lambda x: model(x)[0, target])(image.detach())
    return g.detach().square().sum((0, 1))


def image_grad_none(model, image, target):
    before = image.requires_grad
    image.requires_grad_()
    image.grad = None
    g = torch.autograd.grad(model(image)[0, target], image)[0][0].abs().sum(0)
    image.requires_grad_(before)
    return g


def uses_image_grad(model, image, target):
    image.requires_grad_()
    model(image)[0, target].backward()
    g = image.grad[0].abs().sum(0)
    image.grad = None
    image.requires_grad_(False)
    model.zero_grad()
    return g


def updates_statistics(model, image, target):
    model.train()
    model(image)
    model.eval()
    return gradient(model, image, target)


RIGHT = {
    "24.1": [with_grad, with_gather, with_one_hot, row_by_row],
    "24.2": [SavesInput, SavesOutput, SavesMask, SetupContext],
    "24.3": [two_loops, with_masks, a_row_at_a_time, with_kron],
    "24.4": [with_argsort, with_topk, with_ranks],
    "24.5": [
        gradient,
        times_input,
        smoothgrad,
        occlusion,
        integrated,
        finite,
        backward_on_copies,
        randomised,
        func_grad,
    ],
}


WRONG = {
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
    "24.5": [
        predicted,
        signed,
        with_graph_map,
        graph_of_input,
        fills_model,
        fills_image,
        leaves_requires_grad,
        zeroes_grads,
        freezes,
        trains,
        channels,
        batch_axis,
        all_logits,
        norm_of_logits,
        cross_entropy,
        pixels,
        uniform,
        zeros,
        transposed_map,
        flipped,
        standardised,
        logarithm,
        softmaxed,
        big_patch,
        occludes_in_place,
        kept_score,
        blurred,
        hook_left,
        numpy_map,
        half_predicted,
        moves_image,
        squared_grad,
        image_grad_none,
        uses_image_grad,
        updates_statistics,
    ],
}
