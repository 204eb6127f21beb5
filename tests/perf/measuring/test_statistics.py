"""The statistics of the benchmarks, with numbers that can be reckoned by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from perf.measuring.statistics import (
    Ratio,
    Verdict,
    growth,
    holm,
    is_unstable,
    judge,
    judge_report,
    judge_together,
    order_of_arms,
    paired_ratio,
    signed_rank,
    student,
    summarize,
)

pytestmark = pytest.mark.any_database

CALM = Ratio(pairs=20, ratio=1.0, low=0.97, high=1.02, p=0.8)


def ratio(value, low, high, pairs=20):
    return Ratio(pairs=pairs, ratio=value, low=low, high=high, p=0.01)


def test_a_summary_has_the_sample_deviation_and_an_even_median():
    summary = summarize([2.0, 4.0, 4.0, 6.0])
    assert (summary.n, summary.mean, summary.median) == (4, 4.0, 4.0)
    assert summary.sd == pytest.approx(math.sqrt((4 + 0 + 0 + 4) / 3))
    assert (summary.min, summary.max) == (2.0, 6.0)
    assert summarize([1.0, 2.0]).median == 1.5
    # numpy's linear rule: position 0.95 * 3 = 2.85, between 4 and 6.
    assert summary.p95 == pytest.approx(4 + 0.85 * 2)


def test_an_outlier_is_counted_and_kept():
    # Median 10, median deviation 1: 100 lies 0.6745 * 90 / 1 = 60.7 away, 12 only 1.3.
    summary = summarize([9.0, 10.0, 11.0, 12.0, 8.0, 10.0, 100.0])
    assert (summary.outliers, summary.max) == (1, 100.0)
    assert summarize([5.0, 5.0, 5.0, 900.0]).outliers == 0  # no deviation to measure by


def test_one_value_has_no_deviation_and_none_is_refused():
    assert summarize([3.0]).sd == 0.0
    with pytest.raises(ValueError, match="nothing"):
        summarize([])


def test_the_ratio_is_the_median_of_the_pairs_and_not_of_the_arms():
    # Ratios 0.5, 0.5, 2.0; the ratio of the medians would be 50 / 10.
    result = paired_ratio([100.0, 10.0, 1.0], [50.0, 5.0, 2.0])
    assert result.ratio == 0.5


def test_drift_of_the_machine_falls_out_of_the_pairs():
    drift = np.linspace(1, 5, 20)
    result = paired_ratio(list(10 * drift), list(7 * drift))
    assert (result.ratio, result.low, result.high) == pytest.approx((0.7, 0.7, 0.7))


def test_the_interval_is_the_same_every_time():
    rng = np.random.default_rng(1)
    a, b = list(rng.uniform(1, 2, 20)), list(rng.uniform(1, 2, 20))
    assert paired_ratio(a, b) == paired_ratio(a, b)
    assert paired_ratio(a, b).low < paired_ratio(a, b).ratio < paired_ratio(a, b).high


def test_pairs_must_match():
    with pytest.raises(ValueError, match="as many"):
        paired_ratio([1.0], [1.0, 2.0])


def test_signed_rank_counts_sign_patterns():
    # All of n differences on one side: 2 of 2**n patterns.
    assert signed_rank([1, 2, 3, 4, 5]) == pytest.approx(2 / 32)
    assert signed_rank([-1, -2, -3, -4, -5, -6]) == pytest.approx(2 / 64)
    # Rank sum 1 on the small side: {} and {1}, twice, of 2**4.
    assert signed_rank([-1, 2, 3, 4]) == pytest.approx(4 / 16)
    # Ties share rank 1.5; a sum of at most 1.5 has {}, {a}, {b}: 3 of 8, twice.
    assert signed_rank([1, -1, 2]) == pytest.approx(6 / 8)
    assert signed_rank([0.0, 0.0]) == 1.0


def test_signed_rank_holds_for_hundreds_of_pairs():
    rng = np.random.default_rng(2)
    assert signed_rank(rng.normal(0, 1, 400)) > 0.001
    assert signed_rank(rng.normal(1, 1, 400)) < 1e-9


def test_a_clear_effect_is_called():
    assert judge(ratio(0.2, 0.15, 0.3), CALM).verdict is Verdict.FASTER
    assert judge(ratio(1.3, 1.1, 1.4), CALM).verdict is Verdict.SLOWER
    # Ten times the control's own deviation is no chance.
    assert judge(ratio(0.2, 0.1, 0.3), ratio(1.1, 1.05, 1.2)).verdict is Verdict.FASTER


@pytest.mark.parametrize(
    ("measured", "control", "why"),
    [
        (ratio(0.9, 0.8, 1.01), CALM, "the interval includes 1"),
        (ratio(0.96, 0.95, 0.97), CALM, "the effect is under 5%"),
        (
            ratio(0.8, 0.75, 0.85),
            ratio(1.1, 1.05, 1.2),
            "the A/A control, without 1, reaches as far",
        ),
        (ratio(0.2, 0.1, 0.3, pairs=5), CALM, "fewer than 6 pairs"),
        (replace(ratio(0.9, 0.8, 0.99), p=0.062), CALM, "the signed-rank test does not agree"),
        (
            ratio(0.9, 0.85, 0.95),
            ratio(1.0, 0.8, 1.3),
            "the A/A control is unstable and reaches as far",
        ),
    ],
)
def test_what_is_not_shown_is_not_called_equal(measured, control, why):
    judgement = judge(measured, control)
    assert (judgement.verdict, judgement.why) == (Verdict.NOT_SHOWN, why)
    assert judgement.as_dict() == {"verdict": "no difference shown", "why": why}


def test_a_large_effect_is_called_beside_an_unstable_control():
    assert judge(ratio(0.2, 0.15, 0.3), ratio(1.0, 0.8, 1.3)).verdict is Verdict.FASTER


@pytest.mark.parametrize(
    ("pairs", "t"), [(2, 12.7062), (3, 4.302653), (6, 2.570582), (7, 2.446912), (10, 2.262157)]
)
def test_students_t_is_that_of_the_tables(pairs, t):
    """The two-sided 5 % points, printed in every table."""
    values = np.arange(pairs, dtype=float)
    values = (values - values.mean()) / values.std(ddof=1) + t / math.sqrt(pairs)
    assert student(values) == pytest.approx(0.05, abs=1e-6)
    assert student(-values) == pytest.approx(0.05, abs=1e-6)


def test_student_knows_its_limits():
    assert student([0.3]) == student([0.0, 0.0, 0.0]) == 1.0
    assert student([0.3, 0.3, 0.3]) == 0.0


def test_holm_multiplies_by_what_is_left_and_never_goes_back():
    # 0.01 * 4, 0.02 * 3, then 0.025 * 2 = 0.05, raised to 0.06; 0.9 * 1.
    assert holm([0.02, 0.9, 0.01, 0.025]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([]) == []


def test_what_does_not_hold_among_all_is_not_called():
    weak = replace(ratio(0.9, 0.85, 0.95), t_p=0.03)
    strong = replace(ratio(0.2, 0.15, 0.3), t_p=1e-6)
    assert judge_together([(weak, CALM)])[0].verdict is Verdict.FASTER
    judged = judge_together([(weak, CALM), (strong, CALM), (weak, CALM)])
    assert [j.verdict for j in judged] == [Verdict.NOT_SHOWN, Verdict.FASTER, Verdict.NOT_SHOWN]
    assert judged[0].why == "it does not hold among the 3 comparisons of this report"


def test_a_report_is_settled_in_its_own_dicts():
    told = [replace(ratio(0.2, 0.15, 0.3), t_p=1e-6).as_dict(), ratio(1.0, 0.9, 1.1).as_dict()]
    controls = [CALM.as_dict(), ratio(1.0, 0.8, 1.3).as_dict()]
    judge_report(list(zip(told, controls, strict=True)))
    judge_report(list(zip(told, controls, strict=True)))  # and again, with what came meanwhile
    assert [t["verdict"] for t in told] == ["faster", "no difference shown"]
    assert [c["unstable"] for c in controls] == [False, True]


def test_a_wide_control_makes_a_session_unstable():
    assert not is_unstable(CALM)
    assert is_unstable(ratio(1.0, 0.88, 1.05))
    assert is_unstable(ratio(1.0, 0.95, 1.11))


def test_growth_is_the_slope_of_the_logarithms():
    quadratic = {n: [n**2 * 0.001] * 3 for n in (10, 100, 1000)}
    assert growth(quadratic).slope == pytest.approx(2.0)
    flat = growth({100: [5.0, 5.0], 1000: [5.0, 5.0]})
    assert (flat.slope, flat.low, flat.high) == pytest.approx((0, 0, 0), abs=1e-9)
    noisy = growth({100: [0.9, 1.0, 1.1], 1000: [9.0, 10.0, 11.0]})
    assert noisy.slope == pytest.approx(1.0)
    assert noisy.low < noisy.slope < noisy.high
    assert growth({100: [1.0]}) is None


def test_no_arm_is_always_first():
    assert order_of_arms(["a", "b", "c"], 0) == ["a", "b", "c"]
    assert order_of_arms(["a", "b", "c"], 1) == ["c", "b", "a"]


def noisy_times(rng, count):
    """Invent the times of one fixed work beside neighbours that come and go in phases.

    Each phase of 1 to 30 measurements slows the machine by up to a factor of 3, and every
    measurement has its own jitter of 5 % and a rare hiccup.
    """
    times = []
    while len(times) < count:
        slow = rng.choice([1.0, rng.uniform(1.2, 3.0)])
        times += [slow] * int(rng.integers(1, 30))
    own = np.exp(rng.normal(0, 0.05, count)) + rng.exponential(0.5, count) * (
        rng.random(count) < 0.03
    )
    return np.array(times[:count]) * own


def identical(rng, pairs=20):
    """Measure the same arm three times a round, as A, B, and the control's; return both ratios."""
    times = noisy_times(rng, pairs * 3).reshape(pairs, 3)
    for number in range(1, pairs, 2):
        times[number] = times[number][::-1]
    a, b, control = times.T.tolist()
    return paired_ratio(a, b, draws=400), paired_ratio(b, control, draws=400)


def called_different(judgements):
    return sum(judgement.verdict is not Verdict.NOT_SHOWN for judgement in judgements)


@pytest.mark.slow
def test_two_identical_arms_are_hardly_ever_called_different():
    rng = np.random.default_rng(7)
    # At most 5 % are allowed; of 200 trials, 10.
    assert called_different(judge(*identical(rng)) for _ in range(200)) <= 10


@pytest.mark.slow
def test_whole_reports_of_identical_arms_hardly_ever_hold_a_false_verdict():
    rng = np.random.default_rng(8)
    reports = [[identical(rng, pairs=8) for _ in range(34)] for _ in range(40)]
    # At most 5 % are allowed: of 40 reports, 2. Each comparison alone would spoil a fifth.
    assert sum(called_different(judge_together(report)) > 0 for report in reports) <= 2
    alone = sum(called_different(judge(*c) for c in report) > 0 for report in reports)
    assert alone > 2
