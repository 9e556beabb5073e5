"""Typical wrong answers to the exercises of chapter 19, and the hint that each must get."""

import argparse

SHARED = argparse.ArgumentParser()


def build(classes=int, shuffle=None, choices=("small", "large"), required=True):
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--classes", type=classes, required=required)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--model", choices=choices, default="small")
    if shuffle:
        parser.add_argument("--shuffle", action="store_true", default=True)
    else:
        parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    return parser


def always_on():
    return build(shuffle="store_true")


def strings():
    return build(classes=str)


def any_model():
    return build(choices=None)


def not_required():
    return build(required=False)


def no_percent(text):
    return float(text)


def any_number(text):
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def value_error(text):
    value = any_number(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def open_ends(text):
    value = any_number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("out of range")
    return value


def file_wins(defaults, file, command):
    return {**defaults, **command, **file}


def copies_none(defaults, file, command):
    return {**defaults, **file, **command}


def changes(defaults, file, command):
    defaults.update(file)
    defaults.update({k: v for k, v in command.items() if v is not None})
    return defaults


def drops_zero(defaults, file, command):
    return {**defaults, **file, **{k: v for k, v in command.items() if v}}


def takes_all(defaults, file, command):
    return {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}


WRONG = {
    "19.1": [
        (always_on, "use BooleanOptionalAction"),
        (strings, "give it type=int"),
        (any_model, "name its choices"),
        (not_required, "may be left out"),
    ],
    "19.2": [
        (no_percent, "cut off the percent sign"),
        (any_number, "only 0 to 1"),
        (value_error, "message reaches the user"),
        (open_ends, "Both ends are allowed"),
    ],
    "19.3": [
        (file_wins, "The file won"),
        (copies_none, "means not given"),
        (changes, "make a new dictionary"),
        (drops_zero, "compare with None"),
        (takes_all, "unknown name"),
    ],
}
