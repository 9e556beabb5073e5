"""Chapter 22."""

import copy
import functools

import torch
from torch import nn

BatchNorm = nn.modules.batchnorm._BatchNorm


def with_setattr(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    owner = model.get_submodule(parent)
    old = getattr(owner, leaf)
    setattr(owner, leaf, nn.Linear(old.in_features, classes, device=old.weight.device))
    return model


def with_set_submodule(model, name, classes):
    old = model.get_submodule(name)
    new = nn.Linear(old.weight.shape[1], classes, bias=True).to(old.weight.device)
    model.set_submodule(name, new)
    return model


def walking(net, path, outputs):
    *way, last = path.split(".")
    owner = functools.reduce(lambda module, part: module._modules[part], way, net)
    old = owner._modules[last]
    owner._modules[last] = nn.Linear(old.in_features, outputs).to(device=old.weight.device)
    return net


def recursive(model, name, classes):
    head, dot, rest = name.partition(".")
    child = getattr(model, head)
    if dot:
        recursive(child, rest, classes)
    else:
        model.add_module(head, nn.Linear(child.in_features, classes, device=child.weight.device))
    return model


def top_level_only(model, name, classes):
    old = getattr(model, name)
    setattr(model, name, nn.Linear(old.in_features, classes, device=old.weight.device))
    return model


def dotted_setattr(model, name, classes):
    old = model.get_submodule(name)
    model.__dict__["_modules"][name] = nn.Linear(old.in_features, classes, device=old.weight.device)
    return model


def hard_coded_inputs(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, nn.Linear(1280, classes))
    return model


def returns_copy(model, name, classes):
    return with_setattr(copy.deepcopy(model), name, classes)


def keeps_bias_setting(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    owner = model.get_submodule(parent)
    old = getattr(owner, leaf)
    setattr(
        owner,
        leaf,
        nn.Linear(old.in_features, classes, bias=old.bias is not None, device=old.weight.device),
    )
    return model


def forgets_return(model, name, classes):
    with_setattr(model, name, classes)


def returns_layer(model, name, classes):
    with_setattr(model, name, classes)
    return model.get_submodule(name)


def freezes_rest(model, name, classes):
    model.requires_grad_(False)
    return with_setattr(model, name, classes)


def stays_on_cpu(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    owner = model.get_submodule(parent)
    setattr(owner, leaf, nn.Linear(getattr(owner, leaf).in_features, classes, device="cpu"))
    return model


def from_out_features(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    owner = model.get_submodule(parent)
    old = getattr(owner, leaf)
    setattr(owner, leaf, nn.Linear(old.out_features, classes, device=old.weight.device))
    return model


def last_linear(model, name, classes):
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    return with_setattr(model, names[-1], classes)


def on_top(model, name, classes):
    parent, _, leaf = name.rpartition(".")
    owner = model.get_submodule(parent)
    old = getattr(owner, leaf)
    setattr(owner, leaf, nn.Sequential(old, nn.Linear(old.out_features, classes)))
    return model


def sets_eval(model, name, classes):
    return with_setattr(model, name, classes).eval()


def freeze_then_thaw(model, keep):
    model.requires_grad_(False)
    part = model.get_submodule(keep).requires_grad_(True)
    return sum(p.numel() for p in part.parameters())


def by_identity(model, keep):
    kept = {id(p) for p in model.get_submodule(keep).parameters()}
    total = 0
    for p in model.parameters():
        p.requires_grad = id(p) in kept
        if p.requires_grad:
            total += p.numel()
    return total


def by_name(net, name):
    kept = []
    for key, p in net.named_parameters(remove_duplicate=False):
        p.requires_grad_(False)
        if key.startswith(name + "."):
            kept.append(p)
    for p in kept:
        p.requires_grad_(True)
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def by_walk(model, keep):
    part = model
    for step in keep.split("."):
        part = getattr(part, step)
    for p in model.parameters():
        p.requires_grad = False
    for p in part.parameters():
        p.requires_grad = True
    return int(sum(torch.tensor(p.shape).prod().item() for p in part.parameters()))


def prefix_without_dot(model, keep):
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith(keep)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def name_anywhere(model, keep):
    for name, p in model.named_parameters():
        p.requires_grad = keep in name
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def does_not_thaw(model, keep):
    kept = {id(p) for p in model.get_submodule(keep).parameters()}
    for p in model.parameters():
        if id(p) not in kept:
            p.requires_grad = False
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def does_not_freeze(model, keep):
    model.get_submodule(keep).requires_grad_(True)
    return sum(p.numel() for p in model.get_submodule(keep).parameters())


def counts_tensors(model, keep):
    freeze_then_thaw(model, keep)
    return len([p for p in model.parameters() if p.requires_grad])


def counts_all(model, keep):
    freeze_then_thaw(model, keep)
    return sum(p.numel() for p in model.parameters())


def counts_frozen(model, keep):
    freeze_then_thaw(model, keep)
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def no_dots(model, keep):
    model.requires_grad_(False)
    part = getattr(model, keep).requires_grad_(True)
    return sum(p.numel() for p in part.parameters())


def not_recursive(model, keep):
    model.requires_grad_(False)
    part = model.get_submodule(keep)
    for p in part.parameters(recurse=False):
        p.requires_grad = True
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def freezes_keep(model, keep):
    model.requires_grad_(True)
    model.get_submodule(keep).requires_grad_(False)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def returns_model(model, keep):
    freeze_then_thaw(model, keep)
    return model


def counts_before(model, keep):
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    freeze_then_thaw(model, keep)
    return total


def loop(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.weight is not None:
            if not module.weight.requires_grad:
                module.eval()
    return model


def with_getattr(net):

    def frozen(module):
        return (
            isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.affine
            and (not module.weight.requires_grad)
        )

    net.train(True)
    [module.eval() for module in net.modules() if frozen(module)]
    return net


def with_apply(model):

    def switch(module):
        module.training = True
        if isinstance(module, BatchNorm) and module.weight is not None:
            module.training = module.weight.requires_grad

    return model.apply(switch)


def recursive_switch(model):
    if isinstance(model, BatchNorm):
        return model.train(model.weight is None or model.weight.requires_grad)
    model.training = True
    for child in model.children():
        recursive_switch(child)
    return model


def all_norms_eval(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.eval()
    return model


def only_2d(model):
    model.train()
    for module in model.modules():
        if (
            isinstance(module, nn.BatchNorm2d)
            and module.affine
            and (not module.weight.requires_grad)
        ):
            module.eval()
    return model


def affine_crashes(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and (not module.weight.requires_grad):
            module.eval()
    return model


def without_weight_eval(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and (
            module.weight is None or not module.weight.requires_grad
        ):
            module.eval()
    return model


def children_only(model):
    model.train()
    for module in model.children():
        if isinstance(module, BatchNorm) and module.affine and (not module.weight.requires_grad):
            module.eval()
    return model


def no_train_first(model):
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.weight is not None:
            module.train(module.weight.requires_grad)
    return model


def no_return(model):
    loop(model)


def eval_for_all_frozen(model):
    model.train()
    for module in model.modules():
        if not any(p.requires_grad for p in module.parameters()):
            module.eval()
    return model


def eval_first_wrong_order(model):
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.affine and (not module.weight.requires_grad):
            module.eval()
    return model.train()


def looks_at_bias(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.affine and (not module.bias.requires_grad):
            module.eval()
    return model


def condition_reversed(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.affine and module.weight.requires_grad:
            module.eval()
    return model


def stops_statistics(model):
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.affine and (not module.weight.requires_grad):
            module.track_running_stats = False
    return model


def with_powers(layers, lr, factor):
    groups = []
    for depth, layer in enumerate(layers):
        params = [p for p in layer.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * factor ** (len(layers) - 1 - depth)})
    return groups


def from_the_end(parts, rate, decay):
    groups = []
    for part in reversed(list(parts)):
        trainable = list(filter(lambda p: p.requires_grad, part.parameters()))
        if len(trainable) > 0:
            groups += [dict(params=trainable, lr=rate)]
        rate *= decay
    return groups


def inserted(layers, lr, factor):
    groups, current = ([], lr)
    for layer in layers[::-1]:
        params = tuple(p for p in layer.parameters() if p.requires_grad)
        if params:
            groups.insert(0, {"params": list(params), "lr": current})
        current = current * factor
    return groups


def comprehension(layers, lr, factor):
    rates = [lr * factor**k for k in range(len(layers))][::-1]
    groups = [
        {"lr": rate, "params": [p for _, p in layer.named_parameters() if p.requires_grad]}
        for rate, layer in zip(rates, layers)
    ]
    return [group for group in groups if group["params"]]


def reversed_rates(layers, lr, factor):
    return [
        {"params": ps, "lr": lr * factor**k}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters() if p.requires_grad])
    ]


def frozen_included(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr * factor ** (n - 1 - k)}
        for k, layer in enumerate(layers)
        if (ps := list(layer.parameters()))
    ]


def empty_groups(layers, lr, factor):
    n = len(layers)
    return [
        {
            "params": [p for p in layer.parameters() if p.requires_grad],
            "lr": lr * factor ** (n - 1 - k),
        }
        for k, layer in enumerate(layers)
    ]


def empty_do_not_count(layers, lr, factor):
    groups = [ps for layer in layers if (ps := [p for p in layer.parameters() if p.requires_grad])]
    return [
        {"params": ps, "lr": lr * factor ** (len(groups) - 1 - k)} for k, ps in enumerate(groups)
    ]


def off_by_one(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr * factor ** (n - k)}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters() if p.requires_grad])
    ]


def direct_only(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr * factor ** (n - 1 - k)}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters(recurse=False) if p.requires_grad])
    ]


def one_rate(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr if k == n - 1 else lr * factor}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters() if p.requires_grad])
    ]


def linear_fall(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr if k == n - 1 else lr * factor / (n - 1 - k)}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters() if p.requires_grad])
    ]


def divides(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr / factor ** (n - 1 - k)}
        for k, layer in enumerate(layers)
        if (ps := [p for p in layer.parameters() if p.requires_grad])
    ]


def stops_at_empty(layers, lr, factor):
    groups = []
    for layer in reversed(layers):
        params = [p for p in layer.parameters() if p.requires_grad]
        if not params:
            break
        groups.insert(0, {"params": params, "lr": lr})
        lr *= factor
    return groups


def skips_partly_frozen(layers, lr, factor):
    n = len(layers)
    return [
        {"params": ps, "lr": lr * factor ** (n - 1 - k)}
        for k, layer in enumerate(layers)
        if (ps := list(layer.parameters())) and all(p.requires_grad for p in ps)
    ]


class OutputBias(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.base = copy.deepcopy(model)
        for p in self.base.parameters():
            p.requires_grad = False
        self.shift = nn.Parameter(torch.zeros_like(model[-1].bias))

    def forward(self, x):
        return self.base(x) + self.shift


def adapt_shift(model):
    """a trainable shift of the outputs"""
    return OutputBias(model)


class LowRankLinear(nn.Module):
    def __init__(self, linear, r=1):
        super().__init__()
        self.linear = copy.deepcopy(linear).requires_grad_(False)
        kind = {"bias": False, "dtype": linear.weight.dtype}
        self.a = nn.Linear(linear.in_features, r, **kind)
        self.b = nn.Linear(r, linear.out_features, **kind)
        nn.init.zeros_(self.b.weight)

    def forward(self, x):
        return self.linear(x) + self.b(self.a(x))


def adapt_lora_modules(model):
    return nn.Sequential(
        *[LowRankLinear(m) if isinstance(m, nn.Linear) else copy.deepcopy(m) for m in model]
    )


class InputScale(nn.Module):
    """scales the inputs"""

    def __init__(self, model):
        super().__init__()
        self.frozen = copy.deepcopy(model).requires_grad_(False)
        self.gain = nn.Parameter(torch.ones(model[0].in_features, dtype=model[0].weight.dtype))

    def forward(self, x):
        return self.frozen(x * self.gain)


def adapt_input_scale(model):
    return InputScale(model)


def adapt_random_b(model):
    new = adapt_lora_modules(model)
    for m in new:
        if isinstance(m, LowRankLinear):
            nn.init.normal_(m.b.weight)
    return new


def adapt_both_zero(model):
    new = adapt_lora_modules(model)
    for m in new:
        if isinstance(m, LowRankLinear):
            nn.init.zeros_(m.a.weight)
    return new


def adapt_not_frozen(model):
    new = adapt_lora_modules(model)
    return new.requires_grad_(True)


def adapt_large(model):
    return nn.Sequential(
        *[LowRankLinear(m, 16) if isinstance(m, nn.Linear) else copy.deepcopy(m) for m in model]
    )


def adapt_frozen(model):
    return adapt_lora_modules(model).requires_grad_(False)


def adapt_last_layer(model):
    new = copy.deepcopy(model).requires_grad_(False)
    new[-1].bias.requires_grad_(True)
    return new


def adapt_extra_layer(model):
    n = model[-1].out_features
    extra = nn.Linear(n, n, dtype=model[-1].weight.dtype)
    return nn.Sequential(copy.deepcopy(model).requires_grad_(False), extra)


RIGHT = {
    "22.5": [adapt_shift, adapt_lora_modules, adapt_input_scale],
    "22.1": [with_setattr, with_set_submodule, walking, recursive],
    "22.2": [freeze_then_thaw, by_identity, by_name, by_walk],
    "22.3": [loop, with_getattr, with_apply, recursive_switch],
    "22.4": [with_powers, from_the_end, inserted, comprehension],
}
WRONG = {
    "22.5": [
        adapt_random_b,
        adapt_both_zero,
        adapt_not_frozen,
        adapt_large,
        adapt_frozen,
        adapt_last_layer,
        adapt_extra_layer,
    ],
    "22.1": [
        top_level_only,
        dotted_setattr,
        hard_coded_inputs,
        returns_copy,
        keeps_bias_setting,
        forgets_return,
        returns_layer,
        freezes_rest,
        stays_on_cpu,
        from_out_features,
        last_linear,
        on_top,
        sets_eval,
    ],
    "22.2": [
        prefix_without_dot,
        name_anywhere,
        does_not_thaw,
        does_not_freeze,
        counts_tensors,
        counts_all,
        counts_frozen,
        no_dots,
        not_recursive,
        freezes_keep,
        returns_model,
        counts_before,
    ],
    "22.3": [
        all_norms_eval,
        only_2d,
        affine_crashes,
        without_weight_eval,
        children_only,
        no_train_first,
        no_return,
        eval_for_all_frozen,
        eval_first_wrong_order,
        looks_at_bias,
        condition_reversed,
        stops_statistics,
    ],
    "22.4": [
        reversed_rates,
        frozen_included,
        empty_groups,
        empty_do_not_count,
        off_by_one,
        direct_only,
        one_rate,
        linear_fall,
        divides,
        stops_at_empty,
        skips_partly_frozen,
    ],
}
