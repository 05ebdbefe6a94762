"""What the fields of a frozen dataclass may be is said by their types, and checked here, when one is made."""

from __future__ import annotations

import dataclasses
from functools import cache
from sys import float_info
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from vgg_lib.basics.errors import InputError

Positive = Annotated[int, Meta(ge=1)]
#: What PyTorch takes, and msgspec and JSON keep: 63 bits.
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1, description="a whole number of 0 or more, below 2**63")]
PositiveFloat = Annotated[float, Meta(gt=0, le=float_info.max)]
NotNegativeFloat = Annotated[float, Meta(ge=0, le=float_info.max)]
Share = Annotated[float, Meta(ge=0, lt=1)]  #: from 0 up to, but not, 1


def check_fields(thing: Any) -> None:
    """Check every field of a dataclass against its type, and normalise it: 1 becomes 1.0 where the type is float.

    For ``__post_init__``. Raises :class:`InputError` naming the field, its value and what it may be.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Recipe:
    ...     rate: PositiveFloat
    ...     def __post_init__(self) -> None:
    ...         check_fields(self)
    >>> Recipe(rate=1)
    Recipe(rate=1.0)
    >>> Recipe(rate=True)
    Traceback (most recent call last):
    ...
    vgg_lib.basics.errors.InputError: rate is True: choose a number above 0
    """
    for name, hint in hints(type(thing)).items():  # type: ignore[arg-type]
        value = getattr(thing, name)
        plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value  # NumPy's 0.1
        try:
            if isinstance(plain, dict):  # msgspec would make a dataclass of it
                raise msgspec.ValidationError
            checked = msgspec.convert(plain, hint)
        except msgspec.ValidationError:
            raise InputError(f"{name} is {value!r}: choose {choices(hint)}") from None
        object.__setattr__(thing, name, checked)


@cache
def hints(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields, what they may be included."""
    found = get_type_hints(kind, include_extras=True)
    return {field.name: found[field.name] for field in dataclasses.fields(kind)}


def choices(hint: Any) -> str:
    """What a field of that type may be, in words.

    >>> choices(Literal["auto", "float32"]), choices(Share), choices(Positive | None)
    ("'auto' or 'float32'", 'a number of 0 or more, below 1', 'a whole number of 1 or more, or None')
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin in (Union, UnionType):
        some = [choices(arg) for arg in args if arg is not NoneType]
        return ", or ".join([*some, "None"] if NoneType in args else some)
    if origin is Annotated:
        return args[1].description or f"{choices(args[0])} {_bounds(args[1])}"
    if origin is tuple:
        if args[-1] is Ellipsis:
            return f"a tuple, each of it {choices(args[0])}"
        return f"a tuple of {len(args)}: {', '.join(map(choices, args))}"
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "a name"}
    return words.get(hint) or f"one of type {hint.__name__}{_example(hint)} of {hint.__module__}"


def _example(kind: type[Any]) -> str:
    """A dataclass as it is made without a word, where it can be."""
    needs = any(field.default is dataclasses.MISSING for field in dataclasses.fields(kind))
    return "" if needs else f", such as {kind()!r}"


def _bounds(meta: Meta) -> str:
    low = [f"above {meta.gt}"] if meta.gt is not None else [f"of {meta.ge} or more"] if meta.ge is not None else []
    high = [f"below {meta.lt}"] if meta.lt is not None else []
    return ", ".join(low + high)
