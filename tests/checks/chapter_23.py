"""Right and wrong answers to the exercises of chapter 23, and the hint that each must get."""

import collections
import contextlib
import copy
import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.flop_counter import FlopCounterMode


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


def by_outputs(model, x):
    found, handles = {}, []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):

            def count(module, inputs, output, name=name):
                found[name] = found.get(name, 0) + output.numel() * module.weight[0].numel()

            handles.append(module.register_forward_hook(count))
    model(x)
    for handle in handles:
        handle.remove()
    return found


def by_shapes(model, x):
    """One hook for all, which looks its module's name up; formulas for the two kinds."""
    names = {module: name for name, module in model.named_modules()}
    found = collections.Counter()

    def count(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            n, channels, height, width = output.shape
            per = math.prod(module.kernel_size) * module.in_channels // module.groups
            found[names[module]] += n * channels * height * width * per
        else:
            rows = inputs[0].numel() // module.in_features
            found[names[module]] += rows * module.in_features * module.out_features

    with torch.no_grad(), contextlib.ExitStack() as stack:
        for module in names:
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                stack.enter_context(module.register_forward_hook(count))
        model(x)
    return found


def on_a_twin(model, x):
    twin, found = copy.deepcopy(model), {}
    for name, module in twin.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            per = torch.tensor(module.weight.shape[1:]).prod()
            module.register_forward_hook(
                lambda m, i, o, name=name, per=per: found.setdefault(name, []).append(
                    o.numel() * per
                )
            )
    twin(x)
    return {name: sum(numbers) for name, numbers in found.items()}


def by_pytorchs_counter(model, x):
    """Counts each layer's own operations while it runs."""
    names = {m: n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    counts, open_ = dict.fromkeys(names.values()), []

    def before(module, inputs):
        if module in names:
            open_.append(FlopCounterMode(display=False))
            open_[-1].__enter__()

    def after(module, inputs, output):
        if module in names:
            counter = open_.pop()
            counter.__exit__(None, None, None)
            name = names[module]
            counts[name] = (counts[name] or 0) + counter.get_total_flops() // 2

    with register_module_forward_pre_hook(before), register_module_forward_hook(after):
        model(x)
    return {name: count for name, count in counts.items() if count is not None}


def work_with(model, x, per=lambda m: m.weight[0].numel(), of=None, kinds=(nn.Conv2d, nn.Linear),
              modules=lambda model: model.named_modules(), add=True, tidy=True):  # fmt: skip
    """The right answer, of which one thing can be made wrong."""
    found, handles = {}, []
    of = of or (lambda m, x, y: y.numel() * per(m))
    for name, module in modules(model):
        if isinstance(module, kinds):

            def count(module, inputs, output, name=name):
                before = found.get(name, 0) if add else 0
                found[name] = before + of(module, inputs[0], output)

            handles.append(module.register_forward_hook(count))
    model(x)
    for handle in handles if tidy else []:
        handle.remove()
    return found


def with_biases(model, x):
    return work_with(model, x, lambda m: m.weight[0].numel() + (m.bias is not None))


def forgets_groups(model, x):
    def of(m, x, y):
        if isinstance(m, nn.Linear):
            return y.numel() * m.in_features
        return y.numel() * m.in_channels * math.prod(m.kernel_size)

    return work_with(model, x, of=of)


def groups_twice(model, x):
    def of(m, x, y):
        return y.numel() * m.weight[0].numel() // getattr(m, "groups", 1)

    return work_with(model, x, of=of)


def input_positions(model, x):
    def of(m, x, y):
        if isinstance(m, nn.Linear):
            return y.numel() * m.in_features
        return m.weight.numel() * x.shape[0] * x.shape[2] * x.shape[3]

    return work_with(model, x, of=of)


def flops(model, x):
    return work_with(model, x, lambda m: 2 * m.weight[0].numel())


def of_one_sample(model, x):
    return work_with(model, x, of=lambda m, x, y: y[0].numel() * m.weight[0].numel())


def chapters_estimate(model, x):
    """The hook of the chapter, for its network and a batch of one."""

    def of(m, x, y):
        return len(x) * m.weight.numel() * (y[0, 0].numel() if isinstance(m, nn.Conv2d) else 1)

    return work_with(model, x, of=of)


def weights_alone(model, x):
    return work_with(model, x, of=lambda m, x, y: m.weight.numel())


def outputs_alone(model, x):
    return work_with(model, x, of=lambda m, x, y: y.numel())


def the_last_run(model, x):
    return work_with(model, x, add=False)


def every_module(model, x):
    found = dict.fromkeys((name for name, _ in model.named_modules()), 0)
    return found | work_with(model, x)


def also_those_that_rest(model, x):
    layers = [n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    return dict.fromkeys(layers, 0) | work_with(model, x)


def every_name(model, x):
    found = work_with(model, x)
    names = dict(model.named_modules(remove_duplicate=False))
    first = {module: name for name, module in model.named_modules()}
    return {n: found[first[m]] for n, m in names.items() if first[m] in found}


def exact_types(model, x):
    def exact(model):
        return [(n, m) for n, m in model.named_modules() if type(m) in (nn.Conv2d, nn.Linear)]

    return work_with(model, x, modules=exact)


def children_alone(model, x):
    return work_with(model, x, modules=lambda model: model.named_children())


def leaves_alone(model, x):
    def leaves(model):
        return [(n, m) for n, m in model.named_modules() if not list(m.children())]

    return work_with(model, x, modules=leaves)


def not_the_model_itself(model, x):
    return work_with(model, x, modules=lambda model: list(model.named_modules())[1:])


def convolutions_alone(model, x):
    return work_with(model, x, kinds=nn.Conv2d)


def modules_as_keys(model, x):
    return {model.get_submodule(name): n for name, n in work_with(model, x).items()}


def hooks_stay(model, x):
    return work_with(model, x, tidy=False)


def clears_hooks(model, x):
    found = work_with(model, x, tidy=False)
    for module in model.modules():
        module._forward_hooks.clear()
    return found


def left_in_eval_mode(model, x):
    return work_with(model.eval(), x)


def in_eval_mode(model, x):
    modes = {module: module.training for module in model.modules()}
    found = work_with(model.eval(), x)
    for module, mode in modes.items():
        module.training = mode
    return found


def runs_again(model, x):
    work_with(model, x)
    return work_with(model, x)


def in_all(model, x):
    return sum(work_with(model, x).values())


def a_float(model, x):
    return {name: n / 1e6 for name, n in work_with(model, x).items()}


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
    "23.2": [by_outputs, by_shapes, on_a_twin, by_pytorchs_counter],
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
        (forgets_groups, "sees only the channels of its group"),
        (groups_twice, "knows about groups already"),
        (input_positions, "that counts the positions of the input"),
        (flops, "here they count as two"),
        (of_one_sample, "the whole batch is asked for"),
        (chapters_estimate, "may have more than two dimensions"),
        (weights_alone, "that is the number of weights"),
        (outputs_alone, "that is the number of outputs"),
        (the_last_run, "that is the last run alone"),
        (every_module, "only Conv2d and Linear count"),
        (also_those_that_rest, "that module does not run in this mode"),
        (every_name, "the second name of a module"),
        (exact_types, "of a subclass"),
        (children_alone, "goes through all levels"),
        (leaves_alone, "has a module inside it"),
        (not_the_model_itself, "its name is ''"),
        (convolutions_alone, "has no '4', which runs"),
        (modules_as_keys, "the keys are the names"),
        (hooks_stay, "remove the handles of yours"),
        (clears_hooks, "remove the handles of yours, and no others"),
        (left_in_eval_mode, "is in another mode than before"),
        (in_eval_mode, "has no 'heads.extra', which runs"),
        (runs_again, "once is enough"),
        (in_all, "should be a dictionary"),
        (a_float, "should be a whole number"),
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
