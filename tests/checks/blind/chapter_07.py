"""Chapter 07."""

import torch
import torch.nn.functional as F
from torch import nn


class Affine_plain(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_addcmul(nn.Module):
    """other names, other order, torch.addcmul"""

    def __init__(self, features):
        super().__init__()
        self.b = nn.Parameter(torch.full((features,), 0.0))
        self.a = nn.Parameter(torch.full((features,), 1.0))

    def forward(self, x):
        return torch.addcmul(self.b, self.a, x)


class Affine_registered(nn.Module):
    """register_parameter"""

    def __init__(self, features):
        super().__init__()
        self.register_parameter("weight", nn.Parameter(torch.empty(features)))
        self.register_parameter("bias", nn.Parameter(torch.empty(features)))
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, inputs):
        return torch.mul(inputs, self.weight).add(self.bias)


class Affine_list(nn.Module):
    """two parameters in a ParameterList"""

    def __init__(self, features):
        super().__init__()
        self.p = nn.ParameterList([torch.ones(features), torch.zeros(features)])

    def forward(self, x):
        scale, shift = self.p
        return shift + scale * x


class Affine_tensors(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = torch.ones(features, requires_grad=True)
        self.shift = torch.zeros(features, requires_grad=True)

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_buffers(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("shift", torch.zeros(features))

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_single(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_shift_first(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return (x + self.shift) * self.scale


class Affine_random_start(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(features))
        self.shift = nn.Parameter(torch.randn(features))

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_zero_scale(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(features))
        self.shift = nn.Parameter(torch.ones(features))

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_linear(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.layer = nn.Linear(features, features)
        nn.init.eye_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x):
        return self.layer(x)


class Affine_norm(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.layer = nn.LayerNorm(features)

    def forward(self, x):
        return self.layer(x)


class Affine_dim_one(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        shape = [1, -1] + [1] * (x.dim() - 2)
        return x * self.scale.view(shape) + self.shift.view(shape)


class Affine_frozen_shift(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features), requires_grad=False)

    def forward(self, x):
        return x * self.scale + self.shift


class Affine_one_parameter(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.both = nn.Parameter(torch.stack([torch.ones(features), torch.zeros(features)]))

    def forward(self, x):
        return x * self.both[0] + self.both[1]


class Affine_data(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return x * self.scale.data + self.shift.data


class Affine_in_place(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x):
        x *= self.scale
        x += self.shift
        return x


class Stack_modulelist(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Stack_sequential(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        layers = []
        for i in range(len(sizes) - 1):
            layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(x)


class Stack_subclass(nn.Sequential):
    """Sequential itself is a Module"""

    def __init__(self, sizes):
        super().__init__()
        self.append(nn.Linear(sizes[0], sizes[1]))
        for a, b in zip(sizes[1:-1], sizes[2:]):
            self.append(nn.ReLU(inplace=True)).append(nn.Linear(a, b))


class Stack_attributes(nn.Module):
    """add_module and clamp"""

    def __init__(self, sizes):
        super().__init__()
        self.count = len(sizes) - 1
        for i in range(self.count):
            self.add_module(f"linear{i}", nn.Linear(sizes[i], sizes[i + 1]))

    def forward(self, x):
        for i in range(self.count):
            if i > 0:
                x = x.clamp(min=0)
            x = getattr(self, f"linear{i}")(x)
        return x


class Stack_plain_list(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Stack_relu_at_end(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class Stack_no_relu(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        return self.layers(x)


class Stack_no_bias(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Stack_three(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.a = nn.Linear(sizes[0], sizes[1])
        self.b = nn.Linear(sizes[1], sizes[-1])

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


class Stack_one_short(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(sizes[i], sizes[i + 1]) for i in range(max(1, len(sizes) - 2))
        )

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Stack_tanh(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x))
        return self.layers[-1](x)


class Stack_relu_before(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers:
            x = layer(F.relu(x))
        return x


class Stack_shared_middle(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        made = {}
        self.layers = nn.ModuleList(
            (made.setdefault((a, b), nn.Linear(a, b)) for a, b in zip(sizes, sizes[1:]))
        )

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Stack_fresh(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes

    def forward(self, x):
        layers = [nn.Linear(a, b) for a, b in zip(self.sizes, self.sizes[1:])]
        for layer in layers[:-1]:
            x = F.relu(layer(x))
        return layers[-1](x)


class Stack_detached(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x)).detach()
        return self.layers[-1](x)


def shapes_hooks(net, x):
    result, handles = ({}, [])
    for name, module in net.named_modules():
        if not list(module.children()):

            def hook(module, inputs, output, name=name):
                result[name] = tuple(output.shape)

            handles.append(module.register_forward_hook(hook))
    try:
        with torch.no_grad():
            net(x)
    finally:
        for handle in handles:
            handle.remove()
    return result


def shapes_partial(net, x):

    def remember(store, name):
        return lambda module, args, out: store.__setitem__(name, tuple(out.size()))

    store = dict()
    leaves = [(n, m) for n, m in net.named_modules() if len(m._modules) == 0]
    hooks = [m.register_forward_hook(remember(store, n)) for n, m in leaves]
    net(x)
    [h.remove() for h in hooks]
    return store


def shapes_one_hook(net, x):
    """one hook for all; module -> name"""
    names = {m: n for n, m in net.named_modules() if next(m.children(), None) is None}
    out = {}

    def hook(m, i, o):
        out[names[m]] = tuple(o.shape)

    hs = [m.register_forward_hook(hook) for m in names]
    net(x)
    for h in hs:
        h.remove()
    return out


def shapes_in_eval(net, x):
    """runs in evaluation mode, so that no statistics change, and puts each mode back"""
    modes = [(m, m.training) for m in net.modules()]
    out, hs = ({}, [])
    for name, m in net.named_modules():
        if not any(True for _ in m.children()):
            hs.append(
                m.register_forward_hook(
                    lambda m, i, o, name=name: out.update({name: tuple(o.shape)})
                )
            )
    net.eval()
    try:
        with torch.inference_mode():
            net(x)
    finally:
        for h in hs:
            h.remove()
        for m, mode in modes:
            m.training = mode
    return out


def _collect(
    net, x, leaf=lambda m: not list(m.children()), shape=lambda o: tuple(o.shape), remove=True
):
    out, hs = ({}, [])
    for name, m in net.named_modules():
        if leaf(m):
            hs.append(
                m.register_forward_hook(lambda m, i, o, name=name: out.__setitem__(name, shape(o)))
            )
    net(x)
    if remove:
        for h in hs:
            h.remove()
    return out


def shapes_leaves_hooks(net, x):
    return _collect(net, x, remove=False)


def shapes_all_modules(net, x):
    return _collect(net, x, leaf=lambda m: True)


def shapes_children_only(net, x):
    out, hs = ({}, [])
    for name, m in net.named_children():
        hs.append(
            m.register_forward_hook(
                lambda m, i, o, name=name: out.__setitem__(name, tuple(o.shape))
            )
        )
    net(x)
    for h in hs:
        h.remove()
    return out


def shapes_late_binding(net, x):
    out, hs = ({}, [])
    for name, m in net.named_modules():
        if not list(m.children()):
            hs.append(
                m.register_forward_hook(lambda m, i, o: out.__setitem__(name, tuple(o.shape)))
            )
    net(x)
    for h in hs:
        h.remove()
    return out


def shapes_inputs(net, x):
    out, hs = ({}, [])
    for name, m in net.named_modules():
        if not list(m.children()):
            hs.append(
                m.register_forward_hook(
                    lambda m, i, o, name=name: out.__setitem__(name, tuple(i[0].shape))
                )
            )
    net(x)
    for h in hs:
        h.remove()
    return out


def shapes_eval(net, x):
    net.eval()
    return _collect(net, x)


def shapes_train_again(net, x):
    net.eval()
    out = _collect(net, x)
    net.train()
    return out


def shapes_clears_hooks(net, x):
    out = _collect(net, x, remove=False)
    for m in net.modules():
        m._forward_hooks.clear()
    return out


def shapes_class_names(net, x):
    out, hs = ({}, [])
    for m in net.modules():
        if not list(m.children()):
            hs.append(
                m.register_forward_hook(
                    lambda m, i, o: out.__setitem__(type(m).__name__, tuple(o.shape))
                )
            )
    net(x)
    for h in hs:
        h.remove()
    return out


def shapes_runs_in_turn(net, x):
    out = {}
    for name, m in net.named_children():
        x = m(x)
        out[name] = tuple(x.shape)
    return out


def shapes_lists(net, x):
    return _collect(net, x, shape=lambda o: list(o.shape))


def shapes_without_batch(net, x):
    return _collect(net, x, shape=lambda o: tuple(o.shape[1:]))


def shapes_only_with_parameters(net, x):
    return _collect(net, x, leaf=lambda m: not list(m.children()) and list(m.parameters()))


def shapes_twice(net, x):
    net(x)
    return _collect(net, x)


def shapes_weights(net, x):
    return {n: tuple(p.shape) for n, p in net.named_parameters()}


class Mine_pooled(nn.Module):
    """convolutions, mean over the picture, noise as a module"""

    class Noise(nn.Module):
        def forward(self, x):
            return x + 0.2 * torch.randn_like(x) if self.training else x

    def __init__(self):
        super().__init__()
        self.noise = self.Noise()
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in ((1, 8), (8, 16)))
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in (8, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, images):
        x = self.noise(images)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = torch.nn.functional.gelu(norm(conv(x)))
        return self.head(x.mean((2, 3)))


class Mine_sequential(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Dropout(0.2), nn.AvgPool2d(4), nn.Flatten(), nn.LayerNorm(49), nn.Linear(49, 10)
        )


class Mine_parameters(nn.Module):
    """raw parameters, a mask drawn by hand"""

    def __init__(self):
        super().__init__()
        self.w = nn.ParameterDict({"a": torch.randn(784, 10) / 28, "b": torch.zeros(10)})
        self.register_buffer("mean", torch.full((784,), 0.28))

    def forward(self, x):
        x = x.reshape(len(x), -1) - self.mean
        if self.training:
            x = x * (torch.rand(784, device=x.device, dtype=x.dtype) > 0.3)
        return x @ self.w["a"] + self.w["b"]


class Mine_batch_norm_only(nn.Module):
    """nothing random"""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(784, 20), nn.BatchNorm1d(20), nn.Linear(20, 10)

    def forward(self, x):
        return self.c(torch.relu(self.b(self.a(x.flatten(1)))))


class Mine_big(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(16 * 676, 10)
        )

    def forward(self, x):
        return self.net(x)


class Mine_functional_dropout(Mine_batch_norm_only):
    def forward(self, x):
        return torch.nn.functional.dropout(super().forward(x))


class Mine_norm_of_batch(nn.Module):
    """batch statistics in eval as well"""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(784, track_running_stats=False)
        self.drop, self.out = nn.Dropout(), nn.Linear(784, 10)

    def forward(self, x):
        return self.out(self.drop(self.norm(x.flatten(1))))


class Mine_lost_layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = {"hidden": nn.Linear(784, 30), "drop": nn.Dropout()}
        self.drop, self.out = self.layers["drop"], nn.Linear(30, 10)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.layers["hidden"](x.flatten(1)))))


class Mine_lost_statistics(nn.Module):
    """keeps a running mean as a plain attribute"""

    def __init__(self):
        super().__init__()
        self.mean, self.drop, self.out = torch.zeros(()), nn.Dropout(), nn.Linear(784, 10)

    def forward(self, x):
        if self.training:
            self.mean = 0.5 * self.mean + 0.5 * x.mean().detach()
        return self.out(self.drop(x.flatten(1) - self.mean))


class Mine_float_inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.out = nn.Dropout(), nn.Linear(784, 10)

    def forward(self, x):
        return self.out(self.drop(x.flatten(1).float()))


class Mine_argmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.out = nn.Dropout(), nn.Linear(784, 10)

    def forward(self, x):
        return self.out(self.drop(x.flatten(1))).argmax(dim=1)


class Mine_single(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.out = nn.Dropout(), nn.Linear(784, 10)

    def forward(self, x):
        return self.out(self.drop(x.reshape(12, 784)))


class Mine_frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop, self.out = nn.Linear(784, 20), nn.Dropout(), nn.Linear(20, 10)
        self.a.requires_grad_(False)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.a(x.flatten(1)))))


class Mine_always_eval(Mine_frozen):
    def __init__(self):
        super().__init__()
        self.requires_grad_(True)

    def train(self, mode=True):
        return super().train(False)


RIGHT = {
    "07.1": [Affine_plain, Affine_addcmul, Affine_registered, Affine_list],
    "07.2": [Stack_modulelist, Stack_sequential, Stack_subclass, Stack_attributes],
    "07.3": [shapes_hooks, shapes_partial, shapes_one_hook, shapes_in_eval],
    "07.4": [Mine_pooled, Mine_sequential, Mine_parameters],
}
WRONG = {
    "07.1": [
        Affine_tensors,
        Affine_buffers,
        Affine_single,
        Affine_shift_first,
        Affine_random_start,
        Affine_zero_scale,
        Affine_linear,
        Affine_norm,
        Affine_dim_one,
        Affine_frozen_shift,
        Affine_one_parameter,
        Affine_data,
        Affine_in_place,
    ],
    "07.2": [
        Stack_plain_list,
        Stack_relu_at_end,
        Stack_no_relu,
        Stack_no_bias,
        Stack_three,
        Stack_one_short,
        Stack_tanh,
        Stack_relu_before,
        Stack_shared_middle,
        Stack_fresh,
        Stack_detached,
    ],
    "07.3": [
        shapes_leaves_hooks,
        shapes_all_modules,
        shapes_children_only,
        shapes_late_binding,
        shapes_inputs,
        shapes_eval,
        shapes_train_again,
        shapes_clears_hooks,
        shapes_class_names,
        shapes_runs_in_turn,
        shapes_lists,
        shapes_without_batch,
        shapes_only_with_parameters,
        shapes_twice,
        shapes_weights,
    ],
    "07.4": [
        Mine_batch_norm_only,
        Mine_big,
        Mine_functional_dropout,
        Mine_norm_of_batch,
        Mine_lost_layer,
        Mine_lost_statistics,
        Mine_float_inside,
        Mine_argmax,
        Mine_single,
        Mine_frozen,
        Mine_always_eval,
    ],
}
