"""Methods that can be evaluated by leaving subjects out, one file each; `protocol` says what a method is.

A file `akm_jax/methods/<name>.py` defines `METHOD`, a subclass of `protocol.Method`. It loads quickly: what trains is
imported by the functions that train, so that a command line can show a method's options at once.
"""

import importlib
import pkgutil

from akm_jax.methods.protocol import Method

NOT_METHODS = ("apex_network", "flow_network", "network", "protocol")  # what methods share


def method_names() -> tuple[str, ...]:
    """Names of all methods, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_METHODS))


def find_method(name: str) -> type[Method]:
    """The method of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in method_names():
        raise ValueError(f"--method={name}: expected one of {', '.join(method_names())}")
    return importlib.import_module(f"{__name__}.{name}").METHOD


def method_title(name: str) -> str:
    """How a report calls a method; its name where it is one of somebody's own."""
    return find_method(name).title or name if name in method_names() else name
