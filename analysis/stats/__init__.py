"""Statistics of a reader study in plain NumPy and SciPy: arrays in, small dataclasses out."""

from analysis.stats.bootstrap import (
    Interval,
    MicroMetricsIntervals,
    bootstrap_micro_metrics,
)
from analysis.stats.confusion import (
    ClassMetrics,
    MacroMetrics,
    binary_metrics,
    class_metrics,
    confusion_matrix,
    macro_metrics,
    to_level_1,
)
from analysis.stats.mcnemar import (
    McNemarResult,
    OneVsRestMcNemar,
    mcnemar,
    mcnemar_one_vs_rest,
    mcnemar_patient_level,
)
from analysis.stats.metrics import (
    MicroMetrics,
    OneVsRestCounts,
    micro_metrics,
    micro_metrics_from_correct,
    one_vs_rest_counts,
)
from analysis.stats.permutation import PermutationResult, paired_permutation

__all__ = [
    "ClassMetrics",
    "Interval",
    "MacroMetrics",
    "McNemarResult",
    "MicroMetrics",
    "MicroMetricsIntervals",
    "OneVsRestCounts",
    "OneVsRestMcNemar",
    "PermutationResult",
    "binary_metrics",
    "bootstrap_micro_metrics",
    "class_metrics",
    "confusion_matrix",
    "macro_metrics",
    "mcnemar",
    "mcnemar_one_vs_rest",
    "mcnemar_patient_level",
    "micro_metrics",
    "micro_metrics_from_correct",
    "one_vs_rest_counts",
    "paired_permutation",
    "to_level_1",
]
