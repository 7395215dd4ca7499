"""Faces that show nothing: whatever a method is, it must not tell their classes."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from akm_jax.config import AKMNetConfig, ModelConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.descriptors.codebooks import CodebookConfig
from akm_jax.descriptors.fhofo import FHOFOConfig
from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.stclqp import STCLQPConfig
from akm_jax.methods import method_names
from akm_jax.methods._support_vectors import Frames
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.fhofo import FHOFO, FHOFOView
from akm_jax.methods.higo import HIGO, HIGOView
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.lbp_sip import LBPSip, LBPSipView
from akm_jax.methods.lbp_top import LBPTop, LBPTopView
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.mdmo import MDMO, MDMOView
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.rcn import RCN
from akm_jax.methods.resnet18 import SingleFrameResNet18
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.stclqp import STCLQP, STCLQPView
from akm_jax.methods.strcn import STRCN
from akm_jax.methods.ststnet import STSTNet
from akm_jax.methods.vgg11 import SingleFrameVGG11
from akm_jax.metrics import majority_band
from akm_jax.run import run_loso
from akm_jax.views.apex_motion import ApexMotion
from akm_jax.views.flow_mosaic import FlowMosaic
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.magnified_flow import MagnifiedFlow
from datasets_tfds.synthetic import ClipSpec, draw_clip

SIZE, FPS = 32, 100.0
SUBJECTS, EMOTIONS = 8, ("disgust", "happiness", "surprise")
FRAMES, GRID = Frames(size=SIZE), {"rows": 2, "cols": 2}
SHORT = {"epochs": 1, "steps_per_epoch": 4, "clips_per_step": 4}


def flow(size, **changes):
    return FlowPicture(size=size, flow="farneback", **changes)


def akmnet():
    tiny = AKMNetConfig.preset("tiny")
    model = ModelConfig(image_size=SIZE, widths=(4, 4, 8, 8), gru_hidden=4)
    return AKMNet(dataclasses.replace(tiny, train=dataclasses.replace(tiny.train, epochs=3, parts=1), model=model))


SMALL = (
    akmnet(),
    ATNet(view=ApexMotion(flow="farneback"), **SHORT),
    FHOFO(view=FHOFOView(Frames(SIZE, 4), FHOFOConfig(2, 2))),
    HIGO(view=HIGOView(FRAMES, HIGOConfig(**GRID))),
    HTNet(dim=3, epochs=2, clips_per_step=4, view=FlowMosaic(flow="farneback")),
    LBPSip(view=LBPSipView(FRAMES, LBPSipConfig(**GRID, radius_t=0))),
    LBPTop(view=LBPTopView(FRAMES, LBPTopConfig(**GRID, radii=(1, 1, 0)))),
    Macro2Micro(**SHORT),
    MDMO(view=MDMOView(FRAMES, flow="farneback", landmarks="mean")),
    MicroAttention(**SHORT),
    OffApexNet(view=flow(28, strain=False), epochs=10),
    RCN(view=flow(60), epochs=2, features=4),
    SingleFrameResNet18.preset("tiny"),
    SingleFrameVGG11.preset("tiny"),
    SSSNet(view=flow(64), epochs=2),
    STCLQP(view=STCLQPView(FRAMES, STCLQPConfig(**GRID, radii=(1, 1, 0))), codebook=CodebookConfig(6, (8, 16))),
    STRCN(view=MagnifiedFlow(flow="farneback", alphas=(8, 12)), features=2, epochs=1),
    STSTNet(view=flow(28, scale="bytes"), epochs=20),
)


@pytest.fixture(scope="module")
def faces():
    """Each person once in each class, at rest: so a method that always says the same is right in a third."""
    each = [(subject, k) for subject in range(SUBJECTS) for k in range(len(EMOTIONS))]
    span = {"min_frames": 11, "max_frames": 15}
    drawn = [draw_clip(ClipSpec(0, s, k, EMOTIONS[k], strength=0.0, size=SIZE, fps=FPS, **span)) for s, k in each]
    return ClipSet.from_frames(
        [clip.frames for clip in drawn],
        [EMOTIONS[k] for _, k in each],
        [f"s{subject}" for subject, _ in each],
        fps=FPS,
        apexes=[clip.apex for clip in drawn],
        name="at rest",
    )


@pytest.mark.long
@pytest.mark.parametrize("method", SMALL, ids=lambda method: method.name)
def test_nobody_tells_the_class_of_a_face_at_rest(faces, tmp_path, method):
    """The band is so wide that by chance one of all methods leaves it in one of twenty such corpora."""
    summary = run_loso(method, faces, tmp_path / "run", rules="last", console=Console(quiet=True), views_dir=tmp_path)
    low, high = majority_band(np.asarray(faces.labels), level=1 - 0.05 / len(SMALL))
    assert low <= summary["rules"]["last"]["accuracy"] <= high


def test_all_methods_are_asked():
    assert sorted(method.name for method in SMALL) == sorted(method_names())
