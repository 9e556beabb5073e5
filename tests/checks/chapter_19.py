"""Right and wrong answers to the exercises of chapter 19, and the hint that each must get."""

import argparse
import hashlib
import itertools
import json
import math
import re
from argparse import ArgumentTypeError
from collections import ChainMap
from pathlib import Path

SHARED = argparse.ArgumentParser()


def build(
    data="data", classes=int, lr=float, choices=("small", "large"), required=True, switch=None, **of
):
    parser = argparse.ArgumentParser()
    parser.add_argument(data, **of)
    parser.add_argument("--classes", type=classes, required=required)
    parser.add_argument("--lr", type=lr, default=0.1)
    parser.add_argument("--model", choices=choices, default="small")
    switch = switch or {"action": argparse.BooleanOptionalAction}
    parser.add_argument("--shuffle", default=True, **switch)
    return parser


def in_order():
    return build()


def two_switches():
    parser = argparse.ArgumentParser(description="Trains a network.", allow_abbrev=False)
    parser.add_argument("--shuffle", action="store_true", dest="shuffle", default=True)
    parser.add_argument("--no-shuffle", action="store_false", dest="shuffle")
    parser.add_argument("-m", "--model", choices={"small": 1, "large": 2}, default="small")
    parser.add_argument("-l", "--lr", default="0.1", type=lambda text: float(text))
    parser.add_argument("-c", "--classes", required=True, type=lambda text: int(text))
    parser.add_argument("data", help="folder", metavar="FOLDER", type=Path)
    return parser


class Parser(argparse.ArgumentParser):
    def __init__(self):
        super().__init__(prog="train", exit_on_error=False)
        group = self.add_argument_group("training")
        group.add_argument("--lr", type=float)
        group.add_argument("--classes", type=int, required=True)
        self.add_argument("data", type=str)
        self.add_argument("--model", choices=["large", "small"])
        self.add_argument("--shuffle", action=argparse.BooleanOptionalAction)
        self.set_defaults(lr=0.1, model="small", shuffle=True)


def a_class_of_its_own():
    return Parser()


def always_on():
    return build(switch={"action": "store_true"})


def a_value_for_the_switch():
    return build(switch={"type": bool})


def turns_off():
    return build(switch={"action": "store_false"})


def classes_as_text():
    return build(classes=str)


def classes_as_float():
    return build(classes=float)


def lr_as_text():
    return build(lr=None)


def lr_as_integer():
    return build(lr=int)


def any_model():
    return build(choices=None)


def a_third_model():
    return build(choices=("small", "medium", "large"))


def not_required():
    return build(required=False)


def data_with_dashes():
    return build(data="--data")


def data_may_be_missing():
    return build(nargs="?")


def many_data():
    return build(nargs="+")


def another_default():
    parser = build()
    parser.set_defaults(lr=0.01)
    return parser


def no_model():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--lr", type=float, default=0.1)
    return parser


def parses_at_once():
    return build().parse_args()


def a_namespace():
    return build().parse_args(["images", "--classes", "10"])


def always_the_same(parser=SHARED, done=[]):  # noqa: B006
    if not done:
        done.append(True)
        parser.add_argument("data")
        parser.add_argument("--classes", type=int, required=True)
        parser.add_argument("--lr", type=float, default=0.1)
        parser.add_argument("--model", choices=["small", "large"], default="small")
        parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    return parser


def number_of(text):
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def by_a_pattern(text):
    if not re.fullmatch(r"\d+(\.\d+)?%?", text) or not 0 <= number_of(text) <= 1:
        raise ArgumentTypeError(f"{text} is not a fraction")
    return number_of(text)


def by_partition(text):
    number, sign, rest = text.partition("%")
    try:
        value = float(number) * (0.01 if sign else 1)
    except ValueError as error:
        raise ArgumentTypeError("no number") from error
    if rest or math.isnan(value) or value < 0 or value > 1:
        raise ArgumentTypeError("out of range")
    return value


class BadFraction(ArgumentTypeError):
    pass


def an_error_of_its_own(text):
    percent = text[-1:] == "%"
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        raise BadFraction(text) from None
    value = value / 100 if percent else value
    if value >= 0 and value <= 1:
        return float(value)
    raise BadFraction(text)


def checked(text, read=number_of, above=True):
    try:
        value = read(text)
    except ValueError:
        raise ArgumentTypeError(text) from None
    inside = value >= 0 and (value <= 1 or not above)
    if not inside:
        raise ArgumentTypeError(text)
    return value


def no_percent(text):
    return float(text)


def any_number(text):
    return number_of(text)


def value_error(text):
    value = number_of(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def compared_undivided(text):
    value = float(text.removesuffix("%"))
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is out of range")
    return value


def open_ends(text):
    value = number_of(text)
    if not 0 < value < 1:
        raise ArgumentTypeError("out of range")
    return value


def lets_nan_through(text):
    try:
        value = number_of(text)
    except ValueError:
        raise ArgumentTypeError(text) from None
    if value < 0 or value > 1:
        raise ArgumentTypeError(text)
    return value


def every_number_above_one_is_a_percentage(text):
    value = checked(text, lambda t: float(t.rstrip("%")), above=False)
    return value / 100 if value > 1 else value


def not_divided(text):
    return checked(text, lambda t: float(t.removesuffix("%")), above=False)


def strips_all_signs(text):
    return checked(text, lambda t: float(t.rstrip("%")) / (100 if t.endswith("%") else 1))


def sign_anywhere(text):
    return checked(text, lambda t: float(re.sub("^%|%$", "", t)) / (100 if "%" in t else 1))


def whole_percentages(text):
    return checked(text, lambda t: int(t[:-1]) / 100 if t.endswith("%") else float(t))


def integers_at_the_ends(text):
    return int(text) if text in ("0", "1") else checked(text)


def clamps(text):
    try:
        return min(max(number_of(text), 0.0), 1.0)
    except ValueError:
        raise ArgumentTypeError(text) from None


def returns_none_for_bad_ones(text):
    try:
        return checked(text)
    except ArgumentTypeError:
        return None


def comma_for_point(text):
    return checked(text, lambda t: number_of(t.replace(",", ".")))


def always_divides(text):
    return checked(text, lambda t: float(t.removesuffix("%")) / 100)


def look_at_names(defaults, *others):
    for other in others:
        for name in other:
            if name not in defaults:
                raise ValueError(f"unknown option {name!r}")


def by_update(defaults, file, command):
    look_at_names(defaults, file, command)
    result = dict(defaults)
    result.update(file)
    result.update((k, v) for k, v in command.items() if v is not None)
    return result


def by_a_chain(defaults, file, command):
    unknown = (file.keys() | command.keys()) - defaults.keys()
    if unknown:
        raise ValueError(unknown)
    return ChainMap({k: v for k, v in command.items() if v is not None}, file, defaults)


def name_by_name(defaults, file, command):
    look_at_names(defaults, command, file)
    result = {}
    for name in defaults:
        if command.get(name) is not None:
            result[name] = command[name]
        else:
            result[name] = file[name] if name in file else defaults[name]
    return result


def file_wins(defaults, file, command):
    return {**defaults, **{k: v for k, v in command.items() if v is not None}, **file}


def copies_none(defaults, file, command):
    return {**defaults, **file, **command}


def changes_the_defaults(defaults, file, command):
    defaults.update(file)
    defaults.update({k: v for k, v in command.items() if v is not None})
    return defaults


def clears_the_command(defaults, file, command):
    for name in [name for name, value in command.items() if value is None]:
        del command[name]
    return {**defaults, **file, **command}


def drops_zero(defaults, file, command):
    return {**defaults, **file, **{k: v for k, v in command.items() if v}}


def takes_all(defaults, file, command):
    return {**defaults, **file, **{k: v for k, v in command.items() if v is not None}}


def drops_none(defaults, file, command):
    look_at_names(defaults, file, command)
    return {k: v for k, v in takes_all(defaults, file, command).items() if v is not None}


def key_error(defaults, file, command):
    for name in [*file, *command]:
        defaults[name]
    return takes_all(defaults, file, command)


def nameless_error(defaults, file, command):
    if not set(file) | set(command) <= set(defaults):
        raise ValueError("unknown option")
    return takes_all(defaults, file, command)


def looks_at_the_file_only(defaults, file, command):
    look_at_names(defaults, file)
    return takes_all(defaults, file, command)


def looks_at_given_ones_only(defaults, file, command):
    given = {k: v for k, v in command.items() if v is not None}
    look_at_names(defaults, file, given)
    return {**defaults, **file, **given}


def passes_over_unknown_names(defaults, file, command):
    found = takes_all(defaults, file, command)
    return {name: found[name] for name in defaults}


def none_in_the_file_too(defaults, file, command):
    look_at_names(defaults, file, command)
    file = {k: v for k, v in file.items() if v is not None}
    return takes_all(defaults, file, command)


def without_defaults(defaults, file, command):
    look_at_names(defaults, file, command)
    return {**file, **{k: v for k, v in command.items() if v is not None}}


def a_list_of_pairs(defaults, file, command):
    return list(by_update(defaults, file, command).items())


def falsy_in_the_file(defaults, file, command):
    look_at_names(defaults, file, command)
    return takes_all(defaults, {k: v for k, v in file.items() if v}, command)


def _scores(grid, run, known, keep):
    records = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        if (key := json.dumps(settings, sort_keys=True)) not in known:
            try:
                known[key] = run(**settings)
            except ValueError:
                known[key] = None
            keep(key, known[key])
        records.append({"settings": settings, "score": known[key]})
    return sorted(records, key=lambda r: (r["score"] is None, -(r["score"] or 0)))


def one_file(grid, run, folder):
    path = folder / "scores.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known = {key: score for key, score in known.items() if score is not None}

    def keep(key, score):
        path.write_text(json.dumps(known))

    return _scores(grid, run, known, keep)


def a_growing_file(grid, run, folder):
    path = folder / "log.jsonl"
    path.touch()
    known = dict(map(json.loads, path.read_text().splitlines()))

    def keep(key, score):
        if score is not None:
            with open(path, "a") as file:
                file.write(json.dumps([key, score]) + "\n")

    return _scores(grid, run, known, keep)


def a_file_for_each(grid, run, folder):
    records, failed = [], []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        text = json.dumps(sorted(settings.items()))
        path = folder / hashlib.sha256(text.encode()).hexdigest()
        if not path.exists():
            try:
                score = run(**settings)
            except ValueError:
                failed.append({"settings": settings, "score": None})
                continue
            path.write_text(repr(score))
        records.append({"settings": settings, "score": float(path.read_text())})
    records.sort(key=lambda record: record["score"])
    return records[::-1] + failed


def keeps_nothing(grid, run, folder):
    return _scores(grid, run, {}, lambda key, score: None)


def keeps_at_the_end(grid, run, folder):
    path = folder / "scores.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known = {key: score for key, score in known.items() if score is not None}
    records = _scores(grid, run, known, lambda key, score: None)
    path.write_text(json.dumps(known))
    return records


def keeps_failures(grid, run, folder):
    path = folder / "scores.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    return _scores(grid, run, known, lambda k, s: path.write_text(json.dumps(known)))


def lowest_first(grid, run, folder):
    return one_file(grid, run, folder)[::-1]


def in_order_of_the_grid(grid, run, folder):
    records = one_file(grid, run, folder)
    return sorted(records, key=lambda record: str(record["settings"]))


def _named(grid, run, folder, name):
    records = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        path = folder / name(settings)
        if not path.exists():
            path.write_text(repr(run(**settings)))
        records.append({"settings": settings, "score": float(path.read_text())})
    return sorted(records, key=lambda record: -record["score"])


def values_in_the_name(grid, run, folder):
    return _named(grid, run, folder, lambda s: "_".join(f"{k}={v}" for k, v in s.items()))


def values_as_text(grid, run, folder):
    return _named(
        grid, run, folder, lambda s: "_".join(f"{k}={v}" for k, v in sorted(s.items())).replace(
            "/", "-"))  # fmt: skip


def slashes_replaced(grid, run, folder):
    return _named(
        grid, run, folder, lambda s: "_".join(f"{k}={v!r}" for k, v in s.items()).replace("/", "-")
    )


def slashes_meet_other_signs(grid, run, folder):
    return _named(grid, run, folder, lambda s: str(sorted(s.items())).replace("/", "_"))


def fails_with_the_run(grid, run, folder):
    return _named(
        grid, run, folder,
        lambda s: hashlib.sha256(json.dumps(s, sort_keys=True).encode()).hexdigest(),
    )  # fmt: skip


def catches_everything(grid, run, folder):
    def careful(**settings):
        try:
            return run(**settings)
        except BaseException:
            raise ValueError from None

    return one_file(grid, careful, folder)


def side_by_side(grid, run, folder):
    return [{"settings": dict(zip(grid, values, strict=False)),
             "score": run(**dict(zip(grid, values, strict=False)))}
            for values in zip(*grid.values(), strict=False)]  # fmt: skip


def all_in_the_folder(grid, run, folder):
    one_file(grid, run, folder)
    known = json.loads((folder / "scores.json").read_text())
    records = [{"settings": json.loads(key), "score": score} for key, score in known.items()]
    return sorted(records, key=lambda r: (r["score"] is None, -(r["score"] or 0)))


def nan_for_failures(grid, run, folder):
    records = one_file(grid, run, folder)
    return [{**r, "score": math.nan if r["score"] is None else r["score"]} for r in records]


def scores_alone(grid, run, folder):
    return [record["score"] for record in one_file(grid, run, folder)]


RIGHT = {
    "19.1": [in_order, two_switches, a_class_of_its_own],
    "19.2": [by_a_pattern, by_partition, an_error_of_its_own],
    "19.3": [by_update, by_a_chain, name_by_name],
    "19.4": [one_file, a_growing_file, a_file_for_each],
}

WRONG = {
    "19.4": [
        (keeps_nothing, "which has a score already"),
        (keeps_at_the_end, "write each score when its run ends"),
        (keeps_failures, "should be tried again by the next sweep"),
        (lowest_first, "The lowest score comes first"),
        (in_order_of_the_grid, "not in order of their scores"),
        (values_in_the_name, "which has a score already"),
        (values_as_text, "called 0 times"),
        (slashes_replaced, "which has a score already"),
        (slashes_meet_other_signs, "called 0 times"),
        (fails_with_the_run, "the whole sweep ended"),
        (catches_everything, "did not end the sweep"),
        (side_by_side, "has no entry for"),
        (all_in_the_folder, "which is no combination of this grid"),
        (nan_for_failures, "should be None"),
        (scores_alone, "should be a dictionary"),
    ],
    "19.1": [
        (always_on, "'--classes 3 --lr 2 --model large --no-shuffle photos'"),
        (a_value_for_the_switch, "A switch takes no value"),
        (turns_off, "'--classes 3 --lr 2 --model large --no-shuffle photos'"),
        (classes_as_text, "classes is the text '10': give it type=int"),
        (classes_as_float, "classes is 10.0, and it should be 10"),
        (lr_as_text, "lr is the text '2': give it type=float"),
        (lr_as_integer, "lr is 2, and it should be 2.0"),
        (any_model, "name its choices"),
        (a_third_model, "its choices are small and large"),
        (not_required, "--classes is required, and may be left out"),
        (data_with_dashes, "it should be positional"),
        (data_may_be_missing, "data is positional, and may be left out"),
        (many_data, "nargs makes a list"),
        (another_default, "lr is 0.01, and it should be 0.1, the default"),
        (no_model, "there is no option called model"),
        (parses_at_once, "leave parse_args to whoever calls it"),
        (a_namespace, "should return an argparse.ArgumentParser, and it is an object of type"),
        (always_the_same, "the parser of the first one"),
    ],
    "19.2": [
        (compared_undivided, "'20%' was refused, and it is 0.2: a percentage is divided by 100"),
        (no_percent, "Cut it off first"),
        (any_number, "'1.5' was accepted"),
        (value_error, "ArgumentTypeError is asked for, and value_error raised ValueError"),
        (open_ends, "Both ends are allowed"),
        (lets_nan_through, "every comparison with it is False"),
        (every_number_above_one_is_a_percentage, "is 1.0, and it should be 0.01"),
        (not_divided, "A percentage is to be divided by 100"),
        (strips_all_signs, "a percentage has one percent sign"),
        (sign_anywhere, "the percent sign stands at the end"),
        (whole_percentages, "'12.5%' was refused, and it is from 0 to 1"),
        (integers_at_the_ends, "fraction('0') should be a Python float, and it is the number 0"),
        (clamps, "'1.5' was accepted"),
        (returns_none_for_bad_ones, "'1.5' was accepted"),
        (comma_for_point, "a comma is not a decimal point"),
        (always_divides, "Divide by 100 only where there is a percent sign"),
    ],
    "19.3": [
        (file_wins, "the file won over the command line"),
        (copies_none, "it means that the option was not given"),
        (changes_the_defaults, "The entries of the argument defaults have changed"),
        (clears_the_command, "The entries of the argument command have changed"),
        (drops_zero, "ask whether it is None"),
        (takes_all, "An unknown name in the file was accepted"),
        (drops_none, "the result has every name of defaults"),
        (key_error, "ValueError is asked for, and key_error raised KeyError"),
        (nameless_error, "should have the unknown name in its message"),
        (looks_at_the_file_only, "An unknown name in the command line was accepted"),
        (looks_at_given_ones_only, "with None as its value, was accepted"),
        (passes_over_unknown_names, "An unknown name in the file was accepted"),
        (none_in_the_file_too, "Only on the command line does None mean not given"),
        (without_defaults, "options that only the defaults have are missing"),
        (a_list_of_pairs, "should be a dictionary, and it is a list of 4"),
        (falsy_in_the_file, "in the file was taken as not given"),
    ],
}
