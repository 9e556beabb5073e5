"""imgaug 0.4.0, mended for today's NumPy, OpenCV, Matplotlib and Shapely.

``from helpers.compat import imgaug`` gives the package itself, released last in 2020. The mends:

- NumPy 2 removed ``np.sctypes``, which imgaug reads at import, and ``np.complex``, which
  ``FrequencyNoise`` uses. imgaug sees both; NumPy itself is left as it is.
- ``ElasticTransformation`` hands ``cv2.convertMaps`` maps of float64; OpenCV 5 takes float32.
- ``pillike.Autocontrast`` hands Pillow an array of one number; NumPy 2.4 no longer turns it into
  a number by itself.
- ``WithPolarWarping`` joins columns from ``cv2.cartToPolar``; OpenCV 5 returns rows for its
  points, those of boxes, polygons and lines included.
- ``imshow`` and ``show_grid`` name the window in a way that Matplotlib 3.6 removed.
- ``Polygon.clip_out_of_image`` does not expect that Shapely returns an edge or a corner beside the
  polygons, when a part of the polygon only touches the picture.

Source: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
"""

import copy
from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np
import shapely

from helpers.compat import stand_in

_SCTYPES = {
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
}


class _StandIn(ModuleType):
    """A module with some names changed; all others are the original's."""

    def __init__(self, original: ModuleType, **names: object) -> None:
        super().__init__(original.__name__)
        self.__dict__.update(names)
        self._original = original

    def __getattr__(self, name: str) -> object:
        return getattr(self._original, name)


def _convert_maps(first: np.ndarray, second: np.ndarray, *args, **kwargs) -> tuple:
    return cv2.convertMaps(np.float32(first), np.float32(second), *args, **kwargs)


def _cart_to_polar(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    magnitude, angle = cv2.cartToPolar(x, y)
    return magnitude.reshape(-1, 1), angle.reshape(-1, 1)


def _imshow(image: np.ndarray, backend: str = "matplotlib") -> None:
    """Shows a picture with Matplotlib, as large as imgaug does."""
    if backend != "matplotlib":
        raise ValueError(f"backend must be 'matplotlib', got {backend!r}")
    import matplotlib.pyplot as plt

    height, width = (side / 96 for side in image.shape[:2])
    _, axes = plt.subplots(figsize=(max(width, 6), height), dpi=96)
    axes.imshow(image, cmap="gray")
    plt.show()


class _PolygonsOnly:
    """A polygon of Shapely whose intersections hold polygons, and no edges or corners."""

    def __init__(self, polygon: shapely.Polygon) -> None:
        self._polygon = polygon

    def intersection(self, other: shapely.Geometry) -> shapely.Geometry:
        found = self._polygon.intersection(other)
        if found.geom_type != "GeometryCollection":
            return found
        parts = shapely.get_parts(shapely.get_parts(found))
        return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _clip_to_polygons(function: Callable) -> Callable:
    def clip_out_of_image(self: object, image: np.ndarray | tuple[int, ...]) -> list:
        polygon = copy.copy(self)
        polygon.to_shapely_polygon = lambda: _PolygonsOnly(self.to_shapely_polygon())
        return function(polygon, image)

    return clip_out_of_image


def _with_a_plain_cutoff(function: Callable) -> Callable:
    def autocontrast(image: np.ndarray, cutoff: float, ignore: object) -> np.ndarray:
        return function(image, np.asarray(cutoff).item(), ignore)

    return autocontrast


def _load() -> ModuleType:
    missing = not hasattr(np, "sctypes")
    if missing:
        np.sctypes = _SCTYPES
    try:
        import imgaug
        import imgaug.augmenters
        from imgaug import imgaug as functions
        from imgaug import parameters
        from imgaug.augmentables.polys import Polygon
        from imgaug.augmenters import geometric, pillike
    finally:
        if missing:
            del np.sctypes
    parameters.np = _StandIn(np, complex=complex)
    geometric.cv2 = _StandIn(cv2, convertMaps=_convert_maps, cartToPolar=_cart_to_polar)
    pillike._autocontrast_pil = _with_a_plain_cutoff(pillike._autocontrast_pil)
    imgaug.imshow = functions.imshow = _imshow
    Polygon.clip_out_of_image = _clip_to_polygons(Polygon.clip_out_of_image)
    return imgaug


# The reader gets the package, not this module.
stand_in(__name__, _load())
