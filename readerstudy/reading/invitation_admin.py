"""The page "Invite people" of a study in Django admin: a mixin for the study's ModelAdmin."""

import csv
from io import StringIO

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from readerstudy.accounts.invitations import has_open_invitation
from readerstudy.accounts.models import User
from readerstudy.reading import invite_people
from readerstudy.reading.invite_people import COLUMNS, InvitationsRefused, Sent
from readerstudy.reading.models import Reader
from readerstudy.reading.study_roles_admin import ROLE_CHOICES
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may

PROBLEMS_SHOWN = 200


class PersonForm(forms.Form):
    """Somebody to be invited."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    name = forms.CharField(max_length=150, required=False)


class ReaderForm(PersonForm):
    """One reader."""

    code = forms.CharField(max_length=16, help_text="Name of this reader in tables, such as R1")
    years = forms.IntegerField(
        label="Years of ultrasound", min_value=0, max_value=invite_people.MAX_YEARS
    )
    group = forms.ChoiceField(choices=Reader.Group.choices)

    def invite(self, study: Study, request: HttpRequest) -> list[Sent]:
        line = StringIO()
        csv.writer(line).writerow(self.cleaned_data[name] for name in COLUMNS)
        return invite_people.invite_readers(study, line.getvalue(), request=request)


class ReadersForm(forms.Form):
    """Readers, one a line."""

    lines = forms.CharField(
        max_length=200_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="One person per line: "
        + ", ".join(COLUMNS)
        + ". You can use tabs instead of commas.",
    )

    def invite(self, study: Study, request: HttpRequest) -> list[Sent]:
        return invite_people.invite_readers(study, self.cleaned_data["lines"], request=request)


class MemberForm(PersonForm):
    """One member."""

    role = forms.ChoiceField(choices=ROLE_CHOICES)

    def invite(self, study: Study, request: HttpRequest) -> list[Sent]:
        return [invite_people.invite_member(study, **self.cleaned_data, request=request)]


class InvitesPeople:
    """Mixin: a page on which people are invited, and invitations sent again."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.invite_view)
        return [
            path("<int:study_id>/invite/", view, name="cohorts_study_invite"),
            *super().get_urls(),
        ]

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), "people"]

    @admin.display(description="Invitations")
    def people(self, study: Study) -> str:
        if not study.pk:
            return "-"
        return format_html(
            '<a href="{}">Invite people</a>', reverse("admin:cohorts_study_invite", args=[study.pk])
        )

    def may_invite(self, request: HttpRequest, study: Study) -> bool:
        """Whether this person may invite readers, and send invitations again."""
        return may(request.user, Action.INVITE, study)

    def may_give_roles(self, request: HttpRequest) -> bool:
        """Whoever hands out roles hands out what they show: the truth, for one."""
        return request.user.has_perm("cohorts.add_membership")

    def invite_view(self, request: HttpRequest, study_id: int) -> HttpResponse:
        """Invite one reader, many, a member, or somebody again, as the button says."""
        study = self.get_object(request, str(study_id))
        if study is None:
            raise Http404
        if not self.may_invite(request, study):
            raise PermissionDenied
        form_name = request.POST.get("invite")
        if form_name == "again":
            self._again(request, study)
            return redirect("admin:cohorts_study_invite", study_id)
        shown = {
            name: form(request.POST if form_name == name else None, auto_id=f"{name}_%s")
            for name, form in self._forms(request, study).items()
        }
        problems: list[str] = []
        form = shown.get(form_name)
        if form and form.is_valid():
            try:
                self._tell(request, form.invite(study, request))
                return redirect("admin:cohorts_study_invite", study_id)
            except InvitationsRefused as refused:
                problems = refused.problems
        return self._invitation_page(request, study, shown, problems)

    def _forms(self, request: HttpRequest, study: Study) -> dict[str, type[forms.Form]]:
        is_draft = study.state == Study.State.DRAFT
        readers = {"reader": ReaderForm, "readers": ReadersForm} if is_draft else {}
        members = {"member": MemberForm} if self.may_give_roles(request) else {}
        return readers | members

    def _again(self, request: HttpRequest, study: Study) -> None:
        number = request.POST.get("person", "")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise Http404
        part = Q(reader__study=study) | Q(membership__study=study)
        user = User.objects.filter(part, pk=number).first()
        if user is None or not user.email:
            raise Http404
        self._tell(request, [invite_people.send(study, user, request=request)])

    def _tell(self, request: HttpRequest, sent: list[Sent]) -> None:
        for one in sent:
            if one.error:
                text = (
                    f"{one.user.email} was added, but the e-mail could not be sent ({one.error}). "
                )
                self.message_user(request, text + "Send it again later.", messages.ERROR)
            else:
                self.message_user(request, f"Invitation sent to {one.user.email}.")

    def _invitation_page(
        self, request: HttpRequest, study: Study, shown: dict[str, forms.Form], problems: list[str]
    ) -> HttpResponse:
        readers = study.reader_set.select_related("user")
        members = study.membership_set.select_related("user").order_by("pk")
        parts = [(reader.code, reader.user) for reader in readers]
        parts += [(member.role.replace("_", " "), member.user) for member in members]
        titles = {"reader": "One reader", "readers": "Many readers", "member": "A member"}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Invite people: {study}",
            "study": study,
            "parts": [(part, user, has_open_invitation(user)) for part, user in parts],
            "problems": problems[:PROBLEMS_SHOWN],
            "problem_count": len(problems),
            "is_refused": any(form.errors for form in shown.values()),
            "forms": [
                (name, titles[name], AdminForm(form, [(None, {"fields": list(form.fields)})], {}))
                for name, form in shown.items()
            ],
        }
        return TemplateResponse(request, "admin/cohorts/study/invite.html", context)
