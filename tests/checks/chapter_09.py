"""Right and wrong answers to the exercises of chapter 09, and the hint that each must get."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn import init


def root_of_two_over_fan_in(shape):
    return math.sqrt(2 / math.prod(shape[1:]))


def a_gain_over_a_root(shape):
    fan_in = 1
    for size in list(shape)[1:]:
        fan_in *= size
    return init.calculate_gain("relu") / fan_in**0.5


def from_an_empty_weight(shape):
    return (2 / torch.tensor(torch.empty(shape)[0].numel())).sqrt()


def variance(shape):
    return 2 / math.prod(shape[1:])


def fan_out(shape):
    return math.sqrt(2 / (shape[0] * math.prod(shape[2:])))


def no_gain(shape):
    return math.sqrt(1 / math.prod(shape[1:]))


def two_outside(shape):
    return 2 / math.sqrt(math.prod(shape[1:]))


def no_kernel(shape):
    return math.sqrt(2 / shape[1])


def xavier(shape):
    kernel = math.prod(shape[2:])
    return math.sqrt(2 / (shape[0] * kernel + shape[1] * kernel))


def limit_of_uniform(shape):
    return math.sqrt(6 / math.prod(shape[1:]))


def all_sizes(shape):
    return math.sqrt(2 / math.prod(shape))


def upside_down(shape):
    return math.sqrt(math.prod(shape[1:]) / 2)


def from_a_sample(shape):
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(100_000, generator=generator)
    return (numbers.std() * math.sqrt(2 / math.prod(shape[1:]))).item()


def a_drawn_weight(shape):
    return init.kaiming_normal_(torch.empty(shape))


def only_two_sizes(shape):
    _, inputs = shape
    return math.sqrt(2 / inputs)


def by_isinstance(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        init.normal_(module.weight, std=0.02)


@torch.no_grad()
def by_hand(module):
    match module:
        case nn.Linear():
            q = torch.linalg.qr(torch.randn(max(module.weight.shape), min(module.weight.shape)))[0]
            module.weight.copy_(2**0.5 * (q if q.shape == module.weight.shape else q.T))
            if module.bias is not None:
                module.bias.fill_(0)
        case nn.Embedding():
            module.weight.normal_(0, 0.02)
    return module


def through_data(module):
    if type(module) is nn.Linear:
        module.weight.data = init.orthogonal_(module.weight.data, 2**0.5)
        if getattr(module, "bias", None) is not None:
            module.bias.data.zero_()
    if type(module) is nn.Embedding:
        module.weight.data = torch.randn_like(module.weight) * 0.02


def gain_one(module):
    by_isinstance(module)
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight)


def gain_two(module):
    by_isinstance(module)
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, 2)


def kaiming(module):
    by_isinstance(module)
    if isinstance(module, nn.Linear):
        init.kaiming_normal_(module.weight)


def mean_instead(module):
    by_isinstance(module)
    if isinstance(module, nn.Embedding):
        init.normal_(module.weight, 0.02)


def squared_spread(module):
    by_isinstance(module)
    if isinstance(module, nn.Embedding):
        init.normal_(module.weight, std=0.02**2)


def uniform_embedding(module):
    by_isinstance(module)
    if isinstance(module, nn.Embedding):
        init.uniform_(module.weight, -0.02 * 3**0.5, 0.02 * 3**0.5)


def embedding_forgotten(module):
    if isinstance(module, nn.Linear):
        by_isinstance(module)


def linear_forgotten(module):
    if isinstance(module, nn.Embedding):
        by_isinstance(module)


def bias_forgotten(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, gain=math.sqrt(2))
    elif isinstance(module, nn.Embedding):
        by_isinstance(module)


def bias_of_ones(module):
    by_isinstance(module)
    if isinstance(module, nn.Linear) and module.bias is not None:
        init.ones_(module.bias)


def bias_always_there(module):
    if isinstance(module, nn.Linear):
        init.orthogonal_(module.weight, gain=math.sqrt(2))
        init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        by_isinstance(module)


def layer_norm_too(module):
    by_isinstance(module)
    if isinstance(module, nn.LayerNorm):
        init.ones_(module.weight)


def every_bias(module):
    by_isinstance(module)
    if getattr(module, "bias", None) is not None and isinstance(module.bias, nn.Parameter):
        init.zeros_(module.bias)


def every_weight(module):
    init.orthogonal_(module.weight, gain=math.sqrt(2))


def new_parameters(module):
    if isinstance(module, nn.Linear):
        module.weight = nn.Parameter(init.orthogonal_(torch.empty_like(module.weight), 2**0.5))
        if module.bias is not None:
            module.bias = nn.Parameter(torch.zeros_like(module.bias))
    elif isinstance(module, nn.Embedding):
        by_isinstance(module)


def adds_a_bias(module):
    if isinstance(module, nn.Linear) and module.bias is None:
        module.bias = nn.Parameter(torch.zeros(module.out_features))
    by_isinstance(module)


def frozen(module):
    by_isinstance(module)
    if isinstance(module, nn.Linear):
        module.weight.requires_grad_(False)


def stays_in_eval(module):
    by_isinstance(module)
    module.eval()


def seeds(module):
    torch.manual_seed(0)
    by_isinstance(module)


def not_in_place(module):
    if isinstance(module, nn.Linear):
        weight = module.weight.detach().clone()
        init.orthogonal_(weight, gain=math.sqrt(2))


def by_hooks(net, x):
    found, handles = [], []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            handles.append(
                module.register_forward_hook(lambda m, i, output: found.append(output.std().item()))
            )
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def population(net, x):
    outputs = []

    def keep(module, inputs, output):
        if type(module) is nn.Linear:
            outputs.append(output.detach())

    handles = [m.register_forward_hook(keep) for m in net.modules()]
    with torch.no_grad():
        net(x)
    [handle.remove() for handle in handles]
    return [float(output.std(correction=0)) for output in outputs]


def on_a_copy(net, x):
    net, found = copy.deepcopy(net), []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(
                lambda m, i, o: found.append(float(o.detach().numpy().std()))
            )
    net(x)
    return tuple(found)


def of_weights(net, x):
    return [m.weight.std().item() for m in net.modules() if isinstance(m, nn.Linear)]


def top_level_only(net, x):
    found = []
    for layer in net.children():
        x = layer(x)
        if isinstance(layer, nn.Linear):
            found.append(x.std().item())
    return found


def leaves_hooks(net, x):
    found = []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda m, i, o: found.append(o.std().item()))
    net(x)
    return found


def clears_hooks(net, x):
    found = leaves_hooks(net, x)
    for module in net.modules():
        module._forward_hooks.clear()
    return found


def kept_tensors(net, x):
    return [torch.tensor(value) for value in by_hooks(net, x)]


def one_tensor(net, x):
    return torch.tensor(by_hooks(net, x))


def measured(net, x, kinds, measure):
    found = []
    handles = [
        m.register_forward_hook(lambda m, i, o: found.append(measure(i[0], o).item()))
        for m in net.modules()
        if isinstance(m, kinds) and not list(m.children())
    ]
    net(x)
    for handle in handles:
        handle.remove()
    return found


def variances(net, x):
    return measured(net, x, nn.Linear, lambda i, o: o.var())


def of_inputs(net, x):
    return measured(net, x, nn.Linear, lambda i, o: i.std())


def of_all_modules(net, x):
    return measured(net, x, nn.Module, lambda i, o: o.std())


def unit_by_unit(net, x):
    return measured(net, x, nn.Linear, lambda i, o: o.std(0).mean())


def means(net, x):
    return measured(net, x, nn.Linear, lambda i, o: o.mean())


def registered_order(net, x):
    found, handles = {}, []
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            handles.append(
                module.register_forward_hook(
                    lambda m, i, o, name=name: found.__setitem__(name, o.std().item())
                )
            )
    net(x)
    for handle in handles:
        handle.remove()
    return [found[name] for name, _ in net.named_modules() if name in found]


def in_eval_mode(net, x):
    net.eval()
    return by_hooks(net, x)


def a_dictionary(net, x):
    return dict(enumerate(by_hooks(net, x)))


def balance_by_hooks(net, x):
    def rescale(module, inputs, output):
        size = output.std()
        module.weight /= size
        return output / size

    handles = []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            init.orthogonal_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
            handles.append(module.register_forward_hook(rescale))
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return net


def linear_in_order(net, x):
    order, handles = [], []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            handles.append(module.register_forward_hook(lambda m, i, o: order.append(m)))
    with torch.no_grad():
        net(x)
    [handle.remove() for handle in handles]
    return order


@torch.no_grad()
def balance_one_by_one(net, x):
    layers = linear_in_order(net, x)
    for layer in layers:
        init.kaiming_normal_(layer.weight)
    for number, layer in enumerate(layers):
        size = by_hooks(net, x)[number]
        for parameter in layer.parameters():
            parameter.div_(size)


@torch.no_grad()
def balance_by_repetition(net, x):
    layers = linear_in_order(net, x)
    for layer in layers:
        layer.reset_parameters()
    for _ in range(3 * len(layers)):
        for layer, size in zip(layers, by_hooks(net, x), strict=True):
            layer.weight.data = layer.weight.data / size
            if layer.bias is not None:
                layer.bias.data = layer.bias.data / size


def kaiming_everywhere(net, x):
    for module in net.modules():
        if isinstance(module, nn.Linear):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)


@torch.no_grad()
def all_at_once(net, x):
    kaiming_everywhere(net, x)
    for layer, size in zip(linear_in_order(net, x), by_hooks(net, x), strict=True):
        layer.weight /= size


@torch.no_grad()
def without_a_draw(net, x):
    for number, layer in enumerate(linear_in_order(net, x)):
        layer.weight /= by_hooks(net, x)[number]


@torch.no_grad()
def biases_left(net, x):
    def settle(module, inputs, output):
        module.weight /= F.linear(inputs[0], module.weight).std()
        return F.linear(inputs[0], module.weight, module.bias)

    handles = []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            init.normal_(module.weight)
            handles.append(module.register_forward_hook(settle))
    net(x)
    for handle in handles:
        handle.remove()


@torch.no_grad()
def all_ones(net, x):
    for number, layer in enumerate(linear_in_order(net, x)):
        init.ones_(layer.weight)
        if layer.bias is not None:
            init.zeros_(layer.bias)
        layer.weight /= by_hooks(net, x)[number]


@torch.no_grad()
def only_the_first(net, x):
    kaiming_everywhere(net, x)
    linear_in_order(net, x)[0].weight.div_(by_hooks(net, x)[0])


@torch.no_grad()
def in_registered_order(net, x):
    kaiming_everywhere(net, x)
    for layer in [m for m in net.modules() if isinstance(m, nn.Linear)]:
        number = linear_in_order(net, x).index(layer)
        layer.weight /= by_hooks(net, x)[number]


def leaves_its_hooks(net, x):
    def rescale(module, inputs, output):
        return output / output.std()

    for module in net.modules():
        if isinstance(module, nn.Linear):
            init.orthogonal_(module.weight)
            module.register_forward_hook(rescale)


def in_training_mode(net, x):
    net.train()
    balance_by_hooks(net, x)


def layer_norms_too(net, x):
    for module in net.modules():
        if isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
    balance_by_hooks(net, x)


def scales_the_input(net, x):
    x /= x.std()
    balance_by_hooks(net, x)


@torch.no_grad()
def fixed_numbers(net, x):
    layers = linear_in_order(net, x)
    for layer in layers:
        numbers = torch.arange(layer.weight.numel(), dtype=torch.float32)
        layer.weight.copy_((1.7 * numbers).sin().view_as(layer.weight))
        if layer.bias is not None:
            layer.bias.zero_()
    for number, layer in enumerate(layers):
        layer.weight.div_(by_hooks(net, x)[number])


def other_layers(net, x):
    for module in net.modules():
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(torch.randn_like(module.weight))
    balance_by_hooks(net, x)


def normalises(net, x):
    for name, module in list(net.named_children()):
        if isinstance(module, nn.Linear):
            setattr(net, name, nn.Sequential(module, nn.LayerNorm(module.out_features)))


RIGHT = {
    "09.1": [root_of_two_over_fan_in, a_gain_over_a_root, from_an_empty_weight],
    "09.2": [by_isinstance, by_hand, through_data],
    "09.3": [by_hooks, population, on_a_copy],
    "09.4": [balance_by_hooks, balance_one_by_one, balance_by_repetition],
}

WRONG = {
    "09.1": [
        (variance, "This is the variance"),
        (fan_out, "The fan-out was used"),
        (no_gain, "The gain of ReLU is missing"),
        (two_outside, "it is √2"),
        (no_kernel, "The kernel is missing"),
        (xavier, "Xavier's spread"),
        (limit_of_uniform, "the uniform distribution"),
        (all_sizes, "The outputs are counted"),
        (upside_down, "upside down"),
        (from_a_sample, "the root of 2 / fan-in"),
        (a_drawn_weight, "should be one number, and it is a tensor"),
        (only_two_sizes, "in `_, inputs = shape`"),
    ],
    "09.2": [
        (gain_one, "gain=math.sqrt(2) is missing"),
        (gain_two, "the gain is √2, not 2"),
        (kaiming, "is not orthogonal"),
        (mean_instead, "write std=0.02"),
        (squared_spread, "its square was taken"),
        (uniform_embedding, "is not normal"),
        (embedding_forgotten, "The embedding has not changed"),
        (linear_forgotten, "The weight of nn.Linear(50, 40) has not changed"),
        (bias_forgotten, "The bias of nn.Linear(50, 40) has not changed"),
        (bias_of_ones, "is 1 at [0], and not zero"),
        (bias_always_there, "in `init.zeros_(module.bias)`"),
        (layer_norm_too, "The weight of the LayerNorm has changed"),
        (every_bias, "The bias of the LayerNorm has changed"),
        (every_weight, "for a module of type ReLU)"),
        (new_parameters, "is another tensor than before"),
        (adds_a_bias, "There is a new parameter"),
        (frozen, "The requires_grad of"),
        (stays_in_eval, "is in another mode"),
        (seeds, "seeds PyTorch's global generator"),
        (not_in_place, "fill its weight in place"),
    ],
    "09.3": [
        (of_weights, "spreads of the weights"),
        (top_level_only, "net.modules() finds all"),
        (leaves_hooks, "remove the handles of yours"),
        (clears_hooks, "and no others"),
        (kept_tensors, "should be a Python float, and it is a tensor"),
        (one_tensor, "should be a list; it is"),
        (variances, "These are variances"),
        (of_inputs, "what comes out is asked for"),
        (of_all_modules, "only the nn.Linear layers"),
        (unit_by_unit, "One standard deviation of all numbers"),
        (means, "These are means"),
        (registered_order, "the order of computation is asked for"),
        (in_eval_mode, "is in another mode than before"),
        (a_dictionary, "should be a list; it is"),
    ],
    "09.4": [
        (kaiming_everywhere, "and 0.9 to 1.1 is asked for"),
        (all_at_once, "The layers before it are right"),
        (without_a_draw, "has a standard deviation of 0.127"),
        (biases_left, "Without its bias it would be 1.00: the bias counts as well"),
        (all_ones, "two rows of 0.weight are equal"),
        (only_the_first, "The layers before it are right"),
        (in_registered_order, "0.9 to 1.1"),
        (leaves_its_hooks, "The hooks of the argument net have changed"),
        (in_training_mode, "is in another mode than before"),
        (layer_norms_too, "does not belong to an nn.Linear"),
        (scales_the_input, "The numbers in the argument x have changed"),
        (other_layers, "is not the parameter that it was"),
        (fixed_numbers, "two calls gave the same weights"),
        (normalises, "The entries of the argument net have changed"),
    ],
}
