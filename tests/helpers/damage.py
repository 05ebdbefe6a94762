"""Files that are not what they should be: for properties that hold for whatever a reader is given."""

import json

from hypothesis import strategies as st

#: What JSON can hold, the values that surprise readers among them.
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([10**9, 10**18, 10**400, -(10**18), 0.5, 1e-300, 1e308, float("nan"), float("inf")]),
    st.sampled_from(["", "0", "A", "conv", "0*5", "0*9999999999999", "0*x", "é█", "9" * 5000, "embedded"]),
)
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@st.composite
def damaged_bytes(draw, forms):
    """One of the files with a few bytes changed, cut off, or doubled; or any bytes at all."""
    content = bytearray(draw(st.sampled_from(forms)))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[place] = byte
    end = draw(st.integers(0, len(content)))
    return bytes(draw(st.sampled_from([content, content[:end], content[:end] * 2, draw(st.binary(max_size=60))])))


@st.composite
def damaged_json(draw, forms):
    """One of the values with some of what is in it replaced by anything, left out, or given twice."""
    value = json.loads(json.dumps(draw(st.sampled_from(forms))))
    for _ in range(draw(st.integers(0, 3))):
        value = _with_one_change(draw, value)
    return value


def _with_one_change(draw, value):
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if _is_list(value) else []
    if not inside or draw(st.integers(0, 5)) == 0:
        return draw(ANYTHING)
    key, one = draw(st.sampled_from(inside))
    what = draw(st.sampled_from(["deeper", "deeper", "deeper", "gone", "twice"]))
    if isinstance(value, dict):
        rest = {k: v for k, v in value.items() if k != key}
        return (
            rest
            if what == "gone"
            else rest
            | {draw(st.text(max_size=3)) if what == "twice" else key: one}
            | ({key: _with_one_change(draw, one)} if what == "deeper" else {})
        )
    if what == "gone":
        return value[:key] + value[key + 1 :]
    return value[:key] + ([one, one] if what == "twice" else [_with_one_change(draw, one)]) + value[key + 1 :]


def _is_list(value):
    return isinstance(value, list) and len(value) > 0
