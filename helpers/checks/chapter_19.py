"""Checks of chapter 19, configuration."""

import argparse
import contextlib
import io
import itertools
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path, PurePath
from typing import Any

from helpers.checks.machinery import (
    Wrong,
    as_dict,
    as_float,
    as_list,
    as_number,
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
            require(
                text != "20%",
                f"{text!r} was refused, and it is {expected}: a percentage is divided by 100 "
                "before it is compared.",
            )
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


@exercise(
    "19.4",
    hints=(
        "Three parts: all combinations, a name of a file for each that no other combination can "
        "have, and a record that is written as soon as its run ends. What must a failed run not "
        "leave behind?",
        "itertools.product(*grid.values()) gives the combinations, and json.dumps(settings, "
        "sort_keys=True) the same text for the same settings. Read what the folder has before you "
        "run; catch ValueError around run alone.",
    ),
)
def sweep(answer: Any) -> str:
    for grid in (
        {"lr": [0.1, 0.01, 0.001], "batch_size": [8, 64]},
        {"model": ["small", "large"], "data": ["photos/cats", "photos_cats", "photos-cats"]},
        {"size": [1, "1", 2], "offset": [-1, -2]},
        {"a": ["1_b=2", "1"], "b": ["3", "2_b=3"]},
        {"first": [1, 2], "second": [1, 2]},
        {"name": ["a\tb", "c\nd", 'e"f', "g, h"]},
    ):
        with tempfile.TemporaryDirectory() as folder:
            _try_sweep(answer, grid, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _try_failure(answer, Path(folder))
    for kind, what in ((KeyboardInterrupt, "Ctrl-C"), (MemoryError, "a MemoryError")):
        with tempfile.TemporaryDirectory() as folder:
            _try_interruption(answer, Path(folder), kind, what)
    return "Stop it when you like: no finished run is lost, and none is done twice."


class _Runs:
    """Stands for a training: remembers its calls, and scores each combination by its place."""

    def __init__(self, grid: dict[str, list]):
        self.combinations = [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        self.calls: list[dict] = []
        self.fails: dict = {}
        self.stops_at: int | None = None
        self.stops_with: type[BaseException] = KeyboardInterrupt
        self.at_the_stop: Any = None

    def __call__(self, **settings: Any) -> float:
        require(
            _text(settings) in map(_text, self.combinations),
            f"run was called with {_short(settings)}, which is no combination of the grid: each "
            "name with one of its values.",
        )
        if len(self.calls) == self.stops_at:
            self.at_the_stop()
            raise self.stops_with
        self.calls.append(settings)
        if settings == self.fails:
            raise ValueError("the loss is nan")
        return self.score(settings)

    def score(self, settings: dict) -> float:
        place = [_text(c) for c in self.combinations].index(_text(settings))
        return (place * 5 % 7 - 3) / 7


def _text(settings: dict) -> str:
    return json.dumps(settings, sort_keys=True)


def _sweep(answer: Any, grid: dict, runs: _Runs, folder: Path) -> list[dict]:
    """Calls the answer and takes what it returns as records."""
    name = f"sweep({_short(grid)}, run, folder)"
    records = as_list(call(answer, grid, runs, folder), name)
    for record in records:
        record = as_dict(record, f"an entry of {name}")
        require(
            set(record) == {"settings", "score"},
            f"An entry of {name} has the keys {sorted(map(str, record))}, and it should have "
            "settings and score.",
        )
        as_dict(record["settings"], f"settings in an entry of {name}")
    wanted = [_text(c) for c in runs.combinations]
    found = [_text(record["settings"]) for record in records]
    for text in wanted:
        require(text in found, f"{name} has no entry for {text}.")
    for text in found:
        require(
            text in wanted,
            f"{name} has an entry for {text}, which is no combination of this grid. It is of an "
            "earlier one, perhaps: return those of this grid alone.",
        )
    require(len(found) == len(wanted), f"{name} has an entry twice.")
    return records


def _compare_scores(records: list[dict], runs: _Runs, fails: dict | None = None) -> None:
    scores = []
    for record in records:
        settings, score = record["settings"], record["score"]
        if fails is not None and settings == fails:
            require(
                score is None,
                f"The run of {_text(settings)} raised a ValueError, and its score is "
                f"{plain(score)}: it should be None.",
            )
            require(record is records[-1], "A run that failed comes last, behind all others.")
            continue
        score = as_number(score, f"The score of {_text(settings)}")
        right = runs.score(settings)
        require(
            score == right,
            f"The score of {_text(settings)} is {plain(score)}, and it should be {right}, which "
            "run returned for it. Did two combinations meet in one name, or was it rounded?",
        )
        scores.append(score)
    require(
        scores != sorted(scores) or len(set(scores)) < 2,
        "The lowest score comes first, and the highest should.",
    )
    require(scores == sorted(scores, reverse=True), "The entries are not in order of their scores.")


def _try_sweep(answer: Any, grid: dict, folder: Path) -> None:
    runs = _Runs(grid)
    records = _sweep(answer, grid, runs, folder)
    done = Counter(map(_text, runs.calls))
    for text in map(_text, runs.combinations):
        require(
            done[text] == 1,
            f"run was called {done[text]} times with {text}, and once is right: the grid was "
            f"{_short(grid)}.",
        )
    _compare_scores(records, runs)
    first = next(iter(grid))
    more = {**grid, first: [*grid[first], "new"]}
    for what, later in (
        ("the same grid again", grid),
        ("the same grid, its names in another order", dict(reversed(grid.items()))),
        ("a grid with one value more", more),
        ("a smaller grid", {**grid, first: grid[first][:1]}),
        ("the whole grid, after a smaller one,", grid),
    ):
        runs = _Runs(later)
        if later is not more:
            scores = {_text(r["settings"]): r["score"] for r in records}
            runs.score = lambda settings, known=scores: known[_text(settings)]
            again = _sweep(answer, later, runs, folder)
            require(
                not runs.calls,
                f"With {what}, in the same folder, run was called for "
                f"{_text((runs.calls or [{}])[0])}, which has a score already.",
            )
            _compare_scores(again, runs)
            continue
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            _sweep(answer, later, runs, Path(copy))
        known = {_text(record["settings"]) for record in records}
        twice = [c for c in map(_text, runs.calls) if c in known]
        require(
            not twice,
            f"With {what}, run was called for {twice[:1]}, which has a score already.",
        )


def _try_failure(answer: Any, folder: Path) -> None:
    grid = {"lr": [0.1, 100.0, 0.01], "seed": [0, 1]}
    runs = _Runs(grid)
    runs.fails = {"lr": 100.0, "seed": 0}
    try:
        records = _sweep(answer, grid, runs, folder)
    except ValueError as error:
        raise Wrong(
            f"run raised a ValueError ({error}) for one combination, and the whole sweep ended: "
            "catch it, and go on with the others."
        ) from error
    _compare_scores(records, runs, runs.fails)
    again = _Runs(grid)
    records = _sweep(answer, grid, again, folder)
    require(
        again.calls == [runs.fails],
        "A run that failed should be tried again by the next sweep, and no other: run was called "
        f"{len(again.calls)} times.",
    )
    _compare_scores(records, again)


def _try_interruption(answer: Any, folder: Path, kind: type[BaseException], what: str) -> None:
    grid = {"lr": [0.1, 0.2, 0.3], "seed": [0, 1]}
    runs = _Runs(grid)
    runs.stops_at, runs.stops_with = 4, kind
    with tempfile.TemporaryDirectory() as name:
        left = Path(name) / "as the power failed"
        runs.at_the_stop = lambda: shutil.copytree(folder, left)
        try:
            call(answer, grid, runs, folder)
        except kind:
            pass
        else:
            raise Wrong(f"{what} in the middle of a run did not end the sweep: catch ValueError.")
        for place, when in ((folder, f"when {what} came"), (left, "when the power failed")):
            rest = _Runs(grid)
            records = _sweep(answer, grid, rest, place)
            require(
                len(rest.calls) == 2,
                f"Four of six runs had ended {when}, and the next sweep ran {len(rest.calls)}, and "
                "not 2: write each score when its run ends.",
            )
            _compare_scores(records, rest)
