"""Right and wrong answers to the exercises of chapter 23, and the hint that each must get."""

import contextlib
import copy
import math
from collections.abc import Iterable

import torch
from torch import nn


def by_sums(model):
    return {
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad),
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def by_a_loop(model):
    result = dict.fromkeys(["buffers", "frozen", "trainable"], 0)
    for parameter in model.parameters():
        kind = "trainable" if parameter.requires_grad else "frozen"
        result[kind] += math.prod(parameter.shape)
    for buffer in model.buffers():
        result["buffers"] += buffer.nelement()
    return result


def by_tensors(model):
    sizes = torch.tensor([p.numel() for p in model.parameters()], dtype=torch.int64)
    trained = torch.tensor([p.requires_grad for p in model.parameters()], dtype=torch.bool)
    seen = {id(b): b.numel() for m in model.modules() for b in m.buffers(recurse=False)}
    return {
        "trainable": sizes[trained].sum(),
        "frozen": sizes[~trained].sum(),
        "buffers": sum(seen.values()),
    }


def sums_over_modules(model):
    every = [p for module in model.modules() for p in module.parameters()]
    return {**by_sums(model), "trainable": sum(p.numel() for p in every if p.requires_grad)}


def buffers_over_modules(model):
    every = [b for module in model.modules() for b in module.buffers()]
    return {**by_sums(model), "buffers": sum(b.numel() for b in every)}


def counts_shared_twice(model):
    trainable = {name: p for name, p in model.named_parameters(remove_duplicate=False)}
    return by_sums(model) | {
        "trainable": sum(p.numel() for p in trainable.values() if p.requires_grad)
    }


def shared_buffers_twice(model):
    buffers = [b for _, b in model.named_buffers(remove_duplicate=False)]
    return by_sums(model) | {"buffers": sum(b.numel() for b in buffers)}


def ignores_frozen(model):
    return by_sums(model) | {"trainable": sum(p.numel() for p in model.parameters()), "frozen": 0}


def counts_tensors(model):
    return {
        "trainable": len([p for p in model.parameters() if p.requires_grad]),
        "frozen": len([p for p in model.parameters() if not p.requires_grad]),
        "buffers": len(list(model.buffers())),
    }


def without_buffers(model):
    found = by_sums(model)
    del found["buffers"]
    return found


def with_a_total(model):
    found = by_sums(model)
    return found | {"total": sum(found.values())}


def saved_buffers(model):
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    saved = {name: value for name, value in model.state_dict().items() if name not in names}
    return by_sums(model) | {"buffers": len(saved) and sum(v.numel() for v in saved.values())}


def everything_saved(model):
    return by_sums(model) | {"buffers": sum(v.numel() for v in model.state_dict().values())}


def keys_where_needed(model):
    result = {}
    for p in model.parameters():
        key = "trainable" if p.requires_grad else "frozen"
        result[key] = result.get(key, 0) + p.numel()
    for b in model.buffers():
        result["buffers"] = result.get("buffers", 0) + b.numel()
    return result


def exchanged(model):
    found = by_sums(model)
    return found | {"trainable": found["frozen"], "frozen": found["trainable"]}


def float_buffers(model):
    buffers = [b for b in model.buffers() if b.is_floating_point()]
    return by_sums(model) | {"buffers": sum(b.numel() for b in buffers)}


def three_numbers(model):
    return tuple(by_sums(model).values())


def per_layer(model):
    return {
        "trainable": [p.numel() for p in model.parameters() if p.requires_grad],
        "frozen": [p.numel() for p in model.parameters() if not p.requires_grad],
        "buffers": [b.numel() for b in model.buffers()],
    }


def thaws(model):
    model.requires_grad_(True)
    return by_sums(model)


def sides(conv, height, width, stride=True, padding=True, dilation=True, rounding=math.floor):
    for n, k, s, p, d in zip(
        (height, width), conv.kernel_size, conv.stride, conv.padding, conv.dilation, strict=True
    ):
        p, d, s = p if padding else 0, d if dilation else 1, s if stride else 1
        yield rounding((n + 2 * p - d * (k - 1) - 1) / s) + 1


def by_the_formula(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, height, width))


def by_running_it(conv, height, width):
    with torch.no_grad():
        output = conv(torch.zeros(1, conv.in_channels, height, width))
    return output[0, 0].numel() * conv.weight.numel()


def by_each_channel(conv, height, width):
    (kh, kw), (sh, sw) = conv.kernel_size, conv.stride
    (ph, pw), (dh, dw) = conv.padding, conv.dilation
    rows = 1 + (height + 2 * ph - dh * (kh - 1) - 1) // sh
    columns = 1 + (width + 2 * pw - dw * (kw - 1) - 1) // sw
    inputs = conv.in_channels / conv.groups
    return rows * columns * conv.out_channels * inputs * kh * kw


def with_biases(conv, height, width):
    return sum(p.numel() for p in conv.parameters()) * math.prod(sides(conv, height, width))


def forgets_groups(conv, height, width):
    weights = conv.out_channels * conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
    return weights * math.prod(sides(conv, height, width))


def groups_twice(conv, height, width):
    return by_the_formula(conv, height, width) // conv.groups


def input_positions(conv, height, width):
    return conv.weight.numel() * height * width


def width_first(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, width, height))


def without_stride(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, height, width, stride=False))


def without_padding(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, height, width, padding=False))


def without_dilation(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, height, width, dilation=False))


def rounded_up(conv, height, width):
    return conv.weight.numel() * math.prod(sides(conv, height, width, rounding=math.ceil))


def flops(conv, height, width):
    return 2 * by_the_formula(conv, height, width)


def one_output_channel(conv, height, width):
    return by_the_formula(conv, height, width) // conv.out_channels


def square_kernels(conv, height, width):
    k, s, p, d = conv.kernel_size[0], conv.stride[0], conv.padding[0], conv.dilation[0]
    rows, columns = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (height, width))
    return conv.weight.numel() * rows * columns


def both_sides(conv, height, width):
    return conv.weight.numel(), list(sides(conv, height, width))


def a_set_of_positions(conv, height, width):
    return conv.out_channels * math.prod(sides(conv, height, width))


def record_with(model, names, x, store=lambda o: o.detach().clone(), bind=True, tidy=True,
                pick=lambda inputs, output: output, before=lambda m: None, find=None):  # fmt: skip
    kept, handles = {}, []
    before(model)
    try:
        for name in names:

            def keep(module, inputs, output, name=name):
                kept[name if bind else names[-1]] = store(pick(inputs, output))

            layer = find(model, name) if find else model.get_submodule(name)
            handles.append(layer.register_forward_hook(keep))
        model(x)
    finally:
        for handle in handles if tidy else []:
            handle.remove()
    return kept


def in_finally(model, names, x):
    return record_with(model, names, x)


def by_a_stack(model, names, x):
    from contextlib import ExitStack

    found = {}

    def keeper(name):
        def keep(module, inputs, output):
            found[name] = output.clone()

        return keep

    with torch.no_grad(), ExitStack() as stack:
        modules = dict(model.named_modules())
        assert all(name in modules for name in names)
        for name in names:
            module = modules[name]
            stack.enter_context(module.register_forward_hook(keeper(name)))
        model(x)
    return found


def on_a_copy(model, names, x):
    copied, kept = copy.deepcopy(model), {}
    for name in names:
        copied.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, key=name: kept.update({key: output.detach() + 0})
        )
    copied(x)
    return {name: kept[name] for name in reversed(names)}


def leaves_hooks(model, names, x):
    return record_with(model, names, x, tidy=False)


def late_name(model, names, x):
    kept, handles = {}, []
    for name in names:

        def keep(module, inputs, output):
            kept[name] = output.detach().clone()  # noqa: B023

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    model(x)
    for handle in handles:
        handle.remove()
    return {name: kept.get(name, kept[names[-1]]) for name in names}


def no_clone(model, names, x):
    return record_with(model, names, x, lambda output: output.detach())


def no_detach(model, names, x):
    return record_with(model, names, x, lambda output: output.clone())


def no_finally(model, names, x):
    kept, handles = {}, []
    for name in names:

        def keep(module, inputs, output, name=name):
            kept[name] = output.detach().clone()

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    model(x)
    for handle in handles:
        handle.remove()
    return kept


def try_begins_too_late(model, names, x):
    kept, handles = {}, []
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


def swallows(model, names, x):
    try:
        return in_finally(model, names, x)
    except Exception:
        return {}


def another_error(model, names, x):
    try:
        return in_finally(model, names, x)
    except Exception as error:
        raise RuntimeError("the model failed") from error


def inputs_recorded(model, names, x):
    return record_with(model, names, x, pick=lambda inputs, output: inputs[0])


def top_level_only(model, names, x):
    return record_with(model, names, x, find=getattr)


def clears_all_hooks(model, names, x):
    try:
        return in_finally(model, names, x)
    finally:
        for module in model.modules():
            module._forward_hooks.clear()


def left_in_eval(model, names, x):
    return record_with(model, names, x, before=nn.Module.eval)


def one_run_for_each(model, names, x):
    found = {}
    for name in names:
        found |= in_finally(model, [name], x)
    return found


def as_lists(model, names, x):
    return record_with(model, names, x, lambda output: output.tolist())


def in_a_list(model, names, x):
    return list(in_finally(model, names, x).values())


def with_the_result(model, names, x):
    return in_finally(model, names, x) | {"output": model(x).detach()}


def shapes_only(model, names, x):
    return record_with(model, names, x, lambda output: tuple(output.shape))


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [t for part in parts for t in _tensors(part)] if isinstance(parts, Iterable) else []


def _fine(value):
    return all(bool(torch.isfinite(t).all()) for t in _tensors(value))


def _hooked(model, x, asks, modules=lambda model: model.named_modules()):
    found, handles, given = [], [], []
    try:
        for name, module in modules(model):

            def before(module, inputs):
                given.append(_copy(inputs))

            def hook(module, inputs, output, name=name):
                if asks(given.pop(), output):
                    found.append(name)

            handles.append(module.register_forward_pre_hook(before))
            handles.append(module.register_forward_hook(hook))
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _copy(value):
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return [_copy(part) for part in (value.values() if isinstance(value, dict) else value)]


def by_hooks(model, x):
    found = _hooked(model, x, lambda inputs, output: _fine(inputs) and not _fine(output))
    return found[0] if found else None


def with_a_twin(model, x):
    twin = copy.deepcopy(model)
    names = {module: name for name, module in twin.named_modules()}
    bad, good = [], []

    def before(module, inputs):
        good.append(_fine(inputs))

    def hook(module, inputs, output):
        if good.pop() and not _fine(output):
            bad.append(names[module])

    for module in names:
        module.register_forward_pre_hook(before)
        module.register_forward_hook(hook)
    twin(x)
    return next(iter(bad), None)


class _Found(Exception):
    pass


def stops_at_once(model, x):
    with contextlib.ExitStack() as stack:
        good = []
        for name, module in model.named_modules():

            def hook(module, inputs, output, name=name):
                if good.pop() and not _fine(output):
                    raise _Found(name)

            before = module.register_forward_pre_hook(lambda m, inputs: good.append(_fine(inputs)))
            stack.enter_context(before)
            stack.enter_context(module.register_forward_hook(hook))
        try:
            model(x)
        except _Found as found:
            return str(found)


def any_bad_output(model, x):
    found = _hooked(model, x, lambda inputs, output: not _fine(output))
    return found[0] if found else None


def the_outermost(model, x):
    found = _hooked(model, x, lambda inputs, output: _fine(inputs) and not _fine(output))
    return found[-1] if found else None


def first_of_the_list(model, x):
    found = _hooked(model, x, lambda inputs, output: not _fine(output))
    return next((name for name, _ in model.named_modules() if name in found), None)


def leaves_only(model, x):
    def leaves(model):
        return [(n, m) for n, m in model.named_modules() if not list(m.children())]

    found = _hooked(model, x, lambda i, o: _fine(i) and not _fine(o), leaves)
    return found[0] if found else None


def children_only(model, x):
    found = _hooked(
        model, x, lambda i, o: _fine(i) and not _fine(o), lambda model: model.named_children()
    )
    return found[0] if found else None


def nan_alone(model, x):
    def nan(value):
        return any(bool(t.isnan().any()) for t in _tensors(value))

    found = _hooked(model, x, lambda inputs, output: not nan(inputs) and nan(output))
    return found[0] if found else None


def tensors_alone(model, x):
    found = _hooked(model, x, lambda i, o: _fine(i) and not torch.isfinite(o).all())
    return found[0] if found else None


def tuples_passed_over(model, x):
    found = _hooked(
        model, x, lambda i, o: isinstance(o, torch.Tensor) and _fine(i) and not _fine(o)
    )
    return found[0] if found else None


def leaves_its_hooks(model, x):
    found = []
    for name, module in model.named_modules():

        def hook(module, inputs, output, name=name):
            if _fine(inputs) and not _fine(output):
                found.append(name)

        module.register_forward_hook(hook)
    model(x)
    return found[0] if found else None


def not_after_an_error(model, x):
    found, handles, good = [], [], []
    for name, module in model.named_modules():

        def hook(module, inputs, output, name=name):
            if good.pop() and not _fine(output):
                found.append(name)

        handles.append(
            module.register_forward_pre_hook(lambda m, inputs: good.append(_fine(inputs)))
        )
        handles.append(module.register_forward_hook(hook))
    model(x)
    for handle in handles:
        handle.remove()
    return found[0] if found else None


def all_of_them(model, x):
    return _hooked(model, x, lambda inputs, output: _fine(inputs) and not _fine(output))


def sets_eval(model, x):
    return by_hooks(model.eval(), x)


RIGHT = {
    "23.1": [by_sums, by_a_loop, by_tensors],
    "23.2": [by_the_formula, by_running_it, by_each_channel],
    "23.3": [in_finally, by_a_stack, on_a_copy],
    "23.4": [by_hooks, with_a_twin, stops_at_once],
}

WRONG = {
    "23.4": [
        (any_bad_output, "'1.two' was given something bad already"),
        (the_outermost, "both qualify, and '1' ended first"),
        (first_of_the_list, "and it should be '1'"),
        (leaves_only, "and it should be '0'"),
        (children_only, "and it should be '1.1.0'"),
        (nan_alone, "and it should be"),
        (tensors_alone, "your answer raised"),
        (tuples_passed_over, "for a bad tensor deep in a tuple, is None"),
        (leaves_its_hooks, "remove the handles of yours"),
        (not_after_an_error, "After an error in the model"),
        (all_of_them, "should be a name or None"),
        (sets_eval, "mode"),
    ],
    "23.1": [
        (sums_over_modules, "parameters() of a module has those of the modules inside"),
        (buffers_over_modules, "buffers() of a module has those of the modules inside"),
        (counts_shared_twice, "a parameter that is used in two places counts once"),
        (shared_buffers_twice, "a buffer that is used in two places counts once"),
        (ignores_frozen, "the frozen parameters are in it"),
        (counts_tensors, "that is the number of tensors"),
        (without_buffers, "has no 'buffers'"),
        (with_a_total, "It has a key 'total'"),
        (saved_buffers, "buffers that state_dict() leaves out are missing"),
        (everything_saved, "parameters are in it"),
        (keys_where_needed, "also where the number is 0"),
        (exchanged, "that is the number of frozen ones"),
        (float_buffers, "the counters of batches are missing"),
        (three_numbers, "should be a dictionary, and it is the tuple"),
        (per_layer, "should be one number, and it is the list"),
        (thaws, "The requires_grad of"),
    ],
    "23.2": [
        (with_biases, "the biases are counted"),
        (forgets_groups, "only its group's inputs"),
        (groups_twice, "knows about groups already"),
        (input_positions, "the output has fewer positions than the image"),
        (width_first, "each argument is a pair, height first"),
        (without_stride, "the stride is missing"),
        (without_padding, "the padding is missing"),
        (without_dilation, "the dilation is missing"),
        (rounded_up, "it should be rounded down"),
        (flops, "here each counts twice"),
        (one_output_channel, "the number of output channels is missing"),
        (square_kernels, "and it should be"),
        (both_sides, "should be one number, and it is a tuple of 2"),
        (a_set_of_positions, "that is the number of outputs"),
    ],
    "23.3": [
        (leaves_hooks, "remove each handle"),
        (late_name, "bind it by name=name"),
        (no_clone, "store a clone"),
        (no_detach, "detach it"),
        (no_finally, "remove it in finally"),
        (try_begins_too_late, "register the hooks inside try, too"),
        (swallows, "the caller must see the error"),
        (another_error, "the caller saw RuntimeError instead"),
        (inputs_recorded, "a hook's third argument is the output"),
        (top_level_only, "your answer raised AttributeError"),
        (clears_all_hooks, "A hook that somebody else had registered is gone"),
        (left_in_eval, "is in another mode than before"),
        (one_run_for_each, "once is enough for all names"),
        (as_lists, "should be a torch.Tensor, and it is a list"),
        (in_a_list, "should be a dictionary, and it is a list of 2"),
        (with_the_result, "has a key 'output' that was not asked for"),
        (shapes_only, "should be a torch.Tensor, and it is the tuple (5, 3)"),
    ],
}
