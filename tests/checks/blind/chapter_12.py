"""Chapter 12."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def swap_collect(net, new):
    """collects all places first, then replaces"""
    places = [
        (parent, name)
        for parent in net.modules()
        for name, child in parent._modules.items()
        if isinstance(child, (nn.ReLU, nn.Sigmoid))
    ]
    for parent, name in places:
        setattr(parent, name, new())
    return len(places)


def swap_recursive(net, new):
    count = 0
    for name in list(net._modules):
        child = net._modules[name]
        if child is None:
            continue
        if isinstance(child, nn.ReLU) or isinstance(child, nn.Sigmoid):
            net._modules[name] = new()
            count += 1
        else:
            count += swap_recursive(child, new)
    return count


def swap_by_names(net, new):
    """all names, doubles too; set_submodule style through get_submodule"""
    names = [
        n
        for n, m in net.named_modules(remove_duplicate=False)
        if n and type(m) in (nn.ReLU, nn.Sigmoid)
    ]
    for name in names:
        parent, _, last = name.rpartition(".")
        setattr(net.get_submodule(parent), last, new())
    return len(names)


def swap_top_level(net, new):
    count = 0
    for name, child in list(net._modules.items()):
        if isinstance(child, (nn.ReLU, nn.Sigmoid)):
            setattr(net, name, new())
            count += 1
    return count


def swap_relu_only(net, new):
    places = [
        (p, n) for p in net.modules() for n, c in p._modules.items() if isinstance(c, nn.ReLU)
    ]
    for p, n in places:
        setattr(p, n, new())
    return len(places)


def swap_one_instance(net, new):
    fresh = new()
    places = [
        (p, n)
        for p in net.modules()
        for n, c in p._modules.items()
        if isinstance(c, (nn.ReLU, nn.Sigmoid))
    ]
    for p, n in places:
        setattr(p, n, fresh)
    return len(places)


def swap_named_children(net, new):
    count = 0
    for name, child in list(net.named_children()):
        if isinstance(child, (nn.ReLU, nn.Sigmoid)):
            setattr(net, name, new())
            count += 1
        else:
            count += swap_named_children(child, new)
    return count


def swap_copy(net, new):
    return swap_collect(copy.deepcopy(net), new)


def swap_returns_net(net, new):
    swap_collect(net, new)
    return net


def swap_returns_none(net, new):
    swap_collect(net, new)


def swap_sequential_only(net, new):
    count = 0
    for m in net.modules():
        if isinstance(m, nn.Sequential):
            for i, child in enumerate(m):
                if isinstance(child, (nn.ReLU, nn.Sigmoid)):
                    m[i] = new()
                    count += 1
    return count


def swap_class_not_instance(net, new):
    made = {}
    places = [
        (p, n, c)
        for p in net.modules()
        for n, c in p._modules.items()
        if isinstance(c, (nn.ReLU, nn.Sigmoid))
    ]
    for p, n, c in places:
        setattr(p, n, made.setdefault(c, new()))
    return len(places)


def swap_all_parameterless(net, new):
    places = [
        (p, n)
        for p in net.modules()
        for n, c in p._modules.items()
        if not list(c.children()) and (not list(c.parameters()))
    ]
    for p, n in places:
        setattr(p, n, new())
    return len(places)


def swap_count_unique(net, new):
    olds = {
        c
        for p in net.modules()
        for c in p._modules.values()
        if isinstance(c, (nn.ReLU, nn.Sigmoid))
    }
    swap_collect(net, new)
    return len(olds)


def swap_by_name(net, new):
    count = 0
    for m in net.modules():
        for name in ("relu", "sigmoid", "act", "activation"):
            if name in m._modules:
                setattr(m, name, new())
                count += 1
    return count


class Pair_plain(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body = body
        self.head = nn.Linear(features, 1)

    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second)).abs()).squeeze(1)


class Pair_parameters(nn.Module):
    """own weight and bias would be unusual; a Linear used by F.linear, index instead of squeeze"""

    def __init__(self, body, features):
        super().__init__()
        self.linear = nn.Linear(in_features=features, out_features=1, bias=True)
        self.twin = body

    def distance(self, a, b):
        return torch.abs(a - b)

    def forward(self, a, b):
        d = self.distance(self.twin(a), self.twin(b))
        return F.linear(d, self.linear.weight, self.linear.bias)[:, 0]


class Pair_modules(nn.Module):
    """ModuleDict, flatten"""

    def __init__(self, body, features):
        super().__init__()
        self.parts = nn.ModuleDict({"body": body, "head": nn.Linear(features, 1)})

    def forward(self, first, second):
        u, v = (self.parts["body"](x) for x in (first, second))
        return self.parts["head"](torch.maximum(u, v) - torch.minimum(u, v)).flatten()


class _PairBase(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = (body, nn.Linear(features, 1))


class Pair_signed(_PairBase):
    def forward(self, a, b):
        return self.head(self.body(a) - self.body(b)).squeeze(1)


class Pair_squared(_PairBase):
    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)) ** 2).squeeze(1)


class Pair_column(_PairBase):
    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)).abs())


class Pair_squeeze_all(_PairBase):
    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)).abs()).squeeze()


class Pair_probability(_PairBase):
    def forward(self, a, b):
        return torch.sigmoid(self.head((self.body(a) - self.body(b)).abs())).squeeze(1)


class Pair_second_detached(_PairBase):
    def forward(self, a, b):
        with torch.no_grad():
            v = self.body(b)
        return self.head((self.body(a) - v).abs()).squeeze(1)


class Pair_copied_body(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = (copy.deepcopy(body), nn.Linear(features, 1))

    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)).abs()).squeeze(1)


class Pair_two_bodies(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.other = (body, copy.deepcopy(body))
        self.head = nn.Linear(features, 1)

    def forward(self, a, b):
        return self.head((self.body(a) - self.other(b)).abs()).squeeze(1)


class Pair_hidden_body(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.bodies, self.head = ([body], nn.Linear(features, 1))

    def forward(self, a, b):
        return self.head((self.bodies[0](a) - self.bodies[0](b)).abs()).squeeze(1)


class Pair_frozen(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = (body.requires_grad_(False), nn.Linear(features, 1))

    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)).abs()).squeeze(1)


class Pair_concatenates(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = (body, nn.Linear(2 * features, 1))

    def forward(self, a, b):
        return self.head(torch.cat([self.body(a), self.body(b)], dim=1)).squeeze(1)


class Pair_no_bias(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = (body, nn.Linear(features, 1, bias=False))

    def forward(self, a, b):
        return self.head((self.body(a) - self.body(b)).abs()).squeeze(1)


class Pair_distance_only(_PairBase):
    def forward(self, a, b):
        return (self.body(a) - self.body(b)).abs().sum(dim=1)


class Pair_abs_after(_PairBase):
    def forward(self, a, b):
        return self.head(self.body(a) - self.body(b)).abs().squeeze(1)


class Pair_abs_each(_PairBase):
    def forward(self, a, b):
        return self.head(self.body(a).abs() - self.body(b).abs()).squeeze(1)


class Pair_images(_PairBase):
    def forward(self, a, b):
        return self.head(self.body((a - b).abs())).squeeze(1)


def load_copy(net, state):
    loaded = []
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name in state and state[name].shape == value.shape:
                value.copy_(state[name])
                loaded.append(name)
    return sorted(loaded)


def load_library(net, state):
    own = net.state_dict()
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    net.load_state_dict(fits, strict=False)
    return sorted(fits)


def load_merged(network, other):
    """a complete state dict, loaded strictly"""
    merged = {k: v.clone() for k, v in network.state_dict().items()}
    names = [k for k in sorted(set(merged) & set(other)) if merged[k].size() == other[k].size()]
    merged.update((k, other[k].detach().clone()) for k in names)
    network.load_state_dict(merged)
    return names


def load_strict_names_only(net, state):
    own = net.state_dict()
    fits = {k: v for k, v in state.items() if k in own}
    net.load_state_dict(fits, strict=False)
    return sorted(fits)


def load_parameters_only(net, state):
    loaded = []
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name in state and state[name].shape == p.shape:
                p.copy_(state[name])
                loaded.append(name)
    return sorted(loaded)


def load_shares(net, state):
    own = net.state_dict()
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    net.load_state_dict(fits, strict=False, assign=True)
    return sorted(fits)


def load_data_shares(net, state):
    own = net.state_dict()
    named = dict(net.named_parameters()) | dict(net.named_buffers())
    fits = [k for k in sorted(state) if k in own and own[k].shape == state[k].shape]
    for k in fits:
        named[k].data = state[k].data
    return fits


def load_unsorted(net, state):
    return load_copy(net, state)[::-1]


def load_only_state_dict(net, state):
    own = {k: v.clone() for k, v in net.state_dict().items()}
    fits = [k for k in sorted(state) if k in own and own[k].shape == state[k].shape]
    for k in fits:
        own[k].copy_(state[k])
    return fits


def load_broadcasts(net, state):
    loaded = []
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name in state:
                try:
                    value.copy_(state[name])
                    loaded.append(name)
                except RuntimeError:
                    pass
    return sorted(loaded)


def load_numel(net, state):
    loaded = []
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name in state and state[name].numel() == value.numel():
                value.copy_(state[name].reshape(value.shape))
                loaded.append(name)
    return sorted(loaded)


def load_shape_only(net, state):
    loaded = []
    with torch.no_grad():
        for (name, value), other in zip(net.state_dict().items(), state.values()):
            if value.shape == other.shape:
                value.copy_(other)
                loaded.append(name)
    return sorted(loaded)


def load_deletes(net, state):
    own = net.state_dict()
    for k in list(state):
        if k not in own or own[k].shape != state[k].shape:
            del state[k]
    net.load_state_dict(state, strict=False)
    return sorted(state)


def load_missing(net, state):
    names = load_copy(net, state)
    return sorted(set(net.state_dict()) - set(names))


def load_set(net, state):
    return set(load_copy(net, state))


def load_resets_rest(net, state):
    loaded = load_copy(net, state)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name not in loaded:
                value.zero_()
    return loaded


def load_wrong_way(net, state):
    loaded = []
    for name, value in net.state_dict().items():
        if name in state and state[name].shape == value.shape:
            state[name].data.copy_(value)
            loaded.append(name)
    return sorted(loaded)


def load_all_or_nothing(net, state):
    try:
        net.load_state_dict(state)
    except RuntimeError:
        return []
    return sorted(state)


def wider_zero_columns(net, units):
    a, _, b = net
    h = a.out_features
    new = nn.Sequential(
        nn.Linear(a.in_features, h + units), nn.ReLU(), nn.Linear(h + units, b.out_features)
    ).to(a.weight.dtype)
    new[0].weight.data[:h] = a.weight.data
    new[0].bias.data[:h] = a.bias.data
    new[2].weight.data.zero_()
    new[2].weight.data[:, :h] = b.weight.data
    new[2].bias.data.copy_(b.bias.data)
    return new


def wider_split(net, units):
    """splits the first unit into equal shares"""
    a, relu, b = copy.deepcopy(net)
    w, c, v = a.weight.data, a.bias.data, b.weight.data
    share = v[:, :1] / (units + 1)
    new = nn.Sequential(nn.Linear(1, 1), relu, nn.Linear(1, 1))
    new[0].weight = nn.Parameter(torch.cat([w, w[:1].repeat(units, 1)]))
    new[0].bias = nn.Parameter(torch.cat([c, c[:1].repeat(units)]))
    new[2].weight = nn.Parameter(torch.cat([share, v[:, 1:], share.repeat(1, units)], dim=1))
    new[2].bias = nn.Parameter(b.bias.data)
    return new


def wider_one_at_a_time(net, units):
    new = net
    for _ in range(units):
        new = wider_zero_columns(new, 1)
    return new


def wider_opposite_pairs(net, units):
    """random outgoing weights"""
    new = wider_zero_columns(net, units)
    new[2].weight.data[:, net[0].out_features :].normal_()
    return new


def wider_dead(net, units):
    new = wider_zero_columns(net, units)
    new[0].weight.data[net[0].out_features :] = 0
    new[0].bias.data[net[0].out_features :] = 0
    return new


def wider_not_enough(net, units):
    return wider_zero_columns(net, units - 1) if units > 1 else copy.deepcopy(net)


def wider_fresh(net, units):
    h = net[0].out_features + units
    return nn.Sequential(
        nn.Linear(net[0].in_features, h), nn.ReLU(), nn.Linear(h, net[2].out_features)
    )


def wider_shared_relu_only(net, units):
    new = wider_zero_columns(net, units)
    new[2].bias = net[2].bias
    return new


def wider_tanh(net, units):
    new = wider_zero_columns(net, units)
    return nn.Sequential(new[0], nn.Tanh(), new[2])


def wider_class(net, units):
    return wider_zero_columns(net, units).state_dict()


RIGHT = {
    "12.4": [wider_zero_columns, wider_split, wider_one_at_a_time],
    "12.1": [swap_collect, swap_recursive, swap_by_names],
    "12.2": [Pair_plain, Pair_parameters, Pair_modules],
    "12.3": [load_copy, load_library, load_merged],
}
WRONG = {
    "12.4": [
        wider_opposite_pairs,
        wider_dead,
        wider_not_enough,
        wider_fresh,
        wider_shared_relu_only,
        wider_tanh,
        wider_class,
    ],
    "12.1": [
        swap_top_level,
        swap_relu_only,
        swap_one_instance,
        swap_named_children,
        swap_copy,
        swap_returns_net,
        swap_returns_none,
        swap_sequential_only,
        swap_class_not_instance,
        swap_all_parameterless,
        swap_count_unique,
        swap_by_name,
    ],
    "12.2": [
        Pair_signed,
        Pair_squared,
        Pair_column,
        Pair_squeeze_all,
        Pair_probability,
        Pair_second_detached,
        Pair_copied_body,
        Pair_two_bodies,
        Pair_hidden_body,
        Pair_frozen,
        Pair_concatenates,
        Pair_no_bias,
        Pair_distance_only,
        Pair_abs_after,
        Pair_abs_each,
        Pair_images,
    ],
    "12.3": [
        load_strict_names_only,
        load_parameters_only,
        load_shares,
        load_data_shares,
        load_unsorted,
        load_only_state_dict,
        load_broadcasts,
        load_numel,
        load_shape_only,
        load_deletes,
        load_missing,
        load_set,
        load_resets_rest,
        load_wrong_way,
        load_all_or_nothing,
    ],
}
