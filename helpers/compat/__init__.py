"""Two unmaintained packages, mended where today's libraries break them.

``from helpers.compat import imgaug`` and ``from helpers.compat import flashtorch`` give the
packages themselves; each module's docstring names its mends. Nothing is touched before.
"""

import sys
from types import ModuleType


def stand_in(name: str, package: ModuleType) -> None:
    """Makes a package importable under a second name, its submodules included.

    Without the submodules, importing one by the second name would run its code a second time.

    Args:
        name: The second name, such as ``"helpers.compat.imgaug"``.
        package: The package, already imported.
    """
    own = package.__name__
    for key, module in list(sys.modules.items()):
        if key == own or key.startswith(f"{own}."):
            sys.modules[name + key.removeprefix(own)] = module
