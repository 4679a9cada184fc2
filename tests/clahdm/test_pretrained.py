"""ImageNet checkpoints: strictly the extractor's, and never a pickle's code."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from inference.clahdm.backbone import build_backbone
from inference.clahdm.pretrained import read_imagenet
from inference.clahdm.weights_card import WeightsError


@pytest.fixture(scope="module")
def state():
    """A tiny extractor's, as torchvision would save it: with a classifier."""
    torchvision = build_backbone("tiny").state_dict()
    return torchvision | {"fc.weight": torch.zeros(1000, 128), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_reads_both_formats_without_the_classifier(state, tmp_path, suffix):
    path = tmp_path / f"imagenet.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    found = read_imagenet(path, architecture="tiny")
    assert found.keys() == state.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(found[name], state[name]) for name in found)
    with pytest.raises(WeightsError, match="no checkpoint of resnet50"):
        read_imagenet(path, architecture="resnet50")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-here",)


def test_refuses_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": Evil()}, "evil.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "bare.pth"):
        with pytest.raises(WeightsError, match="no checkpoint"):
            read_imagenet(tmp_path / name, architecture="tiny")
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize("name", ["missing.pth", "missing.safetensors"])
def test_refuses_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(WeightsError, match="no checkpoint"):
        read_imagenet(tmp_path / name, architecture="tiny")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("length", [0, 7, 1000])
def test_refuses_a_truncated_file(state, tmp_path, suffix, length):
    path = tmp_path / f"imagenet.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match="no checkpoint"):
        read_imagenet(path, architecture="tiny")


@pytest.mark.parametrize("wrong", ["absent", "surplus", "shape", "nan", "nested", "no tensor"])
def test_refuses_another_network(state, tmp_path, wrong):
    state = dict(state)
    weight = state.pop("conv1.weight")
    if wrong == "surplus":
        state |= {"conv1.weight": weight, "conv9.weight": weight}
    if wrong == "shape":
        state["conv1.weight"] = weight[:, :1]
    if wrong == "nan":
        state["conv1.weight"] = weight * float("nan")
    if wrong == "no tensor":
        state["conv1.weight"] = "weight"
    if wrong == "nested":
        state = {"state_dict": state | {"conv1.weight": weight}}
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsError):
        read_imagenet(tmp_path / "other.pth", architecture="tiny")
