"""STSTNet (Liong et al., FG 2019): a triple-stream CNN of 1683 parameters on optical flow and strain."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.methods._network import BY_VARIANT
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class STSTNet(FlowNetwork):
    """The authors' MATLAB network and optimiser, on all training clips in random order.

    Their program uses a fixed 256 of the training clips, for MATLAB drops an incomplete batch and does not shuffle
    anew (`--shuffle=once`). `variant` "port" is their PyTorch program: 800 epochs, no weight decay, clips by class.
    """

    name: ClassVar[str] = "ststnet"
    title: ClassVar[str] = "STSTNet"
    source: ClassVar[str] = "Liong, Gan, See, Khor, Huang: Shallow triple stream three-dimensional CNN, FG 2019"
    ours: ClassVar[str] = (
        "all training clips, shuffled in every epoch (in MATLAB theirs are a fixed 256, as with --shuffle=once); TV-L1 "
        "with OpenCV's settings; antialiased bicubic resize; the middle frame where no apex is annotated (theirs: "
        "found by D&C-RoIs)"
    )
    cost: ClassVar[str] = "500 epochs of 28 x 28 pictures, 0.8 MFLOP forward each: some 7 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.0008
    picture: ClassVar[tuple[int, int]] = (28, 3)
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"epochs": 500, "weight_decay": 1e-4, "shuffle": "every_epoch"},
        "port": {"epochs": 800, "weight_decay": 0.0, "shuffle": "never"},
    }

    view: FlowPicture = FlowPicture(size=28, scale="bytes")
    variant: Literal["paper", "port"] = "paper"
    """The MATLAB program (padding 1, mean picture subtracted), or the PyTorch one (padding 2); it decides the defaults
    of epochs, weight decay and shuffling."""
    epochs: int = BY_VARIANT
    """Passes over the training clips of a fold; 500, of variant port 800."""
    clips_per_step: int = 256
    learning_rate: float = 5e-5
    weight_decay: float = BY_VARIANT
    """Added to the gradient, times the weight; 1e-4, of variant port 0."""
    shuffle: Literal["every_epoch", "once", "never"] = BY_VARIANT
    """Order of the training clips: drawn anew in every epoch; drawn once, and those that do not fill a last step never
    used (MATLAB's program; of fewer than a step takes all are); or class by class, in the order of the set (port)."""

    def inputs(self, views: Views) -> tuple[np.ndarray, ...]:
        """The pictures as the network takes them in every step, laid out once."""
        import jax.numpy as jnp  # here: JAX takes a second to import

        from akm_jax.models.ststnet import PADS
        from akm_jax.ops.conv_norm_pool import window_pixels

        (pictures,) = super().inputs(views)
        return (np.asarray(window_pixels(jnp.asarray(pictures, jnp.float32), PADS[self.variant])),)

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.ststnet import STSTNet as Network

        return Network(num_classes, variant=self.variant, dropout=self.dropout, rngs=rngs)

    def recipe(self, num_classes: int) -> "Recipe":
        """Adam; biases and batch norms do not decay in MATLAB, whose network sees the mean picture subtracted."""
        from akm_jax.optim import adam

        paper = self.variant == "paper"
        optimizer = adam(self.weight_decay, kernels_only=paper)
        return dataclasses.replace(
            super().recipe(num_classes), optimizer=optimizer, centred=paper, shuffle=self.shuffle
        )


METHOD = STSTNet
