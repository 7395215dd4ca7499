"""`descriptors`: the four texture descriptors over a set of CASME II's size, and leave-one-subject-out on them.

Faces are drawn at 64 x 64, which each view brings to its own size, 128 x 128. Descriptors are computed one clip after
another and folds trained one after another, as in a run, and what a fold keeps is made too. LBP-TOP is measured beside
scikit-image on a few clips: its patterns on every slice of each plane, counted by our function. Its neighbours lie
between voxels; ours lie there too in `between_voxels`, which gives the same numbers.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import leave_one_subject_out
from akm_jax.descriptors.blocks import PLANES, Grid, count_codes, normalise
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.local_binary_patterns import centres
from akm_jax.loso.rules import plan_training
from akm_jax.methods import find_method
from akm_jax.methods.lbp_top import LBPTopView
from akm_jax.methods.protocol import Context, Method, Start
from akm_jax.observe import ALL_SUBJECTS, Observer
from akm_jax.views.cache import see
from akm_jax.views.view import Clip, Views
from datasets_tfds.synthetic import ClipSpec, draw_clip
from experiments.benchmarks import timing
from experiments.benchmarks.speed import Measured

try:
    from skimage.feature import local_binary_pattern
except ImportError as error:
    raise ImportError(
        "descriptors compares with scikit-image, which is not installed: pip install scikit-image"
    ) from error

METHODS = ("lbp_top", "lbp_sip", "stclqp", "higo")
CLASSES = ("happiness", "surprise", "disgust", "repression", "sadness")
FEW_CLIPS, DRAWN_SIZE, FPS = 3, 64, 200.0
STRENGTH = 0.06  # of a real micro-expression


def measure(
    lengths: Integer[np.ndarray, " n"], subjects: Integer[np.ndarray, " n"], *, rounds: int
) -> Iterator[Measured]:
    """Rows of the descriptors, of LBP-TOP beside scikit-image, and of each method's folds.

    Args:
        lengths: of the clips, frames.
        subjects: whom they show.
        rounds: of the comparison with scikit-image.
    """
    clip_set = drawn_set(lengths, subjects)
    yield beside_scikit_image(clip_set, rounds)
    four = []
    for method in map(find_method, METHODS):
        views, row = descriptors_of(method(), clip_set)
        yield [row, folds_of(method(), clip_set, views)], {}
        four.append(row)
    total = {key: round(sum(row[key] for row in four), 2) for key in ("median_s", "cores_s")}
    yield [{"name": "descriptors/all_four", **total}], {}


def drawn_set(lengths: Integer[np.ndarray, " n"], subjects: Integer[np.ndarray, " n"]) -> ClipSet:
    """Drawn faces, a person after the other, each with as many expressions as there are classes."""
    order = np.argsort(subjects, kind="stable").tolist()
    names = [CLASSES[i % len(CLASSES)] for i in range(len(order))]
    frames = []
    for name, i in zip(names, order, strict=True):
        length, person = int(lengths[i]), int(subjects[i])
        spec = ClipSpec(0, person, i, name, STRENGTH, min_frames=length, max_frames=length, fps=FPS, size=DRAWN_SIZE)
        frames.append(draw_clip(spec).frames)
    return ClipSet.from_frames(frames, names, [f"{subjects[i]:02d}" for i in order], fps=FPS, name="drawn")


def descriptors_of(method: Method, clip_set: ClipSet) -> tuple[Views, dict[str, Any]]:
    """What the method sees of every clip, and a row of the seconds that took."""
    view = method.view
    assert view is not None
    row, views = _measured(lambda: see(view, clip_set.without_labels(), clip_set.clip_ids))
    frames = int(clip_set.lengths.sum())
    row |= {"frames_per_s": round(frames / max(row["median_s"], 0.01), 1), "clips": len(clip_set), "frames": frames}
    return views, {"name": f"descriptors/{method.name}", **row}


def folds_of(method: Method, clip_set: ClipSet, views: Views) -> dict[str, Any]:
    """A row of the seconds that all folds take: kernels, choice of C, training, and what a fold keeps."""
    share = RunOptions().inner_share
    trainings = [
        plan_training(clip_set, fold, 0, ALL_SUBJECTS, inner_share=share) for fold in leave_one_subject_out(clip_set)
    ]

    def train() -> None:
        context = Context(RunOptions(), Path(), Observer())
        trainer = method.prepare(clip_set.without_labels(), views, trainings, context)
        for training in trainings:
            ((epoch,),) = trainer.train([training], [Start()], Observer())
            assert epoch.state is not None
            epoch.state()

    row, _ = _measured(train)
    return {"name": f"loso/{method.name}", **row, "folds": len(trainings)}


def _measured(call: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    """Seconds of a call, those spent by all cores, which other work changes less, and what it returns."""
    before = time.process_time()
    result, seconds = timing.timed(call)
    return {"median_s": round(seconds, 2), "cores_s": round(time.process_time() - before, 2)}, result


def beside_scikit_image(clip_set: ClipSet, rounds: int) -> Measured:
    """Rows of LBP-TOP of the first clips, ours and scikit-image's in turn, and how many times as fast ours is."""
    few = range(min(FEW_CLIPS, len(clip_set)))
    clips = [LBPTopView().frames.of(Clip(clip_set.read(i), FPS, -1)) for i in few]
    rounded, between = LBPTopConfig(), LBPTopConfig(radii=(1, 1, 1), interpolation="bilinear")
    programs: dict[str, timing.Program] = {
        "ours": lambda _round: [rounded(frames) for frames in clips],
        "between_voxels": lambda _round: [between(frames) for frames in clips],
        "scikit_image": lambda _round: [with_scikit_image(frames, rounded.grid) for frames in clips],
    }
    seconds = timing.interleave(programs, rounds=range(rounds), warm=False)
    frames = sum(map(len, clips))
    rows = [
        {
            "name": f"lbp_top/{name}",
            **timing.describe(taken),
            "frames_per_s": round(frames / float(np.median(taken)), 1),
            "clips": len(clips),
        }
        for name, taken in seconds.items()
    ]
    theirs = seconds["scikit_image"]
    ratios = {f"lbp_top/{name}": timing.ratio(theirs, seconds[name]) for name in ("ours", "between_voxels")}
    return rows, ratios


def with_scikit_image(frames: UInt8[np.ndarray, "T H W"], grid: Grid) -> Float[np.ndarray, "p r c 3 59"]:
    """LBP-TOP by scikit-image, slice by slice: 8 neighbours at a distance of 1, uniform patterns."""
    counts = []
    for plane in PLANES:
        still = {"XY": 0, "XT": 1, "YT": 2}[plane]
        slices = [local_binary_pattern(one, 8, 1, method="nri_uniform") for one in np.moveaxis(frames, still, 0)]
        codes = np.moveaxis(np.stack(slices).astype(np.uint8), 0, still)
        counts.append(count_codes(centres(codes, (1, 1, 1)), grid, 59))
    return normalise(np.stack(counts, 3))
