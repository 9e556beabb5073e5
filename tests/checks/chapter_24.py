"""Right and wrong answers to the exercises of chapter 24, and the hint that each must get."""

import torch
from torch.autograd import Function
from torch.nn import functional as F


def by_gather(model, images, targets):
    images = images.detach().clone().requires_grad_()
    scores = model(images).gather(1, targets.unsqueeze(1))
    return torch.autograd.grad(scores.sum(), images)[0].abs().amax(dim=1)


def by_backward(model, images, targets):
    x = images.clone()
    x.requires_grad = True
    scores = model(x)
    scores[torch.arange(len(x)), targets].sum().backward()
    return x.grad.abs().max(dim=1).values


def image_by_image(model, images, targets):
    maps = []
    for image, target in zip(images, targets, strict=True):
        x = image.unsqueeze(0).clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(model(x)[0, target], x)
        maps.append(gradient[0].abs().max(0)[0])
    return torch.stack(maps)


def gradient_of(model, images, pick):
    images = images.clone().requires_grad_()
    return torch.autograd.grad(pick(model(images)).sum(), images)[0]


def own(scores, targets):
    return scores.gather(1, targets.unsqueeze(1))


def explains_the_predicted(model, images, targets):
    return gradient_of(model, images, lambda s: s.amax(dim=1)).abs().amax(dim=1)


def of_the_probability(model, images, targets):
    return gradient_of(model, images, lambda s: own(s.softmax(1), targets)).abs().amax(dim=1)


def of_the_logarithm(model, images, targets):
    return gradient_of(model, images, lambda s: own(s.log_softmax(1), targets)).abs().amax(dim=1)


def of_the_loss(model, images, targets):
    return gradient_of(model, images, lambda s: F.cross_entropy(s, targets)).abs().amax(dim=1)


def signed_maximum(model, images, targets):
    return gradient_of(model, images, lambda s: own(s, targets)).amax(dim=1)


def absolute_after_the_maximum(model, images, targets):
    return gradient_of(model, images, lambda s: own(s, targets)).amax(dim=1).abs()


def all_scores(model, images, targets):
    return gradient_of(model, images, lambda s: s).abs().amax(dim=1)


def columns_of_all_targets(model, images, targets):
    return gradient_of(model, images, lambda s: s[:, targets]).abs().amax(dim=1)


def first_target(model, images, targets):
    return gradient_of(model, images, lambda s: s[:, targets[0]]).abs().amax(dim=1)


def channels_kept(model, images, targets):
    return gradient_of(model, images, lambda s: own(s, targets)).abs()


def mean_over_channels(model, images, targets):
    return gradient_of(model, images, lambda s: own(s, targets)).abs().mean(dim=1)


def times_the_image(model, images, targets):
    gradient = gradient_of(model, images, lambda s: own(s, targets))
    return (gradient * images).abs().amax(dim=1)


def mean_of_scores(model, images, targets):
    return gradient_of(model, images, lambda s: own(s, targets).mean()).abs().amax(dim=1)


def fills_the_grad(model, images, targets):
    images.requires_grad_()
    own(model(images), targets).sum().backward()
    return images.grad.abs().amax(dim=1)


def hides_that_it_required_gradients(model, images, targets):
    fills_the_grad(model, images, targets)
    images.requires_grad_(False)
    return images.grad.abs().amax(dim=1)


def left_in_eval(model, images, targets):
    return by_gather(model.eval(), images, targets)


def not_tracked(model, images, targets):
    own(model(images), targets).sum().backward()
    return images.grad.abs().amax(dim=1)


class Guided(Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        (inputs,) = ctx.saved_tensors
        return incoming.clamp(min=0) * (inputs > 0)


class SavesTheOutput(Function):
    @staticmethod
    def forward(ctx, inputs):
        output = F.relu(inputs)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx, incoming):
        (output,) = ctx.saved_tensors
        zeros = torch.zeros_like(incoming)
        return (torch.where((output > 0) & (incoming > 0), incoming, zeros),)


class AMask(Function):
    @staticmethod
    def forward(ctx, inputs):
        ctx.mask = inputs > 0
        return inputs * ctx.mask

    @staticmethod
    def backward(ctx, incoming):
        gradient = incoming.clone()
        gradient[~ctx.mask] = 0
        gradient[gradient < 0] = 0
        return gradient


class SetupContext(Function):
    @staticmethod
    def forward(inputs):
        return torch.maximum(inputs, torch.zeros_like(inputs))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, incoming):
        return F.relu(incoming) * (ctx.saved_tensors[0] > 0).to(incoming.dtype)


class Deconvnet(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0)


class PlainReLU(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming * (ctx.saved_tensors[0] > 0)


class Scaled(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * ctx.saved_tensors[0].clamp(min=0)


class AtZeroToo(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * (ctx.saved_tensors[0] >= 0)


class Absolute(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming.abs() * (ctx.saved_tensors[0] > 0)


class PassedOn(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming


class OnesOnly(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return ((ctx.saved_tensors[0] > 0) & (incoming > 0)).to(incoming.dtype)


class InPlaceForward(Guided):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs.clone())
        inputs.clamp_(min=0)
        return inputs.clone()


class InPlaceBackward(Guided):
    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp_(min=0).mul_(ctx.saved_tensors[0] > 0)


class ForwardOfAbs(Guided):
    @staticmethod
    def forward(ctx, inputs):
        ctx.save_for_backward(inputs)
        return inputs.abs()


class NothingSaved(Guided):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clamp(min=0)


class ReturnsNothing(Guided):
    @staticmethod
    def backward(ctx, incoming):
        incoming.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class ClassLevel(Function):
    @staticmethod
    def forward(ctx, inputs):
        ClassLevel.inputs = inputs
        return inputs.clamp(min=0)

    @staticmethod
    def backward(ctx, incoming):
        return incoming.clamp(min=0) * (ClassLevel.inputs > 0)


def a_function(inputs):
    return inputs.clamp(min=0)


def squares(image, size):
    for top in range(0, image.shape[2] - size + 1, size):
        for left in range(0, image.shape[3] - size + 1, size):
            yield ..., slice(top, top + size), slice(left, left + size)


def shaped(values, image, size):
    return torch.stack(values).view(image.shape[2] // size, image.shape[3] // size)


@torch.no_grad()
def square_by_square(model, image, target, size):
    score, values = model(image)[0, target], []
    for square in squares(image, size):
        covered = image.clone()
        covered[square] = 0
        values.append(score - model(covered)[0, target])
    return shaped(values, image, size)


def in_one_batch(model, image, target, size):
    rows, columns = image.shape[-2] // size, image.shape[-1] // size
    covered = image.repeat(rows * columns, 1, 1, 1)
    for i in range(rows * columns):
        top, left = i // columns * size, i % columns * size
        covered[i, :, top : top + size, left : left + size].zero_()
    with torch.inference_mode():
        return (model(image) - model(covered))[:, target].reshape(rows, columns).clone()


def into_zeros(model, image, target, size):
    falls = torch.zeros(image.size(2) // size, image.size(3) // size)
    for row, line in enumerate(falls):
        for column in range(len(line)):
            mask = torch.ones_like(image)
            mask[:, :, row * size : row * size + size, column * size : column * size + size] = 0
            with torch.no_grad():
                line[column] = model(image)[0][target] - model(image * mask)[0][target]
    return falls


@torch.no_grad()
def falls_of(model, image, target, size, channels=None, fill=0.0, after=lambda scores: scores):
    score, values = after(model(image))[0, target], []
    for square in squares(image, size):
        covered = image.clone()
        covered[:, :channels][square] = image.mean() if fill is None else fill
        values.append(score - after(model(covered))[0, target])
    return shaped(values, image, size)


@torch.no_grad()
def scores_of_covered(model, image, target, size):
    return model(image)[0, target] - falls_of(model, image, target, size)


def reversed_sign(model, image, target, size):
    return -falls_of(model, image, target, size)


@torch.no_grad()
def covers_the_original(model, image, target, size):
    score, values = model(image)[0, target], []
    for square in squares(image, size):
        image[square] = 0
        values.append(score - model(image)[0, target])
    return shaped(values, image, size)


def covers_more_and_more(model, image, target, size):
    return covers_the_original(model, image.clone(), target, size)


def falls_of_the_probability(model, image, target, size):
    return falls_of(model, image, target, size, after=lambda scores: scores.softmax(1))


def one_channel_covered(model, image, target, size):
    return falls_of(model, image, target, size, channels=1)


def filled_with_the_mean(model, image, target, size):
    return falls_of(model, image, target, size, fill=None)


def sizes_of_the_changes(model, image, target, size):
    return falls_of(model, image, target, size).abs()


@torch.no_grad()
def of_the_predicted(model, image, target, size):
    return falls_of(model, image, int(model(image).argmax()), size)


@torch.no_grad()
def every_rest_too(model, image, target, size):
    rows, columns = -(-image.shape[2] // size), -(-image.shape[3] // size)
    falls = torch.zeros(rows, columns)
    for row in range(rows):
        for column in range(columns):
            covered = image.clone()
            top, left = row * size, column * size
            covered[..., top : top + size, left : left + size] = 0
            falls[row, column] = (model(image) - model(covered))[0, target]
    return falls


def keeps_the_graph(model, image, target, size):
    score, values = model(image)[0, target], []
    for square in squares(image, size):
        covered = image.clone()
        covered[square] = 0
        values.append(score - model(covered)[0, target])
    return shaped(values, image, size)


def a_flat_list(model, image, target, size):
    return falls_of(model, image, target, size).flatten().tolist()


def turned_around(model, image, target, size):
    return falls_of(model, image, target, size).T


def stays_in_eval(model, image, target, size):
    return falls_of(model.eval(), image, target, size)


@torch.no_grad()
def by_a_mask(model, image, importance, target, shares):
    order = importance.flatten().argsort(descending=True)
    probabilities = []
    for share in shares:
        kept = torch.ones_like(importance).flatten()
        kept[order[: round(share * len(order))]] = 0
        logits = model(image * kept.view_as(importance))
        probabilities.append(logits.softmax(dim=1)[0, target].item())
    return probabilities


def by_topk(model, image, importance, target, shares):
    found = []
    for share in shares:
        count = int(share * importance.numel())
        places = importance.reshape(-1).topk(count).indices
        covered = image.clone().flatten(2)
        covered[:, :, places] = 0
        found.append(torch.softmax(model(covered.reshape(image.shape)), -1)[0, target].detach())
    return tuple(found)


def by_ranks(model, image, importance, target, shares):
    ranks = (-importance).flatten().argsort().argsort().view(importance.shape)
    counts = torch.tensor([round(share * ranks.numel()) for share in shares])
    batch = image * (ranks >= counts.view(-1, 1, 1, 1))
    with torch.no_grad():
        return F.softmax(model(batch), dim=1)[:, target]


def delete(model, image, importance, target, shares, descending=True, channels=None, fill=0.0,
           after=lambda logits: logits.softmax(dim=1)):  # fmt: skip
    order = importance.flatten().argsort(descending=descending)
    values = []
    for share in shares:
        covered = image.clone().flatten(2)
        value = image.mean() if fill is None else fill
        covered[:, :channels, order[: round(share * len(order))]] = value
        with torch.no_grad():
            logits = model(covered.view_as(image))
        values.append(after(logits)[0, target].item())
    return values


def least_important_first(*arguments):
    return delete(*arguments, descending=False)


def one_channel(*arguments):
    return delete(*arguments, channels=1)


def returns_scores(*arguments):
    return delete(*arguments, after=lambda logits: logits)


def returns_logarithms(*arguments):
    return delete(*arguments, after=lambda logits: logits.log_softmax(1))


def returns_sigmoids(model, image, importance, target, shares):
    return delete(model, image, importance, target, shares, after=torch.sigmoid)


def deletes_in_place(model, image, importance, target, shares):
    order = importance.flatten().argsort(descending=True)
    values = []
    for share in shares:
        image.view(*image.shape[:2], -1)[..., order[: round(share * len(order))]] = 0
        values.append(model(image).softmax(dim=1)[0, target].item())
    return values


def never_starts_anew(model, image, *arguments):
    return deletes_in_place(model, image.clone(), *arguments)


def by_absolute_importance(model, image, importance, target, shares):
    return delete(model, image, importance.abs(), target, shares)


def filled_by_the_mean(*arguments):
    return delete(*arguments, fill=None)


def keeps_the_share(model, image, importance, target, shares):
    return delete(model, image, -importance, target, [1 - share for share in shares])


def in_order_of_the_shares(model, image, importance, target, shares):
    return delete(model, image, importance, target, sorted(shares))


def sorts_the_shares(model, image, importance, target, shares):
    shares.sort()
    return delete(model, image, importance, target, shares)


def all_probabilities(model, image, importance, target, shares):
    return [delete(model, image, importance, i, shares) for i in range(4)]


def only_the_last(*arguments):
    return delete(*arguments)[-1]


def evaluates(model, *arguments):
    return delete(model.eval(), *arguments)


def with_the_shares(model, image, importance, target, shares):
    return list(zip(shares, delete(model, image, importance, target, shares), strict=True))


def mapped(values, reduce=lambda v: v.abs().amax(dim=1)[0]):
    """Makes an answer from a function that returns values per pixel and channel."""

    def explain(model, image, target):
        return reduce(values(model, image, target)).detach()

    return explain


def named_map(name, *parts):
    answer = mapped(*parts)
    answer.__name__ = answer.__qualname__ = name
    return answer


def slopes(model, image, target):
    image = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(image)[0, target], image)[0]


def slopes_of_probability(model, image, target):
    image = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(image / 9).softmax(1)[0, target], image)[0]


def slopes_of_all(model, image, target):
    image = image.detach().clone().requires_grad_()
    return torch.autograd.grad(model(image).sum(), image)[0]


def slopes_of_the_largest(model, image, target):
    return slopes(model, image, model(image).argmax().item())


def integrated(model, image, target):
    points = [slopes(model, image * (k + 0.5) / 8, target) for k in range(8)]
    return image * torch.stack(points).mean(dim=0)


def smoothed(model, image, target):
    generator = torch.Generator().manual_seed(0)
    noise = [0.1 * torch.randn(image.shape, generator=generator) for _ in range(8)]
    return torch.stack([slopes(model, image + n, target) for n in noise]).mean(dim=0)


@torch.no_grad()
def pixel_by_pixel(model, image, target):
    height, width = image.shape[2:]
    covered = image.repeat(height * width, 1, 1, 1)
    for i in range(height * width):
        covered[i, :, i // width, i % width] = 0
    falls = model(image)[0, target] - model(covered)[:, target]
    return falls.abs().view(height, width)


@torch.no_grad()
def by_differences(model, image, target):
    found = torch.zeros(image.shape[2:])
    for row in range(image.shape[2]):
        for column in range(image.shape[3]):
            step = torch.zeros_like(image)
            step[..., row, column] = 0.01
            rise = model(image + step) - model(image - step)
            found[row, column] = rise[0, target].abs()
    return found


@torch.no_grad()
def large_squares(model, image, target):
    height, width = image.shape[2:]
    found = torch.zeros(height, width)
    for top in range(0, height, 6):
        for left in range(0, width, 6):
            covered = image.clone()
            covered[..., top : top + 6, left : left + 6] = 0
            fall = (model(image) - model(covered))[0, target].abs()
            found[top : top + 6, left : left + 6] = fall
    return found


def uses_the_image_itself(model, image, target):
    image.requires_grad_()
    model(image)[0, target].backward()
    found = image.grad.abs().amax(dim=1)[0]
    image.grad = None
    image.requires_grad_(False)
    return found


def fills_gradients(model, image, target):
    copy = image.detach().clone().requires_grad_()
    model(copy)[0, target].backward()
    return copy.grad.abs().amax(dim=1)[0]


def clears_gradients(model, image, target):
    found = fills_gradients(model, image, target)
    model.zero_grad()
    return found


def on_the_image_itself(model, image, target):
    image.requires_grad_().grad = None
    (slope,) = torch.autograd.grad(model(image)[0, target], image)
    image.requires_grad_(False)
    return slope.abs().amax(dim=1)[0]


def warms_up(model, image, target):
    model.train()(image)
    model.eval()
    return slopes(model, image, target).abs().amax(dim=1)[0]


def with_a_graph(model, image, target):
    copy = image.detach().clone().requires_grad_()
    score = model(copy)[0, target]
    return torch.autograd.grad(score, copy, create_graph=True)[0].abs().amax(dim=1)[0]


def brightness(model, image, target):
    return image


def everywhere(model, image, target):
    return torch.ones_like(image)


def nowhere(model, image, target):
    return torch.zeros_like(image)


def divided_by_itself(model, image, target):
    found = slopes(model, image, target)
    return found / found


RIGHT = {
    "24.1": [by_gather, by_backward, image_by_image],
    "24.2": [Guided, SavesTheOutput, AMask, SetupContext],
    "24.3": [square_by_square, in_one_batch, into_zeros],
    "24.4": [by_a_mask, by_topk, by_ranks],
    "24.5": [
        named_map("gradient_alone", slopes),
        named_map("times_input", slopes, lambda v: v.abs().sum(dim=1)[0]),
        named_map("integrated_gradients", integrated),
        named_map("smooth", smoothed),
        pixel_by_pixel,
        by_differences,
    ],
}

WRONG = {
    "24.1": [
        (explains_the_predicted, "explains the predicted classes"),
        (of_the_probability, "gradient of the probability"),
        (of_the_logarithm, "the logarithm of the probability"),
        (of_the_loss, "gradient of a loss"),
        (signed_maximum, "before the maximum"),
        (absolute_after_the_maximum, "taken after the maximum"),
        (all_scores, "all scores together"),
        (columns_of_all_targets, "Sum the scores"),
        (first_target, "the target of the first one"),
        (channels_kept, "The channels are still there"),
        (mean_over_channels, "the mean over the channels"),
        (times_the_image, "multiplied by the image"),
        (mean_of_scores, "averaged over the images"),
        (fills_the_grad, "The requires_grad of the argument images has changed"),
        (hides_that_it_required_gradients, "The .grad of images has been filled"),
        (left_in_eval, "is in another mode than before"),
        (not_tracked, "your answer raised AttributeError"),
    ],
    "24.2": [
        (Deconvnet, "this is the deconvnet"),
        (PlainReLU, "this is the plain ReLU"),
        (Scaled, "as flashtorch does"),
        (AtZeroToo, "where the input was exactly 0"),
        (Absolute, "The gradient was made positive"),
        (PassedOn, "went through unchanged"),
        (OnesOnly, "It is 1 where the gradient goes through"),
        (InPlaceForward, "an in-place operation is at work"),
        (InPlaceBackward, "changes the incoming gradient in place"),
        (ForwardOfAbs, "Forward it gives the absolute value"),
        (NothingSaved, "your answer raised"),
        (ReturnsNothing, "backward returned None"),
        (ClassLevel, "Another call of forward came in between"),
        (a_function, "A subclass of torch.autograd.Function is asked for"),
    ],
    "24.3": [
        (scores_of_covered, "The fall is asked for"),
        (reversed_sign, "The sign is reversed"),
        (covers_the_original, "The numbers in the argument image have changed"),
        (covers_more_and_more, "on top of those before"),
        (falls_of_the_probability, "falls of the probability"),
        (one_channel_covered, "Only the first channel was covered"),
        (filled_with_the_mean, "filled with the image's mean"),
        (sizes_of_the_changes, "The sizes of the changes were taken"),
        (of_the_predicted, "the falls of the predicted class"),
        (every_rest_too, "has shape (4, 3), and (3, 2) is asked for"),
        (keeps_the_graph, "holds the graph"),
        (a_flat_list, "should be a torch.Tensor, and it is the list"),
        (turned_around, "Rows and columns are exchanged"),
        (stays_in_eval, "is in another mode than before"),
    ],
    "24.4": [
        (returns_sigmoids, "These are sigmoids"),
        (least_important_first, "The least important pixels went first"),
        (one_channel, "Only the first channel"),
        (returns_scores, "apply a softmax"),
        (returns_logarithms, "not log_softmax"),
        (deletes_in_place, "The numbers in the argument image have changed"),
        (never_starts_anew, "start from the whole image each time"),
        (by_absolute_importance, "sorted by the absolute importance"),
        (filled_by_the_mean, "filled with the image's mean"),
        (keeps_the_share, "The share was kept"),
        (in_order_of_the_shares, "keep the order given"),
        (sorts_the_shares, "The entries of the argument shares have changed"),
        (all_probabilities, "should be one number, and it is the list"),
        (only_the_last, "should be 4 numbers, and it is the number"),
        (evaluates, "is in another mode than before"),
        (with_the_shares, "should be one number, and it is the tuple"),
    ],
    "24.5": [
        (named_map("brightness_of_the_image", brightness), "since no other pixel can change"),
        (named_map("the_same_everywhere", everywhere), "since no other pixel can change"),
        (named_map("zeros_everywhere", nowhere), "it is flat where the softmax is certain"),
        (named_map("of_the_probability", slopes_of_probability), "before the softmax"),
        (named_map("of_all_classes", slopes_of_all), "Ask for the score of the target alone"),
        (named_map("of_the_predicted", slopes_of_the_largest), "Ask for the score of the target"),
        (named_map("signed", slopes, lambda v: v.sum(dim=1)[0]), "has negative numbers"),
        (named_map("with_channels", slopes, lambda v: v.abs()[0]), "of shape"),
        (named_map("with_batch", slopes, lambda v: v.abs().amax(dim=1)), "of shape"),
        (named_map("a_number", slopes, lambda v: v.abs().max()), "of shape"),
        (named_map("not_finite", divided_by_itself), "a number that is not finite"),
        (large_squares, "since no other pixel can change"),
        (fills_gradients, "The gradient of norm.weight has been filled"),
        (with_a_graph, "The map has a graph"),
        (clears_gradients, "The gradient of norm.weight was there before the call and is gone"),
        (on_the_image_itself, "The gradient of the image was there before the call and is gone"),
        (warms_up, "The buffer norm.running_mean of the model has changed"),
    ],
}
