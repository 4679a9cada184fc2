"""Statistics of a reader study in plain NumPy and SciPy: arrays in, small dataclasses out."""

from analysis.stats._obuchowski_rockette import MeanSquares, VarianceComponents
from analysis.stats.agreement import (
    Kappa,
    ReadersAgreement,
    agreement_among_readers,
    agreement_with_model,
    cohen_kappa,
    fleiss_kappa,
)
from analysis.stats.baseline import (
    BaselineVariable,
    CategoricalSummary,
    ContinuousSummary,
    baseline_variable,
)
from analysis.stats.bootstrap_auc import (
    OneVsRestAUC,
    bootstrap_auc,
    bootstrap_one_vs_rest_auc,
)
from analysis.stats.bootstrap_estimates import (
    BootstrapEstimate,
    MicroMetricsIntervals,
    bootstrap_micro_metrics,
    bootstrap_statistics,
)
from analysis.stats.bootstrap_intervals import Interval
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
from analysis.stats.contingency import chi_squared, fisher_exact, smallest_expected
from analysis.stats.continuous_tests import (
    HypothesisTest,
    anova,
    kruskal_wallis,
    mann_whitney,
    paired_t,
    t_test,
    wilcoxon_signed_rank,
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
from analysis.stats.error_reductions import ErrorReductions, Reduction, error_reductions
from analysis.stats.experience import ExperienceTrend, benefit_by_experience
from analysis.stats.mcnemar import (
    McNemarResult,
    OneVsRestMcNemar,
    mcnemar,
    mcnemar_one_vs_rest,
    mcnemar_patient_level,
)
from analysis.stats.metric_statistics import metric_statistic
from analysis.stats.micro_metrics import (
    MicroMetrics,
    OneVsRestCounts,
    micro_metrics,
    micro_metrics_from_correct,
    one_vs_rest_counts,
)
from analysis.stats.mrmc import (
    MrmcDifference,
    MrmcEstimate,
    MrmcResult,
    MrmcTest,
    mrmc,
)
from analysis.stats.mrmc_covariance import ReaderPerformance, reader_performance
from analysis.stats.multiplicity import AdjustedPValues, adjust_p_values
from analysis.stats.permutation import PermutationResult, paired_permutation
from analysis.stats.permutation_monte_carlo import (
    exchange,
    paired_auc_permutation,
    paired_metric_permutation,
    paired_permutation_monte_carlo,
    unpaired_permutation_monte_carlo,
)
from analysis.stats.permutation_unpaired import unpaired_permutation
from analysis.stats.proportion_intervals import (
    Proportion,
    ProportionDifference,
    Rate,
    independent_difference,
    paired_difference,
    paired_difference_of,
    proportion,
    rate,
)
from analysis.stats.reading_time import ReadingTimes, TimeChange, TimeSummary, reading_times
from analysis.stats.reliance import ReadersReliance, Reliance, Switches, reliance
from analysis.stats.resampling import resample_counts
from analysis.stats.roc import OneVsRestRoc, RocCurve, one_vs_rest_roc, roc_curve
from analysis.stats.weighted_auc import (
    OneVsRestAUCStatistics,
    WeightedAUC,
    auc_statistic,
    one_vs_rest_auc_statistics,
)
from analysis.stats.weighted_statistics import (
    Combination,
    RatioOfSums,
    WeightedStatistic,
    difference_of,
    estimate_of,
    mean_of,
    relative_reduction_of,
)

__all__ = [
    "AdjustedPValues",
    "BaselineVariable",
    "BootstrapEstimate",
    "CategoricalSummary",
    "ClassMetrics",
    "Combination",
    "ContinuousSummary",
    "DeLongAUC",
    "DeLongCurves",
    "DeLongTest",
    "ErrorReductions",
    "ExperienceTrend",
    "HypothesisTest",
    "Interval",
    "Kappa",
    "MacroMetrics",
    "McNemarResult",
    "MeanSquares",
    "MicroMetrics",
    "MicroMetricsIntervals",
    "MrmcDifference",
    "MrmcEstimate",
    "MrmcResult",
    "MrmcTest",
    "OneVsRestAUC",
    "OneVsRestAUCStatistics",
    "OneVsRestCounts",
    "OneVsRestMcNemar",
    "OneVsRestRoc",
    "PermutationResult",
    "Proportion",
    "ProportionDifference",
    "Rate",
    "RatioOfSums",
    "ReaderPerformance",
    "ReadersAgreement",
    "ReadersReliance",
    "ReadingTimes",
    "Reduction",
    "Reliance",
    "RocCurve",
    "Switches",
    "TimeChange",
    "TimeSummary",
    "VarianceComponents",
    "WeightedAUC",
    "WeightedStatistic",
    "adjust_p_values",
    "agreement_among_readers",
    "agreement_with_model",
    "anova",
    "auc_statistic",
    "baseline_variable",
    "benefit_by_experience",
    "binary_metrics",
    "bootstrap_auc",
    "bootstrap_metrics",
    "bootstrap_micro_metrics",
    "bootstrap_one_vs_rest_auc",
    "bootstrap_statistics",
    "chi_squared",
    "class_metrics",
    "cohen_kappa",
    "confusion_matrix",
    "delong_auc",
    "delong_covariance",
    "delong_paired",
    "delong_unpaired",
    "difference_of",
    "error_reductions",
    "estimate_of",
    "exchange",
    "fisher_exact",
    "fleiss_kappa",
    "independent_difference",
    "kruskal_wallis",
    "macro_metrics",
    "mann_whitney",
    "mcnemar",
    "mcnemar_one_vs_rest",
    "mcnemar_patient_level",
    "mean_of",
    "metric_statistic",
    "micro_metrics",
    "micro_metrics_from_correct",
    "mrmc",
    "one_vs_rest_auc_statistics",
    "one_vs_rest_counts",
    "one_vs_rest_roc",
    "paired_auc_permutation",
    "paired_difference",
    "paired_difference_of",
    "paired_metric_permutation",
    "paired_permutation",
    "paired_permutation_monte_carlo",
    "paired_t",
    "proportion",
    "rate",
    "reader_performance",
    "reading_times",
    "relative_reduction_of",
    "reliance",
    "resample_counts",
    "roc_curve",
    "smallest_expected",
    "t_test",
    "to_level_1",
    "unpaired_permutation",
    "unpaired_permutation_monte_carlo",
    "wilcoxon_signed_rank",
]
