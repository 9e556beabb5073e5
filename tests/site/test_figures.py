"""A figure fills the screen, by mouse, touch and keyboard."""

import pytest
from playwright.sync_api import expect

from tests.site.conftest import PATIENCE

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE)
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
