"""Recordings of descriptors, the volumes they were made from, and drawn clips."""

import json
import zlib

import numpy as np
import pytest


def drawn(name: str) -> np.random.Generator:
    """The numbers that a recording drew under a name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


class Recorded:
    """A file of results, with `meta`."""

    def __init__(self, path):
        self.results = np.load(path)
        self.meta = json.loads(str(self.results["meta"]))
        self.keys = [key for key in self.results.files if key != "meta"]

    def __getitem__(self, key):
        return self.results[key]

    def rng(self, name):
        return drawn(self.meta["prefix"] + name)


@pytest.fixture(scope="session")
def recorded(golden_dir):
    return lambda name: Recorded(golden_dir / f"{name}.npz")


@pytest.fixture(scope="session")
def golden_volume() -> np.ndarray:
    """(37 n) mod 251, 7 frames of 8 x 9."""
    return (37 * np.arange(7 * 8 * 9) % 251).astype(np.uint8).reshape(7, 8, 9)


@pytest.fixture(scope="session")
def volumes(recorded, golden_volume) -> dict[str, np.ndarray]:
    """The volumes of `lbptop.npz` and `lbp_skimage.npz`."""
    of = recorded("lbptop")
    shapes = {name: entry["shape"] for name, entry in of.meta["volumes"].items()}
    made = {
        "golden": golden_volume,
        "random": of.rng("lbptop/random").integers(0, 256, shapes["random"]).astype(np.uint8),
        "ties": (of.rng("lbptop/ties").integers(0, 6, shapes["ties"]) * 30).astype(np.uint8),
    }
    for name, volume in made.items():
        assert zlib.crc32(volume.tobytes()) == of.meta["volumes"][name]["crc32"]
    return made


@pytest.fixture
def noise() -> np.ndarray:
    """A clip of 11 frames of 20 x 18."""
    return np.random.default_rng(5).integers(0, 256, (11, 20, 18), dtype=np.uint8)


@pytest.fixture
def t_y_x() -> tuple[np.ndarray, ...]:
    """Coordinates of 9 frames of 12 x 11."""
    return tuple(np.mgrid[:9, :12, :11])
