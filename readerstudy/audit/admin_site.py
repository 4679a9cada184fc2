"""Whatever is changed in Django admin goes to the audit log, with what it was and what it became.

The site does this to every model's page, so that none can be forgotten. A model that holds what
is sealed names those fields in ``audit_hidden``: that they changed is told, and not to what.
"""

from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db import models

from readerstudy.audit.admin_lookup_guard import DeclaredFilters
from readerstudy.audit.canonical import Plain, to_plain
from readerstudy.audit.log import record
from readerstudy.audit.simple_history_setup import last_states

HIDDEN = frozenset({"password"})
NOT_SHOWN = "(not shown)"
TO_STUDY = ("study", "cohort__study", "case__cohort__study", "reader__study")
Content = dict[str, Plain]


class AuditedSite(AdminSite):
    """Django's own site, which makes every page that is registered an audited one."""

    def register(self, model_or_iterable, admin_class=None, **options):
        admin_class = admin_class or ModelAdmin
        if not issubclass(admin_class, Audited):
            names = {"__module__": admin_class.__module__, "__doc__": admin_class.__doc__}
            admin_class = type(admin_class.__name__, (Audited, admin_class), names)
        super().register(model_or_iterable, admin_class, **options)


class Audited(DeclaredFilters):
    """Mixin for a ModelAdmin: additions, changes and deletions are recorded, inlines included, and
    no address filters by what the page doesn't."""

    object_history_template = "admin/kept_history.html"

    def save_model(self, request, obj, form, change):
        stored = self.model._base_manager.filter(pk=obj.pk).first() if change else None
        _noted(request)[_key(obj)] = stored and _content(stored)
        super().save_model(request, obj, form, change)

    def save_formset(self, request, form, formset, change):
        ids = [inline.instance.pk for inline in formset.initial_forms]
        stored = formset.model._base_manager.filter(pk__in=ids)
        before = {row.pk: _content(row) for row in stored}
        super().save_formset(request, form, formset, change)
        changed = [row for row, _names in getattr(formset, "changed_objects", [])]
        now = [*getattr(formset, "new_objects", []), *changed]
        lines = [_line(row, row.pk, before.pop(row.pk, None), _content(row)) for row in now]
        left = set(stored.all().values_list("pk", flat=True))
        lines += [
            _line(formset.model, pk, content, None)
            for pk, content in before.items()
            if pk not in left
        ]
        _noted(request).setdefault("inlines", []).extend(lines)

    def log_addition(self, request, obj, message):
        self._record("admin.add", request, obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request, obj, message):
        self._record("admin.change", request, obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request, queryset):
        rows = list(queryset)
        for row in rows:
            detail = _difference(row, _content(row), None)
            _put("admin.delete", request, row, detail)
        return super().log_deletions(request, rows)

    def history_view(self, request, object_id, extra_context=None):
        row = self.get_object(request, object_id)
        kept = last_states(self.model, row.pk) if row else []
        return super().history_view(request, object_id, {"kept": kept, **(extra_context or {})})

    def _record(self, action: str, request, obj: models.Model, message: Any) -> None:
        noted = _noted(request)
        detail = _difference(obj, noted.pop(_key(obj), None), _content(obj))
        if action == "admin.change" and not detail["before"]:
            detail = {"message": message}
        if inlines := noted.pop("inlines", []):
            detail["inlines"] = inlines
        _put(action, request, obj, detail)


def _put(action: str, request, row: models.Model, detail: dict[str, Any]) -> None:
    target = f"{row._meta.label_lower} {row.pk}: {row}"
    record(action, request=request, study=_study_of(row), target=target, detail=detail)


def _noted(request) -> dict:
    """What was noted in this request, before it was overwritten."""
    if not hasattr(request, "audited"):
        request.audited = {}
    return request.audited


def _key(row: models.Model) -> tuple[str, Any]:
    return row._meta.label_lower, row.pk


def _content(row: models.Model) -> Content:
    """A row's columns, and the ids of what it is linked to."""
    content = {f.name: to_plain(getattr(row, f.attname)) for f in row._meta.concrete_fields}
    for field in row._meta.many_to_many:
        linked = getattr(row, field.name).order_by("pk").values_list("pk", flat=True)
        content[field.name] = to_plain(list(linked)) if row.pk else []
    return content


def _difference(model, before: Content | None, after: Content | None) -> dict:
    """What was and what is, of the fields that differ. ``model`` may be a row of it."""
    was, now = before or {}, after or {}
    names = [name for name in (now or was) if was.get(name) != now.get(name)]
    return {
        "before": {name: _shown(model, name, was[name]) for name in names if name in was},
        "after": {name: _shown(model, name, now[name]) for name in names if name in now},
    }


def _line(model, pk: Any, before: Content | None, after: Content | None) -> dict[str, Any]:
    return {"row": f"{model._meta.label_lower} {pk}"} | _difference(model, before, after)


def _shown(model, name: str, value: Plain) -> Plain:
    return NOT_SHOWN if name in HIDDEN or name in getattr(model, "audit_hidden", ()) else value


def _study_of(row: models.Model) -> str:
    """The slug of the study that a row belongs to; blank for the site's own."""
    if row._meta.label_lower == "cohorts.study":
        return row.slug
    for path in TO_STUDY:
        of: Any = row
        for name in path.split("__"):
            of = getattr(of, name, None)
        if of is not None:
            return of.slug
    return ""
