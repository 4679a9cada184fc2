import torch

from inference.clahdm.hierarchical_probabilities import SUB_MODELS
from inference.clahdm.network import CLAHDM, SubModel, positive_probability


def test_three_sub_models_share_no_weight(tiny):
    assert tuple(tiny) == tuple(SUB_MODELS)
    parameters = list(tiny.parameters())
    assert len({p.data_ptr() for p in parameters}) == len(parameters)
    first_filters = [
        extractor.conv1.weight
        for sub_model in tiny.values()
        for extractor in (sub_model.bus_extractor, sub_model.cdfi_extractor)
    ]
    assert len({filters.sum().item() for filters in first_filters}) == 6


def test_sub_model_is_its_parts_in_the_papers_order(tiny, images):
    """Attention before the CDFI extractor, fusion after it, then late fusion, step by step."""
    sub_model, (bus, cdfi) = tiny["benign"], images
    with torch.no_grad():
        weights = sub_model.channel_attention.weights(cdfi)
        bus_maps = sub_model.bus_extractor(bus)
        cdfi_maps = sub_model.cdfi_extractor(torch.einsum("bc,bcij->bcij", weights, cdfi))
        bus_pooled, cdfi_pooled = bus_maps.mean((2, 3)), cdfi_maps.mean((2, 3))
        cdfi_pooled = cdfi_pooled * sub_model.fusion_attention.weights(bus_pooled)
        pooled = torch.cat([bus_pooled, cdfi_pooled], dim=1)
        expected = sub_model.classifier(sub_model.joint(pooled).clamp(min=0))
        logits = sub_model(bus, cdfi)
    assert logits.shape == (5, 2)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def test_features_are_the_maps_that_the_head_takes(tiny, images):
    sub_model = tiny["malignant"]
    with torch.no_grad():
        bus_maps, cdfi_maps = sub_model.features(*images)
        assert bus_maps.shape == cdfi_maps.shape == (5, 128, 5, 5)
        assert torch.equal(sub_model.head(bus_maps, cdfi_maps), sub_model(*images))


def test_each_image_moves_each_decision(tiny, images):
    bus, cdfi = images
    with torch.no_grad():
        both = tiny(bus, cdfi)
        other_bus, other_cdfi = tiny(bus.flip(0), cdfi), tiny(bus, cdfi.flip(0))
    changed = [0, 1, 3, 4]  # flipping leaves the middle case in its place
    assert (both[changed] != other_bus[changed]).all()
    assert (both[changed] != other_cdfi[changed]).all()


def test_forward_gives_positive_probabilities_in_order(tiny, images):
    with torch.no_grad():
        found = tiny(*images)
        for column, name in enumerate(("malignancy", "benign", "malignant")):
            negative, positive = tiny[name](*images).exp().unbind(dim=1)
            torch.testing.assert_close(found[:, column], positive / (negative + positive))


def test_positive_probability_is_the_second_columns():
    logits = torch.tensor([[0.0, 0.0], [0.0, 3.0], [1000.0, -1000.0]]).double()
    expected = torch.tensor([0.5, 0.9525741268224334, 0.0]).double()
    torch.testing.assert_close(positive_probability(logits), expected)


def test_tiny_is_small():
    model = CLAHDM("tiny")
    assert sum(value.nbytes for value in model.state_dict().values()) <= 12e6


def test_published_sub_model_joins_two_times_2048_features():
    sub_model = SubModel("resnet50").eval()
    with torch.no_grad():
        bus_maps, cdfi_maps = sub_model.features(*torch.randn(2, 1, 3, 64, 64))
        logits = sub_model.head(bus_maps, cdfi_maps)
    assert bus_maps.shape == cdfi_maps.shape == (1, 2048, 2, 2)
    assert sub_model.joint.in_features == 4096
    assert torch.isfinite(logits).all()
