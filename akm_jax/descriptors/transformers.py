"""The descriptors as transformers of scikit-learn: lists of clips in, (n, d) float32 out.

    pipeline = make_pipeline(LBPTop(radii=(1, 1, 2)), SVC(kernel="linear"))
    GridSearchCV(pipeline, {"svc__C": [1, 10]}, cv=LeaveOneGroupOut()).fit(clips, labels, groups=subjects)

A clip is its grey frames, uint8 (T, H, W); for FHOFO its flow, for MDMO a pair of flow and landmarks. Parameters are
the settings of the descriptor, by keyword. All but STCLQP learn nothing, and none resizes frames or resamples clips.
"""

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from akm_jax.descriptors.codebooks import block_histograms, clip_histograms, features, learn_codebooks
from akm_jax.descriptors.fhofo import FHOFOConfig
from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.mdmo import MDMOConfig
from akm_jax.descriptors.stclqp import STCLQPConfig


class ClipTransformer(TransformerMixin, BaseEstimator):
    """Base of the transformers; a subclass names its settings' class, whose fields become its parameters."""

    Config: ClassVar[Any]

    def __init_subclass__(cls, *, config: Any, extra: dict[str, Any] | None = None, **options: Any) -> None:
        """Args: the class of settings; further parameters and their defaults."""
        super().__init_subclass__(**options)
        cls.Config = config
        defaults = {name: p.default for name, p in inspect.signature(config).parameters.items()} | (extra or {})

        def init(self: ClipTransformer, **settings: Any) -> None:
            unknown = sorted(set(settings) - set(defaults))
            if unknown:
                raise TypeError(f"{cls.__name__} has no parameters {unknown}; it has {', '.join(defaults)}")
            for name, value in (defaults | settings).items():
                setattr(self, name, value)

        kind = inspect.Parameter
        named = [kind(name, kind.KEYWORD_ONLY, default=default) for name, default in defaults.items()]
        init.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # where scikit-learn reads parameters
            [kind("self", kind.POSITIONAL_ONLY), *named]
        )
        cls.__init__ = init  # type: ignore[assignment, method-assign]

    @property
    def config(self) -> Any:
        """The settings."""
        return self.Config(**{name: getattr(self, name) for name in inspect.signature(self.Config).parameters})

    def fit(self, clips: Sequence[Any], labels: Any = None) -> "ClipTransformer":
        """Check the settings; nothing is learned from clips."""
        _ = self.config
        return self

    def transform(self, clips: Sequence[Any]) -> Float32[np.ndarray, "n d"]:
        """One row for each clip.

        Raises:
            ValueError: no clips, a clip that the descriptor refuses, or rows of different lengths.
        """
        return _stack([self.config(clip) for clip in clips])

    def get_feature_names_out(self, names: Any = None) -> np.ndarray:
        """A name for each column."""
        return np.array(self.config.feature_names(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class LBPTop(ClipTransformer, config=LBPTopConfig):
    """LBP-TOP."""


class LBPSip(ClipTransformer, config=LBPSipConfig):
    """LBP-SIP."""


class HIGO(ClipTransformer, config=HIGOConfig):
    """HIGO, or HOG-TOP with `weights="magnitude"`."""


class FHOFO(ClipTransformer, config=FHOFOConfig, extra={"pairs": 9}):
    """FHOFO of flow (N, H, W, 2) of consecutive frames; `pairs` is N where names of columns are asked for."""

    def get_feature_names_out(self, names: Any = None) -> np.ndarray:
        """A name for each column, of `pairs` frame pairs."""
        return np.array(self.config.feature_names(self.pairs), dtype=object)  # type: ignore[attr-defined]


class MDMO(ClipTransformer, config=MDMOConfig):
    """MDMO; a clip is a pair of its flow from the first frame, (N, H, W, 2), and its landmarks, (68, 2)."""

    def transform(self, clips: Sequence[Any]) -> Float32[np.ndarray, "n 72"]:
        """One row for each clip."""
        return _stack([self.config(flow, landmarks) for flow, landmarks in clips])


class STCLQP(ClipTransformer, config=STCLQPConfig, extra={"words_per_class": 16, "words": 32}):
    """STCLQP, our reading; `fit` learns the codebooks from clips and their classes."""

    def fit(self, clips: Sequence[Any], labels: Any = None) -> "STCLQP":
        """Learn the codebooks.

        Raises:
            ValueError: no labels, or not one a clip.
        """
        if labels is None or len(labels) != len(clips):
            given = "none" if labels is None else len(labels)
            raise ValueError(f"STCLQP learns words that tell classes apart: expected {len(clips)} labels, got {given}")
        counts, settings = self._counts(clips), {"words_per_class": self.words_per_class, "words": self.words}  # type: ignore[attr-defined]
        self.codebooks_ = learn_codebooks(clip_histograms(counts), np.asarray(labels), **settings)
        return self

    def transform(self, clips: Sequence[Any]) -> Float32[np.ndarray, "n d"]:
        """One row for each clip, by plane and component, block and word."""
        check_is_fitted(self, "codebooks_")
        return features(block_histograms(self._counts(clips)), self.codebooks_)

    def get_feature_names_out(self, names: Any = None) -> np.ndarray:
        """A name for each column."""
        check_is_fitted(self, "codebooks_")
        blocks, words = self.config.grid.names(), range(self.codebooks_.max() + 1)
        return np.array([f"map{m}_{block}_{k}" for m in range(9) for block in blocks for k in words], dtype=object)

    def _counts(self, clips: Sequence[Any]) -> np.ndarray:
        return _stack([self.config(clip) for clip in clips])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "codebooks_")


def _stack(rows: Sequence[np.ndarray]) -> np.ndarray:
    lengths = sorted({len(row.ravel()) for row in rows})
    if len(lengths) != 1:
        raise ValueError(
            f"expected clips that give rows of one length, got {len(rows)} clips and lengths {lengths}; resample them "
            "to one number of frames, or take settings that do not depend on it"
        )
    return np.stack(rows)
