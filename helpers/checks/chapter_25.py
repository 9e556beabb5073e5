"""Checks of chapter 25, TensorBoard."""

import math
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from helpers.checks.machinery import (
    Wrong,
    as_integer,
    as_number,
    as_numbers,
    as_pair,
    as_text,
    call,
    compare,
    describe,
    exercise,
    plain,
    require,
    require_error,
)

# (step, value), in the order in which they are written.
Events = Iterable[tuple[int, float]]


@contextmanager
def _folder() -> Iterator[Path]:
    """Yields an empty folder, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def _write(folder: Path, scalars: dict[str, Events], attempt: int = 1) -> None:
    """Writes one file of events; later attempts have later times."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), filename_suffix=f".{attempt}") as writer:
        for tag, events in scalars.items():
            for time, (step, value) in enumerate(events):
                writer.add_scalar(tag, value, step, walltime=1000.0 * attempt + time)


@exercise(
    "25.1",
    hints=(
        "An accumulator reads all files of a folder. By what do you compare two events, and what "
        "decides between two events of the same step?",
        "EventAccumulator(str(folder)).Reload() has Tags()['scalars'] and Scalars(tag), whose "
        "events have step, wall_time and value. max(..., key=...) takes a key of two parts.",
    ),
)
def last_value(answer: Any) -> str:
    with _folder() as folder:
        loss, accuracy = (
            [(0, 1.0), (2, 1.5), (7, 0.5), (3, 0.75)],
            [(2, 0.25), (1, 0.125), (2, 0.375)],
        )
        _write(folder, {"loss": loss, "val/accuracy": accuracy})
        _compare_last(answer, folder, "loss", loss)
        _compare_last(answer, folder, "val/accuracy", accuracy)
        _require_key_error(answer, folder)
        again = [(0, 2.0), (7, 0.25)]
        _write(folder, {"loss": again}, attempt=2)
        _compare_last(answer, folder, "loss", loss + again)
        once_more = [(4, 0.0625), (5, 8.0)]
        _write(folder, {"loss": once_more}, attempt=3)
        _compare_last(answer, folder, "loss", loss + again + once_more)
        _compare_last(answer, folder, "val/accuracy", accuracy)
    with _folder() as folder:
        long = [(900 if k == 20 else k, k / 8) for k in range(60)]
        _write(folder, {"loss": long, "rate": long[::-1]})
        for tag, events in (("loss", long), ("rate", long[::-1])):
            _compare_last(answer, folder, tag, events)
    return "The same as the page shows under the pointer."


def _compare_last(answer: Any, folder: Path, tag: str, events: list[tuple[int, float]]) -> None:
    steps = [step for step, _ in events]
    name = f"last_value(folder, {tag!r}), for the steps {steps},"
    step, value = as_pair(call(answer, folder, tag), name, "the step", "the value")
    values = [value for _, value in events]
    last = max(range(len(events)), key=lambda i: (steps[i], i))
    found = as_number(step, f"the step of {name}"), as_number(value, f"the value of {name}")
    wanted = events[last]
    if found == wanted:
        as_integer(step, f"the step of {name}")
        return
    require(
        found != wanted[::-1], f"{name} is {plain(found)}: the step comes first, then the value."
    )
    first = steps.index(wanted[0])
    for wrong, hint in (
        (events[-1], "That is the event written last. The highest step stands earlier."),
        (events[first], f"Step {wanted[0]} was written more than once, and that is the first "
         "time: the event written last counts, the one with the latest wall_time."),
        ((len(events), wanted[1]), "The first number is how many events there are, not the step."),
        ((last, wanted[1]), "The first number is the place in the list, not the step."),
        (events[values.index(max(values))], "That is the event with the highest value: the highest "
         "step is asked for."),
        (events[values.index(min(values))], "That is the event with the lowest value: the highest "
         "step is asked for."),
        ((wanted[0], max(values)), "The step is right, and the value is the highest of all."),
        (events[0], "That is the event written first."),
    ):  # fmt: skip
        require(found != wrong, hint)
    raise Wrong(f"{name} is {plain(found)}, and it should be {plain(wanted)}.")


def _require_key_error(answer: Any, folder: Path) -> None:
    hint = "For an unknown tag it returned something: raise a KeyError."
    require_error(KeyError, answer, folder, "rate", hint=hint)
    try:
        answer(folder, "rate")
    except KeyError as error:
        require(
            all(tag in str(error) for tag in ("loss", "val/accuracy")),
            "The KeyError for an unknown tag should name the tags there are, loss and "
            f"val/accuracy, and it says: {str(error)[:100]}",
        )


@exercise(
    "25.2",
    hints=(
        "The average begins at 0, so the first values are too small. By what do you divide to make "
        "up for that, after n values?",
        "last = weight * last + (1 - weight) * value, and last / (1 - weight**n) is drawn. n "
        "counts finite values only; math.isfinite tells them.",
    ),
)
def slider(answer: Any) -> str:
    nan, inf = math.nan, math.inf
    for values, weight in (
        ([1.0, 0.0, 0.0, 2.0], 0.6),
        ([3.0, -1.0, 4.0, 1.0, 5.0, 9.0], 0.9),
        ([2.5], 0.99),
        ([1.0, 0.0, 0.0, 2.0], 0.0),
        ([1.0, nan, 0.0, 4.0], 0.5),
        ([nan, nan, 2.0, 6.0], 0.75),
        ([1.0, inf, 3.0, 0.5], 0.6),
        ([2.0, -inf, 5.0], 0.6),
        ([1.0, nan, -inf, inf, 3.0, 2.0], 0.0),
    ):
        name = f"slider({_texts(values)}, {weight})"
        result = call(answer, list(values), weight)
        found = as_numbers(result, name)
        require(
            len(found) == len(values),
            f"{name} should have a number for each of the {len(values)} values, and it has "
            f"{len(found)}: nan and infinity are passed through.",
        )
        compare(
            torch.tensor(found, dtype=torch.float64),
            torch.tensor(_smooth(values, weight), dtype=torch.float64),
            name,
            1e-5,
            _slider_mistakes(values, weight),
        )
    return (
        "Now you know what the slider hides: it lags behind by about weight / (1 - weight) steps."
    )


def _texts(values: list[float]) -> str:
    return f"[{', '.join(str(value) for value in values)}]"


def _smooth(
    values: list[float], weight: float, skip: Any = math.isfinite, debias: bool = True,
    count: Any = math.isfinite, base: float | None = None,
) -> list[float]:  # fmt: skip
    """Returns the weighted means of the finite values so far, newer ones weighing more."""
    result, kept, n = [], [], 0
    base = weight if base is None else base
    for value in values:
        n += bool(count(value))
        if not skip(value):
            result.append(value)
            continue
        kept.append(value)
        powers = [weight**i for i in range(len(kept))][::-1]
        total = sum(p * v for p, v in zip(powers, kept, strict=True)) * (1 - weight)
        result.append(total / (1 - base**n) if debias else total)
    return result


def _from_the_first(values: list[float], weight: float) -> list[float]:
    last, result = None, []
    for value in values:
        if math.isfinite(value):
            last = value if last is None else weight * last + (1 - weight) * value
            value = last
        result.append(value)
    return result


def _slider_mistakes(values: list[float], weight: float) -> dict[str, Any]:
    def tensor(numbers: list[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.float64)

    def always(value: float) -> bool:
        return True

    finite = [v for v in values if math.isfinite(v)]
    return {
        "The first values are too small, as the average began at 0: divide by 1 - weight**n.": (
            tensor(_smooth(values, weight, debias=False))
        ),
        "The average begins at the first value. TensorBoard begins at 0, and divides by "
        "1 - weight**n.": tensor(_from_the_first(values, weight)),
        "The weight belongs to the old average, and 1 - weight to the new value: they are "
        "exchanged.": lambda: tensor(_smooth(values, 1 - weight)),
        "The weights are exchanged: the past has the weight, the new value 1 - weight.": (
            lambda: tensor(_smooth(values, 1 - weight, base=weight))
        ),
        "The weight belongs to the old average, and 1 - weight to the new value: they are "
        "exchanged, and the average begins at the first value.": (
            lambda: tensor(_from_the_first(values, 1 - weight))
        ),
        "Minus infinity was averaged, and spoils what follows: it is passed through, too.": (
            lambda: tensor(
                _smooth(values, weight, lambda v: not (v != v or v == math.inf),
                        count=lambda v: not (v != v or v == math.inf))
            )
        ),
        "Infinity was averaged, and spoils what follows: it is passed through, as nan is.": (
            lambda: tensor(
                _smooth(values, weight, lambda v: not math.isnan(v), count=lambda v: v == v)
            )
        ),
        "After a nan or an infinity the line should go on: it is passed through, and not "
        "averaged.": lambda: tensor(_smooth(values, weight, skip=always, count=always)),
        "The divisor 1 - weight**n counts all values: n counts finite ones.": (
            lambda: tensor(_smooth(values, weight, count=always))
        ),
        "Nothing was smoothed: these are the values as they are.": tensor(values),
        "nan and infinity were replaced by the average: they are passed through.": (
            lambda: tensor(_filled(values, weight))
        ),
        "This is the plain mean of the values so far: older ones should weigh less.": (
            lambda: tensor([sum(finite[: i + 1]) / (i + 1) for i in range(len(values))])
        ),
    }  # fmt: skip


def _filled(values: list[float], weight: float) -> list[float]:
    last, result = 0.0, []
    for value, smoothed in zip(values, _smooth(values, weight), strict=True):
        last = smoothed if math.isfinite(value) else last
        result.append(last)
    return result


@exercise(
    "25.3",
    hints=(
        "Where there is a file of events, its folder is a run. Which method of Path finds such "
        "files at any depth, and how does exercise 25.1 help with each run?",
        'Path(folder).rglob("events.out.tfevents.*") finds the files; the set of their parents are '
        "the runs. Keep the last value of each that has the tag; relative_to(folder).as_posix() is "
        "its name.",
    ),
)
def best_run(answer: Any) -> str:
    with _folder() as folder:
        for run, events in (
            ("sweep/a", [(0, 0.2), (1, 0.95), (2, 0.5)]),
            ("sweep/b", [(0, 0.1), (1, 0.7), (2, 0.75)]),
            ("c", [(0, 0.6)]),
            ("sweep/e", [(3, 0.3), (1, 0.99)]),
            ("f", [(10, 0.15)]),
            ("h", [(0, 0.01)]),
            ("i", [(0, 0.2), (4, 0.9), (4, 0.25)]),
        ):
            _write(folder / run, {"accuracy": events})
        _write(folder / "d", {"loss": [(0, 9.0)]})
        _write(folder / "g", {"accuracy": [(0, 0.97)]})
        _write(folder / "g", {"accuracy": [(1, 0.4)]}, attempt=2)
        _compare_run(
            answer, folder, "accuracy", "sweep/b",
            {
                "sweep/a": "it had the highest value on the way, 0.95, but 0.5 at its last step",
                "c": "it is the best of those one level down. Runs may lie deeper: sweep/b is a "
                "run, too. See Path.rglob",
                "sweep/e": "the event with 0.99 was written last, but its step is 1, and the "
                "highest step, 3, has 0.3",
                "f": "it has the highest step, 10, and only 0.15 there",
                "i": "its last step, 4, was written twice, and the event written last counts: 0.25",
                "h": "it has the lowest value: the highest is asked for",
                "g": "it has two files, and is one run: 0.97 is in the first, and the highest "
                "step, with 0.4, in the second",
                "d": "it has no scalar called accuracy",
            },
        )  # fmt: skip
    with _folder() as folder:
        _write(folder / "x" / "y" / "z", {"score": [(0, -3.0), (5, -1.0)], "other": [(0, 1.0)]})
        _write(folder / "x", {"score": [(0, -2.0)]})
        _write(folder / "w", {"score": [(5, -5.0)], "other": [(0, 3.0)]})
        _write(folder / "v", {"other": [(0, 5.0)]})
        _compare_run(
            answer, folder, "score", "x/y/z",
            {
                "x": "it ended at -2, and x/y/z, a run in a folder below it, at -1",
                "w": "it ended at -5, and x/y/z at -1",
                "v": "it has no scalar called score",
                "": "all values are below 0: a search must not begin at 0",
            },
        )  # fmt: skip
    return "A table of runs is one loop more."


def _compare_run(answer: Any, folder: Path, tag: str, wanted: str, why: dict[str, str]) -> None:
    result = call(answer, folder, tag)
    if isinstance(result, Path):
        raise Wrong(f"It returned a Path, {plain(result.name)} at its end: text is asked for.")
    found = as_text(result, f"best_run(folder, {tag!r})")
    if found == wanted:
        return
    require(
        not Path(found).is_absolute(),
        f"It returned the whole path: the path relative to the folder is asked for, {wanted!r}.",
    )
    require(
        found != Path(wanted).name,
        f"The name alone is not enough: {wanted!r}, relative to the folder.",
    )
    require(
        not found.startswith(wanted),
        f"It returned the path of a file: the run is its folder, {wanted!r}.",
    )
    require(found not in why, f"It returned {plain(found)}: {why.get(found)}.")
    names = {Path(run).name: text for run, text in why.items()}
    require(found not in names, f"It returned {plain(found)}: {names.get(found)}.")
    raise Wrong(f"It returned {plain(found)}, and it should be {wanted!r}.")


@exercise(
    "25.4",
    hints=(
        "Where does a second run of the same script go, so that the two never mix? And when must "
        "an epoch's numbers be in the file, if the next one may kill the process?",
        "Make a new folder for each call, for example with tempfile.mkdtemp(dir=folder). Inside "
        "`with SummaryWriter(...) as writer`, add_text once, then for each epoch, counted from 1, "
        "add_scalar for each pair of name and value, and flush.",
    ),
)
def log_run(answer: Any) -> str:
    with _held_back():
        _require_runs(answer)
        for kind in (_Crash, ValueError, RuntimeError, KeyError, OSError):
            _require_crash(answer, kind("the training stops here"))
    return "What you log this way survives a crash, and never mixes with another run."


class _Crash(Exception):
    """What the check's training raises."""


@contextmanager
def _held_back() -> Iterator[None]:
    """Lets what is added to a file of events reach it at a flush or a close, and not before.

    The writer has a thread that writes when it likes, so a number that nobody flushed may be in
    the file already. Here it never is.
    """
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    held, add = defaultdict(list), EventFileWriter.add_event

    def after_release(method: Any) -> Any:
        def release(writer: EventFileWriter) -> None:
            for event in held.pop(writer, []):
                add(writer, event)
            method(writer)

        return release

    with patch.multiple(
        EventFileWriter,
        add_event=lambda writer, event: held[writer].append(event),
        flush=after_release(EventFileWriter.flush),
        close=after_release(EventFileWriter.close),
    ):
        yield


_SETTINGS = {"lr": 0.125, "optimizer": "AdamW", "width": 48}
# New names come and old ones go, an epoch yields none, and numbers are whole, zero and negative.
_RUNS = (
    [{"loss": 1.5, "val/accuracy": 0.25}, {"loss": 1.25}, {}, {"loss": 0.0, "reward": -0.5},
     {"loss": 0.125, "val/accuracy": 0.5, "seen": 300}],
    [{"loss": 3.0}, {"loss": 2.0}],
    [{"loss": 4.0}],
)  # fmt: skip


def _require_runs(answer: Any) -> None:
    with _folder() as folder:
        found: list[Path] = []
        for epochs in _RUNS:
            if name := _next_name([path.relative_to(folder) for path in found]):
                _write(folder / name, {"loss": [(1, 9.0)]})  # as an earlier session may have done
            before, late = _runs_below(folder), []
            source = _watched(folder, before, epochs, late)
            path = _path_of_run(call(answer, folder, dict(_SETTINGS), source), folder)
            require(
                path not in found,
                "A second call wrote into the folder of the first, so the two runs mix: each call "
                "needs a new folder.",
            )
            require(
                path not in before,
                f"A call wrote into {path.name!r}, a folder with a run of an earlier session: the "
                "name must be new among the folders, not only since the session began.",
            )
            _require_scalars(path, epochs)
            _require_settings(path, _SETTINGS)
            require(
                not late,
                f"When epoch {min(late, default=0)} began, the numbers of the last one were not "
                "in the files for certain: log each epoch as it comes, and flush.",
            )
            found.append(path)
        for path, epochs in zip(found, _RUNS, strict=True):
            _require_scalars(path, epochs)
        _require_new_after_removal(answer, folder, found)


def _require_new_after_removal(answer: Any, folder: Path, found: list[Path]) -> None:
    """Removes the first run: the number of folders is then that of a run that still stands."""
    shutil.rmtree(found[0])
    before = _runs_below(folder)
    path = _path_of_run(call(answer, folder, dict(_SETTINGS), iter(_RUNS[1])), folder)
    require(
        path not in before,
        f"After an older run was deleted, a call wrote into {path.name!r}, a folder with a run: "
        "how many folders there are is no new name.",
    )


def _next_name(runs: list[Path]) -> str:
    """Returns the name that a counter would give next; nothing if the last two are not counted."""
    if len(runs) < 2:
        return ""
    old, new = (re.split(r"(\d+)", run.as_posix()) for run in runs[-2:])  # numbers at odd places
    changed = [i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    if len(old) != len(new) or len(changed) != 1 or changed[0] % 2 == 0:
        return ""
    (i,) = changed
    following = str(int(new[i]) + 1).zfill(len(new[i]))
    counted = int(new[i]) == int(old[i]) + 1
    return "".join([*new[:i], following, *new[i + 1 :]]) if counted else ""


def _watched(
    folder: Path, before: list[Path], epochs: list[dict], late: list[int]
) -> Iterator[dict]:
    """Yields the epochs, and notes those at whose beginning earlier numbers are not in a file."""
    for number, epoch in enumerate(epochs, start=1):
        wanted = Counter(tag for earlier in epochs[: number - 1] for tag in earlier)
        found: Counter[str] = Counter()
        for path in set(_runs_below(folder)) - set(before):
            run = _accumulator(path)
            found.update({tag: len(run.Scalars(tag)) for tag in run.Tags()["scalars"]})
        if not wanted <= found:
            late.append(number)
        yield dict(epoch)


def _accumulator(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def _runs_below(folder: Path) -> list[Path]:
    return sorted({path.parent for path in folder.rglob("events.out.tfevents.*")})


def _path_of_run(result: Any, folder: Path) -> Path:
    require(
        isinstance(result, str | Path),
        f"log_run returned {describe(result)}: the path of the run's folder is asked for.",
    )
    path = Path(result).resolve()
    require(
        path.is_dir() and folder in path.parents,
        f"log_run returned {str(result)!r}, which is not a folder below the one that was given.",
    )
    require(
        any(path.glob("events.out.tfevents.*")),
        "There is no file of events in the folder that log_run returned.",
    )
    return path


def _require_scalars(path: Path, epochs: list[dict]) -> None:
    run = _accumulator(path)
    known = run.Tags()["scalars"]
    for tag in {tag: None for epoch in epochs for tag in epoch}:
        require(
            tag in known, f"There is no scalar {tag!r}: the run has {', '.join(known) or 'none'}."
        )
        wanted = [(n, epoch[tag]) for n, epoch in enumerate(epochs, start=1) if tag in epoch]
        events = sorted((event.step, event.value) for event in run.Scalars(tag))
        require(
            [step for step, _ in events] == [step for step, _ in wanted],
            f"The scalar {tag!r} has the steps {plain([step for step, _ in events])}, and "
            f"{plain([step for step, _ in wanted])} are asked for: the numbers of its epochs.",
        )
        for (step, value), (_, right) in zip(events, wanted, strict=True):
            require(
                value == right,
                f"The scalar {tag!r} is {value:g} at step {step}, and {right:g} was given.",
            )


def _require_settings(path: Path, settings: dict) -> None:
    run = _accumulator(path)
    tags = [tag for tag in run.Tags()["tensors"] if tag.split("/")[0] == "settings"]
    require(bool(tags), 'There is no text with the tag "settings" in the run: see add_text.')
    text = b"\n".join(
        part for tag in tags for event in run.Tensors(tag) for part in event.tensor_proto.string_val
    ).decode()
    for key, value in settings.items():
        require(
            key in text and str(value) in text,
            f"The text of the settings does not tell {key} and its value {value}.",
        )


def _require_crash(answer: Any, error: Exception) -> None:
    with _folder() as folder:

        def epochs() -> Iterator[dict]:
            yield {"loss": 2.0}
            raise error

        arrived = None
        try:
            answer(folder, {"lr": 0.5}, epochs())
        except type(error) as found:
            arrived = found
        require(
            arrived is error,
            f"The error of the training did not arrive, here {type(error).__name__}: let it pass.",
        )
        runs = _runs_below(folder)
        runs = [path for path in runs if not set(path.parents) & set(runs)]
        require(len(runs) == 1, f"After a crash there are {len(runs)} runs: one is asked for.")
        _require_scalars(runs[0], [{"loss": 2.0}])
