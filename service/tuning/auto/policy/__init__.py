"""Decisions on the evidence: which point is trained next, which trial goes on, and which one stops.

Which next: `initial_design` spreads the first points; then `proposal` where trials can neither be paused nor trained
again, and `promotion` where they can. That asks `one_dimension` where the rate is all there is, else `many_dimensions`,
which takes new points from `pairwise_ranks`, lets trials go on that lead their rung (`rungs`), and trains a share to
their ends by `final_losses`.

Which stops: `rungs.judge` where a stopped trial may be trained again later (`retraining`), else `race.decide`.
`trial_budget` says when stopping and pausing save nothing, since trials are what is scarce.
"""
