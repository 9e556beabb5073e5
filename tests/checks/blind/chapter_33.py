"""Chapter 33."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


def by_mse_loss(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{tuple(prediction.shape)} and {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def by_hand(prediction, target):
    a, b = tuple(prediction.size()), tuple(target.size())
    if a == b:
        return ((prediction - target) ** 2).sum() / prediction.numel()
    raise ValueError("shapes differ: " + str(a) + " vs. " + str(b))


class _Strict(nn.MSELoss):
    def forward(self, prediction, target):
        shapes = [tuple(t.shape) for t in (prediction, target)]
        if len(set(shapes)) > 1:
            raise ValueError(*shapes)
        return super().forward(prediction, target)


def by_subclass(prediction, target):
    return _Strict()(prediction, target)


def by_except(prediction, target):
    try:
        assert list(prediction.shape) == list(target.shape)
    except AssertionError:
        text = "target has %s, prediction %s"
        raise ValueError(text % (tuple(target.shape), tuple(prediction.shape))) from None
    return torch.mean(torch.square(torch.sub(prediction, target)))


class ShapeError(ValueError):
    pass


def by_own_error(prediction, target):
    if not (prediction.ndim == target.ndim and prediction.shape == target.shape):
        raise ShapeError(f"got {(*prediction.shape,)} for a target of {(*target.shape,)}")
    d = (prediction - target).flatten()
    return d @ d / len(d)


def by_norm(prediction, target):
    if prediction.size() != target.size():
        raise ValueError(f"{(tuple(prediction.shape), tuple(target.shape))}")
    return (prediction - target).pow(2).mean()


def broadcasts(prediction, target):
    return ((prediction - target) ** 2).mean()


def size_objects(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{prediction.shape} and {target.shape}")
    return F.mse_loss(prediction, target)


def only_one_shape(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"wrong shape {tuple(prediction.shape)}")
    return F.mse_loss(prediction, target)


def asserts(prediction, target):
    assert prediction.shape == target.shape, f"{tuple(prediction.shape)} {tuple(target.shape)}"
    return F.mse_loss(prediction, target)


def runtime_error(prediction, target):
    if prediction.shape != target.shape:
        raise RuntimeError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def returns_the_error(prediction, target):
    if prediction.shape != target.shape:
        return ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def number(prediction, target):
    return by_hand(prediction, target).item()


def new_tensor(prediction, target):
    return torch.tensor(by_hand(prediction, target).item(), requires_grad=True)


def summed(prediction, target):
    return by_hand(prediction, target) * prediction.numel()


def rooted(prediction, target):
    return by_hand(prediction, target).sqrt()


def absolute(prediction, target):
    by_hand(prediction, target)
    return (prediction - target).abs().mean()


def over_the_batch_only(prediction, target):
    by_hand(prediction, target)
    return ((prediction - target) ** 2).sum() / max(1, len(prediction))


def per_column(prediction, target):
    by_hand(prediction, target)
    return ((prediction - target) ** 2).mean(0)


def not_reduced(prediction, target):
    by_hand(prediction, target)
    return (prediction - target) ** 2


def same_number_is_enough(prediction, target):
    if prediction.numel() != target.numel():
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction.flatten(), target.flatten())


def same_length_is_enough(prediction, target):
    if len(prediction) != len(target):
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def broadcastable_is_fine(prediction, target):
    try:
        return ((prediction - target) ** 2).mean()
    except RuntimeError:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}") from None


def zip_compares(prediction, target):
    for a, b in zip(prediction.shape, target.shape, strict=False):
        if a != b:
            raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def squeezes(prediction, target):
    prediction, target = prediction.squeeze(), target.squeeze()
    if prediction.shape != target.shape:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def ones_are_wildcards(prediction, target):
    if prediction.dim() != target.dim() or any(
        a != b and 1 not in (a, b) for a, b in zip(prediction.shape, target.shape, strict=True)
    ):
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def dtype_matters(prediction, target):
    if prediction.shape != target.shape or prediction.dtype != target.dtype:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def numbers_without_brackets(prediction, target):
    if prediction.shape != target.shape:
        a, b = (", ".join(map(str, t.shape)) for t in (prediction, target))
        raise ValueError(f"{a} and {b}")
    return F.mse_loss(prediction, target)


def in_place_difference(prediction, target):
    by_hand(prediction, target)
    with torch.no_grad():
        target.sub_(prediction)
    return ((prediction - prediction.detach() - target) ** 2).mean()


def scalar_is_refused(prediction, target):
    if prediction.shape != target.shape or prediction.dim() == 0:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return F.mse_loss(prediction, target)


def in_single(prediction, target):
    return by_hand(prediction.float(), target.float())


def by_identity_set(model, optimizer):
    trained = set()
    for group in optimizer.param_groups:
        trained.update(group["params"])
    return [n for n, p in model.named_parameters() if p not in trained or not p.requires_grad]


def by_any_is(model, optimizer):
    names = []
    for name, p in model.named_parameters():
        held = any(p is q for g in optimizer.param_groups for q in g["params"])
        if not held or not p.requires_grad:
            names.append(name)
    return names


def by_dict(model, optimizer):
    names = {id(p): n for n, p in model.named_parameters()}
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.requires_grad:
                names.pop(id(p), None)
    return list(names.values())


def by_filter(model, optimizer):
    ids = [id(p) for g in optimizer.param_groups for p in g["params"] if p.requires_grad]
    return [n for n, _ in filter(lambda pair: id(pair[1]) not in ids, model.named_parameters())]


def by_difference(model, optimizer):
    every = dict(model.named_parameters())
    fine = {
        n
        for n, p in every.items()
        for g in optimizer.param_groups
        for q in g["params"]
        if q is p and p.requires_grad
    }
    return [n for n in every if n not in fine]


def frozen_only(model, optimizer):
    return [n for n, p in model.named_parameters() if not p.requires_grad]


def not_held_only(model, optimizer):
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    return [n for n, p in model.named_parameters() if id(p) not in held]


def first_group(model, optimizer):
    held = {id(p) for p in optimizer.param_groups[0]["params"]}
    return [n for n, p in model.named_parameters() if not p.requires_grad or id(p) not in held]


def last_group(model, optimizer):
    held = {id(p) for p in optimizer.param_groups[-1]["params"]}
    return [n for n, p in model.named_parameters() if not p.requires_grad or id(p) not in held]


def and_for_or(model, optimizer):
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    return [n for n, p in model.named_parameters() if not p.requires_grad and id(p) not in held]


def opposite(model, optimizer):
    wrong = by_any_is(model, optimizer)
    return [n for n, _ in model.named_parameters() if n not in wrong]


def in_a_list(model, optimizer):
    held = [p for g in optimizer.param_groups for p in g["params"]]
    return [n for n, p in model.named_parameters() if not p.requires_grad or p not in held]


def by_value(model, optimizer):
    held = [p for g in optimizer.param_groups for p in g["params"]]
    return [
        n
        for n, p in model.named_parameters()
        if not p.requires_grad or not any(p.shape == q.shape and p.equal(q) for q in held)
    ]


def by_shape(model, optimizer):
    held = {p.shape for g in optimizer.param_groups for p in g["params"]}
    return [n for n, p in model.named_parameters() if not p.requires_grad or p.shape not in held]


def without_grad(model, optimizer):
    return [n for n, p in model.named_parameters() if p.grad is None]


def held_without_grad_too(model, optimizer):
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    return [
        n
        for n, p in model.named_parameters()
        if not p.requires_grad or id(p) not in held or p.grad is None
    ]


def parameters_not_names(model, optimizer):
    wrong = by_any_is(model, optimizer)
    return [p for n, p in model.named_parameters() if n in wrong]


def as_set(model, optimizer):
    return set(by_any_is(model, optimizer))


def alphabetical(model, optimizer):
    return sorted(by_any_is(model, optimizer))


def frozen_first(model, optimizer):
    frozen = frozen_only(model, optimizer)
    return frozen + [n for n in not_held_only(model, optimizer) if n not in frozen]


def listed_twice(model, optimizer):
    return frozen_only(model, optimizer) + not_held_only(model, optimizer)


def buffers_too(model, optimizer):
    return by_any_is(model, optimizer) + [n for n, _ in model.named_buffers()]


def by_state_dict(model, optimizer):
    good = opposite(model, optimizer)
    return [n for n in model.state_dict() if n not in good]


def by_optimizer_state(model, optimizer):
    return [
        n for n, p in model.named_parameters() if not p.requires_grad or p not in optimizer.state
    ]


def by_a_step(model, optimizer):
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    optimizer.step()
    return [n for n, p in model.named_parameters() if p.equal(before[n])]


def by_a_step_put_back(model, optimizer):
    """Takes a step and puts the weights back, but not the gradients and the optimizer."""
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    wrong = by_a_step(model, optimizer)
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(before[n])
    return wrong


def rate_zero_too(model, optimizer):
    held = {id(p) for g in optimizer.param_groups if g["lr"] for p in g["params"]}
    return [n for n, p in model.named_parameters() if not p.requires_grad or id(p) not in held]


def module_names(model, optimizer):
    return [n.rpartition(".")[0] for n in by_any_is(model, optimizer)]


def top_level_only(model, optimizer):
    wrong = by_any_is(model, optimizer)
    return [n for n in wrong if n.count(".") < 2]


def thaws(model, optimizer):
    wrong = by_any_is(model, optimizer)
    for p in model.parameters():
        p.requires_grad_(True)
    return wrong


def empties_groups(model, optimizer):
    held = set()
    for group in optimizer.param_groups:
        while group["params"]:
            held.add(group["params"].pop())
    return [n for n, p in model.named_parameters() if not p.requires_grad or p not in held]


def adds_missing(model, optimizer):
    wrong = not_held_only(model, optimizer)
    missing = [p for n, p in model.named_parameters() if n in wrong]
    names = by_any_is(model, optimizer)
    if missing:
        optimizer.add_param_group({"params": missing})
    return names


def clears_gradients(model, optimizer):
    optimizer.zero_grad()
    return by_any_is(model, optimizer)


def all_groups_must_hold(model, optimizer):
    return [
        n
        for n, p in model.named_parameters()
        if not p.requires_grad
        or not all(any(p is q for q in g["params"]) for g in optimizer.param_groups)
    ]


def by_broadcast(train, val):
    return (val[:, None] == train[None]).flatten(2).all(2).any(1)


def by_comprehension(train, val):
    return torch.tensor([any(torch.equal(v, t) for t in train) for v in val], dtype=torch.bool)


def by_lists(train, val):
    seen = {tuple(t.flatten().tolist()) for t in train}
    answers = [tuple(v.flatten().tolist()) in seen for v in val]
    return torch.tensor(answers, dtype=torch.bool)


def by_unique(train, val):
    rows = torch.cat([train, val]).flatten(1)
    _, ids = rows.unique(dim=0, return_inverse=True)
    return torch.isin(ids[len(train) :], ids[: len(train)])


def by_count_of_differences(train, val):
    differ = torch.stack([(val != t).flatten(1).sum(1) for t in train])
    return (differ == 0).any(0)


def by_training_loop(train, val):
    found = torch.zeros(val.shape[0], dtype=torch.bool)
    for image in train:
        found |= (val == image).all(dim=3).all(dim=2).all(dim=1)
    return found


def by_max_difference(train, val):
    found = []
    for v in val:
        found.append(bool((train.double() - v.double()).abs().amax((1, 2, 3)).min() == 0))
    return torch.tensor(found, dtype=torch.bool)


def any_pixel(train, val):
    return (val[:, None] == train[None]).flatten(2).any(2).any(1)


def for_the_training_images(train, val):
    return by_broadcast(val, train)


def same_place(train, val):
    n = min(len(train), len(val))
    out = torch.zeros(len(val), dtype=torch.bool)
    out[:n] = (train[:n] == val[:n]).flatten(1).all(1)
    return out


def each_pixel_from_some_image(train, val):
    return (val[:, None] == train[None]).any(1).flatten(1).all(1)


def pixel_of_any_channel(train, val):
    return (val[:, None] == train[None]).any(2).flatten(2).all(2).any(1)


def first_channel(train, val):
    return by_broadcast(train[:, :1], val[:, :1])


def close_is_enough(train, val):
    return torch.tensor([any(torch.allclose(v, t) for t in train) for v in val], dtype=torch.bool)


def nearly(train, val):
    d = (val[:, None].double() - train[None].double()).flatten(2).norm(dim=2)
    return (d < 0.01).any(1)


def nearly_all_pixels(train, val):
    return ((val[:, None] == train[None]).flatten(2).double().mean(2) > 0.95).any(1)


def by_mean(train, val):
    return torch.isin(val.double().flatten(1).mean(1), train.double().flatten(1).mean(1))


def by_channel_means(train, val):
    a, b = (t.double().mean((2, 3)) for t in (val, train))
    return (a[:, None] == b[None]).all(2).any(1)


def by_sorted_pixels(train, val):
    a, b = (t.flatten(1).sort(1)[0] for t in (val, train))
    return (a[:, None] == b[None]).all(2).any(1)


def mirrored_too(train, val):
    return by_broadcast(train, val) | by_broadcast(train.flip(3), val)


def negative_too(train, val):
    return by_broadcast(train.abs(), val.abs())


def by_signed_sum_of_differences(train, val):
    return ((val[:, None].double() - train[None].double()).flatten(2).sum(2) == 0).any(1)


def matrix(train, val):
    return (val[:, None] == train[None]).flatten(2).all(2)


def column(train, val):
    return by_broadcast(train, val).unsqueeze(1)


def numbers(train, val):
    return by_broadcast(train, val).int()


def as_list(train, val):
    return by_broadcast(train, val).tolist()


def places(train, val):
    return by_broadcast(train, val).nonzero().flatten()


def opposite_twins(train, val):
    return ~by_broadcast(train, val)


def exactly_one(train, val):
    return matrix(train, val).sum(1) == 1


def each_training_image_once(train, val):
    """A training image is used up by the first twin that is found."""
    used, out = set(), []
    for v in val:
        hit = next((i for i, t in enumerate(train) if i not in used and t.equal(v)), None)
        used |= {hit} - {None}
        out.append(hit is not None)
    return torch.tensor(out)


def neighbours_in_val(train, val):
    """Takes twins within the validation images for twins, too."""
    same = (val[:, None] == val[None]).flatten(2).all(2).sum(1) > 1
    return by_broadcast(train, val) | same


def first_training_image(train, val):
    return (val == train[0]).flatten(1).all(1)


def last_wins(train, val):
    found = torch.zeros(len(val), dtype=torch.bool)
    for t in train:
        for i, v in enumerate(val):
            found[i] = torch.equal(t, v)
    return found


def rounded(train, val):
    return by_broadcast((train * 255).round(), (val * 255).round())


def cut_to_bytes(train, val):
    return by_broadcast((train * 255).to(torch.uint8), (val * 255).to(torch.uint8))


def in_half(train, val):
    return by_broadcast(train.half(), val.half())


def normalised(train, val):
    def norm(t):
        t = t.double()
        return t - t.amin((1, 2, 3), keepdim=True)

    return by_broadcast(norm(train), norm(val))


def zip_stops(train, val):
    return torch.tensor([torch.equal(a, b) for a, b in zip(train, val, strict=False)])


def subtract_in_place(train, val):
    out = []
    for v in val:
        train -= v
        out.append(bool((train == 0).flatten(1).all(1).any()))
        train += v
    return torch.tensor(out)


def _soft(out):
    return bool((out >= 0).all() and ((out.sum(1) - 1).abs() <= 1e-4).all())


def copies(model, inputs, targets):
    sick = set()
    patient = copy.deepcopy(model)
    patient.eval()
    with torch.no_grad():
        one = patient(inputs)
        two = patient(inputs)
    k = one.shape[1]
    if ((targets < 0) | (targets >= k)).any():
        sick.add("labels")
    if _soft(one):
        sick.add("softmax")
    if (one != two).any():
        sick.add("random")
    if inputs.abs().mean() > 10:
        sick.add("scale")
    patient = copy.deepcopy(model).train()
    for p in patient.parameters():
        p.grad = None
    loss = nn.CrossEntropyLoss()(patient(inputs), targets * 0)
    if loss.grad_fn is not None:
        loss.backward()
    for p in patient.parameters():
        if p.grad is None or p.grad.count_nonzero() == 0:
            sick.add("stuck")
    return sick


def restores(model, inputs, targets):
    modes = [(m, m.training) for m in model.modules()]
    values = {k: v.detach().clone() for k, v in model.named_buffers()}
    weights = {k: v.detach().clone() for k, v in model.named_parameters()}
    found = set()
    try:
        model.eval()
        with torch.no_grad():
            a, b = model(inputs), model(inputs)
        if int(targets.min()) < 0 or int(targets.max()) > a.shape[1] - 1:
            found |= {"labels"}
        if bool((a >= 0).all()) and torch.allclose(
            a.sum(1), torch.ones(len(a), dtype=a.dtype), rtol=0, atol=1e-4
        ):
            found |= {"softmax"}
        if not torch.equal(a, b):
            found |= {"random"}
        if inputs.abs().mean().item() > 10:
            found |= {"scale"}
        model.train()
        loss = F.cross_entropy(model(inputs), torch.zeros_like(targets))
        parameters = list(model.parameters())
        can = [p for p in parameters if p.requires_grad]
        grads = torch.autograd.grad(loss, can, allow_unused=True) if loss.requires_grad else []
        if len(can) < len(parameters) or len(grads) < len(can):
            found |= {"stuck"}
        if any(g is None or not g.any() for g in grads):
            found |= {"stuck"}
    finally:
        with torch.no_grad():
            for k, v in model.named_buffers():
                v.copy_(values[k])
            for k, v in model.named_parameters():
                v.copy_(weights[k])
        for m, mode in modes:
            m.training = mode
    return found


def functional(model, inputs, targets):
    modes = {m: m.training for m in model.modules()}

    def run():
        weights = {
            n: p.detach().clone().requires_grad_(p.requires_grad)
            for n, p in model.named_parameters()
        }
        buffers = {n: b.clone() for n, b in model.named_buffers()}
        return weights, functional_call(model, (weights, buffers), (inputs,))

    model.eval()
    (_, a), (_, b) = run(), run()
    model.train()
    weights, out = run()
    for m, mode in modes.items():
        m.training = mode
    loss = F.cross_entropy(out, torch.zeros(len(targets), dtype=torch.long))
    if loss.requires_grad:
        loss.backward()
    signs = {
        "labels": not bool(((targets >= 0) & (targets < a.shape[1])).all()),
        "softmax": _soft(a),
        "random": not a.equal(b),
        "stuck": any(w.grad is None or (w.grad == 0).all() for w in weights.values()),
        "scale": bool(inputs.abs().mean() > 10),
    }
    return {name for name, ill in signs.items() if ill}


def _labels(model, inputs, targets):
    k = copy.deepcopy(model).eval()(inputs).shape[1]
    return any(not 0 <= t < k for t in targets.tolist())


def _softmax(model, inputs, targets):
    return _soft(copy.deepcopy(model).eval()(inputs))


def _random(model, inputs, targets):
    m = copy.deepcopy(model).eval()
    return not torch.equal(m(inputs), m(inputs))


def _stuck(model, inputs, targets):
    m = copy.deepcopy(model).train()
    m.zero_grad(set_to_none=True)
    loss = F.cross_entropy(m(inputs), torch.zeros_like(targets))
    if loss.requires_grad:
        loss.backward()
    return not all(p.grad is not None and bool(p.grad.any()) for p in m.parameters())


def _scale(model, inputs, targets):
    return bool(inputs.abs().mean() > 10)


_RULES = dict(labels=_labels, softmax=_softmax, random=_random, stuck=_stuck, scale=_scale)


def by_rules(model, inputs, targets):
    return {name for name, rule in _RULES.items() if rule(model, inputs, targets)}


def from_a_state_dict(model, inputs, targets):
    """Works on the model itself, with gradients, modes and state put back."""
    state = copy.deepcopy(model.state_dict())
    kept = [(b, b.clone()) for b in model.buffers()]
    grads = [(p, p.grad) for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    found = {"scale"} if inputs.abs().mean() > 10 else set()
    model.eval()
    a, b = model(inputs).detach(), model(inputs).detach()
    found |= {"labels"} if (targets < 0).any() or (targets >= a.shape[1]).any() else set()
    found |= {"softmax"} if _soft(a) else set()
    found |= {"random"} if not torch.equal(a, b) else set()
    model.train()
    for p in model.parameters():
        p.grad = None
    loss = F.cross_entropy(model(inputs), torch.zeros_like(targets))
    if loss.requires_grad:
        loss.backward()
    if any(p.grad is None or not p.grad.any() for p in model.parameters()):
        found.add("stuck")
    model.load_state_dict(state)
    for b, old in kept:
        b.copy_(old)
    for p, g in grads:
        p.grad = g
    for m, mode in zip(model.modules(), modes, strict=True):
        m.training = mode
    return found


def _with(**rules):
    table = _RULES | rules

    def answer(model, inputs, targets):
        return {name for name, rule in table.items() if rule(model, inputs, targets)}

    return answer


def _named(name, **rules):
    answer = _with(**rules)
    answer.__name__ = name
    return answer


def _k(model, inputs):
    return copy.deepcopy(model).eval()(inputs).shape[1]


def _grads(m, loss):
    if loss.requires_grad:
        loss.backward()
    return [p.grad for p in m.parameters()]


def _stuck_with(
    change=lambda m: m, targets=lambda t: torch.zeros_like(t), judge=None, loss=F.cross_entropy
):
    judge = judge or (lambda grads, m: any(g is None or not g.any() for g in grads))

    def rule(model, inputs, t):
        m = copy.deepcopy(model).train()
        m.zero_grad()
        m = change(m)
        return judge(_grads(m, loss(m(inputs), targets(t))), m)

    return rule


VARIANTS = [
    _named("labels_up_to_k", labels=lambda m, x, t: bool(t.min() < 0 or t.max() > _k(m, x))),
    _named("labels_not_below", labels=lambda m, x, t: bool(t.max() >= _k(m, x))),
    _named("labels_not_above", labels=lambda m, x, t: bool(t.min() < 0)),
    _named("labels_from_one", labels=lambda m, x, t: bool(t.min() < 1 or t.max() > _k(m, x))),
    _named("labels_k_is_rows", labels=lambda m, x, t: bool(t.min() < 0 or t.max() >= len(x))),
    _named("labels_k_is_ten", labels=lambda m, x, t: bool(t.min() < 0 or t.max() >= 10)),
    _named("labels_all_wrong", labels=lambda m, x, t: bool(((t < 0) | (t >= _k(m, x))).all())),
    _named("labels_first", labels=lambda m, x, t: not 0 <= int(t[0]) < _k(m, x)),
    _named(
        "labels_k_of_last_linear",
        labels=lambda m, x, t: bool(
            t.min() < 0
            or t.max() >= [q for q in m.modules() if isinstance(q, nn.Linear)][-1].out_features
        ),
    ),
    _named("labels_missing_class", labels=lambda m, x, t: len(t.unique()) != _k(m, x)),
    _named(
        "softmax_by_class",
        softmax=lambda m, x, t: any(isinstance(q, nn.Softmax) for q in m.modules()),
    ),
    _named(
        "softmax_sum_only",
        softmax=lambda m, x, t: bool(((copy.deepcopy(m).eval()(x).sum(1) - 1).abs() < 1e-4).all()),
    ),
    _named(
        "softmax_range_only", softmax=lambda m, x, t: bool((copy.deepcopy(m).eval()(x) >= 0).all())
    ),
    _named(
        "softmax_zero_to_one",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and (o <= 1).all()
        ),
    ),
    _named("softmax_first_row", softmax=lambda m, x, t: _soft(copy.deepcopy(m).eval()(x)[:1])),
    _named(
        "softmax_any_row",
        softmax=lambda m, x, t: any(_soft(row[None]) for row in copy.deepcopy(m).eval()(x)),
    ),
    _named(
        "softmax_columns",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and ((o.sum(0) - 1).abs() < 1e-4).all()
        ),
    ),
    _named(
        "softmax_mean_of_sums",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and (o.sum(1).mean() - 1).abs() < 1e-4
        ),
    ),
    _named(
        "softmax_exact",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and (o.sum(1) == 1).all()
        ),
    ),
    _named(
        "softmax_wide",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and ((o.sum(1) - 1).abs() < 0.05).all()
        ),
    ),
    _named(
        "softmax_one_side",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) >= 0).all() and (o.sum(1) - 1 < 1e-4).all()
        ),
    ),
    _named(
        "softmax_above_zero",
        softmax=lambda m, x, t: bool(
            ((o := copy.deepcopy(m).eval()(x)) > 0).all() and ((o.sum(1) - 1).abs() < 1e-4).all()
        ),
    ),
    _named("softmax_in_train_mode", softmax=lambda m, x, t: _soft(copy.deepcopy(m).train()(x))),
    _named("softmax_in_own_mode", softmax=lambda m, x, t: _soft(copy.deepcopy(m)(x))),
    _named(
        "random_in_train_mode",
        random=lambda m, x, t: not torch.equal((q := copy.deepcopy(m).train())(x), q(x)),
    ),
    _named(
        "random_in_own_mode",
        random=lambda m, x, t: not torch.equal((q := copy.deepcopy(m))(x), q(x)),
    ),
    _named(
        "random_by_dropout",
        random=lambda m, x, t: any(isinstance(q, nn.Dropout) for q in m.modules()),
    ),
    _named(
        "random_close",
        random=lambda m, x, t: (
            not torch.allclose((q := copy.deepcopy(m).eval())(x), q(x), atol=1e-2)
        ),
    ),
    _named(
        "random_argmax",
        random=lambda m, x, t: (
            not torch.equal((q := copy.deepcopy(m).eval())(x).argmax(1), q(x).argmax(1))
        ),
    ),
    _named(
        "random_all_differ",
        random=lambda m, x, t: bool(((q := copy.deepcopy(m).eval())(x) != q(x)).all()),
    ),
    _named(
        "random_first_row",
        random=lambda m, x, t: not torch.equal((q := copy.deepcopy(m).eval())(x)[0], q(x)[0]),
    ),
    _named(
        "random_mean",
        random=lambda m, x, t: (
            round(float((q := copy.deepcopy(m).eval())(x).mean() - q(x).mean()), 3) != 0
        ),
    ),
    _named(
        "random_top_only",
        random=lambda m, x, t: (
            lambda q: (q.__setattr__("training", False), not torch.equal(q(x), q(x)))[1]
        )(copy.deepcopy(m).train()),
    ),
    _named("stuck_own_targets", stuck=_stuck_with(targets=lambda t: t.clamp(0, 1))),
    _named("stuck_random_targets", stuck=_stuck_with(targets=lambda t: t * 0 + 1)),
    _named("stuck_in_eval", stuck=_stuck_with(change=lambda m: m.eval())),
    _named(
        "stuck_none_only", stuck=_stuck_with(judge=lambda grads, m: any(g is None for g in grads))
    ),
    _named(
        "stuck_zeros_only",
        stuck=_stuck_with(judge=lambda grads, m: any(g is not None and not g.any() for g in grads)),
    ),
    _named(
        "stuck_all",
        stuck=_stuck_with(judge=lambda grads, m: all(g is None or not g.any() for g in grads)),
    ),
    _named(
        "stuck_some_zero",
        stuck=_stuck_with(judge=lambda grads, m: any(g is None or (g == 0).any() for g in grads)),
    ),
    _named(
        "stuck_sum_is_zero",
        stuck=_stuck_with(judge=lambda grads, m: any(g is None or g.sum() == 0 for g in grads)),
    ),
    _named(
        "stuck_small",
        stuck=_stuck_with(
            judge=lambda grads, m: any(g is None or g.abs().max() < 1e-3 for g in grads)
        ),
    ),
    _named(
        "stuck_ignores_frozen",
        stuck=_stuck_with(
            judge=lambda grads, m: any(
                p.requires_grad and (p.grad is None or not p.grad.any()) for p in m.parameters()
            )
        ),
    ),
    _named(
        "stuck_frozen_only", stuck=lambda m, x, t: not all(p.requires_grad for p in m.parameters())
    ),
    _named(
        "stuck_weights_only",
        stuck=_stuck_with(
            judge=lambda grads, m: any(
                p.dim() > 1 and (p.grad is None or not p.grad.any()) for p in m.parameters()
            )
        ),
    ),
    _named(
        "stuck_first_only",
        stuck=_stuck_with(judge=lambda grads, m: any(g is None or not g.any() for g in grads[:1])),
    ),
    _named(
        "stuck_last_only",
        stuck=_stuck_with(judge=lambda grads, m: any(g is None or not g.any() for g in grads[-1:])),
    ),
    _named("stuck_sum_of_outputs", stuck=_stuck_with(loss=lambda o, t: o.sum())),
    _named("stuck_log_loss", stuck=_stuck_with(loss=lambda o, t: F.nll_loss(o, t))),
    _named("stuck_thawed", stuck=_stuck_with(change=lambda m: m.requires_grad_(True))),
    _named("stuck_one_row", stuck=lambda m, x, t: _stuck_with()(m, x[:1], t[:1])),
    _named("scale_of_mean", scale=lambda m, x, t: bool(x.mean().abs() > 10)),
    _named("scale_of_max", scale=lambda m, x, t: bool(x.abs().max() > 10)),
    _named("scale_of_plain_mean", scale=lambda m, x, t: bool(x.mean() > 10)),
    _named("scale_above_one", scale=lambda m, x, t: bool(x.abs().mean() > 1)),
    _named("scale_above_100", scale=lambda m, x, t: bool(x.abs().mean() > 100)),
    _named("scale_of_std", scale=lambda m, x, t: bool(x.std() > 10)),
    _named("scale_of_median", scale=lambda m, x, t: bool(x.abs().median() > 10)),
    _named("scale_of_squares", scale=lambda m, x, t: bool(x.square().mean().sqrt() > 10)),
    _named("scale_of_first", scale=lambda m, x, t: bool(x[0].abs().mean() > 10)),
    _named(
        "scale_of_outputs", scale=lambda m, x, t: bool(copy.deepcopy(m).eval()(x).abs().mean() > 10)
    ),
    _named("scale_any_row", scale=lambda m, x, t: bool((x.abs().flatten(1).mean(1) > 10).any())),
]


def crashes_when_all_is_frozen(model, inputs, targets):
    m = copy.deepcopy(model).train()
    m.zero_grad()
    F.cross_entropy(m(inputs), torch.zeros_like(targets)).backward()
    return by_rules(model, inputs, targets)


def first_illness_only(model, inputs, targets):
    return set(sorted(by_rules(model, inputs, targets))[:1])


def dict_of_illnesses(model, inputs, targets):
    return {name: rule(model, inputs, targets) for name, rule in _RULES.items()}


def healthy_is_named(model, inputs, targets):
    return by_rules(model, inputs, targets) or {"healthy"}


def other_names(model, inputs, targets):
    return {n.upper() for n in by_rules(model, inputs, targets)}


def leaves_eval(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    model.eval()
    return found


def leaves_train(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    model.train()
    return found


def mode_of_the_top(model, inputs, targets):
    mode = model.training
    found = by_rules(model, inputs, targets)
    model.eval()
    model.train(mode)
    return found


def mode_of_the_children(model, inputs, targets):
    modes = [(c, c.training) for c in model.children()]
    top = model.training
    found = by_rules(model, inputs, targets)
    model.eval()
    model.training = top
    for c, mode in modes:
        c.train(mode)
    return found


def _on_the_patient(model, inputs, targets, buffers=True, grads=True, zero=True):
    modes = [(m, m.training) for m in model.modules()]
    kept = {n: b.clone() for n, b in model.named_buffers()}
    old = [(p, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    found = by_rules(model, inputs, targets)
    model.train()
    if zero:
        model.zero_grad()
    loss = F.cross_entropy(model(inputs), torch.zeros_like(targets))
    if loss.requires_grad:
        loss.backward()
    if buffers:
        for n, b in model.named_buffers():
            b.copy_(kept[n])
    if grads:
        for p, g in old:
            p.grad = g
    for m, mode in modes:
        m.training = mode
    return found


def changes_buffers(model, inputs, targets):
    return _on_the_patient(model, inputs, targets, buffers=False)


def leaves_its_gradients(model, inputs, targets):
    return _on_the_patient(model, inputs, targets, grads=False)


def adds_to_the_gradients(model, inputs, targets):
    return _on_the_patient(model, inputs, targets, grads=False, zero=False)


def removes_gradients(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    model.zero_grad()
    return found


def gradients_to_zeros(model, inputs, targets):
    """None becomes zeros."""
    found = by_rules(model, inputs, targets)
    for p in model.parameters():
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    return found


def thaws_the_patient(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    model.requires_grad_(True)
    return found


def scales_inputs(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    if "scale" in found:
        inputs /= inputs.abs().mean()
    return found


def clamps_targets(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    targets.clamp_(min=0)
    return found


def state_dict_only(model, inputs, targets):
    """Puts back the state_dict, which lacks the buffers that are not persistent."""
    state = copy.deepcopy(model.state_dict())
    found = by_rules(model, inputs, targets)
    modes = [(m, m.training) for m in model.modules()]
    model.train()
    with torch.no_grad():
        model(inputs)
    for m, mode in modes:
        m.training = mode
    model.load_state_dict(state)
    return found


def stops_at_labels(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    return {"labels"} if "labels" in found else found


def softmax_excludes_stuck(model, inputs, targets):
    found = by_rules(model, inputs, targets)
    return found - {"stuck"} if "softmax" in found else found


def never(name):
    def answer(model, inputs, targets):
        return by_rules(model, inputs, targets) - {name}

    answer.__name__ = f"never_{name}"
    return answer


def plain(train, val):
    return torch.tensor([any(torch.equal(v, t) for t in train) for v in val])


RIGHT = {
    "33.1": [
        by_mse_loss,
        by_hand,
        by_subclass,
        by_except,
        by_own_error,
        by_norm,
    ],
    "33.2": [
        by_identity_set,
        by_any_is,
        by_dict,
        by_filter,
        by_difference,
    ],
    "33.3": [
        by_broadcast,
        by_comprehension,
        by_lists,
        by_unique,
        by_count_of_differences,
        by_training_loop,
        by_max_difference,
        plain,
    ],
    "33.4": [
        copies,
        restores,
        functional,
        by_rules,
        from_a_state_dict,
    ],
}


WRONG = {
    "33.1": [
        broadcasts,
        size_objects,
        only_one_shape,
        asserts,
        runtime_error,
        returns_the_error,
        number,
        new_tensor,
        summed,
        rooted,
        absolute,
        over_the_batch_only,
        per_column,
        not_reduced,
        same_number_is_enough,
        same_length_is_enough,
        broadcastable_is_fine,
        zip_compares,
        squeezes,
        ones_are_wildcards,
        dtype_matters,
        numbers_without_brackets,
        in_place_difference,
        scalar_is_refused,
        in_single,
    ],
    "33.2": [
        frozen_only,
        not_held_only,
        first_group,
        last_group,
        and_for_or,
        in_a_list,
        by_value,
        by_shape,
        without_grad,
        held_without_grad_too,
        parameters_not_names,
        as_set,
        alphabetical,
        frozen_first,
        listed_twice,
        buffers_too,
        by_state_dict,
        by_optimizer_state,
        by_a_step_put_back,
        rate_zero_too,
        module_names,
        top_level_only,
        thaws,
        empties_groups,
        adds_missing,
        clears_gradients,
        all_groups_must_hold,
    ],
    "33.3": [
        any_pixel,
        for_the_training_images,
        same_place,
        each_pixel_from_some_image,
        pixel_of_any_channel,
        first_channel,
        close_is_enough,
        nearly,
        nearly_all_pixels,
        by_mean,
        by_channel_means,
        by_sorted_pixels,
        mirrored_too,
        negative_too,
        by_signed_sum_of_differences,
        matrix,
        column,
        numbers,
        as_list,
        places,
        opposite_twins,
        exactly_one,
        each_training_image_once,
        neighbours_in_val,
        first_training_image,
        last_wins,
        rounded,
        cut_to_bytes,
        in_half,
        normalised,
        zip_stops,
        subtract_in_place,
    ],
    "33.4": [
        *VARIANTS,
        crashes_when_all_is_frozen,
        first_illness_only,
        dict_of_illnesses,
        healthy_is_named,
        other_names,
        leaves_eval,
        leaves_train,
        mode_of_the_top,
        mode_of_the_children,
        changes_buffers,
        leaves_its_gradients,
        adds_to_the_gradients,
        removes_gradients,
        gradients_to_zeros,
        thaws_the_patient,
        scales_inputs,
        clamps_targets,
        state_dict_only,
        stops_at_labels,
        softmax_excludes_stuck,
        *map(never, _RULES),
    ],
}
