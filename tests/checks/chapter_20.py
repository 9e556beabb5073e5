"""Typical wrong answers to the exercises of chapter 20, and the hint that each must get."""

from pathlib import Path

import torch


def replaces(state, prefix):
    return {name.replace(prefix, ""): value for name, value in state.items()}


def strips(state, prefix):
    return {name.lstrip(prefix): value for name, value in state.items()}


def merges(state, prefix):
    return {name.removeprefix(prefix): value for name, value in state.items()}


def drops_others(state, prefix):
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}


def in_place(states):
    total = states[0]
    for state in states[1:]:
        for name in total:
            total[name] += state[name]
    return {name: value / len(states) for name, value in total.items()}


def counters_too(states):
    stacks = {n: torch.stack([s[n] for s in states]).double() for n in states[0]}
    return {name: stack.mean(dim=0).float() for name, stack in stacks.items()}


def only_the_sum(states):
    stacks = {n: torch.stack([s[n] for s in states]) for n in states[0]}
    return {name: stack.sum(dim=0) for name, stack in stacks.items()}


def any_names(states):
    stacks = {n: torch.stack([s[n] for s in states]) for n in states[0]}
    return {n: s.mean(dim=0) if s.is_floating_point() else s[-1] for n, s in stacks.items()}


def names_of_the_last(states):
    stacks = {n: torch.stack([s[n] for s in states]) for n in states[-1]}
    return {n: s.mean(dim=0) if s.is_floating_point() else s[-1] for n, s in stacks.items()}


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
        (in_place, "was changed"),
        (counters_too, "taken from the last state"),
        (only_the_sum, "the mean is 3"),
        (any_names, "no ValueError was raised"),
        (names_of_the_last, "gave a KeyError"),
    ],
    "20.3": [
        (as_text, "Compare the numbers"),
        (all_files, "best.pt was removed"),
        (no_zero, "With count 0"),
    ],
}
