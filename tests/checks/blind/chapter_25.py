"""Chapter 25."""

import collections
import itertools
import json
import math
import os
import tempfile
import uuid
from collections import Counter
from datetime import datetime
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


def with_uuid(folder, settings, epochs):
    path = Path(folder) / uuid.uuid4().hex
    writer = SummaryWriter(log_dir=str(path))
    try:
        writer.add_text("settings", str(settings))
        for i, row in enumerate(epochs):
            for k, v in row.items():
                writer.add_scalar(k, v, i + 1)
            writer.flush()
    finally:
        writer.close()
    return path


def numbered(folder, settings, epochs):
    for n in itertools.count(1):
        path = os.path.join(folder, f"run{n:03}")
        try:
            os.makedirs(path)
            break
        except FileExistsError:
            continue
    w = SummaryWriter(path)
    table = "| name | value |\n|---|---|\n" + "\n".join(
        f"| {k} | {v} |" for k, v in settings.items()
    )
    w.add_text("settings", table)
    step = 0
    while True:
        try:
            row = next(epochs)
        except StopIteration:
            break
        except BaseException:
            w.close()
            raise
        step += 1
        for k in row:
            w.add_scalar(k, row[k], global_step=step)
        w.flush()
    w.close()
    return path


def new_writer_each_epoch(folder, settings, epochs):
    path = tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path, filename_suffix=".settings") as w:
        w.add_text("settings", "\n".join(f"{k} = {v!r}  " for k, v in settings.items()), 0)
    for n, row in enumerate(epochs, 1):
        with SummaryWriter(path, filename_suffix=f".{n}") as w:
            for k, v in row.items():
                w.add_scalar(k, v, n)
    return path


def nested_by_date(folder, settings, epochs):
    now = datetime.now()
    path = Path(folder, f"{now:%Y-%m-%d}", f"{now:%H%M%S%f}-{uuid.uuid4()}")
    with SummaryWriter(path) as w:
        w.add_text(
            "settings",
            "```json\n" + json.dumps(settings, indent=2, default=str) + "\n```",
            global_step=0,
        )
        w.flush()
        n = 0
        for row in epochs:
            n += 1
            for tag, x in sorted(row.items()):
                w.add_scalar(tag=tag, scalar_value=float(x), global_step=n)
            w.flush()
        return str(path)


class Logger:
    def __init__(self, path):
        self.w = SummaryWriter(path, max_queue=1)

    def log(self, n, row):
        [self.w.add_scalar(k, v, n) for k, v in row.items()]
        self.w.flush()


def with_class(folder, settings, epochs):
    path = tempfile.mkdtemp("", "r", folder)
    log = Logger(path)
    log.w.add_text("settings", ", ".join(f"{k}: {v}" for k, v in settings.items()))
    log.w.flush()
    for n, row in zip(itertools.count(1), epochs):
        log.log(n, row)
    log.w.close()
    return log.w.get_logdir()


def settings_last(folder, settings, epochs):
    """The settings are written in the finally."""
    path = tempfile.mkdtemp(dir=folder)
    w = SummaryWriter(path)
    try:
        for n, row in enumerate(epochs, 1):
            for k, v in row.items():
                w.add_scalar(k, v, n)
            w.flush()
    finally:
        w.add_text("settings", json.dumps(settings))
        w.close()
    return path


def _log(
    folder,
    settings,
    epochs,
    path=None,
    start=1,
    tag="settings",
    text=None,
    prefix="",
    flush=True,
    tell=None,
    step=None,
):
    path = path or tempfile.mkdtemp(dir=folder)
    with SummaryWriter(path) as w:
        if tell:
            tell(w)
        else:
            w.add_text(tag, json.dumps(settings) if text is None else text)
        for n, row in enumerate(epochs, start):
            for k, v in row.items():
                w.add_scalar(prefix + k, v, step(n, k) if step else n)
            if flush:
                w.flush()
    return path


def into_folder(f, s, e):
    return _log(f, s, e, path=str(f))


def fixed_name(f, s, e):
    return _log(f, s, e, path=os.path.join(f, "run"))


def by_settings(f, s, e):
    return _log(
        f, s, e, path=os.path.join(f, "-".join(f"{k}={v}" for k, v in s.items()).replace("/", "_"))
    )


def by_count(f, s, e):
    n = len([p for p in os.listdir(f) if p.startswith("run-")])
    return _log(f, s, e, path=os.path.join(f, f"run-{max(0, n - 1)}"))


def from_zero(f, s, e):
    return _log(f, s, e, start=0)


def no_flush(f, s, e):
    return _log(f, s, e, flush=False)


def other_tag(f, s, e):
    return _log(f, s, e, tag="hparams")


def names_only(f, s, e):
    return _log(f, s, e, text=", ".join(s))


def values_only(f, s, e):
    return _log(f, s, e, text=", ".join(map(str, s.values())))


def no_settings(f, s, e):
    return _log(f, s, e, tell=lambda w: None)


def prefixed(f, s, e):
    return _log(f, s, e, prefix="train/")


def returns_folder(f, s, e):
    _log(f, s, e)
    return f


def returns_none_log(f, s, e):
    _log(f, s, e)


def returns_name(f, s, e):
    return os.path.basename(_log(f, s, e))


def returns_writer(f, s, e):
    w = SummaryWriter(_log(f, s, e))
    w.close()
    return w


def all_at_once(f, s, e):
    return _log(f, s, iter(list(e)))


def swallows(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    try:
        return _log(f, s, e, path=path)
    except Exception:
        return path


def flush_at_end(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    w = SummaryWriter(path)
    w.add_text("settings", json.dumps(s))
    for n, row in enumerate(e, 1):
        for k, v in row.items():
            w.add_scalar(k, v, n)
    w.flush()
    w.close()
    return path


def only_loss(f, s, e):
    return _log(f, s, ({"loss": r["loss"]} for r in e if "loss" in r))


def first_names(f, s, e):
    first = next(e)
    names = list(first)
    return _log(f, s, ({k: r[k] for k in names if k in r} for r in itertools.chain([first], e)))


def loss_and_accuracy_keyerror(f, s, e):
    first = next(e)
    names = list(first)
    return _log(f, s, ({k: r[k] for k in names} for r in itertools.chain([first], e)))


def add_scalars(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    with SummaryWriter(path) as w:
        w.add_text("settings", json.dumps(s))
        for n, row in enumerate(e, 1):
            w.add_scalars("epoch", row, n)
            w.flush()
    return path


def no_step(f, s, e):
    return _log(f, s, e, step=lambda n, k: None)


def count_per_name(f, s, e):
    seen = Counter()

    def step(n, k):
        seen[k] += 1
        return seen[k]

    return _log(f, s, e, step=step)


def rounded(f, s, e):
    return _log(f, s, ({k: round(v, 2) for k, v in r.items()} for r in e))


def repeats_last_log(f, s, e):
    def full():
        known = {}
        for r in e:
            known |= r
            yield dict(known)

    return _log(f, s, full())


def zeros_for_missing(f, s, e):
    def full():
        seen = []
        for r in e:
            seen += [k for k in r if k not in seen]
            yield {k: r.get(k, 0.0) for k in seen}

    return _log(f, s, full())


def skips_zero(f, s, e):
    return _log(f, s, ({k: v for k, v in r.items() if v} for r in e))


def late_by_one(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    last = None
    with SummaryWriter(path) as w:
        w.add_text("settings", json.dumps(s))
        for n, row in enumerate(e, 1):
            if last:
                [w.add_scalar(k, v, n - 1) for k, v in last.items()]
            last = row
            w.flush()
        [w.add_scalar(k, v, n) for k, v in (last or {}).items()]
    return path


def flush_before(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    with SummaryWriter(path) as w:
        w.add_text("settings", json.dumps(s))
        for n, row in enumerate(e, 1):
            w.flush()
            for k, v in row.items():
                w.add_scalar(k, v, n)
    return path


def other_error(f, s, e):
    try:
        return _log(f, s, e)
    except Exception as x:
        raise RuntimeError("training failed") from x


def deletes_on_error(f, s, e):
    import shutil

    path = tempfile.mkdtemp(dir=f)
    try:
        return _log(f, s, e, path=path)
    except Exception:
        shutil.rmtree(path)
        raise


def short_values(f, s, e):
    return _log(f, s, e, text=", ".join(f"{k}={str(v)[:3]}" for k, v in s.items()))


def two_decimals(f, s, e):
    return _log(
        f,
        s,
        e,
        text=", ".join(
            f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in s.items()
        ),
    )


def setting_per_text(f, s, e):
    return _log(f, s, e, tell=lambda w: [w.add_text(f"settings/{k}", str(v)) for k, v in s.items()])


def hparams(f, s, e):
    return _log(f, s, e, tell=lambda w: w.add_hparams(s, {}))


def lower_tags(f, s, e):
    return _log(f, s, ({k.replace("/", "_").replace(" ", "_"): v for k, v in r.items()} for r in e))


def stops_at_empty(f, s, e):
    return _log(f, s, itertools.takewhile(bool, e))


def clears_old(f, s, e):
    import shutil

    p = os.path.join(f, "run")
    shutil.rmtree(p, ignore_errors=True)
    return _log(f, s, e, path=p)


def extra_epoch_peek(f, s, e):
    path = tempfile.mkdtemp(dir=f)
    n = 0
    with SummaryWriter(path) as w:
        w.add_text("settings", json.dumps(s))
        nxt = next(e, None)
        while nxt is not None:
            n += 1
            cur, nxt = nxt, next(e, None)
            for k, v in cur.items():
                w.add_scalar(k, v, n)
            w.flush()
    return path


def with_average(f, s, e):
    return _log(f, s, ({**r, "mean": sum(r.values()) / max(1, len(r))} for r in e))


_runs = [0]


def counter(f, s, e):
    """In the next session the counter starts again, and so does run1."""
    _runs[0] += 1
    return _log(f, s, e, path=os.path.join(f, f"run{_runs[0]}"))


def floats_only(f, s, e):
    return _log(f, s, ({k: v for k, v in r.items() if isinstance(v, float)} for r in e))


def positive(f, s, e):
    return _log(f, s, ({k: v for k, v in r.items() if v > 0} for r in e))


def swallows_value_error(f, s, e):
    p = tempfile.mkdtemp(dir=f)
    try:
        return _log(f, s, e, path=p)
    except ValueError:
        return p


def two_writers(f, s, e):
    """The run's folder holds two folders, and no file of events."""
    path = tempfile.mkdtemp(dir=f)
    with SummaryWriter(os.path.join(path, "settings")) as w:
        w.add_text("settings", str(s))
    _log(f, {}, e, path=os.path.join(path, "scalars"))
    return path


RIGHT = {
    "25.1": [by_sorting, by_loop, by_raw_files],
    "25.2": [in_a_loop, with_generator, with_matrix],
    "25.3": [with_rglob, with_walk, with_multiplexer],
    "25.4": [
        with_uuid,
        numbered,
        new_writer_each_epoch,
        nested_by_date,
        with_class,
        settings_last,
        with_average,
    ],
}


WRONG = {
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
    "25.4": [
        into_folder,
        fixed_name,
        by_settings,
        by_count,
        from_zero,
        no_flush,
        other_tag,
        names_only,
        values_only,
        no_settings,
        prefixed,
        returns_folder,
        returns_none_log,
        returns_name,
        returns_writer,
        all_at_once,
        swallows,
        flush_at_end,
        only_loss,
        first_names,
        loss_and_accuracy_keyerror,
        add_scalars,
        no_step,
        count_per_name,
        rounded,
        repeats_last_log,
        zeros_for_missing,
        skips_zero,
        late_by_one,
        flush_before,
        other_error,
        deletes_on_error,
        short_values,
        two_decimals,
        setting_per_text,
        hparams,
        lower_tags,
        stops_at_empty,
        clears_old,
        extra_epoch_peek,
        counter,
        floats_only,
        positive,
        swallows_value_error,
        two_writers,
    ],
}
