"""Where results come from, as files say it of themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a file must name besides the results: the study, the run, the versions.

    The hashes are SHA-256, hexadecimal. ``libraries`` are versions by name.
    """

    study: str
    slug: str
    run: int
    planned: bool
    plan_sha256: str
    data_sha256: str
    results_sha256: str
    code_version: str
    libraries: dict[str, str]

    def facts(self, document: dict) -> list[tuple[str, str]]:
        """Names and values in the order to be shown."""
        study, model = document["study"], document["data"]["model"]
        facts = [("Study", self.study), ("Short name", self.slug)]
        if study["is_synthetic"]:
            facts.append(("Synthetic", study.get("notice") or "Simulated: no patient is shown."))
        facts += [
            ("Analysis run", str(self.run)),
            ("Plan", self.standing),
            ("Primary endpoint", document["plan"]["primary"]["text"]),
            ("Plan, SHA-256", self.plan_sha256),
            ("Data, SHA-256", self.data_sha256),
            ("Results, SHA-256", self.results_sha256),
            ("Model", _model(model)),
            ("Model, SHA-256", model["sha256"]),
            ("Code", self.code_version),
        ]
        return facts + sorted(self.libraries.items())

    @property
    def standing(self) -> str:
        """Planned or exploratory, in words."""
        if self.planned:
            return "Planned: registered before the study was unblinded"
        return "Exploratory: not registered before the study was unblinded"


def _model(model: dict) -> str:
    if model["is_imported"]:
        return f"{model['name']}, which ran elsewhere"
    if not model["is_trained"]:
        return f"{model['name']}, without training: its output carries no diagnostic information"
    return model["name"]
