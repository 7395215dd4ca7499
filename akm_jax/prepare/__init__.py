"""Preparation of clips: face crop and alignment, motion magnification, temporal interpolation."""

from akm_jax.prepare.face import AlignConfig, Box, EyeDetector, Eyes, align_clip
from akm_jax.prepare.face_table import read_face_table
from akm_jax.prepare.haar import HaarEyes
from akm_jax.prepare.magnify import magnify
from akm_jax.prepare.tim import interpolate

__all__ = [
    "AlignConfig",
    "Box",
    "EyeDetector",
    "Eyes",
    "HaarEyes",
    "align_clip",
    "interpolate",
    "magnify",
    "read_face_table",
]
