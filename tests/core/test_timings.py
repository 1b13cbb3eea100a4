"""How long the steps of a node's life take."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.timings import INSTANT, Distribution, Timings

UNIFORM = Distribution("uniform", low=10, high=20)
NORMAL = Distribution("normal", mean=60, deviation=10)
LOGNORMAL = Distribution("lognormal", median=40, p95=120)
EXPONENTIAL = Distribution("exponential", mean=30)
OBSERVED = Distribution("observed", values=(20.0, 30.0, 90.0))
ALL = [Distribution("fixed", low=45), UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL, OBSERVED]


@pytest.mark.parametrize(
    ("distribution", "share", "seconds"),
    [
        (Distribution("fixed", low=45), 0.9, 45),
        (UNIFORM, 0.5, 15),
        (UNIFORM, 0.25, 12.5),
        (NORMAL, 0.5, 60),
        (NORMAL, 0.8413447, 70),
        (LOGNORMAL, 0.5, 40),
        (LOGNORMAL, 0.95, 120),
        (EXPONENTIAL, 1 - 2.718281828**-1, 30),
        (OBSERVED, 0.3333, 20),
        (OBSERVED, 0.3334, 30),
        (OBSERVED, 0.9999999, 90),
    ],
)
def test_quantiles(distribution: Distribution, share: float, seconds: float) -> None:
    assert distribution.at(share) == pytest.approx(seconds, rel=1e-6)


@pytest.mark.parametrize(("share", "seconds"), [(1e-9, 55), (0.5, 60), (1 - 1e-9, 65)])
def test_the_tails_are_cut_off(share: float, seconds: float) -> None:
    assert Distribution("normal", low=55, high=65, mean=60, deviation=10).at(share) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "distribution", [Distribution("lognormal", median=1, p95=2e9), Distribution("exponential", mean=9e9)]
)
def test_no_draw_is_longer_than_a_duration_can_be_written(distribution: Distribution) -> None:
    assert distribution.at(0.9999) == 2**63 / 10**9


def test_no_draw_is_negative() -> None:
    assert Distribution("normal", mean=0, deviation=10).at(0.01) == 0


def test_a_draw_depends_on_seed_step_and_claim_alone() -> None:
    one = Timings(launch=UNIFORM, registration=UNIFORM, seed=1)
    assert one.draw("launch", "a") == Timings(launch=UNIFORM, seed=1).draw("launch", "a")
    others = {
        one.draw("registration", "a"),
        one.draw("launch", "b"),
        Timings(launch=UNIFORM, seed=2).draw("launch", "a"),
    }
    assert one.draw("launch", "a") not in others


def test_what_is_not_set_takes_no_time() -> None:
    assert Timings().draw("detach", "a") == timedelta(0)
    assert INSTANT.at(0.5) == 0


def test_draws_follow_their_distribution() -> None:
    drawn = [Timings(launch=LOGNORMAL).draw("launch", str(number)).total_seconds() for number in range(2000)]
    assert median(drawn) == pytest.approx(40, rel=0.1)
    assert quantiles(drawn, n=20)[-1] == pytest.approx(120, rel=0.2)


@pytest.mark.parametrize("digest", [b"\x00" * 7, b"\xff" * 7], ids=["lowest", "highest"])
@pytest.mark.parametrize("distribution", ALL, ids=lambda item: item.kind)
def test_the_rarest_of_draws_is_one(distribution: Distribution, digest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hash:
        def digest(self) -> bytes:
            return digest

    monkeypatch.setattr(hashlib, "blake2b", lambda *_, **__: Hash())
    assert timedelta(0) <= Timings(launch=distribution).draw("launch", "a") < timedelta(days=1)


@given(st.sampled_from(ALL), st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9))
def test_a_greater_share_never_takes_less_time(distribution: Distribution, one: float, other: float) -> None:
    assert distribution.at(min(one, other)) <= distribution.at(max(one, other))
