"""Forms of what comes before the first case."""

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from readerstudy.diagnosis import Etiology, Malignancy, choices
from readerstudy.reading.models import Profile

STEPS = 18  # of grey in static/reading/patches/ramp.svg
YES_NO = [("yes", _("Yes")), ("no", _("No"))]


def _number(*, most: int, label: str, hint: str = "") -> forms.IntegerField:
    """A whole number from 0, with its errors in plain words."""
    return forms.IntegerField(
        label=label,
        help_text=hint,
        min_value=0,
        max_value=most,
        error_messages={
            "required": _("Enter a number, or 0 for none."),
            "invalid": _("Enter a whole number in digits."),
            "min_value": _("Enter 0 or more."),
            "max_value": _("Enter %(limit_value)s or less."),
        },
    )


class ConsentForm(forms.Form):
    consent = forms.BooleanField(
        label=_("I have read this information and agree to take part."),
        error_messages={"required": _("Tick the box if you agree to take part.")},
    )


class ProfileForm(forms.Form):
    """A reader's experience. What it holds is what ``Profile`` stores."""

    years_of_ultrasound = _number(most=70, label=_("Years of ultrasound"))
    years_of_neck_ultrasound = _number(most=70, label=_("Years of neck ultrasound"))
    neck_scans_a_week = _number(
        most=1000, label=_("Neck ultrasound scans per week"), hint=_("In a typical week")
    )
    ai_use = forms.ChoiceField(
        label=_("Do you use AI in your daily work?"),
        choices=Profile.AiUse.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose one."),
            "invalid_choice": _("Choose one of the options."),
        },
    )

    def clean(self):
        cleaned = super().clean()
        of_all, of_neck = (
            cleaned.get("years_of_ultrasound"),
            cleaned.get("years_of_neck_ultrasound"),
        )
        if of_all is not None and of_neck is not None and of_neck > of_all:
            self.add_error(
                "years_of_neck_ultrasound",
                _("This can't be more than your years of ultrasound."),
            )
        return cleaned


class PracticeForm(forms.Form):
    """A two-level diagnosis. Whether it is complete is for ``onboarding.submit_practice``."""

    malignancy = forms.ChoiceField(choices=choices(Malignancy), required=False)
    etiology = forms.ChoiceField(choices=choices(Etiology), required=False)


class DisplayForm(forms.Form):
    """What a reader saw of the patches; the hidden fields are a script's."""

    dark = forms.ChoiceField(
        label=_("Do you see a lighter square inside the black one?"),
        choices=YES_NO,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose yes or no.")},
    )
    bright = forms.ChoiceField(
        label=_("Do you see a darker square inside the white one?"),
        choices=YES_NO,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose yes or no.")},
    )
    steps = forms.IntegerField(
        label=_("How many of the steps can you distinguish from their neighbours?"),
        help_text=format_lazy(_("There are {steps} steps, from black to white."), steps=STEPS),
        min_value=0,
        max_value=STEPS,
        error_messages={
            "required": _("Enter a number."),
            "invalid": _("Enter a whole number in digits."),
            "min_value": _("Enter 0 or more."),
            "max_value": _("There are only %(limit_value)s steps."),
        },
    )
    screen_width = forms.IntegerField(min_value=1, max_value=10**5)
    screen_height = forms.IntegerField(min_value=1, max_value=10**5)
    window_width = forms.IntegerField(min_value=1, max_value=10**5)
    window_height = forms.IntegerField(min_value=1, max_value=10**5)
    pixel_ratio = forms.FloatField(min_value=0.01, max_value=100)
    colour_depth = forms.IntegerField(min_value=1, max_value=256)
    browser = forms.CharField(max_length=400)

    FACTS = (
        "screen_width",
        "screen_height",
        "window_width",
        "window_height",
        "pixel_ratio",
        "colour_depth",
        "browser",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in self.FACTS:
            self.fields[name].required = False
            self.fields[name].widget = forms.HiddenInput()

    def clean(self):
        """What a script told wrongly is left out: the reader could mend none of it."""
        for name in self.FACTS:
            self.errors.pop(name, None)
        return super().clean()

    def seen(self) -> dict:
        """By test, what the reader saw; the form is valid."""
        answers = self.cleaned_data
        return {
            "dark": answers["dark"] == "yes",
            "bright": answers["bright"] == "yes",
            "steps": answers["steps"],
        }

    def passed(self) -> bool:
        """Whether all patches were told apart."""
        return self.seen() == {"dark": True, "bright": True, "steps": STEPS}

    def display(self) -> dict:
        """What the script told; empty without one."""
        facts = {name: self.cleaned_data.get(name) for name in self.FACTS}
        return {name: value for name, value in facts.items() if value not in (None, "")}
