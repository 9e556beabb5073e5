"""Figures in the book's one style. Every function draws on axes and returns them."""

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from helpers.validation import require_images

GREY = "#767b84"
PALETTE = ("#d9480f", "#2b7fd4", "#2a9461", "#9c5bd6", "#b07d12", "#d0437f")
EMBER, BLUE, GREEN, PURPLE, OCHRE, PINK = PALETTE


def use_style() -> None:
    """Sets Matplotlib's style to the book's and makes inline figures reproducible.

    Inline figures keep the size that the code asks for (no cropping to the content), so that a
    figure has the same number of pixels on every machine, and carry no version of Matplotlib.
    """
    with as_file(files("helpers") / "assets" / "executed.mplstyle") as path:
        plt.style.use(["default", path])
    try:
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    if InlineBackend.initialized():
        InlineBackend.instance().print_figure_kwargs = {
            "bbox_inches": None,
            "facecolor": "none",
            "metadata": {"Software": None},
        }


def _drawable(values: object) -> object:
    """Returns values as NumPy and Matplotlib take them, from any device and of any dtype.

    Tensors become arrays without their graph; numbers of less than 32 bits become float32 and
    booleans 0 and 1. Tensors in a list are taken one by one. All else is left alone.
    """
    if isinstance(values, Tensor):
        if values.is_floating_point() and values.dtype.itemsize < 4:
            values = values.float()
        if values.dtype == torch.bool:
            values = values.byte()
        return values.numpy(force=True)
    if isinstance(values, list | tuple):
        return [_drawable(value) for value in values]
    return values


def images(
    batch: Tensor,
    labels: Sequence[object] | None = None,
    *,
    columns: int = 8,
    size: float = 0.85,
) -> np.ndarray:
    """Draws a batch of images in rows.

    Args:
        batch: Shape (N, 1, H, W) or (N, 3, H, W); uint8 in [0, 255] or float in [0, 1].
        labels: N titles, or None.
        columns: Images in a row, at least 1.
        size: Width of one image in inches.

    Returns:
        The N axes, shape (N,).

    Raises:
        TypeError: ``batch`` is no tensor of uint8 or floats.
        ValueError: The shape, the number of labels or ``columns`` does not fit.
    """
    require_images(batch, "batch")
    if labels is not None and len(labels) != len(batch):
        raise ValueError(f"labels must have one entry an image ({len(batch)}), got {len(labels)}")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    columns = min(columns, len(batch))
    rows = -(-len(batch) // columns)
    height = size * batch.shape[2] / batch.shape[3] + (0.25 if labels is not None else 0.05)
    _, grid = plt.subplots(rows, columns, figsize=(size * columns, height * rows), squeeze=False)
    top = 255 if batch.dtype == torch.uint8 else 1
    pictures = _drawable(batch.permute(0, 2, 3, 1))
    labels = labels.tolist() if isinstance(labels, Tensor) else labels
    for index, axes in enumerate(grid.flat):
        axes.axis("off")
        if index < len(batch):
            picture = pictures[index]
            grey = picture.shape[2] == 1
            axes.imshow(picture[:, :, 0] if grey else picture, vmin=0, vmax=top)
            if labels is not None:
                axes.set_title(str(labels[index]), fontsize=7.5, loc="center", pad=2)
    return grid.flatten()[: len(batch)]


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws one line for each entry, with a legend in the order of the entries.

    Args:
        x: N positions.
        lines: Name of the line to its N values; a tensor or a list of them may be on any device.
        xlabel: What the x axis shows, with its unit.
        ylabel: What the y axis shows, with its unit.
        ax: Axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: A line has another length than ``x``, or there is none.
    """
    if not lines:
        raise ValueError("lines must have at least one entry, got none")
    for name, values in lines.items():
        if len(values) != len(x):
            raise ValueError(f"line {name!r} must have len(x) = {len(x)} values, got {len(values)}")
    ax = ax or plt.subplots()[1]
    for name, values in lines.items():
        ax.plot(_drawable(x), _drawable(values), label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(lines) > 1:
        ax.legend()
    return ax


def heatmap(
    values: Tensor | np.ndarray,
    *,
    annotate: str | None = None,
    cmap: str = "magma",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a matrix as coloured cells.

    Args:
        values: Shape (rows, columns); nan is left blank.
        annotate: Format of the number written in each cell, such as ``".2f"``; None writes none.
        cmap: Name of a Matplotlib colour map.
        limits: Values of the map's two ends; the smallest and the largest value by default.
        ax: Axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: ``values`` is not a matrix.
    """
    matrix = np.asarray(_drawable(values))
    if matrix.ndim != 2:
        raise ValueError(f"values must have shape (rows, columns), got {matrix.shape}")
    ax = ax or plt.subplots()[1]
    low, high = limits or (None, None)
    picture = ax.imshow(matrix, cmap=cmap, vmin=low, vmax=high)
    ax.grid(False)
    if annotate is not None:
        for (row, column), value in np.ndenumerate(matrix):
            red, green, blue, _ = picture.cmap(picture.norm(value))
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            text = format(value, annotate)
            colour = GREY if value != value else "white" if dark else "black"
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    return ax


def confusion_matrix(
    counts: Tensor | np.ndarray, classes: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Draws a confusion matrix, each row as shares of its true class.

    Args:
        counts: Shape (K, K), integers; ``counts[i, j]`` samples of class i were called j.
        classes: K names.
        ax: Axes to draw on; new ones by default.

    Returns:
        The axes, with the true class down and the predicted class across.

    Raises:
        ValueError: The shape does not fit the classes, or a class has no sample.
    """
    counts = torch.as_tensor(_drawable(counts))
    if tuple(counts.shape) != (len(classes), len(classes)):
        raise ValueError(
            f"counts must have shape ({len(classes)}, {len(classes)}), one row and column a class, "
            f"got {tuple(counts.shape)}"
        )
    totals = counts.sum(dim=1, keepdim=True)
    if (totals == 0).any():
        raise ValueError("counts must have at least one sample in every row")
    ax = ax or plt.subplots(figsize=(6.2, 5.4))[1]
    # Only the lighter part of the map: every number stands in black, whatever its share is.
    heatmap(counts / totals, annotate=".2f", cmap="Oranges", limits=(0, 1.8), ax=ax)
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="predicted class", ylabel="true class")
    return ax
