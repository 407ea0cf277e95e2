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


class Eye(NamedTuple):
    """Where the parts of one retina are: (x, y) of the disc, the macula and the field of view, and their radii."""

    disc: tuple[float, float]
    disc_radius: float
    macula: tuple[float, float]
    centre: tuple[float, float]
    radius: float


class Vessel(NamedTuple):
    """One vessel between its origin and its end: centre line, half width at every point, kind and darkness."""

    points: Float[np.ndarray, "points 2"]
    radii: Float[np.ndarray, " points"]
    artery: bool
    contrast: float


def grow(rng: np.random.Generator, eye: Eye) -> list[Vessel]:
    """Grow a tree of arteries and veins from the optic disc: arcades round the macula, branches that taper.

    A child takes a share of its parent's cross-section by Murray's law (the cubes of the radii add up), so that
    vessels thin out with every fork. A vessel ends where it meets another of its kind: in the eye arteries cross
    veins, and veins arteries, but never their own kind.
    """
    toward = math.atan2(eye.macula[1] - eye.disc[1], eye.macula[0] - eye.disc[0])
    queue = []
    for artery in (False, True):
        for side in (-1, 1):  # superior and inferior; each temporal (arching over the macula) and nasal
            for offset, thick in ((rng.uniform(0.9, 1.35), 1.0), (rng.uniform(2.0, 2.7), rng.uniform(0.55, 0.8))):
                angle = toward + side * (offset + (0.14 if artery else -0.14))
                radius = rng.uniform(0.0088, 0.0112) * thick * (0.8 if artery else 1.0)
                queue.append((eye.disc, angle, radius, artery, 0))
    for _ in range(rng.integers(2, 5)):  # the small vessels that cross the disc's temporal edge
        queue.append((eye.disc, toward + rng.uniform(-0.7, 0.7), rng.uniform(0.003, 0.0042), rng.random() < 0.5, 2))
    tree, occupied = [], {}
    while queue:
        vessel, children = _follow(rng, eye, occupied, *queue.pop(0))
        tree.append(vessel)
        queue.extend(children)
    return tree


def _follow(rng, eye, occupied, start, angle, radius, artery, depth):
    """Walk one vessel to its end; return it with the seeds of its branches.

    ``occupied`` maps (kind, cell of a coarse grid) to the vessel that lies there; this one is added.
    """
    steps = int(rng.uniform(45, 80)) if depth == 0 else int(rng.uniform(0.6, 1.5) * radius * 4500)
    # Tortuosity: two waves of random length and phase turn the heading to and fro.
    wave, phase = rng.uniform(8, 30, 2), rng.uniform(0, 2 * math.pi, 2)
    sway = rng.uniform(0.03, 0.11, 2) * (1.0 if artery else 0.8)
    wander = rng.normal(0, 0.03, steps)
    (x, y), name = start, object()
    points, radii, children = [start], [radius], []
    next_fork, side = rng.uniform(6, 14), 1 if rng.random() < 0.5 else -1
    for k in range(steps):
        angle += sway[0] * math.sin(k / wave[0] * 6.28 + phase[0]) + sway[1] * math.sin(k / wave[1] * 6.28 + phase[1])
        angle += wander[k] + _steer(eye, x, y, angle, depth)
        x, y = x + STEP * math.cos(angle), y + STEP * math.sin(angle)
        radius *= 0.9975 if depth == 0 else 0.992
        points.append((x, y))
        radii.append(radius)
        cell = artery, int(x / CELL), int(y / CELL)
        near_disc = math.hypot(x - eye.disc[0], y - eye.disc[1]) < eye.disc_radius * 1.3
        met = k > 4 and not near_disc and occupied.setdefault(cell, name) is not name
        outside = math.hypot(x - eye.centre[0], y - eye.centre[1]) > eye.radius + 0.02
        at_fovea = math.hypot(x - eye.macula[0], y - eye.macula[1]) < 0.05
        if met or outside or at_fovea or radius < THINNEST:
            break
        if k > next_fork and depth < 3 and radius > 1.6 * THINNEST and not near_disc:
            share = rng.uniform(0.15, 0.5)  # of the parent's radius cubed
            seed = (x, y), angle + side * rng.uniform(0.45, 1.0), radius * share ** (1 / 3), artery, depth + 1
            children.append(seed)
            radius *= (1 - share) ** (1 / 3) * 0.3 + 0.7
            angle -= side * rng.uniform(0.05, 0.2)
            next_fork, side = k + rng.uniform(7, 16), -side if rng.random() < 0.7 else side
    contrast = rng.uniform(0.8, 1.1) * (0.75 if artery else 1.0)
    return Vessel(np.array(points), np.array(radii), artery, contrast), children


def _steer(eye: Eye, x: float, y: float, angle: float, depth: int) -> float:
    """Turn of the heading for one step: outward from the disc, and round the macula on the arcades."""
    away = math.atan2(y - eye.disc[1], x - eye.disc[0])
    mx, my = eye.macula[0] - x, eye.macula[1] - y
    distance = math.hypot(mx, my)
    turn = 0.03 * math.sin(away - angle) if depth else 0.0
    if depth == 0 and distance < 0.42:  # bend the arcades to a circle about the macula
        to_macula = math.atan2(my, mx)
        tangent = to_macula + math.copysign(math.pi / 2, math.sin(angle - to_macula))
        turn += 0.055 * math.sin(tangent - angle)
        turn += 0.05 * math.sin(to_macula - angle) * min(1.0, max(-1.0, (distance - 0.2) * 8))
    return turn
