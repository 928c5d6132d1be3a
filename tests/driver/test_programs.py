"""Compiled programs: made once for each objective, and forgotten before they fill the process."""

import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

from jgd.core.compiled import compiled


def test_programs_beyond_the_limit_are_forgotten_and_the_others_kept(monkeypatch):
    monkeypatch.setattr("jgd.core.compiled.KEPT", 3)
    traced = []

    def plus(n, x):
        traced.append(n)
        return x + n

    call = compiled(plus, static_argnums=0)
    assert [float(call(n, 1.0)) for n in range(10)] == [n + 1.0 for n in range(10)]
    assert traced == list(range(10))
    call(9, 1.0)
    assert traced == list(range(10))
    call(0, 1.0)
    assert traced == [*range(10), 0]


@pytest.mark.skipif(sys.platform != "linux", reason="memory maps are counted in Linux's /proc")
def test_a_new_objective_at_every_call_does_not_use_up_the_memory_maps(monkeypatch):
    monkeypatch.setattr("jgd.core.compiled.KEPT", 3)

    def maps() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    call = compiled(lambda n, x: jnp.sin(x).sum() + n, static_argnums=0)
    counts = []
    for n in range(24):
        call(n, jnp.ones(8))
        counts.append(maps())
    assert max(counts[12:]) <= max(counts[:12]) + 4
