"""A figure fills the screen, by mouse, touch and keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.notebooks import PATHS, ROOT, code_cells, python
from tests.site.conftest import PATIENCE

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE)
LETTERS = re.compile(r"\b([a-z.]*(?:fontsize|labelsize|titlesize|font\.size)) ?[=:] ?([\d.]+)")
PAGE = "notebooks/18_schedules.html"


def test_a_figure_opens_on_a_phone_at_its_drawn_size(open_page):
    page = open_page(PAGE)
    page.set_viewport_size({"width": 390, "height": 844})
    figure = page.locator(".cell_output img").first
    drawn = int(figure.get_attribute("width"))
    assert figure.bounding_box()["width"] < drawn
    figure.click()
    shown = page.locator(".figure-dialog img")
    expect(shown).to_be_visible()
    assert shown.bounding_box()["width"] >= drawn
    assert shown.get_attribute("src") == figure.get_attribute("src")
    assert shown.get_attribute("alt") == figure.get_attribute("alt")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()


def test_a_figure_opens_and_closes_by_keyboard(open_page):
    page = open_page(PAGE)
    button = page.get_by_role("button", name="Enlarge").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Figure")
    expect(dialog).to_be_visible()
    box = dialog.locator("img").bounding_box()
    assert box["width"] > page.locator(".cell_output img").first.bounding_box()["width"]
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_each_figure_of_a_page_has_its_button(open_page):
    page = open_page(PAGE)
    figures = page.locator(".cell_output img").count()
    assert figures > 1
    expect(page.locator(".figure-open")).to_have_count(figures)


# Points of the smallest letters that a figure's code or the book's style asks for.
SMALLEST_POINTS, DRAWN_PER_INCH = 7, 144


@pytest.mark.parametrize("name", ["14_losses", "17_optimizers", "18_schedules"])
def test_the_letters_of_a_figure_are_nine_pixels_high_on_a_phone(open_page, name):
    page = open_page(f"notebooks/{name}.html")
    page.set_viewport_size({"width": 390, "height": 844})
    for figure in page.locator(".cell_output img").all():
        scale = figure.bounding_box()["width"] / int(figure.get_attribute("width"))
        assert scale * SMALLEST_POINTS * DRAWN_PER_INCH / 72 >= 8.99
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    frame = page.locator(".figure-frame[tabindex]").first
    frame.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("frame => frame.scrollLeft > 0", arg=frame.element_handle())


def test_no_figure_of_the_book_has_smaller_letters():
    style = (ROOT / "helpers" / "assets" / "executed.mplstyle").read_text(encoding="utf-8")
    sizes = {f"style, {name}": float(size) for name, size in LETTERS.findall(style)}
    for path in PATHS:
        for cell in code_cells(path):
            for name, size in LETTERS.findall(python(cell)):
                sizes[f"{path.stem}, {name}={size}"] = float(size)
    assert len(sizes) > 8
    assert not {place: size for place, size in sizes.items() if size < SMALLEST_POINTS}
