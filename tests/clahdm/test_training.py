"""Training on tiny images: repeatable, resumable, fair to rare classes, and it learns."""

import csv
import math
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from inference.clahdm import training_checkpoint
from inference.clahdm.data import (
    ImagePairs,
    TrainingError,
    class_weights,
    epoch_order,
    of_sub_model,
    stratified_split,
)
from inference.clahdm.network import SubModel
from inference.clahdm.preprocess import normalise
from inference.clahdm.recipe import Recipe
from inference.clahdm.train_sub_model import (
    CHECKPOINT_NAME,
    LOG_NAME,
    Learner,
    l1_over_l2,
    train_sub_model,
)
from readerstudy.diagnosis import Etiology

ROOT = Path(__file__).parents[2]
SIDE = 32
RECIPE = Recipe(epochs=3, batch_size=4, patience=3, seed=5)


def pairs(cases: int = 12, *, positives: int = 4, seed: int = 0, side: int = SIDE) -> ImagePairs:
    """Noise; the positive cases are brighter in BUS."""
    generator = torch.Generator().manual_seed(seed)
    bus, cdfi = torch.randint(0, 128, (2, cases, 3, side, side), generator=generator)
    label = (torch.arange(cases) < positives).long()
    bus += 100 * label[:, None, None, None]
    return ImagePairs(bus=bus.to(torch.uint8), cdfi=cdfi.to(torch.uint8), label=label)


def train(work: Path, **changes):
    fields = {
        "architecture": "tiny",
        "training": pairs(),
        "validation": pairs(6, positives=2, seed=1),
        "recipe": RECIPE,
        "work": work,
    }
    return train_sub_model(**fields | changes)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    before = torch.get_rng_state()
    first, again = train(tmp_path / "1"), train(tmp_path / "2")
    other = train(tmp_path / "3", recipe=replace(RECIPE, seed=6))
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first.state, again.state)
    assert not same(first.state, other.state)


class Stop(Exception):
    pass


@pytest.mark.parametrize("auxiliary", [0.0, 0.3])
def test_goes_on_where_it_was_stopped_with_the_same_result(tmp_path, auxiliary):
    recipe = replace(RECIPE, auxiliary=auxiliary)
    whole = train(tmp_path / "whole", recipe=recipe)

    def stop(epoch):
        raise Stop

    for _ in range(2):
        with pytest.raises(Stop):
            train(tmp_path / "parts", recipe=recipe, after_epoch=stop)
    parts = train(tmp_path / "parts", recipe=recipe)
    assert same(whole.state, parts.state)
    assert [replace(e, seconds=0) for e in whole.log] == [replace(e, seconds=0) for e in parts.log]
    finished = train(tmp_path / "parts", recipe=recipe, after_epoch=stop)
    assert same(whole.state, finished.state)


def test_a_kill_in_the_middle_changes_nothing(tmp_path):
    recipe = replace(RECIPE, epochs=8, patience=8)
    script = """
        import sys, torch; from pathlib import Path
        torch.set_num_threads(1)
        from tests.clahdm import test_training as t; from dataclasses import replace
        t.train(Path(sys.argv[1]), recipe=replace(t.RECIPE, epochs=8, patience=8))
    """
    work = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(work)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    while not (work / CHECKPOINT_NAME).exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert same(train(work, recipe=recipe).state, train(tmp_path / "whole", recipe=recipe).state)


@pytest.mark.parametrize(
    "changes",
    [
        {"training": pairs(seed=3)},
        {"validation": pairs(6, positives=2, seed=4)},
        {"recipe": replace(RECIPE, learning_rate=0.1)},
        {"name": "another"},
        {"pretrained": SubModel("tiny").bus_extractor.state_dict()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_refuses_to_go_on_with_another_training(tmp_path, changes):
    recipe = replace(RECIPE, epochs=1)
    train(tmp_path, recipe=recipe)
    with pytest.raises(TrainingError, match=f"another training, with other {next(iter(changes))}"):
        train(tmp_path, **{"recipe": recipe} | changes)


def test_refuses_a_checkpoint_that_is_none(tmp_path):
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"\x80\x04not a checkpoint")
    with pytest.raises(TrainingError, match="no checkpoint"):
        train(tmp_path)


def test_learns_and_logs(tmp_path):
    found = train(tmp_path, recipe=replace(RECIPE, epochs=8, patience=8))
    assert found.kept.validation_auc == 1.0
    equals = [each for each in found.log if each.validation_auc == 1.0]
    assert found.kept.validation_loss == min(each.validation_loss for each in equals)
    with (tmp_path / LOG_NAME).open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["epoch"]) for line in lines] == list(range(1, 9))
    assert [float(line["train_loss"]) for line in lines] == [e.train_loss for e in found.log]
    assert set(lines[0]) >= {"validation_loss", "validation_auc", "learning_rate", "seconds"}


def test_stops_early_and_keeps_the_best(tmp_path):
    """Labels against the image: the better it learns, the worse it validates."""
    against = pairs(6, positives=2, seed=1)
    against = ImagePairs(bus=against.bus, cdfi=against.cdfi, label=1 - against.label)
    recipe = replace(RECIPE, epochs=30, patience=2)
    found = train(tmp_path, validation=against, recipe=recipe)
    assert len(found.log) == found.kept.epoch + 2 < 30


def test_the_last_weights_are_kept_on_request(tmp_path):
    against = pairs(6, positives=2, seed=1)
    against = ImagePairs(bus=against.bus, cdfi=against.cdfi, label=1 - against.label)
    recipe = replace(RECIPE, epochs=4, patience=1, keep="last")
    found = train(tmp_path, validation=against, recipe=recipe)
    parts, _ = training_checkpoint.load(tmp_path / CHECKPOINT_NAME)
    assert found.kept.epoch == len(found.log) == 4
    assert same(found.state, parts["average"])


def test_spread_is_least_for_one_cell_and_greatest_for_all():
    one = torch.zeros(2, 3, 4, 5)
    one[:, :, 1, 2] = torch.rand(2, 3) + 0.1
    assert float(l1_over_l2(one)) == pytest.approx(1 / math.sqrt(20))
    assert float(l1_over_l2(torch.full((2, 3, 4, 5), 7.0))) == pytest.approx(1)
    assert float(l1_over_l2(torch.zeros(2, 3, 4, 5))) == 0
    some = torch.rand(2, 3, 4, 5)
    assert float(l1_over_l2(some)) == pytest.approx(float(l1_over_l2(100 * some)))


def test_focus_makes_the_maps_less_spread(tmp_path):
    images = pairs(side=96)
    found = {}
    for focus in (0.0, 5.0):
        recipe = replace(RECIPE, epochs=15, keep="last", averaging=0.0, focus=focus)
        state = train(tmp_path / str(focus), training=images, recipe=recipe).state
        network = SubModel("tiny")
        network.load_state_dict(state)
        with torch.no_grad():
            maps = network.features(normalise(images.bus.float()), normalise(images.cdfi.float()))
        found[focus] = sum(float(l1_over_l2(each)) for each in maps)
    assert found[5.0] < found[0.0] - 0.05


def test_auxiliary_classifiers_learn_and_are_dropped(tmp_path):
    found = train(tmp_path, recipe=replace(RECIPE, auxiliary=0.5))
    assert found.state.keys() == SubModel("tiny").state_dict().keys()
    assert not same(found.state, train(tmp_path / "without").state)


def test_the_average_of_the_weights_is_kept(tmp_path):
    """Without averaging, what is kept is the learner itself; with it, something smoother."""
    recipe = replace(RECIPE, epochs=1)
    kept = {}
    for averaging in (0.0, 0.9):
        work = tmp_path / str(averaging)
        kept[averaging] = train(work, recipe=replace(recipe, averaging=averaging)).state
        parts, _ = training_checkpoint.load(work / CHECKPOINT_NAME)
        learner = {k.removeprefix("sub_model."): v for k, v in parts["learner"].items()}
        assert same(kept[averaging], learner) == (averaging == 0)
    steps = [recipe.memory_at(step) for step in range(2000)]
    assert (steps[0], steps[-1]) == (0.1, recipe.averaging)


def test_auxiliary_classifiers_see_one_branch_each():
    learner = Learner("tiny", auxiliary=True).eval()
    bus, cdfi = torch.randn(2, 2, 3, SIDE, SIDE)
    (joint, of_bus, of_cdfi), _ = learner(bus, cdfi)
    (_, same_bus, other_cdfi), _ = learner(bus, cdfi.flip(0))
    assert torch.equal(of_bus, same_bus)
    assert torch.allclose(of_cdfi, other_cdfi.flip(0), atol=1e-6)
    assert torch.equal(joint, learner.sub_model(bus, cdfi))


def test_pretrained_weights_are_where_training_starts(tmp_path):
    source = SubModel("tiny").bus_extractor.state_dict()
    frozen = replace(RECIPE, epochs=1, learning_rate=1e-12, weight_decay=0.0)
    state = train(tmp_path, recipe=frozen, pretrained=source).state
    for extractor in ("bus_extractor", "cdfi_extractor"):
        found = state[f"{extractor}.conv1.weight"]
        assert torch.allclose(found, source["conv1.weight"], atol=1e-6)


def test_rare_classes_weigh_as_much_as_common_ones():
    label = torch.tensor([0] * 9 + [1])
    weights = class_weights(label)
    assert weights.tolist() == pytest.approx([10 / 18, 10 / 2])
    assert weights[label].mean() == pytest.approx(1.0)
    assert weights[label][label == 1].sum() == pytest.approx(weights[label][label == 0].sum())


def test_split_holds_out_a_share_of_every_class():
    label = torch.tensor([0] * 20 + [1] * 5 + [3] * 2)
    training, validation = stratified_split(label, share=0.2, seed=1)
    assert torch.equal(torch.cat([training, validation]).sort().values, torch.arange(27))
    assert label[validation].bincount(minlength=4).tolist() == [4, 1, 0, 1]
    assert not torch.equal(validation, stratified_split(label, share=0.2, seed=2)[1])
    with pytest.raises(TrainingError, match="one case"):
        stratified_split(torch.tensor([0, 0, 1]), share=0.2, seed=1)


@pytest.mark.parametrize(("cases", "size"), [(10, 4), (8, 4), (3, 8)])
def test_an_epoch_has_every_case_in_full_batches(cases, size):
    order = epoch_order(cases, batch_size=size, generator=torch.Generator().manual_seed(0))
    assert order.shape == (-(-cases // size), size)
    assert set(order.flatten().tolist()) == set(range(cases))
    assert order.flatten().bincount().max() <= -(-order.numel() // cases)


def test_each_sub_model_learns_from_its_branch():
    images = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 3, SIDE, SIDE)
    whole = ImagePairs(bus=images, cdfi=images, label=torch.tensor([3, 1, 0, 2]))
    expected = {
        "malignancy": ([0, 1, 2, 3], [1, 0, 0, 1]),
        "benign": ([1, 2], [1, 0]),
        "malignant": ([0, 3], [1, 0]),
    }
    for name, (rows, label) in expected.items():
        found = of_sub_model(whole, name)
        assert found.bus[:, 0, 0, 0].tolist() == rows
        assert found.label.tolist() == label
    benign = whole.take(torch.tensor([1, 2]))
    with pytest.raises(TrainingError, match=f"no case of {Etiology.LYMPHOMA}"):
        of_sub_model(benign, "malignant")


def test_learning_rate_rises_then_falls():
    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [recipe.learning_rate_at(step / 100) for step in range(100)]
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[0] < 0.02
    assert 0 < rates[-1] < 0.02


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 1}, {"learning_rate": 0.0}])
def test_refuses_recipes_that_are_none(wrong):
    with pytest.raises(TrainingError):
        Recipe(**wrong)


def test_refuses_a_single_class(tmp_path):
    with pytest.raises(TrainingError, match="both classes"):
        train(tmp_path, training=pairs(positives=0))


def test_refuses_a_loss_that_is_not_finite(tmp_path):
    with pytest.raises(TrainingError, match="not finite"):
        train(tmp_path, recipe=replace(RECIPE, learning_rate=1e30, warmup=0.0))
    assert not (tmp_path / CHECKPOINT_NAME).exists()


RANK = """
    import sys, torch; from pathlib import Path
    torch.set_num_threads(1)
    from safetensors.torch import save_file
    from inference.clahdm.distributed import local_device, process_group
    from tests.clahdm import test_training as t
    work, device = Path(sys.argv[1]), local_device("cpu")
    with process_group(device) as ranks:
        found = t.train(work, device=device, ranks=ranks)
    save_file(found.state, work / f"{ranks.rank}.safetensors")
"""


def test_two_processes_train_one_model(tmp_path):
    """With gloo and the environment that torchrun sets: finite, one log, the same weights."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RANK), str(tmp_path)],
            cwd=ROOT,
            env=os.environ
            | {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank}
            | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
        )
        for rank in "01"
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    states = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(2)]
    assert states[0].keys() == SubModel("tiny").state_dict().keys()
    for name, value in states[0].items():
        assert torch.isfinite(value).all()
        if "running" not in name:  # the first process's running means count
            assert torch.equal(value, states[1][name])
    assert len((tmp_path / LOG_NAME).read_text().splitlines()) == 1 + RECIPE.epochs
