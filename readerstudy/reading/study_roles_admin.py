"""Roles on the page of a study: who may do what in it. Each that is given or taken is audited."""

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import redirect

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.reading.models import Reader
from readerstudy.reading.truth_seen import reads_patients
from readerstudy.studies.models import Membership
from readerstudy.studies.role_limited_admin import InlineByRole

NOT_SAVED = (
    "Nothing was saved. Nobody can be a reader of a study and also have a role in it, or the "
    "data changed in the meantime. Check the page and try again."
)


ROLE_CHOICES = [
    (
        Membership.Role.INVESTIGATOR,
        "Investigator: sets up and runs the study; sees no reference standards before unblinding",
    ),
    (
        Membership.Role.DATA_MANAGER,
        "Data manager: cases, imports and reference standards; sees no readings before unblinding",
    ),
    (Membership.Role.AUDITOR, "Auditor: views the study and its audit log; changes nothing"),
]


class MembershipForm(forms.ModelForm):
    """Whoever reads a study, or its patients, has no part in running it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if role := self.fields.get("role"):
            labels = dict(ROLE_CHOICES)
            role.choices = [(value, labels.get(value, label)) for value, label in role.choices]

    def clean(self):
        cleaned = super().clean()
        if user := cleaned.get("user"):
            self._require_no_reader(user)
        return cleaned

    def _require_no_reader(self, user: User) -> None:
        study = self.instance.study_id
        if Reader.objects.filter(study=study, user=user).exists():
            raise forms.ValidationError(
                f"{user} is a reader of this study and can't also have a role in it."
            )
        if study and reads_patients(user, self.instance.study):
            raise forms.ValidationError(
                f"{user} reads some of this study's patients in another study and can't have a "
                "role in this one until that study is unblinded."
            )


class MembershipInline(InlineByRole, admin.TabularInline):
    model = Membership
    form = MembershipForm
    verbose_name = "role"
    extra = 0
    autocomplete_fields = ["user"]


class AuditsMemberships:
    """Mixin for the study's page: tells the audit log whose role was what, and is what now."""

    def changeform_view(self, request: HttpRequest, *args, **kwargs):
        """What one page brings together, a reader with a role, the database alone can refuse."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            self.message_user(request, NOT_SAVED, messages.ERROR)
            return redirect(request.path)

    def save_formset(self, request: HttpRequest, form, formset, change: bool) -> None:
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        study = form.instance
        before = _roles(study)
        super().save_formset(request, form, formset, change)
        after = _roles(study)
        for username, user in sorted(before.keys() | after.keys()):
            was, now = before.get((username, user)), after.get((username, user))
            if was != now:
                detail = {"user": user, "before": {"role": was}, "after": {"role": now}}
                record(
                    "study.role", request=request, study=study.slug, target=username, detail=detail
                )


def _roles(study: Model) -> dict[tuple[str, int], str]:
    rows = Membership.objects.filter(study=study).values_list("user__username", "user", "role")
    return {(username, user): role for username, user, role in rows}
