"""One style sheet for the whole site, with the rules and glyphs that its pages use.

Bootstrap, the theme, its icons and a dozen extensions bring ten sheets, of which a page uses a
quarter. A rule is kept if each class, identifier and element that its selector names occurs in a
page or in a script of the site: by its words, as PurgeCSS does it.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

KEPT_AT_RULES = {"font-face", "keyframes", "-webkit-keyframes", "charset", "page", "property"}
NESTED = {"media", "supports", "layer", "container"}
WORD = re.compile(r"[A-Za-z_-][\w-]*")
SELECTED = re.compile(r"[.#]?(?<![\w:\[(=\"-])[A-Za-z_-][\w-]*")


def words(texts: Iterable[str]) -> set[str]:
    """Returns all words that could name a class, an identifier or an element."""
    found: set[str] = set()
    for text in texts:
        found.update(WORD.findall(text))
    return found


def purge(sheet: str, used: set[str]) -> str:
    """Returns a style sheet without the rules whose selectors name what is not used.

    Args:
        sheet: CSS.
        used: The names that occur, as :func:`words` finds them.
    """
    rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return "".join(_kept(rules, used))


def _kept(rules: list, used: set[str]) -> Iterable[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [
                part.strip()
                for part in _split(tinycss2.serialize(rule.prelude))
                if _is_used(part, used)
            ]
            body = _squeezed(tinycss2.serialize(rule.content))
            if selectors and body:
                yield f"{','.join(selectors)}{{{body}}}"
        elif rule.type == "at-rule":
            name = rule.lower_at_keyword
            if rule.content is None:
                yield rule.serialize()
            elif name in NESTED:
                inner = tinycss2.parse_rule_list(
                    rule.content, skip_comments=True, skip_whitespace=True
                )
                content = "".join(_kept(inner, used))
                if content:
                    yield f"@{name} {tinycss2.serialize(rule.prelude).strip()}{{{content}}}"
            elif name in KEPT_AT_RULES:
                yield rule.serialize()


def _split(selectors: str) -> list[str]:
    """Splits a selector list at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in selectors:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _is_used(selector: str, used: set[str]) -> bool:
    # What stands in brackets may hold for another element or for none (":not(.x)").
    bare = re.sub(r"\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)|::?[\w-]+", " ", selector)
    names = re.findall(r"[.#]?-?[A-Za-z_][\w-]*", bare)
    return all(name.lstrip(".#") in used for name in names)


def _squeezed(declarations: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", declarations, flags=re.S)
    return re.sub(r"\s*([;{}])\s*", r"\1", re.sub(r"\s+", " ", text)).strip("; ")


def icons(sheet: str) -> set[int]:
    """Returns the characters of icon fonts that the rules of a sheet show."""
    return {ord(character) for character in sheet if "\ue000" <= character <= "\uf8ff"}


def subset_font(path: Path, characters: Iterable[int]) -> bytes | None:
    """Returns a font as WOFF2 with the given characters only, and all their forms.

    None where the font has no form for any of them.

    Raises:
        TTLibError: The file is not a font.
    """
    font = TTFont(path)
    if not set(characters) & set(font.getBestCmap()):
        return None
    options = subset.Options(flavor="woff2", layout_features=["*"], hinting=False)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=set(characters))
    cut.subset(font)
    buffer = io.BytesIO()
    font.flavor = "woff2"
    font.save(buffer)
    return buffer.getvalue()
