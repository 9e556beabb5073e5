"""The page Errors: it lists the whole atlas, and a pasted traceback finds its entry."""

import json
import random
import re

import pytest
import torch
from playwright.sync_api import expect

from tests.notebooks import ROOT, read
from tests.site.browsing import SITE
from tests.site.conftest import PATIENCE

expect.set_options(timeout=PATIENCE)
CHAPTER = ROOT / "notebooks" / "33_errors.ipynb"
PAGE = "book/errors.html"
slow = pytest.mark.slow
FIND = """texts => {
    const data = JSON.parse(document.getElementById("errors-data").textContent);
    const find = window.executedErrors(data);
    return texts.map(text => find(text).map(found => found.anchor));
}"""


def atlas():
    """Yields (title, explanation, code cell) of each entry, read from the notebook's cells."""
    cells = read(CHAPTER).cells
    for index, cell in enumerate(cells):
        if "## How do I find a mistake that is not listed?" in cell.source:
            return
        for part in re.split(r"(?m)^(?=#+ )", cell.source) if cell.cell_type == "markdown" else []:
            if part.startswith("### "):
                title, _, text = part[4:].partition("\n")
                code = next(c for c in cells[index:] if c.cell_type == "code")
                yield title.strip(), text, code


ENTRIES = list(atlas())
WITH_MESSAGE = [entry for entry in ENTRIES if "with caught(" in entry[2].source]


def message(code):
    """Returns the message that an entry's cell prints: a line, and those indented below it."""
    return re.match(r".*(?:\n[ \t]+.*)*", code.outputs[0].text)[0].rstrip()


def as_of_somebody_else(text, rng):
    """Returns a message with other numbers, shapes and names in it."""
    names = {"Net": "ResNet", "Squares": "Birds", "fc2": "decoder", "Linear": "UNet"}
    for old, new in names.items():
        text = re.sub(rf"\b{old}\b(?! ?=)", new, text)
    text = re.sub(r"\[(\d+(?:, \d+)*)\]", lambda m: f"[{m[1]}, {rng.randint(2, 512)}]", text)
    return re.sub(r"(?<![\w.])\d+(?![\w.]*[A-Za-z])", lambda m: str(rng.randint(2, 4096)), text)


def in_a_traceback(text, rng):
    """Returns some thirty lines as Python prints them, which end with the message."""
    calls = [
        ("train.py", "main", "losses.append(train_one_epoch(model, loader, optimizer))"),
        ("train.py", "train_one_epoch", "loss = criterion(model(inputs.to(device)), targets)"),
        ("site-packages/torch/nn/modules/module.py", "_call_impl", "return forward_call(*args)"),
        ("site-packages/torch/nn/modules/container.py", "forward", "input = module(input)"),
        ("site-packages/torch/nn/modules/conv.py", "_conv_forward", "return F.conv2d("),
        ("site-packages/torch/utils/data/dataloader.py", "__next__", "data = self._next_data()"),
        ("site-packages/torch/nn/functional.py", "linear", "return F.linear(input, weight, bias)"),
        ("site-packages/torch/_tensor.py", "backward", "torch.autograd.backward(self, gradient)"),
        ("dataset.py", "__getitem__", "image, label = self.transform(image), self.labels[index]"),
    ]
    lines = [
        "Epoch 1:   0%|          | 0/157 [00:00<?, ?it/s]",
        "Traceback (most recent call last):",
    ]
    for _ in range(rng.randint(13, 15)):
        file, name, code = rng.choice(calls)
        lines += [f'  File "/home/me/{file}", line {rng.randint(1, 999)}, in {name}', f"    {code}"]
    return "\n".join([*lines, text])


def anchor(title):
    from docutils import nodes

    return nodes.make_id(title.replace("`", ""))


def test_there_are_some_seventy_entries_and_most_have_a_message():
    assert len(ENTRIES) >= 60 and len(WITH_MESSAGE) >= 45
    assert len({anchor(title) for title, _, _ in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize("entry", WITH_MESSAGE, ids=lambda entry: anchor(entry[0])[:40])
def test_a_heading_has_the_words_of_its_message(entry):
    title, _, code = entry
    words = re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`([^`]*)`", title)))
    printed = re.findall(r"[A-Za-z_]+", message(code))
    assert words and set(words) <= set(printed)


def test_the_target_dtype_message_is_one_of_those_quoted():
    """It is the one message of which no part is the same in all supported versions."""
    text = next(text for title, text, _ in ENTRIES if "target dtype" in title)
    with pytest.raises(RuntimeError) as caught:
        torch.nn.functional.cross_entropy(torch.zeros(4, 10), torch.zeros(4))
    assert f"`{caught.value}`" in text


@slow
def test_the_page_lists_every_entry_and_its_links_lead_there(open_page):
    page = open_page(PAGE)
    links = page.locator(".errors-list a")
    found = links.evaluate_all(
        "all => all.map(a => [a.textContent.replaceAll('’', \"'\"), a.getAttribute('href')])"
    )
    assert [text for text, _ in found] == [title.replace("`", "") for title, _, _ in ENTRIES]
    chapter = open_page("notebooks/33_errors.html")
    for text, address in found:
        assert address.startswith("../notebooks/33_errors.html#")
        heading = chapter.locator(f"[id='{address.partition('#')[2]}'] > h3")
        assert heading.text_content().replace("’", "'").startswith(text)


@slow
@pytest.mark.parametrize("around", [lambda text, rng: text, in_a_traceback])
def test_each_message_finds_its_entry_first(open_page, around):
    page, rng = open_page(PAGE), random.Random(0)
    pasted = {
        anchor(title): around(as_of_somebody_else(message(code), rng), rng)
        for title, _, code in WITH_MESSAGE
    }
    found = dict(zip(pasted, page.evaluate(FIND, list(pasted.values())), strict=True))
    wrong = {name: all[:2] for name, all in found.items() if all[:1] != [name]}
    assert not wrong, [pasted[name][-200:] for name in wrong]


@slow
def test_each_heading_and_each_quoted_message_finds_its_entry(open_page):
    page = open_page(PAGE)
    titles = [title for title, _, _ in ENTRIES]
    found = page.evaluate(FIND, titles)
    assert [all[0] for all in found] == [anchor(title) for title in titles]
    quoted = [
        (anchor(title), span)
        for title, text, _ in ENTRIES
        for span in re.findall(r"`([A-Za-z][^`]*)`", text)
        if len(span.split()) >= 4
    ]
    assert len(quoted) >= 5
    for (name, span), all in zip(quoted, page.evaluate(FIND, [s for _, s in quoted]), strict=True):
        assert name in all, span


@slow
def test_what_the_atlas_does_not_know_finds_nothing(open_page):
    nonsense = [
        "",
        "   \n\n",
        "42",
        "hello",
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
        "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
        "import torch\nfrom torch import nn\n\nmodel = nn.Linear(2, 2).to(device)\nprint(model)",
        "FileNotFoundError: [Errno 2] No such file or directory: 'cats.csv'",
        "SyntaxError: '(' was never closed",
        "KeyError: 'price'",
        in_a_traceback("ZeroDivisionError: division by zero", random.Random(1)),
        "<b>&amp;</b> ' \" \\ ` ${x}",
    ]
    found = open_page(PAGE).evaluate(FIND, nonsense)
    assert {text: all for text, all in zip(nonsense, found, strict=True) if all} == {}


@slow
def test_what_a_reader_sees_finds_the_silent_mistakes(open_page):
    seen = {
        "my loss is negative": "the-loss-is-negative",
        "zero_grad forgotten": "zero-grad-is-forgotten",
        "eval is forgotten": "eval-is-forgotten",
        "memory grows with every step": "memory-grows-with-every-step",
        "the gradient is nan": "the-gradient-is-nan-and-the-loss-is-not",
        "split sorted by class": "the-split-is-sorted-by-class",
        "softmax then cross-entropy": "softmax-and-then-cross-entropy",
    }
    found = open_page(PAGE).evaluate(FIND, list(seen))
    assert {text: all[:1] for text, all in zip(seen, found, strict=True)} == {
        text: [name] for text, name in seen.items()
    }


@slow
def test_by_keyboard_and_aloud(open_page):
    page = open_page(PAGE)
    status, found = page.get_by_role("status"), page.locator("#errors-found")
    field = page.get_by_label("Your traceback, or what you see")
    expect(status).to_have_attribute("aria-live", "polite")
    expect(found).to_be_hidden()
    field.focus()
    page.keyboard.type("RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x9 and 3x1)")
    expect(status).to_contain_text("match")
    first = found.get_by_role("link").first
    expect(first).to_have_text("mat1 and mat2 shapes cannot be multiplied")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Find the entry")).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field).to_have_value("")
    expect(status).to_have_text("")
    expect(found).to_be_hidden()
    field.fill("qwertz uiop asdf")
    expect(status).to_contain_text("Nothing in the atlas matches")
    expect(found).to_be_hidden()
    field.fill("optimizer got an empty parameter list")
    first.click()
    expect(page).to_have_url(re.compile("33_errors.html#optimizer-got-an-empty-parameter-list$"))


@slow
def test_a_paste_is_text_and_nothing_else(open_page):
    page = open_page(PAGE)
    page.get_by_label("Your traceback").fill(
        "<img src=x onerror=alert(1)> index out of range in self"
    )
    expect(page.locator("#errors-found a").first).to_have_text("index out of range in self")
    assert page.locator("#errors-found img").count() == 0


@slow
def test_without_javascript_the_list_is_there(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{PAGE}")
    expect(page.locator(".errors-list a")).to_have_count(len(ENTRIES))
    expect(page.locator("#errors-form")).to_be_hidden()
    context.close()


@slow
def test_it_works_from_a_folder(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.goto((SITE / PAGE).as_uri())
    page.get_by_label("Your traceback").fill("Boolean value of Tensor is ambiguous")
    expect(page.locator("#errors-found a").first).to_contain_text("Boolean value of Tensor")
    context.close()


@slow
def test_no_other_page_loads_the_script(open_page):
    scripts = "() => [...document.scripts].map(s => s.src).filter(s => s.includes('errors.js'))"
    assert len(open_page(PAGE).evaluate(scripts)) == 1
    assert open_page("notebooks/33_errors.html").evaluate(scripts) == []


def test_the_data_cannot_end_the_script():
    assert "</script" not in json.dumps([title for title, _, _ in ENTRIES])
