"""Writes the inventories by which API names in code become links, from the installed packages.

Usage: python book/tools/inventories.py

A site that must build without a network cannot fetch PyTorch's own inventory. The addresses follow
the documentation's scheme: one page a name under ``generated/``, and section pages for the modules
listed in ``SECTIONS``.
"""

import inspect
from importlib import import_module
from pathlib import Path

import sphobjinv

from helpers.files import write_atomically

FOLDER = Path(__file__).parents[1] / "inventories"
MODULES = {
    "torch": [
        "torch",
        "torch.amp",
        "torch.autograd",
        "torch.autograd.functional",
        "torch.func",
        "torch.linalg",
        "torch.nn",
        "torch.nn.functional",
        "torch.nn.init",
        "torch.nn.utils",
        "torch.optim",
        "torch.optim.lr_scheduler",
        "torch.utils.checkpoint",
        "torch.utils.data",
        "torch.utils.tensorboard",
    ],
    "torchvision": [
        "torchvision.datasets",
        "torchvision.io",
        "torchvision.models",
        "torchvision.models.detection",
        "torchvision.models.segmentation",
        "torchvision.ops",
        "torchvision.transforms.v2",
        "torchvision.transforms.v2.functional",
        "torchvision.utils",
    ],
}
# Modules whose names are anchors of one page.
SECTIONS = {
    "torch.amp": "amp.html",
    "torch.nn.init": "nn.init.html",
    "torch.utils.checkpoint": "checkpoint.html",
    "torch.utils.data": "data.html",
    "torch.utils.tensorboard": "tensorboard.html",
}
# Names with a place of their own.
PLACES = {
    "torch.Tensor": "tensors.html#torch.Tensor",
    "torch.device": "tensor_attributes.html#torch.device",
    "torch.dtype": "tensor_attributes.html#torch.dtype",
    "torch.autograd.Function": "autograd.html#torch.autograd.Function",
    "torch.autograd.gradcheck": "generated/torch.autograd.gradcheck.gradcheck.html"
    "#torch.autograd.gradcheck.gradcheck",
    "torch.optim.Optimizer": "optim.html#torch.optim.Optimizer",
    "torch.nn.Parameter": "generated/torch.nn.parameter.Parameter.html"
    "#torch.nn.parameter.Parameter",
    "torch.Generator": "generated/torch.Generator.html#torch.Generator",
    "torch.func.functional_call": "generated/torch.func.functional_call.html"
    "#torch.func.functional_call",
    "torch.cuda.is_available": "generated/torch.cuda.is_available.html#torch.cuda.is_available",
    "torch.backends": "backends.html",
    "torch.autocast": "amp.html#torch.autocast",
    "torch.amp.autocast": "amp.html#torch.autocast",
    "torch.amp.is_autocast_available": "amp.html#torch.amp.autocast_mode.is_autocast_available",
    "torch.GradScaler": "amp.html#gradient-scaling",
    "torch.amp.GradScaler": "amp.html#gradient-scaling",
    "torch.utils.tensorboard.SummaryWriter": "tensorboard.html"
    "#torch.utils.tensorboard.writer.SummaryWriter",
}
for _name in ("inference_mode", "set_grad_enabled"):
    _defined = f"torch.autograd.grad_mode.{_name}"
    for _module in ("torch", "torch.autograd"):
        PLACES[f"{_module}.{_name}"] = f"generated/{_defined}.html#{_defined}"
for _name in ("no_grad", "enable_grad"):
    PLACES[f"torch.autograd.{_name}"] = f"generated/torch.{_name}.html#torch.{_name}"
# Classes whose methods have a page each; other classes' methods are anchors of the class's page.
PAGE_A_METHOD = {"torch.Tensor": "torch.Tensor", "torch.optim.Optimizer": "torch.optim.Optimizer"}


def public(name: str) -> list[tuple[str, object]]:
    """Returns a module's documented functions and classes, with their qualified names."""
    module = import_module(name)
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    if name in ("torch.nn", "torch.optim", "torchvision.io", "torchvision.ops"):
        names = [n for n in vars(module) if not n.startswith("_")]
    root = name.partition(".")[0]
    found = []
    for short in sorted(set(names)):
        thing = getattr(module, short, None)
        home = getattr(thing, "__module__", "") or root
        documented = inspect.getdoc(thing) or f"{name}.{short}" in PLACES
        if callable(thing) and documented and home.startswith((root, "builtins")):
            found.append((f"{name}.{short}", thing))
    return found


def entries(project: str) -> dict[str, tuple[str, str]]:
    """Returns role and address of every name, public and defining."""
    found: dict[str, tuple[str, str]] = {}
    for module in MODULES[project]:
        for name, thing in public(module):
            is_class = inspect.isclass(thing)
            place = PLACES.get(name) or address(module, name)
            add(found, name, thing, "class" if is_class else "function", place)
            if is_class:
                for method in methods(thing):
                    add_method(found, name, thing, method, place)
    for name, place in PLACES.items():
        if name.startswith(project + "."):
            found.setdefault(name, ("function", place))
    return found


def address(module: str, name: str) -> str:
    folder = "models/generated" if module.startswith("torchvision.models") else "generated"
    page = SECTIONS.get(module, f"{folder}/{name}.html")
    return f"{page}#{name}"


def methods(kind: type) -> list[str]:
    return [n for n in dir(kind) if not n.startswith("_") and callable(getattr(kind, n, None))]


def add(found: dict, name: str, thing: object, role: str, place: str) -> None:
    """Enters a name, and the name under which it is defined, which type inference finds."""
    found.setdefault(name, (role, place))
    home, defined = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if home and defined and home.partition(".")[0] == name.partition(".")[0]:
        found.setdefault(f"{home}.{defined}", (role, place))


def add_method(found: dict, name: str, kind: type, method: str, place: str) -> None:
    owner = next((base for base in kind.__mro__ if method in vars(base)), kind)
    documented = PAGE_A_METHOD.get(name) or PAGE_A_METHOD.get(_public_name(owner))
    if documented:
        place = f"generated/{documented}.{method}.html#{documented}.{method}"
    elif _public_name(owner) == "torch.nn.Module":
        place = f"generated/torch.nn.Module.html#torch.nn.Module.{method}"
    elif owner is not kind:
        return
    elif "." in place.partition("#")[2]:
        place = f"{place}.{method}"
    for prefix in {name, f"{kind.__module__}.{kind.__qualname__}"}:
        found.setdefault(f"{prefix}.{method}", ("method", place))


def _public_name(kind: type) -> str:
    known = {"torch.nn.modules.module.Module": "torch.nn.Module"}
    known |= {"torch.optim.optimizer.Optimizer": "torch.optim.Optimizer"}
    name = f"{kind.__module__}.{kind.__qualname__}"
    return known.get(name, name)


def write(project: str, folder: Path = FOLDER) -> int:
    """Writes one inventory; returns how many names are in it."""
    inventory = sphobjinv.Inventory()
    inventory.project, inventory.version = project, "stable"
    for name, (role, place) in sorted(entries(project).items()):
        inventory.objects.append(
            sphobjinv.DataObjStr(
                name=name, domain="py", role=role, priority="1", uri=place, dispname="-"
            )
        )
    text = inventory.data_file(contract=True)
    write_atomically(folder / f"{project}.inv", sphobjinv.compress(text))
    return len(inventory.objects)


if __name__ == "__main__":
    for project in MODULES:
        print(project, write(project))
