"""Chapter 19."""

import argparse
import copy
import math
import re
from collections import ChainMap
from decimal import Decimal, InvalidOperation


def boolean_optional():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--model", choices=["small", "large"], default="small")
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    return parser


def two_switches():
    p = argparse.ArgumentParser(
        description="Train a network.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    p.add_argument("data", help="folder of the data")
    p.add_argument("--classes", required=True, type=int, help="number of classes")
    p.add_argument("--lr", default=0.1, type=float, help="learning rate")
    p.add_argument("--model", default="small", choices=("small", "large"), help="size")
    p.add_argument("--shuffle", dest="shuffle", action="store_true", help="shuffle")
    p.add_argument("--no-shuffle", dest="shuffle", action="store_false", help="do not shuffle")
    p.set_defaults(shuffle=True)
    return p


class _Trainer(argparse.ArgumentParser):
    def __init__(self):
        super().__init__(prog="train")
        self.add_argument("data", type=str, metavar="DATA")
        options = self.add_argument_group("options of the run")
        options.add_argument("-c", "--classes", type=int, required=True)
        options.add_argument("-l", "--lr", type=float, default=0.1)
        options.add_argument(
            "-m", "--model", type=str, default="small", choices={"small": 1, "large": 2}
        )
        options.add_argument("--shuffle", default=True, action=argparse.BooleanOptionalAction)


def subclass():
    return _Trainer()


def table_of_options():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    table = {
        "data": {},
        "--classes": dict(type=int, required=True),
        "--lr": dict(type=float, default=0.1),
        "--model": dict(choices=["small", "large"], default="small"),
    }
    for name, kw in table.items():
        parser.add_argument(name, **kw)
    pair = parser.add_mutually_exclusive_group()
    pair.add_argument("--shuffle", action="store_const", const=True, default=True)
    pair.add_argument("--no-shuffle", action="store_const", const=False, dest="shuffle")
    return parser


def _make(data="data", data_kw=None, classes=None, lr=None, model=None, shuffle=None):
    p = argparse.ArgumentParser()
    p.add_argument(data, **data_kw or {})
    p.add_argument("--classes", **classes if classes is not None else dict(type=int, required=True))
    p.add_argument("--lr", **lr if lr is not None else dict(type=float, default=0.1))
    p.add_argument(
        "--model",
        **model if model is not None else dict(choices=["small", "large"], default="small"),
    )
    p.add_argument(
        "--shuffle",
        **shuffle
        if shuffle is not None
        else dict(action=argparse.BooleanOptionalAction, default=True),
    )
    return p


def data_is_an_option():
    return _make(data="--data", data_kw=dict(required=True))


def data_may_lack():
    return _make(data_kw=dict(nargs="?"))


def classes_not_required():
    return _make(classes=dict(type=int, default=10))


def classes_is_text():
    return _make(classes=dict(required=True))


def classes_is_float():
    return _make(classes=dict(type=float, required=True))


def lr_is_text():
    return _make(lr=dict(default=0.1))


def lr_other_default():
    return _make(lr=dict(type=float, default=0.01))


def lr_default_none():
    return _make(lr=dict(type=float))


def any_model():
    return _make(model=dict(default="small"))


def default_large():
    return _make(model=dict(choices=["small", "large"], default="large"))


def model_without_default():
    return _make(model=dict(choices=["small", "large"]))


def shuffle_type_bool():
    return _make(shuffle=dict(type=bool, default=True))


def shuffle_store_true():
    return _make(shuffle=dict(action="store_true"))


def shuffle_default_none():
    return _make(shuffle=dict(action=argparse.BooleanOptionalAction))


def shuffle_off():
    return _make(shuffle=dict(action=argparse.BooleanOptionalAction, default=False))


def no_shuffle_other_name():
    p = _make(shuffle=dict(action="store_true", default=True))
    p.add_argument("--no-shuffle", action="store_true")
    return p


_one = _make()


def always_the_same():
    return _one


def returns_nothing():
    _make()


def float_then_range(text):
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"no number: {text!r}")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def with_regex(text):
    m = re.fullmatch("\\s*(\\+?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)(%?)\\s*", text)
    if m is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no fraction")
    value = float(m[1]) / (100 if m[2] else 1)
    if value > 1:
        raise argparse.ArgumentTypeError("more than everything")
    return value


def with_decimal(text):
    percent = text[-1:] == "%"
    try:
        number = Decimal(text.removesuffix("%"))
        ok = number.is_finite() and 0 <= number <= (100 if percent else 1)
    except InvalidOperation:
        ok = False
    if not ok:
        raise argparse.ArgumentTypeError(f"not a fraction: {text}")
    return float(number / 100 if percent else number)


class _Bad(argparse.ArgumentTypeError):
    pass


def partition_and_subclass_error(s):
    number, sign, rest = s.partition("%")
    try:
        if rest:
            raise ValueError(rest)
        x = float(number)
        if sign:
            x = x / 100
        if math.isnan(x) or x < 0 or x > 1:
            raise ValueError(x)
    except ValueError as error:
        raise _Bad(str(error)) from error
    return x


def _num(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(text)


def nan_slips_through(text):
    v = _num(text[:-1]) / 100 if text.endswith("%") else _num(text)
    if v < 0 or v > 1:
        raise argparse.ArgumentTypeError(text)
    return v


def strips_all_percents(text):
    v = _num(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def replaces_percents(text):
    v = _num(text.replace("%", "")) / (100 if "%" in text else 1)
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def twenty_is_percent(text):
    v = _num(text.removesuffix("%"))
    if text.endswith("%") or v > 1:
        v /= 100
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def no_range(text):
    return _num(text[:-1]) / 100 if text.endswith("%") else _num(text)


def excludes_ends(text):
    v = _num(text[:-1]) / 100 if text.endswith("%") else _num(text)
    if not 0 < v < 1:
        raise argparse.ArgumentTypeError(text)
    return v


def excludes_zero(text):
    v = _num(text[:-1]) / 100 if text.endswith("%") else _num(text)
    if not 0 < v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def raises_value_error(text):
    v = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= v <= 1:
        raise ValueError(text)
    return v


def lets_float_raise(text):
    v = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def percent_not_divided(text):
    v = _num(text.removesuffix("%"))
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def clamps(text):
    v = _num(text[:-1]) / 100 if text.endswith("%") else _num(text)
    return min(1.0, max(0.0, v))


def integer_percent_only(text):
    try:
        v = int(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(text)
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def range_before_division(text):
    if text.endswith("%"):
        return _num(text[:-1]) / 100
    v = _num(text)
    if not 0 <= v <= 1:
        raise argparse.ArgumentTypeError(text)
    return v


def returns_error(text):
    try:
        return float_then_range(text)
    except argparse.ArgumentTypeError as e:
        return e


def returns_text(text):
    return str(float_then_range(text))


def three_updates(defaults, file, command):
    for options in (file, command):
        for name in options:
            if name not in defaults:
                raise ValueError(f"unknown option {name}")
    result = dict(defaults)
    result.update(file)
    result.update({k: v for k, v in command.items() if v is not None})
    return result


def union_operator(defaults, file, command):
    unknown = (file.keys() | command.keys()) - defaults.keys()
    if unknown:
        raise ValueError("unknown: " + ", ".join(sorted(map(str, unknown))))
    return defaults | file | {k: v for k, v in command.items() if v is not None}


def name_by_name(d, f, c):
    for name in [*f, *c]:
        if name not in d:
            raise ValueError(name)
    out = {}
    for name, default in d.items():
        if c.get(name) is not None:
            out[name] = c[name]
        elif name in f:
            out[name] = f[name]
        else:
            out[name] = default
    return out


def with_chain_map(defaults, file, command):
    for name in ChainMap(command, file):
        if name not in defaults:
            raise ValueError("no such option: %s" % name)
    given = {k: v for k, v in command.items() if v is not None}
    return {k: ChainMap(given, file, defaults)[k] for k in defaults}


def deep_copies(defaults, file, command):
    out = copy.deepcopy(defaults)
    for source, none_counts in ((file, True), (command, False)):
        for k, v in source.items():
            if k not in out:
                raise ValueError(f"'{k}' is not an option")
            if none_counts or v is not None:
                out[k] = v
    return out


def _known(defaults, *others):
    for o in others:
        for k in o:
            if k not in defaults:
                raise ValueError(k)


def none_on_command_wins(defaults, file, command):
    _known(defaults, file, command)
    return {**defaults, **file, **command}


def none_in_file_ignored(defaults, file, command):
    _known(defaults, file, command)
    out = dict(defaults)
    for o in (file, command):
        out.update({k: v for k, v in o.items() if v is not None})
    return out


def falsy_on_command_ignored(defaults, file, command):
    _known(defaults, file, command)
    return {**defaults, **file, **{k: v for k, v in command.items() if v}}


def file_beats_command(defaults, file, command):
    _known(defaults, file, command)
    return {**defaults, **{k: v for k, v in command.items() if v is not None}, **file}


def updates_defaults(defaults, file, command):
    _known(defaults, file, command)
    defaults.update(file)
    defaults.update({k: v for k, v in command.items() if v is not None})
    return defaults


def pops_from_command(defaults, file, command):
    _known(defaults, file, command)
    for k in [k for k, v in command.items() if v is None]:
        command.pop(k)
    return {**defaults, **file, **command}


def unknown_ignored(defaults, file, command):
    given = {k: v for k, v in command.items() if v is not None}
    return {k: given.get(k, file.get(k, v)) for k, v in defaults.items()}


def unknown_taken(defaults, file, command):
    return {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}


def unknown_none_passes(defaults, file, command):
    given = {k: v for k, v in command.items() if v is not None}
    _known(defaults, file, given)
    return {**defaults, **file, **given}


def unknown_file_none_passes(defaults, file, command):
    _known(defaults, {k: v for k, v in file.items() if v is not None}, command)
    return {
        k: command[k] if command.get(k) is not None else file.get(k, v) for k, v in defaults.items()
    }


def checks_file_only(defaults, file, command):
    _known(defaults, file)
    given = {k: v for k, v in command.items() if v is not None and k in defaults}
    return {**defaults, **file, **given}


def checks_command_only(defaults, file, command):
    _known(defaults, command)
    given = {k: v for k, v in command.items() if v is not None}
    return {**defaults, **{k: v for k, v in file.items() if k in defaults}, **given}


def error_without_name(defaults, file, command):
    if (file.keys() | command.keys()) - defaults.keys():
        raise ValueError("unknown option")
    return {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}


def key_error(defaults, file, command):
    for k in [*file, *command]:
        if k not in defaults:
            raise KeyError(k)
    return {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}


def drops_none_defaults(defaults, file, command):
    _known(defaults, file, command)
    out = {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}
    return {k: v for k, v in out.items() if v is not None}


RIGHT = {
    "19.1": [boolean_optional, two_switches, subclass, table_of_options],
    "19.2": [float_then_range, with_regex, with_decimal, partition_and_subclass_error],
    "19.3": [three_updates, union_operator, name_by_name, with_chain_map, deep_copies],
}
WRONG = {
    "19.1": [
        data_is_an_option,
        data_may_lack,
        classes_not_required,
        classes_is_text,
        classes_is_float,
        lr_is_text,
        lr_other_default,
        lr_default_none,
        any_model,
        default_large,
        model_without_default,
        shuffle_type_bool,
        shuffle_store_true,
        shuffle_default_none,
        shuffle_off,
        no_shuffle_other_name,
        always_the_same,
        returns_nothing,
    ],
    "19.2": [
        nan_slips_through,
        strips_all_percents,
        replaces_percents,
        twenty_is_percent,
        no_range,
        excludes_ends,
        excludes_zero,
        raises_value_error,
        lets_float_raise,
        percent_not_divided,
        clamps,
        integer_percent_only,
        range_before_division,
        returns_error,
        returns_text,
    ],
    "19.3": [
        none_on_command_wins,
        none_in_file_ignored,
        falsy_on_command_ignored,
        file_beats_command,
        updates_defaults,
        pops_from_command,
        unknown_ignored,
        unknown_taken,
        unknown_none_passes,
        unknown_file_none_passes,
        checks_file_only,
        checks_command_only,
        error_without_name,
        key_error,
        drops_none_defaults,
    ],
}
