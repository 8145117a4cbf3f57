"""The HTTP client of a service: studies, trials on lease, renewal, retries. No torch here.

`client` and `study` are what a script holds; `study.leases()` yields a `leased_trial`, which renews its lease
(`lease_keeper`) and reports (`lease_calls`) until its `with` block ends; `endings` says who wanted that end. `events`
is what happens in a study, as it happens. All go through one connection (`http`), which tries again what failed for a
passing reason and turns problems into `lrtune.trainers.errors`.
"""
