"""STSTNet (Liong et al., FG 2019): a triple-stream CNN of 1683 parameters on optical flow and strain."""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class STSTNet(FlowNetwork):
    """The authors' MATLAB network and optimiser, on all training clips in random order.

    Their program uses a fixed 256 of the training clips, for MATLAB drops an incomplete batch and does not shuffle
    anew. `variant` "port" is the network of their PyTorch program, which has 800 epochs and no weight decay.
    """

    name: ClassVar[str] = "ststnet"
    title: ClassVar[str] = "STSTNet"
    source: ClassVar[str] = "Liong, Gan, See, Khor, Huang: Shallow triple stream three-dimensional CNN, FG 2019"
    ours: ClassVar[str] = (
        "all training clips, shuffled in every epoch (theirs: a fixed 256); TV-L1 with OpenCV's settings; antialiased "
        "bicubic resize; the middle frame where no apex is annotated (theirs: found by D&C-RoIs)"
    )
    cost: ClassVar[str] = "500 epochs of 28 x 28 pictures, 0.8 MFLOP forward each: some 7 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.0008
    picture: ClassVar[tuple[int, int]] = (28, 3)

    view: FlowPicture = FlowPicture(size=28, scale="bytes")
    variant: Literal["paper", "port"] = "paper"
    """The MATLAB network (padding 1, mean picture subtracted), or the PyTorch one (padding 2)."""
    epochs: int = 500
    clips_per_step: int = 256
    learning_rate: float = 5e-5
    weight_decay: float = 1e-4

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
        recipe = super().recipe(num_classes)
        return dataclasses.replace(recipe, optimizer=adam(self.weight_decay, kernels_only=paper), centred=paper)


METHOD = STSTNet
