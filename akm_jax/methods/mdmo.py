"""MDMO of robust local flow and a support vector machine of radial basis functions (Liu et al. 2016)."""

import dataclasses
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from akm_jax.descriptors.kernels import KernelName
from akm_jax.descriptors.mdmo import MDMOConfig
from akm_jax.descriptors.regions import fixed_face
from akm_jax.descriptors.svm import SVMConfig
from akm_jax.methods._support_vectors import Frames, Kernels, SupportVectors
from akm_jax.methods.protocol import Training
from akm_jax.views.view import Clip, Views


@dataclasses.dataclass(frozen=True)
class MDMOView:
    """The descriptor of a clip, from the flow of all frames against the first."""

    frames: Frames = Frames()
    mdmo: MDMOConfig = MDMOConfig()
    flow: Literal["rlof", "farneback", "tvl1", "dis"] = "rlof"
    """Algorithm of the flow."""
    landmarks: str = "mesh"
    """Where regions come from: mesh, landmarks found on the first frame; mean, one fixed face for all clips, which fits
    crops that are aligned by the eyes; or a CSV file with 68 landmarks of each clip's first frame, in its pixels."""

    def __post_init__(self):
        if self.landmarks not in ("mesh", "mean") and Path(self.landmarks).suffix.lower() != ".csv":
            raise ValueError(f"landmarks={self.landmarks}: expected mesh, mean, or a CSV file (.csv)")

    @property
    def landmark_file(self) -> Path | None:
        """The CSV file of landmarks, if one is to be taken."""
        return None if self.landmarks in ("mesh", "mean") else Path(self.landmarks)

    def __call__(self, clip: Clip) -> np.ndarray:
        """Main directional mean flow of 36 regions.

        Raises:
            ValueError: a clip of one frame, no face where landmarks are looked for, or none given.
            FileNotFoundError: the models that find landmarks are not installed.
        """
        from akm_jax.ops.flow import flow  # here: loads JAX

        frames = self.frames.of(clip)
        if len(frames) < 2:
            raise ValueError("a clip of 1 frame has no flow; expected at least 2")
        landmarks = self.landmarks_of(clip, frames[0])
        return self.mdmo(flow(np.repeat(frames[:1], len(frames) - 1, 0), frames[1:], method=self.flow), landmarks)

    def landmarks_of(self, clip: Clip, frame: np.ndarray) -> np.ndarray:
        """68 landmarks of a clip's first frame, in pixels of `frame`, which is that frame at the wanted size."""
        if self.landmarks == "mean":
            return fixed_face(self.frames.size)
        if self.landmark_file is not None:
            if clip.landmarks is None:
                raise ValueError(f"no landmarks of this clip were given; expected those of {self.landmarks}")
            height, width = clip.frames.shape[1:]
            return (clip.landmarks + 0.5) * self.frames.size / (width, height) - 0.5
        from akm_jax.prepare.mesh_landmarks import MeshLandmarks  # here: loads OpenCV's networks

        faces = MeshLandmarks()(frame)
        if not faces:
            raise ValueError(
                "no landmarks: the first frame shows nothing like a face; if the clips are faces aligned by the eyes, "
                "a run with --view.landmarks=mean takes one fixed face for all of them"
            )
        return max(faces, key=lambda face: face.certainty).points


@dataclasses.dataclass(frozen=True)
class MDMO(SupportVectors):
    """Main directional mean optical flow."""

    name: ClassVar[str] = "mdmo"
    title: ClassVar[str] = "MDMO"
    source: ClassVar[str] = "Liu, Zhang, Yan, Wang, Zhao, Fu, TAFFC 7(4), 2016"
    ours: ClassVar[str] = "landmarks by the face mesh, unless given; C by the training subjects"
    cost: ClassVar[str] = "the flow of every frame of a clip"
    clip_seconds: ClassVar[float] = 4.0
    view: MDMOView = MDMOView()
    svm: SVMConfig = SVMConfig(costs=(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0))

    @property
    def kernel_name(self) -> KernelName:
        """Radial basis functions."""
        return "rbf"

    def kernels(self, views: Views) -> Kernels:
        """Radial basis functions whose width is that of the training clips."""
        from akm_jax.descriptors.kernels import rbf_kernel, squared_distances

        rows = self.features(views, {})
        squared = squared_distances(rows)

        def of(training: Training) -> list[np.ndarray]:
            return [rbf_kernel(squared, rows, training.clips)]

        return of


METHOD = MDMO
