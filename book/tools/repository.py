"""Sets the repository's address in ``_config.yml`` and in the chapters' setup cells.

Usage: python book/tools/repository.py https://github.com/OWNER/NAME

Files change in the address only: their formatting stays as it is. The address of the published
site and the prefix of its 404 page, where ``_config.yml`` has them, follow the repository.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))
from book import notebooks
from book.notebooks import ROOT

ALLOWED = (
    "https://github.com/OWNER/NAME (letters, digits and '-' in OWNER; also '.' and '_' in NAME)"
)
ADDRESS = re.compile(
    r"https://github\.com/(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)"
    r"/(?P<name>[A-Za-z0-9._-]*[A-Za-z0-9_-])"
)
INSTALL = re.compile(r"(pytorch-executed @ git\+)[^@\s\"\\]+(?=@)")


class Repository(NamedTuple):
    """A repository and what follows from its address."""

    owner: str
    name: str

    @property
    def url(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def prefix(self) -> str:
        """The path of the published site, with a slash at both ends."""
        own_site = self.name.lower() == f"{self.owner.lower()}.github.io"
        return "/" if own_site else f"/{self.name}/"

    @property
    def site(self) -> str:
        """The address of the published site, with a slash at the end."""
        return f"https://{self.owner.lower()}.github.io{self.prefix}"


def parse(url: str) -> Repository:
    """Returns the repository at an address; a final slash or ``.git`` is dropped.

    Raises:
        ValueError: The address is not of the allowed form.
    """
    found = ADDRESS.fullmatch(url.removesuffix("/").removesuffix(".git"))
    if not found:
        raise ValueError(f"URL must be {ALLOWED}, got {url!r}")
    return Repository(found["owner"], found["name"])


def configured(config: str) -> Repository:
    """Returns the repository that the text of a ``_config.yml`` names.

    Raises:
        ValueError: It names none, or not in the allowed form.
    """
    url = ((yaml.safe_load(config) or {}).get("repository") or {}).get("url")
    if not isinstance(url, str):
        raise ValueError("_config.yml has no address under 'repository: url:'")
    return parse(url)


def _in_config(config: str, new: Repository) -> str:
    old = configured(config)
    config = re.sub(rf"{re.escape(old.url)}(?![\w-])", new.url, config)
    config = re.sub(
        rf"{re.escape(old.site.removesuffix('/'))}(?![\w-])/?", new.site, config, flags=re.I
    )
    prefix = rf"(notfound_urls_prefix:\s*[\"']?){re.escape(old.prefix)}(?=[\"']?\s)"
    return re.sub(prefix, rf"\g<1>{new.prefix}", config)


def _in_notebook(name: str, text: str, new: Repository) -> str:
    text, count = INSTALL.subn(rf"\g<1>{new.url}", text)
    if count != 1:
        raise ValueError(
            f"{name} must install 'pytorch-executed @ git+...' once, found {count} times"
        )
    return text


def set_repository(url: str, root: Path = ROOT) -> list[Path]:
    """Sets the address everywhere below ``root``; returns the files that changed.

    New texts are written beside their files first: an error leaves everything as it was.

    Raises:
        ValueError: The address has not the allowed form, or a file not the expected content.
        OSError: A file cannot be read or written.
    """
    new = parse(url)
    config = root / "_config.yml"
    texts = {config: _in_config(config.read_text(encoding="utf-8"), new)}
    for path in notebooks.chapters(root / "notebooks"):
        notebooks.read(path)  # what cannot be read is not changed
        texts[path] = _in_notebook(path.name, path.read_text(encoding="utf-8"), new)
    changed = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    temporary = {path: path.with_name(path.name + ".tmp") for path in changed}
    try:
        for path, beside in temporary.items():
            beside.write_text(texts[path], encoding="utf-8")
        for path, beside in temporary.items():
            os.replace(beside, path)
    finally:
        for beside in temporary.values():
            beside.unlink(missing_ok=True)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help=ALLOWED)
    try:
        changed = set_repository(parser.parse_args().url)
    except (OSError, ValueError) as error:
        sys.exit(f"repository: {error}")
    print(f"{len(changed)} files changed" if changed else "Nothing to change.")


if __name__ == "__main__":
    main()
