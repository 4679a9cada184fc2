from itertools import product

import numpy as np
import pytest
import torch

from inference.clahdm.layercam import layer_cam, to_uint8
from inference.clahdm.predict import NonFiniteError, predict
from readerstudy.diagnosis import Etiology, Malignancy, Modality

FOUR = set(product((1, 2), Modality))


@pytest.fixture
def threshold(tiny, images) -> float:
    """Between the cases, so that a batch has both branches."""
    with torch.no_grad():
        p = tiny(*images)[:, 0].sort().values
    assert p[2] - p[1] > 1e-4
    return float(p[1] + p[2]) / 2


def test_probabilities_are_the_networks_and_the_gate_decides(tiny, images, threshold):
    predictions = predict(tiny, *images, threshold=threshold)
    with torch.no_grad():
        expected = tiny(*images).double().numpy()
    for prediction, (p_malignant, p_tuberculous, p_metastatic) in zip(
        predictions, expected, strict=True
    ):
        found = prediction.probabilities
        assert found.threshold == threshold
        assert found.p_malignant == pytest.approx(p_malignant, abs=1e-6)
        assert found.p_tuberculous == pytest.approx(p_tuberculous, abs=1e-6)
        assert found.p_metastatic == pytest.approx(p_metastatic, abs=1e-6)
    branches = [each.probabilities.malignancy for each in predictions]
    assert sorted(branches) == [Malignancy.BENIGN] * 2 + [Malignancy.MALIGNANT] * 3


def test_heatmaps_explain_the_decisions_that_are_reported(tiny, images, threshold):
    """Each case against Layer-CAM asked for directly; to one level of 255."""
    for i, prediction in enumerate(predict(tiny, *images, threshold=threshold)):
        assert set(prediction.heatmaps) == FOUR
        malignancy, etiology = (
            prediction.probabilities.malignancy,
            prediction.probabilities.etiology,
        )
        positive = {
            1: malignancy is Malignancy.MALIGNANT,
            2: etiology in (Etiology.TUBERCULOUS, Etiology.METASTATIC),
        }
        for level, name in ((1, "malignancy"), (2, str(malignancy))):
            sub_model = tiny[name]
            with torch.no_grad():
                maps = sub_model.features(*(each[i : i + 1] for each in images))
            expected, other = (
                layer_cam(sub_model.head, *maps, target=torch.tensor([int(target)]))
                for target in (positive[level], not positive[level])
            )
            for modality in Modality:
                found = prediction.heatmaps[level, modality]
                assert (found.dtype, found.shape) == (np.uint8, (5, 5))
                assert _distance(found, getattr(expected, modality)) <= 1
                assert _distance(found, getattr(other, modality)) > 1


def _distance(levels: np.ndarray, cam: torch.Tensor) -> int:
    return np.abs(levels.astype(int) - to_uint8(cam)[0]).max()


def test_batch_equals_one_by_one(tiny, images, threshold):
    """Probabilities to 1e-6, heatmaps to one level of 255."""
    bus, cdfi = images
    for i, together in enumerate(predict(tiny, bus, cdfi, threshold=threshold)):
        row = slice(i, i + 1)
        (alone,) = predict(tiny, bus[row], cdfi[row], threshold=threshold)
        assert alone.probabilities.gated() == pytest.approx(
            together.probabilities.gated(), abs=1e-6
        )
        assert alone.probabilities.soft() == pytest.approx(together.probabilities.soft(), abs=1e-6)
        for key in FOUR:
            one, many = (each.heatmaps[key].astype(int) for each in (alone, together))
            assert np.abs(one - many).max() <= 1


@pytest.mark.parametrize(("threshold", "branch"), [(0.0, "malignant"), (1.0, "benign")])
def test_threshold_moves_the_gate_of_every_case(tiny, images, threshold, branch):
    for prediction in predict(tiny, *images, threshold=threshold):
        assert prediction.probabilities.malignancy == branch


def test_leaves_the_model_as_it_was(tiny, images):
    before = {name: value.clone() for name, value in tiny.state_dict().items()}
    with torch.no_grad():
        predict(tiny, *images)
    assert all(parameter.grad is None for parameter in tiny.parameters())
    assert all(torch.equal(value, before[name]) for name, value in tiny.state_dict().items())


def test_images_follow_the_models_dtype(tiny, images):
    single = predict(tiny, *images)
    double = predict(tiny.double(), *images)
    for a, b in zip(single, double, strict=True):
        assert a.probabilities.soft() == pytest.approx(b.probabilities.soft(), abs=1e-5)


def test_no_cases_no_predictions(tiny, images):
    bus, cdfi = images
    assert predict(tiny, bus[:0], cdfi[:0]) == []


@pytest.mark.parametrize("name", ["malignancy", "benign", "malignant"])
def test_nan_names_the_sub_model(tiny, images, name):
    with torch.no_grad():
        tiny[name].classifier.bias[1] = float("nan")
    with pytest.raises(NonFiniteError, match=rf"'{name}'.*cases \[0, 1, 2, 3, 4\]"):
        predict(tiny, *images)


def test_overflow_names_the_case(tiny, images):
    bus, cdfi = images
    bus[3] *= 1e38
    assert torch.isfinite(bus).all()
    with pytest.raises(NonFiniteError, match=r"'malignancy'.*cases \[3\]"):
        predict(tiny, bus, cdfi)


def test_refuses_training_mode(tiny, images):
    with pytest.raises(ValueError, match="training mode"):
        predict(tiny.train(), *images)


@pytest.mark.parametrize("threshold", [float("nan"), -0.1, 1.1])
def test_refuses_thresholds_that_are_none(tiny, images, threshold):
    with pytest.raises(ValueError, match="threshold"):
        predict(tiny, *images, threshold=threshold)


def test_refuses_images_that_do_not_fit(tiny, images):
    bus, cdfi = images
    poisoned = cdfi.clone()
    poisoned[0, 0, 0, 0] = float("nan")
    refused = [
        (bus[0], cdfi[0], "bus: expected"),
        (bus[:, :1], cdfi, "bus: expected"),
        (bus, cdfi[..., :32], "cdfi: expected"),
        (bus, cdfi[:2], "5 BUS images but 2 CDFI"),
        (bus, poisoned, "cdfi: an image holds NaN"),
    ]
    for bus_images, cdfi_images, message in refused:
        with pytest.raises(ValueError, match=message):
            predict(tiny, bus_images, cdfi_images)


def test_gated_path_gives_the_same_where_it_looks_and_none_where_it_does_not(
    tiny, images, threshold
):
    """Probabilities to 1e-6, heatmaps to one level of 255."""
    every, gated = (
        predict(tiny, *images, threshold=threshold, path=path) for path in ("all", "gated")
    )
    for full, fast in zip(every, gated, strict=True):
        a, b = full.probabilities, fast.probabilities
        assert (b.malignancy, b.etiology) == (a.malignancy, a.etiology)
        assert b.gated() == pytest.approx(a.gated(), abs=1e-6)
        benign = b.malignancy is Malignancy.BENIGN
        assert (b.p_tuberculous is None, b.p_metastatic is None) == (not benign, benign)
        for key in FOUR:
            one, other = (each.heatmaps[key].astype(int) for each in (full, fast))
            assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_gated_path_leaves_the_other_branch_alone(tiny, images, threshold):
    idle = Malignancy.MALIGNANT if threshold else Malignancy.BENIGN
    tiny[idle.value].forward = tiny[idle.value].features = None
    assert len(predict(tiny, *images, threshold=threshold, path="gated")) == 5


def test_refuses_an_unknown_path(tiny, images):
    with pytest.raises(ValueError, match="path must be one of all, gated"):
        predict(tiny, *images, path="soft")


def test_bfloat16_is_near_float32(tiny, images, threshold):
    """Probabilities to 0.01, and the heatmaps of the same decisions to 10% of their range."""
    exact, rough = (
        predict(tiny, *images, threshold=threshold, precision=precision)
        for precision in ("fp32", "bf16")
    )
    for a, b in zip(exact, rough, strict=True):
        assert b.probabilities.soft() == pytest.approx(a.probabilities.soft(), abs=0.01)
        if b.probabilities.etiology is a.probabilities.etiology:
            for key in FOUR:
                one, other = (each.heatmaps[key].astype(int) for each in (a, b))
                assert np.abs(one - other).max() <= 25
    assert [b.probabilities for b in rough] != [a.probabilities for a in exact]


def test_refuses_an_unknown_precision(tiny, images):
    with pytest.raises(ValueError, match="precision must be one of fp32, bf16"):
        predict(tiny, *images, precision="fp16")
