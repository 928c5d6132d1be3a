"""Making the methods that a command names, with what it sets of them."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from jgd.cli.errors import did_you_mean
from jgd.study.presets import Entry

OWN = (
    *("gradient_descent", "heavy_ball", "nesterov", "ogm", "svrg", "conjugate_gradient"),
    *("lbfgs", "bfgs", "newton", "newton_cg", "newton_raphson", "trust_region", "trust_region_cg"),
    *("gauss_newton", "levenberg_marquardt", "adam"),
)
"""The names of `jgd` that are methods; optax's are optax.NAME."""

SEARCHES = ("armijo", "wolfe", "exact", "silver", "barzilai_borwein", "adgd", "polyak", "lengths")

WORDS = ("auto", "hager-zhang", "polak-ribiere")
"""Values that stand for themselves."""

OPTAX_RATE = 1e-3
"""The learning rate of an optax method that needs one and was given none."""


def entries(
    methods: Iterable[str], settings: Iterable[str], preset: Mapping[str, Entry] | None = None
) -> dict[str, Entry]:
    """Label -> method, of a preset and of --method and --set; raises click.UsageError."""
    made = {label: Entry(name, dict(given)) for label, (name, given) in (preset or {}).items()}
    for text in methods:
        label, _, name = text.rpartition("=")
        label = label or name
        if label in made:
            raise click.UsageError(f"--method {label}: taken already; write --method LABEL={name}.")
        if name not in OWN and not name.startswith("optax."):
            hint = did_you_mean(name, [*OWN, *(f"optax.{own}" for own in OWN)])
            raise click.UsageError(f"--method: there is no method {name!r}{hint}")
        made[label] = Entry(name, {})
    for label, parameter, value in sorted(map(_setting, settings), key=lambda setting: setting[0] in made):
        for entry in _meant(label, made):
            entry.settings[parameter] = value
    return made


def _setting(text: str) -> tuple[str, str, Any]:
    """Label, parameter and value of a --set."""
    key, equals, value = text.partition("=")
    label, _, parameter = key.rpartition(".")
    if not equals or not parameter:
        raise click.UsageError(f"--set {text}: write LABEL.PARAM=VALUE.")
    return label, parameter, _value(value)


def _meant(label: str, made: Mapping[str, Entry]) -> list[Entry]:
    """The methods of that label or name; the only one if none is named."""
    if label in made:
        return [made[label]]
    meant = [entry for entry in made.values() if entry.method == label]
    if not label and len(made) == 1:
        meant = list(made.values())
    if not made:
        raise click.UsageError(f"--set: no method is named; add --method {label or 'NAME'}.")
    if not meant:
        hint = did_you_mean(label, [*made, *(entry.method for entry in made.values())])
        raise click.UsageError(f"--set: no method here is called {label!r}{hint}")
    return meant


def _value(text: str) -> Any:
    """A number, true, false, none, or text: the name of a search, perhaps with numbers."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text in WORDS or re.fullmatch(rf"({'|'.join(SEARCHES)})(\(.*\))?", text):
        return text
    raise click.UsageError(
        f"--set: {text!r} is no value: give a number, true, false, {', '.join(WORDS)}, or a search: "
        f"{', '.join(SEARCHES)}, perhaps with numbers, as silver(RATE)."
    )


def build(label: str, entry: Entry, say: Callable[[str], None]) -> Any:
    """The method of an entry; raises click.UsageError for parameters that are missing or wrong."""
    factory, settings = ready(label, entry, say)
    try:
        return _made(factory, entry.method, settings)
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"{label}: {error}") from None


def ready(
    label: str, entry: Entry, say: Callable[[str], None], swept: Iterable[str] = ()
) -> tuple[Callable, dict[str, Any]]:
    """The factory of an entry and what is set of it, beside the parameters that are swept.

    Raises click.UsageError for parameters that are missing or that the factory does not have.
    """
    factory, swept = _factory(entry.method), tuple(swept)
    parameters = inspect.signature(factory).parameters
    for name in (*entry.settings, *swept):
        if name not in parameters:
            option, hint = "--grid" if name in swept else "--set", did_you_mean(name, parameters)
            raise click.UsageError(f"{option}: {entry.method} has no parameter {name!r}{hint}")
    if entry.method.startswith("optax."):
        _check_numbers(entry, parameters)
    settings = {name: _search(value) for name, value in entry.settings.items()}
    given = {*settings, *swept}
    missing = [name for name, p in parameters.items() if p.default is p.empty and name not in given]
    if entry.method.startswith("optax.") and missing == ["learning_rate"]:
        settings["learning_rate"] = OPTAX_RATE
        say(f"{label}: learning_rate={OPTAX_RATE:g}; --set {label}.learning_rate=... changes it.")
    elif missing:
        raise click.UsageError(f"{label} needs {missing[0]}: --set {label}.{missing[0]}=VALUE.")
    return factory, settings


def _check_numbers(entry: Entry, parameters: Mapping[str, inspect.Parameter]) -> None:
    """click.UsageError for words where optax wants numbers, which itself looks at none beforehand."""
    for name, value in entry.settings.items():
        default = parameters[name].default
        number = default is inspect.Parameter.empty or type(default) in (int, float)
        if isinstance(value, str) or (number and type(value) not in (int, float)):
            wanted = "true or false" if isinstance(default, bool) else "a number"
            raise click.UsageError(f"--set: {name} of {entry.method} must be {wanted}, got {value!r}.")


def _made(factory: Callable, name: str, settings: dict[str, Any]) -> Any:
    import jgd

    return jgd.from_optax(factory, **settings) if name.startswith("optax.") else factory(**settings)


def _factory(name: str) -> Callable:
    import optax

    import jgd

    if not name.startswith("optax."):
        return getattr(jgd, name)
    if name.removeprefix("optax.") not in optax_names():
        hint = did_you_mean(name, [f"optax.{other}" for other in optax_names()])
        raise click.UsageError(f"--method: there is no method {name!r}{hint}")
    return getattr(optax, name.removeprefix("optax."))


def optax_names() -> list[str]:
    """The names of optax's optimizers: its functions that take a learning rate, but for parts of them."""
    import optax

    functions = {name: f for name, f in vars(optax).items() if inspect.isfunction(f)}
    rates = {"learning_rate", "max_learning_rate"}
    return sorted(
        name
        for name, function in functions.items()
        if rates & inspect.signature(function).parameters.keys() and not name.startswith(("_", "scale_by_"))
    )


def _search(value: Any) -> Any:
    """The search that a text such as armijo or silver(0.01) names; anything else as it is."""
    if not isinstance(value, str) or value in WORDS:
        return value
    import jgd

    name, _, inside = value.partition("(")
    factory = getattr(jgd, name)
    signature = inspect.signature(factory)
    try:
        numbers = ast.literal_eval(f"({inside.rstrip(')')},)") if inside.rstrip(")") else ()
        signature.bind(*numbers)
    except (SyntaxError, TypeError, ValueError):
        form = f"{name}({', '.join(signature.parameters)})"
        raise click.UsageError(
            f"--set: {value}: write {form}, with numbers in the place of the names."
        ) from None
    try:
        return factory(*numbers)
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"--set: {value}: {error}") from None
