"""Roles on the page of a study: who may do what in it. Each that is given or taken is audited."""

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.cohorts.by_role import InlineByRole
from readerstudy.cohorts.models import Membership, Study
from readerstudy.cohorts.patients import share_patients
from readerstudy.cohorts.roles import UNSEALED
from readerstudy.reading.models import Reader


class MembershipForm(forms.ModelForm):
    """Whoever reads a study, or its patients, has no part in running it."""

    def clean(self):
        cleaned = super().clean()
        if user := cleaned.get("user"):
            self._require_no_reader(user)
        return cleaned

    def _require_no_reader(self, user: User) -> None:
        study = self.instance.study_id
        if Reader.objects.filter(study=study, user=user).exists():
            raise forms.ValidationError(
                f"{user} reads this study and can't have a role in running it too."
            )
        read = Study.objects.filter(reader__user=user).exclude(state__in=UNSEALED)
        if study and share_patients(study, read):
            raise forms.ValidationError(
                f"{user} reads some of this study's patients in another study, which is not "
                "unblinded yet; until then they can't have a role in this one."
            )


class MembershipInline(InlineByRole, admin.TabularInline):
    model = Membership
    form = MembershipForm
    verbose_name = "role"
    extra = 0
    autocomplete_fields = ["user"]


class AuditsMemberships:
    """Mixin for the study's page: tells the audit log whose role was what, and is what now."""

    def save_formset(self, request: HttpRequest, form, formset, change: bool) -> None:
        if formset.model is not Membership:
            super().save_formset(request, form, formset, change)
            return
        study = form.instance
        before = _roles(study)
        super().save_formset(request, form, formset, change)
        after = _roles(study)
        for username in sorted(before.keys() | after.keys()):
            was, now = before.get(username), after.get(username)
            if was != now:
                record("study.role", request=request, study=study.slug, target=username,
                       detail={"before": {"role": was}, "after": {"role": now}})  # fmt: skip


def _roles(study: Model) -> dict[str, str]:
    rows = Membership.objects.filter(study=study)
    return dict(rows.values_list("user__username", "role"))
