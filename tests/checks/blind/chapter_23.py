"""Chapter 23."""

import contextlib
import math

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode


def sums(model):
    return {
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad),
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def by_loop(net):
    result = dict.fromkeys(("trainable", "frozen", "buffers"), 0)
    for _, p in net.named_parameters():
        result["trainable" if p.requires_grad else "frozen"] += p.nelement()
    for _, b in net.named_buffers():
        result["buffers"] += math.prod(b.shape)
    return result


def by_identity(model):
    seen, counts = (set(), {"buffers": 0, "frozen": 0, "trainable": 0})
    for module in model.modules():
        for tensor in module._parameters.values():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                counts["trainable" if tensor.requires_grad else "frozen"] += tensor.numel()
        for tensor in module._buffers.values():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                counts["buffers"] += tensor.numel()
    return counts


def twice_counted(model):
    parameters = [p for _, p in model.named_parameters(remove_duplicate=False)]
    return {
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "frozen": sum(p.numel() for p in parameters if not p.requires_grad),
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def buffers_of_state_dict(model):
    names = {n for n, _ in model.named_parameters(remove_duplicate=False)}
    return {
        **sums(model),
        "buffers": sum((t.numel() for n, t in model.state_dict().items() if n not in names)),
    }


def counts_tensors(model):
    return {
        "trainable": len([p for p in model.parameters() if p.requires_grad]),
        "frozen": len([p for p in model.parameters() if not p.requires_grad]),
        "buffers": len(list(model.buffers())),
    }


def missing_zero_keys(model):
    return {k: v for k, v in sums(model).items() if v}


def with_total(model):
    result = sums(model)
    result["total"] = sum(result.values())
    return result


def all_as_trainable(model):
    return {**sums(model), "trainable": sum(p.numel() for p in model.parameters())}


def children_direct_only(model):
    return {
        "trainable": sum(
            p.numel()
            for c in model.children()
            for p in c.parameters(recurse=False)
            if p.requires_grad
        ),
        "frozen": sum(
            p.numel()
            for c in model.children()
            for p in c.parameters(recurse=False)
            if not p.requires_grad
        ),
        "buffers": sum(b.numel() for c in model.children() for b in c.buffers(recurse=False)),
    }


def buffers_in_frozen(model):
    result = sums(model)
    result["frozen"] += result["buffers"]
    return result


def first_axis(model):
    return {
        "trainable": sum(len(p) for p in model.parameters() if p.requires_grad),
        "frozen": sum(len(p) for p in model.parameters() if not p.requires_grad),
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def buffers_twice(model):
    return {
        **sums(model),
        "buffers": sum((b.numel() for _, b in model.named_buffers(remove_duplicate=False))),
    }


def only_float_buffers(model):
    return {
        **sums(model),
        "buffers": sum(b.numel() for b in model.buffers() if b.is_floating_point()),
    }


def swapped(model):
    r = sums(model)
    return {"trainable": r["frozen"], "frozen": r["trainable"], "buffers": r["buffers"]}


def same_size_is_same(model):
    unique = []
    for p in model.parameters():
        if not any(p.shape == q.shape and torch.equal(p, q) for q in unique):
            unique.append(p)
    return {**sums(model), "trainable": sum(p.numel() for p in unique if p.requires_grad)}


def out(n, k, p, d, s):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def weights_times_positions(conv, height, width):
    rows = out(height, conv.kernel_size[0], conv.padding[0], conv.dilation[0], conv.stride[0])
    columns = out(width, conv.kernel_size[1], conv.padding[1], conv.dilation[1], conv.stride[1])
    return conv.weight.numel() * rows * columns


def by_formula(layer, h, w):
    total = layer.out_channels * (layer.in_channels // layer.groups)
    for n, k, p, d, s in zip(
        (h, w), layer.kernel_size, layer.padding, layer.dilation, layer.stride
    ):
        total *= k * (math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1)
    return total


def by_running(conv, height, width):
    x = torch.empty(1, conv.in_channels, height, width, device="meta")
    w = torch.empty(conv.weight.shape, device="meta")
    y = F.conv2d(x, w, None, conv.stride, conv.padding, conv.dilation, conv.groups)
    return w[0].numel() * y.numel()


def by_flop_counter(conv, height, width):
    x = torch.zeros(
        1, conv.in_channels, height, width, dtype=conv.weight.dtype, device=conv.weight.device
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        F.conv2d(x, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
    return counter.get_total_flops() // 2


def forgets_groups(conv, height, width):
    r, c = (
        out(n, k, p, d, s)
        for n, k, p, d, s in zip(
            (height, width), conv.kernel_size, conv.padding, conv.dilation, conv.stride
        )
    )
    return conv.out_channels * conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1] * r * c


def with_bias(conv, height, width):
    r, c = (
        out(n, k, p, d, s)
        for n, k, p, d, s in zip(
            (height, width), conv.kernel_size, conv.padding, conv.dilation, conv.stride
        )
    )
    return (conv.weight.numel() + (conv.out_channels if conv.bias is not None else 0)) * r * c


def forgets_dilation(conv, height, width):
    r, c = (
        out(n, k, p, 1, s)
        for n, k, p, s in zip((height, width), conv.kernel_size, conv.padding, conv.stride)
    )
    return conv.weight.numel() * r * c


def forgets_stride(conv, height, width):
    r, c = (
        out(n, k, p, d, 1)
        for n, k, p, d in zip((height, width), conv.kernel_size, conv.padding, conv.dilation)
    )
    return conv.weight.numel() * r * c


def input_positions(conv, height, width):
    return conv.weight.numel() * height * width


def square_only(conv, height, width):
    r, c = (
        out(n, conv.kernel_size[0], conv.padding[0], conv.dilation[0], conv.stride[0])
        for n in (height, width)
    )
    return conv.weight.numel() * r * c


def sides_swapped(conv, height, width):
    return weights_times_positions(conv, width, height)


def padding_once(conv, height, width):
    r, c = (
        out(n, k, p / 2, d, s)
        for n, k, p, d, s in zip(
            (height, width), conv.kernel_size, conv.padding, conv.dilation, conv.stride
        )
    )
    return conv.weight.numel() * r * c


def flops(conv, height, width):
    return 2 * weights_times_positions(conv, height, width)


def rounds_up(conv, height, width):
    r, c = (
        -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        for n, k, p, d, s in zip(
            (height, width), conv.kernel_size, conv.padding, conv.dilation, conv.stride
        )
    )
    return conv.weight.numel() * r * c


def no_plus_one(conv, height, width):
    r, c = (
        out(n, k, p, d, s) - 1
        for n, k, p, d, s in zip(
            (height, width), conv.kernel_size, conv.padding, conv.dilation, conv.stride
        )
    )
    return conv.weight.numel() * r * c


def groups_squared(conv, height, width):
    return weights_times_positions(conv, height, width) // conv.groups


def with_finally(model, names, x):
    kept, handles = ({}, [])
    try:
        for name in names:

            def keep(module, inputs, output, name=name):
                kept[name] = output.detach().clone()

            handles.append(model.get_submodule(name).register_forward_hook(keep))
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def with_exit_stack(net, names, inputs):
    found = {}

    def keeper(name):
        return lambda module, args, result: found.update({name: result.clone().detach()})

    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(net.get_submodule(name).register_forward_hook(keeper(name)))
        net(inputs)
    return found


class Recorder:
    def __init__(self, name):
        self.name, self.value = (name, None)

    def __call__(self, module, args, output):
        self.value = torch.empty_like(output, requires_grad=False).copy_(output.detach())


def with_class(model, names, x):
    names = list(names)
    modules = [model.get_submodule(name) for name in names]
    recorders = [Recorder(name) for name in names]
    handles = [m.register_forward_hook(r) for m, r in zip(modules, recorders)]
    try:
        model(x)
    finally:
        [h.remove() for h in handles]
    return {r.name: r.value for r in recorders}


def with_global_hook(model, names, x):
    wanted = [(name, model.get_submodule(name)) for name in names]
    kept = {}

    def keep(module, args, output):
        for name, target in wanted:
            if target is module:
                kept[name] = output.detach().clone()

    with torch.nn.modules.module.register_module_forward_hook(keep), torch.no_grad():
        model(x)
    return kept


def no_finally(model, names, x):
    kept, handles = ({}, [])
    for name in names:

        def keep(module, inputs, output, name=name):
            kept[name] = output.detach().clone()

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    model(x)
    for handle in handles:
        handle.remove()
    return kept


def registers_outside(model, names, x):
    kept, handles = ({}, [])
    for name in names:

        def keep(module, inputs, output, name=name):
            kept[name] = output.detach().clone()

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def no_clone(model, names, x):
    kept = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(
                model.get_submodule(name).register_forward_hook(
                    lambda m, i, o, name=name: kept.__setitem__(name, o.detach())
                )
            )
        model(x)
    return kept


def no_detach(model, names, x):
    kept = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(
                model.get_submodule(name).register_forward_hook(
                    lambda m, i, o, name=name: kept.__setitem__(name, o.clone())
                )
            )
        model(x)
    return kept


def never_removed(model, names, x):
    kept = {}
    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda m, i, o, name=name: kept.__setitem__(name, o.detach().clone())
        )
    model(x)
    return kept


def clears_all(model, names, x):
    kept = {}
    try:
        for name in names:
            model.get_submodule(name).register_forward_hook(
                lambda m, i, o, name=name: kept.__setitem__(name, o.detach().clone())
            )
        model(x)
    finally:
        for module in model.modules():
            module._forward_hooks.clear()
    return kept


def late_binding(model, names, x):
    kept = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(
                model.get_submodule(name).register_forward_hook(
                    lambda m, i, o: kept.__setitem__(name, o.detach().clone())
                )
            )
        model(x)
    return kept


def sets_eval(model, names, x):
    model.eval()
    return with_finally(model, names, x)


def one_run_each(model, names, x):
    kept = {}
    for name in names:
        kept.update(with_finally(model, [name], x))
    return kept


def swallows_error(model, names, x):
    try:
        return with_finally(model, names, x)
    except Exception:
        return {}


def wraps_error(model, names, x):
    try:
        return with_finally(model, names, x)
    except Exception as error:
        raise RuntimeError(f"recording failed: {error}") from error


def keeps_input(model, names, x):
    kept = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(
                model.get_submodule(name).register_forward_hook(
                    lambda m, i, o, name=name: kept.__setitem__(name, i[0].detach().clone())
                )
            )
        model(x)
    return kept


def top_level_names(model, names, x):
    kept = {}
    children = dict(model.named_children())
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(
                children[name].register_forward_hook(
                    lambda m, i, o, name=name: kept.__setitem__(name, o.detach().clone())
                )
            )
        model(x)
    return kept


def skips_unknown(model, names, x):
    known = dict(model.named_modules())
    return with_finally(model, [n for n in names if n in known], x)


RIGHT = {
    "23.1": [sums, by_loop, by_identity],
    "23.2": [weights_times_positions, by_formula, by_running, by_flop_counter],
    "23.3": [with_finally, with_exit_stack, with_class, with_global_hook],
}
WRONG = {
    "23.1": [
        twice_counted,
        buffers_of_state_dict,
        counts_tensors,
        missing_zero_keys,
        with_total,
        all_as_trainable,
        children_direct_only,
        buffers_in_frozen,
        first_axis,
        buffers_twice,
        only_float_buffers,
        swapped,
        same_size_is_same,
    ],
    "23.2": [
        forgets_groups,
        with_bias,
        forgets_dilation,
        forgets_stride,
        input_positions,
        square_only,
        sides_swapped,
        padding_once,
        flops,
        rounds_up,
        no_plus_one,
        groups_squared,
    ],
    "23.3": [
        no_finally,
        registers_outside,
        no_clone,
        no_detach,
        never_removed,
        clears_all,
        late_binding,
        sets_eval,
        one_run_each,
        swallows_error,
        wraps_error,
        keeps_input,
        top_level_names,
        skips_unknown,
    ],
}
