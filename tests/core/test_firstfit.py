"""First fit over a segment tree finds what a walk over all nodes finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napsim.core.firstfit import FirstFit

NAMES = st.integers(0, 60).map("n{:03d}".format)
AMOUNTS = st.fixed_dictionaries(
    {"cpu": st.integers(-1, 9), "pods": st.integers(0, 2)}, optional={"gpu": st.integers(0, 2)}
)
WANTED = st.fixed_dictionaries({"cpu": st.integers(0, 9), "pods": st.just(1)}, optional={"gpu": st.integers(0, 2)})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NAMES, AMOUNTS),
        st.tuples(st.just("discard"), NAMES, st.none()),
        st.tuples(st.just("change"), NAMES, WANTED),
        st.tuples(st.just("first"), NAMES, WANTED),
    ),
    max_size=120,
)


@given(STEPS)
def test_it_finds_what_a_walk_finds(steps: list[tuple[str, str, dict[str, int] | None]]) -> None:
    fit, nodes = FirstFit(), dict[str, dict[str, int]]()
    for step, name, amounts in steps:
        if amounts is None:
            fit.discard(name)
            nodes.pop(name, None)
        elif step == "set":
            fit.set(name, amounts)
            nodes[name] = amounts
        elif step == "change":
            if name in nodes:
                nodes[name] = {**nodes[name], **{key: amounts[key] for key in amounts if key in nodes[name]}}
                fit.change(name, nodes[name])
        else:
            walk = (each for each in sorted(nodes) if each != name and has(nodes[each], amounts))
            assert fit.first(amounts, lambda each, refused=name: each != refused) == next(walk, None)  # type: ignore[misc]  # mypy cannot infer a default
            assert list(fit.each(amounts)) == [each for each in sorted(nodes) if has(nodes[each], amounts)]
            freest = min(
                (each for each in nodes if each != name and has(nodes[each], amounts)),
                key=lambda each: (-nodes[each]["cpu"], each), default=None,
            )  # fmt: skip
            assert fit.freest("cpu", amounts, lambda each, refused=name: each != refused) == freest  # type: ignore[misc]  # as above
        assert len(fit) == len(nodes)


def has(free: dict[str, int], wanted: dict[str, int]) -> bool:
    return all(free.get(resource, 0) >= amount for resource, amount in wanted.items() if amount > 0)


def test_names_that_come_one_by_one_in_order_find_slots() -> None:
    fit = FirstFit()
    for number in range(500):
        fit.set(f"n{number:04d}", {"cpu": number})
        assert fit.first({"cpu": number}, lambda _: True) == f"n{number:04d}" if number else True
    assert fit.first({"cpu": 250}, lambda _: True) == "n0250"


def test_a_walk_goes_on_past_nodes_that_have_less_by_then() -> None:
    fit = FirstFit()
    for name in "abc":
        fit.set(name, {"cpu": 2})
    walk = fit.each({"cpu": 1})
    assert next(walk) == "a"
    fit.set("b", {"cpu": 0})
    assert list(walk) == ["c"]


def test_what_accept_says_of_a_node_may_change_what_it_has() -> None:
    fit = FirstFit()
    fit.set("a", {"cpu": 2})
    fit.set("b", {"cpu": 2})

    def accept(name: str) -> bool:
        if name == "a":
            fit.set("a", {"cpu": 0})
        return name != "a"

    assert fit.first({"cpu": 1}, accept) == "b"
    assert fit.first({"cpu": 1}, lambda _: True) == "b"
