"""Checks of chapter 19, Configuration."""

import argparse
import contextlib
import io
from typing import Any

from helpers.checks.machinery import Wrong, call, exercise, require


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> Any:
    """Returns the options, or None where the parser refuses the words."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return parser.parse_args(words)
        except SystemExit:
            return None


@exercise("19.1")
def make_parser(answer: Any) -> str:
    parser = call(answer)
    require(
        isinstance(parser, argparse.ArgumentParser),
        f"An ArgumentParser should be returned, not {type(parser).__name__}.",
    )
    options = _parse(parser, ["images", "--classes", "10"])
    require(options is not None, "It refuses ['images', '--classes', '10'].")
    names = {"data", "classes", "lr", "model", "shuffle"}
    missing = names - set(vars(options))
    require(not missing, f"There is no option for {sorted(missing)}.")
    require(not isinstance(options.classes, str), "classes is a string: give it type=int.")
    require(options.lr == 0.1 and options.model == "small", "A default is wrong: lr or model.")
    require(
        not isinstance(getattr(_parse(parser, ["d", "--classes", "1", "--lr", "2"]), "lr", 0), str),
        "lr is a string when it is given: give it type=float.",
    )
    require(options.shuffle is True, "shuffle should be on by default.")
    off = _parse(parser, ["images", "--classes", "10", "--no-shuffle"])
    require(
        off is not None and off.shuffle is False,
        "--no-shuffle does not turn shuffle off: use BooleanOptionalAction.",
    )
    require(_parse(parser, ["images"]) is None, "--classes is required, but may be left out.")
    require(_parse(parser, ["--classes", "1"]) is None, "data may be left out: it is positional.")
    require(
        _parse(parser, ["d", "--classes", "1", "--model", "huge"]) is None,
        "--model takes any word: name its choices.",
    )
    call(answer)
    return "Every call makes a new one."


@exercise("19.2")
def fraction(answer: Any) -> str:
    for text, expected in (("0.2", 0.2), ("20%", 0.2), ("0", 0.0), ("100%", 1.0), ("1", 1.0)):
        try:
            value = call(answer, text)
        except argparse.ArgumentTypeError as error:
            raise Wrong(f"{text!r} was refused: {error}. Both ends are allowed.") from error
        except ValueError as error:
            raise Wrong(f"{text!r} raised a ValueError: cut off the percent sign.") from error
        require(abs(value - expected) < 1e-9, f"{text!r} gave {value}, expected {expected}.")
    for text in ("1.5", "-0.1", "120%", "nan", "some", "%", ""):
        try:
            value = answer(text)
        except argparse.ArgumentTypeError:
            continue
        except Exception as error:
            raise Wrong(
                f"{text!r} raised {type(error).__name__}: raise argparse.ArgumentTypeError, whose "
                "message reaches the user."
            ) from error
        raise Wrong(f"{text!r} was accepted as {value}: only 0 to 1 is allowed.")
    return "argparse puts the argument's name in front of your message."


@exercise("19.3")
def merge(answer: Any) -> str:
    defaults, file = {"lr": 0.1, "epochs": 3, "seed": 0}, {"lr": 0.2, "epochs": 5}
    command = {"lr": None, "epochs": 7, "seed": None}
    given = [dict(part) for part in (defaults, file, command)]
    result = call(answer, *given)
    require(isinstance(result, dict), f"It returned {type(result).__name__}, expected dict.")
    require(
        given == [defaults, file, command],
        "An argument was changed: make a new dictionary.",
    )
    require(result.get("epochs") != 5, "The file won over the command line.")
    require(
        None not in result.values(), "None on the command line means not given: do not copy it."
    )
    require(
        result == {"lr": 0.2, "epochs": 7, "seed": 0},
        f"It gave {result}, expected {{'lr': 0.2, 'epochs': 7, 'seed': 0}}.",
    )
    falsy = call(answer, {"lr": 0.1}, {}, {"lr": 0})
    require(falsy == {"lr": 0}, "An option of 0 was taken as not given: compare with None.")
    for place, arguments in (
        ("file", ({"lr": 1}, {"rate": 2}, {})),
        ("command line", ({"lr": 1}, {}, {"rate": 2})),
    ):
        try:
            answer(*arguments)
        except ValueError as error:
            require("rate" in str(error), "The ValueError should name the unknown option.")
        else:
            raise Wrong(f"An unknown name in the {place} was accepted: raise a ValueError.")
    return "One order of precedence."
