"""The page "Invite people" of a study in Django admin: a mixin for the study's ModelAdmin."""

import csv
from io import StringIO

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from readerstudy.accounts.invitations import is_open
from readerstudy.cohorts.models import Study
from readerstudy.reading import invitations
from readerstudy.reading.invitations import COLUMNS, InvitationsRefused, Sent
from readerstudy.reading.models import Reader

PROBLEMS_SHOWN = 200


class OneReaderForm(forms.Form):
    """One reader to be invited."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    name = forms.CharField(max_length=150, required=False)
    code = forms.CharField(max_length=16, help_text="How tables name this reader, such as R1")
    years = forms.IntegerField(
        label="Years of ultrasound", min_value=0, max_value=invitations.MAX_YEARS
    )
    group = forms.ChoiceField(choices=Reader.Group.choices)

    def as_line(self) -> str:
        """What the form holds, as a line of a paste."""
        line = StringIO()
        csv.writer(line).writerow(self.cleaned_data[name] for name in COLUMNS)
        return line.getvalue()


class ManyReadersForm(forms.Form):
    """Readers to be invited, one a line."""

    lines = forms.CharField(
        max_length=200_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="One person a line: " + ", ".join(COLUMNS) + ". Tabs do instead of commas.",
    )

    def as_line(self) -> str:
        return self.cleaned_data["lines"]


class InvitesPeople:
    """Mixin: a page on which readers are invited, and invitations sent again."""

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
        return self.has_change_permission(request, study)

    def invite_view(self, request: HttpRequest, study_id: int) -> HttpResponse:
        """Invite one reader, many, or somebody again, as the button says."""
        study = self.get_object(request, str(study_id))
        if study is None:
            raise Http404
        if not self.may_invite(request, study):
            raise PermissionDenied
        asked = request.POST.get("invite")
        one = OneReaderForm(request.POST if asked == "one" else None)
        many = ManyReadersForm(request.POST if asked == "many" else None)
        problems: list[str] = []
        if asked == "again":
            self._again(request, study)
            return redirect("admin:cohorts_study_invite", study_id)
        for form in (one, many):
            if form.is_bound and form.is_valid():
                try:
                    sent = invitations.invite_readers(study, form.as_line(), request=request)
                except InvitationsRefused as refused:
                    problems = refused.problems
                else:
                    self._tell(request, sent)
                    return redirect("admin:cohorts_study_invite", study_id)
        return self._page(request, study, forms={"one": one, "many": many}, problems=problems)

    def _again(self, request: HttpRequest, study: Study) -> None:
        number = request.POST.get("reader", "")
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise Http404
        reader = study.reader_set.select_related("user", "study").filter(pk=number).first()
        if reader is None:
            raise Http404
        self._tell(request, [invitations.send(reader, request=request)])

    def _tell(self, request: HttpRequest, sent: list[Sent]) -> None:
        for one in sent:
            if one.error:
                text = f"{one.user.email}: added, but the mail could not be sent ({one.error}). "
                self.message_user(request, text + "Send it again later.", messages.ERROR)
            else:
                self.message_user(request, f"{one.user.email}: the invitation is sent.")

    def _page(
        self, request: HttpRequest, study: Study, *, forms: dict, problems: list[str]
    ) -> HttpResponse:
        readers = study.reader_set.select_related("user")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Invite people: {study}",
            "study": study,
            "is_draft": study.state == Study.State.DRAFT,
            "readers": [(reader, is_open(reader.user)) for reader in readers],
            "problems": problems[:PROBLEMS_SHOWN],
            "problem_count": len(problems),
            **{
                name: AdminForm(form, [(None, {"fields": list(form.fields)})], {})
                for name, form in forms.items()
            },
        }
        return TemplateResponse(request, "admin/cohorts/study/invite.html", context)
