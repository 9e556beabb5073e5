"""Right and wrong answers to the exercises of chapter 07, and the hint that each must get."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

KEPT = {}


class TwoParameters(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return x * self.scale + self.shift


class RowsOfOne(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.b = nn.Parameter(torch.zeros(1, features))
        self.a = nn.Parameter(torch.ones(1, features))

    def forward(self, x):
        return torch.addcmul(self.b, x, self.a)


class InADictionary(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.both = nn.ParameterDict({"w": torch.full((features,), 1.0)})
        self.register_parameter("bias", nn.Parameter(torch.full((features,), 0.0)))

    def forward(self, x):
        return self.both["w"] * x + self.bias


class InheritsAffine(TwoParameters):
    pass


class NoParameters(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        self.scale, self.shift = torch.ones(features), torch.zeros(features)


class RandomStart(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        self.scale = nn.Parameter(torch.randn(features))
        self.shift = nn.Parameter(torch.randn(features))


class BothOnes(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.ones(features))


class Exchanged(TwoParameters):
    def forward(self, x):
        return x * self.shift + self.scale


class ShiftFirst(TwoParameters):
    def forward(self, x):
        return (x + self.shift) * self.scale


class NoShift(TwoParameters):
    def forward(self, x):
        return x * self.scale


class OneForAll(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        self.scale, self.shift = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))


class ALinearLayer(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.layer = nn.Linear(features, features)

    def forward(self, x):
        return self.layer(x)


class Detached(TwoParameters):
    def forward(self, x):
        return x * self.scale.data + self.shift.data


class InPlace(TwoParameters):
    def forward(self, x):
        with torch.no_grad():
            x *= self.scale
            x += self.shift
        return x


class Frozen(TwoParameters):
    def __init__(self, features):
        super().__init__(features)
        self.scale.requires_grad_(False)


class Buffers(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        self.register_buffer("scale", torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))


class SharedByAll(TwoParameters):
    def __init__(self, features):
        nn.Module.__init__(self)
        if features not in KEPT:
            pair = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
            KEPT[features] = pair
        self.scale, self.shift = KEPT[features]


class WithoutSuper(nn.Module):
    def __init__(self, features):
        self.scale = nn.Parameter(torch.ones(features))

    def forward(self, x):
        return x * self.scale


class ReturnsNothing(TwoParameters):
    def forward(self, x):
        x * self.scale + self.shift


class AModuleList(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


class ASequential(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        parts = []
        for i in range(len(sizes) - 1):
            parts += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU(inplace=True)]
        self.net = nn.Sequential(*parts[:-1])

    def forward(self, x):
        return self.net(x)


class IsASequential(nn.Sequential):
    def __init__(self, sizes):
        super().__init__()
        for i, (a, b) in enumerate(pairwise(sizes)):
            if i:
                self.append(nn.ReLU())
            self.append(nn.Linear(a, b))


class LastOneFirst(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.last = nn.Linear(sizes[-2], sizes[-1])
        for i in range(len(sizes) - 2):
            self.add_module(f"hidden{i}", nn.Linear(sizes[i], sizes[i + 1]))
        self.count = len(sizes) - 2

    def forward(self, x):
        for i in range(self.count):
            x = getattr(self, f"hidden{i}")(x).clamp(min=0)
        return self.last(x)


class PlainList(AModuleList):
    def __init__(self, sizes):
        nn.Module.__init__(self)
        self.layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]


class ReluAtTheEnd(AModuleList):
    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x


class NoRelu(AModuleList):
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class OnlyBeforeTheLast(AModuleList):
    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x.relu() if i == len(self.layers) - 1 and i else x)
        return x


class ReluFirst(AModuleList):
    def forward(self, x):
        for layer in self.layers:
            x = layer(x.relu())
        return x


class ReluBeforeAllButTheLast(AModuleList):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x.relu())
        return self.layers[-1](x)


class Sigmoids(AModuleList):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.sigmoid(layer(x))
        return self.layers[-1](x)


class Leaky(AModuleList):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x))
        return self.layers[-1](x)


class NoBiases(AModuleList):
    def __init__(self, sizes):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes))


class OneTooFew(AModuleList):
    def __init__(self, sizes):
        super().__init__(sizes[:-1] if len(sizes) > 2 else sizes)


class PopsTheSizes(AModuleList):
    def __init__(self, sizes):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList()
        while len(sizes) > 1:
            self.layers.append(nn.Linear(sizes.pop(0), sizes[0]))


class FirstTwoSizesOnly(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.a, self.b = nn.Linear(sizes[0], sizes[1]), nn.Linear(sizes[1], sizes[-1])

    def forward(self, x):
        return self.b(self.a(x).relu())


class ChangesItsInput(AModuleList):
    def forward(self, x):
        x.mul_(2)
        return super().forward(x / 2)


class CutInTheMiddle(AModuleList):
    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).relu().detach()
        return self.layers[-1](x)


class WithBatchNorm(AModuleList):
    def __init__(self, sizes):
        super().__init__(sizes)
        self.norm = nn.BatchNorm1d(sizes[-1])


def by_hooks(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():
        if not list(module.children()):

            def record(module, inputs, output, name=name):
                found[name] = tuple(output.shape)

            handles.append(module.register_forward_hook(record))
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def torch_sizes(net, x):
    found = {}
    leaves = {n: m for n, m in net.named_modules() if not any(True for _ in m.children())}
    handles = [
        m.register_forward_hook(lambda m, i, o, n=n: found.__setitem__(n, o.shape))
        for n, m in leaves.items()
    ]
    with torch.no_grad():
        net(x)
    [handle.remove() for handle in handles]
    return found


def on_a_copy(net, x):
    net, found = copy.deepcopy(net), {}
    names = {module: name for name, module in net.named_modules()}
    for module in list(names):
        if len(module._modules) == 0:
            module.register_forward_hook(lambda m, i, o: found.update({names[m]: tuple(o.size())}))
    net(x)
    return found


def leaves_hooks(net, x):
    found = {}
    for name, module in net.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, i, o, n=name: found.update({n: tuple(o.shape)}))
    net(x)
    return found


def every_module(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():

        def record(module, inputs, output, name=name):
            found[name] = tuple(output.shape)

        handles.append(module.register_forward_hook(record))
    net(x)
    for handle in handles:
        handle.remove()
    return found


def children_only(net, x):
    found = {}
    for name, module in net.named_children():
        x = module(x)
        found[name] = tuple(x.shape)
    return found


def chained(net, x):
    found = {}
    for name, module in net.named_modules():
        if not list(module.children()):
            x = module(x)
            found[name] = tuple(x.shape)
    return found


def last_name_only(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():
        if not list(module.children()):
            handles.append(
                module.register_forward_hook(
                    lambda m, i, o: found.update({name: tuple(o.shape)})  # noqa: B023
                )
            )
    net(x)
    for handle in handles:
        handle.remove()
    return found


def class_names(net, x):
    found = by_hooks(net, x)
    modules = dict(net.named_modules())
    return {type(modules[name]).__name__: shape for name, shape in found.items()}


def modules_as_keys(net, x):
    found = by_hooks(net, x)
    modules = dict(net.named_modules())
    return {modules[name]: shape for name, shape in found.items()}


def without_batch(net, x):
    return {name: shape[1:] for name, shape in by_hooks(net, x).items()}


def lists(net, x):
    return {name: list(shape) for name, shape in by_hooks(net, x).items()}


def shapes_of_inputs(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():
        if not list(module.children()):

            def record(module, inputs, name=name):
                found[name] = tuple(inputs[0].shape)

            handles.append(module.register_forward_pre_hook(record))
    net(x)
    for handle in handles:
        handle.remove()
    return found


def stays_in_eval(net, x):
    net.eval()
    return by_hooks(net, x)


def runs_twice(net, x):
    net(x)
    return by_hooks(net, x)


def clears_all_hooks(net, x):
    found = leaves_hooks(net, x)
    for module in net.modules():
        module._forward_hooks.clear()
    return found


def a_list_of_pairs(net, x):
    return list(by_hooks(net, x).items())


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Buffer(torch.tensor(0.28))
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(8 * 196, 10),
        )

    def forward(self, x):
        return self.layers(x - self.mean)


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 20)
        self.output = nn.Linear(20, 10)

    def forward(self, x):
        x = F.relu(self.hidden(x.flatten(1)))
        return self.output(F.dropout(x, 0.5, self.training))


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.LazyLinear(10)

    def forward(self, x):
        x = F.avg_pool2d(x, 2)
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        return self.output(x.flatten(1))


class TooLarge(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10)
        )

    def forward(self, x):
        return self.layers(x)


class Deterministic(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        return self.output(x.flatten(1))


class AlwaysRandom(Deterministic):
    def forward(self, x):
        return self.output(F.dropout(x.flatten(1), 0.5))


class HiddenInAList(Deterministic):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(16, 10)
        self.layers = [nn.Linear(784, 16)]
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.output(self.drop(torch.relu(self.layers[0](x.flatten(1)))))


class DropoutInAList(Deterministic):
    def __init__(self):
        super().__init__()
        self.drops = [nn.Dropout(0.5)]

    def forward(self, x):
        return self.output(self.drops[0](x.flatten(1)))


class Unused(Deterministic):
    def __init__(self):
        super().__init__()
        self.spare, self.drop = nn.Linear(10, 10), nn.Dropout(0.5)

    def forward(self, x):
        return self.output(self.drop(x.flatten(1)))


class PlainTensor(Deterministic):
    def __init__(self):
        super().__init__()
        self.scale, self.drop = torch.randn(784), nn.Dropout(0.5)

    def forward(self, x):
        return self.output(self.drop(x.flatten(1) * self.scale))


class AlwaysFloat32(Unused):
    def __init__(self):
        super().__init__()
        del self.spare

    def forward(self, x):
        return self.output(self.drop(x.flatten(1))).float()


class OfTheBatch(AlwaysFloat32):
    def forward(self, x):
        x = x.flatten(1)
        return self.output(self.drop(x - x.mean(dim=0)))


class ElevenClasses(AlwaysFloat32):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 11)


class Squeezed(AlwaysFloat32):
    def forward(self, x):
        return super().forward(x).squeeze()


class DetachedAnswer(AlwaysFloat32):
    def forward(self, x):
        return super().forward(x).detach()


class NoLayers(nn.Module):
    def forward(self, x):
        return torch.rand(len(x), 10) if self.training else torch.zeros(len(x), 10)


class ReluByWidth(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = sizes[-1]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            if layer.out_features != self.last:
                x = x.relu()
        return x


RIGHT = {
    "07.1": [TwoParameters, RowsOfOne, InADictionary, InheritsAffine],
    "07.2": [AModuleList, ASequential, IsASequential, LastOneFirst],
    "07.3": [by_hooks, torch_sizes, on_a_copy],
    "07.4": [Convolutional, Perceptron, Noisy],
}

WRONG = {
    "07.1": [
        (NoParameters, "Is each of the two a nn.Parameter"),
        (RandomStart, "the scale starts at 1"),
        (BothOnes, "Both parameters start at 1"),
        (Exchanged, "Freshly made, it gives 1 everywhere"),
        (ShiftFirst, "scale first"),
        (NoShift, "The shift is missing"),
        (OneForAll, "for each of the 3 features"),
        (ALinearLayer, "weight has shape (3, 3)"),
        (Detached, "has no gradient for the scale"),
        (InPlace, "in-place operation"),
        (Frozen, "never trained"),
        (Buffers, "lists 1 tensors, and 2 are asked for"),
        (SharedByAll, "make them in __init__"),
        (WithoutSuper, "your answer raised AttributeError"),
        (ReturnsNothing, "Does it end with a return statement?"),
    ],
    "07.2": [
        (PlainList, "use nn.ModuleList"),
        (ReluAtTheEnd, "after the last layer"),
        (NoRelu, "no ReLU between"),
        (ReluByWidth, "no ReLU after the first layer"),
        (OnlyBeforeTheLast, "no ReLU after the first layer"),
        (ReluFirst, "before the first layer"),
        (ReluBeforeAllButTheLast, "The input itself goes through a ReLU"),
        (Sigmoids, "There is a sigmoid"),
        (Leaky, "ReLU gives 0 below 0"),
        (NoBiases, "have no bias"),
        (OneTooFew, "has shape (7, 4), and (7, 3) is asked for"),
        (PopsTheSizes, "The entries of the argument sizes have changed"),
        (FirstTwoSizesOnly, "finds 2 linear layers, and 3 are asked for"),
        (ChangesItsInput, "in-place operation"),
        (CutInTheMiddle, "no gradient"),
        (WithBatchNorm, "2 parameters besides"),
    ],
    "07.3": [
        (leaves_hooks, "left on the network"),
        (every_module, "modules that have children"),
        (children_only, "Take them from named_modules"),
        (chained, "your answer raised"),
        (last_name_only, "one of its own, name=name"),
        (class_names, "the names of the classes"),
        (modules_as_keys, "The keys are the modules themselves"),
        (without_batch, "the batch dimension belongs to it"),
        (lists, "should be a tuple, and it is the list"),
        (shapes_of_inputs, "look at their outputs"),
        (stays_in_eval, "is in another mode than before"),
        (runs_twice, "The network was run 2 times"),
        (clears_all_hooks, "Hooks that were on the network before are gone"),
        (a_list_of_pairs, "should be a dictionary"),
    ],
    "07.4": [
        (TooLarge, "has 50,890 parameters"),
        (Deterministic, "In training mode two calls"),
        (AlwaysRandom, "In eval() mode two calls"),
        (DropoutInAList, "In eval() mode two calls"),
        (HiddenInAList, "is not in state_dict()"),
        (Unused, "spare.weight gets no gradient"),
        (PlainTensor, "is not in state_dict()"),
        (AlwaysFloat32, "After double() the answers are not"),
        (OfTheBatch, "gets another answer in a batch of 1"),
        (ElevenClasses, "has shape (12, 11), and (12, 10) is asked for"),
        (Squeezed, "for 1 image has shape (10,)"),
        (DetachedAnswer, "is something detached"),
        (NoLayers, "no parameters"),
    ],
}
