"""One instance of every augmenter of imgaug, to try which of them still run."""

import inspect
from collections.abc import Callable

from helpers.compat import imgaug

iaa = imgaug.augmenters

ABSTRACT = {"Augmenter", "CloudLayer", "RainLayer", "SnowflakesLayer"}
"""Base classes and the single layers of weather: used through their subclasses."""

_ARGUMENTS: dict[str, Callable[[], dict]] = {
    "AssertShape": lambda: {"shape": (None, None, None, 3)},
    "BlendAlpha": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaBoundingBoxes": lambda: {"labels": None, "foreground": iaa.Grayscale()},
    "BlendAlphaCheckerboard": lambda: {"nb_rows": 4, "nb_cols": 4, "foreground": iaa.Grayscale()},
    "BlendAlphaElementwise": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaFrequencyNoise": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaHorizontalLinearGradient": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaMask": lambda: {
        "mask_generator": iaa.VerticalLinearGradientMaskGen(),
        "foreground": iaa.Grayscale(),
    },
    "BlendAlphaRegularGrid": lambda: {"nb_rows": 4, "nb_cols": 4, "foreground": iaa.Grayscale()},
    "BlendAlphaSegMapClassIds": lambda: {"class_ids": [1], "foreground": iaa.Grayscale()},
    "BlendAlphaSimplexNoise": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaSomeColors": lambda: {"foreground": iaa.Grayscale()},
    "BlendAlphaVerticalLinearGradient": lambda: {"foreground": iaa.Grayscale()},
    "ChangeColorspace": lambda: {"to_colorspace": "HSV"},
    "KeepSizeByResize": lambda: {"children": iaa.Crop(px=4)},
    "OneOf": lambda: {"children": [iaa.Fliplr(1.0), iaa.Flipud(1.0)]},
    "RemoveCBAsByOutOfImageFraction": lambda: {"fraction": 0.5},
    "ReplaceElementwise": lambda: {"mask": 0.1, "replacement": 0},
    "Resize": lambda: {"size": 0.5},
    "SaveDebugImageEveryNBatches": lambda: {"destination": _Nowhere(), "interval": 1},
    "Sequential": lambda: {"children": [iaa.Fliplr(1.0)]},
    "SomeOf": lambda: {"children": [iaa.Fliplr(1.0), iaa.Flipud(1.0)]},
    "Sometimes": lambda: {"then_list": iaa.Fliplr(1.0)},
    "Voronoi": lambda: {"points_sampler": iaa.RegularGridPointsSampler(8, 8)},
    "WithChannels": lambda: {"channels": 0, "children": iaa.Add(40)},
    "WithColorspace": lambda: {"to_colorspace": "HSV", "children": iaa.Add(40)},
    "WithPolarWarping": lambda: {"children": iaa.Crop(px=4)},
}
_SIZES = {
    "FixedSize": {"width": 64, "height": 64},
    "AspectRatio": {"aspect_ratio": 1.0},
    "MultiplesOf": {"width_multiple": 10, "height_multiple": 10},
    "PowersOf": {"width_base": 2, "height_base": 2},
}


class _Nowhere(iaa.debug._IImageDestination):
    """Takes debug images and forgets them."""

    def receive(self, image: object) -> None:
        pass


def examples() -> dict[str, Callable[[], object]]:
    """Returns for each augmenter class a function that makes an instance of it.

    Classes with defaults are made from them; the others get the smallest sensible arguments.
    Names of the submodules ``pillike`` and ``imgcorruptlike`` are written with the submodule.
    """
    found = {}
    for prefix, module in (
        ("", iaa),
        ("pillike.", iaa.pillike),
        ("imgcorruptlike.", iaa.imgcorruptlike),
    ):
        for name, thing in sorted(vars(module).items()):
            if inspect.isclass(thing) and issubclass(thing, iaa.Augmenter):
                if name in ABSTRACT or name.startswith("_"):
                    continue
                if prefix and thing.__module__ != module.__name__:
                    continue
                found[prefix + name] = _maker(name, thing)
    return found


def _maker(name: str, kind: type) -> Callable[[], object]:
    suffix = next((size for size in _SIZES if name.endswith("To" + size)), None)
    arguments = _ARGUMENTS.get(name, lambda: _SIZES.get(suffix, {}))
    return lambda: kind(**arguments())
