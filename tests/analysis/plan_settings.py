"""Every setting of an analysis plan, with the values that it may have."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin

from analysis.plan import Plan

KINDS = {int: "whole number", float: "number", str: "text"}
LIMITS = {"at_least": "at least", "at_most": "at most", "above": "above", "below": "below"}


@dataclass(frozen=True)
class Setting:
    """A setting: ``part`` is "" for one of the plan itself. ``values`` are its words, if any."""

    part: str
    field: Field
    default: Any

    @property
    def name(self) -> str:
        return f"{self.part}.{self.field.name}" if self.part else self.field.name

    @property
    def values(self) -> tuple[str, ...]:
        kind = self.field.type
        if get_origin(kind) is tuple:
            [kind] = set(get_args(kind)) - {...}
        return get_args(kind) if get_origin(kind) is Literal else ()

    @property
    def is_list(self) -> bool:
        return get_origin(self.field.type) is tuple

    def set_to(self, plan: Plan, value: Any) -> Plan:
        """The plan with this value."""
        changed = {self.field.name: (value,) if self.is_list else value}
        if not self.part:
            return replace(plan, **changed)
        return replace(plan, **{self.part: replace(getattr(plan, self.part), **changed)})


def settings() -> Iterator[Setting]:
    """All settings, in the order of the plan's document."""
    plan = Plan()
    for each in fields(Plan):
        value = getattr(plan, each.name)
        if is_dataclass(value):
            for inner in fields(value):
                yield Setting(each.name, inner, getattr(value, inner.name))
        else:
            yield Setting("", each, value)


def table() -> str:
    """The table of docs/investigator.md."""
    lines = ["| setting | values | default |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(_line(each) for each in settings())])


def _line(setting: Setting) -> str:
    words = ", ".join(f"`{value}`" for value in setting.values)
    limits = ", ".join(
        f"{LIMITS[name]} {limit:,}" for name, limit in setting.field.metadata.items()
    )
    values = words or ", ".join(filter(None, [KINDS.get(setting.field.type), limits]))
    if setting.is_list:
        values = f"one or more of {values}"
    default = "all of them" if setting.is_list else f"`{setting.default}`"
    if setting.field.type is str:
        default = "a sentence that says the rest"
    return f"| `{setting.name}` | {values} | {default} |"
