"""Typical wrong answers to the exercises of chapter 22, and the hint that each must get."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def sets_a_dotted_name(model, name, classes):
    old = model.get_submodule(name)
    setattr(model, name.replace(".", "_"), nn.Linear(old.in_features, classes))
    return model


def only_renames_the_size(model, name, classes):
    model.get_submodule(name).out_features = classes
    return model


def guesses_the_inputs(model, name, classes):
    owner, _, last = name.rpartition(".")
    setattr(model.get_submodule(owner), last, nn.Linear(1280, classes))
    return model


def forgets_the_device(model, name, classes):
    old = model.get_submodule(name)
    owner, _, last = name.rpartition(".")
    setattr(model.get_submodule(owner), last, nn.Linear(old.in_features, classes))
    return model


def freezes_everything(model, keep):
    for parameter in model.parameters():
        parameter.requires_grad = False
    return 50


def by_the_first_letters(model, keep):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(keep)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def counts_tensors(model, keep):
    model.requires_grad_(False)
    model.get_submodule(keep).requires_grad_(True)
    return len([p for p in model.parameters() if p.requires_grad])


def never_thaws(model, keep):
    for name, parameter in model.named_parameters():
        if not name.startswith(f"{keep}."):
            parameter.requires_grad = False
    model.get_submodule(keep).weight.requires_grad = True
    return 50


def plain_train(model):
    return model.train()


def plain_eval(model):
    return model.eval()


def every_norm(model):
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
    return model


def upside_down(layers, lr, factor):
    groups = []
    for depth, layer in enumerate(layers):
        params = [p for p in layer.parameters() if p.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr * factor**depth})
    return groups


def with_the_frozen(layers, lr, factor):
    groups = []
    for distance, layer in enumerate(reversed(layers)):
        params = list(layer.parameters())
        if params:
            groups.append({"params": params, "lr": lr * factor**distance})
    return groups


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


WRONG = {
    "22.1": [
        (sets_a_dotted_name, "beside the old one"),
        (only_renames_the_size, "still the old layer"),
        (guesses_the_inputs, "Take in_features from the old"),
        (forgets_the_device, "The new layer is on the CPU"),
    ],
    "22.2": [
        (freezes_everything, "Nothing is trainable"),
        (by_the_first_letters, "begins with the same letters"),
        (counts_tensors, "the numbers in the trainable tensors"),
        (never_thaws, "these are frozen: ['head.bias']"),
    ],
    "22.3": [
        (plain_train, "its running statistics would move"),
        (plain_eval, "The dropout is in evaluation mode"),
        (every_norm, "with trainable weight is in evaluation mode"),
    ],
    "22.4": [
        (upside_down, "upside down"),
        (with_the_frozen, "A frozen parameter is in a group"),
        (with_empty_groups, "A group is empty"),
        (counts_only_trainable_layers, "layers without trainable parameters count"),
    ],
}
