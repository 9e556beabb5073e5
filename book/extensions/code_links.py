"""Completes sphinx-codeautolink, which turns API names in code into links.

- It links only pages whose source changed, but a page is written again for other reasons, too: then
  its links would be gone. Every page that is written gets its links here.
- It forgets what it read of files other than .rst. Here it remembers the chapters.
- PyTorch's built-in functions carry no annotations, so it does not know that they return tensors.
  The stub files that come with PyTorch do.
- Cells may hold line magics, such as %run.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import get_type_hints

import torch
from sphinx.application import Sphinx
from sphinx_codeautolink.extension import SphinxCodeAutoLink, block, resolve
from sphinx_codeautolink.extension import cache as stored
from sphinx_codeautolink.extension.block import CodeExample, Name, SourceTransform

STUBS = {"_VariableFunctionsClass": "_VariableFunctions.pyi", "TensorBase": "__init__.pyi"}
RETURN = re.compile(r"^ *def (\w+)\((?:[^()]|\([^()]*\))*\) -> ([^:]+):", re.M)


@cache
def tensor_functions(stub: str) -> frozenset[str]:
    """Returns the names that give a tensor whatever the arguments, from one of PyTorch's stubs."""
    found: dict[str, set[str]] = {}
    text = (Path(torch.__file__).parent / "_C" / stub).read_text(encoding="utf-8")
    for name, result in RETURN.findall(text):
        found.setdefault(name, set()).add(result)
    return frozenset(name for name, results in found.items() if results == {"Tensor"})


def gives_tensor(thing: object) -> bool:
    owner, _, name = getattr(thing, "__qualname__", "").rpartition(".")
    return owner in STUBS and name in tensor_functions(STUBS[owner])


def call_value(cursor: resolve.Cursor, original=resolve.call_value) -> None:
    """As the original, and knows what PyTorch's built-ins and layers return."""
    module = cursor.instance and isinstance(cursor.value, type)
    if module and issubclass(cursor.value, torch.nn.Module):
        is_tensor = get_type_hints(cursor.value.forward).get("return") is torch.Tensor
    else:
        is_tensor = gives_tensor(cursor.value)
    if not is_tensor:
        return original(cursor)
    cursor.value, cursor.location = torch.Tensor, "torch.Tensor"
    cursor.instance, cursor.annotation = True, torch.Tensor


def read(self: stored.DataCache) -> None:
    """As the original, for sources of any kind."""
    path = self.cache_dir / self.cache_filename
    if not path.exists():
        return
    for file, transforms in json.loads(path.read_text(encoding="utf-8")).items():
        if any((self.src_dir / f"{file}{suffix}").exists() for suffix in (".ipynb", ".md")):
            for transform in transforms:
                transform["example"] = CodeExample(**transform["example"])
                transform["names"] = [Name(**name) for name in transform["names"]]
            self.transforms[file] = [SourceTransform(**transform) for transform in transforms]


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinx_codeautolink")
    resolve.call_value = call_value
    block.BUILTIN_BLOCKS["python"] = block.clean_ipython
    stored.DataCache.read = read
    written: set[str] = set()
    owners = (
        getattr(listener.handler, "__self__", None)
        for listener in app.events.listeners["build-finished"]
    )
    (state,) = (owner for owner in owners if isinstance(owner, SphinxCodeAutoLink))

    # Documents are resolved in one process, also where several write the pages.
    def remember(app, doctree, docname):
        written.add(str(Path(docname)))

    def hand_over(app, error):
        state.outdated_docs = written

    app.connect("doctree-resolved", remember)
    app.connect("build-finished", hand_over, priority=400)
    return {"parallel_read_safe": True, "version": "1"}
