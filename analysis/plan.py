"""The statistical analysis plan: what is computed, how, and which comparison is the primary one.

A plan is a value: two plans with the same settings have the same document and SHA-256. The
default is the analysis of the published study, Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z, with valid methods where the published ones are not;
``published_recipe`` is what was printed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin

from analysis import canonical

FORMAT = 1
MAX_DOCUMENT = 20_000  # characters
MAX_TEXT = 2000

SectionName = Literal[
    "primary", "flow", "baseline", "table1", "table2", "table3", "mrmc", "roc", "confusion",
    "errors", "switches", "agreement", "times", "experience",
]  # fmt: skip
IntervalMethod = Literal["percentile", "bca", "basic"]
McNemarMethod = Literal["exact", "mid-p", "chi2", "chi2-corrected"]
CellsMethod = Literal["none", "chi2", "chi2-corrected", "exact", "mid-p"]
Alternative = Literal["two-sided", "greater", "less"]
Multiplicity = Literal["none", "holm", "benjamini-hochberg", "bonferroni"]
Metric = Literal["accuracy", "sensitivity", "specificity"]
ComparisonName = Literal[
    "with vs without AI", "without AI vs model", "with AI vs model", "with AI vs seniors without"
]
Group = Literal["all", "senior", "middle", "junior"]
Covariance = Literal["delong", "jackknife", "unbiased"]
MrmcMetric = Literal[
    "share right", "malignancy accuracy", "malignancy sensitivity", "malignancy specificity"
]
MrmcReaders = Literal["random", "fixed"]
ContinuousTest = Literal["rank", "mean", "welch"]
CategoricalTest = Literal["chi-squared", "fisher"]

_WORDS = {int: "a whole number", float: "a number", str: "a text"}


class InvalidPlan(ValueError):
    """A plan that nothing can be analysed by; ``problems`` says where and what, one each."""

    def __init__(self, problems: Sequence[str]):
        super().__init__(" ".join(problems))
        self.problems = list(problems)


def _within(default: Any, **limits: float) -> Any:
    """A field of a dataclass with limits: at_least, at_most, above, below."""
    return field(default=default, metadata=limits)


@dataclass(frozen=True, kw_only=True)
class PrimaryEndpoint:
    """The one comparison that the study stands or falls by, in words and for the machine.

    ``group`` is the readers whose decisions are pooled; the test is made on all cohorts together.
    """

    text: str = (
        "Four-class accuracy (micro-averaged) of all readers pooled, with AI against without, on "
        "all testing cohorts together."
    )
    metric: Metric = "accuracy"
    comparison: ComparisonName = "with vs without AI"
    group: Group = "all"


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Bootstrap intervals, patients resampled.

    "percentile" and "bca" limits are inside [0, 1]; "basic" is the published recipe, whose limits
    may be outside.
    """

    method: IntervalMethod = "percentile"
    level: float = _within(0.95, above=0, below=1)
    resamples: int = _within(1000, at_least=1, at_most=100_000)


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """McNemar's test on patients, the valid one, and on one-vs-rest cells, as published."""

    patients: McNemarMethod = "exact"
    cells: CellsMethod = "chi2"


@dataclass(frozen=True, kw_only=True)
class Permutation:
    """Permutation tests of groups; exact, or of so many draws where that can't be computed."""

    alternative: Alternative = "two-sided"
    draws: int = _within(9999, at_least=1, at_most=1_000_000)


@dataclass(frozen=True, kw_only=True)
class Mrmc:
    """Multi-reader multi-case analysis: its metrics, and whom its conclusion is to hold for.

    "share right" is of the four classes; the published accuracy and the others rise with it. The
    rest are of benign against malignant.
    """

    metrics: tuple[MrmcMetric, ...] = get_args(MrmcMetric)
    covariance: Covariance = "delong"
    readers: MrmcReaders = "random"


@dataclass(frozen=True, kw_only=True)
class BaselineTests:
    """Tests of whether the cohorts differ, chosen beforehand: see `stats.baseline_variable`."""

    continuous: ContinuousTest = "rank"
    categorical: CategoricalTest = "chi-squared"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a result besides the data. Raises InvalidPlan when made wrongly.

    ``sections`` are computed and shown in this order. ``seed`` is of all that
    is drawn at random.
    """

    sections: tuple[SectionName, ...] = get_args(SectionName)
    primary: PrimaryEndpoint = field(default_factory=PrimaryEndpoint)
    intervals: Intervals = field(default_factory=Intervals)
    seed: int = _within(2022, at_least=0, at_most=2**63 - 1)
    mcnemar: McNemar = field(default_factory=McNemar)
    permutation: Permutation = field(default_factory=Permutation)
    multiplicity: Multiplicity = "holm"
    mrmc: Mrmc = field(default_factory=Mrmc)
    baseline: BaselineTests = field(default_factory=BaselineTests)

    def __post_init__(self):
        problems = [*_value_problems(Plan, self, ""), *self._conflicts()]
        if problems:
            raise InvalidPlan(problems)

    def _conflicts(self) -> Iterator[str]:
        primary = self.primary
        alone = isinstance(primary, PrimaryEndpoint) and primary.group in ("all", "senior")
        if alone and primary.comparison == "with AI vs seniors without":
            yield (
                'primary.group: "with AI vs seniors without" compares another group with the '
                f'seniors; choose "middle" or "junior", not "{primary.group}".'
            )

    def to_document(self) -> str:
        """The plan as canonical JSON, every setting spelt out."""
        return canonical.to_json({"format": FORMAT, **asdict(self)}, indent=1)

    def sha256(self) -> str:
        """Digest of the document: the name that a registered plan is known by."""
        return canonical.sha256(self.to_document())

    @classmethod
    def from_document(cls, text: str) -> "Plan":
        """Read a plan. A setting that is left out has its default; an unknown one is refused.

        Raises InvalidPlan, with all that is wrong, for a text that is no plan.
        """
        if len(text) > MAX_DOCUMENT:
            raise InvalidPlan([f"The plan is longer than {MAX_DOCUMENT} characters."])
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidPlan([f"The plan is not JSON: {error}."]) from None
        if not isinstance(document, dict):
            raise InvalidPlan(["The plan is not a JSON object, { ... }."])
        written = document.pop("format", FORMAT)
        if written != FORMAT:
            raise InvalidPlan([f"format: this plan has format {written!r} instead of {FORMAT}."])
        problems: list[str] = []
        settings = _settings(cls, document, "", problems)
        if problems:
            raise InvalidPlan(problems)
        return cls(**settings)


def published_recipe() -> Plan:
    """The published analysis as it was printed: unclipped basic limits, no p-value adjusted."""
    return Plan(intervals=Intervals(method="basic"), multiplicity="none")


def _settings(kind: type, document: dict, where: str, problems: list[str]) -> dict[str, Any]:
    """Arguments for the dataclass, its parts made and lists turned to tuples."""
    known = {each.name: each.type for each in fields(kind)}
    settings = {}
    for name, value in document.items():
        path = f"{where}{name}"
        if name not in known:
            problems.append(
                f"{where}{name!a}: there is no such setting. Known settings: {', '.join(known)}."
            )
        elif is_dataclass(known[name]):
            if isinstance(value, dict):
                settings[name] = known[name](**_settings(known[name], value, f"{path}.", problems))
            else:
                problems.append(f"{path}: must be an object, {{ ... }}.")
        else:
            settings[name] = tuple(value) if isinstance(value, list) else value
    return settings


def _value_problems(kind: type, settings: Any, where: str) -> Iterator[str]:
    """What is wrong with the values of a dataclass and of its parts."""
    for each in fields(kind):
        value, path = getattr(settings, each.name), f"{where}{each.name}"
        if is_dataclass(each.type):
            if isinstance(value, each.type):
                yield from _value_problems(each.type, value, f"{path}.")
            else:
                yield f"{path}: must be of type {each.type.__name__}."
        elif get_origin(each.type) is tuple:
            yield from _list_problems(get_args(get_args(each.type)[0]), value, path)
        elif get_origin(each.type) is Literal:
            yield from _choice_problems(get_args(each.type), value, path)
        elif type(value) is not each.type:
            yield f"{path}: must be {_WORDS[each.type]}, not {value!r}."
        elif isinstance(value, str):
            yield from _text_problems(value, path)
        else:
            yield from _limit_problems(each.metadata, value, path)


def _choice_problems(allowed: tuple[str, ...], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str) or value not in allowed:
        yield f"{path}: {value!r} is not one of {', '.join(allowed)}."


def _list_problems(allowed: tuple[str, ...], values: Any, path: str) -> Iterator[str]:
    if not isinstance(values, tuple) or not values:
        yield f"{path}: must be a list with at least one of {', '.join(allowed)}."
        return
    for value in values:
        yield from _choice_problems(allowed, value, path)
        if values.count(value) > 1:
            yield f"{path}: {value!r} appears twice."


def _text_problems(text: str, path: str) -> Iterator[str]:
    if not text.strip() or len(text) > MAX_TEXT or not text.isprintable():
        yield f"{path}: must be a single line of 1 to {MAX_TEXT} characters."


def _limit_problems(limits, value: float, path: str) -> Iterator[str]:
    sound = {
        "at_least": lambda limit: value >= limit,
        "at_most": lambda limit: value <= limit,
        "above": lambda limit: value > limit,
        "below": lambda limit: value < limit,
    }
    for name, limit in limits.items():
        if not sound[name](limit):
            yield f"{path}: must be {name.replace('_', ' ')} {limit}, not {value!r}."
