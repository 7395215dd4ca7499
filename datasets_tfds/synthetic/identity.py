"""Who is drawn: the geometry, skin, hair and lighting of one person, from a random generator.

Lengths are face units (the cropped picture is 0..1 x 0..1, x to the right, y down), brightness is 0..1, angles radians.
"""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person under one lamp. `x` values are distances from the midline `center_x`, the same on both sides."""

    center_x: float
    eye_x: float
    eye_y: float
    eye_half_width: float
    eye_up: float  # upper lid above the eye's centre
    eye_down: float  # lower lid below it
    eye_tilt: float  # outer corner above the inner one, as a slope
    iris_radius: float
    brow_y: float
    brow_half_width: float
    brow_thickness: float
    brow_arch: float
    brow_slope: float
    nose_y: float
    nose_half_width: float
    nose_height: float
    mouth_y: float
    mouth_half_width: float
    mouth_curve: float
    lip_upper: float
    lip_lower: float
    chin_y: float
    jaw_half_width: float
    cheek_half_width: float
    hairline_y: float
    fringe: float  # how far the hair hangs down at the temples
    parting: float  # where the hairline is highest, in half widths of the head
    skin: float
    hair: float
    iris: float
    brow_darkness: float
    lip_darkness: float
    stubble: float
    mottling: float
    light_x: float
    light_y: float
    ambient: float
    background: float


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw a person. Values are independent of each other but for eyes, brows and nose, which follow each other."""
    near, span = functools.partial(_near, rng), functools.partial(_span, rng)
    eye_y, eye_up = near(0.365, 0.010), near(0.034, 0.0035)
    return Identity(
        center_x=near(0.5, 0.006),
        eye_x=near(0.205, 0.008),
        eye_y=eye_y,
        eye_half_width=near(0.088, 0.005),
        eye_up=eye_up,
        eye_down=near(0.019, 0.002),
        eye_tilt=near(0.05, 0.05),
        iris_radius=near(0.041, 0.002),
        brow_y=eye_y - eye_up - near(0.074, 0.008),
        brow_half_width=near(0.112, 0.008),
        brow_thickness=near(0.0165, 0.004),
        brow_arch=near(0.020, 0.007),
        brow_slope=near(0.05, 0.07),
        nose_y=near(0.605, 0.012),
        nose_half_width=near(0.078, 0.008),
        nose_height=near(0.115, 0.018),
        mouth_y=near(0.775, 0.010),
        mouth_half_width=near(0.148, 0.010),
        mouth_curve=near(0.0, 0.25),
        lip_upper=near(0.022, 0.004),
        lip_lower=near(0.031, 0.005),
        chin_y=near(1.050, 0.018),
        jaw_half_width=near(0.450, 0.022),
        cheek_half_width=near(0.485, 0.015),
        hairline_y=near(0.010, 0.035),
        fringe=span(0.0, 1.0),
        parting=near(0.0, 0.5),
        skin=span(0.58, 0.80),
        hair=span(0.08, 0.24),
        iris=span(0.12, 0.34),
        brow_darkness=span(0.55, 0.85),
        lip_darkness=span(0.20, 0.36),
        stubble=max(0.0, span(-0.16, 0.16)),
        mottling=span(0.012, 0.030),
        light_x=near(0.0, 0.22),
        light_y=near(-0.35, 0.12),
        ambient=span(0.35, 0.52),
        background=span(0.30, 0.65),
    )


def _near(rng: np.random.Generator, mean: float, spread: float) -> float:
    return float(np.clip(rng.normal(mean, spread), mean - 2 * spread, mean + 2 * spread))


def _span(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))
