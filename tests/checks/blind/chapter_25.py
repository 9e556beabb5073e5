"""Chapter 25."""

import collections
import math
import os
import secrets
import tempfile
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from torch.utils.tensorboard import SummaryWriter


def events_of(folder, tag):
    run = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    names = run.Tags()["scalars"]
    if tag not in names:
        raise KeyError(f"no scalar {tag!r}; there are: {', '.join(sorted(names))}")
    return run.Scalars(tag)


def by_sorting(folder, tag):
    last = sorted(events_of(folder, tag), key=lambda event: (event.step, event.wall_time))[-1]
    return (last.step, last.value)


def by_loop(folder, tag):
    run = EventAccumulator(str(folder), {"scalars": 0})
    run.Reload()
    scalars = run.Tags()["scalars"]
    if tag not in scalars:
        raise KeyError(scalars)
    best = None
    for event in run.Scalars(tag):
        if best is None or (event.step, event.wall_time) >= (best.step, best.wall_time):
            best = event
    return (best.step, best.value)


def by_raw_files(path, name):
    found = collections.defaultdict(list)
    for file in sorted(Path(path).glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag].append((event.step, event.wall_time, value.simple_value))
    if name not in found:
        raise KeyError("scalars of this run: " + ", ".join(found))
    top = max((step for step, _, _ in found[name]))
    at_top = [(time, k, v) for k, (step, time, v) in enumerate(found[name]) if step == top]
    return (top, max(at_top)[2])


def last_in_file(folder, tag):
    event = events_of(folder, tag)[-1]
    return (event.step, event.value)


def first_of_equal_steps(folder, tag):
    event = max(events_of(folder, tag), key=lambda e: e.step)
    return (event.step, event.value)


def highest_value(folder, tag):
    event = max(events_of(folder, tag), key=lambda e: e.value)
    return (event.step, event.value)


def largest_of_equal_steps(folder, tag):
    event = max(events_of(folder, tag), key=lambda e: (e.step, e.value))
    return (event.step, event.value)


def only_value(folder, tag):
    return by_sorting(folder, tag)[1]


def value_step(folder, tag):
    return by_sorting(folder, tag)[::-1]


def plain_key_error(folder, tag):
    run = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    if tag not in run.Tags()["scalars"]:
        raise KeyError(tag)
    return by_sorting(folder, tag)


def returns_none(folder, tag):
    try:
        return by_sorting(folder, tag)
    except KeyError:
        return None


def value_error(folder, tag):
    try:
        return by_sorting(folder, tag)
    except KeyError as error:
        raise ValueError(*error.args)


def sampled(folder, tag):
    run = EventAccumulator(str(folder), size_guidance={"scalars": 10}).Reload()
    if tag not in run.Tags()["scalars"]:
        raise KeyError(run.Tags()["scalars"])
    last = sorted(run.Scalars(tag), key=lambda e: (e.step, e.wall_time))[-1]
    return (last.step, last.value)


def first_file_only(folder, tag):
    file = sorted(Path(folder).glob("*tfevents*"))[0]
    return by_sorting(file, tag)


def counts_events(folder, tag):
    events = events_of(folder, tag)
    return (len(events) - 1, by_sorting(folder, tag)[1])


def last_by_time(folder, tag):
    event = max(events_of(folder, tag), key=lambda e: e.wall_time)
    return (event.step, event.value)


def in_a_loop(values, weight):
    last, n, result = (0.0, 0, [])
    for value in values:
        if math.isfinite(value):
            n += 1
            last = weight * last + (1 - weight) * value
            result.append(last / (1 - weight**n))
        else:
            result.append(value)
    return result


def with_generator(numbers, w):

    def smoothed():
        total = count = 0.0
        for number in numbers:
            if number != number or number in (math.inf, -math.inf):
                yield number
                continue
            total, count = (total * w + number, count * w + 1)
            yield (total / count)

    return list(smoothed())


def with_matrix(values, weight):
    v = np.array(values, dtype=float)
    good = np.isfinite(v)
    x = v[good]
    distance = np.arange(len(x))[:, None] - np.arange(len(x))
    weights = np.where(distance >= 0, float(weight) ** np.maximum(distance, 0), 0)
    v[good] = weights @ x / weights.sum(axis=1) if len(x) else x
    return v.tolist()


def not_debiased(values, weight):
    last, result = (0.0, [])
    for v in values:
        if math.isfinite(v):
            last = weight * last + (1 - weight) * v
            result.append(last)
        else:
            result.append(v)
    return result


def begins_with_first(values, weight):
    last, result = (None, [])
    for v in values:
        if math.isfinite(v):
            last = v if last is None else weight * last + (1 - weight) * v
            result.append(last)
        else:
            result.append(v)
    return result


def nan_poisons(values, weight):
    last, result = (0.0, [])
    for n, v in enumerate(values, start=1):
        last = weight * last + (1 - weight) * v
        result.append(last / (1 - weight**n))
    return result


def counts_nan(values, weight):
    last, result = (0.0, [])
    for n, v in enumerate(values, start=1):
        if math.isfinite(v):
            last = weight * last + (1 - weight) * v
            result.append(last / (1 - weight**n))
        else:
            result.append(v)
    return result


def drops_nan(values, weight):
    return in_a_loop([v for v in values if math.isfinite(v)], weight)


def repeats_last(values, weight):
    result = []
    for v, s in zip(values, in_a_loop(values, weight)):
        result.append(s if math.isfinite(v) else result[-1] if result else 0.0)
    return result


def only_nan(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isnan(v):
            result.append(v)
        else:
            n += 1
            last = weight * last + (1 - weight) * v
            result.append(last / (1 - weight**n))
    return result


def forgets_minus_infinity(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isnan(v) or v == math.inf:
            result.append(v)
        else:
            n += 1
            last = weight * last + (1 - weight) * v
            result.append(last / (1 - weight**n))
    return result


def in_place(values, weight):
    values[:] = in_a_loop(values, weight)
    return values


def weights_exchanged(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isfinite(v):
            n += 1
            last = (1 - weight) * last + weight * v
            result.append(last / (1 - (1 - weight) ** n) if weight else 0.0)
        else:
            result.append(v)
    return result


def off_by_one(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isfinite(v):
            last = weight * last + (1 - weight) * v
            result.append(last / (1 - weight**n) if n else v)
            n += 1
        else:
            result.append(v)
    return result


def carries_corrected(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isfinite(v):
            n += 1
            last = (weight * last + (1 - weight) * v) / (1 - weight**n)
            result.append(last)
        else:
            result.append(v)
    return result


def restarts_after_nan(values, weight):
    last, n, result = (0.0, 0, [])
    for v in values:
        if math.isfinite(v):
            n += 1
            last = weight * last + (1 - weight) * v
            result.append(last / (1 - weight**n))
        else:
            last, n = (0.0, 0)
            result.append(v)
    return result


def only_final(values, weight):
    return in_a_loop(values, weight)[-1] if values else 0.0


def runs_below(folder):
    return sorted({file.parent for file in Path(folder).rglob("*tfevents*")} - {Path(folder)})


def with_rglob(folder, tag):
    scores = {}
    for run in runs_below(folder):
        try:
            scores[run] = by_sorting(run, tag)[1]
        except KeyError:
            continue
    return max(scores, key=scores.get).relative_to(folder).as_posix()


def with_walk(root, name):
    best, winner = (-math.inf, None)
    for path, _, files in os.walk(root):
        if path == str(root) or not any("tfevents" in file for file in files):
            continue
        run = EventAccumulator(path, size_guidance={"scalars": 0}).Reload()
        if name in run.Tags()["scalars"]:
            last = max(
                enumerate(run.Scalars(name)), key=lambda p: (p[1].step, p[1].wall_time, p[0])
            )[1]
            if winner is None or last.value > best:
                best, winner = (last.value, os.path.relpath(path, root).replace(os.sep, "/"))
    return winner


def with_multiplexer(folder, tag):
    runs = EventMultiplexer(size_guidance={"scalars": 0}).AddRunsFromDirectory(str(folder)).Reload()
    candidates = []
    for name, tags in runs.Runs().items():
        if tag in tags["scalars"] and name != ".":
            events = runs.Scalars(name, tag)
            last = sorted(events, key=lambda e: (e.step, e.wall_time))[-1]
            candidates.append((last.value, name))
    return max(candidates)[1].replace(os.sep, "/")


def _best(folder, tag, score, runs=None, name=None, pick=max):
    scores = {}
    for run in runs or runs_below(folder):
        try:
            events = events_of(run, tag)
        except KeyError:
            continue
        scores[run] = score(events)
    winner = pick(scores, key=scores.get)
    return winner.relative_to(folder).as_posix() if name is None else name(winner)


def _final(events):
    return sorted(events, key=lambda e: (e.step, e.wall_time))[-1].value


def best_anywhere(folder, tag):
    return _best(folder, tag, lambda events: max(e.value for e in events))


def last_written(folder, tag):
    return _best(folder, tag, lambda events: events[-1].value)


def lowest(folder, tag):
    return _best(folder, tag, _final, pick=min)


def one_level(folder, tag):
    runs = [p for p in Path(folder).iterdir() if p.is_dir() and list(p.glob("*tfevents*"))]
    return _best(folder, tag, _final, runs=runs)


def absolute_path(folder, tag):
    return _best(folder, tag, _final, name=str)


def only_name(folder, tag):
    return _best(folder, tag, _final, name=lambda p: p.name)


def path_object(folder, tag):
    return _best(folder, tag, _final, name=lambda p: p.relative_to(folder))


def missing_tag_fails(folder, tag):
    scores = {run: by_sorting(run, tag)[1] for run in runs_below(folder)}
    return max(scores, key=scores.get).relative_to(folder).as_posix()


def file_is_a_run(folder, tag):
    scores = {}
    for file in Path(folder).rglob("*tfevents*"):
        try:
            scores[file] = by_sorting(file, tag)[1]
        except KeyError:
            continue
    return max(scores, key=scores.get).parent.relative_to(folder).as_posix()


def longest_run(folder, tag):
    return _best(folder, tag, lambda events: max(e.step for e in events))


def mean_value(folder, tag):
    return _best(folder, tag, lambda events: sum(e.value for e in events) / len(events))


def first_step(folder, tag):
    return _best(folder, tag, lambda events: min(events, key=lambda e: e.step).value)


def with_score(folder, tag):
    return (with_rglob(folder, tag), 0.0)


def missing_counts_as_zero(folder, tag):
    scores = {}
    for run in runs_below(folder):
        try:
            scores[run] = by_sorting(run, tag)[1]
        except KeyError:
            scores[run] = 0.0
    return max(scores, key=scores.get).relative_to(folder).as_posix()


def begins_at_zero(folder, tag):
    best, winner = (0.0, None)
    for run in runs_below(folder):
        try:
            value = by_sorting(run, tag)[1]
        except KeyError:
            continue
        if value > best:
            best, winner = (value, run.relative_to(folder).as_posix())
    return winner


class Run:
    """Logs into a folder with a random name."""

    def __init__(self, folder, settings):
        self.path = Path(folder) / secrets.token_hex(8)
        self.writer = SummaryWriter(str(self.path))
        self.writer.add_text("settings", repr(settings))

    def epoch(self, n, numbers):
        for tag, value in numbers.items():
            self.writer.add_scalar(tag, value, n)
        self.writer.flush()


def logs_through_a_class(folder, settings, epochs):
    run = Run(folder, settings)
    try:
        n = 1
        for numbers in epochs:
            run.epoch(n, numbers)
            n += 1
    finally:
        run.writer.close()
    return str(run.path)


def closes_after_each_epoch(folder, settings, epochs):
    path = tempfile.mkdtemp(prefix="run-", dir=str(folder))
    with SummaryWriter(path) as writer:
        for key, value in settings.items():
            writer.add_text(f"settings/{key}", f"{key} = {value}")
    for n, numbers in enumerate(epochs, 1):
        with SummaryWriter(path, filename_suffix=f".{n}") as writer:
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
    return Path(path)


def counts_the_folders(folder, settings, epochs):
    k = 0
    while (path := os.path.join(folder, f"{k:03}")) and os.path.exists(path):
        k += 1
    with SummaryWriter(path) as writer:
        table = "\n".join(f"| {key} | {value} |" for key, value in settings.items())
        writer.add_text("settings", table)
        for n, numbers in enumerate(epochs):
            for tag in numbers:
                writer.add_scalar(tag, numbers[tag], n + 1)
            writer.flush()
    return path


def logs_by_settings(folder, settings, epochs):
    path = Path(folder) / "-".join(f"{key}={value}" for key, value in settings.items())
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for n, numbers in enumerate(epochs, 1):
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
            writer.flush()
    return path


def logs_without_steps(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for numbers in epochs:
            for tag, value in numbers.items():
                writer.add_scalar(tag, value)
            writer.flush()
    return path


def logs_the_loss_alone(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for n, numbers in enumerate(epochs, 1):
            writer.add_scalar("loss", numbers["loss"], n)
            writer.flush()
    return path


def logs_with_add_scalars(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for n, numbers in enumerate(epochs, 1):
            writer.add_scalars("all", numbers, n)
            writer.flush()
    return path


def logs_settings_as_hparams(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as writer:
        writer.add_hparams(settings, {}, run_name=".")
        for n, numbers in enumerate(epochs, 1):
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
            writer.flush()
    return path


def returns_the_writer(folder, settings, epochs):
    writer = SummaryWriter(tempfile.mkdtemp(dir=folder))
    writer.add_text("settings", str(settings))
    for n, numbers in enumerate(epochs, 1):
        for tag, value in numbers.items():
            writer.add_scalar(tag, value, n)
        writer.flush()
    writer.close()
    return writer


def collects_first(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    everything = list(epochs)
    with SummaryWriter(path) as writer:
        writer.add_text("settings", str(settings))
        for n, numbers in enumerate(everything, 1):
            for tag, value in numbers.items():
                writer.add_scalar(tag, value, n)
    return path


RIGHT = {
    "25.4": [logs_through_a_class, closes_after_each_epoch, counts_the_folders],
    "25.1": [by_sorting, by_loop, by_raw_files],
    "25.2": [in_a_loop, with_generator, with_matrix],
    "25.3": [with_rglob, with_walk, with_multiplexer],
}
WRONG = {
    "25.4": [
        logs_by_settings,
        logs_without_steps,
        logs_the_loss_alone,
        logs_with_add_scalars,
        logs_settings_as_hparams,
        returns_the_writer,
        collects_first,
    ],
    "25.1": [
        last_in_file,
        first_of_equal_steps,
        highest_value,
        largest_of_equal_steps,
        only_value,
        value_step,
        plain_key_error,
        returns_none,
        value_error,
        sampled,
        first_file_only,
        counts_events,
        last_by_time,
    ],
    "25.2": [
        not_debiased,
        begins_with_first,
        nan_poisons,
        counts_nan,
        drops_nan,
        repeats_last,
        only_nan,
        forgets_minus_infinity,
        in_place,
        weights_exchanged,
        off_by_one,
        carries_corrected,
        restarts_after_nan,
        only_final,
    ],
    "25.3": [
        best_anywhere,
        last_written,
        lowest,
        one_level,
        absolute_path,
        only_name,
        path_object,
        missing_tag_fails,
        file_is_a_run,
        longest_run,
        mean_value,
        first_step,
        with_score,
        missing_counts_as_zero,
        begins_at_zero,
    ],
}
