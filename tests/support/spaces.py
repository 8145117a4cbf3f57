"""Search spaces of every kind, for tests that hold in all of them."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

Fields = dict[str, Any]

_BOUNDS = st.one_of(
    st.sampled_from(
        [(0.0, 0.3), (0.1, 0.7), (0.05, 0.35), (0.0, 0.9), (-0.3, 0.3), (1e-7, 1e-2), (1e-3, 10.0), (1, 9)]
    ),
    st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    st.tuples(st.floats(1e-12, 1e12), st.floats(1e-12, 1e12)),
)


@st.composite
def _floats(draw: st.DrawFn) -> Fields:
    first, last = draw(_BOUNDS)
    low, high = min(first, last), max(first, last)
    assume(high - low > 1e-9 * max(abs(low), abs(high)))
    kind = draw(st.sampled_from(["plain", "log", "step"]))
    if kind == "log" and low > 0:
        return {"type": "float", "low": low, "high": high, "log": True}
    if kind == "step":
        step = draw(st.sampled_from([0.1, 0.05, 0.2, 0.3, 1 / 3, 1e-3]) | st.floats(1e-6, 1e6))
        if 1e-6 * (high - low) <= step <= high - low and step > 1e-6 * max(abs(low), abs(high)):
            return {"type": "float", "low": low, "high": high, "step": step}
    return {"type": "float", "low": low, "high": high}


@st.composite
def _ints(draw: st.DrawFn) -> Fields:
    low = draw(st.integers(-50, 50) | st.integers(-(2**53), 2**53 - 100))
    high = low + draw(st.integers(1, 60))
    if low >= 1 and draw(st.booleans()):
        return {"type": "int", "low": low, "high": high, "log": True}
    return {"type": "int", "low": low, "high": high, "step": draw(st.integers(1, high - low))}


_CHOICES: st.SearchStrategy[Any] = st.sampled_from(
    [["sgd", "adam"], ["a"], [32, 64, 128], [0.1, 0.2, 0.30000000000000004], [True, False, None], [1, "1"]]
)


@st.composite
def search_spaces(draw: st.DrawFn, conditions: bool = True, coarse: bool = False) -> Fields:
    """Up to four parameters, as they stand in a study's body; a later one may depend on an earlier one. With `coarse`
    each has at most a hundred values."""
    space: Fields = {}
    for index in range(draw(st.integers(1, 4))):
        choices: Fields = {"type": "categorical", "choices": draw(_CHOICES)}
        fields: Fields = draw(_floats() | _ints() | st.just(choices))
        if coarse and fields["type"] == "float":
            step = (fields["high"] - fields["low"]) / draw(st.integers(1, 7))
            fields = {"type": "float", "low": fields["low"], "high": fields["high"], "step": step}
        parents = [name for name, one in space.items() if one["type"] == "categorical"]
        if conditions and parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            values = draw(st.lists(st.sampled_from(space[parent]["choices"]), min_size=1, unique_by=repr))
            fields = {**fields, "when": {parent: values}}
        space[f"p{index}"] = fields
    return space
