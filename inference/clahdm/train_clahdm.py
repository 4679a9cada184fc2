"""Training of CLA-HDM: its three sub-models, each by itself, on one training cohort.

Sub-model 1 learns from all cases, 2 from the truly benign, 3 from the truly malignant (Zhu et
al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z). One split, stratified by
etiology, holds the same cases out from all three, so that CLA-HDM as a whole can be validated.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from . import weights
from .backbone import find_architecture
from .data import ImagePairs, TrainingError, of_sub_model, stratified_split
from .distributed import Ranks
from .evaluation import CLAHDM_ROW, evaluate
from .hierarchical_probabilities import SUB_MODELS
from .network import CLAHDM
from .preprocess import normalise, specification
from .recipe import Recipe
from .train_sub_model import Pretrained, TrainedSubModel, train_sub_model
from .weights_card import ModelCard


def train_clahdm(
    *,
    architecture: str,
    cohort: ImagePairs,
    cohort_sha256: str,
    recipe: Recipe,
    work: Path,
    out: Path,
    device: torch.device | str = "cpu",
    pretrained: Pretrained | None = None,
    notes: str = "",
    ranks: Ranks | None = None,
    progress: bool = False,
) -> ModelCard:
    """Train the three sub-models and write the weights file with its card.

    Stopped at any moment and called again with the same arguments, it goes on where it was and
    ends with the same file, byte for byte on the CPU.

    Parameters
    ----------
    cohort
        All training cases at the architecture's input size, labelled with the class index of
        their etiology; see `data.cohort`.
    cohort_sha256
        Digest that names the cohort in the card.
    work
        Folder with a sub-folder for each sub-model: checkpoint and log.
    out
        The weights file; replaced if it exists. The first process writes it.

    The others are those of `train_sub_model`.

    Raises
    ------
    TrainingError
        If an etiology has fewer than two cases, the images have another size, or a sub-model's
        training fails.
    """
    ranks = ranks or Ranks()
    size = find_architecture(architecture).input_size
    _check_size(cohort, size)
    rows = stratified_split(cohort.label, share=recipe.validation_share, seed=recipe.seed)
    training, validation = (cohort.take(each) for each in rows)
    trained: dict[str, TrainedSubModel] = {}
    for name in SUB_MODELS:
        trained[name] = train_sub_model(
            architecture=architecture,
            training=of_sub_model(training, name),
            validation=of_sub_model(validation, name),
            recipe=recipe,
            work=work / name,
            name=name,
            device=device,
            pretrained=pretrained,
            ranks=ranks,
            progress=progress,
        )
    model = assemble(architecture, trained)
    card = ModelCard(
        architecture=architecture,
        preprocessing=specification(size),
        trained=True,
        seed=recipe.seed,
        training_cohort_sha256=cohort_sha256,
        notes=notes,
        metrics={
            "recipe": asdict(recipe),
            "cases": {"training": len(training), "validation": len(validation)},
            "sub_models": {name: _facts(each) for name, each in trained.items()},
            "validation": _validation(model, validation),
        },
    )
    if ranks.first:
        out.parent.mkdir(parents=True, exist_ok=True)
        weights.save(model, out, card=card)
    return card


def assemble(architecture: str, trained: dict[str, TrainedSubModel]) -> CLAHDM:
    """The network in evaluation mode with every sub-model's kept weights."""
    with torch.device("meta"):
        model = CLAHDM(architecture)
    for name, each in trained.items():
        model[name].load_state_dict(each.state, assign=True)
    return model.eval()


@torch.no_grad()
def probabilities(model: CLAHDM, cases: ImagePairs, *, batch_size: int = 16) -> torch.Tensor:
    """The three sub-models' probabilities of cases as they are trained on, (N, 3) float64."""
    found = []
    for rows in torch.arange(len(cases)).split(batch_size):
        batch = cases.take(rows)
        found.append(model(normalise(batch.bus.float()), normalise(batch.cdfi.float())).double())
    return torch.cat(found)


def _check_size(cohort: ImagePairs, size: int) -> None:
    if tuple(cohort.bus.shape[1:]) != (3, size, size):
        raise TrainingError(f"images are {tuple(cohort.bus.shape[1:])}, expected a side of {size}")


def _facts(trained: TrainedSubModel) -> dict[str, Any]:
    return {
        "epochs": len(trained.log),
        "kept_epoch": trained.kept.epoch,
        "validation_loss": trained.kept.validation_loss,
        "validation_auc": trained.kept.validation_auc,
    }


def _validation(model: CLAHDM, cases: ImagePairs) -> dict[str, Any]:
    """CLA-HDM on the cases held out. If they chose the epochs kept, this flatters somewhat."""
    scores = probabilities(model, cases).numpy()
    result = evaluate(truth=cases.label.numpy(), probabilities=scores, resamples=1)
    [row] = [row for row in result.rows if row.model == CLAHDM_ROW]
    return {"micro_auc": row.auc.value, "micro_accuracy": row.accuracy.value, "n": row.n}
