"""Right and wrong answers to the exercises of chapter 33, and the hint that each must get."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn


def with_mean(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{tuple(prediction.shape)} is not {tuple(target.shape)}")
    return ((prediction - target) ** 2).mean()


def by_the_library(prediction, target):
    shapes = tuple(prediction.size()), tuple(target.size())
    if shapes[0] != shapes[1]:
        raise ValueError(f"the shapes {shapes} differ")
    return F.mse_loss(prediction, target)


def by_sum(prediction, target):
    """The message is made of both, whatever their order."""
    if list(prediction.shape) != list(target.shape):
        message = "target {1}, prediction {0}".format(
            *(tuple(t.shape) for t in (prediction, target))
        )
        raise ValueError(message)
    difference = prediction.sub(target).flatten()
    return difference.dot(difference) / difference.numel()


def compares_nothing(prediction, target):
    return ((prediction - target) ** 2).mean()


def squeezes(prediction, target):
    return ((prediction.squeeze() - target.squeeze()) ** 2).mean()


def compares_numel(prediction, target):
    if prediction.numel() != target.numel():
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return ((prediction.flatten() - target.flatten()) ** 2).mean()


def compares_ndim(prediction, target):
    if prediction.ndim != target.ndim or len(prediction.flatten()) != len(target.flatten()):
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return ((prediction.flatten() - target.flatten()) ** 2).mean()


def sizes_as_torch_writes_them(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(f"{prediction.shape} and {target.shape}")
    return ((prediction - target) ** 2).mean()


def no_sizes(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError("the shapes differ")
    return ((prediction - target) ** 2).mean()


def asserts(prediction, target):
    assert prediction.shape == target.shape
    return ((prediction - target) ** 2).mean()


def sums(prediction, target):
    by_the_library(prediction, target)
    return ((prediction - target) ** 2).sum()


def absolute(prediction, target):
    by_the_library(prediction, target)
    return (prediction - target).abs().mean()


def root(prediction, target):
    return by_the_library(prediction, target).sqrt()


def half(prediction, target):
    return by_the_library(prediction, target) / 2


def as_number(prediction, target):
    return by_the_library(prediction, target).item()


def without_graph(prediction, target):
    return by_the_library(prediction, target).detach()


def target_to_the_prediction(prediction, target):
    return by_the_library(prediction, target.to(prediction.dtype))


def prediction_to_the_target(prediction, target):
    return by_the_library(prediction.to(target.dtype), target)


def in_single_precision(prediction, target):
    return by_the_library(prediction.float(), target.float())


def rounded_to_single(prediction, target):
    return by_the_library(prediction.float(), target.float()).to(prediction.dtype)


def refuses_other_dtypes(prediction, target):
    if prediction.dtype != target.dtype:
        raise ValueError(f"{tuple(prediction.shape)} {tuple(target.shape)}")
    return by_the_library(prediction, target)


def by_ids(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [n for n, p in model.named_parameters() if id(p) not in held or not p.requires_grad]


def by_identity(model, optimizer):
    names = []
    for name, p in model.named_parameters():
        groups = optimizer.param_groups
        held = any(p is q for group in groups for q in group["params"])
        if not (held and p.requires_grad):
            names.append(name)
    return names


def by_what_a_step_moves(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [
        name
        for name, p in model.named_parameters()
        if id(p) not in held or (p.grad is None and not p.requires_grad)
    ]


def by_set_of_tensors(model, optimizer):
    held = set()
    for group in optimizer.param_groups:
        held.update(group["params"])
    updated = {name for name, p in model.named_parameters() if p.requires_grad and p in held}
    return [name for name, _ in model.named_parameters() if name not in updated]


def only_frozen(model, optimizer):
    return [name for name, p in model.named_parameters() if not p.requires_grad]


def only_not_held(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if id(p) not in held]


def first_group(model, optimizer):
    held = {id(p) for p in optimizer.param_groups[0]["params"]}
    return [n for n, p in model.named_parameters() if id(p) not in held or not p.requires_grad]


def by_values(model, optimizer):
    held = [q for group in optimizer.param_groups for q in group["params"]]
    return [
        n
        for n, p in model.named_parameters()
        if not p.requires_grad or not any(p.shape == q.shape and bool((p == q).all()) for q in held)
    ]


def by_addresses(model, optimizer):
    """Frozen is forgotten, and addresses are compared."""
    held = {q.data_ptr() for group in optimizer.param_groups for q in group["params"]}
    return [n for n, p in model.named_parameters() if p.data_ptr() not in held]


def the_others(model, optimizer):
    wanted = by_ids(model, optimizer)
    return [n for n, _ in model.named_parameters() if n not in wanted]


def sorted_names(model, optimizer):
    return sorted(by_ids(model, optimizer))


def as_set(model, optimizer):
    return set(by_ids(model, optimizer))


def tensors(model, optimizer):
    wanted = by_ids(model, optimizer)
    return [p for n, p in model.named_parameters() if n in wanted]


def not_in_a_list(model, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    return [n for n, p in model.named_parameters() if not p.requires_grad or p not in held]


def each_twice(model, optimizer):
    return 2 * by_ids(model, optimizer)


def tied_twice(model, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    named = model.named_parameters(remove_duplicate=False)
    names = [n for n, p in named if id(p) not in held or not p.requires_grad]
    return [*names, *(n for n in names if n.endswith("0.weight"))]


def without_a_rate(model, optimizer):
    held = {id(p) for group in optimizer.param_groups if group["lr"] for p in group["params"]}
    return [n for n, p in model.named_parameters() if id(p) not in held or not p.requires_grad]


def empties_the_groups(model, optimizer):
    held = set()
    for group in optimizer.param_groups:
        while group["params"]:
            held.add(group["params"].pop())
    return [n for n, p in model.named_parameters() if p not in held or not p.requires_grad]


def takes_in_the_rest(model, optimizer):
    names = by_ids(model, optimizer)
    for name in only_not_held(model, optimizer):
        optimizer.add_param_group({"params": [model.get_parameter(name)]})
    return names


def clears_the_gradients(model, optimizer):
    optimizer.zero_grad()
    return by_ids(model, optimizer)


def by_broadcasting(train, val):
    return torch.tensor([bool((train == v).flatten(1).all(1).any()) for v in val]).bool()


def by_loops(train, val):
    return torch.tensor([any(torch.equal(t, v) for t in train) for v in val], dtype=torch.bool)


def by_rows(train, val):
    known = {tuple(row) for row in train.flatten(1).tolist()}
    return torch.tensor([tuple(r) in known for r in val.flatten(1).tolist()], dtype=torch.bool)


def same_row(train, val):
    n = min(len(train), len(val))
    found = torch.zeros(len(val), dtype=torch.bool)
    found[:n] = (train[:n] == val[:n]).flatten(1).all(1)
    return found


def pixels_anywhere(train, val):
    return torch.isin(val, train).flatten(1).all(dim=1)


def by_sums(train, val):
    known = {round(s, 4) for s in train.double().sum(dim=(1, 2, 3)).tolist()}
    return torch.tensor(
        [round(s, 4) in known for s in val.double().sum(dim=(1, 2, 3)).tolist()], dtype=torch.bool
    )


def most_pixels(train, val):
    return torch.tensor(
        [bool(((train == v).flatten(1).float().mean(1) > 0.9).any()) for v in val],
        dtype=torch.bool,
    )


def any_pixel(train, val):
    found = [bool((train == v).flatten(1).any(1).all()) for v in val]
    return torch.tensor(found, dtype=torch.bool)


def pixel_by_pixel(train, val):
    found = [bool((train == v).any(dim=0).all()) for v in val]
    return torch.tensor(found, dtype=torch.bool)


def close(train, val):
    found = [
        bool(((train.double() - v.double()).flatten(1).abs().amax(1) < 1e-2).any()) for v in val
    ]
    return torch.tensor(found, dtype=torch.bool)


def by_bytes(train, val):
    known = {t.numpy().tobytes() for t in train}
    return torch.tensor([v.numpy().tobytes() in known for v in val], dtype=torch.bool)


def closest(train, val):
    found = [any(torch.allclose(t, v) for t in train) for v in val]
    return torch.tensor(found, dtype=torch.bool)


def in_half_precision(train, val):
    return by_loops(train.half(), val.half())


def signless(train, val):
    return by_loops(train.abs(), val.abs())


def without_the_darkest(train, val):
    return by_loops(*(t.double() - t.double().amin((1, 2, 3), True) for t in (train, val)))


def scaled_to_the_brightest(train, val):
    def scaled(images):
        images = images.double()
        return images / images.abs().amax((1, 2, 3), True).clamp(min=1e-9)

    return by_loops(scaled(train), scaled(val))


def one_twin_alone(train, val):
    return torch.tensor([int((train == v).flatten(1).all(1).sum()) == 1 for v in val])


def within_val_too(train, val):
    places = [torch.cat([train, val[:i], val[i + 1 :]]) for i in range(len(val))]
    return torch.cat([by_loops(others, v[None]) for others, v in zip(places, val, strict=True)])


def as_a_list(train, val):
    return by_loops(train, val).tolist()


def how_many(train, val):
    return by_loops(train, val).sum()


def for_train(train, val):
    return by_loops(val, train)


def as_integers(train, val):
    return by_loops(train, val).long()


def negated(train, val):
    return ~by_loops(train, val)


def _find(model, inputs, targets, names=("labels", "softmax", "random", "stuck", "scale")):
    """Returns those of the illnesses that are named; one function for each."""
    evaluated, trained = copy.deepcopy(model).eval(), copy.deepcopy(model).train()
    with torch.no_grad():
        outputs, again = evaluated(inputs), evaluated(inputs)
    sums_to_one = bool(((outputs.sum(1) - 1).abs() < 1e-4).all())
    tests = {
        "labels": lambda: bool(((targets < 0) | (targets >= outputs.shape[1])).any()),
        "softmax": lambda: sums_to_one and bool((outputs >= 0).all()),
        "random": lambda: bool((outputs != again).any()),
        "scale": lambda: inputs.abs().mean().item() > 10,
        "stuck": lambda: _stuck(trained, inputs),
    }
    return {name for name in names if tests[name]()}


def _stuck(model, inputs):
    for p in model.parameters():
        p.grad = None
    outputs = model(inputs)
    loss = F.cross_entropy(outputs, torch.zeros(len(outputs), dtype=torch.long))
    if loss.grad_fn is not None:
        loss.backward()
    return any(p.grad is None or bool((p.grad == 0).all()) for p in model.parameters())


def five_tests(model, inputs, targets):
    return _find(model, inputs, targets)


def in_place_and_back(model, inputs, targets):
    """Works on the model itself and puts everything back."""
    found = set()
    modes = [(m, m.training) for m in model.modules()]
    kept = [(b, b.clone()) for b in model.buffers()]
    parameters = list(model.parameters())
    try:
        model.eval()
        with torch.no_grad():
            first, second = model(inputs), model(inputs)
        model.train()
        learn = [p for p in parameters if p.requires_grad]
        gradients = [None]
        if learn:
            loss = F.cross_entropy(model(inputs), targets * 0)
            gradients = torch.autograd.grad(loss, learn, allow_unused=True)
    finally:
        for b, old in kept:
            b.copy_(old)
        for module, mode in modes:
            module.training = mode
    if len(learn) < len(parameters) or any(g is None or g.norm() == 0 for g in gradients):
        found |= {"stuck"}
    if first.min() >= 0 and torch.allclose(first.sum(1), torch.ones(len(first)), 0, 1e-4):
        found |= {"softmax"}
    if not first.equal(second):
        found |= {"random"}
    if any(not 0 <= t < first.shape[1] for t in targets.tolist()):
        found |= {"labels"}
    if inputs.abs().mean() > 10:
        found |= {"scale"}
    return found


def by_functional_call(model, inputs, targets):
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.grad = None
    twin.eval()
    with torch.no_grad():
        a = twin(inputs)
        b = twin(inputs)
    found = []
    k = a.size(-1)
    if targets.amin() < 0 or targets.amax() > k - 1:
        found.append("labels")
    if all(min(row) >= 0 and math.isclose(sum(row), 1, abs_tol=1e-4) for row in a.tolist()):
        found.append("softmax")
    if (a - b).abs().sum() > 0:
        found.append("random")
    if sum(map(abs, inputs.flatten().tolist())) / inputs.numel() > 10:
        found.append("scale")
    twin.train()
    loss = -twin(inputs).log_softmax(1)[:, 0].mean()
    if loss.requires_grad:
        loss.backward()
    if not all(p.grad is not None and p.grad.abs().sum() > 0 for p in twin.parameters()):
        found.append("stuck")
    return frozenset(found)


def with_another_test(name, illness, test):
    """Returns five tests, of which one is ``test`` and works on a copy of the model."""

    def answer(model, inputs, targets):
        found = five_tests(model, inputs, targets) - {illness}
        return found | ({illness} if test(copy.deepcopy(model), inputs, targets) else set())

    answer.__name__ = answer.__qualname__ = name
    return answer


def outputs_that(name, test):
    """Returns five tests, of which that for softmax is a test of the outputs in eval mode."""
    return with_another_test(name, "softmax", lambda model, x, y: bool(test(model.eval()(x))))


def gradients_that(name, test, wanted=torch.zeros_like):
    """Returns five tests, of which that for stuck is a test of the parameters after backward."""

    def stuck(model, inputs, targets):
        model.train().zero_grad()
        loss = F.cross_entropy(model(inputs), wanted(targets))
        if loss.requires_grad:
            loss.backward()
        return any(p.grad is None or not p.grad.any() for p in test(model))

    return with_another_test(name, "stuck", stuck)


def nearly_the_same(model, inputs, targets):
    model.eval()
    return not torch.allclose(model(inputs), model(inputs), atol=1e-2)


def close_by_default(model, inputs, targets):
    model.eval()
    return not torch.allclose(model(inputs), model(inputs))


def last_layer_is_wide_enough(model, inputs, targets):
    layer = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    return bool(targets.min() < 0 or targets.max() >= layer.out_features)


def one_reason_is_enough(model, inputs, targets):
    found = five_tests(model, inputs, targets)
    return found - {"stuck"} if "softmax" in found else found


def modes_of_the_children(model, inputs, targets):
    found = five_tests(model, inputs, targets)
    training, modes = model.training, [(child, child.training) for child in model.children()]
    model.eval().training = training
    for child, mode in modes:
        child.train(mode)
    return found


def state_dict_put_back(model, inputs, targets):
    state = copy.deepcopy(model.state_dict())
    modes = [(m, m.training) for m in model.modules()]
    model.train()(inputs)
    for module, mode in modes:
        module.training = mode
    model.load_state_dict(state)
    return five_tests(model, inputs, targets)


def always_healthy(model, inputs, targets):
    return set()


def no_labels(model, inputs, targets):
    return _find(model, inputs, targets, ("softmax", "random", "stuck", "scale"))


def no_stuck(model, inputs, targets):
    return _find(model, inputs, targets, ("labels", "softmax", "random", "scale"))


def no_random(model, inputs, targets):
    return _find(model, inputs, targets, ("labels", "softmax", "stuck", "scale"))


def no_scale(model, inputs, targets):
    return _find(model, inputs, targets, ("labels", "softmax", "random", "stuck"))


def k_is_allowed(model, inputs, targets):
    found = no_labels(model, inputs, targets)
    with torch.no_grad():
        k = copy.deepcopy(model)(inputs).shape[1]
    return found | ({"labels"} if targets.min() < 0 or targets.max() > k else set())


def between_0_and_1(model, inputs, targets):
    found = _find(model, inputs, targets, ("labels", "random", "stuck", "scale"))
    with torch.no_grad():
        outputs = copy.deepcopy(model).eval()(inputs)
    return found | ({"softmax"} if outputs.min() >= 0 and outputs.max() <= 1 else set())


def sums_only(model, inputs, targets):
    found = _find(model, inputs, targets, ("labels", "random", "stuck", "scale"))
    with torch.no_grad():
        total = copy.deepcopy(model).eval()(inputs).sum(1)
    return found | ({"softmax"} if (total - 1).abs().max() < 1e-4 else set())


def random_in_training(model, inputs, targets):
    twin = copy.deepcopy(model).train()
    with torch.no_grad():
        differs = not twin(inputs).equal(twin(inputs))
    return no_random(model, inputs, targets) | ({"random"} if differs else set())


def only_frozen_is_stuck(model, inputs, targets):
    frozen = any(not p.requires_grad for p in model.parameters())
    return no_stuck(model, inputs, targets) | ({"stuck"} if frozen else set())


def none_only(model, inputs, targets):
    twin = copy.deepcopy(model).train()
    twin.zero_grad()
    loss = F.cross_entropy(twin(inputs), targets * 0)
    if loss.requires_grad:
        loss.backward()
    stuck = any(p.grad is None for p in twin.parameters())
    return no_stuck(model, inputs, targets) | ({"stuck"} if stuck else set())


def old_gradients(model, inputs, targets):
    twin = copy.deepcopy(model).train()
    for p, q in zip(twin.parameters(), model.parameters(), strict=True):
        p.grad = None if q.grad is None else q.grad.clone()
    loss = F.cross_entropy(twin(inputs), targets * 0)
    if loss.requires_grad:
        loss.backward()
    stuck = any(p.grad is None or not p.grad.any() for p in twin.parameters())
    return no_stuck(model, inputs, targets) | ({"stuck"} if stuck else set())


def stuck_in_eval(model, inputs, targets):
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.grad = None
    twin.eval()
    loss = F.cross_entropy(twin(inputs), targets * 0)
    if loss.requires_grad:
        loss.backward()
    stuck = any(p.grad is None or not p.grad.any() for p in twin.parameters())
    return no_stuck(model, inputs, targets) | ({"stuck"} if stuck else set())


def backward_on_frozen(model, inputs, targets):
    twin = copy.deepcopy(model).train()
    twin.zero_grad()
    F.cross_entropy(twin(inputs), targets * 0).backward()
    stuck = any(p.grad is None or not p.grad.any() for p in twin.parameters())
    return no_stuck(model, inputs, targets) | ({"stuck"} if stuck else set())


def mean_of_inputs(model, inputs, targets):
    return no_scale(model, inputs, targets) | ({"scale"} if inputs.mean().abs() > 10 else set())


def largest_input(model, inputs, targets):
    return no_scale(model, inputs, targets) | ({"scale"} if inputs.abs().max() > 9 else set())


def leaves_eval(model, inputs, targets):
    model.eval()
    return _find(model, inputs, targets)


def one_mode_for_all(model, inputs, targets):
    training = model.training
    found = _find(model, inputs, targets)
    model.train(training)
    return found


def leaves_gradients(model, inputs, targets):
    loss = F.cross_entropy(model(inputs), targets * 0)
    if loss.requires_grad:
        loss.backward()
    return _find(model, inputs, targets)


def clears_at_the_end(model, inputs, targets):
    found = _find(model, inputs, targets)
    model.zero_grad()
    return found


def moves_buffers(model, inputs, targets):
    with torch.no_grad():
        model(inputs)
    return _find(model, inputs, targets)


def first_only(model, inputs, targets):
    return set(sorted(_find(model, inputs, targets))[:1])


def other_names(model, inputs, targets):
    return {name.upper() for name in _find(model, inputs, targets)}


def as_text(model, inputs, targets):
    return ", ".join(_find(model, inputs, targets))


def as_truth(model, inputs, targets):
    return bool(_find(model, inputs, targets))


def names_in_a_list(model, inputs, targets):
    return sorted(five_tests(model, inputs, targets))


RIGHT = {
    "33.1": [with_mean, by_the_library, by_sum],
    "33.2": [by_ids, by_identity, by_set_of_tensors, by_what_a_step_moves],
    "33.3": [by_broadcasting, by_loops, by_rows],
    "33.4": [five_tests, in_place_and_back, by_functional_call],
}

WRONG = {
    "33.1": [
        (target_to_the_prediction, "was rounded to float32 on the way: nothing is rounded"),
        (prediction_to_the_target, "was rounded to float32 on the way: nothing is rounded"),
        (compares_nothing, "a ValueError is asked for, and the result is"),
        (squeezes, "For the shapes (4, 1) and (4,), a ValueError is asked for, and the result is"),
        (compares_numel, "For the shapes (4, 1) and (4,), a ValueError is asked for"),
        (compares_ndim, "For the shapes (2, 3) and (3, 2), a ValueError is asked for"),
        (sizes_as_torch_writes_them, "the message should contain (4, 1), and it is: torch.Size"),
        (no_sizes, "the message should contain (4, 1), and it is: the shapes differ"),
        (asserts, "and AssertionError was raised"),
        (sums, "This is the sum of the squares"),
        (absolute, "This is the mean of the absolute differences"),
        (root, "leave the square root out"),
        (half, "This is the half of it"),
        (as_number, "should be a torch.Tensor"),
        (without_graph, "has the right value and no graph"),
        (in_single_precision, "has dtype float32, and float64 is asked for"),
        (rounded_to_single, "The numbers were rounded to float32 on the way"),
        (refuses_other_dtypes, "only the shapes have to be equal"),
    ],
    "33.2": [
        (not_in_a_list, "`in` compares tensors element by element"),
        (only_frozen, "The optimizer was made before"),
        (only_not_held, "gets none, and a step passes it by"),
        (first_group, "with two groups, has '2.weight', which a step can change"),
        (by_values, "compare objects, not values"),
        (by_addresses, "with the first layer frozen, lacks '0.weight'"),
        (the_others, "when all are updated, has '0.weight', which a step can change"),
        (sorted_names, "is in another order than named_parameters()"),
        (as_set, "should be a list; it is"),
        (tensors, "should be a list of names, and it holds parameters"),
        (each_twice, "names '0.weight' twice"),
        (tied_twice, "names '0.weight' twice"),
        (without_a_rate, "has '0.weight', and only the two reasons count"),
        (empties_the_groups, "changed the optimizer: read its groups"),
        (takes_in_the_rest, "changed the optimizer: read its groups"),
        (clears_the_gradients, "The .grad of 0.weight of the argument model has changed"),
    ],
    "33.3": [
        (pixels_anywhere, "The same pixels in other places, or an equal sum"),
        (same_row, "may be the twin, not only the one in the same row"),
        (by_sums, "or an equal sum, don't make equal images"),
        (most_pixels, "All pixels have to agree, not most of them"),
        (any_pixel, "is False at [1], and it should be True"),
        (pixel_by_pixel, "one and the same training image"),
        (close, "Equal means equal, not close"),
        (by_bytes, "-0.0 equals 0.0"),
        (closest, "in its last bit, is True at [1], and it should be False"),
        (in_half_precision, "in its last bit, is True at [1], and it should be False"),
        (signless, "The sign counts as well"),
        (without_the_darkest, "Equal differences between pixels don't make equal images"),
        (scaled_to_the_brightest, "Equal ratios of pixels don't make equal images"),
        (one_twin_alone, "One twin or several: True is asked for"),
        (within_val_too, "a twin within val is none"),
        (as_a_list, "should be a torch.Tensor"),
        (how_many, "has shape (), and (4,) is asked for"),
        (for_train, "has shape (5,), and (4,) is asked for"),
        (as_integers, "has dtype int64, and bool is asked for"),
        (negated, "is True at [0], and it should be False"),
    ],
    "33.4": [
        (names_in_a_list, "should be a set of names"),
        (clears_at_the_end, "has changed: put back what was there"),
        (always_healthy, "lacks ['softmax']"),
        (no_labels, "lacks ['labels']. It is below 0"),
        (no_stuck, "A frozen parameter gets no gradient"),
        (no_random, "Two calls differ in eval mode too"),
        (no_scale, "Take the mean of the absolute values"),
        (k_is_allowed, "Classes are 0 to K - 1"),
        (between_0_and_1, "They lie between 0 and 1, and don't sum to 1"),
        (sums_only, "Probabilities are at least 0"),
        (random_in_training, "In eval mode it does nothing"),
        (only_frozen_is_stuck, "Its grad stays None"),
        (none_only, "Their gradients are zeros, not None"),
        (old_gradients, "The old gradients have to be cleared first"),
        (stuck_in_eval, "stuck is asked for in train mode"),
        (backward_on_frozen, "does not require grad"),
        (mean_of_inputs, "Take the mean of the absolute values"),
        (largest_input, "for inputs of about 9, has ['scale']"),
        (leaves_eval, "is in another mode than before"),
        (one_mode_for_all, "is in another mode than before"),
        (leaves_gradients, "The .grad of"),
        (moves_buffers, "The numbers in"),
        (first_only, "One patient may have several"),
        (other_names, "which is none of the names"),
        (as_text, "should be a set of names, and it is"),
        (as_truth, "should be a set of names, and it is"),
        (
            outputs_that("at_most_one", lambda z: z.min() >= 0 and (z.sum(1) - 1).max() < 1e-4),
            "A sum below 1 is not 1 either",
        ),
        (
            outputs_that(
                "one_on_average", lambda z: z.min() >= 0 and abs(z.sum(1).mean() - 1) < 1e-4
            ),
            "Every row has to sum to 1, not their mean",
        ),
        (
            outputs_that("about_one", lambda z: z.min() >= 0 and (z.sum(1) - 1).abs().max() < 0.01),
            "Within 0.0001 is asked for",
        ),
        (
            outputs_that(
                "exactly_one", lambda z: z.min() >= 0 and (z.sum(1) - 1).abs().max() < 1e-6
            ),
            "Within 0.0001 of 1 is asked for",
        ),
        (
            outputs_that("above_zero", lambda z: z.min() > 0 and (z.sum(1) - 1).abs().max() < 1e-4),
            "A probability may be 0",
        ),
        (with_another_test("nearly_the_same", "random", nearly_the_same), "Any difference counts"),
        (
            with_another_test("close_by_default", "random", close_by_default),
            "torch.allclose passes over small ones",
        ),
        (
            gradients_that("weights_alone", lambda m: [p for p in m.parameters() if p.ndim > 1]),
            "A bias is a parameter too, and this one gets no gradient",
        ),
        (
            gradients_that("own_targets", nn.Module.parameters, lambda y: y.clamp(0, 1)),
            "With targets of class 0, the cross-entropy is exactly 0",
        ),
        (
            with_another_test("by_the_last_layer", "labels", last_layer_is_wide_enough),
            "whatever layers there are",
        ),
        (
            with_another_test("median", "scale", lambda model, x, y: x.abs().median() > 10),
            "for one row of 200, lacks ['scale']. The mean of all absolute values is above 10",
        ),
        (
            with_another_test("root_mean_square", "scale", lambda m, x, y: x.square().mean() > 100),
            "for one row of 40, has ['scale']. The mean of all absolute values is below 10",
        ),
        (one_reason_is_enough, "One patient may have several"),
        (modes_of_the_children, "is in another mode than before"),
        (state_dict_put_back, "The numbers in steps of the argument model have changed"),
    ],
}
