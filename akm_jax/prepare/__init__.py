"""Preparation of clips: face crop and alignment, landmarks, motion magnification, temporal interpolation."""

from akm_jax.prepare.face import AlignConfig, Box, EyeDetector, Eyes, align_clip
from akm_jax.prepare.face_table import read_face_table
from akm_jax.prepare.face_track import FaceSpan, FaceTrack, TrackConfig, find_landmarks
from akm_jax.prepare.given_landmarks import GivenLandmarks, LandmarkTable
from akm_jax.prepare.haar import HaarEyes
from akm_jax.prepare.magnify import magnify
from akm_jax.prepare.mesh_landmarks import MeshEyes, MeshLandmarks
from akm_jax.prepare.tim import interpolate

__all__ = [
    "AlignConfig",
    "Box",
    "EyeDetector",
    "Eyes",
    "FaceSpan",
    "FaceTrack",
    "GivenLandmarks",
    "HaarEyes",
    "LandmarkTable",
    "MeshEyes",
    "MeshLandmarks",
    "TrackConfig",
    "align_clip",
    "find_landmarks",
    "interpolate",
    "magnify",
    "read_face_table",
]
