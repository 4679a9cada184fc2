"""Django admin by the table of roles: a member sees and changes what is theirs, and no more.

Staff go on by Django's model permissions; where those allow, roles are not asked.
"""

from collections.abc import Iterable

from django import forms
from django.contrib.admin import AdminSite, RelatedFieldListFilter, widgets
from django.contrib.admin.exceptions import NotRegistered
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.http import Http404, HttpRequest

from readerstudy.accounts.models import User
from readerstudy.audit.admin_site import AuditedSite
from readerstudy.audit.log import record
from readerstudy.studies import permissions
from readerstudy.studies.permissions import MODELS, NOBODY, StudyRole, Verb


class StudySite(AuditedSite):
    """The admin of staff, and of whoever has a role in a study."""

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) or bool(roles_of_request(request))


def roles_of_request(request: HttpRequest) -> list[StudyRole]:
    """The roles of whoever asks, read once for each request."""
    if not hasattr(request, "study_roles"):
        request.study_roles = permissions.roles_of(request.user)
    return request.study_roles


class UsernameField(forms.ModelChoiceField):
    """A person, typed in as a username: no list tells who else is on this site."""

    widget = widgets.AdminTextInputWidget
    default_error_messages = {"invalid_choice": "There is no user “%(value)s”."}

    def __init__(self, **kwargs):
        people = User.objects.filter(is_active=True)
        super().__init__(people, to_field_name="username", help_text="Username", **kwargs)

    def prepare_value(self, value):
        """A row's form begins with the key of its person."""
        if isinstance(value, int):
            return User.objects.filter(pk=value).values_list("username", flat=True).first()
        return super().prepare_value(value)


class OwnChoicesFilter(RelatedFieldListFilter):
    """A filter that names the rows which a person may see, and none besides."""

    def field_choices(self, field, request, model_admin):
        rows = field.related_model._default_manager.select_related()  # what their names are made of
        seen = visible_rows(request, rows, model_admin.admin_site)
        ordering = self.field_admin_ordering(field, request, model_admin)
        return [(row.pk, str(row)) for row in (seen.order_by(*ordering) if ordering else seen)]


def visible_rows(request: HttpRequest, queryset: QuerySet, site: AdminSite) -> QuerySet:
    """Those of a registered model's rows that whoever asks may see in the admin."""
    try:
        model_admin = site.get_model_admin(queryset.model)
    except NotRegistered:
        return queryset.none()
    if not isinstance(model_admin, ByRole):
        return queryset if model_admin.has_view_permission(request) else queryset.none()
    return model_admin.own(request, queryset)


class _ByTable:
    """What a model's page and a part of a page have in common."""

    def _by_role(self, request: HttpRequest, verb: Verb, row: Model | None) -> bool:
        """By role: with this row's study or, without a row, with any study."""
        reach = permissions.roles_allowing(roles_of_request(request), self.model, verb)
        if not reach or row is None:
            return bool(reach)
        rule = MODELS[row._meta.label_lower]
        if rule.to_study is None:
            return True
        study = rule.study_of(row)
        return any(study == (role.slug if rule.by_slug else role.study_id) for role in reach)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request, **kwargs):
        """Offer what the person may see; of studies, those to which they may add this."""
        writing = self._by_django(request, {Verb.ADD, Verb.CHANGE})
        if not writing and db_field.related_model is User:
            return UsernameField(required=not db_field.blank, label=db_field.verbose_name)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if not writing and field is not None:
            field.queryset = self._offered(db_field, request, field.queryset)
        return field

    def _by_django(self, request: HttpRequest, verbs: Iterable[Verb]) -> bool:
        """Whether Django's permissions allow this person any of these, with every row."""
        app, model = self.model._meta.app_label, self.model._meta.model_name
        return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in verbs)

    def _offered(self, db_field: ForeignKey, request, queryset: QuerySet) -> QuerySet:
        rule = MODELS.get(self.model._meta.label_lower, NOBODY)
        if rule.to_study and rule.to_study.split("__")[0] == db_field.name:
            writers = [
                role
                for role in roles_of_request(request)
                if {Verb.ADD, Verb.CHANGE} & rule.verbs(role)
            ]
            return permissions.rows_within(
                queryset, writers, model=self.model, through=db_field.name
            )
        return visible_rows(request, queryset, self.admin_site)


class ByRole(_ByTable):
    """Mixin for a model's admin, before the class that asks Django's permissions."""

    def has_view_permission(self, request, obj=None):
        return super().has_view_permission(request, obj) or self._by_role(request, Verb.VIEW, obj)

    def has_add_permission(self, request):
        return super().has_add_permission(request) or self._by_role(request, Verb.ADD, None)

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) or self._by_role(
            request, Verb.CHANGE, obj
        )

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) or self._by_role(
            request, Verb.DELETE, obj
        )

    def has_module_permission(self, request):
        return super().has_module_permission(request) or self._by_role(request, Verb.VIEW, None)

    def own(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of the model's rows that whoever asks may see."""
        if self._all(request):
            return queryset
        seen = permissions.roles_allowing(roles_of_request(request), self.model, Verb.VIEW)
        return permissions.rows_within(queryset, seen, model=self.model)

    def _all(self, request: HttpRequest) -> bool:
        return self._by_django(request, Verb)

    def get_queryset(self, request):
        return self.own(request, super().get_queryset(request))

    def get_object(self, request, object_id, from_field=None):
        """Raises Http404, after an audit event, for a row that isn't a member's to see, and
        PermissionDenied for whoever may see no such row at all."""
        found = super().get_object(request, object_id, from_field)
        if found is None and not self._all(request):
            if not self.has_view_permission(request):
                raise PermissionDenied
            record("access", request=request, target=request.path, refused=True)
            raise Http404
        return found

    def get_list_filter(self, request):
        """The filters, of which those by a related row name what a person may see, alone."""
        listed = super().get_list_filter(request)
        return [(each, OwnChoicesFilter) if self._is_by_relation(each) else each for each in listed]

    def _is_by_relation(self, path) -> bool:
        if not isinstance(path, str):
            return False
        model, found = self.model, None
        for name in path.split("__"):
            try:
                found = model._meta.get_field(name)
            except FieldDoesNotExist:
                return False
            model = found.related_model
        return bool(found.remote_field)


class InlineByRole(_ByTable):
    """Mixin for a part of a page: its rows are of the study of the page's own row, ``obj``."""

    def has_view_permission(self, request, obj=None):
        return super().has_view_permission(request, obj) or self._by_role(request, Verb.VIEW, obj)

    def has_add_permission(self, request, obj=None):
        return super().has_add_permission(request, obj) or self._by_role(request, Verb.ADD, obj)

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) or self._by_role(
            request, Verb.CHANGE, obj
        )

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) or self._by_role(
            request, Verb.DELETE, obj
        )
