"""MRMC analyses of one simulated study against MRMCaov, RJafroc and iMRMC, to a relative 1e-8."""

from math import floor, inf, sqrt

import numpy as np
import pytest
from scipy.stats import f, norm, t

from analysis.stats import mrmc, reader_performance
from tests.stats.simulated_study import REFERENCE, study

RANDOM, FIXED_READERS, FIXED_CASES = (
    "random-readers-random-cases",
    "fixed-readers",
    "fixed-cases",
)


def close(value):
    return pytest.approx(value, rel=1e-8, abs=0)


def analysis(column, metric, covariance, design):
    truth, ratings = study(column)
    return mrmc(
        truth=truth,
        ratings=ratings,
        metric=metric,
        covariance=covariance or "delong",
        design=design,
    )


def assert_rows_equal(rows, expected, names):
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        for name in names:
            if name in wanted:
                assert getattr(row, name) == close(wanted[name]), name


def label(case):
    return f"{case['column']}-{case['metric']}-{case['covariance_method']}-{case['design']}"


def test_the_references_cover_every_metric_covariance_and_design():
    labels = {label(case) for case in REFERENCE["studies"]}
    assert len(labels) == len(REFERENCE["studies"]) == 20
    for column in ("rating", "score"):
        for design in (RANDOM, FIXED_READERS):
            for method in ("delong", "jackknife", "unbiased"):
                assert f"{column}-auc-{method}-{design}" in labels
    assert f"binary-sensitivity-None-{FIXED_CASES}" in labels


@pytest.mark.parametrize("case", REFERENCE["studies"], ids=label)
def test_equals_mrmcaov(case):
    arguments = case["column"], case["metric"], case["covariance_method"], case["design"]
    result = analysis(*arguments)
    assert result.test.method == ("chi-squared" if case["design"] == FIXED_READERS else "F")
    assert result.test.df2 == (case["test"]["df2"] and close(case["test"]["df2"]))
    for name in ("statistic", "df1", "p_value"):
        assert getattr(result.test, name) == close(case["test"][name])
    for name in ("modality", "reader", "modality_reader"):
        assert getattr(result.mean_squares, name) == close(case["mean_squares"][name])
    if case["design"] != FIXED_READERS:
        assert result.mean_squares.reader_within == close(case["mean_squares"]["reader_within"])
    names = ("std_error", "df", "low", "high", "statistic", "p_value")
    assert_rows_equal(result.differences, case["differences"], ("difference", *names))
    assert_rows_equal(result.modalities, case["modalities"], ("estimate", *names[:4]))
    if case["design"] == FIXED_CASES:
        assert result.components is None
    else:
        for name, value in case["components"].items():
            assert getattr(result.components, name) == close(value)


@pytest.mark.parametrize(
    "case", [case for case in REFERENCE["studies"] if case["design"] == FIXED_READERS], ids=label
)
def test_each_reader_equals_mrmcaov(case):
    arguments = case["column"], case["metric"], case["covariance_method"], case["design"]
    result = analysis(*arguments)
    names = ("difference", "std_error", "low", "high", "statistic", "p_value")
    assert_rows_equal(result.reader_differences, case["reader_differences"], names)
    assert [row.reader for row in result.reader_differences] == list(range(6))
    found = {(row.modality, row.reader): row for row in result.readers}
    expected = {(row["modality"], row["reader"]): row for row in case["readers"]}
    assert found.keys() == expected.keys()
    for key, wanted in expected.items():
        assert_rows_equal([found[key]], [wanted], ("estimate", "std_error", "low", "high"))


@pytest.mark.parametrize(
    "case", [case for case in REFERENCE["studies"] if "covariance" in case], ids=label
)
def test_covariance_matrix_equals_mrmcaov(case):
    truth, ratings = study(case["column"])
    figures = reader_performance(
        truth=truth,
        ratings=ratings,
        metric=case["metric"],
        covariance=case["covariance_method"],
    )
    assert figures.covariance.reshape(12, 12) == close(np.array(case["covariance"]))


@pytest.mark.parametrize("column", ["sensitivity", "specificity"])
def test_a_proportion_has_one_covariance(column):
    """MRMCaov offers the jackknife alone here; the other two are the same matrix."""
    truth, ratings = study("binary")
    matrices = [
        reader_performance(
            truth=truth, ratings=ratings, metric=column, covariance=method
        ).covariance
        for method in ("delong", "jackknife", "unbiased")
    ]
    assert np.array_equal(matrices[0], matrices[1])
    assert np.array_equal(matrices[0], matrices[2])


@pytest.mark.parametrize("design", [RANDOM, FIXED_READERS, FIXED_CASES])
@pytest.mark.parametrize(
    ("version", "covariance"), [("2.1.2", "delong"), ("2.1.2", "jackknife"), ("2.1.3", "jackknife")]
)
def test_equals_rjafroc(version, covariance, design):
    """RJafroc prints 367 degrees of freedom by its fixed readers' means, and uses none."""
    expected = REFERENCE["rjafroc"][version][covariance]
    result = analysis("rating", "auc", covariance, design)
    names = ("std_error", "low", "high", "statistic", "p_value")
    assert result.test.statistic == close(expected[design]["test"]["statistic"])
    assert result.test.p_value == close(expected[design]["test"]["p_value"])
    assert_rows_equal(
        result.differences, expected[design]["differences"], ("difference", "df", *names)
    )
    if "modalities" in expected[design]:
        assert_rows_equal(result.modalities, expected[design]["modalities"], ("estimate", *names))
    if design == FIXED_READERS:
        assert_rows_equal(result.reader_differences, expected[design]["reader_differences"], names)
    if design == RANDOM:
        assert result.test.df2 == close(expected[design]["test"]["df2"])
    if design != FIXED_CASES:
        for name, value in expected["components"].items():
            assert getattr(result.components, name) == close(value)


@pytest.mark.parametrize("version", ["2.1.2", "2.1.3"])
@pytest.mark.parametrize("design", [RANDOM, FIXED_CASES])
def test_equals_the_dorfman_berbaum_metz_analysis(version, design):
    """With the jackknife and Hillis's degrees of freedom the two methods are one."""
    expected = REFERENCE["dbm"][version]
    result = analysis("rating", "auc", "jackknife", design)
    assert result.test.statistic == close(expected[design]["test"]["statistic"])
    assert result.test.p_value == close(expected[design]["test"]["p_value"])
    assert result.test.df2 == close(expected[design]["test"]["df2"])
    names = ("difference", "std_error", "df", "low", "high", "statistic", "p_value")
    assert_rows_equal(result.differences, expected[design]["differences"], names)
    if design == RANDOM:
        assert result.components.reader == close(expected["components"]["reader"])
        assert result.components.modality_reader == close(expected["components"]["modality_reader"])


@pytest.mark.parametrize("version", ["2.1.2", "2.1.3"])
def test_with_fixed_readers_dbm_refers_our_statistics_to_t(version):
    """It takes n - 1 = 367 degrees of freedom where Obuchowski-Rockette takes the normal."""
    expected = REFERENCE["dbm"][version][FIXED_READERS]
    result = analysis("rating", "auc", "jackknife", FIXED_READERS)
    reach = t.ppf(0.975, 367)
    assert f.sf(result.test.statistic, 1, 367) == close(expected["test"]["p_value"])
    rows = zip(
        [*result.differences, *result.reader_differences],
        [*expected["differences"], *expected.get("reader_differences", [None] * 6)],
        strict=True,
    )
    for row, wanted in rows:
        if wanted is not None:
            assert row.df == inf
            assert row.std_error == close(wanted["std_error"])
            assert row.statistic == close(wanted["statistic"])
            assert 2 * t.sf(abs(row.statistic), 367) == close(wanted["p_value"])
            assert row.difference - reach * row.std_error == close(wanted["low"])


def test_unbiased_covariances_equal_imrmc():
    truth, ratings = study("rating")
    covariance = reader_performance(truth=truth, ratings=ratings, covariance="unbiased").covariance
    assert len(REFERENCE["imrmc"]["covariance"]) == 108
    for *place, value in REFERENCE["imrmc"]["covariance"]:
        assert covariance[tuple(place)] == close(value)


def test_equals_imrmc_of_all_readers():
    """Same variance; iMRMC's test is normal, or t on its own degrees of freedom, floored."""
    expected = REFERENCE["imrmc"]["auc"]
    result = analysis("rating", "auc", "unbiased", RANDOM)
    (row,) = result.differences
    assert row.difference == close(expected["difference"])
    assert row.variance == close(expected["variance"])
    assert [one.variance for one in result.modalities] == close(
        [one["variance"] for one in REFERENCE["imrmc"]["one_modality"]]
    )
    z, df = row.statistic, floor(expected["df"])
    assert df < expected["df"] < row.df
    assert 2 * norm.sf(abs(z)) == close(expected["p_normal"])
    assert 2 * t.sf(abs(z), df) == close(expected["p_t"])
    assert row.difference - norm.ppf(0.975) * row.std_error == close(expected["low_normal"])
    assert row.difference + t.ppf(0.975, df) * row.std_error == close(expected["high_t"])


def test_equals_imrmc_of_one_reader():
    result = analysis("rating", "auc", "unbiased", FIXED_READERS)
    assert_rows_equal(
        result.reader_differences, REFERENCE["imrmc"]["one_reader"], ("difference", "variance")
    )


@pytest.mark.parametrize("metric", ["sensitivity", "specificity"])
def test_equals_imrmc_of_decisions(metric):
    expected = REFERENCE["imrmc"][metric]
    result = analysis("binary", metric, "unbiased", RANDOM)
    (row,) = result.differences
    assert [one.variance for one in result.modalities] == close(
        [expected["var"]["A"], expected["var"]["B"]]
    )
    assert row.variance == close(expected["var"]["AminusB"])
    assert row.difference / sqrt(row.variance) == close(expected["z_normal"])
    assert 2 * norm.sf(abs(row.statistic)) == close(expected["p_normal"])
