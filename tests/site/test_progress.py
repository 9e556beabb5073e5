"""What a reader guesses, ticks and takes along: kept in the browser, and nowhere else."""

import json

import pytest
from playwright.sync_api import expect

from tests.notebooks import code_cells, tags
from tests.site.conftest import PATHS, PATIENCE

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE)
KEPT = "() => JSON.parse(localStorage.getItem('pytorch-executed'))"


def predictions():
    """Yields (chapter, id, output) of the Predict cells whose answer is one stream of text."""
    for path in PATHS:
        for cell in code_cells(path):
            if "predict" in tags(cell) and [o.output_type for o in cell.outputs] == ["stream"]:
                yield path.stem, cell.id, cell.outputs[0].text.strip()


def choice(wanted):
    return next(found for found in predictions() if wanted(found[2]))


def test_a_word_is_chosen_and_judged(open_page):
    stem, name, answer = choice(lambda text: text in ("True", "False"))
    page = open_page(f"notebooks/{stem}.html")
    cell = page.locator(f"#cell-{name}")
    other = "False" if answer == "True" else "True"
    cell.get_by_role("button", name=other, exact=True).click()
    expect(cell.locator(".guess-verdict")).to_contain_text("says otherwise")
    expect(cell.locator("details")).to_have_attribute("open", "")
    cell.get_by_role("button", name=answer, exact=True).click()
    expect(cell.locator(".guess-verdict")).to_contain_text("agrees")
    assert page.evaluate(KEPT)["guesses"] == {f"{stem}#cell-{name}": answer}


def test_a_number_is_judged_within_its_rounding(open_page):
    def is_number(text):
        try:
            return float(text) > 0
        except ValueError:
            return False

    stem, name, answer = choice(is_number)
    page = open_page(f"notebooks/{stem}.html")
    cell = page.locator(f"#cell-{name}")
    field = cell.get_by_label("Your guess")
    for guess, words in ((answer, "agrees"), (str(10 * float(answer) + 7), "says otherwise")):
        field.fill(guess)
        field.press("Enter")
        expect(cell.locator(".guess-verdict")).to_contain_text(words)
    field.fill("")
    cell.get_by_role("button", name="Guess and look").click()
    expect(cell.locator(".guess-verdict")).to_contain_text("Write a guess first")
    page.reload()
    expect(field).to_have_value(str(10 * float(answer) + 7))


def test_an_answer_of_several_lines_is_left_to_the_reader(open_page):
    stem, name, _ = choice(lambda text: text.count("\n") > 1)
    page = open_page(f"notebooks/{stem}.html")
    cell = page.locator(f"#cell-{name}")
    cell.get_by_label("Your guess").fill("something")
    cell.get_by_role("button", name="Guess and look").click()
    expect(cell.locator(".guess-verdict")).to_contain_text("Your guess: something. Compare it")


def test_what_is_ticked_stands_on_the_map_and_can_be_taken_along(open_page, tmp_path):
    page = open_page("notebooks/01_tensors.html")
    page.get_by_label("I have read this chapter").check()
    page.get_by_label("I have solved it").first.check()
    page.goto(page.url.replace("notebooks/01_tensors", "book/index"))
    card = page.locator('a.course-card[href$="01_tensors.html"]')
    expect(card.locator(".done")).to_have_text("read · 1 exercise solved")
    page.goto(page.url.replace("index", "how_to_use"))
    tools = page.locator("#your-progress")
    expect(tools).to_contain_text("Chapters read: 1, guesses: 0, exercises solved: 1.")
    with page.expect_download() as download:
        tools.get_by_role("button", name="Export").click()
    kept = tmp_path / "kept.json"
    download.value.save_as(kept)
    assert json.loads(kept.read_text())["read"] == {"01_tensors": True}
    tools.get_by_role("button", name="Delete").click()
    expect(tools).to_contain_text("Deleted. Chapters read: 0")
    assert page.evaluate(KEPT) is None
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[1]")
    tools.locator("input").set_input_files(wrong)
    expect(tools).to_contain_text("nothing was changed")
    tools.locator("input").set_input_files(kept)
    expect(tools).to_contain_text("Imported. Chapters read: 1, guesses: 0, exercises solved: 1.")


def test_a_text_of_another_time_in_the_storage_does_no_harm(open_page):
    page = open_page("notebooks/01_tensors.html")
    page.evaluate("localStorage.setItem('pytorch-executed', '{not json')")
    page.reload()
    page.get_by_label("I have read this chapter").check()
    assert page.evaluate(KEPT)["read"] == {"01_tensors": True}
