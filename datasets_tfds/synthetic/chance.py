"""Random generators: every source of chance has its own, so that none can tell anything about another."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What a generator decides. The values are part of what a seed means: never renumber them."""

    PERSON = 0
    PAINT = 1
    EXPRESSION = 2
    TIMING = 3
    NUISANCE = 4
    NOISE = 5
    LABELS = 100
    PUBLISHED_LABELS = 101
    FRAME_NUMBERS = 102
    IRREGULARITIES = 200
    DIGITS = 201
    LONG_EVENTS = 300
    LONG_MOTION = 301
    LONG_NOISE = 302
    LONG_IRREGULARITIES = 303


def random_stream(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """The generator of `stream` for whatever `key` names, e.g. (subject, clip)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(stream), *key])))
