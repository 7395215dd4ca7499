"""A picture of one drawn clip before and after alignment and magnification.

    python -m experiments.pictures preparation --output=docs/preparation.png

Upper row: the camera's picture of a turned head, the aligned face at the first frame and at the apex, and the magnified
apex. Lower row: one column of pixels over time, before and after magnification, and where the apex differs from the
first frame. The clip has the strength of a real micro-expression, 0.06.
"""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from akm_jax.prepare import AlignConfig, MeshEyes, align_clip, magnify
from datasets_tfds.synthetic import ClipSpec, draw_clip

INK, PAPER, MARK = (40, 40, 40), (255, 255, 255), (230, 90, 40)
GAP, CAPTION = 16, 44  # pixels between panels, and for the words above each


@dataclasses.dataclass(frozen=True)
class PictureConfig:
    """A drawn clip before and after alignment and magnification."""

    output: Path = Path("docs/preparation.png")
    """PNG file."""
    seed: int = 13
    """Seed of the drawn person and expression."""
    subject: int = 3
    """Number of the person."""
    emotion: str = "surprise"
    """Expression."""
    turn_deg: float = 11.0
    """How far the head is turned in the camera's picture, degrees."""
    alpha: float = 15.0
    """Magnification."""
    side: int = 256
    """Side of the aligned face, pixels."""

    def draw(self) -> None:
        """Draw, align, magnify, lay out, write."""
        main(self)


def main(config: PictureConfig) -> None:
    """Draw, align, magnify, lay out, write."""
    spec = ClipSpec(
        config.seed, config.subject, 0, config.emotion, 0.06, min_frames=60, size=config.side, raw=True, max_frames=60
    )
    clip = draw_clip(spec)
    raw = [turn(frame, config.turn_deg) for frame in clip.frames]
    aligned = align_clip(raw, MeshEyes(), config=AlignConfig(config.side, config.side))
    magnified = magnify(aligned, alpha=config.alpha)
    column = busiest_column(magnified, clip.apex)
    apex = f"frame {clip.apex + 1}, the apex"
    upper = [
        ("camera, frame 1 of 60", fit_height(raw[0], config.side)),
        ("aligned, frame 1", mark_column(aligned[0], column)),
        (f"aligned,\n{apex}", mark_column(aligned[clip.apex], column)),
        (f"magnified {1 + config.alpha:g} times,\n{apex}", mark_column(magnified[clip.apex], column)),
    ]
    width = sum(panel.shape[1] for _, panel in upper) + 3 * GAP
    slice_width = (width - 2 * config.side - 3 * GAP) // 2
    lower = [
        ("marked column over time,\naligned", over_time(aligned, column, slice_width)),
        (f"marked column over time,\nmagnified {1 + config.alpha:g} times", over_time(magnified, column, slice_width)),
        ("apex minus frame 1,\naligned", difference(aligned, clip.apex)),
        ("apex minus frame 1,\nmagnified", difference(magnified, clip.apex)),
    ]
    config.output.parent.mkdir(parents=True, exist_ok=True)
    stack([upper, lower]).save(config.output, optimize=True)


def turn(frame: np.ndarray, degrees: float) -> np.ndarray:
    """The picture of a camera held askew."""
    height, width = frame.shape
    matrix = cv2.getRotationMatrix2D((width / 2, 0.45 * height), degrees, 1.0)
    return cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def busiest_column(frames: np.ndarray, apex: int) -> int:
    """The column that changes most between the first frame and the apex, away from the border."""
    change = np.abs(frames[apex].astype(float) - frames[0]).sum(axis=0)
    side = len(change)
    smooth = np.convolve(change, np.ones(7) / 7, mode="same")
    return int(np.argmax(smooth[side // 5 : -side // 5])) + side // 5


def mark_column(frame: np.ndarray, column: int) -> np.ndarray:
    """The frame in colour with the column drawn in."""
    panel = np.repeat(frame[..., None], 3, axis=-1)
    panel[:, column] = MARK
    return panel


def over_time(frames: np.ndarray, column: int, width: int) -> np.ndarray:
    """One column of every frame side by side, time to the right, as wide as asked."""
    return cv2.resize(frames[:, :, column].T, (width, frames.shape[1]), interpolation=cv2.INTER_NEAREST)


def difference(frames: np.ndarray, apex: int) -> np.ndarray:
    """Apex minus first frame around middle grey, doubled."""
    change = 2.0 * (frames[apex].astype(float) - frames[0])
    return np.clip(128 + change, 0, 255).astype(np.uint8)


def fit_height(frame: np.ndarray, height: int) -> np.ndarray:
    """The frame scaled to a height."""
    width = round(frame.shape[1] * height / frame.shape[0])
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


def stack(rows: list[list[tuple[str, np.ndarray]]]) -> Image.Image:
    """Lay out rows of captioned panels."""
    widths = [sum(panel.shape[1] for _, panel in row) + GAP * (len(row) - 1) for row in rows]
    heights = [max(panel.shape[0] for _, panel in row) + CAPTION for row in rows]
    sheet = Image.new("RGB", (max(widths) + 2 * GAP, sum(heights) + GAP * (len(rows) + 1)), PAPER)
    draw, font, y = ImageDraw.Draw(sheet), ImageFont.load_default(size=15), GAP
    for row, height in zip(rows, heights, strict=True):
        x = GAP
        for caption, panel in row:
            draw.text((x, y + CAPTION - 6), caption, fill=INK, font=font, anchor="ld")
            sheet.paste(Image.fromarray(panel).convert("RGB"), (x, y + CAPTION))
            x += panel.shape[1] + GAP
        y += height + GAP
    return sheet
