"""The weights that come with the demo: small, carded, and of some use on phantoms never seen."""

import numpy as np
import pytest
import torch

from inference.clahdm.evaluation import evaluate, heatmap_attention
from inference.clahdm.predict import predict
from inference.clahdm.preprocess import preprocess
from inference.clahdm.weights import load
from inference.clahdm.weights_card import read_card
from readerstudy.demo.phantoms import HOSPITALS, draw_phantom
from readerstudy.demo.studies import WEIGHTS
from readerstudy.diagnosis import Etiology

EACH = 12


@pytest.fixture(scope="module")
def phantoms():
    """Of each etiology as many, of hospital 1, with seeds that no cohort uses."""
    rng = np.random.default_rng(0)
    return [
        draw_phantom(etiology=etiology, seed=10**6 + seed, instrument=HOSPITALS[0].choose(rng))
        for etiology in Etiology
        for seed in range(EACH)
    ]


@pytest.fixture(scope="module")
def predictions(phantoms):
    model = load(WEIGHTS).model
    images = (
        torch.stack([preprocess(getattr(each, name), size=model.input_size) for each in phantoms])
        for name in ("bus", "cdfi")
    )
    return predict(model, *images)


def test_they_are_small_and_say_what_they_are():
    assert WEIGHTS.stat().st_size <= 12_000_000
    card = read_card(WEIGHTS)
    assert card.trained
    assert "synthetic phantoms" in card.notes
    assert card.metrics["cases"] == {"training": 356, "validation": 39}


def test_they_tell_phantoms_apart_but_not_perfectly(predictions):
    scores = np.array(
        [
            (each.p_malignant, each.p_tuberculous, each.p_metastatic)
            for each in (prediction.probabilities for prediction in predictions)
        ]
    )
    rows = evaluate(truth=np.repeat(np.arange(4), EACH), probabilities=scores, resamples=1).rows
    assert len(rows) == 4
    for row in rows:
        assert 0.7 < row.auc.value < 0.99, row.model


def test_their_heatmaps_look_at_the_node(phantoms, predictions):
    found = [
        heatmap_attention(heatmap, phantom.mask)
        for phantom, prediction in zip(phantoms, predictions, strict=True)
        for heatmap in prediction.heatmaps.values()
    ]
    seen = [each for each in found if each is not None]
    assert len(seen) > len(found) / 2
    assert np.mean([s.inside for s in seen]) > 1.5 * np.mean([s.chance for s in seen])
