from django import forms

from readerstudy.diagnosis import Etiology, Malignancy, choices, is_consistent
from readerstudy.reading.blinding import Diagnosis

BOTH_LEVELS = "Choose benign or malignant, then an etiology of that branch."


class DiagnosisForm(forms.Form):
    """A two-level diagnosis with its idempotency key; ``keep`` repeats the stage-1 diagnosis."""

    key = forms.UUIDField()
    malignancy = forms.ChoiceField(choices=choices(Malignancy), required=False)
    etiology = forms.ChoiceField(choices=choices(Etiology), required=False)
    keep = forms.BooleanField(required=False)

    def __init__(self, *args, stage_1: Diagnosis | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.stage_1 = stage_1

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("keep"):
            if cleaned.get("malignancy") or cleaned.get("etiology"):
                raise forms.ValidationError("Either keep your diagnosis or choose another.")
            if self.stage_1 is None:
                raise forms.ValidationError("There is no stage-1 diagnosis to keep.")
            cleaned["malignancy"] = self.stage_1.malignancy
            cleaned["etiology"] = self.stage_1.etiology
        if not is_consistent(cleaned.get("malignancy", ""), cleaned.get("etiology", "")):
            raise forms.ValidationError(BOTH_LEVELS)
        return cleaned
