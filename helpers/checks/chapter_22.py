"""Checks of chapter 22, fine-tuning."""

from typing import Any

import torch
from torch import nn

from helpers.checks.machinery import call, exercise, require


def _model() -> nn.Module:
    torch.manual_seed(22)
    model = nn.Module()
    model.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    model.head = nn.Linear(4, 10)
    model.head_norm = nn.BatchNorm1d(10)
    model.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(10, 10))
    return model


@exercise("22.1")
def new_head(answer: Any) -> str:
    for name, inputs in (("head", 4), ("classifier.1", 10)):
        model = _model()
        old = model.get_submodule(name)
        names = [key for key, _ in model.named_modules()]
        others = {key: id(p) for key, p in model.named_parameters() if not key.startswith(name)}
        result = call(answer, model, name, 7)
        require(result is model, "Return the model itself: the layer is replaced in place.")
        added = sorted({key for key, _ in model.named_modules()} - set(names))
        require(
            not added,
            f"The model has a new submodule {added} beside the old one. For a name with dots, set "
            "the last part on its owner, which get_submodule finds.",
        )
        new = model.get_submodule(name)
        require(
            new is not old,
            f"{name} is still the old layer. Setting out_features changes a number, not the "
            "weights: make a new nn.Linear.",
        )
        require(
            isinstance(new, nn.Linear) and tuple(new.weight.shape) == (7, inputs),
            f"{name} should be nn.Linear({inputs}, 7), got {new}. Take in_features from the old "
            "layer.",
        )
        after = {key: id(p) for key, p in model.named_parameters() if not key.startswith(name)}
        require(after == others, "Other layers of the model were replaced as well.")
    model = _model().to("meta")
    call(answer, model, "head", 7)
    require(
        model.head.weight.device.type == "meta",
        "The new layer is on the CPU, whatever the device of the old one: pass "
        "device=old.weight.device.",
    )
    return "It fits torchvision's networks too: fc, classifier.1, heads.head."


@exercise("22.2")
def freeze(answer: Any) -> str:
    for keep, count in (("head", 50), ("classifier", 110)):
        model = _model()
        model.requires_grad_(keep == "classifier")
        number = call(answer, model, keep)
        trainable = {name for name, p in model.named_parameters() if p.requires_grad}
        wanted = {name for name, _ in model.named_parameters() if name.startswith(f"{keep}.")}
        require(trainable, f"Nothing is trainable. Is {keep!r} unfrozen after all is frozen?")
        require(
            not trainable - wanted,
            f"With keep={keep!r}, these are trainable too: {sorted(trainable - wanted)}. "
            "A name that begins with the same letters is another submodule.",
        )
        require(
            trainable == wanted,
            f"With keep={keep!r}, these are frozen: {sorted(wanted - trainable)}.",
        )
        require(
            number == count,
            f"It returned {number!r}, expected {count}: the numbers in the trainable tensors, "
            "not the tensors. See numel().",
        )
    return "Frozen and counted."


@exercise("22.3")
def train_unfrozen(answer: Any) -> str:
    model = _model()
    model.body.requires_grad_(False)
    model.eval()
    result = call(answer, model)
    require(result is model, "Return the model itself.")
    require(
        not model.body[1].training,
        "The frozen batch normalisation is in training mode: its running statistics would move.",
    )
    require(
        model.classifier[0].training,
        "The dropout is in evaluation mode. Only frozen batch normalisation rests.",
    )
    require(
        model.head_norm.training,
        "A batch normalisation with trainable weight is in evaluation mode: ask each layer for "
        "weight.requires_grad.",
    )
    before = model.body[1].running_mean.clone()
    model.body(torch.randn(4, 3, 8, 8))
    require(torch.equal(before, model.body[1].running_mean), "The running statistics moved.")
    return "Call it where the training loop calls model.train()."


@exercise("22.4")
def decayed_groups(answer: Any) -> str:
    layers = [nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 4)]
    layers[1].requires_grad_(False)
    groups = call(answer, layers, 0.1, 0.5)
    require(
        isinstance(groups, list) and all(isinstance(group, dict) for group in groups),
        "Return a list of dictionaries with 'params' and 'lr'.",
    )
    groups = [{**group, "params": list(group["params"])} for group in groups]
    held = [p for group in groups for p in group["params"]]
    require(
        all(p.requires_grad for p in held),
        "A frozen parameter is in a group. An optimizer would skip it, but weight decay and "
        "reports would not tell: leave it out.",
    )
    require(all(group["params"] for group in groups), "A group is empty: leave it out.")
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    require(
        len(held) == len(rates) == 6,
        f"{len(held)} parameters are in groups, expected each of the 6 trainable ones once.",
    )
    last, first = rates[id(layers[4].weight)], rates[id(layers[0].weight)]
    require(last >= first, "The rates are upside down: the last layer steps fastest.")
    for index, distance in ((4, 0), (3, 1), (0, 4)):
        rate = rates[id(layers[index].weight)]
        require(
            abs(rate - 0.1 * 0.5**distance) < 1e-9,
            f"layers[{index}] has the rate {rate:g}, expected {0.1 * 0.5**distance:g}: it is "
            f"{distance} layers before the last, and layers without trainable parameters count.",
        )
    return "The optimizer takes it as it is: torch.optim.Adam(groups)."
