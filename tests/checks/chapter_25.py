"""Typical wrong answers to the exercises of chapter 25, and the hint that each must get."""

import math
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def _read(folder, tag):
    run = EventAccumulator(str(folder)).Reload()
    if tag not in run.Tags()["scalars"]:
        raise KeyError(f"{tag!r} is not among {run.Tags()['scalars']}")
    return run.Scalars(tag)


def last_in_the_file(folder, tag):
    event = _read(folder, tag)[-1]
    return event.step, event.value


def value_first(folder, tag):
    event = max(_read(folder, tag), key=lambda event: event.step)
    return event.value, event.step


def first_of_equal_steps(folder, tag):
    event = max(_read(folder, tag), key=lambda event: event.step)
    return event.step, event.value


def silent_about_tags(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    if tag not in events.Tags()["scalars"]:
        raise KeyError(tag)
    event = max(events.Scalars(tag), key=lambda event: (event.step, event.wall_time))
    return event.step, event.value


def none_for_unknown(folder, tag):
    events = EventAccumulator(str(folder)).Reload()
    if tag not in events.Tags()["scalars"]:
        return None
    event = max(events.Scalars(tag), key=lambda event: (event.step, event.wall_time))
    return event.step, event.value


def biased(values, weight):
    last, result = 0.0, []
    for value in values:
        last = weight * last + (1 - weight) * value
        result.append(last)
    return result


def weight_of_the_new(values, weight):
    last, result = values[0], []
    for value in values:
        last = (1 - weight) * last + weight * value
        result.append(last)
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


def _finals(folder, tag, pattern="**/events*", pick=lambda events: events[-1].value):
    finals = {}
    for parent in {path.parent for path in Path(folder).glob(pattern)}:
        run = EventAccumulator(str(parent)).Reload()
        if tag in run.Tags()["scalars"]:
            finals[parent.relative_to(folder).as_posix()] = pick(run.Scalars(tag))
    return finals


def highest_ever(folder, tag):
    finals = _finals(folder, tag, pick=lambda events: max(event.value for event in events))
    return max(finals, key=finals.get)


def one_level_only(folder, tag):
    finals = _finals(folder, tag, pattern="*/events*")
    return max(finals, key=finals.get)


def only_the_name(folder, tag):
    finals = _finals(folder, tag)
    return Path(max(finals, key=finals.get)).name


def whole_path(folder, tag):
    finals = _finals(folder, tag)
    return str(Path(folder) / max(finals, key=finals.get))


WRONG = {
    "25.1": [
        (last_in_the_file, "the event written last"),
        (value_first, "step first, both numbers"),
        (first_of_equal_steps, "the latest wall_time counts"),
        (silent_about_tags, "should name the tags there are"),
        (none_for_unknown, "expected a KeyError"),
    ],
    "25.2": [
        (biased, "divide by 1 - weight**n"),
        (weight_of_the_new, "With weight 0 nothing is smoothed"),
        (starts_at_the_first, "For [1.0, 0.0, 0.0, 2.0] and weight 0.5"),
        (spreads_nan, "After a NaN the line should go on"),
        (counts_nan, "n counts finite values"),
    ],
    "25.3": [
        (highest_ever, "highest value on the way"),
        (one_level_only, "Runs may lie deeper"),
        (only_the_name, "The name alone is not enough"),
        (whole_path, "not the whole path"),
    ],
}
