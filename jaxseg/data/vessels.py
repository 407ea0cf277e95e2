"""The vessel tree of a generated retina: how it grows.

Lengths are fractions of the image's side; x runs right and y down, and angles are in radians.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

STEP = 0.01  # length of one step of a growing vessel
CELL = 0.025  # closest that two vessels of one kind come to each other
THINNEST = 0.0013  # half width at which a vessel ends
FORKS = 3  # branches of branches of branches of a trunk, and no further


class Eye(NamedTuple):
    """Where the parts of one retina are: (x, y) of the disc, the macula and the field of view, and their radii."""

    disc: tuple[float, float]
    disc_radius: float
    macula: tuple[float, float]
    centre: tuple[float, float]
    radius: float


class Vessel(NamedTuple):
    """One vessel from its origin to its end."""

    points: Float[np.ndarray, "points 2"]  # centre line, (x, y)
    radii: Float[np.ndarray, " points"]  # half width at every point
    artery: bool
    contrast: float  # about 1


class Seed(NamedTuple):
    """The origin of a vessel that is yet to grow."""

    x: float
    y: float
    angle: float
    radius: float
    artery: bool
    depth: int  # forks between it and the disc
    arch: float = 0.0  # distance at which a temporal trunk rounds the macula; 0 for every other vessel


def grow(rng: np.random.Generator, eye: Eye) -> list[Vessel]:
    """Grow a tree of arteries and veins from the optic disc: arcades round the macula, branches that taper.

    A branch takes a share of its parent's cross-section by Murray's law (the cubes of the radii add up), so that
    vessels thin out with every fork. A vessel ends where it meets another of its kind: in the eye arteries cross
    veins, and veins arteries, but never their own kind.
    """
    queue = _trunks(rng, eye)
    tree, occupied = [], {}
    while queue:
        vessel, branches = _follow(rng, eye, occupied, queue.pop(0))
        tree.append(vessel)
        queue.extend(branches)
    return tree


def _trunks(rng: np.random.Generator, eye: Eye) -> list[Seed]:
    """Seed an artery and a vein each way: superior and inferior, temporal and nasal, and small ones to the macula."""
    temporal = math.atan2(eye.macula[1] - eye.disc[1], eye.macula[0] - eye.disc[0])

    def seed(angle, radius, artery, depth, arch=0.0):
        x, y = np.array(eye.disc) + rng.normal(0, 0.15, 2) * eye.disc_radius
        return Seed(float(x), float(y), angle, radius, artery, depth, arch)

    trunks = []
    for artery, width, aside in ((False, 1.0, 0.16), (True, 0.8, -0.16)):  # the artery runs inside the vein
        for side in (-1, 1):
            angle, radius = temporal + side * (rng.uniform(0.9, 1.35) + aside), rng.uniform(0.0088, 0.0112) * width
            trunks.append(seed(angle, radius, artery, 0, rng.uniform(0.21, 0.25) + aside * 0.22))
            angle, radius = temporal + side * (rng.uniform(2.0, 2.7) + aside), rng.uniform(0.0055, 0.008) * width
            trunks.append(seed(angle, radius, artery, 0))
    for _ in range(rng.integers(2, 5)):
        angle, radius = temporal + rng.uniform(-0.7, 0.7), rng.uniform(0.003, 0.0042)
        trunks.append(seed(angle, radius, bool(rng.random() < 0.5), FORKS - 1))
    return trunks


def _follow(rng: np.random.Generator, eye: Eye, occupied: dict, seed: Seed) -> tuple[Vessel, list[Seed]]:
    """Walk one vessel to its end; return it with the seeds of its branches.

    ``occupied`` maps (kind, cell of a coarse grid) to the vessel that lies there; this one is added.
    """
    x, y, angle, radius, artery, depth, arch = seed
    steps = int(rng.uniform(45, 80)) if depth == 0 else 5 + int(rng.uniform(0.6, 1.5) * radius * 4500)
    bends = _tortuosity(rng, steps, artery)
    points, radii, branches = [(x, y)], [radius], []
    next_fork, side = rng.uniform(6, 14), 1 if rng.random() < 0.5 else -1
    for k in range(steps):
        angle += bends[k] + _steer(eye, x, y, angle, depth, arch)
        x, y = x + STEP * math.cos(angle), y + STEP * math.sin(angle)
        radius *= 0.9975 if depth == 0 else 0.992
        points.append((x, y))
        radii.append(radius)
        near_disc = math.hypot(x - eye.disc[0], y - eye.disc[1]) < eye.disc_radius * 1.3
        cell = artery, int(x / CELL), int(y / CELL)
        met = k > 4 and not near_disc and occupied.setdefault(cell, seed) is not seed
        outside = math.hypot(x - eye.centre[0], y - eye.centre[1]) > eye.radius + 0.02
        at_fovea = math.hypot(x - eye.macula[0], y - eye.macula[1]) < 0.05
        if met or outside or at_fovea or radius < THINNEST:
            break
        if k > next_fork and depth < FORKS and radius > 1.6 * THINNEST and not near_disc:
            share = rng.uniform(0.15, 0.5)  # of the cube of the radius
            turn = side * rng.uniform(0.45, 1.0)
            branches.append(Seed(x, y, angle + turn, radius * share ** (1 / 3), artery, depth + 1))
            radius *= 0.7 + 0.3 * (1 - share) ** (1 / 3)
            angle -= side * rng.uniform(0.05, 0.2)
            next_fork, side = k + rng.uniform(7, 16), -side if rng.random() < 0.7 else side
    end = np.ones(len(radii))
    end[-10:] = np.linspace(1, 0.35, 10)[-len(end) :]  # no vessel ends blunt
    contrast = rng.uniform(0.8, 1.1) * (0.75 if artery else 1.0)
    return Vessel(np.array(points), np.array(radii) * end, artery, contrast), branches


def _tortuosity(rng: np.random.Generator, steps: int, artery: bool) -> list[float]:
    """Draw how much the heading turns at each step: two waves of random length and phase, and a little noise."""
    wave, phase = rng.uniform(8, 30, (2, 1)), rng.uniform(0, 2 * math.pi, (2, 1))
    sway = rng.uniform(0.03, 0.11, (2, 1)) * (1.0 if artery else 0.8)
    waves = sway * np.sin(2 * math.pi * np.arange(steps) / wave + phase)
    return (waves.sum(0) + rng.normal(0, 0.03, steps)).tolist()


def _steer(eye: Eye, x: float, y: float, angle: float, depth: int, arch: float) -> float:
    """Turn of the heading for one step: away from the disc, and on the arcades round the macula."""
    if not arch:
        away = math.atan2(y - eye.disc[1], x - eye.disc[0])
        return (0.03 if depth else 0.05) * math.sin(away - angle)
    mx, my = eye.macula[0] - x, eye.macula[1] - y
    to_macula, distance = math.atan2(my, mx), math.hypot(mx, my)
    if distance > 0.42:
        return 0.0
    tangent = to_macula + math.copysign(math.pi / 2, math.sin(angle - to_macula))
    inward = min(1.0, max(-1.0, (distance - arch) * 8))
    return 0.055 * math.sin(tangent - angle) + 0.05 * inward * math.sin(to_macula - angle)
