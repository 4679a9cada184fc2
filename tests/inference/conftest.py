from collections.abc import Callable
from dataclasses import asdict

import pytest

from inference.clahdm import weights
from inference.models import ModelVersion
from inference.registry import CheckedWeights, register


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> CheckedWeights:
    """A file with the tiny network's untrained weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model, card = weights.untrained("tiny", 0)
    return CheckedWeights(path, weights.save(model, path, card=card), asdict(card))


@pytest.fixture
def tiny(tiny_weights) -> Callable[[], ModelVersion]:
    """Registers the untrained tiny network as a model version."""
    return lambda: register(name="tiny", version="1", checked=tiny_weights)
