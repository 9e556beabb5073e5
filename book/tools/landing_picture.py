"""Draws the landing page's picture: two optimizers' paths through a curved valley, computed.

Usage: python book/tools/landing_picture.py
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import torch

from helpers import plotting

TARGET = Path(__file__).parents[1] / "assets" / "landing.svg"


def valley(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Rosenbrock's function with a gentler wall; its minimum is 0 at (1, 1)."""
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


def path(optimizer: type, steps: int, **options: float) -> torch.Tensor:
    """Returns the points that an optimizer visits, shape (steps + 1, 2)."""
    point = torch.tensor([-1.4, 2.2], requires_grad=True)
    rule = optimizer([point], **options)
    points = [point.detach().clone()]
    for _ in range(steps):
        rule.zero_grad()
        valley(point[0], point[1]).backward()
        rule.step()
        points.append(point.detach().clone())
    return torch.stack(points)


def main() -> None:
    plotting.use_style()
    matplotlib.rcParams["svg.hashsalt"] = "landing"
    figure, ax = plt.subplots(figsize=(8, 2.9))
    x, y = torch.linspace(-2.3, 2.3, 220), torch.linspace(-0.6, 2.6, 140)
    grid_x, grid_y = torch.meshgrid(x, y, indexing="xy")
    levels = torch.logspace(-1.3, 2.2, 15)
    ax.contour(x, y, valley(grid_x, grid_y), levels=levels, colors=plotting.GREY, linewidths=0.6)
    for rule, options, colour in (
        (torch.optim.SGD, {"lr": 0.004, "momentum": 0.9}, plotting.EMBER),
        (torch.optim.Adam, {"lr": 0.12}, plotting.BLUE),
    ):
        points = path(rule, 140, **options)
        ax.plot(*points.T, color=colour, marker=".", markersize=3, linewidth=1.1)
    ax.plot(1, 1, marker="*", markersize=11, color=plotting.GREEN)
    ax.set(xlim=(-2.3, 2.3), ylim=(-0.6, 2.6))
    ax.axis("off")
    figure.savefig(TARGET, metadata={"Date": None})


if __name__ == "__main__":
    main()
