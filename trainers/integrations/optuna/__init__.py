"""Optuna's `Study`, with a study of lrtune behind it: scripts that were written for Optuna train its trials on lease.

`study` is what a script holds, `trial` what its objective is given; `optimizing` is the loop, `telling` how a trial
ends, `spaces` and `frozen` translate search spaces and trials. `opening` finds or makes the study.

Parameters are drawn by the service before the objective runs: what is searched has to be known beforehand.
"""
