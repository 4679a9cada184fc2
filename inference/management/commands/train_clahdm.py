from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference.training_data import cohort_sha256, training_cases, training_pairs
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Train CLA-HDM's three sub-models on a study's training cohort and write a weights "
        "file with its model card. If it is stopped, the same command resumes it. On several "
        "GPUs: torchrun --nproc-per-node N manage.py train_clahdm ..."
    )

    def add_arguments(self, parser):
        from inference.clahdm.recipe import Recipe

        usual = Recipe()
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("--out", type=Path, required=True, help="Weights file to write")
        parser.add_argument(
            "--work", type=Path, help="Folder for checkpoints and logs (default: OUT.work)"
        )
        parser.add_argument("--architecture", default="resnet50", help="resnet50 or tiny")
        parser.add_argument("--epochs", type=int, default=usual.epochs)
        parser.add_argument("--patience", type=int, default=usual.patience)
        parser.add_argument("--batch-size", type=int, default=usual.batch_size)
        parser.add_argument("--learning-rate", type=float, default=usual.learning_rate)
        parser.add_argument("--weight-decay", type=float, default=usual.weight_decay)
        parser.add_argument("--validation-share", type=float, default=usual.validation_share)
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument(
            "--aux",
            type=float,
            default=usual.auxiliary,
            metavar="WEIGHT",
            help="Weight of the auxiliary classifiers on BUS and on CDFI alone (0: none)",
        )
        parser.add_argument(
            "--focus",
            type=float,
            default=usual.focus,
            metavar="WEIGHT",
            help="Weight of the final maps' spread over the image (0: none)",
        )
        parser.add_argument("--keep", default=usual.keep, help="Weights of the best or last epoch")
        parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
        parser.add_argument("--threads", type=int, help="Processor threads")
        parser.add_argument(
            "--pretrained", type=Path, help="A torchvision checkpoint, .safetensors or .pth"
        )
        parser.add_argument("--notes", default="", help="For the model card")

    def handle(self, *, study, **options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            card = _train(found, options)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from None
        for name, facts in card.metrics["sub_models"].items():
            self.stdout.write(
                f"{name}: validation AUC {facts['validation_auc']:.3f}, epoch "
                f"{facts['kept_epoch']} of {facts['epochs']}"
            )
        self.stdout.write(f"{options['out']} was written.")


def _train(study: Study, options: dict):
    """The card of the weights file that it writes. ValueError says what can't be done."""
    import torch

    from inference.clahdm.backbone import find_architecture
    from inference.clahdm.data import cohort
    from inference.clahdm.distributed import local_device, process_group
    from inference.clahdm.pretrained import read_imagenet
    from inference.clahdm.recipe import Recipe
    from inference.clahdm.train_clahdm import train_clahdm

    recipe = Recipe(
        auxiliary=options["aux"],
        **{
            name: options[name]
            for name in ("epochs", "patience", "batch_size", "learning_rate", "weight_decay",
                         "validation_share", "focus", "keep", "seed")
        },
    )  # fmt: skip
    architecture, source, out = (options[name] for name in ("architecture", "pretrained", "out"))
    size = find_architecture(architecture).input_size
    pretrained = read_imagenet(source, architecture=architecture) if source else None
    if (threads := options["threads"]) is not None:
        if threads < 1:
            raise ValueError("--threads must be at least 1")
        torch.set_num_threads(threads)
    cases = training_cases(study)
    device = local_device(options["device"])
    shown = tqdm(cases, desc="Reading images", unit="case", disable=None)
    with process_group(device) as ranks:
        return train_clahdm(
            architecture=architecture,
            cohort=cohort(training_pairs(shown), size=size),
            cohort_sha256=cohort_sha256(cases),
            recipe=recipe,
            work=options["work"] or out.with_name(f"{out.name}.work"),
            out=out,
            device=device,
            pretrained=pretrained,
            notes=options["notes"],
            ranks=ranks,
            progress=True,
        )
