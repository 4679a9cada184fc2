"""ROC: the model's micro-averaged curve, and where readers are without and with AI.

A reader has no curve but a point: one minus the micro-averaged specificity against the
micro-averaged sensitivity. With k of n right these are (1 - k/n)/3 and k/n, so every point lies
on one straight line, close to the others; the second panel is that part enlarged.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    GROUPS,
    MODEL,
    WITH,
    WITHOUT,
    NotAvailable,
    caveats,
    cohorts_of,
    complete_rows,
    group_of,
    interval,
    percent,
    required_rows,
    short_cohort_name,
)
from analysis.figures.roc_data import MICRO, Curve, curves_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "roc"
TITLE = "ROC of the model, and readers without and with AI"
BY_COHORT = True
READERS_NAMED = 12  # at most: more names would cover each other

Point = tuple[float, float]


@dataclass(frozen=True)
class ReaderPoints:
    """Where a reader is without and with AI; ``n`` patients were read so."""

    code: str
    group: str
    before: Point
    after: Point
    n: tuple[int, int]


@dataclass(frozen=True)
class OperatingPoints:
    """Operating points in a cohort, false-positive rate first; the model's has ``n_model``."""

    n_patients: int
    model: Point | None
    n_model: int
    readers: list[ReaderPoints]


@dataclass(frozen=True)
class ZoomWindow:
    """A part of the plane, enlarged: from where to where on both axes."""

    title: str
    across: tuple[float, float]
    up: tuple[float, float]


def cohorts(document: dict) -> list[str]:
    """The cohorts that have a curve."""
    return cohorts_of(required_rows(document, "roc", "curves"))


def describe(document: dict, *, cohort: str) -> str:
    """The figure in a sentence."""
    curve, points = micro(document, cohort), operating_points(document, cohort)
    above = sum(reader.after[1] > reader.before[1] for reader in points.readers)
    return (
        f"ROC curve of {MODEL}, {cohort}, n = {points.n_patients} patients: micro-averaged AUC "
        f"{interval(curve.auc)}; with AI the sensitivity of {above} of {len(points.readers)} "
        "readers is higher than without."
    )


def size(_document: dict, *, cohort: str) -> theme.Size:
    """The same for every cohort."""
    return theme.DOUBLE, 102 * theme.MM


def draw(document: dict, *, cohort: str) -> "Figure":
    """The curve, and the readers' part of it enlarged. Raises NotAvailable."""
    curve, points = micro(document, cohort), operating_points(document, cohort)
    figure = theme.new_figure(size(document, cohort=cohort))
    whole, enlarged = figure.subplots(1, 2)
    for axes, marker in ((whole, 2), (enlarged, 4)):
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, color=theme.BLACK,
            label=f"{MODEL}, AUC {interval(curve.auc)}",
        )  # fmt: skip
        if points.model:
            axes.plot(
                *points.model, color=theme.BLACK, marker="D", markersize=2 * marker,
                linestyle="none", fillstyle="none", label=f"{MODEL} as decided",
            )  # fmt: skip
        axes.set_xlabel(f"1 {theme.MINUS} specificity, micro-averaged")
        axes.set_ylabel("Sensitivity, micro-averaged")
        axes.set_box_aspect(1)
        _readers(axes, points, marker=marker)
    whole.plot([0, 1], [0, 1], color=theme.PALE, linewidth=0.8, zorder=0)
    whole.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    whole.set_title(f"{short_cohort_name(cohort)}, n = {points.n_patients} patients", loc="left")
    _arrows(enlarged, points)
    _enlarge(whole, enlarged, points)
    figure.legend(
        *enlarged.get_legend_handles_labels(), loc="outside lower center", ncols=1 + len(GROUPS),
        handletextpad=0.5, columnspacing=1.6,
    )  # fmt: skip
    return theme.finish(figure, *notes(document))


def notes(document: dict) -> tuple[str, ...]:
    """What stands at the foot."""
    return (caveats(document, NAME, "table2"),)


def micro(document: dict, cohort: str) -> Curve:
    """The model's micro-averaged curve. Raises NotAvailable."""
    curves = curves_of(document, cohort)
    if MICRO not in curves:
        raise NotAvailable("There is no micro-averaged curve in this cohort.")
    return curves[MICRO]


def operating_points(document: dict, cohort: str) -> OperatingPoints:
    """Where the model and the readers are in a cohort. Raises NotAvailable."""
    found = [row for row in required_rows(document, "table2", "metrics") if row["cohort"] == cohort]
    of: dict[tuple[str, str], dict] = {}
    for row in complete_rows(found, "value"):
        metric = row["metric"].removeprefix("micro-averaged ")
        of.setdefault((row["subject"], row["stage"]), {"n": row["n"]})[metric] = row["value"]
    point = {key: (1 - row["specificity"], row["sensitivity"]) for key, row in of.items()}
    return OperatingPoints(
        n_patients=max(row["n"] for row in of.values()),
        model=point.get((MODEL, "")),
        n_model=of.get((MODEL, ""), {"n": 0})["n"],
        readers=[
            ReaderPoints(
                code,
                group,
                before=point[code, WITHOUT],
                after=point[code, WITH],
                n=(of[code, WITHOUT]["n"], of[code, WITH]["n"]),
            )
            for code, group in group_of(document).items()
            if (code, WITHOUT) in point and (code, WITH) in point
        ],
    )


def zoom_around(points: OperatingPoints) -> ZoomWindow | None:
    """The part of the plane that holds the points, with a margin; None without any."""
    drawn = [point for reader in points.readers for point in (reader.before, reader.after)]
    drawn += [points.model] if points.model else []
    if not drawn:
        return None
    (left, right), (low, high) = ((min(at), max(at)) for at in zip(*drawn, strict=True))
    across, up = max(right - left, 0.02) * 0.12, max(high - low, 0.06) * 0.12
    return ZoomWindow(
        title=f"enlarged, sensitivity {percent(low)}% to {percent(high)}%",
        across=(left - across, right + across),
        up=(low - up, high + up),
    )


def _readers(axes: "Axes", points: OperatingPoints, *, marker: float) -> None:
    """Hollow and larger without AI, filled with AI: neither hides the other where they meet."""
    for group in GROUPS:
        members = [reader for reader in points.readers if reader.group == group]
        if members:
            style = theme.GROUP_STYLES[group] | {"linestyle": "none"}
            before = zip(*(reader.before for reader in members), strict=True)
            after = zip(*(reader.after for reader in members), strict=True)
            axes.plot(
                *before, **style, fillstyle="none", markersize=1.6 * marker, zorder=3,
                label=f"{group}, {WITHOUT}",
            )  # fmt: skip
            axes.plot(*after, **style, markersize=marker, zorder=4, label=f"{group}, {WITH}")


def _arrows(axes: "Axes", points: OperatingPoints) -> None:
    """From without to with AI, bent to either side in turn, as all would lie on one line."""
    for place, reader in enumerate(points.readers):
        side = 1 if place % 2 else -1
        color = theme.GROUP_STYLES[reader.group]["color"]
        if reader.before != reader.after:
            theme.arrow(axes, reader.before, reader.after, color=color, bend=0.35 * side)
        if len(points.readers) <= READERS_NAMED:
            axes.annotate(
                reader.code, xy=reader.before, xytext=(7 * side, 2.5 * side - 1),
                textcoords="offset points", ha="left" if side > 0 else "right", va="center",
                color=color, fontsize=theme.SMALL,
            )  # fmt: skip


def _enlarge(whole: "Axes", enlarged: "Axes", points: OperatingPoints) -> None:
    """Frame the part with the points, in both panels."""
    zoom = zoom_around(points)
    if zoom is None:
        enlarged.set_title("No reader has read this cohort", loc="left")
        return
    enlarged.set(xlim=zoom.across, ylim=zoom.up)
    enlarged.set_title(zoom.title, loc="left")
    (left, right), (low, high) = zoom.across, zoom.up
    theme.box(
        whole, x=left, y=low, width=right - left, height=high - low, edgecolor=theme.GREY,
        linewidth=0.5,
    )  # fmt: skip
