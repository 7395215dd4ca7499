"""Facial micro-expression recognition in JAX: AKMNet, and leave-one-subject-out evaluation of any method.

What a user needs stands here, and is imported when it is first used:

    import akm_jax
    clip_set = akm_jax.ClipSet.from_frames(frames, labels, subjects)   # or datasets_tfds.source.load_clip_set(...)
    summary = akm_jax.run_loso(akm_jax.AKMNet(akm_jax.AKMNetConfig.preset("tiny")), clip_set, "runs/first")
"""

import importlib
import platform
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if sys.platform == "win32" or (sys.platform == "darwin" and platform.machine() == "x86_64"):
    raise ImportError(
        "akm_jax runs on Linux, and on macOS with Apple silicon; on Windows use it within WSL2: array-record and JAX, "
        "which it needs, have no releases for Windows or for Intel Macs"
    )

_PLACES = {
    "AKMNet": "akm_jax.methods.akmnet",
    "AKMNetConfig": "akm_jax.config",
    "ModelConfig": "akm_jax.config",
    "PretrainConfig": "akm_jax.config",
    "RunOptions": "akm_jax.config",
    "TrainConfig": "akm_jax.config",
    "ClipSet": "akm_jax.data.clip_set",
    "pool_clip_sets": "akm_jax.data.pooling",
    "Clip": "akm_jax.views.view",
    "LeakError": "akm_jax.views.view",
    "Views": "akm_jax.views.view",
    "Epoch": "akm_jax.methods.protocol",
    "Method": "akm_jax.methods.protocol",
    "Outputs": "akm_jax.methods.protocol",
    "Start": "akm_jax.methods.protocol",
    "Training": "akm_jax.methods.protocol",
    "load_classifier": "akm_jax.classifier",
    "predict": "akm_jax.classifier",
    "read_frames": "akm_jax.data.own_clip",
    "run_loso": "akm_jax.run",
    "score_predictions": "akm_jax.run",
    "write_report": "akm_jax.report.page",
}
__all__ = ["__version__", *_PLACES]

if TYPE_CHECKING:
    from akm_jax.classifier import load_classifier, predict
    from akm_jax.config import AKMNetConfig, ModelConfig, PretrainConfig, RunOptions, TrainConfig
    from akm_jax.data.clip_set import ClipSet
    from akm_jax.data.own_clip import read_frames
    from akm_jax.data.pooling import pool_clip_sets
    from akm_jax.methods.akmnet import AKMNet
    from akm_jax.methods.protocol import Epoch, Method, Outputs, Start, Training
    from akm_jax.report.page import write_report
    from akm_jax.run import run_loso, score_predictions
    from akm_jax.views.view import Clip, LeakError, Views


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'akm_jax' has no attribute {name!r}; it has {', '.join(sorted(_PLACES))}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
