"""Networks that chapters build and that later chapters and tools use again.

The definitions equal the chapters', but for docstrings and type annotations: a test compares them.
"""

from collections.abc import Callable

from torch import Tensor, nn


class AlexNet(nn.Module):
    """AlexNet in one tower: 96 to 384 channels, for images of 224 pixels.

    Args:
        channels: Channels of the images.
        classes: How many logits come out.

    Shape:
        Input (N, channels, 224, 224), output (N, classes).

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, ImageNet classification with deep convolutional
    neural networks, NeurIPS 2012.
    """

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 96, 11, stride=4),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(256 * 5 * 5, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


class SmallAlexNet(nn.Module):
    """AlexNet's plan for images of 28 pixels and ten classes: 117,000 parameters.

    Args:
        activation: Makes the non-linearity after each hidden layer.
        dropout: Probability of the two dropout layers, in [0, 1].

    Shape:
        Input (N, 1, 28, 28), output (N, 10).
    """

    def __init__(self, activation: Callable[[], nn.Module] = nn.ReLU, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 7, stride=2, padding=3),
            activation(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(16, 32, 5, padding=2),
            activation(),
            nn.Conv2d(32, 48, 3, padding=1),
            activation(),
            nn.Conv2d(48, 48, 3, padding=1),
            activation(),
            nn.Conv2d(48, 32, 3, padding=1),
            activation(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(32 * 3 * 3, 128),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(128, 128),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(128, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def conv_net(width: int = 16, dropout: float = 0.2) -> nn.Sequential:
    """Returns three blocks of convolution, batch normalisation, ReLU and pooling, and a head.

    Args:
        width: Channels of the first block; each next one has twice as many.
        dropout: Probability before the last layer, in [0, 1].

    Shape:
        Input (N, 1, 28, 28), output (N, 10).
    """
    layers, channels = [], 1
    for out in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = out
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels * 9, 10))


def plain_net() -> nn.Sequential:
    """Returns the network of PyTorch's MNIST example: two convolutions and two linear layers.

    Shape:
        Input (N, 1, 28, 28), output (N, 10).

    Source: https://github.com/pytorch/examples/blob/main/mnist/main.py
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def quick_net(
    widths: tuple[int, ...] = (8, 64), hidden: int = 256, dropout: float = 0.0
) -> nn.Sequential:
    """Returns a network that pools first: what comes after a pooling has a quarter of the work.

    Args:
        widths: Channels of each convolution; a pooling follows each.
        hidden: Features that the last layer sees.
        dropout: Probability before the last layer, in [0, 1].

    Shape:
        Input (N, 1, 28, 28), output (N, 10).
    """
    layers, channels, side = [], 1, 28
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.MaxPool2d(2)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels, side = width, side // 2
    layers += [nn.Conv2d(channels, hidden, side, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(hidden, 10)]
    return nn.Sequential(*layers)


def _vgg_net() -> nn.Sequential:
    """Two convolutions before each pooling, at the end the largest value of each channel.

    It takes a GPU to train. Source: Simonyan and Zisserman, Very deep convolutional networks,
    arXiv:1409.1556; with batch normalisation, and without its first two linear layers.
    """
    layers, channels = [], 1
    for width in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers += [nn.MaxPool2d(2)]
    layers += [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels, 10)]
    return nn.Sequential(*layers)


CLASSIFIERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    "alexnet": SmallAlexNet,
    "convnet": conv_net,
    "quick": quick_net,
    "wide": lambda: quick_net((32, 64, 128), 256, 0.3),
    "vgg": _vgg_net,
}
"""The networks that ``helpers.train`` trains and ``helpers.predict`` asks, by their option's name.

Each takes images of shape (N, 1, 28, 28) and gives logits of shape (N, 10).
"""
