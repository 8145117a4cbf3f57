"""What is said of a trial's verdict: whole sentences, each way."""

import math

from lrtune.service.sentences import verdicts


def test_every_verdict_is_a_whole_sentence() -> None:
    standing = (3, 10, 9, 12)
    told = [
        verdicts.not_finite(4, math.nan),
        verdicts.last_step(),
        verdicts.study_stopped(),
        verdicts.steps_used_up(200),
        verdicts.too_few_to_begin_again(200),
        verdicts.told_before(),
        verdicts.rate_alone(),
        verdicts.few_steps_so_far(),
        verdicts.spared(),
        verdicts.many_stopped(12),
        *(verdicts.raced(*standing, cut=cut, held=0.8) for cut in (1, 3)),
        verdicts.misled(*standing),
        *(verdicts.first_wave(*standing, stops=stops) for stops in (True, False)),
        verdicts.sample(*standing, first=3),
        *(verdicts.at_rung(*standing, leads=leads) for leads in (True, False)),
        *(verdicts.earned(3, 10, until) for until in (5, 10)),
        *(verdicts.paused(3, full, 2, 5) for full in (10, None)),
        verdicts.earned_no_more(verdicts.paused(3, 10, 2, 5), "max_trials"),
        verdicts.earned_no_more(None, "max_trials"),
        verdicts.short_given_back(),
        verdicts.pruned("median", 3, 0.84, 9, 12),
        verdicts.stopped(3, verdicts.misled(*standing)),
        verdicts.no_order_of_time(),
        verdicts.nothing_reported(),
        verdicts.of_the_ladder(),
        verdicts.would_have_ended(),
    ]
    for sentence in told:
        assert sentence[0].isupper(), sentence
        assert sentence.endswith("."), sentence
        assert "  " not in sentence
        assert ".." not in sentence


def test_what_was_paused_and_earned_no_more_is_told_once() -> None:
    told = verdicts.earned_no_more(
        "Paused at step 3 of 10, rank 2 of 5 paused trials; it goes on if it earns more steps.", "max_trials"
    )
    assert (
        told
        == "Paused at step 3 of 10, rank 2 of 5 paused trials; it earned no more steps before max_trials was spent."
    )
