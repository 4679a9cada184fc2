"""Users in Django admin: invited by e-mail, and helped when a telephone is lost."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from readerstudy.accounts import invitations, second_factor_policy
from readerstudy.accounts.models import User
from readerstudy.audit.log import record

# Their pages would show the secrets of second factors; and addresses are kept with the user.
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)


class InvitationForm(forms.Form):
    """Somebody who is to have an account."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    name = forms.CharField(max_length=150, required=False)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Django's own page of a user, and invitations."""

    list_display = [*UserAdmin.list_display, "invited_at", "accepted_at"]
    readonly_fields = ["invited_at", "accepted_at"]
    fieldsets = [
        *UserAdmin.fieldsets,
        ("Invitation", {"fields": ["invited_at", "accepted_at"]}),
    ]
    actions = ["invite_again", "remove_second_factor"]
    change_list_template = "admin/accounts/user/people.html"

    def get_urls(self):
        view = self.admin_site.admin_view(self.invite_new_person_view)
        return [path("invite/", view, name="accounts_user_invite"), *super().get_urls()]

    def user_change_password(self, request, id, form_url=""):
        """Set somebody's password; Django's own tells the audit log nothing."""
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            user = self.get_object(request, id)
            record("account.password_set", request=request, target=user.get_username())
        return answer

    def invite_new_person_view(self, request: HttpRequest) -> HttpResponse:
        """Invite one person to the site; readers are invited from their study's page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InvitationForm(request.POST or None)
        if form.is_valid() and self._invite(request, form):
            return redirect("admin:accounts_user_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Invite a person",
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
        }
        return TemplateResponse(request, "admin/accounts/user/invite.html", context)

    def _invite(self, request: HttpRequest, form: InvitationForm) -> bool:
        """Whether the person was invited; if not, the form says why."""
        given = form.cleaned_data
        try:
            user = invitations.find_or_make(given["email"], name=given["name"])
        except invitations.NotInvited as refusal:
            form.add_error("email", str(refusal))
            return False
        self._send(request, user)
        return True

    def _send(self, request: HttpRequest, user: User) -> None:
        try:
            invitations.send_invitation(user, request=request)
            self.message_user(request, f"Invitation sent to {user.email}.")
        except OSError as error:
            text = (
                f"The invitation to {user.email} could not be sent ({error}). Send it again later."
            )
            self.message_user(request, text, messages.ERROR)

    @admin.action(description="Send the invitation again", permissions=["change"])
    def invite_again(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            if not user.email:
                self.message_user(request, f"{user} has no e-mail address.", messages.ERROR)
            elif not invitations.has_open_invitation(user):
                text = f"{user} already has a password or is inactive."
                self.message_user(request, text, messages.ERROR)
            else:
                self._send(request, user)

    @admin.action(description="Remove the second factor (phone lost)", permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Who must have one sets it up anew at the next sign-in."""
        for user in users:
            if second_factor_policy.remove_second_factor(user):
                record("account.second_factor_removed", request=request, target=user.username)
                self.message_user(request, f"Removed the second factor of {user}.")
            else:
                self.message_user(request, f"{user} has no second factor.", messages.WARNING)
