from django import forms

from analysis.plan import MAX_DOCUMENT, InvalidPlan, Plan


class PlanForm(forms.Form):
    """A plan as its JSON document; nothing at all stands for the plan that the page offers."""

    document = forms.CharField(
        label="Plan (JSON)",
        required=False,
        max_length=MAX_DOCUMENT,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}),
    )

    def __init__(self, *args, offered: Plan, **kwargs):
        super().__init__(*args, initial={"document": offered.to_document()}, **kwargs)
        self.offered = offered

    def clean_document(self) -> Plan:
        text = self.cleaned_data["document"]
        try:
            return Plan.from_document(text) if text else self.offered
        except InvalidPlan as invalid:
            raise forms.ValidationError(invalid.problems) from None
