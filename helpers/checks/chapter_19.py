"""Checks of chapter 19, configuration."""

import argparse
import contextlib
import io
from pathlib import PurePath
from typing import Any

from helpers.checks.machinery import (
    Wrong,
    as_dict,
    as_float,
    call,
    exercise,
    plain,
    require,
    require_error,
)


@exercise(
    "19.1",
    hints=(
        "An argument's name tells whether it is positional: no dashes in front. What turns the "
        "words of the command line into numbers, and what makes the two forms of a switch?",
        "add_argument takes type=, default=, required=, choices= and action=; "
        "action=argparse.BooleanOptionalAction makes --shuffle and --no-shuffle. Make the parser "
        "inside the function.",
    ),
)
def make_parser(answer: Any) -> str:
    parser = _parser(answer)
    defaults = {"data": "images", "classes": 10, "lr": 0.1, "model": "small", "shuffle": True}
    _compare(parser, ["images", "--classes", "10"], defaults)
    _compare(
        parser,
        ["--classes", "3", "--lr", "2", "--model", "large", "--no-shuffle", "photos"],
        {"data": "photos", "classes": 3, "lr": 2.0, "model": "large", "shuffle": False},
    )
    _compare(
        parser,
        ["x", "--lr", "1e-3", "--classes", "100", "--shuffle", "--model", "small"],
        {"data": "x", "classes": 100, "lr": 0.001, "model": "small", "shuffle": True},
    )
    for words, why in (
        (["images"], "--classes is required, and may be left out: required=True."),
        (["--classes", "1"], "data is positional, and may be left out."),
        (["a", "--classes", "1", "--model", "huge"], "--model takes any word: name its choices."),
        (
            ["a", "--classes", "1", "--model", "medium"],
            "--model takes the word medium, and its choices are small and large.",
        ),
        (["a", "--classes", "2.5"], "--classes takes 2.5, and an integer is asked for: type=int."),
        (["a", "--classes", "ten"], "--classes takes the word ten: give it type=int."),
        (["a", "--classes", "1", "--lr", "fast"], "--lr takes the word fast: give it type=float."),
        (["a", "b", "--classes", "1"], "data takes two words, and it should be one: no nargs."),
    ):
        require(isinstance(_parse(parser, words), str), why)
    require(
        _parser(answer) is not parser,
        "The second call returned the parser of the first one, with all that was added to it since "
        "then: make a new one inside the function.",
    )
    return "Every call makes a new one."


def _parser(answer: Any) -> argparse.ArgumentParser:
    try:
        parser = call(answer)
    except SystemExit as error:
        raise Wrong(
            "make_parser() parsed the command line of this notebook itself, and ended: return the "
            "parser, and leave parse_args to whoever calls it."
        ) from error
    require(
        isinstance(parser, argparse.ArgumentParser),
        f"make_parser() should return an argparse.ArgumentParser, and it is {plain(parser)}.",
    )
    return parser


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> dict[str, Any] | str:
    """Returns the options, or the parser's reason where it refuses the words."""
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            return vars(parser.parse_args(list(words)))
        except argparse.ArgumentError as error:
            return str(error)
        except SystemExit:
            return told.getvalue().strip().rpartition("error: ")[2].replace("\n", " ")


def _compare(parser: argparse.ArgumentParser, words: list[str], wanted: dict[str, Any]) -> None:
    found, line = _parse(parser, words), " ".join(words)
    if isinstance(found, str):
        dashed = [f"--data={w}" if w == wanted["data"] else w for w in words]
        require(
            isinstance(_parse(parser, dashed), str),
            "data is an option, --data, and it should be positional: a name without dashes.",
        )
        hints = {
            "shuffle": " A switch takes no value: action=argparse.BooleanOptionalAction makes both "
            "forms of it.",
        }
        raise Wrong(
            f"The parser refuses {line!r}: {found or 'it gives no reason'}."
            f"{hints['shuffle'] if 'shuffle' in found else ''}"
        )
    for name, value in wanted.items():
        require(name in found, f"After {line!r} there is no option called {name}.")
        given = f"--{name}" in words or name == "data"
        told = f"After {line!r}, {name} is {plain(found[name])}, and it should be {plain(value)}"
        if type(found[name]) is type(value) and found[name] == value:
            continue
        if isinstance(found[name], PurePath) and str(found[name]) == value:
            continue
        if isinstance(found[name], str) and not isinstance(value, str):
            raise Wrong(
                f"After {line!r}, {name} is the text {found[name]!r}: give it "
                f"type={type(value).__name__}."
            )
        if name == "shuffle" and value is False:
            raise Wrong(
                f"{told}: --no-shuffle does not turn it off. action="
                "argparse.BooleanOptionalAction makes both forms."
            )
        if isinstance(found[name], list):
            raise Wrong(f"{told}: nargs makes a list, and one word is asked for.")
        if name == "shuffle" and "--shuffle" in words:
            raise Wrong(f"{told}: --shuffle turns it off.")
        raise Wrong(f"{told}." if given else f"{told}, the default.")


@exercise(
    "19.2",
    hints=(
        "float() reads the number, and raises a ValueError for what is not one. What has to go "
        "before it can read a percentage, and which value fails every comparison?",
        "text.endswith('%') tells a percentage, text[:-1] is what stands before the sign. Catch "
        "the ValueError around float(), then ask for 0 <= value <= 1, which is False for nan.",
    ),
)
def fraction(answer: Any) -> str:
    for text, expected in (
        ("0.2", 0.2), ("20%", 0.2), ("0", 0.0), ("1", 1.0), ("0%", 0.0), ("100%", 1.0),
        ("0.875", 0.875), ("12.5%", 0.125), ("1%", 0.01), ("0.5%", 0.005), ("1.0", 1.0),
        ("99.9%", 0.999),
    ):  # fmt: skip
        try:
            value = call(answer, text)
        except argparse.ArgumentTypeError as error:
            ends = " Both ends are allowed." if expected in (0, 1) else ""
            raise Wrong(f"{text!r} was refused, and it is from 0 to 1.{ends}") from error
        except ValueError as error:
            if "%" not in text:
                raise
            raise Wrong(
                f"{text!r} raised a ValueError: float() cannot read a percent sign. Cut it off "
                "first."
            ) from error
        value = as_float(value, f"fraction({text!r})")
        hint = ""
        if "%" in text and abs(value - 100 * expected) < 1e-9:
            hint = " A percentage is to be divided by 100."
        elif "%" not in text and abs(value - expected / 100) < 1e-9:
            hint = " Divide by 100 only where there is a percent sign."
        require(
            abs(value - expected) < 1e-9,
            f"fraction({text!r}) is {plain(value)}, and it should be {plain(expected)}.{hint}",
        )
    for text, why in (
        ("1.5", "it is above 1"), ("-0.1", "it is below 0"), ("120%", "it is above 1"),
        ("-5%", "it is below 0"), ("20", "without a percent sign it is the number 20, above 1"),
        ("1.01", "it is above 1"), ("some", "it is not a number"), ("", "it is not a number"),
        ("%", "there is no number before the sign"), ("0,2", "a comma is not a decimal point"),
        ("20%%", "a percentage has one percent sign"),
        ("%20", "the percent sign stands at the end"),
        ("%20%", "the percent sign stands at the end"),
        ("2%0", "the percent sign stands at the end"), ("some%", "it is not a number"),
        ("nan", "nan is not from 0 to 1, and every comparison with it is False"),
        ("nan%", "nan is not from 0 to 1, and every comparison with it is False"),
        ("inf", "it is above 1"), ("-inf", "it is below 0"),
    ):  # fmt: skip
        require_error(
            argparse.ArgumentTypeError,
            answer,
            text,
            hint=f"{text!r} was accepted, and it should raise argparse.ArgumentTypeError: {why}.",
        )
    return "argparse puts the argument's name in front of your message."


@exercise(
    "19.3",
    hints=(
        "Begin with a copy of the weakest, and let each stronger one write over it. What has to be "
        "taken out of the command line before it may write?",
        "{**defaults, **file, **given} lets the later one win, where given holds the entries of "
        "command whose value is not None. Look at all names first, and raise the ValueError there.",
    ),
)
def merge(answer: Any) -> str:
    cases = (
        (
            {"lr": 0.1, "epochs": 3, "seed": 0, "size": 32},
            {"lr": 0.2, "epochs": 5},
            {"lr": None, "epochs": 7, "seed": None, "size": 64},
        ),
        (
            {"lr": 0.1, "shuffle": True, "name": "a", "size": 1},
            {"name": "b"},
            {"lr": 0, "shuffle": False, "size": 2},
        ),
        ({"lr": 0.1, "name": "a", "size": 1}, {"lr": 0, "name": "", "size": 2}, {}),
        ({"seed": None, "lr": 1}, {}, {"lr": 2}),
        ({"seed": 3, "lr": 1}, {"seed": None, "lr": 2}, {"seed": None}),
        ({"rate": [1, 2], "x": 1, "y": 1}, {"rate": [3], "y": 2}, {"rate": [], "x": 2}),
        ({"a": 1}, {}, {}),
    )
    for defaults, file, command in cases:
        name = f"merge({_short(defaults)}, {_short(file)}, {_short(command)})"
        result = as_dict(call(answer, dict(defaults), dict(file), dict(command)), name)
        given = {k: v for k, v in command.items() if v is not None}
        wanted = {**defaults, **file, **given}
        if result == wanted:
            continue
        for wrong, hint in _mistakes(defaults, file, command, given):
            require(result != wrong or wrong == wanted, f"For {name}: {hint}")
        for key in [*wanted, *result]:
            require(key in result, f"{name} has no {key!r}: it should have every name of defaults.")
            require(key in wanted, f"{name} has {key!r}, which is not a name of defaults.")
            require(
                result[key] == wanted[key],
                f"{name} has {plain(result[key])} for {key!r}, and it should be "
                f"{plain(wanted[key])}.",
            )
    for place, arguments in (
        ("file", ({"lr": 1}, {"rate": 2}, {})),
        ("command line", ({"lr": 1}, {}, {"rate": 2})),
        ("file, beside a known one,", ({"lr": 1, "seed": 2}, {"lr": 2, "rate": 3}, {"seed": 1})),
        ("command line, beside a known one,", ({"lr": 1}, {"lr": 2}, {"lr": 3, "rate": 3})),
        ("command line, with None as its value,", ({"lr": 1}, {}, {"rate": None})),
        ("file, with None as its value,", ({"lr": 1}, {"rate": None}, {})),
    ):
        hint = f"An unknown name in the {place} was accepted: raise a ValueError."
        require_error(ValueError, answer, *(dict(part) for part in arguments), hint=hint)
        try:
            answer(*(dict(part) for part in arguments))
        except ValueError as error:
            require(
                "rate" in str(error),
                "The ValueError should have the unknown name in its message, so that its reader "
                "knows what to mend.",
            )
    return "One order of precedence."


def _short(options: dict[str, Any]) -> str:
    return repr(options).replace("'", '"')


def _mistakes(defaults: dict, file: dict, command: dict, given: dict) -> list[tuple[dict, str]]:
    """Returns the results of typical mistakes, each with its hint."""
    return [
        (
            {**defaults, **file, **command},
            "None on the command line was copied: it means that the option was not given.",
        ),
        ({**defaults, **given, **file}, "the file won over the command line."),
        ({**file, **given, **defaults}, "the default won: begin with the defaults."),
        ({**defaults, **given}, "the file was left out."),
        ({**defaults, **file}, "the command line was left out."),
        (
            {**defaults, **file, **{k: v for k, v in command.items() if v}},
            "0, False or an empty value on the command line was taken as not given: ask whether it "
            "is None.",
        ),
        (
            {**defaults, **{k: v for k, v in file.items() if v is not None}, **given},
            "None in the file was passed over. Only on the command line does None mean not given.",
        ),
        (
            {**defaults, **{k: v for k, v in file.items() if v}, **given},
            "0 or an empty value in the file was taken as not given.",
        ),
        (
            {k: v for k, v in {**defaults, **file, **given}.items() if v is not None},
            "an option whose value is None is missing: the result has every name of defaults.",
        ),
        (
            {**file, **given},
            "options that only the defaults have are missing: it should have every name of "
            "defaults.",
        ),
    ]
