"""Statistics of a reader study in plain NumPy and SciPy: arrays in, small dataclasses out."""

from analysis.stats.bootstrap import (
    BootstrapEstimate,
    MicroMetricsIntervals,
    bootstrap_micro_metrics,
    bootstrap_statistics,
)
from analysis.stats.bootstrap_auc import (
    OneVsRestAUC,
    bootstrap_auc,
    bootstrap_one_vs_rest_auc,
)
from analysis.stats.bootstrap_metrics import bootstrap_metrics
from analysis.stats.confusion import (
    ClassMetrics,
    MacroMetrics,
    binary_metrics,
    class_metrics,
    confusion_matrix,
    macro_metrics,
    to_level_1,
)
from analysis.stats.delong import (
    DeLongAUC,
    DeLongCurves,
    DeLongTest,
    delong_auc,
    delong_covariance,
    delong_paired,
    delong_unpaired,
)
from analysis.stats.error_rates import ErrorReductions, Reduction, error_reductions
from analysis.stats.intervals import Interval
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
from analysis.stats.permutation_monte_carlo import (
    exchange,
    paired_auc_permutation,
    paired_metric_permutation,
    paired_permutation_monte_carlo,
    unpaired_permutation_monte_carlo,
)
from analysis.stats.permutation_unpaired import unpaired_permutation
from analysis.stats.proportions import (
    Proportion,
    ProportionDifference,
    independent_difference,
    paired_difference,
    paired_difference_of,
    proportion,
)
from analysis.stats.resampling import resample_counts
from analysis.stats.roc import OneVsRestRoc, RocCurve, one_vs_rest_roc, roc_curve
from analysis.stats.weighted import (
    Combination,
    RatioOfSums,
    WeightedStatistic,
    difference_of,
    estimate_of,
    mean_of,
    relative_reduction_of,
)
from analysis.stats.weighted_auc import (
    OneVsRestAUCStatistics,
    WeightedAUC,
    auc_statistic,
    one_vs_rest_auc_statistics,
)
from analysis.stats.weighted_metrics import metric_statistic

__all__ = [
    "BootstrapEstimate",
    "ClassMetrics",
    "Combination",
    "DeLongAUC",
    "DeLongCurves",
    "DeLongTest",
    "ErrorReductions",
    "Interval",
    "MacroMetrics",
    "McNemarResult",
    "MicroMetrics",
    "MicroMetricsIntervals",
    "OneVsRestAUC",
    "OneVsRestAUCStatistics",
    "OneVsRestCounts",
    "OneVsRestMcNemar",
    "OneVsRestRoc",
    "PermutationResult",
    "Proportion",
    "ProportionDifference",
    "RatioOfSums",
    "Reduction",
    "RocCurve",
    "WeightedAUC",
    "WeightedStatistic",
    "auc_statistic",
    "binary_metrics",
    "bootstrap_auc",
    "bootstrap_metrics",
    "bootstrap_micro_metrics",
    "bootstrap_one_vs_rest_auc",
    "bootstrap_statistics",
    "class_metrics",
    "confusion_matrix",
    "delong_auc",
    "delong_covariance",
    "delong_paired",
    "delong_unpaired",
    "difference_of",
    "error_reductions",
    "estimate_of",
    "exchange",
    "independent_difference",
    "macro_metrics",
    "mcnemar",
    "mcnemar_one_vs_rest",
    "mcnemar_patient_level",
    "mean_of",
    "metric_statistic",
    "micro_metrics",
    "micro_metrics_from_correct",
    "one_vs_rest_auc_statistics",
    "one_vs_rest_counts",
    "one_vs_rest_roc",
    "paired_auc_permutation",
    "paired_difference",
    "paired_difference_of",
    "paired_metric_permutation",
    "paired_permutation",
    "paired_permutation_monte_carlo",
    "proportion",
    "relative_reduction_of",
    "resample_counts",
    "roc_curve",
    "to_level_1",
    "unpaired_permutation",
    "unpaired_permutation_monte_carlo",
]
