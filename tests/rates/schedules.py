"""Schedules drawn at random, for property tests."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

RATES = st.floats(1e-8, 1e3)
FACTORS = st.floats(1e-3, 3.0)
STEPS = st.integers(1, 60)
BELOW = st.floats(0.0, 1.0)


def form(name: str, **parameters: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """`name` with any of the parameters."""
    return st.fixed_dictionaries({"name": st.just(name)}, optional=parameters)


WARMUP = {"warmup_fraction": st.floats(0.0, 0.9), "warmup_kind": st.sampled_from(["linear", "cosine"]), "lr": RATES}
FLOOR = {"min_lr_factor": BELOW}
SIMPLE: st.SearchStrategy[Json] = st.one_of(
    form("constant", **WARMUP),
    form("step", decay_steps=STEPS, gamma=FACTORS, **WARMUP),
    form("multistep", milestones=st.lists(STEPS, min_size=1, unique=True).map(sorted), gamma=FACTORS, **WARMUP),
    form("exponential", gamma=FACTORS, decay_steps=STEPS, staircase=st.booleans(), **WARMUP),
    form("exponential", k=st.floats(-3, 3), **WARMUP),
    form("inverse_time", k=st.floats(0, 10), **WARMUP),
    form("inverse_sqrt", timescale=STEPS, **WARMUP),
    form("polynomial", decay_steps=STEPS, power=st.floats(0.1, 8.0), **FLOOR, **WARMUP),
    form("linear", decay_steps=STEPS, **FLOOR, **WARMUP),
    form("cosine", decay_steps=STEPS, **FLOOR, **WARMUP),
    form("cosine_restarts", decay_steps=STEPS, multiplier=st.integers(1, 50), gamma=st.floats(0.1, 1.0), **FLOOR),
    form("cosine_restarts", num_cycles=st.integers(1, 9), multiplier=st.integers(1, 4), **FLOOR, **WARMUP),
    form("cyclical", mode=st.sampled_from(["triangular", "triangular2", "exp_range"]), **WARMUP),
    form("cyclical", step_size_up=STEPS, gamma=FACTORS, **WARMUP).map(lambda form: form | {"mode": "exp_range"}),
    form(
        "one_cycle",
        pct_start=st.floats(0, 0.5),
        div_factor=st.floats(1, 1e6),
        final_div_factor=st.floats(1, 1e9),
        anneal=st.sampled_from(["cosine", "linear"]),
        three_phase=st.booleans(),
        total_steps=STEPS,
        **WARMUP,
    ),
    form("wsd", decay=st.sampled_from(["linear", "cosine", "1-sqrt"]), **FLOOR),
    form("plateau", gamma=st.floats(0.01, 0.99), patience=st.integers(0, 3), cooldown=st.integers(0, 3), **WARMUP),
    form("default"),
)


def _joined(parts: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Two or three of them, each with at least ten steps in a training of forty and more."""
    two = st.tuples(parts, parts).map(list)
    three = st.tuples(parts, parts, parts).map(list)
    return st.one_of(
        st.builds(lambda held, m: {"name": "join", "schedules": held, "milestones": [m]}, two, st.integers(10, 20)),
        st.builds(lambda held: {"name": "join", "schedules": held, "milestones": [10, 20]}, three),
        st.builds(
            lambda then, steps, kind: {"name": "warmup", "steps": steps, "kind": kind, "then": then},
            parts,
            st.integers(1, 10),
            st.sampled_from(["linear", "cosine"]),
        ),
    )


ANY_SCHEDULE = SIMPLE | _joined(SIMPLE)
"""Schedules that fit into trainings of 40 steps and more, whatever their base rate."""
