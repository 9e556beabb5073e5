"""Compares a result with an independent reference, and names the first place that differs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from helpers.checks.values import as_number, as_numbers, as_tensor
from helpers.checks.verdicts import Wrong, require
from helpers.checks.words import two_numbers

Typical = Mapping[str, Any]


def same(result: Tensor, expected: Tensor, tolerance: float = 1e-5) -> bool:
    """Tells whether two tensors have one shape and agree, on any device and of any dtype.

    Args:
        result: Any shape.
        expected: The same shape.
        tolerance: Largest difference, as a share of the largest expected number.
    """
    if result.shape != expected.shape:
        return False
    return bool((_differences(result, expected, tolerance) <= 0).all())


def compare(
    result: Any,
    expected: Any,
    name: str,
    tolerance: float = 1e-5,
    typical: Typical | None = None,
    hint: str = "",
    dtype: torch.dtype | str | None = None,
) -> None:
    """Demands that a result agrees with the reference; says what differs where it does not.

    Args:
        result: What the answer gave. Where ``expected`` is a tensor, a tensor is asked for; where
            it is a number or a list of numbers, anything that holds that by value.
        expected: The reference.
        name: Of the result, such as ``"standardize(x)"``.
        tolerance: Largest difference, as a share of the largest expected number.
        typical: Results of typical mistakes, by the hint that names the mistake: values, or
            functions without arguments that compute them. The first that agrees is told.
        hint: What to tell where none of them agrees, after the first difference.
        dtype: The dtype asked for, as for ``as_tensor``.

    Raises:
        Wrong: They differ, in type, shape, dtype or values.
    """
    if isinstance(expected, Tensor):
        found = as_tensor(result, name)
        reference = expected
    elif isinstance(expected, list | tuple):
        reference = torch.tensor(expected, dtype=torch.float64)
        found = torch.tensor(as_numbers(result, name), dtype=torch.float64)
    else:
        reference = torch.tensor(float(expected), dtype=torch.float64)
        found = torch.tensor(as_number(result, name), dtype=torch.float64)
    if not same(found, reference, tolerance):
        diagnose(found, typical or {}, tolerance, unlike=reference)
        hint = f" {hint}" if hint else ""
        raise Wrong(f"{difference(found, reference, name, tolerance)}{hint}")
    if dtype is not None:
        as_tensor(result, name, dtype=dtype)


def diagnose(
    result: Any, typical: Typical, tolerance: float = 1e-5, unlike: Tensor | None = None
) -> None:
    """Raises ``Wrong`` with the hint of the first typical mistake that gives this result.

    Args:
        result: A tensor, a number or numbers.
        typical: Results of mistakes by hint: values, or functions that compute them.
        tolerance: As for ``same``.
        unlike: The right result; a mistake that makes no difference to it is passed over.
    """
    found = _tensor(result)
    for hint, value in typical.items():
        try:
            wrong = _tensor(value() if isinstance(value, Callable) else value)
        except (RuntimeError, ValueError, IndexError, ZeroDivisionError):
            continue  # a mistake that cannot be made with this input
        if unlike is not None and same(wrong, unlike, tolerance):
            continue
        require(not same(found, wrong, tolerance), hint)


def difference(result: Tensor, expected: Tensor, name: str, tolerance: float = 1e-5) -> str:
    """Returns in words what differs: the shape, or the first place with both numbers."""
    if result.shape != expected.shape:
        return f"{name} has shape {tuple(result.shape)}, and {tuple(expected.shape)} is asked for."
    wrong = _differences(result, expected, tolerance) > 0
    if not wrong.any():
        return f"{name} is right."
    place = tuple(wrong.nonzero()[0].tolist())
    at = f" at {list(place)}" if place else ""
    pair = [t.detach().cpu()[place] for t in (result, expected)]
    if any(t.is_complex() for t in pair):
        return f"{name} is {pair[0].item()}{at}, and it should be {pair[1].item()}."
    if all(t.dtype == torch.bool for t in pair):
        return f"{name} is {pair[0].item()}{at}, and it should be {pair[1].item()}."
    texts = two_numbers(*(float(t) for t in pair))
    return f"{name} is {texts[0]}{at}, and it should be {texts[1]}."


def require_gradients(
    result: Any,
    expected: Tensor,
    inputs: Mapping[str, Tensor] | Sequence[tuple[str, Tensor, Tensor]],
    name: str,
    tolerance: float = 1e-4,
) -> None:
    """Demands that the gradients of a result are those of the reference.

    Both are weighted by the same numbers, so that no gradient can hide in a sum.

    Args:
        result: What the answer gave, of any shape.
        expected: The reference, of the same shape, computed from the same tensors.
        inputs: The tensors that require gradients, by name; or, where the reference was computed
            from other tensors, triples of name, the answer's tensor and the reference's.
        name: Of the result.
        tolerance: As for ``same``.

    Raises:
        Wrong: The result has no graph, or a gradient is missing or differs.
    """
    found = as_tensor(result, name)
    require(
        found.requires_grad,
        f"{name} has the right value and no graph, so nothing can be learned through it: detach, "
        "item, no_grad or a new tensor made of its numbers cuts the graph.",
    )
    triples = [(n, t, t) for n, t in inputs.items()] if isinstance(inputs, Mapping) else inputs
    size = max(expected.numel(), 1)
    weights = torch.linspace(0.5, 1.5, size, dtype=expected.dtype).reshape(expected.shape)
    theirs = _gradients(found.reshape(expected.shape), weights, [t for _, t, _ in triples])
    ours = _gradients(expected, weights, [t for _, _, t in triples])
    for (label, tensor, _), mine, reference in zip(triples, theirs, ours, strict=True):
        if reference is None:
            reference = torch.zeros_like(tensor)
        require(
            mine is not None or not reference.any(),
            f"{name} has no gradient for {label}: its graph is cut on the way, by detach, item, "
            "no_grad or .data.",
        )
        if mine is not None and not same(mine, reference, tolerance):
            raise Wrong(
                difference(mine, reference, f"The gradient of {name} for {label}", tolerance)
            )


def _gradients(
    output: Tensor, weights: Tensor, inputs: Sequence[Tensor]
) -> Sequence[Tensor | None]:
    return torch.autograd.grad(
        output, list(inputs), weights.to(output.dtype), retain_graph=True, allow_unused=True
    )


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _differences(result: Tensor, expected: Tensor, tolerance: float) -> Tensor:
    """Returns by how much each difference exceeds what is allowed; equal nan and inf are 0."""
    kind = torch.complex128 if result.is_complex() or expected.is_complex() else torch.float64
    a, b = (t.detach().cpu().to(kind) for t in (result, expected))
    finite = b.abs()[b.isfinite()]
    largest = float(finite.max()) if finite.numel() else 0.0
    excess = (a - b).abs() - tolerance * (largest or 1.0)
    excess = torch.where(excess.isnan(), torch.inf, excess)
    return torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, excess)
