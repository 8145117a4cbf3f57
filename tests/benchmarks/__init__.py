"""Measuring the service on this machine, and every figure of docs/: what `make bench` runs.

A folder or module for each benchmark; `command` names them all. Shared are `command_line` (options, errors),
`processes` (what is started, and ended), `databases` and `filling` (what is measured on) and `machine`. `search`
builds on the trainings of `finder`; `suggestion` and `tables` build on the problems of `search`.
"""
