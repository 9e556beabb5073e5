"""Chapter 16."""

import numpy as np
import torch
from torch.nn import functional as F


def topk_any(logits, targets, k):
    top = logits.topk(k, dim=1).indices
    return (top == targets[:, None]).any(dim=1).float().mean().item()


def sorts_in_a_loop(logits, targets, k=5):
    hits = 0
    for row, t in zip(logits.tolist(), targets.tolist()):
        order = sorted(range(len(row)), key=lambda c: row[c], reverse=True)
        hits += t in order[:k]
    return hits / len(targets)


def rank_of_target(x, y, k):
    own = x.gather(1, y.unsqueeze(1))
    return float(((x > own).sum(1) < k).double().mean())


def argsort_numpy(logits, targets, k):
    order = np.argsort(-logits.detach().cpu().numpy(), axis=1)[:, :k]
    return float(np.mean((order == targets.cpu().numpy()[:, None]).any(1)))


def only_top_one(logits, targets, k):
    return (logits.argmax(1) == targets).float().mean().item()


def exactly_kth(logits, targets, k):
    return (logits.topk(k, 1).indices[:, -1] == targets).float().mean().item()


def along_the_batch(logits, targets, k):
    k = min(k, len(logits))
    top = logits.topk(k, dim=0).indices
    hits = [(top[:, t] == i).any().item() for i, t in enumerate(targets.tolist())]
    return sum(hits) / len(hits)


def returns_tensor(logits, targets, k):
    return (logits.topk(k, 1).indices == targets[:, None]).any(1).float().mean()


def percent(logits, targets, k):
    return 100 * (logits.topk(k, 1).indices == targets[:, None]).any(1).float().mean().item()


def smallest(logits, targets, k):
    return (
        (logits.topk(k, 1, largest=False).indices == targets[:, None]).any(1).float().mean().item()
    )


def off_by_one_rank(logits, targets, k):
    own = logits.gather(1, targets[:, None])
    return ((logits > own).sum(1) <= k).float().mean().item()


def mean_over_n_times_k(logits, targets, k):
    return (logits.topk(k, 1).indices == targets[:, None]).float().mean().item()


def count_of_hits(logits, targets, k):
    return float((logits.topk(k, 1).indices == targets[:, None]).any(1).sum())


def fixed_five(logits, targets, k):
    return (
        (logits.topk(min(5, logits.shape[1]), 1).indices == targets[:, None])
        .any(1)
        .float()
        .mean()
        .item()
    )


def usual_order(model, inputs, targets, optimizer, criterion):
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def zero_between(model, x, y, opt, loss_fn):
    model.train()
    loss = loss_fn(model(x), y)
    opt.zero_grad(set_to_none=False)
    loss.backward()
    value = float(loss.detach())
    opt.step()
    return value


def with_closure(model, inputs, targets, optimizer, criterion):

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        return loss

    model.train(True)
    return float(optimizer.step(closure))


def clears_before_and_after(model, inputs, targets, optimizer, criterion):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    with torch.enable_grad():
        outputs = model(inputs)
        loss = criterion(outputs, targets)
    torch.autograd.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach().item()


def never_zeroes(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def zeroes_only_after(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def zeroes_after_backward(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def forgets_step(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    return loss.item()


def steps_twice(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


def loss_after_the_step(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    criterion(model(inputs), targets).backward()
    optimizer.step()
    with torch.no_grad():
        return criterion(model(inputs), targets).item()


def returns_loss_tensor(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


def own_criterion(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def own_sgd(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            if p.grad is not None:
                p -= 0.01 * p.grad
    return loss.item()


def in_eval_mode(model, inputs, targets, optimizer, criterion):
    model.eval()
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def times_the_batch(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item() * len(inputs)


def swapped_arguments(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(targets, model(inputs))
    loss.backward()
    optimizer.step()
    return loss.item()


def zip_sum(losses, sizes):
    return sum((l * n for l, n in zip(losses, sizes))) / sum(sizes)


def running(losses, sizes):
    total = count = 0
    for i in range(len(losses)):
        total += losses[i] * sizes[i]
        count += sizes[i]
    return total / count


def numpy_average(losses, sizes):
    return float(np.average(losses, weights=sizes))


def torch_dot(a, b):
    w = torch.tensor(b, dtype=torch.float64)
    return torch.tensor(a, dtype=torch.float64) @ w / w.sum()


def plain_mean(losses, sizes):
    return sum(losses) / len(losses)


def divides_by_batches(losses, sizes):
    return sum((l * n for l, n in zip(losses, sizes))) / len(sizes)


def forgets_to_multiply(losses, sizes):
    return sum(losses) / sum(sizes)


def drops_last(losses, sizes):
    return sum((l * n for l, n in zip(losses[:-1], sizes[:-1]))) / max(sum(sizes[:-1]), 1)


def takes_first_size(losses, sizes):
    n = sizes[0]
    return sum(l * n for l in losses) / (n * len(losses))


def total_only(losses, sizes):
    return sum((l * n for l, n in zip(losses, sizes)))


def full_batches_assumed(losses, sizes):
    return sum((l * n for l, n in zip(losses, sizes))) / (max(sizes) * len(sizes))


def divides_losses(losses, sizes):
    return sum((l / n for l, n in zip(losses, sizes))) / sum(1 / n for n in sizes)


def with_bincount(truth, predicted, classes):
    return torch.bincount(truth * classes + predicted, minlength=classes**2).view(classes, classes)


def one_hot_product(t, p, k):
    return F.one_hot(t, k).T @ F.one_hot(p, k)


def index_put(truth, predicted, classes):
    m = torch.zeros(classes, classes, dtype=torch.long)
    m.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)
    return m


def scatter(truth, predicted, classes):
    m = torch.zeros(classes * classes)
    m.scatter_add_(0, truth * classes + predicted, torch.ones(len(truth)))
    return m.reshape(classes, classes)


def compares_with_arange(truth, predicted, classes):
    c = torch.arange(classes)
    return ((truth == c[:, None, None]) & (predicted == c[None, :, None])).sum(-1)


def transposed(truth, predicted, classes):
    return torch.bincount(predicted * classes + truth, minlength=classes**2).view(classes, classes)


def assigns_instead_of_adding(truth, predicted, classes):
    m = torch.zeros(classes, classes, dtype=torch.long)
    m[truth, predicted] += 1
    return m


def no_min_length(truth, predicted, classes):
    n = torch.bincount(truth * classes + predicted)
    return n.view(classes, -1)


def size_from_data(truth, predicted, classes):
    k = int(max(truth.max(), predicted.max())) + 1
    return torch.bincount(truth * k + predicted, minlength=k * k).view(k, k)


def uses_for_loop(truth, predicted, classes):
    m = torch.zeros(classes, classes, dtype=torch.long)
    for t, p in zip(truth.tolist(), predicted.tolist()):
        m[t, p] += 1
    return m


def uses_comprehension(truth, predicted, classes):
    return torch.tensor(
        [
            [int(((truth == i) & (predicted == j)).sum()) for j in range(classes)]
            for i in range(classes)
        ]
    )


def uses_while(truth, predicted, classes):
    m = torch.zeros(classes, classes, dtype=torch.long)
    i = 0
    while i < len(truth):
        m[truth[i], predicted[i]] += 1
        i += 1
    return m


def normalised(truth, predicted, classes):
    m = (
        torch.bincount(truth * classes + predicted, minlength=classes**2)
        .view(classes, classes)
        .float()
    )
    return m / m.sum()


def rows_normalised(truth, predicted, classes):
    m = (
        torch.bincount(truth * classes + predicted, minlength=classes**2)
        .view(classes, classes)
        .float()
    )
    return m / m.sum(1, keepdim=True).clamp(min=1)


def flat(truth, predicted, classes):
    return torch.bincount(truth * classes + predicted, minlength=classes**2)


def errors_only(truth, predicted, classes):
    m = torch.bincount(truth * classes + predicted, minlength=classes**2).view(classes, classes)
    return m - torch.diag(m.diag())


def ten_classes(truth, predicted, classes):
    return torch.bincount(truth * 10 + predicted, minlength=100).view(10, 10)


def train_with(optimizer_of, validate, first=True):
    def train(model, train_loader, val_loader, epochs):
        optimizer = optimizer_of(model)
        history = []
        for _ in range(epochs):
            model.train() if first else None
            for inputs, targets in train_loader:
                loss = F.cross_entropy(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            history.append(validate(model, val_loader))
        return history

    return train


def validate_by_sums(model, loader):
    model.eval()
    correct, n = 0, 0
    with torch.no_grad():
        for inputs, targets in loader:
            correct += int((model(inputs).argmax(-1) == targets).sum())
            n += targets.numel()
    return correct / n


def validate_without_eval(model, loader):
    with torch.no_grad():
        hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def validate_recording(model, loader):
    model.eval()
    hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def validate_counts(model, loader):
    return validate_by_sums(model, loader) * len(loader.dataset)


def validate_loss(model, loader):
    model.eval()
    with torch.no_grad():
        return sum(F.cross_entropy(model(x), y).item() for x, y in loader) / len(loader)


def train_adam(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def train_sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.05)


def train_rmsprop(model):
    return torch.optim.RMSprop([p for p in model.parameters() if p.requires_grad], lr=0.01)


def train_tiny(model):
    return torch.optim.SGD(model.parameters(), lr=1e-7)


RIGHT = {
    "16.5": [
        train_with(train_adam, validate_by_sums),
        train_with(train_sgd, validate_by_sums),
        train_with(train_rmsprop, torch.inference_mode()(validate_recording)),
    ],
    "16.1": [topk_any, sorts_in_a_loop, rank_of_target, argsort_numpy],
    "16.2": [usual_order, zero_between, with_closure, clears_before_and_after],
    "16.3": [zip_sum, running, numpy_average, torch_dot],
    "16.4": [with_bincount, one_hot_product, index_put, scatter, compares_with_arange],
}
WRONG = {
    "16.5": [
        train_with(train_tiny, validate_by_sums),
        train_with(train_adam, validate_without_eval),
        train_with(train_adam, validate_recording),
        train_with(train_adam, validate_counts),
        train_with(train_adam, validate_loss),
        train_with(train_adam, validate_by_sums, first=False),
    ],
    "16.1": [
        only_top_one,
        exactly_kth,
        along_the_batch,
        returns_tensor,
        percent,
        smallest,
        off_by_one_rank,
        mean_over_n_times_k,
        count_of_hits,
        fixed_five,
    ],
    "16.2": [
        never_zeroes,
        zeroes_only_after,
        zeroes_after_backward,
        forgets_step,
        steps_twice,
        loss_after_the_step,
        returns_loss_tensor,
        own_criterion,
        own_sgd,
        in_eval_mode,
        times_the_batch,
        swapped_arguments,
    ],
    "16.3": [
        plain_mean,
        divides_by_batches,
        forgets_to_multiply,
        drops_last,
        takes_first_size,
        total_only,
        full_batches_assumed,
        divides_losses,
    ],
    "16.4": [
        transposed,
        assigns_instead_of_adding,
        no_min_length,
        size_from_data,
        uses_for_loop,
        uses_comprehension,
        uses_while,
        normalised,
        rows_normalised,
        flat,
        errors_only,
        ten_classes,
    ],
}
