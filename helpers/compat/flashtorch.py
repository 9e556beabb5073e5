"""flashtorch 0.1.3, mended for today's PyTorch.

``from helpers.compat import flashtorch`` gives the package itself, released last in 2020. The
mends keep what it computes:

- ``denormalize`` edits views of its input in place, which autograd refuses: it works on a detached
  copy.
- The gradient at the input is recorded by a tensor hook instead of ``register_backward_hook``,
  which PyTorch has deprecated.
- Guided mode leaves its hooks on the model, so that every later call is guided as well: they are
  removed after each call. ``ReLU6`` is guided like ``ReLU``; ``inplace=True`` is allowed.
- An image that does not require a gradient raises a ``ValueError``, where the package ends in an
  ``AttributeError`` of its own hook.

Not mended, since it is what the package says about itself: it explains the *predicted* class, with
a warning if another was asked for, and its guided mode multiplies by the activation, which guided
backpropagation does not. Compare with ``captum.attr``.

Source: https://github.com/MisaOgura/flashtorch (MIT licence), J. Springenberg et al., Striving for
Simplicity, arXiv:1412.6806.
"""

import functools
from collections.abc import Callable
from types import ModuleType

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


def _record_input_gradient(self: object, module: nn.Module) -> object:
    """Keeps the gradient at the module's input in ``self.gradients`` if it is the image's."""

    def record(gradient: Tensor) -> None:
        if self.gradients.shape == gradient.shape:
            self.gradients = gradient.clone()

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].requires_grad:
            inputs[0].register_hook(record)

    return module.register_forward_pre_hook(before)


def _register_conv_hook(self: object) -> None:
    for module in self.model.modules():
        if isinstance(module, nn.Conv2d):
            _record_input_gradient(self, module)
            break


def _register_backward_hooks(self: object) -> object:
    for module in self.model.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            return _record_input_gradient(self, module)
    raise ValueError("the model must have a Conv2d of 3 input channels")


def _register_relu_hooks(self: object) -> None:
    self.relu_handles = []
    for module in self.model.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            self.relu_handles += _guide(module)


def _guide(module: nn.Module) -> list:
    top = 6.0 if isinstance(module, nn.ReLU6) else float("inf")
    kept = []

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        kept.append(inputs[0])
        return (inputs[0].clone(),)

    def after(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
        return _GuidedReLU.apply(kept.pop(), outputs.detach(), top)

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def _checked_and_unhooked(original: Callable) -> Callable:
    @functools.wraps(original)
    def calculate_gradients(self: object, input_: Tensor, *args, **kwargs) -> Tensor:
        if not input_.requires_grad:
            raise ValueError("input_ must require a gradient: call input_.requires_grad_() first")
        self.relu_handles = []
        try:
            return original(self, input_, *args, **kwargs)
        finally:
            for handle in self.relu_handles:
                handle.remove()

    return calculate_gradients


def _load() -> ModuleType:
    import flashtorch
    import flashtorch.activmax
    import flashtorch.saliency
    from flashtorch.activmax import GradientAscent
    from flashtorch.saliency import Backprop, backprop

    mended = _denormalize(flashtorch.utils.denormalize)
    flashtorch.utils.denormalize = backprop.denormalize = mended
    Backprop._register_conv_hook = _register_conv_hook
    Backprop._register_relu_hooks = _register_relu_hooks
    Backprop.calculate_gradients = _checked_and_unhooked(Backprop.calculate_gradients)
    GradientAscent._register_backward_hooks = _register_backward_hooks
    return flashtorch


# The reader gets the package, not this module.
stand_in(__name__, _load())
