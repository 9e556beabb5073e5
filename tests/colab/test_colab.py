"""The environment that stands in for Colab's: what it has before and after the setup cell ran."""

import pytest

from tests.colab.chapters import folder
from tests.colab.environment import ON_COLAB, Colab, shared

pytestmark = pytest.mark.slow
NEVER_MOVED = {"torch", "torchvision", "numpy"}


@pytest.fixture(scope="module")
def made(monkeypatch_module: pytest.MonkeyPatch) -> tuple[Colab, dict[str, dict[str, str]]]:
    monkeypatch_module.setenv("JUPYTER_PATH", str(Colab(folder()).jupyter_path))
    return shared(folder())


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_at_first_it_has_what_colab_has_and_no_helpers(made):
    before = made[1]["before"]
    assert set(ON_COLAB) <= set(before)
    assert not {"pytorch-executed", "flashtorch", "imgaug", "captum"} & set(before)


def test_the_setup_cell_installs_helpers_and_what_they_need(made):
    colab, installed = made
    added = set(installed["after"]) - set(installed["before"])
    assert {"pytorch-executed", "flashtorch", "imgaug", "captum"} <= added
    assert {name.replace("_", "-") for name in added} <= colab.own_packages()


def test_the_setup_cell_moves_nothing_that_was_there(made):
    colab, installed = made
    assert {n: installed["after"][n] for n in installed["before"]} == installed["before"]
    assert not NEVER_MOVED & colab.own_packages()
