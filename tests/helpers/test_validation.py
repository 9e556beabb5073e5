"""What is refused, and that the error names the argument, the value and what is allowed."""

import pytest
import torch

from helpers.validation import require_images, require_labels


@pytest.mark.parametrize("images", [
    torch.zeros(1, 1, 2, 3, dtype=torch.uint8),
    torch.zeros(4, 3, 8, 8),
    torch.zeros(2, 1, 1, 1).half(),
])  # fmt: skip
def test_images_that_fit_are_returned(images):
    assert require_images(images) is images


@pytest.mark.parametrize(("images", "error", "message"), [
    (None, TypeError, "batch must be a torch.Tensor, got NoneType"),
    (torch.zeros(2, 1, 4, 4).numpy(), TypeError, "got ndarray"),
    (torch.zeros(2, 1, 4, 4, dtype=torch.bool), TypeError, "uint8 or .*, got torch.bool"),
    (torch.zeros(4, 4), ValueError, r"\(N, 3, H, W\) with N >= 1, got \(4, 4\)"),
    (torch.zeros(4, 4, 4, 3), ValueError, r"got \(4, 4, 4, 3\)"),
    (torch.zeros(0, 3, 4, 4), ValueError, r"got \(0, 3, 4, 4\)"),
])  # fmt: skip
def test_images_that_do_not_fit_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        require_images(images, "batch")


def test_labels_that_fit_are_returned():
    labels = torch.tensor([0, 2, 1])
    assert require_labels(labels, 3) is labels
    assert len(require_labels(labels[:0], 3)) == 0


@pytest.mark.parametrize(("labels", "error", "message"), [
    ([0, 1], TypeError, "targets must be a torch.Tensor, got list"),
    (torch.tensor([0.0]), TypeError, "targets must be int64, got torch.float32"),
    (torch.tensor([0], dtype=torch.int32), TypeError, "got torch.int32"),
    (torch.tensor([[0]]), ValueError, r"shape \(N,\), got \(1, 1\)"),
    (torch.tensor([0, 3]), ValueError, r"lie in \[0, 3\), got 3"),
    (torch.tensor([0, -1]), ValueError, r"lie in \[0, 3\), got -1"),
])  # fmt: skip
def test_labels_that_do_not_fit_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        require_labels(labels, 3, "targets")
