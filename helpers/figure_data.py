"""What a figure shows, as data: stored beside its picture, compared, and read out.

A notebook keeps two forms of a figure: the PNG, and this description, under the MIME type
``application/vnd.executed.figure+json``, which front ends pass over. The description says what the
pixels cannot be asked: which curves there are, with what labels and colours, and through which
points they go. It is the same with every version of Matplotlib, and bounded in size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

MIME = "application/vnd.executed.figure+json"
POINTS = 48  # of a curve, at most
COORDINATES = 900  # of all curves, bars and points of a figure, about
CELLS = 900  # numbers of all images of a figure, about
ARTISTS = 200  # of one axes, at most; more are thinned
DIGITS = 5


@dataclass(frozen=True)
class Detail:
    """How much of each artist is kept, so that the whole figure stays small.

    Attributes:
        points: Of a curve, at most.
        side: Rows and columns of an image's grid, at most.
    """

    points: int
    side: int

    @classmethod
    def of(cls, figure: Figure) -> "Detail":
        """Returns what a figure's number of artists allows."""
        images = [image for axes in figure.axes for image in axes.images]
        layers = sum(np.shape(image.get_array())[2] if np.ndim(image.get_array()) == 3 else 1
                     for image in images)  # fmt: skip
        others = sum(len(axes.lines + axes.collections + axes.patches) for axes in figure.axes)
        points = max(8, min(POINTS, COORDINATES // (2 * max(others, 1))))
        return cls(points, max(2, min(16, int((CELLS / max(layers, 1)) ** 0.5))))


def register(shell: Any) -> None:
    """Lets an IPython shell describe each figure that it displays.

    Args:
        shell: What ``IPython.get_ipython()`` returns; None outside of a notebook.
    """
    if shell is None:
        return
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class FigureData(BaseFormatter):
        format_type = Unicode(MIME)
        print_method = ObjectName("_repr_figure_data_")
        _return_type = dict

    formatter = FigureData(parent=shell.display_formatter)
    formatter.for_type(Figure, describe)
    shell.display_formatter.formatters[MIME] = formatter


def describe(figure: Figure) -> dict[str, Any]:
    """Returns what a figure shows: strings, numbers, lists and dictionaries of them.

    Args:
        figure: Any figure.

    Returns:
        ``axes``, a list with the kind, words, limits, scales, legend and artists of each, and the
        figure's own ``texts`` and ``legends``.
    """
    detail = Detail.of(figure)
    texts = [text for text in figure.texts if text.get_text()]
    found: dict[str, Any] = {"axes": [_axes(axes, detail) for axes in figure.axes]}
    suptitle = figure.get_suptitle()
    words = [text.get_text() for text in texts if text.get_text() != suptitle]
    if suptitle:
        found["title"] = suptitle
    if words:
        found["texts"] = words
    if figure.legends:
        found["legends"] = [_legend(legend) for legend in figure.legends]
    return found


def _axes(axes: Axes, detail: Detail) -> dict[str, Any]:
    found: dict[str, Any] = {}
    titles = [axes.get_title(loc=place) for place in ("left", "center", "right")]
    found["title"] = " | ".join(filter(None, titles))
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        found[name] = {
            "label": axis.get_label_text(),
            "scale": axis.get_scale(),
            "limits": _numbers(axis.get_view_interval()),
        }
        if words := _tick_words(axis):
            found[name]["ticks"] = words
    if not axes.axison:
        found["frame"] = False
    if legend := axes.get_legend():
        found["legend"] = _legend(legend)
    artists = [*axes.lines, *axes.patches, *axes.collections, *axes.images, *axes.texts]
    shown = sorted((a for a in artists if a.get_visible()), key=lambda artist: artist.zorder)
    found["artists"] = [_artist(artist, detail) for artist in _thin(shown, ARTISTS)]
    if len(shown) > ARTISTS:
        found["artists_in_all"] = len(shown)
    return found


def _tick_words(axis: Any) -> list[str]:
    """Returns the words at the ticks where the author chose them; numbers are Matplotlib's."""
    formatter = axis.get_major_formatter()
    chosen = isinstance(formatter, FixedFormatter | FuncFormatter)
    if not chosen and type(formatter).__name__ != "StrCategoryFormatter":
        return []
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


def _legend(legend: Legend) -> list[dict[str, Any]]:
    handles = getattr(legend, "legend_handles", [])
    return [
        {"label": text.get_text(), "color": _color_of(handle)}
        for text, handle in zip(legend.get_texts(), handles, strict=True)
    ]


def _artist(artist: Any, detail: Detail) -> dict[str, Any]:
    if isinstance(artist, Line2D):
        found = _line(artist, detail)
    elif isinstance(artist, Text):
        found = _text(artist)
    elif isinstance(artist, AxesImage):
        found = _image(artist, detail)
    elif isinstance(artist, Patch):
        found = _patch(artist, detail)
    else:
        found = _collection(artist, detail)
    label = str(artist.get_label() or "")
    return {"label": label, **found} if label and not label.startswith("_") else found


def _line(line: Line2D, detail: Detail) -> dict[str, Any]:
    points = np.column_stack([np.asarray(line.get_xdata(orig=False), dtype=float),
                              np.asarray(line.get_ydata(orig=False), dtype=float)])  # fmt: skip
    found = {"kind": "line", "color": _hex(line.get_color()), **_points(points, detail)}
    if (style := line.get_linestyle()) != "-":
        found["style"] = style
    if (marker := line.get_marker()) not in ("None", None, "", " "):
        found["marker"] = str(marker)
    if not line.get_transform().contains_branch(line.axes.transData):
        found["in"] = "axes"
    return found


def _text(text: Text) -> dict[str, Any]:
    found = {"kind": "text", "text": text.get_text(), "color": _hex(text.get_color())}
    found["at"] = _numbers(text.get_position())
    if isinstance(text, Annotation):
        found["points_to"] = _numbers(text.xy)
    return found


def _image(image: AxesImage, detail: Detail) -> dict[str, Any]:
    values = np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan)
    found: dict[str, Any] = {"kind": "image", "shape": list(values.shape)}
    if values.ndim == 2:
        found |= _mapping(image)
    found["extent"] = _numbers(image.get_extent())
    found["means"] = _grid(values, detail.side)
    return found


def _patch(patch: Patch, detail: Detail) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": type(patch).__name__}
    found["color"] = _hex(patch.get_facecolor() if patch.get_fill() else patch.get_edgecolor())
    if isinstance(patch, FancyArrowPatch):
        start, end = patch._posA_posB
        return found | _points(np.array([start, end], dtype=float), detail)
    if isinstance(patch, Rectangle) and not patch.get_angle():
        (left, bottom), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
        return found | _points(np.array([[left, bottom], [left + width, bottom + height]]), detail)
    path = patch.get_patch_transform().transform_path(patch.get_path())
    return found | _points(np.asarray(path.vertices, dtype=float), detail)


def _collection(collection: Collection, detail: Detail) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": type(collection).__name__}
    offsets = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
    paths = collection.get_paths()
    if len(offsets) > 1 or (len(offsets) == 1 and offsets.any()):
        found |= _points(offsets, detail)
    elif paths:
        vertices = [path.vertices for path in paths if len(path.vertices)]
        found |= _points(np.concatenate(vertices), detail) if vertices else {}
        found["paths"] = len(paths)
    if collection.get_array() is not None:
        values = np.ma.filled(np.ma.asarray(collection.get_array()).astype(float), np.nan)
        found |= _mapping(collection) | {"values": _numbers(_thin(values.ravel(), detail.points))}
    else:
        colors = collection.get_facecolor() if len(collection.get_facecolor()) else []
        colors = colors if len(colors) else collection.get_edgecolor()
        found["colors"] = [_hex(color) for color in _thin(list(colors), detail.points)]
    return found


def _mapping(artist: ScalarMappable) -> dict[str, Any]:
    low, high = artist.get_clim()
    cmap = artist.get_cmap()
    # What Matplotlib calls a map that it made of given colours depends on its version.
    given = cmap.name in ("unnamed", "from_list")
    name = " ".join(map(_hex, cmap(range(min(cmap.N, 8))))) if given else cmap.name
    return {"cmap": name, "range": _numbers([low, high])}


def _points(points: np.ndarray, detail: Detail) -> dict[str, Any]:
    """Returns how many points there are, some of them, and the mean of all."""
    found: dict[str, Any] = {"n": len(points)}
    kept = np.asarray(_thin(points, detail.points), dtype=float).reshape(-1, 2)
    found["x"], found["y"] = _numbers(kept[:, 0]), _numbers(kept[:, 1])
    finite = points[np.isfinite(points).all(axis=1)]
    if len(points) > detail.points and len(finite):
        found["mean"] = _numbers(finite.mean(axis=0))
    return found


def _grid(values: np.ndarray, side: int) -> list[Any]:
    """Returns the means over at most side x side equal blocks, one list a row."""
    rows = np.array_split(np.arange(values.shape[0]), min(side, values.shape[0]))
    columns = np.array_split(np.arange(values.shape[1]), min(side, values.shape[1]))
    grid = []
    for row in rows:
        band = values[row[0] : row[-1] + 1]
        blocks = [band[:, column[0] : column[-1] + 1] for column in columns]
        means = [block.reshape(-1, *values.shape[2:]).mean(axis=0) for block in blocks]
        grid.append(_numbers(np.concatenate([np.atleast_1d(mean) for mean in means])))
    return grid


def _thin(values: Sequence[Any], most: int) -> Sequence[Any]:
    """Returns at most that many of the values, evenly spread, with the first and the last."""
    if len(values) <= most:
        return values
    chosen = np.linspace(0, len(values) - 1, most).round().astype(int)
    return [values[index] for index in chosen]


def _numbers(values: Any) -> list[float | str | None]:
    return [_number(float(value)) for value in np.asarray(values, dtype=float).ravel()]


def _number(value: float) -> float | int | str:
    """Returns a number of few digits that JSON can hold; infinities and nan as text."""
    if not np.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded


def _hex(color: Any) -> str:
    return to_hex(color, keep_alpha=True).removesuffix("ff") if color is not None else "none"


def _color_of(handle: Any) -> str:
    for name in ("get_facecolor", "get_color", "get_edgecolor"):
        if hasattr(handle, name):
            color = getattr(handle, name)()
            rows = np.asarray(color, dtype=object)
            if rows.ndim == 2:
                color = rows[0] if len(rows) else "none"
            return _hex(color)
    return "none"
