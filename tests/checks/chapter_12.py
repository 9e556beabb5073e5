"""Right and wrong answers to the exercises of chapter 12, and the hint that each must get."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

OLD = nn.ReLU | nn.Sigmoid


def recursive(net, new):
    count = 0
    for name, child in net._modules.items():
        if isinstance(child, OLD):
            setattr(net, name, new())
            count += 1
        elif child is not None:
            count += recursive(child, new)
    return count


def by_full_names(net, new):
    count = 0
    for name, module in list(net.named_modules(remove_duplicate=False)):
        if type(module) in (nn.ReLU, nn.Sigmoid):
            parent, _, last = name.rpartition(".")
            setattr(net.get_submodule(parent), last, new())
            count += 1
    return count


def in_the_dictionaries(net, new):
    places = [
        (module._modules, name)
        for module in net.modules()
        for name, child in module._modules.items()
        if isinstance(child, (nn.ReLU, nn.Sigmoid))
    ]
    for children, name in places:
        children[name] = new()
    return torch.tensor(len(places))


def set_submodule(net, new):
    names = [n for n, m in net.named_modules(remove_duplicate=False) if isinstance(m, OLD)]
    for name in names:
        net.set_submodule(name, new())
    return float(len(names))


def swap(net, new, kinds=OLD, into=None, depth=9, make=None, twice=True):
    """Replaces, with a mistake that the options choose."""
    count = 0
    children = net._modules.items() if twice else net.named_children()
    for name, child in list(children):
        if isinstance(child, kinds):
            setattr(net, name, (make or new)())
            count += 1
        elif depth and (into is None or isinstance(child, into)):
            count += swap(child, new, kinds, into, depth - 1, make, twice)
    return count


def top_level(net, new):
    return swap(net, new, depth=0)


def two_levels(net, new):
    return swap(net, new, depth=1)


def only_relu(net, new):
    return swap(net, new, nn.ReLU)


def tanh_as_well(net, new):
    return swap(net, new, (nn.ReLU, nn.Sigmoid, nn.Tanh))


def whatever_is_called_relu(net, new):
    count = 0
    for module in list(net.modules()):
        for name, child in module._modules.items():
            if "ReLU" in type(child).__name__ or isinstance(child, nn.Sigmoid):
                module._modules[name] = new()
                count += 1
    return count


def sequential_alone(net, new):
    return swap(net, new, into=nn.Sequential)


def one_for_all(net, new):
    made = new()
    return swap(net, new, make=lambda: made)


def named_children(net, new):
    return swap(net, new, twice=False)


def count_of_the_top(net, new):
    count = sum(isinstance(child, OLD) for child in net._modules.values())
    swap(net, new)
    return count


def the_net(net, new):
    swap(net, new)
    return net


def nothing(net, new):
    swap(net, new)


def a_copy(net, new):
    return swap(copy.deepcopy(net), new)


def always_gelu(net, new):
    return swap(net, nn.GELU)


def the_class(net, new):
    return swap(net, new, make=lambda: new)


class Siamese(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 1)

    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second)).abs()).squeeze(1)


class InOneBatch(Siamese):
    def forward(self, first, second):
        a, b = self.body(torch.cat([first, second])).chunk(2)
        return self.head(torch.abs(b - a))[:, 0]


class OwnParameters(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.net = nn.ModuleDict({"body": body})
        self.w = nn.Parameter(torch.randn(features))
        self.b = nn.Parameter(torch.zeros(()))

    def forward(self, first, second):
        difference = self.net["body"](first) - self.net["body"](second)
        return difference.abs() @ self.w + self.b


class Functional(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body = body
        self.weight = nn.Parameter(torch.randn(1, features) * 0.1)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, first, second):
        difference = F.l1_loss(self.body(first), self.body(second), reduction="none")
        return F.linear(difference, self.weight, self.bias).view(len(first))


class ColumnOut(Siamese):
    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second)).abs())


class SqueezesAll(Siamese):
    def forward(self, first, second):
        return super().forward(first, second).squeeze()


class Signed(Siamese):
    def forward(self, first, second):
        return self.head(self.body(first) - self.body(second)).squeeze(1)


class AbsoluteOfTheLogit(Siamese):
    def forward(self, first, second):
        return self.head(self.body(first) - self.body(second)).squeeze(1).abs()


class Squared(Siamese):
    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second)) ** 2).squeeze(1)


class Probability(Siamese):
    def forward(self, first, second):
        return super().forward(first, second).sigmoid()


class Twins(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.one, self.two, self.head = body, copy.deepcopy(body), nn.Linear(features, 1)

    def forward(self, first, second):
        return self.head((self.one(first) - self.two(second)).abs()).squeeze(1)


class Joined(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.head = body, nn.Linear(2 * features, 1)

    def forward(self, first, second):
        return self.head(torch.cat([self.body(first), self.body(second)], dim=1)).squeeze(1)


class TwoLogits(Siamese):
    def __init__(self, body, features):
        super().__init__(body, features)
        self.head = nn.Linear(features, 2)


class WithoutBias(Siamese):
    def __init__(self, body, features):
        super().__init__(body, features)
        self.head = nn.Linear(features, 1, bias=False)


class CopyOfTheBody(Siamese):
    def __init__(self, body, features):
        super().__init__(copy.deepcopy(body), features)


class BodyInAList(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.parts, self.head = [body], nn.Linear(features, 1)

    def forward(self, first, second):
        return self.head((self.parts[0](first) - self.parts[0](second)).abs()).squeeze(1)


class HeadInForward(nn.Module):
    def __init__(self, body, features):
        super().__init__()
        self.body, self.features = body, features

    def forward(self, first, second):
        head = nn.Linear(self.features, 1)
        return head((self.body(first) - self.body(second)).abs()).squeeze(1)


class FrozenBody(Siamese):
    def forward(self, first, second):
        with torch.no_grad():
            difference = (self.body(first) - self.body(second)).abs()
        return self.head(difference).squeeze(1)


class SecondDetached(Siamese):
    def forward(self, first, second):
        return self.head((self.body(first) - self.body(second).detach()).abs()).squeeze(1)


class FirstUnrecorded(Siamese):
    def forward(self, first, second):
        with torch.no_grad():
            features = self.body(first)
        return self.head((features - self.body(second)).abs()).squeeze(1)


class HalfOfASecond(Siamese):
    def forward(self, first, second):
        features = self.body(second)
        features = (features + features.detach()) / 2
        return self.head((self.body(first) - features).abs()).squeeze(1)


class WithoutSuper(nn.Module):
    def __init__(self, body, features):
        self.body, self.head = body, nn.Linear(features, 1)


class SubtractsImages(Siamese):
    def forward(self, first, second):
        return self.head(self.body(first - second).abs()).squeeze(1)


def fit(net, state):
    own = net.state_dict()
    return {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}


def not_strict(net, state):
    net.load_state_dict(fit(net, state), strict=False)
    return sorted(fit(net, state))


def completed(net, state):
    net.load_state_dict(net.state_dict() | fit(net, state))
    return tuple(sorted(fit(net, state).keys()))


@torch.no_grad()
def copied(net, state):
    names = []
    for name, value in net.state_dict().items():
        if name in state and value.shape == state[name].shape:
            value.copy_(state[name])
            names.append(name)
    names.sort()
    return names


def parameters_and_buffers(net, state):
    found = []
    for name, part in [*net.named_parameters(), *net.named_buffers()]:
        if name in state and state[name].shape == part.shape:
            part.data.copy_(state[name])
            found.append(name)
    return sorted(found)


def everything(net, state):
    net.load_state_dict(state, strict=False)
    return sorted(state)


def by_name_only(net, state):
    return sorted(name for name in state if name in net.state_dict())


def forgets_to_return_names(net, state):
    return net.load_state_dict(fit(net, state), strict=False)


def edits_the_state(net, state):
    for name in list(state):
        if name not in fit(net, state):
            del state[name]
    return not_strict(net, state)


def in_order_of_the_net(net, state):
    net.load_state_dict(fit(net, state), strict=False)
    return list(fit(net, state))


def not_loaded(net, state):
    return sorted(set(state) - set(not_strict(net, state)))


def names_of_all(net, state):
    not_strict(net, state)
    return sorted(k for k in state if k in net.state_dict())


def reshaped(net, state):
    own = net.state_dict()
    ok = {
        k: v.reshape(own[k].shape)
        for k, v in state.items()
        if k in own and own[k].numel() == v.numel()
    }
    net.load_state_dict(ok, strict=False)
    return sorted(ok)


def parameters_alone(net, state):
    names = [n for n, _ in net.named_parameters() if n in fit(net, state)]
    net.load_state_dict({n: state[n] for n in names}, strict=False)
    return sorted(names)


def memory_of_state(net, state):
    ok = fit(net, state)
    for name, part in [*net.named_parameters(), *net.named_buffers()]:
        if name in ok:
            part.data = state[name]
    return sorted(ok)


def assigned(net, state):
    ok = fit(net, state)
    net.load_state_dict(ok, strict=False, assign=True)
    return sorted(ok)


def frozen(net, state):
    found = not_strict(net, state)
    net.requires_grad_(False)
    return found


def in_evaluation(net, state):
    found = not_strict(net, state)
    net.eval()
    return found


def zeroes_the_rest(net, state):
    ok = fit(net, state)
    net.load_state_dict({k: ok.get(k, torch.zeros_like(v)) for k, v in net.state_dict().items()})
    return sorted(ok)


def one_text(net, state):
    return ", ".join(not_strict(net, state))


def loads_a_copy(net, state):
    return not_strict(copy.deepcopy(net), state)


def linears(net, units):
    first, _, last = net
    hidden, kind = first.out_features + units, {"dtype": first.weight.dtype}
    into = nn.Linear(first.in_features, hidden, **kind)
    return into, nn.Linear(hidden, last.out_features, **kind)


def nobody_listens_yet(net, units):
    into, out = linears(net, units)
    old = net[0].out_features
    with torch.no_grad():
        into.weight[:old], into.bias[:old] = net[0].weight, net[0].bias
        out.weight[:, :old], out.bias[:] = net[2].weight, net[2].bias
        out.weight[:, old:] = 0
    return nn.Sequential(into, nn.ReLU(), out)


def repeats_and_shares_out(net, units):
    """Net2Net's way."""
    into, out = linears(net, units)
    old = net[0].out_features
    source = torch.cat([torch.arange(old), torch.arange(units) % old])
    count = torch.bincount(source)[source]
    with torch.no_grad():
        into.weight.copy_(net[0].weight[source])
        into.bias.copy_(net[0].bias[source])
        out.weight.copy_(net[2].weight[:, source] / count)
        out.bias.copy_(net[2].bias)
    return nn.Sequential(into, nn.ReLU(), out)


def constant_units(net, units):
    """The new units are 1 for every input, and the last bias makes up for them."""
    into, out = linears(net, units)
    state = copy.deepcopy(net.state_dict())
    rows = torch.zeros(units, net[0].in_features, dtype=net[0].weight.dtype)
    columns = torch.randn(net[2].out_features, units, dtype=net[0].weight.dtype)
    into.load_state_dict(
        {
            "weight": torch.cat([state["0.weight"], rows]),
            "bias": torch.cat([state["0.bias"], rows.new_ones(units)]),
        }
    )
    out.load_state_dict(
        {
            "weight": torch.cat([state["2.weight"], columns], dim=1),
            "bias": state["2.bias"] - columns.sum(dim=1),
        }
    )
    return nn.Sequential(into, nn.ReLU(), out)


def zeros_on_both_sides(net, units):
    new = nobody_listens_yet(net, units)
    with torch.no_grad():
        new[0].weight[net[0].out_features :] = 0
        new[0].bias[net[0].out_features :] = 0
    return new


def never_active(net, units):
    new = nobody_listens_yet(net, units)
    with torch.no_grad():
        new[0].bias[net[0].out_features :] = -1000.0
    return new


def random_on_both_sides(net, units):
    new = nobody_listens_yet(net, units)
    with torch.no_grad():
        new[2].weight[:, net[0].out_features :] = 0.5
    return new


def repeats_without_sharing(net, units):
    new = repeats_and_shares_out(net, units)
    old = net[0].out_features
    source = torch.cat([torch.arange(old), torch.arange(units) % old])
    with torch.no_grad():
        new[2].weight.copy_(net[2].weight[:, source])
    return new


def forgets_the_last_bias(net, units):
    new = nobody_listens_yet(net, units)
    with torch.no_grad():
        new[2].bias += 1
    return new


def net_itself(net, units):
    return net


def plain_copy(net, units):
    return copy.deepcopy(net)


def one_unit_more(net, units):
    return nobody_listens_yet(net, units + 1)


def another_layer(net, units):
    return nn.Sequential(*nobody_listens_yet(net, units), nn.Identity())


def always_float32(net, units):
    return nobody_listens_yet(net.double(), units).float()


def float32_copy(net, units):
    return nobody_listens_yet(copy.deepcopy(net).float(), units)


def shares_the_bias(net, units):
    new = nobody_listens_yet(net, units)
    new[2].bias = net[2].bias
    return new


def all_frozen(net, units):
    return nobody_listens_yet(net, units).requires_grad_(False)


def in_place_on_net(net, units):
    new = nobody_listens_yet(net, units)
    net[0], net[2] = new[0], new[2]
    return net


RIGHT = {
    "12.4": [nobody_listens_yet, repeats_and_shares_out, constant_units],
    "12.1": [recursive, by_full_names, in_the_dictionaries, set_submodule],
    "12.2": [Siamese, InOneBatch, OwnParameters, Functional],
    "12.3": [not_strict, completed, copied, parameters_and_buffers],
}

WRONG = {
    "12.4": [
        (zeros_on_both_sides, "are 0 for each of 300 inputs"),
        (never_active, "are 0 for each of 300 inputs"),
        (random_on_both_sides, "It should be that of net"),
        (repeats_without_sharing, "It should be that of net"),
        (forgets_the_last_bias, "It should be that of net"),
        (net_itself, "shares weights with net"),
        (plain_copy, "have the shapes"),
        (one_unit_more, "have the shapes"),
        (another_layer, "has the layers"),
        (always_float32, "of the argument net"),
        (float32_copy, "has dtype float32, and net has float64"),
        (shares_the_bias, "shares weights with net"),
        (all_frozen, "is frozen: it could not learn"),
        (in_place_on_net, "of the argument net have changed"),
    ],
    "12.1": [
        (top_level, "children may have children"),
        (two_levels, "children may have children"),
        (only_relu, "both nn.ReLU and nn.Sigmoid"),
        (tanh_as_well, "Tanh at '2.2.1' was replaced"),
        (whatever_is_called_relu, "ReLU6 at '3' was replaced"),
        (sequential_alone, "is still there at 'gates.in'"),
        (one_for_all, "call new() for each"),
        (named_children, "named_modules(remove_duplicate=False) has both, and so has _modules"),
        (count_of_the_top, "3 activations to replace is 1"),
        (the_net, "should be one number, and it is a module of type Sequential"),
        (nothing, "Does it end with a return statement?"),
        (a_copy, "no activation of the network that was passed in"),
        (always_gelu, "a module of type GELU, and new() makes a SiLU"),
        (the_class, "your answer raised TypeError"),
    ],
    "12.2": [
        (ColumnOut, "squeeze(1) takes the last dimension away"),
        (SqueezesAll, "squeeze() takes away every dimension"),
        (Signed, "take the absolute difference"),
        (AbsoluteOfTheLogit, "before the linear layer"),
        (Squared, "The difference was squared"),
        (Probability, "These are probabilities"),
        (Twins, "Beside the body, the parameters have [80, 5, 5, 1] numbers"),
        (Joined, "Beside the body, the parameters have [10, 1] numbers"),
        (TwoLogits, "Beside the body, the parameters have [10, 2] numbers"),
        (WithoutBias, "Beside the body, the parameters have [5] numbers"),
        (CopyOfTheBody, "keep body itself, not a copy"),
        (BodyInAList, "not in a list"),
        (HeadInForward, "make the linear layer in __init__"),
        (FrozenBody, "has no gradient for 1.weight of the body"),
        (SecondDetached, "through one of the two images only: run both with recording on"),
        (FirstUnrecorded, "through one of the two images only: run both with recording on"),
        (HalfOfASecond, "The gradient of Pair(body, 5)"),
        (WithoutSuper, "your answer raised AttributeError"),
        (SubtractsImages, "It should be the linear layer of the absolute difference"),
    ],
    "12.3": [
        (everything, "your answer raised RuntimeError"),
        (by_name_only, "was not loaded"),
        (forgets_to_return_names, "An entry of load_matching(net, state) should be a string"),
        (edits_the_state, "The entries of the argument state have changed"),
        (in_order_of_the_net, "should be sorted"),
        (not_loaded, "which fits in no place of net"),
        (names_of_all, "include '2.bias', which fits in no place of net"),
        (reshaped, "'3.1.weight' of net has changed"),
        (parameters_alone, "It is a buffer"),
        (memory_of_state, "lies in the memory of state"),
        (assigned, "lies in the memory of state"),
        (frozen, "The requires_grad of"),
        (in_evaluation, "is in another mode than before"),
        (zeroes_the_rest, "'2.weight' of net has changed"),
        (one_text, "should be a list; it is the text"),
        (loads_a_copy, "was not loaded"),
    ],
}
