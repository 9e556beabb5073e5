"""Pretrained networks: what they see, and what happens without a network connection."""

from urllib.error import URLError

import pytest
import torch
from torchvision.models import WeightsEnum

from helpers import data
from helpers.networks import pretrained


@pytest.fixture(scope="module")
def model():
    return pretrained.network()


@pytest.mark.parametrize(
    ("photo", "name"), [("coffee", "espresso"), ("camera", "tripod"), ("rocket", "missile")]
)
def test_photographs_are_recognised(model, photo, name):
    image = data.photo(photo)
    image = image.expand(3, -1, -1)
    with torch.no_grad():
        logits = model(pretrained.transform()(image).unsqueeze(0))
    assert logits.shape == (1, 1000)
    assert pretrained.categories()[logits.argmax()] == name
    assert not model.training


def test_the_transform_is_that_of_the_training():
    grey = torch.full((3, 300, 400), 255, dtype=torch.uint8)
    prepared = pretrained.transform()(grey)
    assert prepared.shape == (3, 224, 224)
    torch.testing.assert_close(prepared, torch.ones(3, 224, 224))


def test_a_picture_of_256_pixels_is_cropped_and_not_resized():
    picture = torch.arange(256).repeat(3, 256, 1).to(torch.uint8)
    prepared = pretrained.transform()(picture)
    torch.testing.assert_close(128 * prepared + 127, picture[:, 16:240, 16:240].float())


def test_torchvision_networks_say_what_they_take():
    assert pretrained.transform("resnet18").crop_size == [224]


@pytest.mark.parametrize("name", ["resnet17", "fcn_resnet50", ""])
def test_an_unknown_name_is_refused(name):
    for function in (pretrained.network, pretrained.transform):
        with pytest.raises(ValueError, match=f"efficientnet_lite0.*got '{name}'"):
            function(name)


def test_no_connection_is_told_with_a_way_out(monkeypatch):
    def unreachable(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", unreachable)
    with pytest.raises(ConnectionError, match=r"resnet18.*no route.*efficientnet_lite0"):
        pretrained.network("resnet18")
