"""The machinery: what answers can do to a check, and what a check does for them."""

import asyncio
import builtins
import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import helpers
from helpers import checks
from helpers.checks import changes as kinds
from helpers.checks import done, hints, machinery, registry, state, words
from helpers.checks.machinery import (
    Draw,
    Wrong,
    as_bool,
    as_dict,
    as_float,
    as_integer,
    as_list,
    as_module,
    as_number,
    as_numbers,
    as_pair,
    as_tensor,
    as_text,
    call,
    compare,
    difference,
    forbid,
    require,
    require_error,
    require_gradients,
    run,
    same,
)

TWO = ("The first of the two hints.", "The second of the two hints.")


@pytest.fixture
def register(monkeypatch):
    """Registers a check as exercise 01.1, for the time of a test."""
    registry.in_chapter("01")

    def put(check, **options):
        monkeypatch.setitem(registry.EXERCISES, "01.1", None)
        machinery.exercise("01.1", **{"hints": TWO, **options})(check)

    return put


@pytest.fixture
def told(capsys):
    def tell(answer, number="01.1"):
        helpers.check(number, answer)
        return capsys.readouterr().out

    return tell


def calls_once(answer):
    call(answer, torch.zeros(3, 2))
    return "Fine."


def settings():
    found = [setting.read() for setting in state.SETTINGS]
    return [str(sorted(f.items()) if isinstance(f, dict) else f) for f in found]


# Numbers of exercises


@pytest.mark.parametrize("number", ["01.1", "1.1", " 1.1 "])
def test_a_number_may_be_written_as_in_the_heading(capsys, number):
    helpers.check(number, ...)
    helpers.hint(number)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("01.1: not answered yet")
    assert second.startswith("01.1")


@pytest.mark.parametrize(
    "number", ["01.9", "01.01", "99.1", "", "xx.1", "01", "1.1.1", "-1.1", "²."]
)
@pytest.mark.parametrize("function", [helpers.hint, lambda n: helpers.check(n, None)])
def test_an_unknown_exercise_is_an_error(number, function):
    with pytest.raises(ValueError, match="no exercise") as error:
        function(number)
    assert repr(number) in str(error.value)


def test_a_known_chapter_lists_its_exercises():
    with pytest.raises(ValueError, match=r"01\.1, 01\.2, 01\.3, 01\.4"):
        helpers.check("01.7", None)


@pytest.mark.parametrize("number", [1.1, None, 3, b"01.1"])
def test_a_number_that_is_not_a_string_is_an_error(number):
    with pytest.raises(TypeError, match="exercise must be a string such as"):
        helpers.check(number, None)


# Errors of the answer


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class SilentExit(Exception):
    def __str__(self):
        raise SystemExit(3)


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError("a\nb"), Silent(), SilentExit(), SystemExit(1), GeneratorExit()),
        *(BaseException("all"), asyncio.CancelledError(), RecursionError(), MemoryError()),
        *(StopIteration(), ValueError("x" * 5000), UnicodeDecodeError("utf-8", b"", 0, 1, "?")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_is_told_in_one_line(register, told, error):
    def answer(x):
        raise error

    register(calls_once)
    text = told(answer)
    assert text.startswith(f"01.1: your answer raised {type(error).__name__}: ")
    assert text.count("\n") == 1
    assert len(text) < 600


def test_an_interrupt_of_the_learner_is_not_swallowed(register):
    def answer(x):
        raise KeyboardInterrupt

    before = settings()
    register(calls_once)
    with pytest.raises(KeyboardInterrupt):
        helpers.check("01.1", answer)
    assert settings() == before


def test_an_error_names_the_line_and_the_input(register, told):
    def answer(x):
        y = x + 1
        return y.view(5)

    register(calls_once)
    text = told(answer)
    assert "(in `return y.view(5)` for a tensor of shape (3, 2))" in text


def test_an_error_in_a_library_names_the_answers_line(register, told):
    def answer(x):
        return nn.functional.cross_entropy(x, torch.tensor([7, 0, 0]))

    register(calls_once)
    assert "in `return nn.functional.cross_entropy" in told(answer)


def test_an_error_in_a_method_is_the_answers(register, told):
    class Answer(nn.Module):
        def forward(self, x):
            return x @ x

    register(lambda answer: f"{answer()(torch.zeros(3, 2))}")
    assert "your answer raised RuntimeError: " in told(Answer)
    assert "in `return x @ x`" in told(Answer)


def test_a_function_of_a_library_is_blamed_for_its_error(register, told):
    register(calls_once)
    assert "your answer raised RuntimeError" in told(torch.linalg.inv)


def test_missing_arguments_are_told(register, told):
    register(calls_once)
    assert "your answer raised TypeError: " in told(lambda: 3)


def broken_check(answer):
    result = call(answer, 2)
    (only,) = result
    return only


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (5, "It gave the number 5 for 2"),
        ([1, 2], "It gave the list [1, 2] for 2"),
        (torch.zeros(3, 2), "It gave a tensor of shape (3, 2) for 2"),
        ({}, "It gave an empty dict for 2"),
    ],
)
def test_an_error_of_the_check_itself_is_not_the_answers(
    register, told, monkeypatch, result, words
):
    monkeypatch.setattr("helpers.checks.calling._LIBRARIES", (*_libraries(), __file__))
    register(broken_check)
    text = told(result_of(result))
    assert text.startswith(f"01.1: not yet. {words}")
    assert "not of the type or shape" in text


def _libraries():
    from helpers.checks import calling

    return calling._LIBRARIES


def result_of(value):
    namespace = {"value": value}
    exec(compile("def answer(x):\n    return value", "<answer>", "exec"), namespace)
    return namespace["answer"]


def test_errors_of_a_check_before_it_called_are_told_as_well(register, told, monkeypatch):
    monkeypatch.setattr("helpers.checks.calling._LIBRARIES", (*_libraries(), __file__))
    register(lambda answer: answer.nothing)
    assert "not yet. The answer is of another kind" in told(3)


# Stubs


class Parent(nn.Module):
    def forward(self, x):
        return x


class Child(Parent):
    """Inherits everything."""


class OnlyInit(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x): ...


class Half:
    def first(self): ...

    def second(self):
        return 1


@pytest.mark.parametrize(
    ("answer", "stub"),
    [
        (..., True),
        (None, True),
        (OnlyInit, True),
        (Child, False),
        (Parent, False),
        (Half, False),
        (lambda x: ..., False),
        (torch.add, False),
        (3, False),
    ],
)
def test_stubs_are_told_from_answers(answer, stub):
    assert machinery.is_stub(answer) == stub


def test_an_answer_that_returns_dots_is_not_answered(register, told):
    register(calls_once)
    assert "not answered yet" in told(lambda x: ...)


def test_a_missing_return_is_told(register, told):
    register(calls_once)
    assert "returned None. Does it end with a return statement?" in told(lambda x: print(end=""))


def test_an_async_function_is_told(register, told):
    async def answer(x):
        return x

    register(calls_once)
    assert "answer is an async function" in told(answer)


# Time


@pytest.mark.parametrize("depth", [1, 2])
def test_a_loop_that_catches_everything_ends(register, told, monkeypatch, depth):
    def answer(x):
        while True:
            try:
                if depth == 2:
                    while True:
                        try:  # noqa: SIM105
                            threading.Event().wait(0.01)
                        except:  # noqa: E722
                            pass
                threading.Event().wait(0.01)
            except:  # noqa: E722
                pass

    monkeypatch.setattr(checks, "SECONDS", 0.1)
    register(calls_once)
    before = signal.getsignal(signal.SIGALRM)
    assert "endless loop" in told(answer)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_timer_of_the_learner_goes_on(register, told):
    register(calls_once)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        told(lambda x: x)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_another_thread_checks_without_a_limit(register, capsys):
    register(calls_once)
    thread = threading.Thread(target=helpers.check, args=("01.1", lambda x: x))
    thread.start()
    thread.join()
    assert capsys.readouterr().out == "01.1: correct. Fine.\n"


# State


def leave(change):
    def answer(x):
        change()
        return x

    return answer


LEFT = {
    "gradients": (lambda: torch.set_grad_enabled(False), "leaves gradients switched off"),
    "inference": (lambda: KEPT.append(inference()), "leaves inference mode switched on"),
    "autocast": (lambda: torch.set_autocast_enabled("cpu", True), "leaves autocast switched on"),
    "autocast-dtype": (lambda: torch.set_autocast_dtype("cpu", torch.float16), "autocast"),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), "another default dtype"),
    "device": (lambda: torch.set_default_device("meta"), "another default device"),
    "anomaly": (lambda: torch.autograd.set_detect_anomaly(True), "leaves anomaly detection"),
    "folder": (lambda: os.chdir("/"), "another working folder"),
    "stream": (lambda: setattr(sys, "stdout", None), "replaces sys.stdout"),
    "seed": (lambda: torch.manual_seed(3), "seeds PyTorch's global generator"),
    "hook": (
        lambda: nn.modules.module.register_module_forward_hook(lambda *_: None),
        "leaves a hook behind",
    ),
}
KEPT = []


def inference():
    mode = torch.inference_mode()
    mode.__enter__()
    return mode


@pytest.mark.parametrize(("change", "hint"), LEFT.values(), ids=LEFT)
def test_what_is_left_behind_is_told_and_put_back(register, told, change, hint):
    before = settings()
    register(calls_once)
    assert hint in told(leave(change))
    assert settings() == before
    KEPT.clear()
    assert settings() == before


@pytest.mark.parametrize("name", ["gradients", "autocast", "dtype", "device", "stream", "folder"])
def test_it_is_told_as_well_where_the_check_calls_by_itself(register, told, name):
    change, hint = LEFT[name]
    register(lambda answer: f"{answer(1)}")
    assert hint in told(leave(change))


def test_it_is_told_before_the_errors_that_follow_from_it(register, told):
    def check(answer):
        answer(1)
        torch.ones(1, requires_grad=True).sum().backward()

    register(check)
    assert "leaves gradients switched off" in told(leave(LEFT["gradients"][0]))


def test_an_exercise_may_ask_for_a_seed(register, told):
    register(calls_once, may_seed=True)
    assert "correct" in told(leave(lambda: torch.manual_seed(3)))


SILENT = {
    "draws": lambda: (torch.rand(3), np.random.rand(3), random.random()),
    "seeds": lambda: (np.random.seed(1), random.seed(1)),
    "environment": lambda: os.environ.update(BOOK_TEST="1"),
    "variable deleted": lambda: os.environ.pop("PATH"),
    "print": lambda: setattr(builtins, "print", lambda *a, **o: None),
    "new builtin": lambda: setattr(builtins, "mine", 1),
    "warnings": lambda: warnings.simplefilter("error"),
    "numpy errors": lambda: np.seterr(all="raise"),
    "threads": lambda: torch.set_num_threads(1 + torch.get_num_threads()),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "cudnn": lambda: setattr(torch.backends.cudnn, "enabled", False),
    "interrupt": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "recursion": lambda: sys.setrecursionlimit(5000),
}


@pytest.mark.parametrize("change", SILENT.values(), ids=SILENT)
def test_the_rest_is_put_back_in_silence(register, told, change):
    before, filters = settings(), list(warnings.filters)
    register(calls_once)
    assert told(leave(change)) == "01.1: correct. Fine.\n"
    assert settings() == before
    assert warnings.filters == filters


AROUND = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "anomaly": torch.autograd.detect_anomaly,
    "warnings": lambda: warnings.catch_warnings(action="error"),
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_check_runs_in_a_known_state(register, told, around):
    seen = []

    def check(answer):
        warnings.warn("of a library", stacklevel=1)
        seen.extend([torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")])
        seen.extend([torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()])
        seen.append((torch.ones(2, requires_grad=True) * 2).requires_grad)
        return "Fine."

    register(check)
    with around():
        before = settings()
        assert told(lambda x: x) == "01.1: correct. Fine.\n"
        assert settings() == before
    assert seen == [True, False, False, False, True]


def test_defaults_of_the_learner_do_not_matter(register, told):
    seen = []
    register(lambda answer: f"{seen.extend([torch.ones(1).dtype, torch.ones(1).device])}")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        told(lambda x: x)
        assert torch.ones(1).dtype == torch.float64
        assert torch.ones(1).is_meta
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert seen == [torch.float32, torch.device("cpu")]


def test_the_checks_draws_are_the_same_and_move_no_generator(register, told):
    seen = []
    register(lambda answer: f"{seen.append((torch.rand(1).item(), random.random()))}")
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    first = torch.rand(1)
    told(lambda x: x)
    told(lambda x: x)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    assert seen[0] == seen[1]


# What the answer was given


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.body[0].register_forward_hook(lambda *_: None)

    def forward(self, x):
        return self.body(x)


def changed_grad(net):
    net(torch.ones(2, 2)).sum().backward()


CHANGES = {
    "values": (lambda: torch.ones(3), lambda x: x.add_(1), "The numbers in the argument it"),
    "nested": (lambda: [{"a": (torch.ones(3),)}], lambda x: x[0]["a"][0].zero_(), "The numbers"),
    "to nan": (lambda: torch.ones(3), lambda x: x.fill_(torch.nan), "The numbers"),
    "array": (lambda: np.ones(3), lambda x: x.__iadd__(1), "The numbers in the argument it"),
    "popped": (lambda: [1, 2], lambda x: x.pop(), "The entries of the argument it"),
    "sorted": (lambda: [2, 1], lambda x: x.sort(), "The entries of the argument it"),
    "of a list": (lambda: [torch.ones(1)], lambda x: x.append(0), "The entries"),
    "key": (lambda: {"a": 1}, lambda x: x.update(b=1), "The entries of the argument it"),
    "set": (lambda: {1}, lambda x: x.add(2), "The entries of the argument it"),
    "shape": (lambda: torch.ones(3), lambda x: x.resize_(2), "The shape or type"),
    "tracked": (lambda: torch.ones(3), lambda x: x.requires_grad_(), "The requires_grad of the"),
    "weight": (Net, lambda x: x.body[0].weight.data.zero_(), "The numbers in body.0.weight of the"),
    "buffer": (Net, lambda x: x(torch.rand(4, 2)), "The numbers in body.1.running_mean"),
    "eval": (Net, lambda x: x.eval(), "The argument it is in another mode"),
    "one mode": (Net, lambda x: x.body[1].eval(), "The argument it is in another mode"),
    "frozen": (
        Net,
        lambda x: x.body[0].requires_grad_(False),
        "The requires_grad of body.0.weight",
    ),
    "grad": (lambda: Net().eval(), changed_grad, "The .grad of body.0.weight"),
    "hook": (Net, lambda x: x.register_forward_hook(print), "The hooks of the argument it"),
    "no hooks": (Net, lambda x: x.body[0]._forward_hooks.clear(), "The hooks of the argument it"),
    "submodule": (Net, lambda x: x.body.append(nn.ReLU()), "The submodules of the argument it"),
    "parameter": (
        Net,
        lambda x: setattr(x.body[0], "bias", nn.Parameter(torch.ones(2))),
        "The submodules of the argument it",
    ),
}


@pytest.mark.parametrize(("make", "change", "hint"), CHANGES.values(), ids=CHANGES)
def test_an_argument_that_changed_is_told(register, told, make, change, hint):
    def answer(it):
        change(it)
        return 1

    def check(answer):
        call(answer, make())
        return "Fine."

    def permissive(answer):
        call(answer, make(), changes=True)
        call(answer, make(), changes=(0,))
        call(answer, make(), changes=tuple(kinds.KINDS))
        return "Fine."

    register(check)
    assert f"01.1: not yet. {hint}" in told(answer)
    assert "correct" in told(lambda it: 1)
    register(permissive)
    assert "correct" in told(answer)


def test_arguments_by_name_and_of_lambdas_are_looked_at_too(register, told):
    register(lambda answer: f"{call(answer, torch.ones(2), other=torch.ones(1))}")
    assert "The numbers in the argument other" in told(lambda x, other: other.zero_())
    assert "The numbers in a tensor [1.0, 1.0]" in told(lambda *x, other: x[0].zero_())


def test_an_unknown_kind_of_change_is_an_error_of_the_check():
    with pytest.raises(ValueError, match="changes must be positions or kinds"):
        call(lambda x: x, 1, changes=("numbers",))


def test_a_function_that_returns_nothing_may_run():
    found = []
    assert run(found.append, 3) is None
    assert found == [3]


# Errors that are asked for


def raises(error):
    def answer(x):
        raise error

    return answer


def test_an_error_that_is_asked_for_is_demanded():
    require_error(ValueError, raises(ValueError("no")), 3, hint="A hint.")
    require_error(ValueError, raises(UnicodeError("no")), 3, hint="A hint.")
    with pytest.raises(Wrong, match="ValueError is asked for, and answer raised KeyError for 3"):
        require_error(ValueError, raises(KeyError("no")), 3, hint="A hint.")
    with pytest.raises(Wrong, match=r"A hint\."):
        require_error(ValueError, lambda x: x, 3, hint="A hint.")
    with pytest.raises(machinery.NotAnswered):
        require_error(ValueError, lambda x: ..., 3, hint="A hint.")


# Values

ONE = [2, 2.0, Fraction(2), torch.tensor(2), torch.tensor([[2.0]]), np.float32(2), np.array([2])]
NOT_A_NUMBER = [
    *(None, "2", [2], (2,), True, torch.tensor(True), 2j, torch.tensor(2j), torch.ones(2), {}),
    *(torch.zeros(1).expand(10**9), np.ones(3), torch.ones(1, device="meta"), object(), nn.ReLU()),
]


@pytest.mark.parametrize("value", ONE, ids=lambda v: type(v).__name__)
def test_a_number_is_taken_by_value(value):
    assert as_number(value, "it") == 2.0
    assert as_integer(value, "it") == 2


@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("take", [as_number, as_integer, as_float])
def test_anything_else_is_told(value, take):
    with pytest.raises(Wrong, match=r"it should be .*, and it is "):
        take(value, "it")


def test_a_python_float_and_a_whole_number():
    assert as_float(2.0, "it") == 2.0
    for value in (2, np.float32(2), torch.tensor(2.0)):
        with pytest.raises(Wrong, match="it should be a Python float"):
            as_float(value, "it")
    with pytest.raises(Wrong, match=r"a whole number, and it is the number 2\.5"):
        as_integer(2.5, "it")
    with pytest.raises(Wrong, match="a whole number"):
        as_integer(float("nan"), "it")
    assert as_integer(10**30, "it") == 10**30


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), torch.tensor([True]), 1])
def test_a_boolean_is_taken_by_value(value):
    assert as_bool(value, "it") is True


@pytest.mark.parametrize("value", [None, 2, "True", torch.ones(2) > 0, 1.0, []])
def test_what_is_not_a_boolean_is_told(value):
    with pytest.raises(Wrong, match="it should be True or False, and it is"):
        as_bool(value, "it")


@pytest.mark.parametrize(
    "value",
    [
        *([1, 2], (1.0, 2), [torch.tensor(1), 2], torch.tensor([1, 2]), np.array([[1, 2]])),
        *(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0]).to_sparse()),
    ],
)
def test_numbers_are_taken_by_value(value):
    assert as_numbers(value, "it", 2) == [1.0, 2.0]


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, "12", [1], [1, 2, 3], {1, 2}, (x for x in (1, 2)), torch.ones(2, 2)),
        *(torch.ones(1).expand(10**9), torch.tensor(1), {1: 1, 2: 2}, torch.ones(2, device="meta")),
        *([1, "2"], [1, None], [torch.ones(2), 1], range(2)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_not_two_numbers_is_told(value):
    with pytest.raises(Wrong):
        as_numbers(value, "it", 2)


def test_huge_results_are_refused_before_they_are_converted():
    huge = torch.zeros(1).expand(10**9)
    with pytest.raises(Wrong, match="far too large"):
        as_tensor(huge, "it")
    with pytest.raises(Wrong, match="far too large"):
        compare(huge, torch.zeros(3), "it")
    with pytest.raises(Wrong, match="numbers"):
        compare(huge, [1.0, 2.0], "it")


def test_pairs_lists_dictionaries_and_texts():
    assert as_pair([1, 2], "f(x)", "the images", "the labels") == (1, 2)
    with pytest.raises(Wrong, match=r"two things, the images and the labels, and it is the tuple"):
        as_pair((1, 2, 3), "f(x)", "the images", "the labels")
    assert as_list((1, 2), "f(x)", 2) == [1, 2]
    with pytest.raises(Wrong, match="should have 3 entries, and it has 2"):
        as_list((1, 2), "f(x)", 3)
    with pytest.raises(Wrong, match="should be a list; it is an object of type generator"):
        as_list((x for x in ()), "f(x)")
    assert as_dict({"a": 1}, "f(x)") == {"a": 1}
    with pytest.raises(Wrong, match="should be a dictionary, and it is the text 'a'"):
        as_dict("a", "f(x)")
    with pytest.raises(Wrong, match="should be a string, and it is None"):
        as_text(None, "f(x)")


def test_a_tensors_shape_and_dtype_are_told_separately():
    x = torch.ones(2, 3, requires_grad=True)
    assert as_tensor(x, "it", (2, None), "float") is x
    with pytest.raises(Wrong, match=r"it has shape \(2, 3\), and \(3,\) is asked for\. Because\."):
        as_tensor(x, "it", (3,), why="Because.")
    with pytest.raises(Wrong, match="it has dtype float32, and integers are asked for"):
        as_tensor(x, "it", dtype="integer")
    with pytest.raises(Wrong, match="it has dtype float32, and float64 is asked for"):
        as_tensor(x, "it", dtype=torch.float64)
    with pytest.raises(Wrong, match="booleans"):
        as_tensor(x.long(), "it", dtype="bool")
    with pytest.raises(Wrong, match="floating-point"):
        as_tensor(x > 0, "it", dtype="float")
    with pytest.raises(Wrong, match=r"should be a torch.Tensor, and it is a float64 NumPy array"):
        as_tensor(np.ones((2, 2)), "it")
    with pytest.raises(Wrong, match="has no values yet: it is a parameter without a shape"):
        as_tensor(nn.LazyLinear(3).weight, "it")


def test_modules_and_classes():
    layer = nn.Linear(1, 1)
    assert as_module(layer, "it") is layer
    with pytest.raises(Wrong, match=r"it should be an nn.Linear, and it is a module of type ReLU"):
        as_module(nn.ReLU(), "it", nn.Linear)
    with pytest.raises(Wrong, match=r"it should be an nn.Module, and it is the class ReLU"):
        as_module(nn.ReLU, "it")
    with pytest.raises(Wrong, match=r"A subclass of nn.Module is asked for"):
        machinery.as_class(layer, nn.Module, "nn.Module")
    with pytest.raises(Wrong, match="A function is asked for, and the answer is the number 3"):
        machinery.as_function(3)


# Comparisons


def test_a_difference_names_the_first_place_and_both_numbers():
    with pytest.raises(Wrong, match=r"it is 2 at \[0, 1\], and it should be 3\. Why\."):
        compare(torch.tensor([[1, 2, 3]]), torch.tensor([[1, 3, 4]]), "it", hint="Why.")
    with pytest.raises(Wrong, match=r"it is 0\.5, and it should be 0\.75\."):
        compare(0.5, 0.75, "it")
    with pytest.raises(Wrong, match=r"it is nan at \[1\], and it should be 2\."):
        compare([1.0, float("nan")], [1.0, 2.0], "it")
    with pytest.raises(Wrong, match=r"it is True at \[1\], and it should be False\."):
        compare(torch.tensor([True, True]), torch.tensor([True, False]), "it")
    with pytest.raises(Wrong, match=r"it has shape \(2,\), and \(3,\) is asked for"):
        compare([1, 2], [1, 2, 3], "it")


@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
@pytest.mark.parametrize("size", [1e-6, 1.0, 123456.0, -3.0])
def test_two_numbers_that_differ_never_look_equal(gap, size):
    first, second = words.two_numbers(size, size * (1 + gap))
    assert first != second
    assert abs(float(second) - float(first)) > 0.4 * abs(size * gap)


def test_inf_nan_and_zero_compare():
    inf, nan = float("inf"), float("nan")
    same_ones = [([inf, 1], [inf, 1]), ([nan, 1], [nan, 1]), ([0, 0], [0, 0]), ([], [])]
    for a, b in same_ones:
        assert same(torch.tensor(a), torch.tensor(b))
    other = [([inf, 1], [-inf, 1]), ([nan, 1], [1, 1]), ([1, 1], [nan, 1]), ([1], [inf])]
    for a, b in other:
        assert not same(torch.tensor(a), torch.tensor(b))
        assert "should be" in difference(torch.tensor(a), torch.tensor(b), "it")


def test_the_tolerance_is_a_share_of_the_largest_number():
    expected = torch.tensor([1e-8, 2e-8])
    assert not same(expected + 1e-10, expected, 1e-5)
    assert same(expected * (1 + 1e-6), expected, 1e-5)
    assert same(torch.tensor([1e-9, 1.0]), torch.tensor([0.0, 1.0]), 1e-5)


def test_dtypes_matter_only_where_they_are_asked_for():
    compare(torch.tensor([1.0, 0.0]), torch.tensor([1, 0]), "it")
    compare(torch.tensor([True, False]), torch.tensor([1, 0]), "it")
    with pytest.raises(Wrong, match="float64 is asked for"):
        compare(torch.ones(2), torch.ones(2), "it", dtype=torch.float64)


def test_typical_mistakes_are_named_where_they_were_made():
    x = torch.tensor([1.0, 2.0])
    typical = {
        "Nothing to tell.": x,  # here this mistake makes no difference
        "Cannot be made.": lambda: x.view(7),
        "Squared.": lambda: x**2,
        "Doubled.": 2 * x,
    }
    compare(x, x, "it", typical=typical)
    with pytest.raises(Wrong, match=r"^Doubled\.$"):
        compare(2 * x, x, "it", typical=typical)
    with pytest.raises(Wrong, match=r"^Squared\.$"):
        compare(x**2, x, "it", typical=typical)
    with pytest.raises(Wrong, match=r"^it is 4 at \[0\], and it should be 1\.$"):
        compare(x + 3, x, "it", typical=typical)
    with pytest.raises(Wrong, match=r"^Negative\.$"):
        compare(-2.0, 2, "it", typical={"Negative.": -2})


def test_gradients_are_compared():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    require_gradients(x**2, x**2, {"x": x}, "f(x)")
    require_gradients((x**2).sum(), (x**2).sum(), {"x": x}, "f(x)")
    with pytest.raises(Wrong, match=r"f\(x\) has the right value and no graph"):
        require_gradients((x**2).detach(), x**2, {"x": x}, "f(x)")
    with pytest.raises(Wrong, match=r"The gradient of f\(x\) for x is 0\.5 at \[0\], and it"):
        require_gradients(x.detach() * x, x**2, {"x": x}, "f(x)")
    y = torch.tensor([1.0], requires_grad=True)
    with pytest.raises(Wrong, match=r"f\(x\) has no gradient for y"):
        require_gradients(x * 1, x * y, {"x": x, "y": y}, "f(x)")
    twin = x.detach().clone().requires_grad_()
    require_gradients(x**2, twin**2, [("x", x, twin)], "f(x)")
    require_gradients(x * 0 + y, x * 0 + y, {"y": y}, "f(x)")


# Prohibitions


def for_loop(n):
    for _ in range(n):
        pass


def while_loop(n):
    while n:
        n -= 1


def nested_function(n):
    def inner():
        return [i for i in range(n)]

    return inner()


def generator(n):
    return sum(i for i in range(n))


def with_map(n):
    return list(map(abs, range(n)))


def calls_a_helper(n):
    return for_loop(n)


class Method:
    def go(self, n):
        return {i for i in range(n)}


def no_loop(n):
    if n > 3:
        return torch.cdist(torch.ones(n, 1), torch.ones(n, 1))
    with torch.no_grad():
        try:
            return torch.arange(n)
        except ValueError:
            return None


@pytest.mark.parametrize(
    "answer",
    [for_loop, while_loop, nested_function, generator, with_map, calls_a_helper, Method],
    ids=lambda a: a.__name__,
)
def test_loops_are_found(answer):
    with pytest.raises(Wrong, match="a loop"):
        forbid(answer, loops="a loop")


def test_what_is_not_a_loop_passes():
    forbid(no_loop, loops="a loop")
    forbid(torch.add, loops="a loop")
    forbid(Draw, names={"cdist": "no"})
    forbid(3, loops="a loop")


@pytest.mark.parametrize("answer", [no_loop, torch.cdist, lambda n: no_loop(n)])
def test_names_are_found(answer):
    with pytest.raises(Wrong, match="no cdist"):
        forbid(answer, names={"cdist": "no cdist"})


# Draws and words


def test_draws_are_the_same_and_move_no_generator():
    before = torch.get_rng_state()
    a, b = Draw(3), Draw(3)
    for name, arguments in {
        "normal": (2, 3),
        "uniform": (2, 3),
        "integers": (1, 4, 5),
        "bools": (6,),
        "order": (7,),
    }.items():
        first = getattr(a, name)(*arguments)
        assert torch.equal(first, getattr(b, name)(*arguments))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(Draw(1).normal(9), Draw(2).normal(9))
    assert Draw(1).uniform(99, low=2, high=3).min() >= 2
    assert Draw(1).normal(3, dtype=torch.float64).dtype == torch.float64
    assert set(Draw(1).integers(0, 3, 99).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.zeros(3, 2), "a tensor of shape (3, 2)"),
        (torch.tensor(1.5), "a tensor 1.5"),
        (torch.zeros(3, 2, dtype=torch.int64), "an int64 tensor of shape (3, 2)"),
        (torch.zeros(2, device="meta"), "a tensor of shape (2,) on the meta device"),
        (np.zeros((3, 2)), "a float64 NumPy array of shape (3, 2)"),
        (np.float32(1), "the NumPy number 1.0"),
        ([1, 2], "the list [1, 2]"),
        ([torch.zeros(1)] * 9, "a list of 9, the first of which is a tensor [0.0]"),
        ((), "an empty tuple"),
        ({"a": 1}, "a dict with the keys 'a'"),
        (nn.Sequential(nn.ReLU()), "a module of type Sequential"),
        (nn.ReLU, "the class ReLU"),
        (len, "the function len"),
        ("text", "the text 'text'"),
        (True, "True"),
        (0.1, "the number 0.1"),
    ],
)
def test_values_in_words(value, text):
    assert words.describe(value) == text


class Odd:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "value", [Odd(), [Odd()], "x" * 10**6, [[0] * 10**6], "a\nb"], ids=range(5)
)
def test_odd_values_are_told_briefly(value):
    for text in (words.describe(value), words.plain(value)):
        assert "\n" not in text and len(text) < 120


def test_a_long_verdict_is_cut(register, told):
    def check(answer):
        require(False, "word " * 1000)

    register(check)
    assert len(told(lambda x: x)) < 600


# Hints


def test_hints_come_one_after_the_other(register, capsys, monkeypatch):
    monkeypatch.setattr(hints, "_asked", type(hints._asked)())
    register(calls_once)
    for _ in range(4):
        helpers.hint("1.1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"01.1, hint 1 of 2: {TWO[0]}"
    assert lines[1] == f"01.1, hint 2 of 2: {TWO[1]}"
    assert lines[2] == lines[3]
    assert "no further hint" in lines[2] and "solution" in lines[2]


# Progress


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "progress.jsonl"
    monkeypatch.setenv(done.VARIABLE, str(path))
    monkeypatch.setattr(done, "_this_session", set())
    monkeypatch.setattr(done, "_problem", "")
    return path


def shown(capsys):
    helpers.progress()
    return capsys.readouterr().out


def new_session(monkeypatch):
    monkeypatch.setattr(done, "_this_session", set())


def answer_right(number="1.1"):
    helpers.check(number, lambda n: (torch.arange(n)[:, None] + torch.arange(n)) % 2)


def test_what_is_done_is_shown_by_chapter(file, capsys, monkeypatch):
    before = shown(capsys)
    assert before.startswith("Exercises done: 0 of ")
    helpers.check("01.2", lambda x: x)
    assert not file.exists()
    answer_right()
    new_session(monkeypatch)
    capsys.readouterr()
    after = shown(capsys).splitlines()
    assert after[0].startswith("Exercises done: 1 of ")
    assert after[1] == "Chapter 01   ✓ 01.1   · 01.2   · 01.3   · 01.4   · 01.5"
    assert len(after) == 1 + len(registry.chapters())
    assert file.read_text() == '{"done": "01.1"}\n'
    answer_right()
    assert file.read_text() == '{"done": "01.1"}\n'


def test_a_reset_forgets_everything(file, capsys):
    answer_right()
    helpers.progress(reset=True)
    assert not file.exists()
    assert "Exercises done: 0 of" in shown(capsys)
    helpers.progress(reset=True)


@pytest.mark.parametrize("value", ["yes", None, 1])
def test_another_reset_is_an_error(value):
    with pytest.raises(TypeError, match="reset must be True or False, got"):
        helpers.progress(reset=value)


def test_a_damaged_file_loses_only_what_is_damaged(file, capsys, monkeypatch):
    file.parent.mkdir()
    file.write_bytes(b'{"done": "01.2"}\n\xff\xfe{\n[1]\n{"done": 3}\n{"done": "01.')
    assert "✓ 01.2" in (text := shown(capsys))
    assert "Note: 4 damaged lines" in text
    answer_right()
    new_session(monkeypatch)
    assert "✓ 01.1   ✓ 01.2" in shown(capsys)


def test_a_file_that_cannot_be_written_is_told_by_progress_only(tmp_path, capsys, monkeypatch):
    (tmp_path / "a_file").write_text("")
    monkeypatch.setenv(done.VARIABLE, str(tmp_path / "a_file" / "below"))
    monkeypatch.setattr(done, "_this_session", set())
    monkeypatch.setattr(done, "_problem", "")
    answer_right()
    assert capsys.readouterr().out.startswith("01.1: correct.")
    text = shown(capsys)
    assert "✓ 01.1" in text
    assert text.count("Note: ") == 1
    assert "counts until the kernel ends" in text


def test_a_solution_cell_does_not_count(file, capsys):
    cell = "# @title Solution 01.1\nhelpers.check('01.1', answer)\n"
    other = "# my own cell\nhelpers.check('01.1', answer)\n"
    names = {
        "helpers": helpers,
        "answer": lambda n: (torch.arange(n)[:, None] + torch.arange(n)) % 2,
    }
    for source, counts in ((cell, False), (other, True)):
        import linecache

        name = f"<cell {counts}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), names)
        assert capsys.readouterr().out.startswith("01.1: correct.")
        assert file.exists() == counts


@pytest.mark.slow
def test_kernels_side_by_side_lose_nothing(file, capsys):
    code = (
        "import sys; from helpers.checks import done\n"
        "for i in range(50): done.note(f'{sys.argv[1]}.{i}', None)"
    )
    environment = {**os.environ, done.VARIABLE: str(file)}
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen([*command, str(i)], env=environment) for i in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    numbers = [json.loads(line)["done"] for line in file.read_text().splitlines()]
    assert sorted(numbers) == sorted(f"{k}.{i}" for k in range(3) for i in range(50))


def test_a_test_run_notes_nothing_unless_told(monkeypatch, tmp_path):
    monkeypatch.delenv(done.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert done._path() is None
    monkeypatch.delenv("PYTEST_VERSION")
    assert done._path() == tmp_path / "pytorch-executed" / "progress.jsonl"
    monkeypatch.setenv(done.VARIABLE, "off")
    assert done._path() is None
