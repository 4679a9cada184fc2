import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.clahdm import weights
from inference.clahdm.weights import WeightsError, file_sha256, load, save, untrained
from inference.clahdm.weights_card import ModelCard, read_card

ROOT = Path(__file__).parents[2]
NAME = "malignant.classifier.bias"


@pytest.fixture
def saved(tmp_path) -> Path:
    """A good weights file of the tiny network, seed 0."""
    model, card = untrained("tiny", 0)
    path = tmp_path / "good.safetensors"
    save(model, path, card=card)
    return path


def _rewrite(path: Path, *, state=None, card=None) -> Path:
    """The good file with other tensors or another card text, past all checks of `save`."""
    card = read_card(path).to_json() if card is None else card
    state = load_file(path) if state is None else state
    bad = path.with_name("bad.safetensors")
    save_file(state, bad, metadata={"model_card": card})
    return bad


def test_round_trip(tmp_path, images):
    model, card = untrained("tiny", 3)
    card = replace(
        card,
        trained=True,
        threshold=0.4,
        training_cohort_sha256="ab" * 32,
        notes="café",
        metrics={"internal": {"auc": 0.9, "n": 171}},
    )
    path = tmp_path / "weights.safetensors"
    digest = save(model, path, card=card)
    assert list(tmp_path.iterdir()) == [path]

    loaded = load(path, sha256=digest.upper())
    assert loaded.card == card == read_card(path)
    assert loaded.sha256 == digest == file_sha256(path)
    assert not loaded.model.training
    with torch.no_grad():
        assert torch.equal(loaded.model(*images), model(*images))


def test_loaded_network_can_be_trained_further(saved, images):
    model = load(saved).model.train()
    before = model["benign"].joint.weight.clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    model(*images)[:, 1].sum().backward()
    optimiser.step()
    assert not torch.equal(model["benign"].joint.weight, before)


def test_loaded_network_is_independent_of_its_file(saved):
    model = load(saved).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with saved.open("r+b") as file:
        file.seek(-1_000_000, 2)
        file.write(b"\xff" * 1_000_000)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_same_seed_same_bytes_in_another_process(saved, tmp_path):
    other = tmp_path / "other.safetensors"
    script = (
        "import sys, torch; from inference.clahdm.weights import save, untrained; torch.rand(5);"
        "model, card = untrained('tiny', 0); print(save(model, sys.argv[1], card=card))"
    )
    command = [sys.executable, "-c", script, str(other)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == file_sha256(saved)
    assert other.read_bytes() == saved.read_bytes()


def test_another_seed_gives_other_weights_and_the_random_state_is_kept(saved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model, _ = untrained("tiny", 1)
    load(saved)
    assert torch.equal(torch.rand(3), expected)
    good = load_file(saved)["benign.bus_extractor.conv1.weight"]
    assert not torch.equal(model["benign"].bus_extractor.conv1.weight, good)


def test_untrained_says_so():
    _, card = untrained("tiny", 11)
    assert (card.trained, card.seed, card.architecture) == (False, 11, "tiny")


def test_digest_is_compared(saved):
    good = file_sha256(saved)
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1  # the last bit of a tensor: still a valid file
    saved.write_bytes(content)
    load(saved)
    with pytest.raises(WeightsError, match="SHA-256"):
        load(saved, sha256=good)


@pytest.mark.parametrize("kept", [0.0, 1e-7, 1e-5, 0.5, 0.999999])
def test_truncated_is_refused(saved, kept):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load(saved)


class _Trap:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "writer", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj))]
)
def test_pickle_is_refused_unopened(tmp_path, writer):
    sprung = tmp_path / "sprung"
    path = tmp_path / "weights.safetensors"
    writer({"weight": _Trap(sprung)}, path)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load(path)
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop(NAME), f"missing.*{NAME}"),
        (lambda state: state.update(extra=torch.zeros(1)), "unknown.*extra"),
        (lambda state: state.update({NAME: torch.zeros(3)}), f"{NAME}.*expected"),
        (lambda state: state.update({NAME: torch.zeros(2).half()}), f"{NAME}.*F16.*expected"),
        (lambda state: state[NAME].fill_(float("nan")), f"{NAME}.*not finite"),
        (lambda state: state[NAME].fill_(float("inf")), f"{NAME}.*not finite"),
    ],
)
def test_wrong_tensors_are_refused(saved, change, message):
    state = load_file(saved)
    change(state)
    with pytest.raises(WeightsError, match=message):
        load(_rewrite(saved, state=state))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("architecture", "resnet51", "unknown architecture"),
        ("architecture", "resnet50", "preprocessing must be"),
        ("architecture", 5, "architecture has the wrong type"),
        ("classes", ["a", "b", "c", "d"], "classes"),
        ("classes", "abcd", "classes has the wrong type"),
        ("threshold", 1.5, "threshold"),
        ("threshold", True, "threshold has the wrong type"),
        ("preprocessing", {"size": 99}, "preprocessing"),
        ("trained", "yes", "trained has the wrong type"),
        ("seed", 1.5, "seed has the wrong type"),
        ("metrics", [], "metrics has the wrong type"),
        ("surprise", 1, "fields must be exactly"),
    ],
)
def test_wrong_card_is_refused(saved, field, value, message):
    card = json.loads(read_card(saved).to_json())
    card[field] = value
    with pytest.raises(WeightsError, match=message):
        load(_rewrite(saved, card=json.dumps(card)))


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"threshold": NaN}', "[" * 100_000])
def test_card_that_is_none_is_refused(saved, text):
    bad = _rewrite(saved, card=text)
    for read in (load, read_card):
        with pytest.raises(WeightsError, match="model card"):
            read(bad)


def test_file_without_card_is_refused(saved):
    save_file(load_file(saved), saved)
    for read in (load, read_card):
        with pytest.raises(WeightsError, match="no model card"):
            read(saved)


def test_missing_file_and_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            load(path)
        with pytest.raises(WeightsError, match="not a readable"):
            read_card(path)


def test_too_large_is_refused(saved, monkeypatch):
    monkeypatch.setattr(weights, "MAX_FILE_BYTES", saved.stat().st_size - 1)
    with pytest.raises(WeightsError, match="at most"):
        load(saved)


def test_save_refuses_what_load_would(tmp_path):
    model, card = untrained("tiny", 0)
    path = tmp_path / "weights.safetensors"
    refused = [
        (model, replace(card, architecture="resnet50"), "preprocessing|'resnet50'"),
        (model, replace(card, preprocessing={}), "preprocessing"),
        (model, replace(card, metrics={"auc": float("nan")}), "JSON"),
        (untrained("tiny", 0)[0].half(), card, "expected"),
    ]
    with torch.no_grad():
        broken, _ = untrained("tiny", 0)
        broken["benign"].joint.bias[0] = float("nan")
    refused.append((broken, card, "benign.joint.bias.*not finite"))
    for each, its_card, message in refused:
        with pytest.raises(WeightsError, match=message):
            save(each, path, card=its_card)
    assert list(tmp_path.iterdir()) == []


def test_equal_cards_give_equal_text():
    common = {"architecture": "tiny", "preprocessing": {}}
    one = ModelCard(**common, metrics={"a": 1, "b": 2})
    other = ModelCard(**common, metrics={"b": 2, "a": 1})
    assert one.to_json() == other.to_json()
    assert ModelCard.from_json(one.to_json()) == one
