"""Chapter 09."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def std_prod(shape):
    return math.sqrt(2 / math.prod(shape[1:]))


def std_loop(shape):
    fan_in = 1
    for n in tuple(shape)[1:]:
        fan_in *= n
    return (2 / fan_in) ** 0.5


def std_library(shape):
    fan = torch.empty(shape, device="meta")[0].numel()
    return nn.init.calculate_gain("relu") / fan**0.5


def std_tensor(weight_shape):
    """a 0-d tensor is a number too"""
    return torch.sqrt(torch.tensor(2.0) / torch.Size(weight_shape[1:]).numel())


def std_fan_out(shape):
    return math.sqrt(2 / (shape[0] * math.prod(shape[2:])))


def std_no_kernel(shape):
    return math.sqrt(2 / shape[1])


def std_one(shape):
    return math.sqrt(1 / math.prod(shape[1:]))


def std_variance(shape):
    return 2 / math.prod(shape[1:])


def std_all(shape):
    return math.sqrt(2 / math.prod(shape))


def std_xavier(shape):
    field = math.prod(shape[2:])
    return math.sqrt(2 / ((shape[0] + shape[1]) * field))


def std_uniform_bound(shape):
    return math.sqrt(6 / math.prod(shape[1:]))


def std_height_only(shape):
    return math.sqrt(2 / math.prod(shape[1:3]))


def std_measured(shape):
    torch.manual_seed(0)
    return nn.init.kaiming_normal_(torch.empty(shape)).mean().item()


def std_last(shape):
    return math.sqrt(2 / shape[-1])


def init_plain(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


@torch.no_grad()
def init_match(m):
    match m:
        case nn.Linear():
            m.weight.copy_(nn.init.orthogonal_(torch.empty(m.weight.shape), 2**0.5))
            for name, p in m.named_parameters(recurse=False):
                if name == "bias":
                    p.zero_()
        case nn.Embedding():
            m.weight.normal_(0.0, 0.02)


def init_by_hand(module):
    """orthogonal by QR"""
    if isinstance(module, nn.Embedding):
        module.weight.data.copy_(torch.randn_like(module.weight) * 0.02)
    if isinstance(module, nn.Linear):
        rows, columns = module.weight.shape
        q, r = torch.linalg.qr(torch.randn(max(rows, columns), min(rows, columns)))
        q = q * r.diagonal().sign()
        if rows < columns:
            q = q.T
        module.weight.data.copy_(q * math.sqrt(2))
        if module.bias is not None:
            module.bias.data.fill_(0)


def init_gain_one(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def init_gain_two(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def init_bias_crash(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def init_bias_kept(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def init_new_parameters(module):
    if isinstance(module, nn.Linear):
        module.weight = nn.Parameter(
            nn.init.orthogonal_(torch.empty_like(module.weight), gain=math.sqrt(2))
        )
        if module.bias is not None:
            module.bias = nn.Parameter(torch.zeros_like(module.bias))
    elif isinstance(module, nn.Embedding):
        module.weight = nn.Parameter(torch.randn_like(module.weight) * 0.02)


def init_embedding_one(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight)


def init_embedding_mean(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, 0.02)


def init_embedding_forgotten(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_everything(module):
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    elif getattr(module, "weight", None) is not None and module.weight.dim() > 1:
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_biases_of_all(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if getattr(module, "bias", None) is not None and torch.is_tensor(module.bias):
        nn.init.zeros_(module.bias)


def init_linear_normal(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def init_embedding_uniform(module):
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.uniform_(module.weight, -0.02, 0.02)


def init_freezes(module):
    init_plain(module)
    if isinstance(module, nn.Linear):
        module.weight.requires_grad_(False)


def spreads_hooks(net, x):
    out = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: out.append(o.std().item()))
        for m in net.modules()
        if isinstance(m, nn.Linear)
    ]
    try:
        with torch.no_grad():
            net(x)
    finally:
        for h in hooks:
            h.remove()
    return out


def spreads_population(network, inputs):
    """divides by N, keeps outputs first"""
    outputs, handles = ([], [])

    def keep(module, args, output):
        outputs.append(output.detach().clone())

    for module in network.modules():
        if isinstance(module, nn.Linear):
            handles.append(module.register_forward_hook(keep))
    network(inputs)
    while handles:
        handles.pop().remove()
    return [float(o.std(correction=0)) for o in outputs]


def spreads_by_hand(net, x):
    result = []

    def measure(_, __, o):
        flat = o.detach().double().flatten()
        result.append(math.sqrt(((flat - flat.mean()) ** 2).mean().item()))

    handles = [
        m.register_forward_hook(measure) for _, m in net.named_modules() if isinstance(m, nn.Linear)
    ]
    with torch.inference_mode():
        net(x)
    [h.remove() for h in handles]
    return result


def _spreads(net, x, kind=nn.Linear, measure=lambda o: o.std().item(), remove=True):
    out = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: out.append(measure(o)))
        for m in net.modules()
        if isinstance(m, kind)
    ]
    with torch.no_grad():
        net(x)
    if remove:
        for h in hooks:
            h.remove()
    return out


def spreads_leaves_hooks(net, x):
    return _spreads(net, x, remove=False)


def spreads_tensors(net, x):
    return _spreads(net, x, measure=lambda o: o.std())


def spreads_variance(net, x):
    return _spreads(net, x, measure=lambda o: o.var().item())


def spreads_per_feature(net, x):
    return _spreads(net, x, measure=lambda o: o.std(dim=0).mean().item())


def spreads_mean(net, x):
    return _spreads(net, x, measure=lambda o: o.mean().item())


def spreads_rms(net, x):
    return _spreads(net, x, measure=lambda o: o.pow(2).mean().sqrt().item())


def spreads_weights(net, x):
    return [m.weight.std().item() for m in net.modules() if isinstance(m, nn.Linear)]


def spreads_all_layers(net, x):
    out = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: out.append(o.std().item()))
        for m in net.modules()
        if not list(m.children())
    ]
    net(x)
    for h in hooks:
        h.remove()
    return out


def spreads_inputs(net, x):
    out = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: out.append(i[0].std().item()))
        for m in net.modules()
        if isinstance(m, nn.Linear)
    ]
    net(x)
    for h in hooks:
        h.remove()
    return out


def spreads_order_of_definition(net, x):
    found, hooks = ({}, [])
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)]
    for m in layers:
        hooks.append(m.register_forward_hook(lambda m, i, o: found.__setitem__(m, o.std().item())))
    net(x)
    for h in hooks:
        h.remove()
    return [found[m] for m in layers]


def spreads_direct_children(net, x):
    out = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: out.append(o.std().item()))
        for m in net.children()
        if isinstance(m, nn.Linear)
    ]
    net(x)
    for h in hooks:
        h.remove()
    return out


def spreads_eval(net, x):
    net.eval()
    return _spreads(net, x)


def spreads_train_all(net, x):
    mode = net.training
    net.eval()
    out = _spreads(net, x)
    net.train(mode)
    return out


def spreads_sequential_only(net, x):
    out = []
    for m in net.modules():
        if isinstance(m, nn.Linear):
            x = m(x)
            out.append(x.std().item())
            x = F.relu(x)
    return out


def _visit(net, x, visit):
    handles = [m.register_forward_hook(visit) for m in net.modules() if isinstance(m, nn.Linear)]
    try:
        with torch.no_grad():
            net(x)
    finally:
        for handle in handles:
            handle.remove()


def balance_functional(net, x):
    def visit(layer, inputs, output):
        weight = torch.randn_like(layer.weight)
        raw = F.linear(inputs[0], weight)
        layer.weight.copy_(weight / raw.std())
        if layer.bias is not None:
            layer.bias.zero_()
        return raw / raw.std()

    _visit(net, x, visit)


def balance_uniform_and_bias(net, x):
    """keeps small random biases, and centres nothing"""

    def visit(layer, inputs, output):
        layer.weight.uniform_(-1, 1)
        if layer.bias is not None:
            layer.bias.uniform_(-0.01, 0.01)
        for _ in range(4):
            layer.weight.div_(F.linear(inputs[0], layer.weight, layer.bias).std())
        return F.linear(inputs[0], layer.weight, layer.bias)

    _visit(net, x, visit)
    return net


def balance_search(net, x):
    """bisection on one factor per layer"""
    order = []
    _visit(net, x, lambda layer, inputs, output: order.append(layer))
    for layer in order:
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for layer in order:
        start = layer.weight.detach().clone()
        low, high = -20.0, 20.0
        for _ in range(40):
            middle, seen = (low + high) / 2, []
            with torch.no_grad():
                layer.weight.copy_(start * math.exp(middle))
            handle = layer.register_forward_hook(lambda m, i, o, s=seen: s.append(o.std().item()))
            with torch.no_grad():
                net(x)
            handle.remove()
            low, high = (middle, high) if seen[0] < 1 else (low, middle)


def balance_rms(net, x):
    """mean square instead of the standard deviation, with a large mean left in the bias"""

    def visit(layer, inputs, output):
        weight = torch.randn_like(layer.weight)
        raw = F.linear(inputs[0], weight) + 3 * weight.std()
        size = raw.square().mean().sqrt()
        layer.weight.copy_(weight / size)
        if layer.bias is not None:
            layer.bias.fill_(float(3 * weight.std() / size))
        return raw / size

    _visit(net, x, visit)


def balance_var(net, x):
    """divides by the variance"""

    def visit(layer, inputs, output):
        weight = torch.randn_like(layer.weight)
        raw = F.linear(inputs[0], weight)
        layer.weight.copy_(weight / raw.var())
        return F.linear(inputs[0], layer.weight, layer.bias)

    _visit(net, x, visit)


def balance_weights(net, x):
    """gives the weights, not the outputs, a spread of 1"""
    for m in net.modules():
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight)


def balance_xavier(net, x):
    for m in net.modules():
        if isinstance(m, nn.Linear):
            nn.init.xavier_normal_(m.weight)


def balance_nothing(net, x):
    with torch.no_grad():
        net(x)


def balance_stale(net, x):
    """the next layer still sees the output of before"""

    def visit(layer, inputs, output):
        layer.weight.normal_()
        if layer.bias is not None:
            layer.bias.zero_()
        layer.weight.div_(F.linear(inputs[0], layer.weight).std())

    _visit(net, x, visit)


def balance_copies(net, x):
    """all rows of a weight are the same random row"""

    def visit(layer, inputs, output):
        layer.weight.copy_(torch.randn(1, layer.in_features).expand_as(layer.weight))
        if layer.bias is not None:
            layer.bias.zero_()
        layer.weight.div_(F.linear(inputs[0], layer.weight).std())
        return F.linear(inputs[0], layer.weight)

    _visit(net, x, visit)


def balance_first_level(net, x):
    for m in net.children():
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight)
            with torch.no_grad():
                m.weight /= F.linear(x, m.weight).std()


def balance_hooks_stay(net, x):
    for m in net.modules():
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight)
            m.register_forward_hook(lambda m, i, o: o / o.std())


def balance_new_parameter(net, x):
    balance_functional(net, x)
    for m in net.modules():
        if isinstance(m, nn.Linear):
            m.weight = nn.Parameter(m.weight.detach().clone())


def balance_eval(net, x):
    net.eval()
    balance_functional(net, x)


RIGHT = {
    "09.1": [std_prod, std_loop, std_library, std_tensor],
    "09.2": [init_plain, init_match, init_by_hand],
    "09.3": [spreads_hooks, spreads_population, spreads_by_hand],
    "09.4": [balance_functional, balance_uniform_and_bias, balance_search],
}
WRONG = {
    "09.1": [
        std_fan_out,
        std_no_kernel,
        std_one,
        std_variance,
        std_all,
        std_xavier,
        std_uniform_bound,
        std_height_only,
        std_measured,
        std_last,
    ],
    "09.2": [
        init_gain_one,
        init_gain_two,
        init_bias_crash,
        init_bias_kept,
        init_new_parameters,
        init_embedding_one,
        init_embedding_mean,
        init_embedding_forgotten,
        init_everything,
        init_biases_of_all,
        init_linear_normal,
        init_embedding_uniform,
        init_freezes,
    ],
    "09.3": [
        spreads_leaves_hooks,
        spreads_tensors,
        spreads_variance,
        spreads_per_feature,
        spreads_mean,
        spreads_rms,
        spreads_weights,
        spreads_all_layers,
        spreads_inputs,
        spreads_order_of_definition,
        spreads_direct_children,
        spreads_eval,
        spreads_train_all,
        spreads_sequential_only,
    ],
    "09.4": [
        balance_rms,
        balance_var,
        balance_weights,
        balance_xavier,
        balance_nothing,
        balance_stale,
        balance_copies,
        balance_first_level,
        balance_hooks_stay,
        balance_new_parameter,
        balance_eval,
    ],
}
