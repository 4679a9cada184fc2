import getpass
import tempfile
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError


class Command(BaseCommand):
    help = (
        "Register a model version from a weights file, or with untrained weights for a rehearsal."
    )

    def add_arguments(self, parser):
        parser.add_argument("name")
        parser.add_argument("version")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--weights", type=Path, help="A safetensors file with its model card")
        source.add_argument(
            "--untrained", metavar="ARCHITECTURE", help="Random weights: resnet50 or tiny"
        )
        parser.add_argument("--seed", type=int, default=0, help="Seed of untrained weights")
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, name, version, by, **options):
        from inference.model_registration import check_weights, register

        _require_names(name=name, version=version)
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = options["weights"] or _untrained(options, Path(folder))
                model_version = register(
                    name=name, version=version, checked=check_weights(path), by=by
                )
            except ValueError as error:
                raise CommandError(str(error)) from None
            except IntegrityError:
                raise CommandError(
                    "This name and version, or these weights, are already registered."
                ) from None
        self.stdout.write(f"{model_version}: SHA-256 {model_version.sha256}")


def _require_names(**given: str) -> None:
    from inference.models import ModelVersion

    for column, value in given.items():
        try:
            ModelVersion._meta.get_field(column).clean(value, None)
        except ValidationError as error:
            raise CommandError(f"The {column}: {' '.join(error.messages)}") from None


def _untrained(options: dict, folder: Path) -> Path:
    from inference.clahdm import weights

    path = folder / "untrained.safetensors"
    model, card = weights.untrained(options["untrained"], options["seed"])
    weights.save(model, path, card=card)
    return path
