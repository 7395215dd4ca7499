"""What methods share that end in a support vector machine: frames of one size, C chosen in each fold, one epoch."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.data.clip_set import Clips, resize_frame
from akm_jax.descriptors.kernels import KernelName
from akm_jax.descriptors.svm import FittedSVM, SVMConfig, count_votes, train_svm
from akm_jax.methods.protocol import Context, Epoch, Kept, Method, Model, Outputs, Start, Trainer, Training
from akm_jax.observe import Observer
from akm_jax.prepare.tim import interpolate
from akm_jax.views.view import Clip, Views

Kernels = Callable[[Training], Sequence[np.ndarray]]
"""Kernel values between all clips of the set, (N, N), one matrix or several to choose from, for a training."""

# Of a clip's rate: frames to the neighbours in time, and the rate from which they are the more.
SLOW_RADIUS_T, FAST_RADIUS_T, FAST_FPS = 2, 4, 150


@dataclasses.dataclass(frozen=True)
class Frames:
    """Which frames of a clip a descriptor gets."""

    size: int = 128
    """Side in pixels that frames are brought to; radii and blocks are in these pixels."""
    tim_frames: int = 0
    """Frames that a clip is resampled to in time; 0: the clip's own."""

    def __post_init__(self):
        if self.size < 1 or self.tim_frames < 0:
            raise ValueError(f"expected a size of at least 1 and tim_frames of at least 0, got {self}")

    def of(self, clip: Clip) -> UInt8[np.ndarray, "T H W"]:
        """Frames of the wanted size and number."""
        frames = np.stack([resize_frame(frame, self.size) for frame in clip.frames])
        return interpolate(frames, self.tim_frames) if self.tim_frames else frames

    def radius_t(self, clip: Clip, radius_t: int) -> int:
        """Frames to the neighbours in time; where it is 0, 4 from 150 frames/s on and else 2."""
        return radius_t or (FAST_RADIUS_T if clip.fps >= FAST_FPS else SLOW_RADIUS_T)


@dataclasses.dataclass(frozen=True)
class SupportVectors(Method):
    """Base of methods without epochs: a descriptor that `view` computes, and a support vector machine.

    A method whose kernel is not the linear one says `kernels` and `kernel_name`; one that learns features in each fold
    says `learned` and `features` too.
    """

    scores: ClassVar[Literal["logits", "votes"]] = "votes"

    svm: SVMConfig = SVMConfig()

    @property
    def kernel_name(self) -> KernelName:
        """What `kernels` computes."""
        return "linear"

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> "SVMTrainer":
        """Compute what all folds share of the kernels.

        Raises:
            TypeError: the method has a kernel of its own and does not say which, so that a fold could not be kept.
        """
        kind = type(self)
        if kind.kernels is not SupportVectors.kernels and kind.kernel_name is SupportVectors.kernel_name:
            raise TypeError(f"{kind.__name__} says `kernels`; it must say `kernel_name` too, by which a fold is kept")
        return SVMTrainer(self, views, clips.num_classes)

    def kernels(self, views: Views) -> Kernels:
        """Gives the matrices of a training; the linear kernel, the same for all, where nothing else is said."""
        from akm_jax.descriptors.kernels import linear_kernel

        matrix = linear_kernel(self.features(views, {}))
        return lambda training: [matrix]

    def learned(self, views: Views, training: Training, chosen: int) -> dict[str, np.ndarray]:
        """What a fold learned that its features are made by, beside the classifier.

        Args:
            views: of the set.
            training: of the fold.
            chosen: which of the matrices of `kernels`.
        """
        return {}

    def features(self, views: Views, learned: Mapping[str, np.ndarray]) -> Float[np.ndarray, "n d"]:
        """Features of clips, by what a fold learned."""
        return views.stack(np.arange(len(views)))

    def keep(self, views: Views, training: Training, fitted: FittedSVM) -> dict[str, np.ndarray]:
        """What it takes to classify other clips: support vectors, or with the linear kernel their weighted sums."""
        from akm_jax.descriptors.kernels import width_of

        learned, found = self.learned(views, training, fitted.kernel), fitted.expansion()
        features = self.features(views, learned)
        vectors, coefficients = features[found.clips], found.coefficients
        if self.kernel_name == "linear":
            vectors, coefficients = coefficients @ vectors.astype(np.float64), np.eye(len(coefficients))
        return {
            **learned,
            "vectors": vectors,
            "coefficients": coefficients,
            "intercepts": found.intercepts,
            "classes": found.classes,
            "width": np.array([width_of(self.kernel_name, features[training.clips])]),
        }

    def load(self, kept: Kept) -> Model:
        """The fold's classifier."""
        arrays = kept.checkpoint.restore(kept.checkpoint.shapes())

        def model(clips: Clips, views: Views) -> Outputs:
            from akm_jax.descriptors.kernels import kernel_values

            features = self.features(views, arrays)
            values = kernel_values(self.kernel_name, features, arrays["vectors"], float(arrays["width"][0]))
            decisions = values @ arrays["coefficients"].T + arrays["intercepts"]
            return Outputs(count_votes(decisions, arrays["classes"], kept.num_classes))

        return model


class SVMTrainer(Trainer):
    """Trains folds with the kernels of a set."""

    def __init__(self, method: SupportVectors, views: Views, num_classes: int):
        """Args: the method, what it sees of each clip, and K."""
        super().__init__(method, views)
        self._machine, self._num_classes = method, num_classes
        self._kernels, self._config = method.kernels(views), method.svm

    def train(
        self, trainings: Sequence[Training], starts: Sequence[Start], observer: Observer
    ) -> Iterator[Sequence[Epoch]]:
        """Choose C, train, classify: one epoch, whose notes are the choice and its accuracy on inner subjects.

        Raises:
            ValueError: what the fold learns from is all of one class or of one subject, or has features that are not
                finite; the fold is named.
        """
        (training,) = trainings
        kernels = self._kernels(training)
        try:
            fitted = train_svm(kernels, training.clips, training.labels, training.subjects, self._config)
        except ValueError as error:
            place = training.place
            where = f"fold of subject {place.subject}, seed {place.seed}, training {place.training}"
            raise ValueError(f"{where}: {error}") from error
        outputs = [fitted.votes(kernels[fitted.kernel], clips, self._num_classes) for clips in training.watched]
        notes = {"cost": fitted.cost, "kernel": float(fitted.kernel)}
        if np.isfinite(fitted.inner_accuracy):
            notes["inner_accuracy"] = fitted.inner_accuracy
        yield [Epoch(1, outputs, notes, functools.partial(self._machine.keep, self._views, training, fitted))]
