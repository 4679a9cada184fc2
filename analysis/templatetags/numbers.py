"""How numbers are printed."""

from typing import Any

from django import template
from django.utils.html import format_html_join

register = template.Library()
METHODS = {
    "chi2": "χ² without correction",
    "chi2-corrected": "χ² with continuity correction",
    "holm": "Holm",
    "benjamini-hochberg": "Benjamini-Hochberg",
    "bonferroni": "Bonferroni",
}


@register.filter
def method(name: str) -> str:
    """A plan's word for a method, as a caption has it."""
    return METHODS.get(name, name)


@register.filter
def percent(proportion: float | None) -> str:
    """One decimal, as the paper prints it."""
    return "" if proportion is None else f"{100 * proportion:z.1f}"


@register.filter
def whole_percent(proportion: float) -> str:
    """As few digits as it takes: 95, 99.9."""
    return f"{100 * proportion:g}"


@register.filter
def p_value(p: float | None) -> str:
    """Three decimals; never 0.000."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


@register.simple_tag
def table_rows(table: dict[str, list]) -> str:
    """The rows of a table without a layout of its own; fast, for it may have many cells."""
    return format_html_join(
        "\n",
        "<tr>{}</tr>",
        (
            (format_html_join("", "<td>{}</td>", zip(map(_cell, table["columns"], row))),)
            for row in table["rows"]
        ),
    )


@register.filter
def heading(column: str) -> str:
    """A column's name for people."""
    return column.replace("_", " ").capitalize()


def _cell(column: str, value: Any) -> str:
    """At most three decimals."""
    if isinstance(value, float):
        return p_value(value) if column.startswith("p_") else f"{value:z.3f}"
    return "" if value is None else str(value)
