"""Annotations and shapes that are checked at every call, in tests only.

jaxtyping's import hook puts ``jaxtyping.jaxtyped`` before every function and dataclass of a package. That
checks the arguments of a call twice, and takes longer than most of what it checks. :func:`checked` stands in
its place: beartype alone, and around it the axis names of the call where a function names any.
"""

import dataclasses
import functools
import inspect
import types
import typing

import beartype
import jaxtyping

_CONFIG = beartype.BeartypeConf(violation_type=jaxtyping.TypeCheckError)
_NESTED = set()


def install(package):
    """Check every call of what is imported of a package from now on."""
    jaxtyping.jaxtyped = functools.partial(_jaxtyped, jaxtyping.jaxtyped)
    jaxtyping.install_import_hook(package, None)


def _jaxtyped(original, target=None, *, typechecker=None):
    """Answer to the name by which the hook calls; ``"context"`` is the original's.

    Of a function within a function, which is made at every call of that, the first one is checked.
    """
    if isinstance(target, str):
        return original(target)
    if target is None:
        return functools.partial(_jaxtyped, original)
    return target if _was_made_before(target) else checked(target)


def _was_made_before(target):
    if inspect.isclass(target) or "<locals>" not in target.__qualname__:
        return False
    before = target.__code__ in _NESTED
    _NESTED.add(target.__code__)
    return before


def checked(target):
    """Return a function that checks what it is given and returns; of a dataclass, its ``__init__`` is one."""
    if not inspect.isclass(target):
        return _checked_function(target)
    own = vars(target).get("__init__")
    if dataclasses.is_dataclass(target) and own is not None and not hasattr(own, "__wrapped__"):
        target.__init__ = _checked_function(own)
    return target


def _checked_function(function):
    config = jaxtyping.config

    @functools.cache  # when it is called first: most functions are not called in most processes
    def check():
        twin = _with_plain_hints(function)
        check = beartype.beartype(twin, conf=_CONFIG)
        return _with_axes(check) if any(map(_names_axes, twin.__annotations__.values())) else check

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return (function if config.jaxtyping_disable else check())(*args, **kwargs)

    return wrapper


def _with_axes(check):
    names = functools.partial(jaxtyping.jaxtyped, "context")

    def wrapper(*args, **kwargs):
        with names():
            return check(*args, **kwargs)

    return wrapper


def _with_plain_hints(function):
    """Return the function over again, without the hints that beartype refuses."""
    twin = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    functools.update_wrapper(twin, function)
    del twin.__wrapped__
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__annotations__ = {
        name: _plain(hint, function.__globals__) for name, hint in function.__annotations__.items()
    }
    return twin


def _plain(hint, names):
    """Return a hint with its strings read; any value does for ``Self`` and for what only stub files know."""
    if hint is typing.Self:
        return typing.Any
    if hint is None or inspect.isclass(hint):
        return hint

    def example(value: hint):
        """Have one annotation."""

    try:
        return typing.get_type_hints(example, names, include_extras=True)["value"]
    except (AttributeError, NameError, TypeError):
        return typing.Any


def _names_axes(hint):
    is_array = inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray)
    return is_array or any(map(_names_axes, typing.get_args(hint)))
