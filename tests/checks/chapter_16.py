"""Typical wrong answers to the exercises of chapter 16, and the hint that each must get."""

import torch


def counts_instead_of_share(logits, targets, k):
    return (logits.topk(k, dim=1).indices == targets.unsqueeze(1)).any(dim=1).sum().item()


def always_the_best(logits, targets, k):
    return (logits.argmax(dim=1) == targets).float().mean().item()


def never_zeroed(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def never_stepped(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    return loss.item()


def returns_the_graph(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


def mean_of_means(losses, sizes):
    return sum(losses) / len(losses)


def never_divided(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True))


def transposed(truth, predicted, classes):
    return torch.bincount(predicted * classes + truth, minlength=classes**2).view(classes, classes)


def repeated_pairs_once(truth, predicted, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts[truth, predicted] += 1
    return counts


WRONG = {
    "16.1": [
        (counts_instead_of_share, "Accuracy is a share"),
        (always_the_best, "the k largest logits"),
    ],
    "16.2": [
        (never_zeroed, "old gradients are added"),
        (never_stepped, "The weights did not change"),
        (returns_the_graph, "Return the loss as a float"),
    ],
    "16.3": [
        (mean_of_means, "the mean of the batch means"),
        (never_divided, "divided by all samples"),
    ],
    "16.4": [
        (transposed, "Rows and columns are exchanged"),
        (repeated_pairs_once, "repeated pairs count once"),
    ],
}
