"""A set of drawn long videos on disk, in the layout of a real one, with the truth about it in `truth.json`."""

import dataclasses
import json
import os
import pathlib
from typing import Any

import cv2
import numpy as np

from datasets_tfds.synthetic import long_irregularities, sheets
from datasets_tfds.synthetic.corpus import TRUTH_FILE, complete_or_nothing, shown
from datasets_tfds.synthetic.long_layouts import (
    CAS_ME2,
    LONG_LAYOUTS,
    LongLayout,
    SheetRow,
    SheetVideo,
    place_video,
    row_name,
    sheet_grids,
)
from datasets_tfds.synthetic.long_videos import LongPlan, LongSpec, draw_frames, plan_video


@dataclasses.dataclass(frozen=True)
class LongCorpusConfig:
    """What long videos to draw."""

    layout: str = "cas_me2"
    """On-disk layout: cas_me2 or samm_lv."""
    subjects: int = 6
    """Number of people."""
    videos: int = 2
    """Videos of each person."""
    seconds: float = 30.0
    """Length of a video, give or take a tenth."""
    fps: float | None = None
    """Frames per second that are drawn; None: 30 for cas_me2, and 40 for samm_lv, whose camera takes 200: its videos
    then have a fifth of the frames, and so have its expressions."""
    macros: int = 2
    """Macro-expressions a video."""
    micros: int = 3
    """Micro-expressions a video."""
    talks: int = 4
    """Times a video that the person talks, which is not annotated."""
    seed: int = 0
    """Seed of everything drawn; the same seed gives the same bytes."""
    strength: float = 1.0
    """Amplitude of the expressions; 0 removes them and keeps everything else (negative control)."""
    size: int = 112
    """Width of the face, pixels; pictures are 1.5 x 1.35 times as large."""
    irregular: bool = False
    """Plant the irregularities of the real folders and tables, and list them in truth.json."""

    def __post_init__(self):
        if self.layout not in LONG_LAYOUTS:
            raise ValueError(f"unknown layout {self.layout!r} of long videos; expected one of {sorted(LONG_LAYOUTS)}")
        most = len(LONG_LAYOUTS[self.layout].subjects)
        if not 1 <= self.subjects <= most:
            raise ValueError(f"subjects must be 1..{most} for {self.layout}, got {self.subjects}")
        for name, least in (("videos", 1), ("seed", 0), ("size", 32)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        rows = self.subjects * self.videos * (self.macros + self.micros)
        if self.irregular and (rows < long_irregularities.MIN_ROWS or self.subjects < 3 or not self.macros):
            raise ValueError(
                f"irregular needs at least 3 subjects and {long_irregularities.MIN_ROWS} expressions, macros among "
                f"them; got {self.subjects} subjects and {rows} expressions"
            )
        self.spec(0, 0)  # raises where a video can't hold what it should

    @property
    def chosen_layout(self) -> LongLayout:
        """The layout itself."""
        return LONG_LAYOUTS[self.layout]

    def spec(self, subject: int, index: int) -> LongSpec:
        """The drawing orders of a video; both count from 0."""
        return LongSpec(
            seed=self.seed,
            subject=subject,
            index=index,
            seconds=self.seconds,
            fps=self.chosen_layout.drawn_fps if self.fps is None else self.fps,
            macros=self.macros,
            micros=self.micros,
            talks=self.talks,
            strength=self.strength,
            size=self.size,
        )


def write_long_corpus(
    config: LongCorpusConfig, out: str | os.PathLike[str], *, show_progress: bool = False
) -> pathlib.Path:
    """Draw a set and write it to `out`, which must not exist or be empty; an interrupted call leaves nothing.

    Returns:
        `out`, which now holds the layout's top folder, its table and `truth.json`.
    """
    out = pathlib.Path(out).absolute()
    with complete_or_nothing(out) as root:
        layout = config.chosen_layout
        plans, videos = _plan(config)
        planted = []
        if config.irregular:
            planted += long_irregularities.plan(layout, videos, [plan.num_frames for plan in plans], config.seed)
            if layout is CAS_ME2:
                planted += _add_stray(config, plans, videos)
        progress = shown("Drawing videos") if show_progress else iter
        for plan, video in progress(list(zip(plans, videos, strict=True))):
            _write_frames(root / layout.top / video.folder, layout, plan, video)
        sheets.write_workbook(root / layout.table, sheet_grids(layout, [video for video in videos if video.rows]))
        above = pathlib.PurePosixPath(layout.top)
        if config.irregular:
            planted += long_irregularities.spoil(root, layout, videos)
            above = above / layout.top
        told = [_truth(layout, plan, video, above) for plan, video in zip(plans, videos, strict=True)]
        truth = {"config": dataclasses.asdict(config), "videos": told, "planted": planted}
        (root / TRUTH_FILE).write_text(json.dumps(truth, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return out


def _plan(config: LongCorpusConfig) -> tuple[list[LongPlan], list[SheetVideo]]:
    """What happens in each video, and what it is called."""
    numbers = [(subject, index) for subject in range(config.subjects) for index in range(config.videos)]
    plans = [plan_video(config.spec(*number)) for number in numbers]
    videos = [place_video(config.chosen_layout, *number) for number in numbers]
    for plan, video in zip(plans, videos, strict=True):
        video.rows = [_row(config.chosen_layout, video, plan, k) for k in range(len(plan.expressions))]
    return plans, videos


def _row(layout: LongLayout, video: SheetVideo, plan: LongPlan, k: int) -> SheetRow:
    expression, interval = plan.expressions[k]
    emotion = interval.emotion if layout is CAS_ME2 else ""  # SAMM's table has no column of them
    name = row_name(layout, video, k + 1)
    truth = {**dataclasses.asdict(interval), "emotion": emotion, "name": name}
    units = "+".join(map(str, expression.action_units))
    numbers = (interval.onset + 1, interval.apex + 1, interval.offset + 1)
    return SheetRow(name, *numbers, interval.type, emotion, units, truth)


def _add_stray(config: LongCorpusConfig, plans: list[LongPlan], videos: list[SheetVideo]) -> list[dict[str, str]]:
    """A video without an expression under another subject's folder."""
    subject = CAS_ME2.subjects.index(19)
    spec = dataclasses.replace(config.spec(subject, config.videos), seconds=2.0, macros=0, micros=0, talks=0)
    plans.append(plan_video(spec))
    stray = long_irregularities.STRAY
    videos.append(SheetVideo(long_irregularities.STRAY_ID, 19, subject + 1, "", stray, "img", CAS_ME2.digits))
    return [{"kind": "stray_folder", "path": f"{CAS_ME2.top}/{CAS_ME2.top}/{stray}"}]


def _write_frames(folder: pathlib.Path, layout: LongLayout, plan: LongPlan, video: SheetVideo) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(draw_frames(plan), 1):
        picture = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if layout.is_colour else frame
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        (folder / video.frame_name(number)).write_bytes(data)


def _truth(layout: LongLayout, plan: LongPlan, video: SheetVideo, above: pathlib.PurePosixPath) -> dict[str, Any]:
    """The truth about a video; frames are 0-based, places are pixels of the picture."""
    return {
        "video": video.video_id,
        "path": str(above / video.folder),
        "subject": str(video.subject),
        "fps": layout.fps,
        "num_frames": plan.num_frames,
        "box": list(plan.box),
        "landmarks": np.round(plan.landmarks, 3).tolist(),
        "intervals": [row.truth for row in video.rows],
        "drawn": [dataclasses.asdict(interval) for _, interval in plan.expressions],
        "talking": [list(span) for span in plan.talking],
        "blinks": [list(span) for span in plan.blinks],
        "head_shift_px": np.round(plan.head_shift, 3).tolist(),
    }
