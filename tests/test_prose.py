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
    "05_torchvision": {50_000: "ImageNet's validation photographs"},
    "06_augmentation": {9: "a digit", 10_000: "the bundled part", 2000: "its last fifth"},
    "07_modules": {20_000: "what the exercise allows"},
    "08_convolution": {5000: "what the exercise allows"},
    "09_initialization": {250_000: "500 times 500"},
    "11_alexnet": {
        55: "the maps of the paper's figure, and 1 + (227 - 11) / 4",
        53.25: "a division",
        20_000: "what the exercise allows",
        55_000: "60,000 without 5,000 for validation",
        2_000_000: "what the exercise allows",
    },
    "12_model_surgery": {0.002: "a rate tried beforehand", 5000: "500 times 10"},
    "13_unet": {0.024: "a rate tried beforehand"},
    "26_capstone": {
        95: "what 1.96 standard errors cover of a normal distribution",
    },
    "19_configuration": {1500: "what the command keeps back; 19 runs it and cannot see it"},
    "23_inspecting_models": {407: "the authors' own count, in millions"},
    "24_saliency": {1280: "the channels of the network's last layer"},
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
    """Returns the texts of a chapter, but for its references."""
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    return [text.partition("## References")[0] for text in texts]


def is_shown(told: str, known: set[float]) -> bool:
    """Tells whether a number is among those that are shown, as it is or rounded, or in percent."""
    value, _, decimals = told.replace(",", "").partition(".")
    number = float(f"{value}.{decimals or 0}")
    if not decimals:
        return number in known
    half = 0.5 * 10 ** -len(decimals) + 1e-12
    return any(abs(factor * one - number) <= half for one in known for factor in (1, 100))


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_every_number_in_prose_is_shown_by_a_cell(path):
    known = shown(path)
    told = {found for text in prose(path) for found in NUMBER.findall(NOT_PROSE.sub("", text))}
    missing = {float(one.replace(",", "")) for one in told if not is_shown(one, known)}
    assert missing == set(FACTS.get(path.stem, {}))


@pytest.mark.parametrize(
    ("told", "known", "found"),
    [
        ("1,500", 1500.0, True),
        ("1,500", 1501.0, False),
        ("0.35", 0.349, True),
        ("0.35", 0.356, False),
        ("2.5", 0.0247, True),
        ("12", 0.12, False),
    ],
)
def test_a_number_may_be_rounded_where_it_has_decimals(told, known, found):
    assert is_shown(told, {known}) == found


@pytest.mark.parametrize("path", PATHS, ids=IDS)
def test_no_phrase_that_readers_stumbled_over(path):
    assert [STUMBLES.findall(text) for text in prose(path) if STUMBLES.search(text)] == []
