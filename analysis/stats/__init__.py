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
from analysis.stats.bootstrap import (
    Interval,
    MicroMetricsIntervals,
    bootstrap_micro_metrics,
)
from analysis.stats.comparisons import (
    Comparison,
    anova,
    kruskal_wallis,
    mann_whitney,
    paired_t,
    t_test,
    wilcoxon_signed_rank,
)
from analysis.stats.contingency import chi_squared, fisher_exact, smallest_expected
from analysis.stats.experience import ExperienceTrend, benefit_by_experience
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
from analysis.stats.rates import Rate, rate
from analysis.stats.reading_time import ReadingTimes, TimeChange, TimeSummary, reading_times
from analysis.stats.reliance import ReadersReliance, Reliance, Switches, reliance

__all__ = [
    "AdjustedPValues",
    "BaselineVariable",
    "CategoricalSummary",
    "Comparison",
    "ContinuousSummary",
    "ExperienceTrend",
    "Interval",
    "Kappa",
    "McNemarResult",
    "MeanSquares",
    "MicroMetrics",
    "MicroMetricsIntervals",
    "MrmcDifference",
    "MrmcEstimate",
    "MrmcResult",
    "MrmcTest",
    "OneVsRestCounts",
    "OneVsRestMcNemar",
    "PermutationResult",
    "Rate",
    "ReaderPerformance",
    "ReadersAgreement",
    "ReadersReliance",
    "ReadingTimes",
    "Reliance",
    "Switches",
    "TimeChange",
    "TimeSummary",
    "VarianceComponents",
    "adjust_p_values",
    "agreement_among_readers",
    "agreement_with_model",
    "anova",
    "baseline_variable",
    "benefit_by_experience",
    "bootstrap_micro_metrics",
    "chi_squared",
    "cohen_kappa",
    "fisher_exact",
    "fleiss_kappa",
    "kruskal_wallis",
    "mann_whitney",
    "mcnemar",
    "mcnemar_one_vs_rest",
    "mcnemar_patient_level",
    "micro_metrics",
    "micro_metrics_from_correct",
    "mrmc",
    "one_vs_rest_counts",
    "paired_permutation",
    "paired_t",
    "rate",
    "reader_performance",
    "reading_times",
    "reliance",
    "smallest_expected",
    "t_test",
    "wilcoxon_signed_rank",
]
