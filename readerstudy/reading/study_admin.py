"""The study's page in Django admin: what it is made of, its readers, and the steps of its life."""

from django import forms
from django.contrib import admin

from inference.models import StudyModel
from readerstudy.reading.invitation_admin import InvitesPeople
from readerstudy.reading.lifecycle_admin import StepPages
from readerstudy.reading.models import Reader
from readerstudy.reading.study_roles_admin import AuditsMemberships, MembershipInline
from readerstudy.reading.truth_seen import role_against_reading
from readerstudy.studies.admin import DraftOnlyInline, StudyAdmin
from readerstudy.studies.models import Membership, Study
from readerstudy.studies.role_limited_admin import InlineByRole


class StudyModelInline(DraftOnlyInline, InlineByRole, admin.StackedInline):
    model = StudyModel


class ReaderForm(forms.ModelForm):
    """Whoever may know the truth of the study's patients can't read them."""

    def clean(self):
        cleaned = super().clean()
        user, study = cleaned.get("user"), cleaned.get("study") or self._study()
        if not user or not study or not study.pk or not self.has_changed():
            return cleaned
        if user.is_staff or user.is_superuser:
            raise forms.ValidationError(f"{user} is staff and can't be a reader on this site.")
        if Membership.objects.filter(study=study, user=user).exists():
            raise forms.ValidationError(f"{user} has a role in this study and can't be its reader.")
        if why := role_against_reading(user, study):
            raise forms.ValidationError(f"{user} {why}, and so can't be a reader of this study.")
        return cleaned

    def _study(self) -> Study | None:
        return self.instance.study if self.instance.study_id else None


class ReaderInline(DraftOnlyInline, InlineByRole, admin.TabularInline):
    model = Reader
    form = ReaderForm
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Study)
class StudyWithLifecycleAdmin(StepPages, InvitesPeople, AuditsMemberships, StudyAdmin):
    """The study's page: what it is made of, what is missing, and the steps of its life."""

    inlines = [*StudyAdmin.inlines, StudyModelInline, ReaderInline, MembershipInline]
