"""Photographs that installed packages bring along: two faces, and pictures without one."""

import importlib.util
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

FACELESS = ("coffee.png", "chelsea.png", "brick.png", "grass.png", "motorcycle_left.png", "hubble_deep_field.jpg")


def _scikit_image(name: str) -> np.ndarray:
    folder = Path(importlib.util.find_spec("skimage").origin).parent / "data"
    return cv2.imread(str(folder / name))


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """512 x 512, BGR; eyes near (203, 101) and (246, 103), the face about 95 pixels wide (NASA, public domain)."""
    return _scikit_image("astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> np.ndarray:
    """512 wide, 600 high, BGR; eyes near (219, 193) and (307, 189) (US Navy, public domain)."""
    return cv2.imread(str(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"))


@pytest.fixture(scope="session")
def faceless() -> dict[str, np.ndarray]:
    """Pictures of things, a cat, textures, and noise."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    grey = np.full((300, 400), 128, np.uint8)
    return {name: _scikit_image(name) for name in FACELESS} | {"noise": noise, "grey": grey}
