"""Typical wrong answers to the exercises of chapter 23, and the hint that each must get."""


def counts_shared_twice(model):
    trainable = {name: p for name, p in model.named_parameters(remove_duplicate=False)}
    return {
        "trainable": sum(p.numel() for p in trainable.values() if p.requires_grad),
        "frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad),
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def ignores_frozen(model):
    return {
        "trainable": sum(p.numel() for p in model.parameters()),
        "frozen": 0,
        "buffers": sum(b.numel() for b in model.buffers()),
    }


def counts_tensors(model):
    return {
        "trainable": len([p for p in model.parameters() if p.requires_grad]),
        "frozen": len([p for p in model.parameters() if not p.requires_grad]),
        "buffers": len(list(model.buffers())),
    }


def without_buffers(model):
    return {
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad),
    }


def _positions(conv, height, width):
    positions = 1
    for n, k, s, p, d in zip(
        (height, width), conv.kernel_size, conv.stride, conv.padding, conv.dilation, strict=True
    ):
        positions *= (n + 2 * p - d * (k - 1) - 1) // s + 1
    return positions


def with_biases(conv, height, width):
    return sum(p.numel() for p in conv.parameters()) * _positions(conv, height, width)


def forgets_groups(conv, height, width):
    weights = conv.out_channels * conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
    return weights * _positions(conv, height, width)


def input_positions(conv, height, width):
    return conv.weight.numel() * height * width + 1


def width_first(conv, height, width):
    positions = 1
    for n, k, s, p, d in zip(
        (width, height), conv.kernel_size, conv.stride, conv.padding, conv.dilation, strict=True
    ):
        positions *= (n + 2 * p - d * (k - 1) - 1) // s + 1
    return conv.weight.numel() * positions


def leaves_hooks(model, names, x):
    kept = {}
    for name in names:

        def keep(module, inputs, output, name=name):
            kept[name] = output.detach().clone()

        model.get_submodule(name).register_forward_hook(keep)
    model(x)
    return kept


def _record(model, names, x, store, bind=True):
    kept, handles = {}, []
    for name in names:
        if bind:

            def keep(module, inputs, output, name=name):
                kept[name] = store(output)

        else:

            def keep(module, inputs, output):
                kept[names[-1]] = kept[names[0]] = store(output)

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    model(x)
    for handle in handles:
        handle.remove()
    return kept


def late_name(model, names, x):
    return _record(model, names, x, lambda output: output.detach().clone(), bind=False)


def no_clone(model, names, x):
    return _record(model, names, x, lambda output: output.detach())


def no_detach(model, names, x):
    return _record(model, names, x, lambda output: output.clone())


def no_finally(model, names, x):
    return _record(model, names, x, lambda output: output.detach().clone())


WRONG = {
    "23.1": [
        (counts_shared_twice, "share a weight, which counts once"),
        (ignores_frozen, "the frozen convolution is in it"),
        (counts_tensors, "the number of tensors"),
        (without_buffers, "Return a dictionary with the keys"),
    ],
    "23.2": [
        (with_biases, "The biases are counted"),
        (forgets_groups, "only its group's inputs"),
        (input_positions, "216 weights × 120 positions"),
        (width_first, "height first"),
    ],
    "23.3": [
        (leaves_hooks, "remove each handle"),
        (late_name, "bind it by name=name"),
        (no_clone, "store a clone"),
        (no_detach, "detach them"),
        (no_finally, "remove it in finally"),
    ],
}
