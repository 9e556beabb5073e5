"""The network that chapter 32 trained, folded and put into a file, which comes with the package.

``book/tools/draw_weights.py`` makes the file; its licence lies beside it.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

PATH = Path(__file__).parents[1] / "assets" / "draw.safetensors"


def network() -> tuple[nn.Sequential, dict[str, Any]]:
    """Returns the network, on the CPU, in evaluation mode, and the card that its file holds.

    The card has ``"mean"`` and ``"std"``: what a picture's values divided by 255 are prepared by.

    Shape:
        Input (N, 1, 28, 28), prepared; output (N, 10) logits.
    """
    layers: list[nn.Module] = []
    for ins, outs in ((1, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(ins, outs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    module = nn.Sequential(*layers, nn.Flatten(), nn.Linear(576, 10))
    with safe_open(PATH, "pt") as file:
        card = json.loads(file.metadata()["card"])
        module.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return module.eval(), card
