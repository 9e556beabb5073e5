"""Right and wrong answers to the exercises of chapter 16, and the hint that each must get."""

import numpy as np
import torch
from torch.nn import functional as F


def by_topk(logits, targets, k):
    best = logits.topk(k, dim=1).indices
    return (best == targets.unsqueeze(1)).any(dim=1).float().mean().item()


def by_sorting(logits, targets, k):
    best = torch.argsort(logits, dim=-1, descending=True)[:, :k]
    hits = sum(int(t in row) for t, row in zip(targets.tolist(), best.tolist(), strict=True))
    return hits / len(targets)


def by_rank(logits, targets, k):
    own = logits.gather(1, targets[:, None])
    return float(((logits > own).sum(1) < k).double().mean())


def by_numpy(logits, targets, k):
    order = np.argsort(-logits.numpy(), axis=1)[:, :k]
    return float((order == targets.numpy()[:, None]).any(axis=1).mean())


def hits(logits, targets, k):
    return float((logits.topk(k, dim=1).indices == targets.unsqueeze(1)).any(dim=1).sum())


def an_int(logits, targets, k):
    return int(hits(logits, targets, k))


def number_in_a_tensor(logits, targets, k):
    return torch.tensor(an_int(logits, targets, k))


def percent(logits, targets, k):
    return 100 * by_topk(logits, targets, k)


def over_candidates(logits, targets, k):
    return (logits.topk(k, dim=1).indices == targets.unsqueeze(1)).float().mean().item()


def always_the_best(logits, targets, k):
    return (logits.argmax(dim=1) == targets).float().mean().item()


def at_place_k(logits, targets, k):
    return (logits.topk(k, dim=1).indices[:, -1] == targets).float().mean().item()


def smallest(logits, targets, k):
    return by_topk(-logits, targets, k)


def misses(logits, targets, k):
    return 1 - by_topk(logits, targets, k)


def of_any_sample(logits, targets, k):
    return torch.isin(targets, logits.topk(k, dim=1).indices).float().mean().item()


def accuracy_tensor(logits, targets, k):
    return torch.tensor(by_topk(logits, targets, k))


def values_for_indices(logits, targets, k):
    return (logits.topk(k, dim=1).values == targets.unsqueeze(1)).any(1).float().mean().item()


def over_dim_0(logits, targets, k):
    return (logits.topk(k, dim=0).indices == targets).any(0).float().mean().item()


def masks_the_logits(logits, targets, k):
    found = 0.0
    for _ in range(k):
        best = logits.argmax(1)
        found += (best == targets).float().mean().item()
        logits[torch.arange(len(logits)), best] = -torch.inf
    return found


def one_step(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def forward_first(model, inputs, targets, optimizer, criterion):
    model.train()
    outputs = model(inputs)
    loss = criterion(outputs, targets)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return float(loss)


def with_a_closure(model, inputs, targets, optimizer, criterion):
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def cleared_twice(model, inputs, targets, optimizer, criterion):
    model.zero_grad()
    with torch.enable_grad():
        loss = criterion(model(inputs), targets)
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach().cpu().tolist()


def never_zeroed(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def zeroed_after_backward(model, inputs, targets, optimizer, criterion):
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def zeroed_afterwards(model, inputs, targets, optimizer, criterion):
    loss = never_zeroed(model, inputs, targets, optimizer, criterion)
    optimizer.zero_grad()
    return loss


def never_stepped(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    return loss.item()


def stepped_first(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    optimizer.step()
    loss.backward()
    return loss.item()


def stepped_twice(model, inputs, targets, optimizer, criterion):
    loss = one_step(model, inputs, targets, optimizer, criterion)
    optimizer.step()
    return loss


def uphill(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    (-loss).backward()
    optimizer.step()
    return loss.item()


def returns_the_graph(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


def loss_after(model, inputs, targets, optimizer, criterion):
    one_step(model, inputs, targets, optimizer, criterion)
    with torch.no_grad():
        return criterion(model(inputs), targets).item()


def own_criterion(model, inputs, targets, optimizer, criterion):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def loss_of_the_batch(model, inputs, targets, optimizer, criterion):
    return one_step(model, inputs, targets, optimizer, criterion) * len(inputs)


def evaluates(model, inputs, targets, optimizer, criterion):
    model.eval()
    return one_step(model, inputs, targets, optimizer, criterion)


def evaluates_and_trains(model, inputs, targets, optimizer, criterion):
    model.eval()
    loss = one_step(model, inputs, targets, optimizer, criterion)
    model.train()
    return loss


def notes_and_restores(model, inputs, targets, optimizer, criterion):
    modes = [module.training for module in model.modules()]
    loss = evaluates(model, inputs, targets, optimizer, criterion)
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    return loss


def evaluates_at_the_end(model, inputs, targets, optimizer, criterion):
    loss = one_step(model, inputs, targets, optimizer, criterion)
    model.eval()
    return loss


def one_module_in_eval(model, inputs, targets, optimizer, criterion):
    loss = one_step(model, inputs, targets, optimizer, criterion)
    model[1].eval()
    return loss


def leaves_gradients_off(model, inputs, targets, optimizer, criterion):
    torch.set_grad_enabled(True)
    loss = one_step(model, inputs, targets, optimizer, criterion)
    torch.set_grad_enabled(False)
    return loss


def own_sgd(model, inputs, targets, optimizer, criterion):
    model.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= optimizer.param_groups[0]["lr"] * p.grad
    return loss.item()


def normalizes_in_place(model, inputs, targets, optimizer, criterion):
    inputs /= 2
    return one_step(model, inputs, targets, optimizer, criterion)


def without_return(model, inputs, targets, optimizer, criterion):
    one_step(model, inputs, targets, optimizer, criterion)


def weighed(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)


def tensors(losses, sizes):
    n = torch.tensor(sizes)
    return (torch.tensor(losses) * n).sum() / n.sum()


def numpy_average(losses, sizes):
    return np.average(losses, weights=sizes)


def one_by_one(losses, sizes):
    total, seen = 0.0, 0
    for i in range(len(losses)):
        total += losses[i] * sizes[i]
        seen += sizes[i]
    return total / seen


def mean_of_means(losses, sizes):
    return sum(losses) / len(losses)


def never_divided(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True))


def by_batches(losses, sizes):
    return never_divided(losses, sizes) / len(sizes)


def not_weighed(losses, sizes):
    return sum(losses) / sum(sizes)


def divided_each(losses, sizes):
    return sum(loss / size for loss, size in zip(losses, sizes, strict=True))


def last_dropped(losses, sizes):
    if len(losses) == 1:
        return losses[0]
    return weighed(losses[:-1], sizes[:-1])


def size_of_the_first(losses, sizes):
    return never_divided(losses, sizes) / (sizes[0] * len(sizes))


def of_each_batch(losses, sizes):
    return [loss * size / sum(sizes) for loss, size in zip(losses, sizes, strict=True)]


def multiplies_lists(losses, sizes):
    return losses * sizes / sum(sizes)


def weighs_in_place(losses, sizes):
    for i, size in enumerate(sizes):
        losses[i] *= size
    return sum(losses) / sum(sizes)


def bincount(truth, predicted, classes):
    pairs = truth * classes + predicted
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def index_put(truth, predicted, classes):
    table = torch.zeros(classes, classes, dtype=torch.int64)
    return table.index_put((truth, predicted), torch.tensor(1), accumulate=True)


def one_hots(truth, predicted, classes):
    return F.one_hot(truth, classes).float().T @ F.one_hot(predicted, classes).float()


def numpy_add_at(truth, predicted, classes):
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (truth.numpy(), predicted.numpy()), 1)
    return torch.from_numpy(table)


def transposed(truth, predicted, classes):
    return torch.bincount(predicted * classes + truth, minlength=classes**2).view(classes, classes)


def repeated_pairs_once(truth, predicted, classes):
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts[truth, predicted] += 1
    return counts


def shares_of_rows(truth, predicted, classes):
    counts = bincount(truth, predicted, classes)
    return counts / counts.sum(1, keepdim=True).clamp(min=1)


def shares_of_all(truth, predicted, classes):
    return bincount(truth, predicted, classes) / len(truth)


def right_alone(truth, predicted, classes):
    return torch.diag(torch.bincount(truth[truth == predicted], minlength=classes))


def without_minlength(truth, predicted, classes):
    return torch.bincount(truth * classes + predicted).view(classes, classes)


def not_folded(truth, predicted, classes):
    return torch.bincount(truth * classes + predicted, minlength=classes**2)


def as_lists(truth, predicted, classes):
    return bincount(truth, predicted, classes).tolist()


def loop(truth, predicted, classes):
    out = torch.zeros(classes, classes)
    for t, p in zip(truth, predicted, strict=True):
        out[t, p] += 1
    return out


def comprehension(truth, predicted, classes):
    return torch.tensor(
        [
            [int(((truth == i) & (predicted == j)).sum()) for j in range(classes)]
            for i in range(classes)
        ]
    )


def truth_in_place(truth, predicted, classes):
    truth *= classes
    truth += predicted
    return torch.bincount(truth, minlength=classes**2).view(classes, classes)


def sum_of_classes(truth, predicted, classes):
    return torch.bincount(truth + predicted, minlength=classes**2).view(classes, classes)


def an_epoch(model, loader, optimizer, scheduler=None):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = torch.cat([model(x).argmax(1) == y for x, y in loader])
    return right.double().mean().item()


def with_adam(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        scores.append(accuracy(model, val_loader))
    return scores


def momentum_and_one_cycle(model, train_loader, val_loader, epochs):
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.1, epochs=epochs, steps_per_epoch=len(train_loader)
    )
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer, scheduler)
        model.eval()
        hits = count = 0
        with torch.inference_mode():
            for x, y in val_loader:
                hits += (model(x).argmax(dim=1) == y).sum().item()
                count += len(y)
        scores.append(hits / count)
    return scores


def looks_at_training_too(model, train_loader, val_loader, epochs):
    """Clips, lowers the rate on a plateau, and measures before the first step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1)
    accuracy(model, val_loader)
    scores = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(model(x), y)
            model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        accuracy(model, train_loader)
        scores.append(accuracy(model, val_loader))
        scheduler.step(scores[-1])
    return scores


def far_too_slow(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        scores.append(accuracy(model, val_loader))
    return scores


def forgets_step(model, train_loader, val_loader, epochs):
    scores = []
    for _ in range(epochs):
        for p in model.train().parameters():
            p.grad = None
        for x, y in train_loader:
            F.cross_entropy(model(x), y).backward()
        scores.append(accuracy(model, val_loader))
    return scores


def train_only_once(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    model.train()
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        scores.append(accuracy(model, val_loader))
    return scores


def never_eval(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        with torch.no_grad():
            right = torch.cat([model(x).argmax(1) == y for x, y in val_loader])
        scores.append(right.double().mean().item())
    return scores


def validates_with_gradients(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        model.eval()
        right = torch.cat([model(x).argmax(1) == y for x, y in val_loader])
        scores.append(right.double().mean().item())
    return scores


def learns_from_validation(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        an_epoch(model, val_loader, optimizer)
        scores.append(accuracy(model, val_loader))
    return scores


def left_in_training_mode(model, *given):
    scores = with_adam(model, *given)
    model.train()
    return scores


def mean_of_batches(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scores = []
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
        with torch.no_grad():
            model.eval()
            means = [(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader]
        scores.append(sum(means) / len(means))
    return scores


def one_score(*given):
    return with_adam(*given)[-1]


def one_score_too_many(model, train_loader, val_loader, epochs):
    return [accuracy(model, val_loader), *with_adam(model, train_loader, val_loader, epochs)]


def in_percent(*given):
    return [100 * score for score in with_adam(*given)]


def best_so_far(*given):
    return [max(with_adam(*given))] * given[-1]


def one_batch(model, train_loader, val_loader, epochs):
    return with_adam(model, [next(iter(train_loader))], val_loader, epochs)


def one_validation_batch(model, train_loader, val_loader, epochs):
    return with_adam(model, train_loader, [next(iter(val_loader))], epochs)


def validates_at_the_end(model, train_loader, val_loader, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        an_epoch(model, train_loader, optimizer)
    return [accuracy(model, val_loader) for _ in range(epochs)]


def draws_batches(model, train_loader, val_loader, epochs):
    drawn = [next(iter(train_loader)) for _ in train_loader]
    return with_adam(model, drawn, val_loader, epochs)


def thaws(model, *given):
    model.requires_grad_(True)
    return with_adam(model, *given)


def prints_only(*given):
    with_adam(*given)


RIGHT = {
    "16.5": [with_adam, momentum_and_one_cycle, looks_at_training_too],
    "16.1": [by_topk, by_sorting, by_rank, by_numpy],
    "16.2": [one_step, forward_first, with_a_closure, cleared_twice],
    "16.3": [weighed, tensors, numpy_average, one_by_one],
    "16.4": [bincount, index_put, one_hots, numpy_add_at],
}

WRONG = {
    "16.5": [
        (far_too_slow, "at least 0.9 is asked for"),
        (forgets_step, "The weights did not change"),
        (train_only_once, "The model learnt in evaluation mode"),
        (never_eval, "in training mode while it was validated"),
        (validates_with_gradients, "Gradients were on during validation"),
        (learns_from_validation, "in training mode while it was validated"),
        (left_in_training_mode, "left in training mode"),
        (mean_of_batches, "batches differ in size"),
        (one_score, "should be a list"),
        (one_score_too_many, "has 13"),
        (in_percent, "a share between 0 and 1"),
        (best_so_far, "After each epoch, count the hits"),
        (one_batch, "training samples went through"),
        (one_validation_batch, "validation samples went through"),
        (validates_at_the_end, "validate after each epoch"),
        (draws_batches, "different training samples"),
        (thaws, "A frozen parameter has changed"),
        (prints_only, "returned None"),
    ],
    "16.1": [
        (hits, "Accuracy is a share"),
        (an_int, "Accuracy is a share"),
        (number_in_a_tensor, "Accuracy is a share"),
        (percent, "in percent"),
        (over_candidates, "Use any(dim=1)"),
        (always_the_best, "the accuracy of the best class alone"),
        (at_place_k, "the places before it count"),
        (smallest, "The k smallest logits"),
        (misses, "the share of misses"),
        (of_any_sample, "of its own sample"),
        (accuracy_tensor, "should be a Python float, and it is a tensor"),
        (values_for_indices, "is 0, and it should be"),
        (over_dim_0, "your answer raised RuntimeError"),
        (masks_the_logits, "The numbers in the argument logits have changed"),
    ],
    "16.2": [
        (never_zeroed, "old gradients are added"),
        (zeroed_after_backward, "The weights did not change"),
        (zeroed_afterwards, "clear them before backward"),
        (never_stepped, "The weights did not change"),
        (stepped_first, "The weights did not change"),
        (stepped_twice, "one step, with the model in training mode"),
        (uphill, "The step goes uphill"),
        (returns_the_graph, "should be a Python float, and it is a tensor"),
        (loss_after, "the loss after the step"),
        (own_criterion, "the loss of the given criterion"),
        (loss_of_the_batch, "multiplied by the batch size"),
        (evaluates, "The step was made in evaluation mode: leave the model in training mode"),
        (evaluates_and_trains, "The step was made in evaluation mode"),
        (notes_and_restores, "The step was made in evaluation mode"),
        (evaluates_at_the_end, "The argument model is in another mode than before"),
        (one_module_in_eval, "The argument model is in another mode than before"),
        (leaves_gradients_off, "leaves gradients switched off"),
        (own_sgd, "with Adam and MSELoss"),
        (normalizes_in_place, "The numbers in the inputs or targets have changed"),
        (without_return, "Does it end with a return statement?"),
    ],
    "16.3": [
        (mean_of_means, "the mean of the batch means"),
        (never_divided, "divide by their number"),
        (by_batches, "divided by the number of batches"),
        (not_weighed, "not multiplied by their sizes"),
        (divided_each, "divided by their sizes"),
        (last_dropped, "The last batch is missing"),
        (size_of_the_first, "as large as the first"),
        (of_each_batch, "should be one number"),
        (multiplies_lists, "your answer raised TypeError"),
        (weighs_in_place, "The entries of the argument losses have changed"),
    ],
    "16.4": [
        (transposed, "Rows and columns are exchanged"),
        (repeated_pairs_once, "Repeated pairs count once"),
        (shares_of_rows, "shares of each row"),
        (shares_of_all, "shares of all samples"),
        (right_alone, "Only right predictions"),
        (without_minlength, "your answer raised RuntimeError"),
        (not_folded, "has shape (16,), and (4, 4) is asked for"),
        (as_lists, "should be a torch.Tensor, and it is a list of 4"),
        (loop, "there is a loop in the code"),
        (comprehension, "there is a loop in the code"),
        (truth_in_place, "The numbers in the argument truth have changed"),
        (sum_of_classes, "Row t and column p"),
    ],
}
