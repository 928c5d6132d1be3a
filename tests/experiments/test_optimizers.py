"""Which of optax's optimizers take part, and what is said of the others."""

import optax

from experiments import optimizers


def test_every_alias_takes_part_or_is_refused_with_a_reason():
    taken, refused = optimizers.entrants()
    assert set(taken) | set(refused) == set(optimizers.aliases()) | set(optimizers.MOMENTUM)
    assert not set(taken) & set(refused)
    assert {"sgd", "adam", "lion", "rmsprop", "adagrad", "rprop", "fromage"} <= set(taken)
    assert refused["lbfgs"] == "searches along lines"
    assert refused["polyak_sgd"] == "has no learning_rate"
    assert refused["noisy_sgd"] == "draws random numbers"
    for make in taken.values():  # a deprecated one would warn
        assert isinstance(make(learning_rate=0.1), optax.GradientTransformation)


def test_an_optimizer_that_needs_more_than_a_rate_is_refused_with_what_it_needs(monkeypatch):
    def demanding(learning_rate, preconditioner):
        return optax.sgd(learning_rate)

    monkeypatch.setattr(optimizers, "aliases", lambda: {"sgd": optax.sgd, "demanding": demanding})
    taken, refused = optimizers.entrants()
    assert "sgd" in taken
    assert refused == {"demanding": "needs preconditioner"}
