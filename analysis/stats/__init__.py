"""Statistics of a reader study in plain NumPy and SciPy: arrays in, small dataclasses out."""

from analysis.stats.agreement import (
    Kappa,
    ReadersAgreement,
    agreement_among_readers,
    agreement_with_model,
    cohen_kappa,
    fleiss_kappa,
)
from analysis.stats.bootstrap import (
    Interval,
    MicroMetricsIntervals,
    bootstrap_micro_metrics,
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

__all__ = [
    "AdjustedPValues",
    "Interval",
    "Kappa",
    "McNemarResult",
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
    "adjust_p_values",
    "agreement_among_readers",
    "agreement_with_model",
    "bootstrap_micro_metrics",
    "cohen_kappa",
    "fleiss_kappa",
    "mcnemar",
    "mcnemar_one_vs_rest",
    "mcnemar_patient_level",
    "micro_metrics",
    "micro_metrics_from_correct",
    "mrmc",
    "one_vs_rest_counts",
    "paired_permutation",
    "rate",
    "reader_performance",
]
