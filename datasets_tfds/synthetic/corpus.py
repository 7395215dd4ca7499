"""A corpus of drawn clips on disk, in the layout of a real data set, with the truth about it in `truth.json`.

`landmarks.csv` has the 68 points of each clip's first frame, in its pixels, where faces are drawn.
"""

import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from akm_jax.observe import make_console
from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS
from akm_jax.progress import track
from datasets_tfds.synthetic import (
    annotated_corpus,
    annotated_irregularities,
    irregularities,
    layouts,
)
from datasets_tfds.synthetic.annotated_layouts import AnnotatedLayout
from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.clips import ClipSpec, DrawnClip, draw_clip, locate_landmarks
from datasets_tfds.synthetic.config import CorpusConfig
from datasets_tfds.synthetic.landmarks import face_box
from datasets_tfds.synthetic.noise import draw_noise

TRUTH_FILE = "truth.json"
LANDMARKS_FILE = "landmarks.csv"
_NON_MICRO_INDEX = 10_000  # clip index of a subject's first clip without expression
_NON_MICRO_CLIPS = 2


@dataclasses.dataclass(frozen=True)
class PlannedClip:
    """A clip before it is drawn.

    Attributes:
        subject: the subject's number in the layout.
        label: class name, or "non_micro".
        number: number of the clip among the subject's clips of that class, from 1.
        first_frame: frame number of the onset.
        spec: how to draw it.
    """

    subject: int
    label: str
    number: int
    first_frame: int
    spec: ClipSpec


def plan_corpus(config: CorpusConfig) -> list[PlannedClip]:
    """List the clips of a corpus, subject by subject. A clip depends on seed, subject and index only."""
    layout = config.chosen_layout
    counts = layout.clips_per_subject if config.published_counts else (config.clips,) * config.subjects
    labels = _published_labels(config) if config.published_counts else _balanced_labels(config)
    plan: list[PlannedClip] = []
    for subject, (number, clips) in enumerate(zip(layout.subject_numbers(len(counts)), counts, strict=True)):
        seen: dict[str, int] = {}
        for index in range(clips):
            label = labels[subject][index]
            seen[label] = seen.get(label, 0) + 1
            plan.append(_plan_clip(config, subject, index, number, label, seen[label]))
        for k in range(_NON_MICRO_CLIPS if config.layout == "smic" and config.chosen_variant == "raw" else 0):
            plan.append(_plan_clip(config, subject, _NON_MICRO_INDEX + k, number, "non_micro", k + 1))
    return plan


def write_corpus(config: CorpusConfig, out: str | os.PathLike[str], *, show_progress: bool = False) -> pathlib.Path:
    """Draw a corpus and write it to `out`, which must not exist or be empty.

    Everything is written to a temporary folder beside `out` that takes its name at the end, so an interrupted call
    leaves no half-written corpus.

    Returns:
        `out`, which now holds the layout's top folder, `truth.json` and, of faces, `landmarks.csv`.
    """
    out = pathlib.Path(out).absolute()
    with complete_or_nothing(out) as root:
        plan, layout = plan_corpus(config), config.chosen_layout
        progress = shown("Drawing clips") if show_progress else iter
        if isinstance(layout, AnnotatedLayout):
            clips, planted, specs = _write_annotated(config, layout, root, plan, progress)
        else:
            clips = [entry for planned in progress(plan) for entry in _write_clip(config, root, planned)]
            planted = irregularities.plant(root, clips, config.seed) if config.irregular else []
            specs = {_clip_folder(config, config.cameras[0], one).name: one.spec for one in plan}
        if config.pictures == "faces":
            _write_landmarks(root / LANDMARKS_FILE, specs)
        truth = {"config": dataclasses.asdict(config), "clips": clips, "planted": planted}
        (root / TRUTH_FILE).write_text(json.dumps(truth, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return out


def shown(what: str) -> Callable[[Sequence], Iterable]:
    """What shows work on a sequence, on standard error."""
    return lambda items: track(items, what, len(items), make_console())


def _drawing(config: CorpusConfig) -> Callable[[ClipSpec], DrawnClip]:
    return draw_clip if config.pictures == "faces" else draw_noise


def _write_annotated(
    config: CorpusConfig,
    layout: AnnotatedLayout,
    root: pathlib.Path,
    plan: Sequence[PlannedClip],
    progress: Callable[[Sequence], Iterable],
) -> tuple[list[dict[str, Any]], list[dict[str, str]], dict[str, ClipSpec]]:
    """Write clips and table in the layout of a set that has one.

    Returns:
        The truth about each clip, what was planted, and how each clip was drawn, by its id.
    """
    variant, planted = config.chosen_variant, []
    clips = [
        annotated_corpus.plan_clip(layout, one.spec, one.subject, one.label, one.spec.index, one.first_frame)
        for one in plan
    ]
    annotated_corpus.name_known_clips(layout, clips)
    if config.irregular:
        planted += annotated_irregularities.plan(layout, variant, clips, config.seed)
    peaks = annotated_corpus.write_frames(root, layout, variant, progress(clips), _drawing(config))
    spell = annotated_irregularities.spell_header if config.irregular else str
    annotated_corpus.write_table(root / layout.tables[config.edition - 1], layout, clips, spell)
    above = pathlib.PurePosixPath()
    if config.irregular:
        planted += annotated_irregularities.spoil(root, layout, variant, clips, config.seed)
        above = above / layout.tops[variant]
    pairs = zip(clips, peaks, strict=True)
    truth = [annotated_corpus.truth_of(layout, variant, clip, peak, above) for clip, peak in pairs]
    return truth, planted, {clip.clip_id(layout): clip.spec for clip in clips}


def _write_landmarks(path: pathlib.Path, specs: Mapping[str, ClipSpec]) -> None:
    """Write the landmarks of clips by their ids, as `akm_jax.prepare.LandmarkTable` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["video", *BOX_COLUMNS, *POINT_COLUMNS])
        for clip_id, spec in specs.items():
            points = locate_landmarks(spec)
            writer.writerow([clip_id, *(f"{value:.3f}" for value in (*face_box(points), *points.ravel()))])


def _balanced_labels(config: CorpusConfig) -> list[list[str]]:
    """Labels of each subject's clips: every class once, in random order, again and again."""
    classes = list(config.chosen_layout.class_emotions)
    blocks = -(-config.clips // len(classes))
    return [
        [
            classes[k]
            for block in range(blocks)
            for k in random_stream(config.seed, Stream.LABELS, subject, block).permutation(len(classes))
        ]
        for subject in range(config.subjects)
    ]


def _published_labels(config: CorpusConfig) -> list[list[str]]:
    """The set's class counts dealt out at random over all its clips."""
    layout = config.chosen_layout
    labels = [name for name, count in layout.clips_per_class.items() for _ in range(count)]
    order = random_stream(config.seed, Stream.PUBLISHED_LABELS).permutation(len(labels))
    ends = np.cumsum(layout.clips_per_subject)
    return [[labels[k] for k in part] for part in np.split(order, ends[:-1])]


def _plan_clip(
    config: CorpusConfig, subject: int, index: int, subject_number: int, label: str, number: int
) -> PlannedClip:
    rng = random_stream(config.seed, Stream.FRAME_NUMBERS, subject, index)
    first_frame, choice = int(rng.integers(1_000, 90_000)), rng.uniform()
    is_micro = label != "non_micro"
    emotions = config.chosen_layout.class_emotions[label] if is_micro else ("others",)
    emotion = emotions[int(choice * len(emotions))]
    spec = config.clip_spec(subject, index, emotion, strength=config.strength if is_micro else 0.0)
    return PlannedClip(subject_number, label, number, first_frame, spec)


def _write_clip(config: CorpusConfig, root: pathlib.Path, planned: PlannedClip) -> Iterator[dict[str, Any]]:
    """Draw a clip, write its frames for every camera, and yield the truth of each."""
    drawn = _drawing(config)(planned.spec)
    for name in config.cameras:
        camera = config.chosen_layout.cameras[name]
        folder = _clip_folder(config, name, planned)
        frames = drawn.frames[:: camera.step]
        if name == "NIR":
            frames = _near_infrared(frames)
        digits = irregularities.draw_digits(planned.spec) if config.irregular else 6
        (root / folder).mkdir(parents=True)
        for k, frame in enumerate(frames):
            path = root / folder / layouts.smic_frame_name(config.chosen_variant, planned.first_frame + k, digits)
            path.write_bytes(cv2.imencode(".bmp", frame)[1].tobytes())
        yield _truth(planned, drawn, name, camera, folder, len(frames))


def _clip_folder(config: CorpusConfig, camera: str, planned: PlannedClip) -> pathlib.PurePosixPath:
    if planned.label == "non_micro":
        return layouts.smic_non_micro_folder(camera, planned.subject, planned.number)
    return layouts.smic_clip_folder(config.chosen_variant, camera, planned.subject, planned.label, planned.number)


def _near_infrared(frames: np.ndarray) -> np.ndarray:
    """How the near-infrared camera would see it: paler, flatter."""
    return np.rint(255.0 * (0.06 + 0.88 * (frames / 255.0) ** 0.75)).astype(np.uint8)


def _truth(
    planned: PlannedClip,
    drawn: DrawnClip,
    camera_name: str,
    camera: layouts.Camera,
    folder: pathlib.PurePosixPath,
    num_frames: int,
) -> dict[str, Any]:
    """The truth about a clip as one camera shows it; frame numbers are those of the file names."""
    shares = drawn.shares[:: camera.step]
    apex = int(np.argmax(shares))
    is_micro = planned.label != "non_micro"
    return {
        "clip": folder.name,
        "camera": camera_name,
        "path": str(folder),
        "subject": str(planned.subject),
        "class": planned.label,
        "emotion": drawn.expression.emotion if is_micro else None,
        "action_units": list(drawn.expression.action_units) if is_micro else [],
        "onset": planned.first_frame,
        "apex": planned.first_frame + apex if is_micro else None,
        "offset": planned.first_frame + num_frames - 1,
        "num_frames": num_frames,
        "fps": camera.fps,
        "peak_displacement_px": round(drawn.peak_displacement_px * float(shares[apex]), 4),
    }


@contextlib.contextmanager
def complete_or_nothing(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to write to that becomes `out` if all goes well and vanishes if not."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not an empty folder; remove it or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    try:
        root = temporary / "corpus"
        root.mkdir()
        yield root
        root.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
