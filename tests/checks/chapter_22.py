"""Right and wrong answers to the exercises of chapter 22, and the hint that each must get."""

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize


def by_rpartition(model, name, classes):
    old = model.get_submodule(name)
    owner, _, last = name.rpartition(".")
    new = nn.Linear(old.in_features, classes, device=old.weight.device)
    setattr(model.get_submodule(owner), last, new)
    return model


def by_walking(model, name, classes):
    *path, last = name.split(".")
    owner = model
    for part in path:
        owner = getattr(owner, part)
    old = owner._modules[last]
    owner._modules[last] = nn.Linear(old.weight.shape[1], classes).to(old.weight.device)
    return model


def by_set_submodule(model, name, classes):
    old = model.get_submodule(name)
    weight = old.weight
    new = nn.Linear(weight.size(1), classes, bias=True, device=weight.device, dtype=weight.dtype)
    nn.init.zeros_(new.bias)
    model.set_submodule(name, new)
    return model


def sets_a_dotted_name(model, name, classes):
    old = model.get_submodule(name)
    setattr(model, name.replace(".", "_"), nn.Linear(old.in_features, classes))
    return model


def only_top_level(model, name, classes):
    setattr(model, name, nn.Linear(getattr(model, name).in_features, classes))
    return model


def only_renames_the_size(model, name, classes):
    model.get_submodule(name).out_features = classes
    return model


def guesses_the_inputs(model, name, classes):
    owner, _, last = name.rpartition(".")
    setattr(model.get_submodule(owner), last, nn.Linear(1280, classes))
    return model


def with_new(model, name, make):
    owner, _, last = name.rpartition(".")
    setattr(model.get_submodule(owner), last, make(model.get_submodule(name)))
    return model


def forgets_the_device(model, name, classes):
    return with_new(model, name, lambda old: nn.Linear(old.in_features, classes))


def exchanged(model, name, classes):
    return with_new(model, name, lambda old: nn.Linear(classes, old.in_features))


def without_bias(model, name, classes):
    return with_new(model, name, lambda old: nn.Linear(old.in_features, classes, bias=False))


def lazy(model, name, classes):
    return with_new(model, name, lambda old: nn.LazyLinear(classes))


def wrapped(model, name, classes):
    return with_new(
        model, name, lambda old: nn.Sequential(nn.Flatten(), nn.Linear(old.in_features, classes))
    )


def on_top_of_the_old(model, name, classes):
    return with_new(
        model, name, lambda old: nn.Sequential(old, nn.Linear(old.out_features, classes))
    )


def returns_the_layer(model, name, classes):
    return by_rpartition(model, name, classes).get_submodule(name)


def returns_nothing(model, name, classes):
    by_rpartition(model, name, classes)


def freezes_the_rest(model, name, classes):
    model.requires_grad_(False)
    return by_rpartition(model, name, classes)


def moves_to_eval(model, name, classes):
    return by_rpartition(model, name, classes).eval()


def from_outputs(model, name, classes):
    return with_new(model, name, lambda old: nn.Linear(old.out_features, classes))


def in_two_steps(model, keep):
    model.requires_grad_(False)
    model.get_submodule(keep).requires_grad_(True)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def by_names(model, keep):
    count = 0
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(keep + ".")
        if parameter.requires_grad:
            count += parameter.numel()
    return count


def by_identity(model, keep):
    kept = {id(p) for p in model.get_submodule(keep).parameters()}
    for p in model.parameters():
        p.requires_grad_(id(p) in kept)
    return float(sum(p.nelement() for p in model.get_submodule(keep).parameters()))


def freezes_everything(model, keep):
    for parameter in model.parameters():
        parameter.requires_grad = False
    return 50


def by_the_first_letters(model, keep):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(keep)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def by_the_first_part(model, keep):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.split(".")[0] == keep)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def counts_tensors(model, keep):
    in_two_steps(model, keep)
    return len([p for p in model.parameters() if p.requires_grad])


def counts_all(model, keep):
    in_two_steps(model, keep)
    return sum(p.numel() for p in model.parameters())


def counts_the_frozen(model, keep):
    return counts_all(model, keep) - in_two_steps(model, keep)


def counts_buffers(model, keep):
    in_two_steps(model, keep)
    return sum(v.numel() for v in model.get_submodule(keep).state_dict().values())


def never_thaws(model, keep):
    for name, parameter in model.named_parameters():
        if not name.startswith(f"{keep}."):
            parameter.requires_grad = False
    return sum(p.numel() for p in model.get_submodule(keep).parameters())


def never_freezes(model, keep):
    model.get_submodule(keep).requires_grad_(True)
    return sum(p.numel() for p in model.get_submodule(keep).parameters())


def the_other_way_round(model, keep):
    model.requires_grad_(True)
    model.get_submodule(keep).requires_grad_(False)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def only_weights(model, keep):
    for name, p in model.named_parameters():
        if name.endswith("weight"):
            p.requires_grad_(name.startswith(keep + "."))
        elif name.startswith(keep + "."):
            p.requires_grad_(True)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def sets_the_module_attribute(model, keep):
    for name, module in model.named_modules():
        module.requires_grad = name == keep
    return sum(p.numel() for p in model.get_submodule(keep).parameters())


def replaces_parameters(model, keep):
    for name, module in model.named_modules():
        for key, p in list(module._parameters.items()):
            kept = f"{name}.".startswith(f"{keep}.")
            module._parameters[key] = nn.Parameter(p.detach().clone(), requires_grad=kept)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def evaluates(model, keep):
    return in_two_steps(model.eval(), keep)


def returns_the_model(model, keep):
    in_two_steps(model, keep)
    return model


def by_modules(model):
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            weight = module.weight
            if weight is not None and not weight.requires_grad:
                module.eval()
    return model


def by_names_of_modules(model):
    for _, module in model.train().named_modules():
        frozen = getattr(module, "affine", False) and not module.weight.requires_grad
        module.training = not (isinstance(module, nn.modules.batchnorm._BatchNorm) and frozen)
    return model


def by_recursion(model):
    def visit(module):
        module.training = True
        if isinstance(module, _BatchNorm) and module.weight is not None:
            module.training = module.weight.requires_grad
        for child in module.children():
            visit(child)

    visit(model)
    return model


def plain_train(model):
    return model.train()


def plain_eval(model):
    return model.eval()


def resting(model, frozen, kind=_BatchNorm):
    model.train()
    for module in model.modules():
        if isinstance(module, kind) and frozen(module):
            module.eval()
    return model


def every_norm(model):
    return resting(model, lambda module: True)


def stumbles_over_none(model):
    return resting(model, lambda module: not module.weight.requires_grad)


def by_the_bias(model):
    return resting(model, lambda m: m.bias is not None and not m.bias.requires_grad)


def all_parameters_frozen(model):
    return resting(model, lambda m: not any(p.requires_grad for p in m.parameters()))


def any_layer(model):
    return resting(
        model,
        lambda m: getattr(m, "weight", None) is not None and not m.weight.requires_grad,
        nn.Module,
    )


def only_2d(model):
    return resting(
        model, lambda m: m.weight is not None and not m.weight.requires_grad, nn.BatchNorm2d
    )


def whole_frozen_blocks(model):
    model.train()
    for module in model.children():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
    return model


def only_children(model):
    model.train()
    for module in model.children():
        if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad:
            module.eval()
    return model


def never_trains(model):
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad:
            module.eval()
    return model


def freezes_the_bias(model):
    by_modules(model)
    for module in model.modules():
        if not module.training:
            module.requires_grad_(False)
    return model


def returns_no_model(model):
    by_modules(model)


def train_comes_last(model):
    return by_modules(model).train()


def by_distance(layers, lr, factor):
    groups = []
    for distance, layer in enumerate(reversed(layers)):
        params = [p for p in layer.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * factor**distance})
    return groups


def by_dividing(layers, lr, factor):
    rate, groups = lr, []
    for layer in layers[::-1]:
        trainable = tuple(filter(lambda p: p.requires_grad, layer.parameters()))
        if len(trainable) > 0:
            groups.insert(0, dict(lr=rate, params=trainable, weight_decay=0.0))
        rate = rate * factor
    return tuple(groups)


def a_group_for_each_parameter(layers, lr, factor):
    return [
        {"params": p, "lr": lr * factor ** (len(layers) - index - 1)}
        for index, layer in enumerate(layers)
        for _, p in layer.named_parameters()
        if p.requires_grad
    ]


def graded(layers, rate, pick=lambda layer: [p for p in layer.parameters() if p.requires_grad]):
    groups = []
    for index, layer in enumerate(layers):
        params = pick(layer)
        if params:
            groups.append({"params": params, "lr": rate(index)})
    return groups


def upside_down(layers, lr, factor):
    return graded(layers, lambda index: lr * factor**index)


def with_the_frozen(layers, lr, factor):
    return graded(
        layers,
        lambda index: lr * factor ** (len(layers) - 1 - index),
        lambda layer: list(layer.parameters()),
    )


def with_empty_groups(layers, lr, factor):
    return [
        {"params": [p for p in layer.parameters() if p.requires_grad], "lr": lr * factor**distance}
        for distance, layer in enumerate(reversed(layers))
    ]


def counts_only_trainable_layers(layers, lr, factor):
    groups = []
    for layer in reversed(layers):
        params = [p for p in layer.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * factor ** len(groups)})
    return groups


def own_parameters_only(layers, lr, factor):
    return graded(
        layers,
        lambda index: lr * factor ** (len(layers) - 1 - index),
        lambda layer: [p for p in layer.parameters(recurse=False) if p.requires_grad],
    )


def by_the_first_parameter(layers, lr, factor):
    def pick(layer):
        params = list(layer.parameters())
        if not params or not params[0].requires_grad:
            return []
        return [p for p in params if p.requires_grad]

    return graded(layers, lambda index: lr * factor ** (len(layers) - 1 - index), pick)


def one_rate(layers, lr, factor):
    return graded(layers, lambda index: lr)


def starts_too_low(layers, lr, factor):
    return graded(layers, lambda index: lr * factor ** (len(layers) - index))


def divides(layers, lr, factor):
    return graded(layers, lambda index: lr / factor ** (len(layers) - 1 - index))


def a_product(layers, lr, factor):
    return graded(layers, lambda index: lr * factor * (len(layers) - 1 - index))


def without_lr(layers, lr, factor):
    return graded(layers, lambda index: factor ** (len(layers) - 1 - index))


def the_layers_themselves(layers, lr, factor):
    return [
        {"params": layer, "lr": lr * factor**distance}
        for distance, layer in enumerate(reversed(layers))
    ]


def a_dictionary(layers, lr, factor):
    return {lr * factor**d: list(m.parameters()) for d, m in enumerate(reversed(layers))}


def pairs(layers, lr, factor):
    return [(group["params"], group["lr"]) for group in by_distance(layers, lr, factor)]


def reverses_the_list(layers, lr, factor):
    layers.reverse()
    return by_distance(layers[::-1], lr, factor)


def unfreezes(layers, lr, factor):
    for layer in layers:
        layer.requires_grad_(True)
    return by_distance(layers, lr, factor)


class Added(nn.Module):
    def __init__(self, weight, rank=1):
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1], dtype=weight.dtype))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, dtype=weight.dtype))

    def forward(self, weight):
        return weight + self.up @ self.down


def parametrized(model, rank=1):
    new = copy.deepcopy(model).requires_grad_(False)
    for layer in new:
        if isinstance(layer, nn.Linear):
            parametrize.register_parametrization(layer, "weight", Added(layer.weight, rank))
    return new


class Beside(nn.Module):
    """A narrow path from the inputs to the outputs, beside the frozen model."""

    def __init__(self, model, start=0.0):
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        first, last = model[0].weight, model[-1].weight
        self.down = nn.Linear(first.shape[1], 1, dtype=first.dtype)
        self.up = nn.Linear(1, last.shape[0], dtype=first.dtype)
        nn.init.constant_(self.up.weight, start)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return self.model(x) + self.up(torch.tanh(self.down(x)))


def narrow_path(model):
    return Beside(model)


class Scaled(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.scale = nn.Parameter(torch.ones_like(layer.bias))

    def forward(self, x):
        return self.layer(x) * self.scale


def scales_of_each_unit(model):
    layers = copy.deepcopy(model).requires_grad_(False)
    return nn.Sequential(*[Scaled(m) if isinstance(m, nn.Linear) else m for m in layers])


def in_float32(model):
    return parametrized(model).float()


def path_of_ones(model):
    return Beside(model, start=1.0)


def zeros_twice(model):
    new = parametrized(model)
    for name, p in new.named_parameters():
        if name.endswith("down"):
            nn.init.zeros_(p)
    return new


def nothing_added(model):
    return copy.deepcopy(model).requires_grad_(False)


def all_trained(model):
    return copy.deepcopy(model)


def only_biases(model):
    new = copy.deepcopy(model).requires_grad_(False)
    for layer in new:
        if isinstance(layer, nn.Linear):
            layer.bias.requires_grad_(True)
    return new


def rank_of_20(model):
    return parametrized(model, rank=20)


def model_itself(model):
    return model


def freezes_model(model):
    model.requires_grad_(False)
    return Beside(model)


class Shared(Beside):
    def __init__(self, model):
        super().__init__(model)
        self.model = model


def trains_the_model(model):
    return Shared(model)


class Unused(Beside):
    def forward(self, x):
        return self.model(x)


def unused(model):
    return Unused(model)


def fresh(model):
    new = parametrized(model)
    for layer in new:
        if isinstance(layer, nn.Linear):
            layer.bias = nn.Parameter(torch.zeros_like(layer.bias), requires_grad=False)
    return new


def merged(model):
    new = parametrized(model)
    for layer in new:
        if isinstance(layer, nn.Linear):
            parametrize.remove_parametrizations(layer, "weight")
    return new.requires_grad_(False)


RIGHT = {
    "22.5": [parametrized, narrow_path, scales_of_each_unit],
    "22.1": [by_rpartition, by_walking, by_set_submodule],
    "22.2": [in_two_steps, by_names, by_identity],
    "22.3": [by_modules, by_names_of_modules, by_recursion],
    "22.4": [by_distance, by_dividing, a_group_for_each_parameter],
}

WRONG = {
    "22.5": [
        (in_float32, "your answer raised RuntimeError"),
        (path_of_ones, "Before training it should be that of model"),
        (zeros_twice, "every gradient is zero"),
        (nothing_added, "has no parameter that can be trained"),
        (all_trained, "more than a tenth"),
        (only_biases, "one of model's own weights"),
        (rank_of_20, "more than a tenth"),
        (model_itself, "It returned model itself"),
        (freezes_model, "of the argument model has changed"),
        (trains_the_model, "weights of model itself are trained"),
        (unused, "does not depend on what is trained"),
        (fresh, "Before training it should be that of model"),
        (merged, "has no parameter that can be trained"),
    ],
    "22.1": [
        (sets_a_dotted_name, "beside the old one"),
        (only_top_level, "your answer raised AttributeError"),
        (only_renames_the_size, "still the old layer"),
        (guesses_the_inputs, "Take in_features from the old"),
        (forgets_the_device, "The new layer is on the CPU"),
        (exchanged, "inputs and outputs exchanged"),
        (without_bias, "has no bias"),
        (lazy, "is a LazyLinear"),
        (wrapped, "head should be an nn.Linear, and it is a module of type Sequential"),
        (on_top_of_the_old, "head should be an nn.Linear, and it is a module of type Sequential"),
        (returns_the_layer, "returned the new layer"),
        (returns_nothing, "Does it end with a return statement?"),
        (freezes_the_rest, "were frozen or unfrozen"),
        (moves_to_eval, "Something else changed than head: body.0 is in another mode"),
        (from_outputs, "has 10 inputs and 7 outputs, and it should have 4 and 7"),
    ],
    "22.2": [
        (freezes_everything, "Nothing is trainable"),
        (by_the_first_letters, "begins with the same letters"),
        (by_the_first_part, "Nothing is trainable"),
        (counts_tensors, "that is the number of tensors"),
        (counts_all, "how many numbers all parameters have"),
        (counts_the_frozen, "that is how many are frozen"),
        (counts_buffers, "buffers are counted, too"),
        (never_thaws, "Nothing is trainable"),
        (never_freezes, "whatever the state was before, freeze everything else"),
        (the_other_way_round, "the other way round"),
        (only_weights, "body.0.bias, body.1.bias, classifier.1.bias and 3 more are trainable"),
        (sets_the_module_attribute, "whatever the state was before, freeze everything else"),
        (replaces_parameters, "Some parameters are new ones"),
        (evaluates, "is in another mode than before"),
        (returns_the_model, "should be one number, and it is a module"),
    ],
    "22.3": [
        (plain_train, "its running statistics would move"),
        (plain_eval, "The dropout is in evaluation mode"),
        (every_norm, "with trainable weight is in evaluation mode"),
        (stumbles_over_none, "your answer raised AttributeError"),
        (by_the_bias, "A frozen batch normalisation deeper in the model"),
        (all_parameters_frozen, "A frozen batch normalisation deeper in the model"),
        (any_layer, "A frozen LayerNorm is in evaluation mode"),
        (only_2d, "A frozen batch normalisation deeper in the model"),
        (whole_frozen_blocks, "A frozen batch normalisation deeper in the model"),
        (only_children, "its running statistics would move"),
        (never_trains, "The dropout is in evaluation mode"),
        (freezes_the_bias, "The requires_grad of"),
        (returns_no_model, "Does it end with a return statement?"),
        (train_comes_last, "its running statistics would move"),
    ],
    "22.4": [
        (upside_down, "upside down"),
        (with_the_frozen, "A frozen parameter is in a group"),
        (with_empty_groups, "A group is empty"),
        (counts_only_trainable_layers, "each is a step in depth"),
        (own_parameters_only, "is in no group"),
        (by_the_first_parameter, "is in no group"),
        (one_rate, "All layers have the same rate"),
        (starts_too_low, "should have the rate 0.1 itself"),
        (divides, "The rates grow towards the input"),
        (a_product, "a power and not a product"),
        (without_lr, "The rate of the last layer, lr, is missing"),
        (the_layers_themselves, "should be a list of parameters, and they are a module"),
        (a_dictionary, "should be a list; it is a dict"),
        (pairs, "should be a dictionary, and it is a tuple of 2"),
        (reverses_the_list, "The entries of the argument layers have changed"),
        (unfreezes, "The requires_grad of"),
    ],
}
