"""Chapter 33."""

import copy

import torch
import torch.nn.functional as F


def mse_zip(prediction, target):
    for a, b in zip(prediction.shape, target.shape, strict=False):
        if a != b:
            raise ValueError(f"{tuple(prediction.shape)} != {tuple(target.shape)}")
    if prediction.dim() != target.dim():
        raise ValueError(f"{tuple(prediction.shape)} != {tuple(target.shape)}")
    return torch.mean(torch.square(prediction - target))


def mse_try(prediction, target):
    p, t = tuple(prediction.shape), tuple(target.shape)
    if p == t:
        return torch.nn.MSELoss()(prediction, target)
    raise ValueError("prediction and target have different shapes: " + str(p) + " and " + str(t))


def mse_power(prediction, target):
    """pow, and a comparison of sizes"""
    if prediction.size() != target.size():
        raise ValueError("got %s and %s" % (tuple(prediction.size()), tuple(target.size())))  # noqa: UP031
    return (prediction - target).pow(2).sum() / max(prediction.numel(), 1)


def mse_view(prediction, target):
    return F.mse_loss(prediction, target.view_as(prediction))


def mse_unsqueeze(prediction, target):
    if prediction.ndim > target.ndim:
        target = target.unsqueeze(-1)
    return F.mse_loss(prediction, target)


def mse_first_axis(prediction, target):
    if len(prediction.flatten()) and prediction.shape[:1] != target.shape[:1]:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return ((prediction - target) ** 2).mean()


def mse_type_error(prediction, target):
    if prediction.shape != target.shape:
        raise TypeError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return ((prediction - target) ** 2).mean()


def mse_prints(prediction, target):
    if prediction.shape != target.shape:
        print(f"{tuple(prediction.shape)} {tuple(target.shape)}")
        return None
    return ((prediction - target) ** 2).mean()


def mse_one_shape(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"target should have shape {tuple(prediction.shape)}")
    return ((prediction - target) ** 2).mean()


def mse_numpy(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    d = prediction.detach().numpy() - target.numpy()
    return torch.tensor((d**2).mean())


def updated_lists(model, optimizer):
    everything = []
    for g in optimizer.param_groups:
        everything.extend(map(id, g["params"]))
    out = []
    for n, p in model.named_parameters():
        if p.requires_grad is False:
            out.append(n)
        elif id(p) not in everything:
            out.append(n)
    return out


def updated_filter(model, optimizer):
    able = {
        id(p)
        for group in optimizer.param_groups
        for p in group["params"]
        if p.requires_grad
    }  # fmt: skip
    return list(dict(filter(lambda item: id(item[1]) not in able, model.named_parameters())))


def updated_hash(model, optimizer):
    """tensors hash by identity"""
    able = {p for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return [name for name, p in model.named_parameters() if p not in able]


def updated_by_equal(model, optimizer):
    names = []
    for n, p in model.named_parameters():
        found = False
        for g in optimizer.param_groups:
            for q in g["params"]:
                found = found or torch.equal(p, q)
        if not found or not p.requires_grad:
            names.append(n)
    return names


def updated_in(model, optimizer):
    params = [p for g in optimizer.param_groups for p in g["params"]]
    return [n for n, p in model.named_parameters() if p not in params or not p.requires_grad]


def updated_no_grad(model, optimizer):
    return [n for n, p in model.named_parameters() if p.grad is None]


def updated_count(model, optimizer):
    return len(updated_lists(model, optimizer))


def updated_last_group(model, optimizer):
    held = [id(p) for p in optimizer.param_groups[-1]["params"]]
    return [n for n, p in model.named_parameters() if id(p) not in held or not p.requires_grad]


def updated_steps(model, optimizer):
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    return [n for n, p in model.named_parameters() if torch.equal(before[n], p)]


def updated_joined(model, optimizer):
    return ", ".join(updated_lists(model, optimizer))


def updated_layers(model, optimizer):
    return sorted({n.rpartition(".")[0] for n in updated_lists(model, optimizer)})


def twins_cdist_like(train, val):
    flat_train, flat_val = train.flatten(1), val.flatten(1)
    out = torch.zeros(len(val), dtype=torch.bool)
    for row in flat_train:
        out |= (flat_val == row).all(dim=1)
    return out


def twins_unfolded(train, val):
    same = (train.unsqueeze(0) == val.unsqueeze(1)).flatten(2).all(dim=2)
    return same.any(dim=1)


def twins_list(train, val):
    pixels = [t.tolist() for t in train]
    return torch.tensor([v.tolist() in pixels for v in val], dtype=torch.bool)


def twins_hash(train, val):
    known = [hash(str(t)) for t in train]
    return torch.tensor([hash(str(v)) in known for v in val], dtype=torch.bool)


def twins_mean(train, val):
    return torch.isin(val.float().mean((1, 2, 3)), train.float().mean((1, 2, 3)))


def twins_isin(train, val):
    return torch.isin(val, train).flatten(1).all(1)


def twins_allclose(train, val):
    return torch.tensor(
        [any(torch.allclose(t.float(), v.float(), atol=1e-3) for t in train) for v in val],
        dtype=torch.bool,
    )


def twins_indices(train, val):
    return torch.where(twins_cdist_like(train, val))[0]


def twins_zip(train, val):
    return torch.tensor([torch.equal(t, v) for t, v in zip(train, val, strict=False)])


def twins_first_channel(train, val):
    return twins_cdist_like(train[:, :1], val[:, :1])


def twins_any(train, val):
    return bool(twins_cdist_like(train, val).any())


def doctor_split(model, inputs, targets):
    m = copy.deepcopy(model)
    m.eval()
    ill = set()
    with torch.no_grad():
        out1 = m(inputs)
        out2 = m(inputs)
    rows = out1.sum(dim=-1)
    if (out1 >= 0).all() and ((rows - 1).abs() <= 1e-4).all():
        ill.add("softmax")
    if (out1 != out2).any():
        ill.add("random")
    if (targets < 0).any() or (targets > out1.shape[-1] - 1).any():
        ill.add("labels")
    if torch.mean(torch.abs(inputs)) > 10:
        ill.add("scale")
    m.train()
    for p in m.parameters():
        p.grad = None
    try:
        F.cross_entropy(m(inputs), torch.zeros(inputs.shape[0], dtype=torch.long)).backward()
    except RuntimeError:
        ill.add("stuck")
    for p in m.parameters():
        if p.grad is None or torch.count_nonzero(p.grad) == 0:
            ill.add("stuck")
    return ill


def doctor_grad(model, inputs, targets):
    first, second = copy.deepcopy(model).eval(), copy.deepcopy(model).train()
    a, b = first(inputs).detach(), first(inputs).detach()
    loss = F.nll_loss(second(inputs).log_softmax(1), torch.zeros_like(targets))
    parameters = list(second.parameters())
    free = [p for p in parameters if p.requires_grad]
    stuck = len(free) < len(parameters)
    if free and loss.requires_grad:
        grads = torch.autograd.grad(loss, free, allow_unused=True)
        stuck = stuck or any(g is None or g.abs().max() == 0 for g in grads)
    verdicts = {
        "labels": targets.min() < 0 or targets.max() >= a.shape[1],
        "softmax": a.min() >= 0 and (a.sum(1) - 1).abs().max() <= 1e-4,
        "random": not torch.equal(a, b),
        "stuck": stuck,
        "scale": inputs.abs().mean() > 10,
    }
    return {name for name, ill in verdicts.items() if ill}


def doctor_numbers(model, inputs, targets):
    """counts, on a copy"""
    m = copy.deepcopy(model)
    m.zero_grad(set_to_none=True)
    m.train()
    out = m(inputs)
    loss = F.cross_entropy(out, torch.zeros(len(inputs)).long())
    if loss.requires_grad:
        loss.backward()
    sizes = [0.0 if p.grad is None else float(p.grad.abs().sum()) for p in m.parameters()]
    m = copy.deepcopy(model)
    m.eval()
    with torch.inference_mode():
        pair = torch.stack([m(inputs), m(inputs)])
    valid = sum(0 <= t < out.shape[1] for t in targets.tolist())
    found = set()
    found |= {"stuck"} if min(sizes) == 0 else set()
    found |= {"random"} if (pair[0] - pair[1]).abs().max() > 0 else set()
    found |= {"labels"} if valid < len(targets) else set()
    found |= {"scale"} if inputs.abs().sum() > 10 * inputs.numel() else set()
    probabilities = pair[0].ge(0).all() and pair[0].sum(1).sub(1).abs().max() < 1e-4
    found |= {"softmax"} if probabilities else set()
    return found


def doctor_last_module(model, inputs, targets):
    found = doctor_split(model, inputs, targets) - {"softmax"}
    if any(isinstance(m, torch.nn.Softmax) for m in model.modules()):
        found.add("softmax")
    return found


def doctor_any_dropout(model, inputs, targets):
    found = doctor_split(model, inputs, targets) - {"random"}
    if any(isinstance(m, torch.nn.Dropout) for m in model.modules()):
        found.add("random")
    return found


def doctor_one_row(model, inputs, targets):
    found = doctor_split(model, inputs, targets) - {"softmax"}
    with torch.no_grad():
        row = copy.deepcopy(model).eval()(inputs)[0]
    if row.min() >= 0 and abs(row.sum() - 1) < 1e-4:
        found.add("softmax")
    return found


def doctor_real_targets(model, inputs, targets):
    m = copy.deepcopy(model).train()
    F.cross_entropy(m(inputs), targets).backward()
    return doctor_split(model, inputs, targets)


def doctor_max(model, inputs, targets):
    found = doctor_split(model, inputs, targets) - {"scale"}
    return found | ({"scale"} if inputs.max() > 10 else set())


def doctor_no_copy(model, inputs, targets):
    model.zero_grad()
    return doctor_split(model, inputs, targets)


def doctor_train_after(model, inputs, targets):
    found = doctor_split(model, inputs, targets)
    model.train()
    return found


def doctor_labels_positive(model, inputs, targets):
    found = doctor_split(model, inputs, targets) - {"labels"}
    with torch.no_grad():
        k = copy.deepcopy(model)(inputs).shape[1]
    return found | ({"labels"} if targets.max() >= k else set())


RIGHT = {
    "33.1": [mse_zip, mse_try, mse_power],
    "33.2": [updated_lists, updated_filter, updated_hash],
    "33.3": [twins_cdist_like, twins_unfolded, twins_list],
    "33.4": [doctor_split, doctor_grad, doctor_numbers],
}
WRONG = {
    "33.1": [
        mse_view,
        mse_unsqueeze,
        mse_first_axis,
        mse_type_error,
        mse_prints,
        mse_one_shape,
        mse_numpy,
    ],
    "33.2": [
        updated_by_equal,
        updated_in,
        updated_no_grad,
        updated_count,
        updated_last_group,
        updated_steps,
        updated_joined,
        updated_layers,
    ],
    "33.3": [
        twins_hash,
        twins_mean,
        twins_isin,
        twins_allclose,
        twins_indices,
        twins_zip,
        twins_first_channel,
        twins_any,
    ],
    "33.4": [
        doctor_last_module,
        doctor_any_dropout,
        doctor_one_row,
        doctor_real_targets,
        doctor_max,
        doctor_no_copy,
        doctor_train_after,
        doctor_labels_positive,
    ],
}
