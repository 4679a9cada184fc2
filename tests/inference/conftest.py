from collections.abc import Callable
from dataclasses import asdict

import pytest

from inference.clahdm import weights
from inference.model_registration import CheckedWeights, register
from inference.models import ModelVersion
from inference.predictions_import import import_predictions
from readerstudy.imaging import ImportRefused
from tests import factories
from tests.imaging.example_files import write_folder
from tests.inference.prediction_files import NAME, files_for, nothing_was_imported


@pytest.fixture
def draft(db):
    """A study with three testing cases in two cohorts; its model is one with weights."""
    return factories.make_draft(cases=3)


@pytest.fixture
def take(draft, tmp_path):
    """A function from rows, or a bundle's files, to what their import comes to."""
    numbers = iter(range(100))

    def take(what, *, of=draft, **fields):
        files = files_for(what) if isinstance(what, list) else what
        source = write_folder(tmp_path / str(next(numbers)), files)
        return import_predictions(study=of, source=source, **NAME | fields)

    return take


@pytest.fixture
def refused(take):
    """A function from a bundle to the problems for which it is refused, having changed nothing."""

    def refused(what, **fields):
        with pytest.raises(ImportRefused) as caught:
            take(what, **fields)
        assert nothing_was_imported()
        return caught.value.problems

    return refused


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
