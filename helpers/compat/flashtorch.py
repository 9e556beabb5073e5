"""flashtorch 0.1.3, mended for today's PyTorch.

``from helpers.compat import flashtorch`` gives the package itself, released last in 2020. The
mends keep what it computes:

- ``denormalize`` edits views of its input in place, which autograd refuses: it works on a detached
  copy.
- ``Backprop`` and ``GradientAscent`` take the gradient at the image itself. The package takes it at
  the input of the first ``Conv2d`` it finds, by the deprecated ``register_backward_hook``, and goes
  on with zeros where that layer does not see the picture.
- Guided mode leaves its hooks on the model, so that every later call is guided as well: they are
  removed after each call. ``ReLU6`` is guided like ``ReLU``; ``inplace=True`` is allowed.
- An image that does not require a gradient, or on which the output does not depend, raises a
  ``ValueError``, where the package ends in an ``AttributeError`` of its own hook or in zeros.

Not mended, since it is what the package says about itself: it explains the *predicted* class, with
a warning if another was asked for, and its guided mode multiplies by the activation, which guided
backpropagation does not. Compare with ``captum.attr``.

Source: https://github.com/MisaOgura/flashtorch (MIT licence), J. Springenberg et al., Striving for
Simplicity, arXiv:1412.6806.
"""

import functools
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor, nn

from helpers.compat import stand_in


class _GuidedReLU(torch.autograd.Function):
    """Passes the activation on; backward as flashtorch has it: positive gradient × activation."""

    @staticmethod
    def forward(ctx, inputs: Tensor, outputs: Tensor, top: float) -> Tensor:
        ctx.save_for_backward(outputs)
        ctx.top = top
        return outputs.clone()

    @staticmethod
    def backward(ctx, incoming: Tensor) -> tuple[Tensor, None, None]:
        (outputs,) = ctx.saved_tensors
        return incoming.clamp(min=0) * outputs * (outputs < ctx.top), None, None


def _denormalize(original: Callable) -> Callable:
    @functools.wraps(original)
    def denormalize(tensor: Tensor) -> Tensor:
        with torch.no_grad():
            return original(tensor)

    return denormalize


_NO_PATH = "the model's output must depend on input_ by steps with a gradient"


def _nothing_to_register(self: object) -> SimpleNamespace:
    """Stands in for the package's hooks: the image itself is asked for its gradient."""
    return SimpleNamespace(remove=lambda: None)


def _ascent(self: object, x: Tensor, num_iter: int) -> list[Tensor]:
    """Moves the image along its own gradient, scaled as the package scales it."""
    output = []
    for _ in range(num_iter):
        x = x.detach().requires_grad_()
        self.model(x)
        self.activation.backward()
        if x.grad is None:
            raise ValueError(_NO_PATH)
        self.gradients = x.grad / (x.grad.square().mean().sqrt() + 1e-5)
        x = x + self.gradients * self._lr
        output.append(x)
    return output


def _register_relu_hooks(self: object) -> None:
    for module in self.model.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            self.handles += _guide(module)


def _guide(module: nn.Module) -> list:
    top = 6.0 if isinstance(module, nn.ReLU6) else float("inf")
    kept = []

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        kept.append(inputs[0])
        return (inputs[0].clone(),)

    def after(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        return _GuidedReLU.apply(kept.pop(), outputs.detach(), top)

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def _of_the_image(original: Callable) -> Callable:
    """Lets ``calculate_gradients`` return the gradient at the image, and leave no hook behind."""

    @functools.wraps(original)
    def calculate_gradients(self: object, input_: Tensor, *args, **kwargs) -> Tensor:
        if not input_.requires_grad:
            raise ValueError("input_ must require a gradient: call input_.requires_grad_() first")
        arrived = []

        def record(gradient: Tensor) -> None:
            self.gradients = gradient.clone()
            arrived.append(True)

        self.handles = [input_.register_hook(record)]
        try:
            result = original(self, input_, *args, **kwargs)
        finally:
            for handle in self.handles:
                handle.remove()
        if not arrived:
            raise ValueError(_NO_PATH)
        return result

    return calculate_gradients


def _load() -> ModuleType:
    import flashtorch
    import flashtorch.activmax
    import flashtorch.saliency
    from flashtorch.activmax import GradientAscent
    from flashtorch.saliency import Backprop, backprop

    mended = _denormalize(flashtorch.utils.denormalize)
    flashtorch.utils.denormalize = backprop.denormalize = mended
    Backprop._register_conv_hook = _nothing_to_register
    Backprop._register_relu_hooks = _register_relu_hooks
    Backprop.calculate_gradients = _of_the_image(Backprop.calculate_gradients)
    GradientAscent._register_backward_hooks = _nothing_to_register
    GradientAscent._ascent = _ascent
    return flashtorch


# The reader gets the package, not this module.
stand_in(__name__, _load())
