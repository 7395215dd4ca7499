"""What a spotting run may be told; loads at once, so that a command line can show it."""

import dataclasses
from typing import Literal

from akm_jax.data.long_videos import TYPES, ExpressionType
from akm_jax.spotting.labels import Variant

# Chosen by the paper on the data it was then scored on.
THRESHOLD = 0.55


@dataclasses.dataclass(frozen=True)
class SpottingOptions:
    """A spotting run, whatever is trained.

    Attributes:
        type: macro-expressions, micro-expressions, or both, each in a run of its own whose counts are summed.
        variant: `megc` counts all videos, with half lengths from the training subjects; `code` is the released program.
        flow: optical flow of the features.
        threshold: height from which peaks of a video's curve count: 0 its mean, 1 its maximum.
    """

    type: Literal["both", "macro", "micro"] = "both"
    """Which expressions: macro, micro, or both, one after another."""
    variant: Variant = "megc"
    """megc: all videos count, half lengths are those of the training subjects. code: as the released SOFTNet."""
    flow: Literal["tvl1", "farneback", "rlof", "dis"] = "tvl1"
    """Optical flow; tvl1 is the published one, dis the fastest."""
    threshold: float = THRESHOLD
    """From which height peaks of a video's score curve count: 0 is its mean, 1 its maximum."""

    def validate(self) -> None:
        """Raise ValueError naming the option, what was got and what is expected."""
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"--threshold={self.threshold}: expected a number from 0 to 1")

    @property
    def types(self) -> tuple[ExpressionType, ...]:
        """The types in the order of a run."""
        return TYPES if self.type == "both" else (self.type,)
