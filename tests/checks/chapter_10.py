"""Right and wrong answers to the exercises of chapter 10, and the hint that each must get."""

import copy
from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional as F


def by_identity(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def parameters_as_keys(net):
    names = defaultdict(list)
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names[parameter].append(name)
    return [tuple(group) for group in names.values() if len(group) >= 2]


def each_with_each(net):
    pairs, groups, seen = list(net.named_parameters(remove_duplicate=False)), [], set()
    for name, parameter in reversed(pairs):
        group = [other for other, p in pairs if p is parameter]
        if len(group) > 1 and name not in seen:
            seen.update(group)
            groups.append(group)
    return groups


def without_duplicates(net):
    names = {}
    for name, parameter in net.named_parameters():
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def by_value(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(tuple(parameter.flatten().tolist()), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def by_memory(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(parameter.data_ptr(), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def by_shape(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(parameter.shape, []).append(name)
    return [group for group in names.values() if len(group) > 1]


def all_groups(net):
    names = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return list(names.values())


def first_two_names(net):
    return [group[:2] for group in by_identity(net)]


def pairs_of_names(net):
    pairs = list(net.named_parameters(remove_duplicate=False))
    return [[a, b] for i, (a, p) in enumerate(pairs) for b, q in pairs[i + 1 :] if p is q]


def repeated(net):
    pairs = list(net.named_parameters(remove_duplicate=False))
    groups = [[other for other, q in pairs if q is p] for _, p in pairs]
    return [group for group in groups if len(group) > 1]


def only_weights(net):
    return [group for group in by_identity(net) if group[0].endswith("weight")]


def through_modules(net):
    names = defaultdict(list)
    for path, module in net.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            names[id(parameter)].append(f"{path}.{name}" if path else name)
    return [group for group in names.values() if len(group) > 1]


def flat_list(net):
    return [name for group in by_identity(net) for name in group]


def a_dictionary(net):
    return {group[0]: group for group in by_identity(net)}


def the_parameters(net):
    named = dict(net.named_parameters(remove_duplicate=False))
    return [[named[name] for name in group] for group in by_identity(net)]


def joined(net):
    return [", ".join(group) for group in by_identity(net)]


class OneWeight(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(code, inputs) / inputs**0.5)
        self.code_bias = nn.Parameter(torch.zeros(code))
        self.output_bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        code = torch.relu(F.linear(x, self.weight, self.code_bias))
        return F.linear(code, self.weight.T, self.output_bias)


class ALayerAndABias(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(inputs))
        self.encode = nn.Linear(inputs, code)
        nn.init.zeros_(self.encode.bias)

    def forward(self, x):
        return self.encode(x).relu() @ self.encode.weight + self.bias


class RowsOfBiases(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.c = nn.Parameter(torch.zeros(1, inputs))
        self.b = nn.Parameter(torch.zeros(1, code))
        self.w = nn.Parameter(nn.init.xavier_normal_(torch.empty(code, inputs)))

    def forward(self, x):
        return torch.einsum("nc,ci->ni", F.relu(x @ self.w.mT + self.b), self.w) + self.c


class TwoWeights(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(inputs, code), nn.Linear(code, inputs)

    def forward(self, x):
        return self.decoder(self.encoder(x).relu())


class NoRelu(OneWeight):
    def forward(self, x):
        return (x @ self.weight.T + self.code_bias) @ self.weight + self.output_bias


class ReluAtTheEnd(OneWeight):
    def forward(self, x):
        return super().forward(x).relu()


class OneBias(OneWeight):
    def __init__(self, inputs, code):
        super().__init__(inputs, code)
        del self.output_bias

    def forward(self, x):
        return F.linear(x, self.weight, self.code_bias).relu() @ self.weight


class OutputBiasForgotten(OneWeight):
    def forward(self, x):
        return F.linear(x, self.weight, self.code_bias).relu() @ self.weight


class CodeBiasForgotten(OneWeight):
    def forward(self, x):
        return F.linear(x, self.weight).relu() @ self.weight + self.output_bias


class BiasAfterRelu(OneWeight):
    def forward(self, x):
        return (F.linear(x, self.weight).relu() + self.code_bias) @ self.weight + self.output_bias


class TheCode(OneWeight):
    def forward(self, x):
        return F.linear(x, self.weight, self.code_bias).relu()


class NotTransposed(OneWeight):
    def forward(self, x):
        return F.linear(F.linear(x, self.weight, self.code_bias).relu(), self.weight)


class Sigmoid(OneWeight):
    def forward(self, x):
        return F.linear(x, self.weight, self.code_bias).sigmoid() @ self.weight + self.output_bias


class DrawnBiases(OneWeight):
    def __init__(self, inputs, code):
        super().__init__(inputs, code)
        nn.init.normal_(self.code_bias)


class EqualWeights(OneWeight):
    def __init__(self, inputs, code):
        super().__init__(inputs, code)
        nn.init.ones_(self.weight)


class TheOtherShape(OneWeight):
    def __init__(self, inputs, code):
        super().__init__(inputs, code)
        self.weight = nn.Parameter(torch.randn(inputs, code))

    def forward(self, x):
        return (x @ self.weight + self.code_bias).relu() @ self.weight.T + self.output_bias


class DetachedDecoder(OneWeight):
    def forward(self, x):
        code = F.linear(x, self.weight, self.code_bias).relu()
        return F.linear(code, self.weight.T.detach(), self.output_bias)


class DetachedEncoder(OneWeight):
    def forward(self, x):
        code = F.linear(x, self.weight.detach(), self.code_bias).relu()
        return F.linear(code, self.weight.T, self.output_bias)


class HalfDetached(OneWeight):
    def forward(self, x):
        weight = (self.weight + self.weight.detach()) / 2
        code = F.linear(x, weight, self.code_bias).relu()
        return F.linear(code, weight.T, self.output_bias)


class FrozenBias(OneWeight):
    def __init__(self, inputs, code):
        super().__init__(inputs, code)
        self.code_bias.requires_grad_(False)


class PlainTensors(OneWeight):
    def __init__(self, inputs, code):
        nn.Module.__init__(self)
        self.weight = torch.randn(code, inputs)
        self.code_bias, self.output_bias = torch.zeros(code), torch.zeros(inputs)


class Seeds(OneWeight):
    def __init__(self, inputs, code):
        torch.manual_seed(0)
        super().__init__(inputs, code)


def by_setattr(net, first, second):
    net = copy.deepcopy(net)
    owner, _, attribute = second.rpartition(".")
    module = net.get_submodule(owner)
    old = getattr(module, attribute)
    setattr(module, attribute, nn.Parameter(old.detach().clone(), old.requires_grad))
    return net


def the_first_one(net, first, second):
    return by_setattr(net, second, first)


def a_deep_copy_of_the_parameter(net, first, second):
    new = copy.deepcopy(net)
    module = new
    *path, attribute = second.split(".")
    for part in path:
        module = getattr(module, part)
    module._parameters[attribute] = copy.deepcopy(module._parameters[attribute])
    return new


def in_place(net, first, second):
    owner, _, attribute = second.rpartition(".")
    module = net.get_submodule(owner)
    setattr(module, attribute, nn.Parameter(getattr(module, attribute).detach().clone()))
    return net


def only_a_copy(net, first, second):
    return copy.deepcopy(net)


def a_shallow_copy(net, first, second):
    return in_place(copy.copy(net), first, second)


def shares_memory(net, first, second):
    net = copy.deepcopy(net)
    owner, _, attribute = second.rpartition(".")
    module = net.get_submodule(owner)
    setattr(module, attribute, nn.Parameter(getattr(module, attribute).detach()))
    return net


def a_plain_tensor(net, first, second):
    net = copy.deepcopy(net)
    owner, _, attribute = second.rpartition(".")
    module = net.get_submodule(owner)
    value = getattr(module, attribute).detach().clone()
    delattr(module, attribute)
    setattr(module, attribute, value)
    return net


def fresh_values(net, first, second):
    net = copy.deepcopy(net)
    owner, _, attribute = second.rpartition(".")
    module = net.get_submodule(owner)
    setattr(module, attribute, nn.Parameter(torch.randn_like(getattr(module, attribute))))
    return net


def all_ties(net, first, second):
    net = copy.deepcopy(net)
    for module in net.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach().clone()))
    return net


def the_whole_module(net, first, second):
    net = copy.deepcopy(net)
    owner = second.rpartition(".")[0]
    net.set_submodule(owner, copy.deepcopy(net.get_submodule(owner)))
    return net


def always_trainable(net, first, second):
    return in_place(copy.deepcopy(net), first, second)


def copy_in_eval_mode(net, first, second):
    return by_setattr(net, first, second).eval()


def returns_the_parameter(net, first, second):
    return by_setattr(net, first, second).get_parameter(second)


def returns_nothing(net, first, second):
    by_setattr(net, first, second)


def layer_by_number(net, first, second):
    net = copy.deepcopy(net)
    layer = net[int(second[0])]
    layer.weight = nn.Parameter(layer.weight.detach().clone())
    return net


class ByIndex(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.numbers = nn.Parameter(torch.randn(n * (n + 1) // 2) / n**0.5)
        rows, columns = torch.triu_indices(n, n)
        index = torch.zeros(n, n, dtype=torch.long)
        index[rows, columns] = index[columns, rows] = torch.arange(len(rows))
        self.register_buffer("index", index)

    def forward(self, x):
        return x @ self.numbers[self.index]


class DiagonalAndRest(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n
        self.diagonal = nn.Parameter(torch.rand(n))
        self.above = nn.Parameter(torch.rand(n * (n - 1) // 2))

    def forward(self, x):
        upper = x.new_zeros(self.n, self.n)
        upper[tuple(torch.triu_indices(self.n, self.n, 1))] = self.above
        return F.linear(x, upper + upper.T + self.diagonal.diag())


class RowByRow(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.rows = nn.ParameterList([torch.randn(n - i) for i in range(n)])

    def forward(self, x):
        n = len(self.rows)
        matrix = torch.stack(
            [torch.stack([self.rows[min(i, j)][abs(i - j)] for j in range(n)]) for i in range(n)]
        )
        return x @ matrix


class WholeMatrix(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, n))

    def forward(self, x):
        return x @ (self.weight + self.weight.T) / 2


class SymmetricStart(WholeMatrix):
    def __init__(self, n):
        super().__init__(n)
        with torch.no_grad():
            self.weight.copy_(self.weight + self.weight.T)

    def forward(self, x):
        return x @ self.weight


class NotSymmetric(WholeMatrix):
    def forward(self, x):
        return x @ self.weight


class UpperOnly(DiagonalAndRest):
    def forward(self, x):
        upper = torch.zeros(self.n, self.n).to(x)
        upper[tuple(torch.triu_indices(self.n, self.n, 1))] = self.above
        return x @ (upper + self.diagonal.diag())


class Squares(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.numbers = nn.Parameter(torch.randn(n, (n + 1) // 2 if n % 2 else n))

    def forward(self, x):
        return x @ self.numbers @ self.numbers.T


class PositiveDiagonal(DiagonalAndRest):
    def forward(self, x):
        upper = torch.zeros(self.n, self.n).to(x)
        upper[tuple(torch.triu_indices(self.n, self.n, 1))] = self.above
        return x @ (upper + upper.T + self.diagonal.exp().diag())


class BoundedNumbers(DiagonalAndRest):
    def forward(self, x):
        upper = torch.zeros(self.n, self.n).to(x)
        upper[tuple(torch.triu_indices(self.n, self.n, 1))] = self.above.tanh()
        return x @ (upper + upper.T + self.diagonal.diag())


class OneNumberRepeated(ByIndex):
    def forward(self, x):
        return x @ (self.numbers.sum() * torch.ones_like(self.index, dtype=x.dtype))


class WithBias(ByIndex):
    def forward(self, x):
        return super().forward(x) + 1


class WithActivation(ByIndex):
    def forward(self, x):
        return torch.relu(super().forward(x))


class StartsAtZero(ByIndex):
    def __init__(self, n):
        super().__init__(n)
        nn.init.zeros_(self.numbers)


class KeptInFloat(ByIndex):
    def forward(self, x):
        return super().forward(x.to(self.numbers)).float()


class WithoutGradient(ByIndex):
    def forward(self, x):
        return x @ self.numbers.detach()[self.index]


class PlainTable(ByIndex):
    def __init__(self, n):
        super().__init__(n)
        self.spare = nn.Parameter(torch.zeros(n))


class KeptTranspose(nn.Module):
    def __init__(self, inputs, code):
        super().__init__()
        self.encoder = nn.Linear(inputs, code)
        nn.init.zeros_(self.encoder.bias)
        self.transposed = self.encoder.weight.T
        self.bias = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        return F.linear(self.encoder(x).relu(), self.transposed, self.bias)


class InFloat(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.rows, self.columns = torch.tril_indices(n, n)
        self.numbers = nn.Parameter(torch.randn(len(self.rows)))
        self.n = n

    def forward(self, x):
        low = torch.zeros(self.n, self.n).index_put((self.rows, self.columns), self.numbers.float())
        return x @ (low + low.tril(-1).T).to(x)


RIGHT = {
    "10.1": [by_identity, parameters_as_keys, each_with_each],
    "10.2": [OneWeight, ALayerAndABias, RowsOfBiases],
    "10.3": [by_setattr, the_first_one, a_deep_copy_of_the_parameter],
    "10.4": [ByIndex, DiagonalAndRest, RowByRow],
}

WRONG = {
    "10.1": [
        (without_duplicates, "remove_duplicate=False"),
        (by_value, "Two parameters of equal values"),
        (by_memory, "look into one memory"),
        (by_shape, "are not all one parameter"),
        (all_groups, "leave out parameters with a single name"),
        (first_two_names, "all names of a parameter belong into its list"),
        (pairs_of_names, "one list for each parameter"),
        (repeated, "one list for each parameter"),
        (only_weights, "all parameters with several names"),
        (through_modules, "remove_duplicate=False"),
        (flat_list, "should be a list; it is the text"),
        (a_dictionary, "should be a list; it is an empty dict"),
        (the_parameters, "A name should be a string"),
        (joined, "should be a list; it is the text"),
    ],
    "10.2": [
        (TwoWeights, "one weight, used twice"),
        (KeptTranspose, "Double"),
        (NoRelu, "no ReLU between"),
        (ReluAtTheEnd, "a ReLU after decoding"),
        (OneBias, "and biases of 3 and 7 numbers are asked for"),
        (OutputBiasForgotten, "The output's bias is not added"),
        (CodeBiasForgotten, "The code's bias is not added"),
        (BiasAfterRelu, "after the ReLU: it belongs before it"),
        (TheCode, "This is the code"),
        (NotTransposed, "your answer raised RuntimeError: "),
        (Sigmoid, "a sigmoid in place of the ReLU"),
        (DrawnBiases, "starts at other numbers than zero"),
        (EqualWeights, "draw it at random"),
        (TheOtherShape, "The weight of Tied(7, 3) has shape (7, 3)"),
        (DetachedDecoder, "only the encoder's use has a gradient: is the decoder's detached?"),
        (DetachedEncoder, "only the decoder's use has a gradient: is the encoder's detached?"),
        (HalfDetached, "The gradient of"),
        (FrozenBias, "it is not trained"),
        (PlainTensors, "Is each a nn.Parameter"),
        (Seeds, "seeds PyTorch's global generator"),
    ],
    "10.3": [
        (in_place, "work on a deep copy"),
        (only_a_copy, "still one parameter"),
        (a_shallow_copy, "work on a deep copy"),
        (shares_memory, "two parameters on one memory"),
        (a_plain_tensor, "wrap the copy in nn.Parameter"),
        (fresh_values, "The values of 3.weight have changed"),
        (all_ties, "leave all other ties"),
        (the_whole_module, "leave all other ties"),
        (always_trainable, "take it over"),
        (copy_in_eval_mode, "is in another mode than net"),
        (returns_the_parameter, "should be an nn.Module, and it is a tensor"),
        (returns_nothing, "Does it end with a return statement?"),
        (layer_by_number, "still one parameter"),
    ],
    "10.4": [
        (WholeMatrix, "has 16 trainable numbers, and 10 are asked for"),
        (SymmetricStart, "has 16 trainable numbers"),
        (NotSymmetric, "is not symmetric at the start"),
        (UpperOnly, "is not symmetric at the start"),
        (Squares, "has 16 trainable numbers"),
        (OneNumberRepeated, "move its matrix in 1 directions only"),
        (PositiveDiagonal, "should be within reach"),
        (BoundedNumbers, "should be within reach"),
        (WithBias, "Is it linear"),
        (WithActivation, "Is it linear"),
        (StartsAtZero, "start alike"),
        (KeptInFloat, "has dtype float32"),
        (InFloat, "still computes in float32"),
        (WithoutGradient, "is something detached"),
        (PlainTable, "has 14 trainable numbers"),
    ],
}
