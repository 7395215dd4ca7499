"""State dicts of the compared networks: read back as they were, refused where they are another network's."""

import jax
import numpy as np
import pytest
from flax import nnx

from akm_jax.interop.networks import from_state_dict, to_state_dict
from akm_jax.interop.torch import load_state_dict
from akm_jax.models.macro2micro import Macro2Micro
from akm_jax.models.off_apexnet import OffApexNet
from akm_jax.models.ststnet import STSTNet


def shapes(network, **options):
    return nnx.eval_shape(lambda: network(3, rngs=nnx.Rngs(0), **options))


def test_what_goes_in_comes_out(ststnet_weights):
    network = from_state_dict(shapes(STSTNet), ststnet_weights | {"bn1.num_batches_tracked": np.array(7)})
    back = to_state_dict(STSTNet, nnx.state(network), list(ststnet_weights))
    assert back.keys() == ststnet_weights.keys()
    assert all(np.array_equal(back[name], ststnet_weights[name]) for name in ststnet_weights)


def test_a_file_of_pytorch_is_read(tmp_path, ststnet_weights):
    torch = pytest.importorskip("torch")
    torch.save(
        {f"module.{name}": torch.from_numpy(value) for name, value in ststnet_weights.items()}, tmp_path / "006.pth"
    )
    network = from_state_dict(shapes(STSTNet), load_state_dict(tmp_path / "006.pth"))
    np.testing.assert_array_equal(network.head.bias[...], ststnet_weights["fc.bias"])


def test_the_weights_of_another_network_are_refused(ststnet_weights):
    with pytest.raises(ValueError, match="does not fit OffApexNet") as error:
        from_state_dict(shapes(OffApexNet), ststnet_weights)
    said = str(error.value)
    assert "unknown: bn1.weight (3,)" in said
    assert "wrong shape: fc.weight is (3, 400), expected (3, 1024)" in said
    assert "missing: hidden/0/kernel" in said


def test_other_class_counts_are_refused(ststnet_weights):
    given = ststnet_weights | {"fc.weight": np.zeros((4, 400), np.float32)}
    with pytest.raises(ValueError, match=r"fc.weight is \(4, 400\), expected \(3, 400\)"):
        from_state_dict(shapes(STSTNet), given)


def test_a_missing_entry_is_named(ststnet_weights):
    del ststnet_weights["bn2.running_var"]
    with pytest.raises(ValueError, match="1 entries:\n  missing: streams/1/norm/var"):
        from_state_dict(shapes(STSTNet), ststnet_weights)


def test_caffes_count_of_batches_is_not_asked_for():
    """PyTorch has none; it starts where it settles after many batches."""
    network = shapes(Macro2Micro)
    names = {}
    for width, before in zip((64, 128, 256, 512), (64, 64, 128, 256), strict=True):
        at = f"layer_{width}_1."
        names |= {f"{at}conv1.weight": (width, before, 3, 3), f"{at}conv2.weight": (width, width, 3, 3)}
        names |= {f"{at}bn2.{n}": (width,) for n in ("weight", "bias", "running_mean", "running_var")}
        if width > 64:
            names |= {f"{at}conv_expand.weight": (width, before, 1, 1)}
            names |= {f"{at}bn1.{n}": (before,) for n in ("weight", "bias", "running_mean", "running_var")}
    for name, width in (("data_bn", 1), ("conv1_bn", 64), ("last_bn", 512)):
        names |= {f"{name}.{n}": (width,) for n in ("weight", "bias", "running_mean", "running_var")}
    names |= {"conv1.weight": (64, 1, 7, 7), "conv1.bias": (64,), "fc.weight": (3, 512), "fc.bias": (3,)}
    filled = from_state_dict(network, {name: np.ones(shape, np.float32) for name, shape in names.items()})
    assert filled.trunk.data_norm.weight[...] == 1000
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(nnx.state(filled)))
