"""Chapter 10."""

import copy
from collections import defaultdict

import torch
import torch.nn.functional as F
from torch import nn


def ties_dict(net):
    names = defaultdict(list)
    for name, p in net.named_parameters(remove_duplicate=False):
        names[id(p)].append(name)
    return [group for group in names.values() if len(group) > 1]


def ties_first_names(net):
    """named_parameters gives one name for each; ask who else is the same"""
    everything = list(net.named_parameters(remove_duplicate=False))
    groups = []
    for _, one in net.named_parameters():
        group = [name for name, other in everything if other is one]
        if len(group) >= 2:
            groups.append(group)
    return groups


def ties_keyed_by_parameter(network):
    """tensors hash by identity; names reversed"""
    table = {}
    for name, p in network.named_parameters(remove_duplicate=False):
        table[p] = [name] + table.get(p, [])
    return list(filter(lambda g: len(g) > 1, table.values()))


def ties_default(net):
    names = defaultdict(list)
    for name, p in net.named_parameters():
        names[id(p)].append(name)
    return [group for group in names.values() if len(group) > 1]


def ties_by_value(net):
    groups = []
    for name, p in net.named_parameters(remove_duplicate=False):
        for q, group in groups:
            if torch.equal(p, q):
                group.append(name)
                break
        else:
            groups.append((p, [name]))
    return [g for _, g in groups if len(g) > 1]


def ties_by_memory(net):
    names = defaultdict(list)
    for name, p in net.named_parameters(remove_duplicate=False):
        names[p.data_ptr()].append(name)
    return [group for group in names.values() if len(group) > 1]


def ties_all_groups(net):
    names = defaultdict(list)
    for name, p in net.named_parameters(remove_duplicate=False):
        names[id(p)].append(name)
    return list(names.values())


def ties_pairs(net):
    items = list(net.named_parameters(remove_duplicate=False))
    return [[a, b] for i, (a, p) in enumerate(items) for b, q in items[i + 1 :] if p is q]


def ties_two_only(net):
    names = defaultdict(list)
    for name, p in net.named_parameters(remove_duplicate=False):
        names[id(p)].append(name)
    return [group for group in names.values() if len(group) == 2]


def ties_state_dict(net):
    names = defaultdict(list)
    for name, p in net.state_dict().items():
        names[id(p)].append(name)
    return [group for group in names.values() if len(group) > 1]


def ties_flat(net):
    return [name for group in ties_dict(net) for name in group]


def ties_drops_first(net):
    return [group[1:] for group in ties_dict(net)]


def ties_per_name(net):
    items = list(net.named_parameters(remove_duplicate=False))
    out = []
    for _, p in items:
        group = [n for n, q in items if q is p]
        if len(group) > 1:
            out.append(group)
    return out


def ties_shapes(net):
    names = defaultdict(list)
    for name, p in net.named_parameters(remove_duplicate=False):
        names[p.shape].append(name)
    return [group for group in names.values() if len(group) > 1]


def ties_only_weights(net):
    return [g for g in ties_dict(net) if g[0].endswith("weight")]


class Tied_linear(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) * inputs ** (-0.5))
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        code = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(code, self.weight.t(), self.output_bias)


class Tied_layer(nn.Module):
    """nn.Linear for the encoder"""

    def __init__(self, inputs, code):
        super().__init__()
        self.encoder = nn.Linear(inputs, code)
        nn.init.zeros_(self.encoder.bias)
        self.bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return self.encoder(x).relu() @ self.encoder.weight + self.bias


class Tied_methods(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        w = torch.empty(code, inputs)
        nn.init.xavier_uniform_(w)
        self.a, self.b, self.c = (
            nn.Parameter(t) for t in (torch.zeros(inputs), w, torch.zeros(code))
        )

    def encode(self, x):
        return torch.clamp_min(torch.matmul(x, self.b.mT) + self.c, 0)

    def decode(self, h):
        return torch.matmul(h, self.b) + self.a

    def forward(self, x):
        return self.decode(self.encode(x))


class _TiedBase(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) * inputs ** (-0.5))
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))


class Tied_two_weights(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder, self.decoder = (nn.Linear(inputs, code), nn.Linear(code, inputs))
        nn.init.zeros_(self.encoder.bias)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x):
        return self.decoder(F.relu(self.encoder(x)))


class Tied_copy(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder, self.decoder = (nn.Linear(inputs, code), nn.Linear(code, inputs))
        nn.init.zeros_(self.encoder.bias)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight = nn.Parameter(self.encoder.weight.detach().t().clone())

    def forward(self, x):
        return self.decoder(F.relu(self.encoder(x)))


class Tied_no_relu(_TiedBase):
    def forward(self, x):
        return F.linear(F.linear(x, self.weight, self.code_bias), self.weight.t(), self.output_bias)


class Tied_relu_twice(_TiedBase):
    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.relu(F.linear(h, self.weight.t(), self.output_bias))


class Tied_sigmoid(_TiedBase):
    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return torch.sigmoid(F.linear(h, self.weight.t(), self.output_bias))


class Tied_default_bias(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder = nn.Linear(inputs, code)
        self.bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return F.relu(self.encoder(x)) @ self.encoder.weight + self.bias


class Tied_no_output_bias(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) * inputs ** (-0.5))
        self.code_bias = nn.Parameter(torch.zeros(code))

    def forward(self, x):
        return F.relu(F.linear(x, self.weight, self.code_bias)) @ self.weight


class Tied_wrong_shape(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, code) * inputs ** (-0.5))
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return F.relu(x @ self.weight + self.code_bias) @ self.weight.t() + self.output_bias


class Tied_detached(_TiedBase):
    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(h, self.weight.detach().t(), self.output_bias)


class Tied_zero_weight(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(code, inputs))
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(h, self.weight.t(), self.output_bias)


class Tied_biases_not_trained(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) * inputs ** (-0.5))
        self.register_buffer("code_bias", torch.zeros(code))
        self.register_buffer("output_bias", torch.zeros(inputs))

    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(h, self.weight.t(), self.output_bias)


class Tied_returns_code(_TiedBase):
    def forward(self, x):
        return F.relu(F.linear(x, self.weight, self.code_bias))


class Tied_extra_parameter(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) * inputs ** (-0.5))
        self.back = nn.Parameter(self.weight.detach().t())
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        h = F.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(h, self.back, self.output_bias)


def untie_setattr(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    old = getattr(module, name)
    setattr(module, name, nn.Parameter(old.detach().clone(), requires_grad=old.requires_grad))
    return new


def untie_first(net, first, second):
    """gives the first a parameter of its own"""
    result = copy.deepcopy(net)
    *path, leaf = first.split(".")
    owner = result.get_submodule(".".join(path))
    owner._parameters[leaf] = copy.deepcopy(owner._parameters[leaf])
    return result


def untie_shared_modules(net, first, second):
    """also if the two names go through one module: the second gets a shallow copy of it"""
    new = copy.deepcopy(net)
    a, b = (first.split("."), second.split("."))
    common = 0
    while common < min(len(a), len(b)) - 1 and a[common] == b[common]:
        common += 1
    owner = new.get_submodule(".".join(b[:common]))
    shared = new.get_submodule(".".join(a[:-1])) is new.get_submodule(".".join(b[:-1]))
    for part in b[common:-1]:
        child = owner._modules[part]
        if shared and a[-1] == b[-1]:
            twin = child.__class__.__new__(child.__class__)
            twin.__dict__.update(child.__dict__)
            for table in ("_parameters", "_buffers", "_modules"):
                twin.__dict__[table] = child.__dict__[table].copy()
            owner._modules[part] = child = twin
        owner = child
    p = getattr(owner, b[-1])
    fresh = p.detach().clone().requires_grad_(p.requires_grad)
    owner.register_parameter(b[-1], nn.Parameter(fresh, p.requires_grad))
    return new


def untie_in_place(net, first, second):
    owner, _, name = second.rpartition(".")
    module = net.get_submodule(owner)
    setattr(module, name, nn.Parameter(getattr(module, name).detach().clone()))
    return net


def untie_only_copies(net, first, second):
    return copy.deepcopy(net)


def untie_shares_memory(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    setattr(module, name, nn.Parameter(getattr(module, name).detach()))
    return new


def untie_thaws(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    setattr(module, name, nn.Parameter(getattr(module, name).detach().clone()))
    return new


def untie_random(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    old = getattr(module, name)
    setattr(module, name, nn.Parameter(torch.randn_like(old), requires_grad=old.requires_grad))
    return new


def untie_everything(net, first, second):
    new = copy.deepcopy(net)
    for name, p in list(new.named_parameters(remove_duplicate=False)):
        owner, _, leaf = name.rpartition(".")
        setattr(
            new.get_submodule(owner),
            leaf,
            nn.Parameter(p.detach().clone(), requires_grad=p.requires_grad),
        )
    return new


def untie_eval(net, first, second):
    return untie_setattr(net, first, second).eval()


def untie_train(net, first, second):
    return untie_setattr(net, first, second).train()


def untie_shallow(net, first, second):
    return untie_in_place(copy.copy(net), first, second)


def untie_whole_module(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    parent, _, leaf = owner.rpartition(".")
    setattr(new.get_submodule(parent), leaf, copy.deepcopy(new.get_submodule(owner)))
    return new


def untie_no_parameter(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    value = getattr(module, name).detach().clone()
    delattr(module, name)
    setattr(module, name, value)
    return new


def untie_top_level_only(net, first, second):
    new = copy.deepcopy(net)
    number, name = second.split(".")
    module = new[int(number)]
    old = getattr(module, name)
    setattr(module, name, nn.Parameter(old.detach().clone(), requires_grad=old.requires_grad))
    return new


def untie_clones_into_net(net, first, second):
    untie_in_place(net, first, second)
    return copy.deepcopy(net)


def untie_freezes(net, first, second):
    new = copy.deepcopy(net)
    owner, _, name = second.rpartition(".")
    module = new.get_submodule(owner)
    setattr(module, name, nn.Parameter(getattr(module, name).detach().clone(), False))
    return new


class Symmetric_tril(nn.Module):
    """lower triangle filled by index_put, added to its strict transpose"""

    def __init__(self, n):
        super().__init__()
        self.size = n
        self.values = nn.Parameter(torch.empty(n * (n + 1) // 2).uniform_(-1, 1))

    def matrix(self):
        i, j = torch.tril_indices(self.size, self.size)
        lower = self.values.new_zeros(self.size, self.size).index_put((i, j), self.values)
        return lower + lower.tril(-1).mT

    def forward(self, x):
        return torch.einsum("...i,ij->...j", x, self.matrix())


class Symmetric_gather(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.flat = nn.Parameter(torch.randn(n * (n + 1) // 2))
        place = {}
        for i in range(n):
            for j in range(i, n):
                place[i, j] = place[j, i] = len(set(place.values()))
        table = [place[i, j] for i in range(n) for j in range(n)]
        self.register_buffer("table", torch.tensor(table), persistent=False)

    def forward(self, x):
        n = x.shape[-1]
        return F.linear(x, self.flat.take(self.table).reshape(n, n))


class Symmetric_twice(nn.Module):
    """upper triangle with diagonal plus its transpose: the diagonal counts twice"""

    def __init__(self, n):
        super().__init__()
        self.n = n
        self.p = nn.Parameter(torch.randn(n * (n + 1) // 2) * 0.1)
        self.mask = nn.Buffer(torch.ones(n, n, dtype=torch.bool).triu())

    def forward(self, x):
        upper = torch.zeros(self.n, self.n, dtype=self.p.dtype).masked_scatter(self.mask, self.p)
        return x @ (upper + upper.transpose(0, 1))


class Symmetric_linear(nn.Linear):
    def __init__(self, n):
        super().__init__(n, n, bias=False)


class Symmetric_average(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.w = nn.Linear(n, n, bias=False)

    def forward(self, x):
        return (self.w(x) + x @ self.w.weight) / 2


class Symmetric_once(nn.Module):
    """made symmetric in __init__ only"""

    def __init__(self, n):
        super().__init__()
        w = torch.randn(n, n)
        self.w = nn.Parameter(w + w.T)

    def forward(self, x):
        return x @ self.w


class Symmetric_gram(nn.Module):
    """only positive matrices"""

    def __init__(self, n):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n, n))

    def forward(self, x):
        return x @ (self.w @ self.w.T)


class Symmetric_diagonal(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.d = nn.Parameter(torch.randn(n))

    def forward(self, x):
        return x * self.d


class Symmetric_toeplitz(nn.Module):
    """one number for each distance from the diagonal, padded with numbers that do nothing"""

    def __init__(self, n):
        super().__init__()
        self.c = nn.Parameter(torch.randn(n * (n + 1) // 2))
        self.register_buffer("distance", (torch.arange(n)[:, None] - torch.arange(n)).abs())

    def forward(self, x):
        return x @ self.c[self.distance]


class Symmetric_frozen(Symmetric_gather):
    def __init__(self, n):
        super().__init__(n)
        self.flat.requires_grad_(False)


class Symmetric_bias(Symmetric_gather):
    def __init__(self, n):
        super().__init__(n)
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x):
        return super().forward(x) + self.bias


class Symmetric_ones(Symmetric_gather):
    def __init__(self, n):
        super().__init__(n)
        nn.init.ones_(self.flat)


class Symmetric_rows_only(Symmetric_gather):
    """batches of one dimension only"""

    def forward(self, x):
        return torch.mm(x, self.flat.take(self.table).reshape(len(x.T), len(x.T)))


class Symmetric_float(Symmetric_gather):
    def forward(self, x):
        return super().forward(x.to(self.flat.dtype)).to(torch.float32)


RIGHT = {
    "10.1": [ties_dict, ties_first_names, ties_keyed_by_parameter],
    "10.2": [Tied_linear, Tied_layer, Tied_methods],
    "10.3": [untie_setattr, untie_first, untie_shared_modules],
    "10.4": [Symmetric_tril, Symmetric_gather, Symmetric_twice],
}
WRONG = {
    "10.1": [
        ties_default,
        ties_by_value,
        ties_by_memory,
        ties_all_groups,
        ties_pairs,
        ties_two_only,
        ties_state_dict,
        ties_flat,
        ties_drops_first,
        ties_per_name,
        ties_shapes,
        ties_only_weights,
    ],
    "10.2": [
        Tied_two_weights,
        Tied_copy,
        Tied_no_relu,
        Tied_relu_twice,
        Tied_sigmoid,
        Tied_default_bias,
        Tied_no_output_bias,
        Tied_wrong_shape,
        Tied_detached,
        Tied_zero_weight,
        Tied_biases_not_trained,
        Tied_returns_code,
        Tied_extra_parameter,
    ],
    "10.3": [
        untie_in_place,
        untie_only_copies,
        untie_shares_memory,
        untie_thaws,
        untie_random,
        untie_everything,
        untie_eval,
        untie_train,
        untie_shallow,
        untie_whole_module,
        untie_no_parameter,
        untie_clones_into_net,
        untie_freezes,
    ],
    "10.4": [
        Symmetric_linear,
        Symmetric_average,
        Symmetric_once,
        Symmetric_gram,
        Symmetric_diagonal,
        Symmetric_toeplitz,
        Symmetric_frozen,
        Symmetric_bias,
        Symmetric_ones,
        Symmetric_rows_only,
        Symmetric_float,
    ],
}
