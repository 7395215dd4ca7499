"""STCLQP and a support vector machine (Huang et al. 2016), our reading: codebooks are learned anew in every fold.

C is chosen with the fold's codebooks, which all training subjects took part in.
"""

import dataclasses
import weakref
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from akm_jax.descriptors.codebooks import CodebookConfig
from akm_jax.descriptors.kernels import KernelName
from akm_jax.descriptors.stclqp import STCLQPConfig
from akm_jax.methods._support_vectors import Frames, Kernels, SupportVectors
from akm_jax.methods.protocol import Training
from akm_jax.views.view import Clip, Views


@dataclasses.dataclass(frozen=True)
class STCLQPView:
    """Counts of the codes of a clip."""

    frames: Frames = Frames()
    stclqp: STCLQPConfig = STCLQPConfig(radii=(1, 1, 0))
    """Rt 0: 4 from 150 frames/s on, else 2."""

    def __call__(self, clip: Clip) -> np.ndarray:
        """Counts by map, block and code."""
        rx, ry, rt = self.stclqp.radii
        stclqp = dataclasses.replace(self.stclqp, radii=(rx, ry, self.frames.radius_t(clip, rt)))
        return stclqp(self.frames.of(clip))


@dataclasses.dataclass(frozen=True)
class STCLQP(SupportVectors):
    """Spatiotemporal completed local quantized patterns."""

    name: ClassVar[str] = "stclqp"
    title: ClassVar[str] = "STCLQP, our reading"
    source: ClassVar[str] = "Huang, Zhao, Hong, Zheng, Pietikainen, Neurocomputing 175, 2016"
    ours: ClassVar[str] = (
        "most of it: the paper was not at hand; codes, code books and kernel are read from its abstract and reviews"
    )
    cost: ClassVar[str] = "70 ms of a core a clip of 67 frames; 30 s of a core for all folds"
    clip_seconds: ClassVar[float] = 0.1
    view: STCLQPView = STCLQPView()
    codebook: CodebookConfig = CodebookConfig()
    kernel: Literal["linear", "chi2"] = "linear"

    @property
    def asks_rate(self) -> bool:
        """Where the radius in time is left to it."""
        return self.view.stclqp.radii[2] == 0

    @property
    def kernel_name(self) -> KernelName:
        """As chosen."""
        return self.kernel

    def kernels(self, views: Views) -> Kernels:
        """Matrices for each number of words, with the codebooks of the training clips."""
        return CodebookKernels(self, views)

    def learned(self, views: Views, training: Training, chosen: int) -> dict[str, np.ndarray]:
        """The codebooks with the number of words that was chosen."""
        _, clips = _histograms(views)
        return {"codebooks": _learn(self.codebook, clips, training, self.codebook.words[chosen])}

    def features(self, views: Views, learned: Mapping[str, np.ndarray]) -> np.ndarray:
        """Histograms of words."""
        from akm_jax.descriptors.codebooks import features

        blocks, _ = _histograms(views)
        return features(blocks, learned["codebooks"])


class CodebookKernels:
    """Kernels of STCLQP: what all folds share, and the codebooks of one."""

    def __init__(self, method: STCLQP, views: Views):
        """Args: the method, and the counts of every clip."""
        self._blocks, self._clips = _histograms(views)
        self._codebook, self._kernel = method.codebook, method.kernel

    def codebooks(self, training: Training, words: int) -> np.ndarray:
        """The word of each code, (9 maps, 2^P), from the training clips alone."""
        return _learn(self._codebook, self._clips, training, words)

    def __call__(self, training: Training) -> list[np.ndarray]:
        """One matrix for each number of words."""
        return [self._matrix(training, words) for words in self._codebook.words]

    def _matrix(self, training: Training, words: int) -> np.ndarray:
        from akm_jax.descriptors.codebooks import features
        from akm_jax.descriptors.kernels import chi2_distances, chi2_kernel, linear_kernel

        rows = features(self._blocks, self.codebooks(training, words))
        if self._kernel == "linear":
            return linear_kernel(rows)
        return chi2_kernel(chi2_distances(rows), training.clips)


_HISTOGRAMS: weakref.WeakKeyDictionary[Views, tuple[np.ndarray, np.ndarray]] = weakref.WeakKeyDictionary()


def _histograms(views: Views) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of the blocks and of the whole of every clip; all folds share them, and what each of them keeps."""
    from akm_jax.descriptors.codebooks import block_histograms, clip_histograms

    if views not in _HISTOGRAMS:
        counts = views.stack(np.arange(len(views)))
        _HISTOGRAMS[views] = block_histograms(counts), clip_histograms(counts)
    return _HISTOGRAMS[views]


def _learn(config: CodebookConfig, clips: np.ndarray, training: Training, words: int) -> np.ndarray:
    """Codebooks of the training clips alone, of the histograms of all."""
    from akm_jax.descriptors.codebooks import learn_codebooks

    own = clips[training.clips]
    return learn_codebooks(own, training.labels, words_per_class=config.words_per_class, words=words)


METHOD = STCLQP
