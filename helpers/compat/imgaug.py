"""imgaug 0.4.0, mended for today's NumPy and OpenCV.

``from helpers.compat import imgaug`` gives the package itself, released last in 2020. The mends:

- NumPy 2 removed ``np.sctypes``, which imgaug reads at import, and ``np.complex``, which
  ``FrequencyNoise`` uses. imgaug sees both; NumPy itself is left as it is.
- ``ElasticTransformation`` hands ``cv2.convertMaps`` maps of float64; OpenCV 5 takes float32.
- ``pillike.Autocontrast`` hands Pillow an array of one number; NumPy 2.4 no longer turns it into
  a number by itself.

Source: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
"""

from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np

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
        from imgaug import parameters
        from imgaug.augmenters import geometric, pillike
    finally:
        if missing:
            del np.sctypes
    parameters.np = _StandIn(np, complex=complex)
    geometric.cv2 = _StandIn(cv2, convertMaps=_convert_maps)
    pillike._autocontrast_pil = _with_a_plain_cutoff(pillike._autocontrast_pil)
    return imgaug


# The reader gets the package, not this module.
stand_in(__name__, _load())
