"""Chapter 23."""

import collections
import contextlib
import copy
import functools
import itertools
import math
from collections.abc import Mapping
from unittest import mock

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._pytree import tree_leaves


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


KINDS = (nn.Conv2d, nn.Linear)


def rows_and_positions(model, x):
    result, handles = {}, []

    def hook_for(name):
        def hook(module, args, out):
            if isinstance(module, nn.Linear):
                n = math.prod(args[0].shape[:-1]) * module.in_features * module.out_features
            else:
                n = module.weight.numel() * (out.shape[0] * out.shape[2] * out.shape[3])
            result[name] = result.get(name, 0) + n

        return hook

    try:
        for name, module in model.named_modules():
            if isinstance(module, KINDS):
                handles.append(module.register_forward_hook(hook_for(name)))
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return result


def per_weight_uses(net, batch):
    # every weight of a row is used once for each number of the output
    names = {id(m): n for n, m in net.named_modules()}
    uses = collections.defaultdict(int)

    def look(module, _, result):
        if isinstance(module, KINDS):
            uses[names[id(module)]] += result.numel() * module.weight.numel() // len(module.weight)

    with register_module_forward_hook(look):
        net(batch)
    return dict(uses)


def forwards_replaced(model, x):
    found = {}
    changed = []
    for name, module in model.named_modules():
        if isinstance(module, KINDS):
            forward = module.forward

            def counting(*args, forward=forward, name=name, module=module):
                out = forward(*args)
                found[name] = found.get(name, 0) + out.numel() * math.prod(module.weight.shape[1:])
                return out

            module.forward = counting
            changed.append(module)
    try:
        model(x)
    finally:
        for module in changed:
            del module.forward
    return found


def log_of_shapes(model, x):
    twin = copy.deepcopy(model)
    log = []
    for name, module in twin.named_modules():
        if isinstance(module, KINDS):
            module.register_forward_hook(lambda m, i, o, n=name: log.append((n, m, o.shape)))
    with torch.inference_mode():
        twin(x)
    ordered = sorted(log, key=lambda entry: entry[0])
    return {
        name: sum(shape.numel() * m.weight[0].numel() for _, m, shape in group)
        for name, group in itertools.groupby(ordered, key=lambda entry: entry[0])
    }


def ones_are_counted(model, x):
    # with weights of one and an input of one, each number of the output is its multiply-adds,
    # if the picture has no padding: so the padding is done before
    found = collections.Counter()

    def look(module, inputs, output, name):
        if isinstance(module, nn.Linear):
            y = F.linear(torch.ones_like(inputs[0]), torch.ones_like(module.weight))
            found[name] += round(y.double().sum().item())
        else:
            per = F.conv2d(
                torch.ones(1, module.in_channels, *module.kernel_size),
                torch.ones_like(module.weight),
                groups=module.groups,
            )
            found[name] += round(per[0, 0].item()) * output.numel()

    handles = [
        module.register_forward_hook(functools.partial(look, name=name))
        for name, module in model.named_modules()
        if isinstance(module, KINDS)
    ]
    model(x)
    for handle in handles:
        handle.remove()
    return {name: int(n) for name, n in found.items()}


def _work(model, x, count, chosen=None, once=False, kinds=KINDS):
    found = {}
    with contextlib.ExitStack() as stack:
        for name, module in chosen(model) if chosen else model.named_modules():
            if isinstance(module, kinds):

                def hook(m, i, o, name=name):
                    if not (once and name in found):
                        found[name] = found.get(name, 0) + count(m, i[0], o)

                stack.enter_context(module.register_forward_hook(hook))
        model(x)
    return found


def _right(m, x, y):
    return y.numel() * m.weight[0].numel()


def bias_too(model, x):
    return _work(model, x, lambda m, x, y: _right(m, x, y) + (m.bias is not None) * y.numel())


def bias_added_once(model, x):
    return _work(
        model, x, lambda m, x, y: _right(m, x, y) + (m.bias.numel() if m.bias is not None else 0)
    )


def like_torchinfo(model, x):
    def count(m, x, y):
        size = sum(p.numel() for p in m.parameters())
        return len(x) * size * (y[0, 0].numel() if isinstance(m, nn.Conv2d) else 1)

    return _work(model, x, count)


def two_each(model, x):
    return _work(model, x, lambda m, x, y: 2 * _right(m, x, y))


def additions_are_one_less(model, x):
    return _work(model, x, lambda m, x, y: _right(m, x, y) - y.numel())


def single_image(model, x):
    return _work(model, x, lambda m, x, y: _right(m, x, y) // len(y))


def first_sample_is_run(model, x):
    return _work(model, x[:1], _right)


def linear_is_flat(model, x):
    return _work(
        model,
        x,
        lambda m, x, y: len(x) * m.weight.numel() if isinstance(m, nn.Linear) else _right(m, x, y),
    )


def linear_rows_of_second_axis(model, x):
    def count(m, x, y):
        if isinstance(m, nn.Linear):
            return m.weight.numel() * x.shape[0] * (x.shape[1] if x.dim() > 2 else 1)
        return _right(m, x, y)

    return _work(model, x, count)


def no_groups(model, x):
    return _work(model, x, lambda m, x, y: _right(m, x, y) * getattr(m, "groups", 1))


def square_kernels(model, x):
    def count(m, x, y):
        if isinstance(m, nn.Conv2d):
            return y.numel() * m.in_channels // m.groups * m.kernel_size[0] ** 2
        return _right(m, x, y)

    return _work(model, x, count)


def input_size(model, x):
    def count(m, x, y):
        if isinstance(m, nn.Conv2d):
            return m.weight.numel() * len(x) * x[0, 0].numel()
        return _right(m, x, y)

    return _work(model, x, count)


def by_the_formula_without_dilation(model, x):
    def count(m, x, y):
        if isinstance(m, nn.Linear):
            return _right(m, x, y)
        sides = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(x.shape[2:], m.padding, m.kernel_size, m.stride)
        ]
        return len(x) * m.weight.numel() * math.prod(sides)

    return _work(model, x, count)


def first_run_only(model, x):
    return _work(model, x, _right, once=True)


def last_run_only(model, x):
    found = {}
    with contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            if isinstance(module, KINDS):
                hook = lambda m, i, o, name=name: found.update({name: _right(m, i, o)})
                stack.enter_context(module.register_forward_hook(hook))
        model(x)
    return found


def zeros_for_the_rest(model, x):
    found = _work(model, x, _right)
    return {n: found.get(n, 0) for n, m in model.named_modules() if isinstance(m, KINDS)}


def none_for_the_rest(model, x):
    found = _work(model, x, _right)
    return {n: found.get(n) for n, m in model.named_modules() if isinstance(m, KINDS)}


def with_parents(model, x):
    found = _work(model, x, _right)
    return {
        name: sum(n for key, n in found.items() if key == name or key.startswith(name + "."))
        for name, _ in model.named_modules()
    }


def total_added(model, x):
    found = _work(model, x, _right)
    return {**found, "total": sum(found.values())}


def top_level(model, x):
    return _work(model, x, _right, lambda model: model.named_children())


def leaves(model, x):
    return _work(
        model, x, _right, lambda model: [p for p in model.named_modules() if not [*p[1].children()]]
    )


def exact_class(model, x):
    return _work(
        model, x, _right, lambda model: [p for p in model.named_modules() if type(p[1]) in KINDS]
    )


def without_the_root(model, x):
    return _work(model, x, _right, lambda model: [p for p in model.named_modules() if p[0]])


def only_convolutions(model, x):
    return _work(model, x, _right, kinds=nn.Conv2d)


def only_linear(model, x):
    return _work(model, x, _right, kinds=nn.Linear)


def anything_with_a_weight(model, x):
    def weighted(model):
        return [p for p in model.named_modules() if getattr(p[1], "weight", None) is not None]

    return _work(model, x, _right, weighted, kinds=nn.Module)


def tied_weights_once(model, x):
    seen = set()

    def first(model):
        for name, module in model.named_modules():
            if isinstance(module, KINDS) and id(module.weight) not in seen:
                seen.add(id(module.weight))
                yield name, module

    return _work(model, x, _right, lambda model: list(first(model)))


def all_names(model, x):
    return _work(model, x, _right, lambda model: list(model.named_modules(remove_duplicate=False)))


def by_class(model, x):
    found = {}
    for name, n in _work(model, x, _right).items():
        key = type(model.get_submodule(name)).__name__
        found[key] = found.get(key, 0) + n
    return found


def pairs(model, x):
    return list(_work(model, x, _right).items())


def only_the_sum(model, x):
    return sum(_work(model, x, _right).values())


def in_millions(model, x):
    return {name: n / 1e6 for name, n in _work(model, x, _right).items()}


def hooks_are_kept(model, x):
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, KINDS):
            module.register_forward_hook(
                lambda m, i, o, name=name: found.update(
                    {name: found.get(name, 0) + _right(m, i, o)}
                )
            )
    model(x)
    return found


def all_hooks_removed(model, x):
    found = hooks_are_kept(model, x)
    for module in model.modules():
        module._forward_hooks.clear()
    return found


def always_eval(model, x):
    model.eval()
    return _work(model, x, _right)


def eval_on_a_copy(model, x):
    return _work(copy.deepcopy(model).eval(), x, _right)


def train_on_a_copy(model, x):
    return _work(copy.deepcopy(model).train(), x, _right)


def two_runs(model, x):
    model(x)
    return _work(model, x, _right)


def late_name(model, x):
    found = {}
    with contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            if isinstance(module, KINDS):
                stack.enter_context(
                    module.register_forward_hook(
                        lambda m, i, o: found.update({name: _right(m, i, o)})
                    )
                )
        model(x)
    return found


def size_without_running(model, x):
    return {n: len(x) * m.weight.numel() for n, m in model.named_modules() if isinstance(m, KINDS)}


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


def _tensors(thing):
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _tensors(value)
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from _tensors(value)


def _finite(thing):
    return all(bool(t.isfinite().all()) for t in _tensors(thing))


@contextlib.contextmanager
def _buffers_kept(model):
    kept = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, value in kept:
                buffer.copy_(value)
                module._buffers[name] = buffer


def hooks_before_and_after(model, x):
    stack, found, handles = [], [], []

    def before(module, args):
        stack.append((module, _finite(args)))

    def after(module, args, output, name):
        while True:
            called, fine = stack.pop()
            if called is module:
                break
        if fine and not _finite(output):
            found.append(name)

    with _buffers_kept(model):
        try:
            for name, module in model.named_modules():
                handles.append(module.register_forward_pre_hook(before))
                handles.append(module.register_forward_hook(functools.partial(after, name=name)))
            with torch.no_grad():
                model(x)
        finally:
            for handle in handles:
                handle.remove()
    return found[0] if found else None


def patched_call(model, x):
    names = {module: name for name, module in model.named_modules()}
    bad = []
    original = torch.nn.Module.__call__

    def call(module, *args, **kwargs):
        clean = all(map(_all_finite, tree_leaves(args)))
        result = original(module, *args, **kwargs)
        if module in names and clean and not all(map(_all_finite, tree_leaves(result))):
            bad.append(names[module])
        return result

    with _buffers_kept(model), mock.patch.object(torch.nn.Module, "__call__", call):
        model(x)
    return next(iter(bad), None)


def _all_finite(leaf):
    return not torch.is_tensor(leaf) or torch.isfinite(leaf).all().item()


def forwards_wrapped(model, x):
    """Wraps the forward of each module, and takes the wrapping off again."""
    first = []

    def wrap(name, forward):
        @functools.wraps(forward)
        def wrapped(*args, **kwargs):
            good = _finite(args)
            out = forward(*args, **kwargs)
            if good and not first and not _finite(out):
                first.append(name)
            return out

        return wrapped

    with contextlib.ExitStack() as stack:
        stack.enter_context(_buffers_kept(model))
        for name, module in model.named_modules():
            if "forward" in module.__dict__:
                stack.callback(module.__dict__.__setitem__, "forward", module.__dict__["forward"])
            else:
                stack.callback(module.__dict__.pop, "forward", None)
            module.__dict__["forward"] = wrap(name, module.forward)
        model(x)
    return first[0] if first else None


class _Detective:
    def __init__(self, model):
        self.model = model
        self.names = {id(m): n for n, m in model.named_modules()}
        self.open = collections.defaultdict(list)
        self.culprit = None
        self.handles = []

    def __enter__(self):
        self.handles = [
            register_module_forward_pre_hook(self.starts),
            register_module_forward_hook(self.ends),
        ]
        return self

    def __exit__(self, *error):
        for handle in self.handles:
            handle.remove()
        return False

    def starts(self, module, args):
        if id(module) in self.names:
            self.open[id(module)].append(self.clean(args))

    def ends(self, module, args, output):
        if id(module) in self.names:
            was_clean = self.open[id(module)].pop()
            if self.culprit is None and was_clean and not self.clean(output):
                self.culprit = self.names[id(module)]

    def clean(self, thing):
        match thing:
            case torch.Tensor():
                return not bool((thing.isnan() | thing.isinf()).any())
            case dict():
                return all(self.clean(v) for v in thing.values())
            case list() | tuple():
                return all(self.clean(v) for v in thing)
        return True


@torch.no_grad()
def global_hooks(model, x):
    with _buffers_kept(model), _Detective(model) as detective:
        model(x)
    return detective.culprit


def log_of_events(model, x):
    """Keeps what happened, and looks at it afterwards."""
    log, number = [], itertools.count()
    handles = []
    names = list(model.named_modules())
    buffers = copy.deepcopy([b for _, b in model.named_buffers()])
    try:
        for name, module in names:
            handles += [
                module.register_forward_pre_hook(
                    lambda m, args, name=name: log.append(
                        ("begin", next(number), name, copy.copy(_states(args)))
                    )
                ),
                module.register_forward_hook(
                    lambda m, args, out, name=name: log.append(
                        ("end", next(number), name, _states(out))
                    )
                ),
            ]
        with torch.inference_mode(False), torch.no_grad():
            model(x)
    finally:
        for h in reversed(handles):
            h.remove()
        with torch.no_grad():
            for (_, b), old in zip(model.named_buffers(), buffers):
                b.copy_(old)
    begun = {}
    for what, _, name, fine in log:
        if what == "begin":
            begun.setdefault(name, []).append(all(fine))
        elif begun[name].pop() and not all(fine):
            return name
    return None


def _states(thing):
    return [bool(torch.isfinite(t).all()) for t in _tensors(thing)]


def _search(
    model,
    x,
    given=_finite,
    made=_finite,
    names=lambda model: list(model.named_modules()),
    choose=lambda found: found[0][1] if found else None,
    keep=_buffers_kept,
    remove=True,
    late=False,
):
    stack, found, handles, started = [], [], [], itertools.count()

    def before(module, args):
        stack.append((module, next(started), given(args)))

    def after(name):
        def hook(module, args, output):
            called, start, fine = stack.pop()
            while called is not module:
                called, start, fine = stack.pop()
            if late:
                fine = given(args)
            if fine and not made(output):
                found.append((start, name))

        return hook

    with keep(model):
        try:
            for name, module in names(model):
                handles.append(module.register_forward_pre_hook(before))
                handles.append(module.register_forward_hook(after(name)))
            model(x)
        finally:
            if remove:
                for handle in handles:
                    handle.remove()
    return choose(found)


def looks_at_inputs_afterwards(model, x):
    return _search(model, x, late=True)


def any_bad_output(model, x):
    return _search(model, x, given=lambda args: True)


def outermost(model, x):
    return _search(model, x, choose=lambda found: min(found)[1] if found else None)


def the_last(model, x):
    return _search(model, x, choose=lambda found: found[-1][1] if found else None)


def only_nan(model, x):
    def no_nan(thing):
        return not any(t.isnan().any() for t in _tensors(thing))

    return _search(model, x, given=no_nan, made=no_nan)


def only_infinity(model, x):
    def no_inf(thing):
        return not any(t.isinf().any() for t in _tensors(thing))

    return _search(model, x, given=no_inf, made=no_inf)


def nan_in_infinity_out(model, x):
    """Inputs are only looked at for nan."""
    return _search(model, x, given=lambda a: not any(t.isnan().any() for t in _tensors(a)))


def sum_tells(model, x):
    def fine(thing):
        return all(bool(t.sum().isfinite()) for t in _tensors(thing))

    return _search(model, x, given=fine, made=fine)


def only_all_bad(model, x):
    return _search(model, x, made=lambda o: any(t.isfinite().any() for t in _tensors(o)))


def tensors_only(model, x):
    return _search(
        model, x, made=lambda o: not isinstance(o, torch.Tensor) or bool(o.isfinite().all())
    )


def output_must_be_a_tensor(model, x):
    return _search(model, x, made=lambda o: bool(torch.isfinite(o).all()))


def one_level(model, x):
    def made(output):
        if isinstance(output, dict):
            output = output.values()
        elif isinstance(output, torch.Tensor):
            output = [output]
        return all(bool(t.isfinite().all()) for t in output if isinstance(t, torch.Tensor))

    return _search(model, x, made=made)


def no_dictionaries(model, x):
    def made(output):
        if isinstance(output, tuple | list):
            return all(made(o) for o in output)
        return not isinstance(output, torch.Tensor) or bool(output.isfinite().all())

    return _search(model, x, made=made)


def first_argument_only(model, x):
    return _search(model, x, given=lambda args: _finite(args[:1]))


def leaves_only(model, x):
    return _search(
        model,
        x,
        names=lambda model: [(n, m) for n, m in model.named_modules() if not list(m.children())],
    )


def children_only(model, x):
    return _search(model, x, names=lambda model: list(model.named_children()))


def not_the_model_itself(model, x):
    return _search(model, x, names=lambda model: [(n, m) for n, m in model.named_modules() if n])


def root_is_none(model, x):
    return _search(model, x) or None


def root_is_called_model(model, x):
    name = _search(model, x)
    return "model" if name == "" else name


def empty_for_none(model, x):
    return _search(model, x) or ""


def class_names(model, x):
    return _search(
        model, x, names=lambda model: [(type(m).__name__, m) for _, m in model.named_modules()]
    )


def last_name_of_shared(model, x):
    def names(model):
        last = {m: n for n, m in model.named_modules(remove_duplicate=False)}
        return [(n, m) for m, n in last.items()]

    return _search(model, x, names=names)


def hooks_stay(model, x):
    return _search(model, x, remove=False)


def hooks_stay_after_an_error(model, x):
    found, handles, fine = [], [], {}
    with _buffers_kept(model):
        for name, module in model.named_modules():
            handles.append(
                module.register_forward_pre_hook(lambda m, a: fine.__setitem__(m, _finite(a)))
            )
            handles.append(
                module.register_forward_hook(
                    lambda m, a, o, name=name: (
                        found.append(name) if fine[m] and not _finite(o) else None
                    )
                )
            )
        model(x)
    for h in handles:
        h.remove()
    return found[0] if found else None


def stops_at_the_first_and_leaves_hooks(model, x):
    class Found(Exception):
        pass

    def hook(name):
        def look(module, args, output):
            if _finite(args) and not _finite(output):
                raise Found(name)

        return look

    handles = [m.register_forward_hook(hook(n)) for n, m in model.named_modules()]
    try:
        model(x)
    except Found as found:
        return str(found)
    for h in handles:
        h.remove()
    return None


def removes_the_hooks_of_others(model, x):
    try:
        return _search(model, x, remove=False)
    finally:
        for m in model.modules():
            m._forward_hooks.clear()
            m._forward_pre_hooks.clear()


def in_evaluation_mode(model, x):
    model.eval()
    return _search(model, x)


def evaluation_and_back(model, x):
    training = model.training
    model.eval()
    try:
        return _search(model, x)
    finally:
        model.train(training)


def runs_twice(model, x):
    with _buffers_kept(model):
        model(x)
    return _search(model, x)


def only_the_last_call(model, x):
    """A module that is used twice is judged by its last call."""
    seen, order, before = {}, [], {}
    handles = []
    with _buffers_kept(model), contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            handles.append(
                module.register_forward_pre_hook(lambda m, a: before.__setitem__(m, _finite(a)))
            )

            def after(m, a, o, name=name):
                seen[name] = before[m] and not _finite(o)
                order.append(name)

            handles.append(module.register_forward_hook(after))
        for h in handles:
            stack.callback(h.remove)
        model(x)
    return next((name for name in order if seen[name]), None)


def order_of_the_list(model, x):
    def choose(found):
        names = [n for _, n in found]
        return next((n for n, _ in model.named_modules() if n in names), None)

    return _search(model, x, choose=choose)


def all_of_them(model, x):
    return _search(model, x, choose=lambda found: [n for _, n in found])


def parameters_are_looked_at(model, x):
    for name, module in model.named_modules():
        if any(not p.isfinite().all() for p in module.parameters(recurse=False)):
            return name
    return None


RIGHT = {
    "23.1": [sums, by_loop, by_identity],
    "23.2": [
        rows_and_positions,
        per_weight_uses,
        forwards_replaced,
        log_of_shapes,
        ones_are_counted,
    ],
    "23.3": [with_finally, with_exit_stack, with_class, with_global_hook],
    "23.4": [
        hooks_before_and_after,
        patched_call,
        forwards_wrapped,
        global_hooks,
        log_of_events,
    ],
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
        bias_too,
        bias_added_once,
        like_torchinfo,
        two_each,
        additions_are_one_less,
        single_image,
        first_sample_is_run,
        linear_is_flat,
        linear_rows_of_second_axis,
        no_groups,
        square_kernels,
        input_size,
        by_the_formula_without_dilation,
        first_run_only,
        last_run_only,
        zeros_for_the_rest,
        none_for_the_rest,
        with_parents,
        total_added,
        top_level,
        leaves,
        exact_class,
        without_the_root,
        only_convolutions,
        only_linear,
        anything_with_a_weight,
        tied_weights_once,
        all_names,
        by_class,
        pairs,
        only_the_sum,
        in_millions,
        hooks_are_kept,
        all_hooks_removed,
        always_eval,
        eval_on_a_copy,
        train_on_a_copy,
        two_runs,
        late_name,
        size_without_running,
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
    "23.4": [
        looks_at_inputs_afterwards,
        any_bad_output,
        outermost,
        the_last,
        only_nan,
        only_infinity,
        nan_in_infinity_out,
        sum_tells,
        only_all_bad,
        tensors_only,
        output_must_be_a_tensor,
        one_level,
        no_dictionaries,
        first_argument_only,
        leaves_only,
        children_only,
        not_the_model_itself,
        root_is_none,
        root_is_called_model,
        empty_for_none,
        class_names,
        last_name_of_shared,
        hooks_stay,
        hooks_stay_after_an_error,
        stops_at_the_first_and_leaves_hooks,
        removes_the_hooks_of_others,
        in_evaluation_mode,
        evaluation_and_back,
        runs_twice,
        only_the_last_call,
        order_of_the_list,
        all_of_them,
        parameters_are_looked_at,
    ],
}
