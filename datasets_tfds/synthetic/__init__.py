"""Drawn faces that make expressions: clips in memory (`draw_clip`), and sets of clips or long videos on disk."""

from datasets_tfds.synthetic.clips import ClipSpec, DrawnClip, draw_clip
from datasets_tfds.synthetic.config import CorpusConfig
from datasets_tfds.synthetic.corpus import write_corpus
from datasets_tfds.synthetic.long_corpus import LongCorpusConfig, write_long_corpus

__all__ = [
    "ClipSpec",
    "CorpusConfig",
    "DrawnClip",
    "LongCorpusConfig",
    "draw_clip",
    "write_corpus",
    "write_long_corpus",
]
