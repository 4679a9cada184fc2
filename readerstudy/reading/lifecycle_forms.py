"""What is asked on the admin's pages of a study's life."""

from django import forms

from readerstudy.reading import copying
from readerstudy.studies.models import Study

MAX_REASON = 500


class StepForm(forms.Form):
    """A step is confirmed: why, and by the password of who takes it."""

    reason = forms.CharField(
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The reason is recorded in the audit log",
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args, asks_reason: bool, **kwargs):
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        reason.required = asks_reason
        if not asks_reason:
            reason.label = "Reason (optional)"


class CopyForm(forms.ModelForm):
    """What the copy is called, and what of the study it takes over besides its settings."""

    same_seed = forms.BooleanField(
        required=False, help_text="Otherwise the copy gets a new seed for its reading orders"
    )

    class Meta:
        model = Study
        fields = ["title", "slug"]

    def __init__(self, *args, parts: list[copying.CopyPart], **kwargs):
        super().__init__(*args, **kwargs)
        self._parts = parts
        for part in parts:
            self.fields[f"part_{part.name}"] = forms.BooleanField(
                label=part.label, required=False, initial=part.by_default
            )

    @property
    def part_names(self) -> set[str]:
        """The names of the parts that were ticked."""
        ticked = {name for name, value in self.cleaned_data.items() if value is True}
        return {part.name for part in self._parts if f"part_{part.name}" in ticked}
