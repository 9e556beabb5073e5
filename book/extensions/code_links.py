"""Completes sphinx-codeautolink, which turns API names in code into links.

- It links only pages whose source changed, but a page is written again for other reasons, too: then
  its links would be gone. Every page that is written gets its links here.
- It forgets what it read of files other than .rst. Here it remembers the chapters.
- PyTorch's built-in functions carry no annotations, so it does not know that they return tensors.
  The stub files that come with PyTorch do.
- Cells may hold line magics, such as %run.
- It parses a page again for each example and each link, and a chapter's code again for each cell:
  half of a build's time. Here a cell is read once, and links are written into the page's text.
- It looks every name of a changed chapter up anew, for which it imports PyTorch. Here the build
  remembers what a name led to, as long as the packages and the helpers are the same. It imports no
  package to whose pages nothing could link.
"""

import ast
import html
import json
import re
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from logging import getLogger
from pathlib import Path
from typing import get_type_hints

import sphinx_codeautolink.extension
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx_codeautolink.extension import SphinxCodeAutoLink, block, resolve
from sphinx_codeautolink.extension import cache as stored
from sphinx_codeautolink.extension.block import CodeExample, Name, SourceTransform
from sphinx_codeautolink.parse import ImportTrackerVisitor

from helpers.files import write_atomically

EXAMPLE = re.compile(
    r'(<div class="highlight-\w+[^"]*"><div class="highlight"><pre>)(.*?)</pre>', re.S
)
TAG = re.compile(r"<[^>]+>")
LINK = '<a class="sphinx-codeautolink-a" href="{address}"{title}>{text}</a>'
logger = logging.getLogger(__name__)

# Packages with pages to link to.
LINKED = ("torch", "torchvision", "helpers", "builtins")
STUBS = {"_VariableFunctionsClass": "_VariableFunctions.pyi", "TensorBase": "__init__.pyi"}
RETURN = re.compile(r"^ *def (\w+)\((?:[^()]|\([^()]*\))*\) -> ([^:]+):", re.M)


@cache
def tensor_functions(stub: str) -> frozenset[str]:
    """Returns the names that give a tensor whatever the arguments, from one of PyTorch's stubs."""
    found: dict[str, set[str]] = {}
    import torch

    text = (Path(torch.__file__).parent / "_C" / stub).read_text(encoding="utf-8")
    for name, result in RETURN.findall(text):
        found.setdefault(name, set()).add(result)
    return frozenset(name for name, results in found.items() if results == {"Tensor"})


def gives_tensor(thing: object) -> bool:
    owner, _, name = getattr(thing, "__qualname__", "").rpartition(".")
    return owner in STUBS and name in tensor_functions(STUBS[owner])


def call_value(cursor: resolve.Cursor, original=resolve.call_value) -> None:
    """As the original, and knows what PyTorch's built-ins and layers return."""
    import torch

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


class Reader:
    """Finds the names in code that grows cell by cell, as ``parse_names`` does for the whole."""

    def __init__(self):
        self._source, self._visitor = "", None

    def __call__(self, source: str, node: Node) -> list[Name]:
        """Returns the names of the source, without those of the one before if it goes on there."""
        visitor, known = self._visitor, f"{self._source}\n"
        self._visitor = None  # where an error ends it, the next call begins anew
        if visitor is None or not source.startswith(known):
            visitor, known = ImportTrackerVisitor(node), ""
        tree = ast.increment_lineno(ast.parse(source[len(known) :]), known.count("\n"))
        visitor.accessed = []
        visitor.visit(tree)
        self._source, self._visitor = source, visitor
        return visitor.accessed


class Locations(dict):
    """What names led to, by their components; None where nothing was found.

    Args:
        path: The file that holds them from one build to the next.
        key: What they depend on; a file with another key is not read.
    """

    def __init__(self, path: Path, key: str):
        super().__init__()
        self.path, self.key = path, key
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.update(stored["locations"] if stored["key"] == key else {})

    def __call__(self, name: Name, inventory: dict, original=resolve.resolve_location) -> str:
        """As the original, for names that no earlier build has resolved."""
        if name.resolved_location in inventory:
            return name.resolved_location
        components = " ".join(name.import_components)
        if name.import_components[0] not in LINKED:
            raise resolve.CouldNotResolve(f"{components} has no page to link to")
        if components not in self:
            try:
                self[components] = original(name, inventory)
            except resolve.CouldNotResolve:
                self[components] = None
        if self[components] is None:
            raise resolve.CouldNotResolve(f"{components} was not found")
        return self[components]

    def save(self, app: Sphinx, error: Exception | None) -> None:
        content = json.dumps({"key": self.key, "locations": self})
        write_atomically(self.path, content.encode())


def dependencies(source: Path) -> str:
    """Returns what the locations of names depend on: packages, helpers, pages that list names."""
    versions = [version(package) for package in ("torch", "torchvision", "sphinx-codeautolink")]
    files = [*source.glob("helpers/**/*.py"), *source.glob("book/inventories/*"),
             source / "book" / "api.md", Path(__file__)]  # fmt: skip
    digest = sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return " ".join([*versions, digest.hexdigest()])


def words(marked: str) -> str:
    """Returns the text of a piece of HTML."""
    return html.unescape(TAG.sub("", marked))


def link_html(
    document: str, out_dir: str, transforms: list[SourceTransform], inventory: dict, *_, **__
) -> None:
    """As the original: writes the links of a page's examples into the page."""
    path = Path(out_dir) / f"{document}.html"
    page = path.read_text(encoding="utf-8")
    found = list(EXAMPLE.finditer(page))
    texts = [words(example[2]).rstrip() for example in found]
    root = "../" * (len(path.relative_to(out_dir).parents) - 1)
    linked: dict[int, str] = {}
    for transform in transforms:
        places = (i for i, text in enumerate(texts) if i not in linked)
        place = next((i for i in places if texts[i] == transform.source.rstrip()), None)
        if place is None:
            logger.warning(f"no example of the page is {transform.source!r}", location=document)
            continue
        linked[place] = with_links(found[place][2], transform.names, inventory, root)
    parts, end = [], 0
    for place, example in enumerate(found):
        parts += [page[end : example.start(2)], linked.get(place, example[2])]
        end = example.end(2)
    path.write_text("".join([*parts, page[end:]]), encoding="utf-8")


def with_links(code: str, names: list[Name], inventory: dict, root: str) -> str:
    """Returns the HTML of an example with a link at each name."""
    lines = code.split("\n")
    for name in names:
        rows = slice(name.lineno - 1, name.end_lineno)
        selection = "\n".join(lines[rows])
        matches = list(re.finditer(block.construct_name_pattern(name), selection))
        if not matches:
            logger.warning(f"{name.code_str!r} does not occur in its line of the page")
            continue
        # The last one: in a.b = a.b, the right side is resolved first.
        start, end = matches[-1].span()
        start += len(matches[-1][1])
        address, text = inventory[name.resolved_location], selection[start:end]
        if not address.startswith(("http://", "https://")):
            address = root + address
        same = re.sub(r"\s+", "", words(text)) == name.resolved_location
        title = "" if same else f' title="{name.resolved_location}"'
        link = LINK.format(address=address, title=title, text=text)
        lines[rows] = (selection[:start] + link + selection[end:]).split("\n")
    return "\n".join(lines)


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinx_codeautolink")
    resolve.call_value = call_value
    block.BUILTIN_BLOCKS["python"] = block.clean_ipython
    stored.DataCache.read = read
    sphinx_codeautolink.extension.link_html = link_html
    # torchao, which a page's names lead to, has PyTorch warn of torchao's own code.
    getLogger("torch.utils._pytree").setLevel("ERROR")
    locations = Locations(Path(app.doctreedir) / "locations.json", dependencies(Path(app.srcdir)))
    sphinx_codeautolink.extension.resolve_location = locations
    app.connect("build-finished", locations.save)
    block.parse_names = Reader()
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
