"""Typical wrong answers to the exercises of chapter 20, and the hint that each must get."""

from pathlib import Path


def replaces(state, prefix):
    return {name.replace(prefix, ""): value for name, value in state.items()}


def strips(state, prefix):
    return {name.lstrip(prefix): value for name, value in state.items()}


def merges(state, prefix):
    return {name.removeprefix(prefix): value for name, value in state.items()}


def drops_others(state, prefix):
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}


def only_names(model, state):
    model.load_state_dict(state, strict=False)
    return sorted(state)


def says_all(model, state):
    own = model.state_dict()
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fits, strict=False)
    return sorted(state)


def copies_nothing(model, state):
    own = model.state_dict()
    fits = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    return sorted(fits)


def as_text(folder, count):
    paths = sorted(Path(folder).glob("epoch_*.pt"))
    for path in paths[:-count]:
        path.unlink()
    return [path.name for path in paths[-count:]]


def all_files(folder, count):
    paths = sorted(Path(folder).glob("*.pt"), key=lambda p: int(f"0{p.stem[6:]}"))
    for path in paths[:-count]:
        path.unlink()
    return [path.name for path in paths[-count:]]


def no_zero(folder, count):
    paths = sorted(Path(folder).glob("epoch_*.pt"), key=lambda p: int(p.stem[6:]))
    for path in paths[:-count]:
        path.unlink()
    return [path.name for path in paths[-count:]]


WRONG = {
    "20.1": [
        (replaces, "only names that begin"),
        (strips, "remove the prefix once"),
        (merges, "no ValueError was raised"),
        (drops_others, "stay as they are"),
    ],
    "20.2": [
        (only_names, "not shapes"),
        (says_all, "does not have"),
        (copies_nothing, "was not copied"),
    ],
    "20.3": [
        (as_text, "Compare the numbers"),
        (all_files, "best.pt was removed"),
        (no_zero, "With count 0"),
    ],
}
