"""Compared networks whose weights come in a PyTorch state dict: which one a file is of, and the model that it makes.

A file holds no settings. Names and shapes tell the network; what is not told by them, as the view, is the method's
default.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from akm_jax.methods._network import Network
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.protocol import Model
from akm_jax.methods.rcn import RCN
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.strcn import STRCN
from akm_jax.methods.ststnet import STSTNet

if TYPE_CHECKING:
    from flax import nnx

StateDict = Mapping[str, np.ndarray]

# Of STSTNet the form of the authors' PyTorch program, whose names these are; theirs in MATLAB has no state dict.
FORMS: tuple[Network, ...] = (
    ATNet(),
    HTNet(),
    Macro2Micro(),
    MicroAttention(),
    MicroAttention(variant="atnet"),
    OffApexNet(),
    OffApexNet(form="meb"),
    RCN(),
    SSSNet(),
    STRCN(),
    STRCN(share=True),
    STRCN(variant="crossdb"),
    STRCN(variant="crossdb", share=True),
    STSTNet(variant="port"),
)
NAMES = tuple(dict.fromkeys(form.name for form in FORMS))
# Settings that shapes tell: the number of maps that a layer gives.
SIZES = {
    "htnet": ("dim", "embedding/kernel"),
    "rcn": ("features", "stem/conv/kernel"),
    "strcn": ("features", "stem/conv/kernel"),
}
SOME = 5  # entries that an error names


def recognise(state_dict: StateDict, name: str | None = None) -> Network | None:
    """The method whose network has the names of a state dict; its sizes are read from the shapes.

    Args:
        state_dict: arrays by PyTorch's names.
        name: of the method, where it is known, one of `NAMES`: its form whose names fit, its first if none does.

    Returns:
        None where it is of no network that is known.

    Raises:
        ValueError: several forms fit and no name says which.
    """
    forms = [form for form in FORMS if name in (None, form.name)]
    fitting = [form for form in forms if _names_fit(form, state_dict)]
    if name is None and len(fitting) > 1:
        first = fitting[0]
        raise ValueError(
            f"weights of {first.name}, which are named alike in several of its forms: say --method={first.name}, which "
            f"takes the default one, or load_classifier(..., method={type(first).__name__}(variant=...))"
        )
    if not fitting and name is None:
        return None
    return _sized((fitting or forms)[0], state_dict)


def _names_fit(form: Network, state_dict: StateDict) -> bool:
    from akm_jax.interop.networks import parameter_paths

    found = set(_by_path(form, state_dict))
    return "" not in found and found == parameter_paths(_shapes(form, 2))


def _by_path(form: Network, state_dict: StateDict) -> dict[str, np.ndarray]:
    """Arrays of a state dict by the path of ours that has their name; under "" one that no name of ours fits."""
    from akm_jax.interop.networks import TABLES, arrays_by_path

    networks = {network.__module__.rpartition(".")[2]: network for network in TABLES}  # files are named as methods are
    return arrays_by_path(networks[form.name], state_dict)


def _shapes(form: Network, num_classes: int) -> "nnx.Module":
    from flax import nnx  # here: it takes a second to import

    return nnx.eval_shape(lambda: form.network(num_classes, nnx.Rngs(0)))


def _sized(form: Network, state_dict: StateDict) -> Network:
    """A form with as many maps as the state dict has."""
    if form.name not in SIZES:
        return form
    field, path = SIZES[form.name]
    kernel = _by_path(form, state_dict).get(path)
    given: dict[str, Any] = {field: len(kernel)} if kernel is not None and np.ndim(kernel) else {}
    return dataclasses.replace(form, **given)


def count_classes(method: Network, state_dict: StateDict) -> int:
    """Number of classes, the rows of the classifier.

    Raises:
        ValueError: there is no classifier.
    """
    head = _by_path(method, state_dict).get("head/kernel")
    if head is None or not np.ndim(head):
        raise ValueError(f"no classifier of {method.name} among its entries, {some_of(state_dict)}")
    return len(head)


def model_of(method: Network, state_dict: StateDict) -> Model:
    """The model that a state dict makes.

    Raises:
        ValueError: it does not fit, or the method asks for more than a state dict holds.
    """
    from flax import nnx

    from akm_jax.interop.networks import from_state_dict
    from akm_jax.train.folds_together import FoldState

    count = count_classes(method, state_dict)
    recipe = method.recipe(count)
    if recipe.centred:
        raise ValueError(
            f"{method.name} with these settings sees its training clips' mean picture subtracted, which no state dict "
            "holds; STSTNet(variant='port') is the network of the authors' PyTorch program"
        )
    network = from_state_dict(_shapes(method, count), _by_our_channels(method, state_dict))
    _, params, *stats = nnx.split(network, nnx.Param, nnx.BatchStat)
    return method.model_of(recipe, FoldState(params, stats[0], ()))


def _by_our_channels(method: Network, state_dict: StateDict) -> dict[str, np.ndarray]:
    """STSTNet's program reads its pictures by OpenCV, blue first: strain, v, u, where ours are u, v, strain."""
    if method.name != "ststnet":
        return dict(state_dict)
    return {entry: value[:, ::-1] if np.ndim(value) == 4 else value for entry, value in state_dict.items()}


def some_of(state_dict: StateDict) -> str:
    """What a state dict holds, for messages: its first entries with their shapes."""
    listed = [f"{entry} {tuple(np.shape(value))}" for entry, value in list(state_dict.items())[:SOME]]
    more = len(state_dict) - SOME
    return ", ".join(listed + [f"and {more} more"] * (more > 0))
