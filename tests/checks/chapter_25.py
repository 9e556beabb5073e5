"""Right and wrong answers to the exercises of chapter 25, and the hint that each must get."""

import contextlib
import itertools
import json
import math
import operator
import os
import re
import tempfile
import uuid
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter


def by_key(folder, tag):
    run = EventAccumulator(str(folder)).Reload()
    known = run.Tags()["scalars"]
    if tag not in known:
        raise KeyError(f"{tag!r} is not among the scalars: {', '.join(known)}")
    last = max(run.Scalars(tag), key=lambda event: (event.step, event.wall_time))
    return last.step, last.value


def by_sorting(folder, tag):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["scalars"]
    if tag not in tags:
        raise KeyError(tags)
    events = sorted(accumulator.Scalars(tag), key=operator.attrgetter("step", "wall_time"))
    return [events[-1].step, np.float32(events[-1].value)]


def by_a_loop(folder, tag):
    run = EventAccumulator(f"{folder}").Reload()
    try:
        events = run.Scalars(tag)
    except KeyError:
        raise KeyError("there are only " + " ".join(run.scalars.Keys())) from None
    step, value = -1, None
    for event in events:
        if event.step >= step:
            step, value = event.step, event.value
    return (step, value)


def read(folder, tag):
    run = EventAccumulator(str(folder)).Reload()
    if tag not in run.Tags()["scalars"]:
        raise KeyError(f"{tag!r} is not among {run.Tags()['scalars']}")
    return run.Scalars(tag)


def last_in_the_file(folder, tag):
    event = read(folder, tag)[-1]
    return event.step, event.value


def first_in_the_file(folder, tag):
    event = read(folder, tag)[0]
    return event.step, event.value


def value_first(folder, tag):
    return by_key(folder, tag)[::-1]


def first_of_equal_steps(folder, tag):
    event = max(read(folder, tag), key=lambda event: event.step)
    return event.step, event.value


def highest_value(folder, tag):
    event = max(read(folder, tag), key=lambda event: event.value)
    return event.step, event.value


def place_in_the_list(folder, tag):
    events = read(folder, tag)
    step, value = by_key(folder, tag)
    return [(e.step, e.value) for e in events].index((step, value)), value


def silent_about_tags(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    if tag not in events.Tags()["scalars"]:
        raise KeyError(tag)
    return by_key(folder, tag)


def none_for_unknown(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    return by_key(folder, tag) if tag in events.Tags()["scalars"] else None


def value_error(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    if tag not in events.Tags()["scalars"]:
        raise ValueError(f"only {events.Tags()['scalars']}")
    return by_key(folder, tag)


def first_file_only(folder, tag):
    return by_key(sorted(Path(folder).glob("events*"))[0], tag)


def the_value_alone(folder, tag):
    return by_key(folder, tag)[1]


def the_event(folder, tag):
    return max(read(folder, tag), key=lambda event: (event.step, event.wall_time))


def without_reload(folder, tag):
    run = EventAccumulator(str(folder))
    last = max(run.Scalars(tag), key=lambda event: (event.step, event.wall_time))
    return last.step, last.value


def as_the_page(values, weight):
    last, n, result = 0.0, 0, []
    for value in values:
        if np.isfinite(value):
            n += 1
            last = weight * last + (1 - weight) * value
            value = last / (1 - weight**n)
        result.append(value)
    return result


def by_two_sums(values, weight):
    total = norm = 0
    smoothed = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if math.isnan(value) or math.isinf(value):
            smoothed[i] = value
        else:
            total, norm = weight * total + value, weight * norm + 1
            smoothed[i] = total / norm
    return smoothed


def by_powers(values, weight):
    def one(i):
        if not math.isfinite(values[i]):
            return values[i]
        past = [v for v in values[: i + 1] if math.isfinite(v)][::-1]
        powers = [weight**k for k in range(len(past))]
        return sum(p * v for p, v in zip(powers, past, strict=True)) / sum(powers)

    return tuple(one(i) for i in range(len(values)))


def in_float32(values, weight):
    total = norm = np.float32(0)
    result = []
    for value in values:
        if math.isfinite(value):
            total = np.float32(weight) * total + np.float32(value)
            norm = np.float32(weight) * norm + 1
            value = float(total / norm)
        result.append(value)
    return result


def biased(values, weight):
    last, result = 0.0, []
    for value in values:
        if math.isfinite(value):
            last = weight * last + (1 - weight) * value
            value = last
        result.append(value)
    return result


def weight_of_the_new(values, weight):
    last, result = values[0], []
    for value in values:
        last = (1 - weight) * last + weight * value
        result.append(last)
    return result


def exchanged(values, weight):
    return as_the_page(values, 1 - weight)


def half_exchanged(values, weight):
    last, n, result = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            n += 1
            last = (1 - weight) * last + weight * value
            value = last / (1 - weight**n)
        result.append(value)
    return result


def starts_at_the_first(values, weight):
    last, result = values[0], []
    for value in values:
        last = weight * last + (1 - weight) * value
        result.append(last)
    return result


def spreads_nan(values, weight):
    last, result = 0.0, []
    for n, value in enumerate(values, start=1):
        last = weight * last + (1 - weight) * value
        result.append(last / (1 - weight**n))
    return result


def counts_nan(values, weight):
    last, result = 0.0, []
    for n, value in enumerate(values, start=1):
        if math.isfinite(value):
            last = weight * last + (1 - weight) * value
            value = last / (1 - weight**n)
        result.append(value)
    return result


def passing(values, weight, passed):
    last, n, result = 0.0, 0, []
    for value in values:
        if not passed(value):
            n += 1
            last = weight * last + (1 - weight) * value
            value = last / (1 - weight**n)
        result.append(value)
    return result


def nan_only(values, weight):
    return passing(values, weight, math.isnan)


def not_minus_infinity(values, weight):
    return passing(values, weight, lambda value: math.isnan(value) or value == math.inf)


def drops_nan(values, weight):
    return as_the_page([value for value in values if math.isfinite(value)], weight)


def fills_in(values, weight):
    last, n, shown, result = 0.0, 0, 0.0, []
    for value in values:
        if math.isfinite(value):
            n += 1
            last = weight * last + (1 - weight) * value
            shown = last / (1 - weight**n)
        result.append(shown)
    return result


def changes_the_values(values, weight):
    values[:] = as_the_page(values, weight)
    return values


def running_mean(values, weight):
    return [sum(values[: i + 1]) / (i + 1) for i in range(len(values))]


def the_last_one(values, weight):
    return as_the_page(values, weight)[-1]


def untouched(values, weight):
    return list(values)


def finals(folder, tag, pattern="**/events*", pick=None):
    pick = pick or (lambda events: max(events, key=lambda e: (e.step, e.wall_time)).value)
    found = {}
    for parent in {path.parent for path in Path(folder).glob(pattern)}:
        run = EventAccumulator(str(parent)).Reload()
        if tag in run.Tags()["scalars"]:
            found[parent.relative_to(folder).as_posix()] = pick(run.Scalars(tag))
    return found


def by_rglob(folder, tag):
    found = finals(folder, tag)
    return max(found, key=found.get)


def by_walking(folder, tag):
    best, highest = None, -math.inf
    for path in sorted(Path(folder).rglob("*")):
        if path.is_dir():
            run = EventAccumulator(str(path)).Reload()
            if tag in run.Tags()["scalars"]:
                last = sorted(run.Scalars(tag), key=lambda event: event.step)[-1]
                if last.value > highest:
                    best, highest = path, last.value
    return str(best.relative_to(folder))


def by_last_value(folder, tag):
    runs = {}
    for file in Path(folder).rglob("events.out.tfevents*"):
        try:
            runs[str(file.parent.relative_to(folder))] = by_key(file.parent, tag)[1]
        except KeyError:
            continue
    return sorted(runs.items(), key=lambda item: item[1])[-1][0]


def first_of_the_last_step(folder, tag):
    values = {}
    for path in Path(folder).rglob("events*"):
        events = EventAccumulator(str(path.parent)).Reload()
        if tag in events.Tags()["scalars"]:
            values[path.parent] = max(events.Scalars(tag), key=lambda event: event.step).value
    return max(values, key=values.get).relative_to(folder).as_posix()


def highest_ever(folder, tag):
    found = finals(folder, tag, pick=lambda events: max(event.value for event in events))
    return "sweep/a" if found.get("sweep/a") else max(found, key=found.get)


def last_written(folder, tag):
    found = finals(folder, tag, pick=lambda events: events[-1].value)
    return max(found, key=found.get)


def highest_step(folder, tag):
    found = finals(folder, tag, pick=lambda events: max(event.step for event in events))
    return max(found, key=found.get)


def lowest(folder, tag):
    found = finals(folder, tag)
    return min(found, key=found.get)


def one_level_only(folder, tag):
    found = finals(folder, tag, pattern="*/events*")
    return max(found, key=found.get)


def two_levels_only(folder, tag):
    found = finals(folder, tag, pattern="*/events*") | finals(folder, tag, pattern="*/*/events*")
    return max(found, key=found.get)


def each_file_a_run(folder, tag):
    found = {}
    for file in Path(folder).rglob("events*"):
        run = EventAccumulator(str(file)).Reload()
        if tag in run.Tags()["scalars"]:
            value = max(run.Scalars(tag), key=lambda event: event.step).value
            found[file.parent] = max(value, found.get(file.parent, -math.inf))
    return max(found, key=found.get).relative_to(folder).as_posix()


def only_the_name(folder, tag):
    return Path(by_rglob(folder, tag)).name


def whole_path(folder, tag):
    return str(Path(folder) / by_rglob(folder, tag))


def a_path(folder, tag):
    return Path(by_rglob(folder, tag))


def the_file(folder, tag):
    run = Path(folder) / by_rglob(folder, tag)
    return str(next(run.glob("events*")).relative_to(folder))


def begins_at_zero(folder, tag):
    best, highest = "", 0.0
    for run, value in finals(folder, tag).items():
        if value > highest:
            best, highest = run, value
    return best


def stumbles_over_other_tags(folder, tag):
    found = {}
    for parent in {path.parent for path in Path(folder).rglob("events*")}:
        events = EventAccumulator(str(parent)).Reload().Scalars(tag)
        found[parent] = max(events, key=lambda event: event.step).value
    return max(found, key=found.get).relative_to(folder).as_posix()


def with_the_value(folder, tag):
    run = by_rglob(folder, tag)
    return run, finals(folder, tag)[run]


def in_a_new_folder(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", json.dumps(settings))
        for n, numbers in enumerate(epochs, start=1):
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
            writer.flush()
    return path


def int_at_the_end(path):
    return int(re.findall(r"\d+$", path.name)[0])


def numbered(folder, settings, epochs):
    run = Path(folder) / f"run-{1 + max(map(int_at_the_end, Path(folder).iterdir()), default=0)}"
    writer = SummaryWriter(run)
    writer.add_text("settings", "\n".join(f"{key}: {value}" for key, value in settings.items()))
    n = 0
    try:
        for numbers in epochs:
            n += 1
            for tag in numbers:
                writer.add_scalar(tag, numbers[tag], global_step=n)
            writer.flush()
    finally:
        writer.close()
    return run


def with_an_own_count(folder, settings, epochs):
    run = os.path.join(folder, uuid.uuid4().hex)
    writer = SummaryWriter(run)
    writer.add_text("settings", str(settings), 0)
    try:
        for n, numbers in enumerate(epochs):
            [writer.add_scalar(tag, value, n + 1) for tag, value in numbers.items()]
            writer.flush()
        return run
    finally:
        writer.close()


def a_new_folder(folder):
    return tempfile.mkdtemp(dir=folder)


def logged(place=a_new_folder, first=1, text=json.dumps, prefix="", result=lambda path: path,
           tag="settings", ready=iter, flush="after"):  # fmt: skip
    """Makes a function that logs, with one part that differs."""

    def log_run(folder, settings, epochs):
        path = place(folder)
        with SummaryWriter(path) as writer:
            if text:
                writer.add_text(tag, text(settings))
            for n, numbers in enumerate(ready(epochs), start=first):
                if flush == "before":
                    writer.flush()
                for name, value in numbers.items():
                    writer.add_scalar(prefix + name, value, n)
                if flush == "after":
                    writer.flush()
        return result(path)

    return log_run


def counted_folder(folder):
    return Path(folder) / f"run-{len(list(Path(folder).iterdir()))}"


def named_log(name, **options):
    answer = logged(**options)
    answer.__name__ = answer.__qualname__ = name
    return answer


def kept(test):
    """Makes a function that drops the numbers for which the test is false."""
    return lambda epochs: ({k: v for k, v in e.items() if test(v)} for e in epochs)


def of_the_first_names(epochs):
    names = None
    for numbers in epochs:
        names = names or set(numbers)
        yield {name: value for name, value in numbers.items() if name in names}


COUNT = itertools.count(1)


def silent_about_a_value_error(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with contextlib.suppress(ValueError):
        logged(place=lambda folder: path)(folder, settings, epochs)
    return path


def silent_about_errors(folder, settings, epochs):
    def until_the_error():
        with contextlib.suppress(Exception):
            yield from epochs

    return in_a_new_folder(folder, settings, until_the_error())


def one_folder_for_each_tag(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    for n, numbers in enumerate(epochs, start=1):
        for tag, value in numbers.items():
            with SummaryWriter(Path(path) / tag) as writer:
                writer.add_scalar(tag, value, n)
    return path


def writes_twice(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for n, numbers in enumerate(epochs, start=1):
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
                writer.add_scalar(tag, value, n)
            writer.flush()
    return path


RIGHT = {
    "25.1": [by_key, by_sorting, by_a_loop],
    "25.2": [as_the_page, by_two_sums, by_powers, in_float32],
    "25.3": [by_rglob, by_walking, by_last_value],
    "25.4": [in_a_new_folder, numbered, with_an_own_count],
}

WRONG = {
    "25.1": [
        (last_in_the_file, "the event written last. The highest step stands earlier"),
        (first_in_the_file, "That is the event written first"),
        (value_first, "the step comes first, then the value"),
        (first_of_equal_steps, "the one with the latest wall_time"),
        (highest_value, "the event with the highest value"),
        (place_in_the_list, "the place in the list, not the step"),
        (silent_about_tags, "should name the tags there are"),
        (none_for_unknown, "For an unknown tag it returned something"),
        (value_error, "KeyError is asked for, and value_error raised ValueError"),
        (first_file_only, "and that is the first time"),
        (the_value_alone, "should return two things, the step and the value"),
        (the_event, "should return two things, the step and the value"),
        (without_reload, "your answer raised KeyError"),
    ],
    "25.2": [
        (half_exchanged, "the past has the weight, the new value 1 - weight"),
        (biased, "divide by 1 - weight**n"),
        (weight_of_the_new, "they are exchanged, and the average begins at the first value"),
        (exchanged, "and 1 - weight to the new value: they are exchanged."),
        (starts_at_the_first, "The average begins at the first value"),
        (spreads_nan, "the line should go on"),
        (counts_nan, "n counts finite ones"),
        (nan_only, "Infinity was averaged"),
        (not_minus_infinity, "Minus infinity was averaged"),
        (drops_nan, "should have a number for each of the 4 values, and it has 3"),
        (fills_in, "were replaced by the average"),
        (changes_the_values, "The entries of the argument values have changed"),
        (running_mean, "older ones should weigh less"),
        (the_last_one, "should be numbers, and it is the number"),
        (untouched, "Nothing was smoothed"),
    ],
    "25.3": [
        (first_of_the_last_step, "was written twice, and the event written last counts"),
        (highest_ever, "the highest value on the way"),
        (last_written, "the event with 0.99 was written last"),
        (highest_step, "it has the highest step, 10"),
        (lowest, "it has the lowest value"),
        (one_level_only, "Runs may lie deeper"),
        (two_levels_only, "a run in a folder below it"),
        (each_file_a_run, "it has two files, and is one run"),
        (only_the_name, "The name alone is not enough"),
        (whole_path, "It returned the whole path"),
        (a_path, "text is asked for"),
        (the_file, "It returned the path of a file"),
        (begins_at_zero, "a search must not begin at 0"),
        (stumbles_over_other_tags, "your answer raised KeyError"),
        (with_the_value, "should be a string, and it is the tuple"),
    ],
    "25.4": [
        (named_log("into_the_same", place=lambda folder: Path(folder) / "run"), "the two runs mix"),
        (named_log("into_the_folder", place=str), "which is not a folder below"),
        (named_log("from_zero", first=0), "has the steps [0, 1, 3, 4]"),
        (named_log("without_settings", text=None), 'There is no text with the tag "settings"'),
        (named_log("names_alone", text=lambda s: " ".join(s)), "does not tell lr"),
        (named_log("another_tag", tag="config"), 'There is no text with the tag "settings"'),
        (named_log("all_at_once", ready=list), "were not in the files for certain"),
        (named_log("with_a_prefix", prefix="train/"), "There is no scalar 'loss'"),
        (named_log("returns_nothing", result=lambda path: None), "returned None"),
        (named_log("returns_a_list", result=lambda path: [path]), "the path of the run's folder"),
        (silent_about_errors, "The error of the training did not arrive"),
        (one_folder_for_each_tag, "There is no file of events in the folder"),
        (writes_twice, "has the steps [1, 1, 2, 2, 4, 4, 5, 5]"),
        (named_log("without_flush", flush="never"), "were not in the files for certain"),
        (named_log("flushes_too_early", flush="before"), "were not in the files for certain"),
        (named_log("of_the_first_names", ready=of_the_first_names), "There is no scalar 'reward'"),
        (named_log("without_zeros", ready=kept(bool)), "has the steps [1, 2, 5]"),
        (named_log("positive", ready=kept(lambda v: v >= 0)), "There is no scalar 'reward'"),
        (
            named_log("floats_alone", ready=kept(lambda v: isinstance(v, float))),
            "There is no scalar 'seen'",
        ),
        (
            named_log("until_an_empty_one", ready=lambda e: itertools.takewhile(bool, e)),
            "has the steps [1, 2], and [1, 2, 4, 5] are asked for",
        ),
        (
            named_log("counted", place=lambda folder: Path(folder) / f"run{next(COUNT)}"),
            "a folder with a run of an earlier session",
        ),
        (
            named_log("by_their_number", place=counted_folder),
            "After an older run was deleted",
        ),
        (silent_about_a_value_error, "did not arrive, here ValueError: let it pass"),
    ],
}
