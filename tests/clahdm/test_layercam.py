import numpy as np
import pytest
import torch

from inference.clahdm.layercam import layer_cam, to_uint8


def _brute_force(sub_model, bus, cdfi, target) -> list[np.ndarray]:
    """Layer-CAM of one case with gradients through the whole network, summed in plain loops."""
    kept = []
    hooks = [
        extractor.register_forward_hook(lambda _m, _i, maps: kept.append(maps))
        for extractor in (sub_model.bus_extractor, sub_model.cdfi_extractor)
    ]
    try:
        logits = sub_model(bus[None].requires_grad_(), cdfi[None].requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    for maps in kept:
        maps.retain_grad()
    logits[0, target].backward()
    cams = []
    for maps in kept:
        cam = np.zeros(maps.shape[2:])
        for activation, gradient in zip(
            maps[0].detach().numpy(), maps.grad[0].numpy(), strict=True
        ):
            cam += np.where(gradient > 0, gradient, 0) * activation
        cam = np.maximum(cam, 0)
        cams.append(cam / cam.max())
    return cams


@pytest.mark.parametrize("target", [0, 1])
def test_head_alone_equals_the_whole_network(tiny, images, target):
    """To 1e-5 of the map's maximum, in float64, for every case and both modalities."""
    sub_model = tiny["malignancy"].double()
    bus, cdfi = (each.double() for each in images)
    with torch.no_grad():
        maps = sub_model.features(bus, cdfi)
    cams = layer_cam(sub_model.head, *maps, target=torch.full((5,), target))
    for case in range(5):
        expected = _brute_force(sub_model, bus[case], cdfi[case], target)
        for found, reference in zip(cams, expected, strict=True):
            assert reference.std() > 0.01
            np.testing.assert_allclose(found[case].numpy(), reference, rtol=0, atol=1e-5)


def test_by_hand():
    """Two channels, 1 x 2 cells, a head whose gradients can be read off."""
    bus_maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 1.0]]]])
    cdfi_maps = torch.tensor([[[[1.0, 4.0]], [[2.0, 0.0]]]])

    def head(bus, cdfi):
        positive = 2 * bus[:, 0].sum((1, 2)) - bus[:, 1].sum((1, 2)) + (cdfi**2).sum((1, 2, 3)) / 2
        return torch.stack([-positive, positive], dim=1)

    bus, cdfi = layer_cam(head, bus_maps, cdfi_maps, target=torch.tensor([1]))
    # BUS: channel 0 has gradient 2, channel 1 -1 and drops out: 2, 4. CDFI: squares: 1 + 4, 16.
    torch.testing.assert_close(bus, torch.tensor([[[0.5, 1.0]]]))
    torch.testing.assert_close(cdfi, torch.tensor([[[5 / 16, 1.0]]]))

    bus, cdfi = layer_cam(head, bus_maps, cdfi_maps, target=torch.tensor([0]))
    # The other class: only BUS channel 1 speaks for it; CDFI has no positive evidence at all.
    torch.testing.assert_close(bus, torch.tensor([[[1.0, 1 / 3]]]))
    assert torch.equal(cdfi, torch.zeros(1, 1, 2))


def test_default_target_is_the_predicted_class(tiny, images):
    sub_model = tiny["malignant"]
    with torch.no_grad():
        maps = sub_model.features(*images)
        predicted = sub_model.head(*maps).argmax(dim=1)
    by_default = layer_cam(sub_model.head, *maps)
    predicted_class = layer_cam(sub_model.head, *maps, target=predicted)
    other_class = layer_cam(sub_model.head, *maps, target=1 - predicted)
    assert torch.equal(by_default.bus, predicted_class.bus)
    assert not torch.allclose(by_default.bus, other_class.bus, atol=0.01)


def test_batch_equals_one_by_one(tiny, images):
    """To 1e-6, in float64: a case's map does not depend on its neighbours."""
    sub_model = tiny["benign"].double()
    target = torch.tensor([0, 1, 1, 0, 1])
    with torch.no_grad():
        bus_maps, cdfi_maps = sub_model.features(*(each.double() for each in images))
    together = layer_cam(sub_model.head, bus_maps, cdfi_maps, target=target)
    for i in range(5):
        row = slice(i, i + 1)
        alone = layer_cam(sub_model.head, bus_maps[row], cdfi_maps[row], target=target[row])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[row], b, rtol=0, atol=1e-6)


def test_cdfi_map_is_the_same_before_and_after_fusion(tiny, images):
    """Fusion weights are positive, so it does not matter on which side of them it is taken."""
    sub_model = tiny["malignancy"].double()
    with torch.no_grad():
        bus_maps, cdfi_maps = sub_model.features(*(each.double() for each in images))
        rescaled = sub_model.fusion_attention(bus_maps, cdfi_maps)

    def after_fusion(bus, fused):
        pooled = torch.cat([bus.mean((2, 3)), fused.mean((2, 3))], dim=1)
        return sub_model.classifier(torch.relu(sub_model.joint(pooled)))

    target = torch.ones(5, dtype=torch.int64)
    before = layer_cam(sub_model.head, bus_maps, cdfi_maps, target=target).cdfi
    after = layer_cam(after_fusion, bus_maps, rescaled, target=target).cdfi
    assert not torch.allclose(cdfi_maps, rescaled, rtol=0.1)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-10)


def test_bus_gradient_includes_its_part_in_the_fusion(tiny, images):
    """With the classifier blind to BUS features, BUS still has a map, through the fusion."""
    sub_model = tiny["malignancy"]
    with torch.no_grad():
        sub_model.joint.weight[:, :128] = 0
        maps = sub_model.features(*images)
    assert (layer_cam(sub_model.head, *maps).bus.amax(dim=(1, 2)) == 1).all()
    torch.nn.init.zeros_(sub_model.fusion_attention.gate.weight)
    assert not layer_cam(sub_model.head, *maps).bus.any()


def test_leaves_no_trace_and_works_without_gradients(tiny, images):
    sub_model = tiny["malignancy"]
    with torch.no_grad():
        maps = sub_model.features(*images)
        cams = layer_cam(sub_model.head, *maps)
    assert all(parameter.grad is None for parameter in sub_model.parameters())
    assert not any(each.requires_grad for each in (*maps, *cams))
    assert cams.cdfi.amin() >= 0
    assert torch.equal(cams.cdfi.amax(dim=(1, 2)), torch.ones(5))


def test_to_uint8_rounds_to_the_nearest_level():
    levels = to_uint8(torch.tensor([[[0.0, 0.5 / 255 + 1e-6], [0.3, 1.0]]]))
    assert levels.dtype == np.uint8
    assert levels.tolist() == [[[0, 1], [76, 255]]]


@pytest.mark.parametrize("value", [float("nan"), -0.01, 1.01])
def test_to_uint8_refuses_what_has_no_level(value):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        to_uint8(torch.tensor([[[0.5, value]]]))
