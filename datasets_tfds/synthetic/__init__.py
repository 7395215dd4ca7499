"""Drawn faces that make micro-expressions, in memory (`draw_clip`) or laid out on disk as a set (`write_corpus`)."""

from datasets_tfds.synthetic.clips import ClipSpec, DrawnClip, draw_clip
from datasets_tfds.synthetic.config import CorpusConfig
from datasets_tfds.synthetic.corpus import write_corpus

__all__ = ["ClipSpec", "CorpusConfig", "DrawnClip", "draw_clip", "write_corpus"]
