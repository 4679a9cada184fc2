from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from readerstudy.diagnosis import Etiology, Malignancy, choices
from readerstudy.reading.blinding import Diagnosis
from readerstudy.reading.models import QualityProblem
from readerstudy.reading.submitted_answer import Answer


class DiagnosisForm(forms.Form):
    """A two-level diagnosis with its idempotency key, and what the protocol asks besides.

    ``keep`` repeats the stage-1 diagnosis. What is complete is for
    ``submitted_answer.require_complete``.
    """

    key = forms.UUIDField()
    malignancy = forms.ChoiceField(
        label=gettext_lazy("Benign or malignant"), choices=choices(Malignancy), required=False
    )
    etiology = forms.ChoiceField(
        label=gettext_lazy("Etiology"), choices=choices(Etiology), required=False
    )
    keep = forms.BooleanField(required=False)
    confidence = forms.IntegerField(label=gettext_lazy("How confident are you?"), required=False)
    quality_problem = forms.ChoiceField(
        label=gettext_lazy("The image quality is insufficient"),
        choices=QualityProblem,
        required=False,
    )
    quality_note = forms.CharField(label=gettext_lazy("Note (optional)"), required=False)
    trust = forms.IntegerField(
        label=gettext_lazy("How much do you trust the AI's output for this case?"), required=False
    )
    usefulness = forms.IntegerField(
        label=gettext_lazy("How useful was it for this case?"), required=False
    )

    def __init__(self, *args, stage_1: Diagnosis | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.stage_1 = stage_1

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("keep"):
            if cleaned.get("malignancy") or cleaned.get("etiology"):
                raise forms.ValidationError(_("Either keep your diagnosis or choose another one."))
            if self.stage_1 is None:
                raise forms.ValidationError(_("There is no stage-1 diagnosis to keep."))
            cleaned["malignancy"] = self.stage_1.malignancy
            cleaned["etiology"] = self.stage_1.etiology
        return cleaned

    def answer(self) -> Answer:
        """What was said; the form is valid."""
        values = {name: self.cleaned_data[name] for name in Answer.__dataclass_fields__}
        return Answer(**values)
