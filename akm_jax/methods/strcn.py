"""STRCN-G (Xia et al., IEEE TMM 2020): recurrent convolutions on flow from onset to apex, magnified eight times."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from akm_jax.methods._network import BY_VARIANT, Network
from akm_jax.methods.protocol import Training
from akm_jax.views.magnified_flow import MagnifiedFlow
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe

TEST_ALPHA = 8
SMALLEST = 64  # side of a picture of which the pools leave one value


@dataclasses.dataclass(frozen=True)
class STRCN(Network):
    """The authors' optimiser. Training clips enter once a magnification; clips that are left out at alpha 8 alone."""

    name: ClassVar[str] = "strcn"
    title: ClassVar[str] = "STRCN-G"
    source: ClassVar[str] = (
        "Xia et al.: Spatiotemporal recurrent convolutional networks, IEEE TMM 2020, arXiv 1901.04656"
    )
    ours: ClassVar[str] = (
        "magnification by phase (theirs: Eulerian); TV-L1 with OpenCV's settings (theirs: classic+nl-fast); crops "
        "stretched to 300 x 245; the balanced loss of the author's PyTorch program; three passes; of "
        "`crossdb` flow in pixels (theirs: scaled over all sets, the tested one included); the middle frame where no "
        "apex is annotated"
    )
    cost: ClassVar[str] = "24 pictures of 300 x 245 a clip and fold, 50 GFLOP forward each: for an accelerator"
    clip_gflop: ClassVar[float] = 400.0

    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"view": MagnifiedFlow(), "features": 512, "epochs": 3},
        "crossdb": {"view": MagnifiedFlow(height=220, width=200), "features": 128, "epochs": 1},
    }

    view: MagnifiedFlow = BY_VARIANT
    variant: Literal["paper", "crossdb"] = "paper"
    """The network of the authors' program for one set, or of that across sets, four blocks; it decides the defaults of
    the picture's size, of features and of epochs."""
    features: int = BY_VARIANT
    """Maps of every layer; the authors tried 128, 256 and 512, which is the default, and across sets took 128."""
    share: bool = False
    """Whether a block's two recurrent convolutions are one, as in the author's PyTorch program."""
    epochs: int = BY_VARIANT
    """Passes over the training clips of a fold in all their magnifications; 3, of variant crossdb 1."""
    clips_per_step: int = 10
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    dropout: float = 0.0

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models import strcn

        return strcn.STRCN(
            num_classes,
            features=self.features,
            variant=self.variant,
            share=self.share,
            dropout=self.dropout,
            rngs=rngs,
        )

    def recipe(self, num_classes: int) -> "Recipe":
        """SGD with Nesterov's momentum; the first convolution hardly learns."""
        from akm_jax.losses import balanced_loss
        from akm_jax.optim import sgd, slowed
        from akm_jax.train.folds_together import Recipe

        return Recipe(
            lambda rngs: self.network(num_classes, rngs),
            slowed(sgd(0.9, self.weight_decay, nesterov=True), "['stem']['conv']", 1e-4),
            lambda epoch: self.learning_rate * 0.8 ** (epoch - 1),
            self.epochs,
            self.clips_per_step,
            loss=balanced_loss,
        )

    def memory_gib(self, num_clips: int) -> float:
        """Magnified pictures, held twice in half precision and once in single, and the maps of a step.

        Maps: .65 GiB a picture at 300 x 245 and 512 features, by XLA's plan of a step of ten. Magnification itself
        takes pairs of frames, little beside them.
        """
        pixels = self.view.height * self.view.width
        pictures = num_clips * len(self.view.alphas) * pixels * 2 * (2 * 2 + 4) / 2**30
        return pictures + 0.65 * self.clips_per_step * self.features / 512 * pixels / (300 * 245)

    def inputs(self, views: Views) -> tuple[np.ndarray, ...]:
        """The pictures of all clips one after another, each clip's by magnification."""
        return (np.concatenate(views.stack(np.arange(len(views)))),)

    def expand(self, training: Training) -> Training:
        """Clips in all magnifications, watched ones in that of `TEST_ALPHA`."""
        count, tested = len(self.view.alphas), self.view.alphas.index(TEST_ALPHA)
        return dataclasses.replace(
            training,
            clips=(training.clips[:, None] * count + np.arange(count)).ravel(),
            labels=np.repeat(training.labels, count),
            subjects=tuple(subject for subject in training.subjects for _ in range(count)),
            watched=tuple(group * count + tested for group in training.watched),
        )

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if min(self.view.height, self.view.width) < SMALLEST:
            raise ValueError(
                f"--view.height={self.view.height}, --view.width={self.view.width}: strcn takes "
                f"pictures of at least {SMALLEST} x {SMALLEST} (published: 300 x 245)"
            )
        if TEST_ALPHA not in self.view.alphas:
            raise ValueError(f"--view.alphas={self.view.alphas}: expected {TEST_ALPHA} among them, which is tested")
        super().validate()


METHOD = STRCN
