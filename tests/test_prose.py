"""The prose of the chapters: no number that nothing shows, no phrase that readers stumbled over."""

import json
import re

import pytest

from tests.notebooks import IDS, PATHS, read

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
# Code, formulas, addresses, and what counts chapters and exercises.
NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|https?://\S+|arXiv:\S+"
    r"|[Ee]xercises? \d+\.\d+|[Cc]hapters? \d+|\b(?:19|20)\d\d\b|\d\.\d+\.\d+"
    r"|(?:PyTorch|torchvision|Python|TensorBoard) \d+\.\d+",
    re.S,
)
# Numbers that no cell prints or holds, each with the reason why it may stand there.
FACTS: dict[str, dict[float, str]] = {
    "19_configuration": {1500: "what the command keeps back; 19 runs it and cannot see it"},
    "23_inspecting_models": {407: "the authors' own count, in millions"},
    "24_saliency": {1000: "ImageNet's classes", 1280: "the channels of the network's last layer"},
    "25_tensorboard": {
        1000: "TensorBoard's limit of scalars per tag",
        500: "its limit of histograms",
        10_000: "the accumulator's limit of scalars",
        6006: "TensorBoard's usual port",
    },
}

STUMBLES = re.compile(
    r"\bfor ever\b|\bshall\b|\bwithout a word\b|\bby heart\b|\b(?:that|what) is no\b"
    r"|\b(?:is|are) no (?!longer|more|less|one\b)\w+|\bone \w+ an? \w+\b|\bThe notes\b"
)


def numbers(text: str) -> set[float]:
    """Returns the numbers of a text; commas group thousands."""
    return {float(found.replace(",", "")) for found in NUMBER.findall(text)}


def shown(path) -> set[float]:
    """Returns the numbers that a chapter's code holds or its outputs print or draw."""
    parts = []
    for cell in read(path).cells:
        if cell.cell_type != "code":
            continue
        parts.append(cell.source)
        for output in cell.outputs:
            parts.append(output.get("text", ""))
            for kind, content in output.get("data", {}).items():
                if kind.startswith("text/"):
                    parts.append(content)
                elif kind.endswith("json"):
                    parts.append(json.dumps(content))
    text = "\n".join(parts)
    found = re.findall(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", text.replace("_", ""))
    return numbers(text) | set(map(float, found))


def prose(path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_every_number_in_prose_is_shown_by_a_cell(path):
    told = {number for text in prose(path) for number in numbers(NOT_PROSE.sub("", text))}
    assert told - shown(path) == set(FACTS.get(path.stem, {}))


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_no_phrase_that_readers_stumbled_over(path):
    assert [STUMBLES.findall(text) for text in prose(path) if STUMBLES.search(text)] == []
