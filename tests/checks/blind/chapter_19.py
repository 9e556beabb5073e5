"""Chapter 19."""

import argparse
import copy
import csv
import hashlib
import heapq
import itertools
import json
import math
import os
import pickle
import re
import sqlite3
from collections import ChainMap
from contextlib import closing, suppress
from decimal import Decimal, InvalidOperation
from operator import itemgetter


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


def _combinations(grid):
    return [dict(zip(grid, values)) for values in itertools.product(*grid.values())]


def one_json_file(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scores.json"
    scores = json.loads(file.read_text()) if file.exists() else {}
    results = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid.keys(), values))
        key = json.dumps(settings, sort_keys=True)
        if key not in scores:
            try:
                scores[key] = run(**settings)
            except ValueError:
                results.append({"settings": settings, "score": None})
                continue
            new = folder / "scores.json.new"
            new.write_text(json.dumps(scores))
            os.replace(new, file)
        results.append({"settings": settings, "score": scores[key]})
    return sorted(results, key=lambda r: (r["score"] is not None, r["score"]), reverse=True)


class _Journal:
    """A line for each finished run; a half line at the end is skipped."""

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.done = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").split("\n"):
                with suppress(json.JSONDecodeError):
                    pairs, score = json.loads(line)
                    self.done[self.key(dict(pairs))] = score

    @staticmethod
    def key(settings):
        return frozenset((n, isinstance(v, str), v) for n, v in settings.items())

    def add(self, settings, score):
        self.done[self.key(settings)] = score
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(json.dumps([list(settings.items()), score]) + "\n")
            f.flush()
            os.fsync(f.fileno())


def journal_of_lines(grid, run, folder):
    journal = _Journal(folder / "journal.jsonl")
    good, bad = [], []
    for settings in _combinations(grid):
        key = journal.key(settings)
        try:
            if key not in journal.done:
                journal.add(settings, run(**settings))
        except ValueError:
            bad.append({"settings": settings, "score": None})
        else:
            good.append({"settings": settings, "score": journal.done[key]})
    good.sort(key=lambda entry: -entry["score"])
    return good + bad


def a_database(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "sweep.sqlite")) as db:
        db.execute("CREATE TABLE IF NOT EXISTS runs (settings TEXT PRIMARY KEY, score REAL)")
        out = []
        for settings in _combinations(grid):
            key = json.dumps(sorted(settings.items()))
            row = db.execute("SELECT score FROM runs WHERE settings = ?", (key,)).fetchone()
            if row:
                score = row[0]
            else:
                try:
                    score = run(**settings)
                except ValueError:
                    score = None
                else:
                    with db:
                        db.execute("INSERT INTO runs VALUES (?, ?)", (key, score))
            out.append({"settings": settings, "score": score})
    return sorted(out, key=lambda e: -math.inf if e["score"] is None else e["score"], reverse=True)


class _Run:
    def __init__(self, settings, folder):
        self.settings = settings
        text = repr(sorted(settings.items()))
        digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
        self.file = folder / f"{digest}.txt"

    def score(self, run):
        if self.file.exists():
            return float.fromhex(self.file.read_text())
        try:
            score = float(run(**self.settings))
        except ValueError:
            return None
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(score.hex())
        temporary.rename(self.file)
        return score


def a_file_for_each_run(grid, run, folder):
    folder = folder / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [
        (one.settings, one.score(run)) for one in (_Run(s, folder) for s in _combinations(grid))
    ]
    pairs.sort(key=lambda p: (p[1] is None, -(p[1] or 0)))
    return [{"settings": settings, "score": score} for settings, score in pairs]


def pickled_list(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "finished.pickle"

    def expand(names):
        if not names:
            yield {}
            return
        for value in grid[names[0]]:
            for rest in expand(names[1:]):
                yield {names[0]: value, **rest}

    def same(a, b):
        return a == b

    finished = pickle.loads(path.read_bytes()) if path.exists() else []
    entries = []
    for settings in expand(list(grid)):
        found = [e for e in finished if same(e["settings"], settings)]
        if found:
            entry = found[0]
        else:
            try:
                entry = {"settings": settings, "score": run(**settings)}
                finished.append(entry)
                path.write_bytes(pickle.dumps(finished))
            except ValueError:
                entry = {"settings": settings, "score": None}
        entries.append(entry)
    worked = [e for e in entries if e["score"] is not None]
    return sorted(worked, key=itemgetter("score"))[::-1] + [e for e in entries if e not in worked]


def a_csv_table(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "table.csv"
    known = {}
    if table.exists():
        with table.open(newline="") as f:
            known = {row[0]: float(row[1]) for row in csv.reader(f)}
    waiting = []
    for settings in _combinations(grid):
        score, key = None, ascii(tuple((n, settings[n]) for n in sorted(settings)))
        if key in known:
            score = known[key]
        else:
            with suppress(ValueError):
                score = run(**settings)
            if score is not None:
                with table.open("a", newline="") as f:
                    csv.writer(f).writerow([key, repr(score)])
        heapq.heappush(
            waiting,
            (score is None, -score if score is not None else 0, len(waiting), settings, score),
        )
    return [
        {"settings": settings, "score": score}
        for *_, settings, score in (heapq.heappop(waiting) for _ in range(len(waiting)))
    ]


def _sorted_key(settings):
    return json.dumps(settings, sort_keys=True)


def _ranked(results):
    return sorted(results, key=lambda r: (r["score"] is None, -(r["score"] or 0)))


def _sweep(
    grid,
    run,
    folder,
    key=_sorted_key,
    error=ValueError,
    failed=None,
    keep_failed=False,
    save_each=True,
    is_done=lambda scores, k: k in scores,
    only_these=False,
    rank=_ranked,
):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scores.json"
    stored = json.loads(file.read_text()) if file.exists() else {}
    scores = {} if only_these else stored
    results = []
    for settings in _combinations(grid):
        k = key(settings)
        if is_done(stored, k):
            score = scores[k] = stored[k]
        else:
            try:
                score = run(**settings)
            except error:
                score = failed
            if score is not None or keep_failed:
                scores[k] = score
            if save_each:
                file.write_text(json.dumps(scores))
        results.append({"settings": settings, "score": score})
    file.write_text(json.dumps(scores))
    return rank(results)


def keys_as_text(grid, run, folder):
    return _sweep(grid, run, folder, key=lambda s: ",".join(f"{n}={s[n]}" for n in sorted(s)))


def keys_in_given_order(grid, run, folder):
    return _sweep(grid, run, folder, key=json.dumps)


def values_without_names(grid, run, folder):
    return _sweep(grid, run, folder, key=lambda s: json.dumps(sorted(s.values(), key=repr)))


def saves_at_the_end(grid, run, folder):
    return _sweep(grid, run, folder, save_each=False)


def value_error_stops_all(grid, run, folder):
    return _sweep(grid, run, folder, error=())


def swallows_control_c(grid, run, folder):
    return _sweep(grid, run, folder, error=BaseException)


def remembers_failures(grid, run, folder):
    return _sweep(grid, run, folder, keep_failed=True)


def failures_get_minus_infinity(grid, run, folder):
    return _sweep(grid, run, folder, failed=-math.inf)


def failures_are_zero(grid, run, folder):
    return _sweep(grid, run, folder, failed=0.0)


def leaves_out_failures(grid, run, folder):
    return [r for r in _sweep(grid, run, folder) if r["score"] is not None]


def failures_rank_as_zero(grid, run, folder):
    return _sweep(
        grid,
        run,
        folder,
        rank=lambda results: sorted(results, key=lambda r: r["score"] or 0, reverse=True),
    )


def lowest_first(grid, run, folder):
    return _sweep(
        grid,
        run,
        folder,
        rank=lambda rs: sorted(rs, key=lambda r: (r["score"] is None, r["score"] or 0)),
    )


def failures_first(grid, run, folder):
    return _sweep(
        grid,
        run,
        folder,
        rank=lambda rs: sorted(rs, key=lambda r: (r["score"] is not None, -(r["score"] or 0))),
    )


def unsorted(grid, run, folder):
    return _sweep(grid, run, folder, rank=list)


def compares_none(grid, run, folder):
    return _sweep(
        grid, run, folder, rank=lambda rs: sorted(rs, key=lambda r: r["score"], reverse=True)
    )


def zero_runs_again(grid, run, folder):
    return _sweep(grid, run, folder, is_done=lambda scores, k: bool(scores.get(k)))


def forgets_what_is_not_in_the_grid(grid, run, folder):
    return _sweep(grid, run, folder, only_these=True)


def always_anew(grid, run, folder):
    return _sweep(grid, run, folder, is_done=lambda scores, k: False)


def pairs_of_neighbours(grid, run, folder):
    longest = max(map(len, grid.values()))
    rows = [{n: v[min(i, len(v) - 1)] for n, v in grid.items()} for i in range(longest)]
    out = []
    for row in rows:
        out += _sweep({n: [v] for n, v in row.items()}, run, folder)
    return _ranked(out)


def one_stopped_sweep_is_counted(grid, run, folder):
    """How many are done, not which."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "done.json"
    done = json.loads(file.read_text()) if file.exists() else []
    combinations = _combinations(grid)
    for settings in combinations[len(done) :]:
        try:
            done.append(run(**settings))
        except ValueError:
            done.append(None)
        file.write_text(json.dumps(done))
    return _ranked([{"settings": s, "score": d} for s, d in zip(combinations, done)])


def everything_in_the_folder(grid, run, folder):
    _sweep(grid, run, folder)
    scores = json.loads((folder / "scores.json").read_text())
    return _ranked([{"settings": json.loads(k), "score": s} for k, s in scores.items()])


def values_in_the_file_name(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for settings in _combinations(grid):
        file = folder / ("_".join(f"{n}={settings[n]!r}" for n in sorted(settings)) + ".txt")
        score = float(file.read_text()) if file.exists() else None
        if score is None:
            try:
                score = run(**settings)
            except ValueError:
                pass
            else:
                file.write_text(str(score))
        out.append({"settings": settings, "score": score})
    return _ranked(out)


def tabs_and_lines(grid, run, folder):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scores.tsv"
    done = {}
    if file.exists():
        for line in file.read_text().splitlines():
            *key, score = line.split("\t")
            done[tuple(key)] = float(score)
    out = []
    for settings in _combinations(grid):
        key = tuple(f"{n}={type(settings[n]).__name__}={settings[n]}" for n in sorted(settings))
        score = done.get(key)
        if score is None:
            try:
                score = run(**settings)
            except ValueError:
                pass
            else:
                with file.open("a") as f:
                    print(*key, score, sep="\t", file=f)
        out.append({"settings": settings, "score": score})
    return _ranked(out)


def rounded_scores(grid, run, folder):
    return _sweep(grid, lambda **s: round(run(**s), 4), folder)


def hash_as_the_name(grid, run, folder):
    """The hash of a string is another one in the next process."""
    return _sweep(grid, run, folder, key=lambda s: str(hash(frozenset(s.items()))))


_SCORES = {}


def in_memory(grid, run, folder):
    out = []
    for settings in _combinations(grid):
        key = _sorted_key(settings)
        if key not in _SCORES:
            try:
                _SCORES[key] = run(**settings)
            except ValueError:
                out.append({"settings": settings, "score": None})
                continue
        out.append({"settings": settings, "score": _SCORES[key]})
    return _ranked(out)


def settings_as_tuples(grid, run, folder):
    return [{**r, "settings": tuple(r["settings"].items())} for r in _sweep(grid, run, folder)]


RIGHT = {
    "19.1": [boolean_optional, two_switches, subclass, table_of_options],
    "19.2": [float_then_range, with_regex, with_decimal, partition_and_subclass_error],
    "19.3": [three_updates, union_operator, name_by_name, with_chain_map, deep_copies],
    "19.4": [
        one_json_file,
        journal_of_lines,
        a_database,
        a_file_for_each_run,
        pickled_list,
        a_csv_table,
    ],
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
    "19.4": [
        keys_as_text,
        keys_in_given_order,
        values_without_names,
        saves_at_the_end,
        value_error_stops_all,
        swallows_control_c,
        remembers_failures,
        failures_get_minus_infinity,
        failures_are_zero,
        leaves_out_failures,
        failures_rank_as_zero,
        lowest_first,
        failures_first,
        unsorted,
        compares_none,
        zero_runs_again,
        forgets_what_is_not_in_the_grid,
        always_anew,
        pairs_of_neighbours,
        one_stopped_sweep_is_counted,
        everything_in_the_folder,
        values_in_the_file_name,
        tabs_and_lines,
        rounded_scores,
        hash_as_the_name,
        in_memory,
        settings_as_tuples,
    ],
}
