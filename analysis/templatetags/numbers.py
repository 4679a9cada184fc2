"""How numbers are printed."""

from django import template

register = template.Library()


@register.filter
def percent(proportion: float) -> str:
    """One decimal, as the paper prints it."""
    return f"{100 * proportion:.1f}"


@register.filter
def p_value(p: float | None) -> str:
    """Three decimals; never 0.000."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
