"""Generated images with exact masks: retinas with their vessels and optic disc, and skin with one lesion.

Everything in an image is drawn from (seed, index), in units of the image's side, so the same pair shows the same eye
at every size. Masks come from shapes drawn at several times the resolution: a pixel is foreground where more than half
of it is covered. Distractors (choroidal vessels, haemorrhages, short dark strokes; freckles and hair) look like the
foreground from nearby, so a network has to learn the context too.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from jaxseg.data import painting, vessels

SMALLEST = 32
Image = UInt8[np.ndarray, "size size 3"]
Mask = UInt8[np.ndarray, "size size"]


def fundus(seed: int, index: int, size: int) -> tuple[Image, Mask, Mask]:
    """Return a fundus photograph, its vessel mask and its field of view, ``size`` pixels a side, masks in {0, 1}.

    Raises ValueError where ``size`` is below 32.
    """
    image, vessel, _, inside = _photograph(seed, index, size)
    return image, vessel, inside


def vessels_disc(seed: int, index: int, size: int) -> tuple[Image, Mask, Mask]:
    """Return what ``fundus`` does, but a mask of 2 on the optic disc and 1 on the vessels outside it."""
    image, vessel, disc, inside = _photograph(seed, index, size)
    return image, np.where(disc, 2, vessel).astype(np.uint8), inside


def _photograph(seed: int, index: int, size: int) -> tuple[Image, Mask, Mask, Mask]:
    """Return a fundus photograph, and where vessels, optic disc and field of view are.

    The image is a background (illumination, pigment, choroid, disc, macula, lesions) whose light the vessels absorb by
    Beer's law, more so in green and blue than in red; then come the optics' blur and the sensor's noise.
    """
    rng = _rng(seed, index, 0, size)
    eye = _eye(rng)
    tree = vessels.grow(rng, eye)
    image, disc = _retina(rng, eye, size)
    image *= np.exp(-_strokes(rng, eye, size)[..., None] * (0.2, 0.55, 0.7))
    absorbance, covered = _absorb(rng, tree, size)
    image *= np.exp(-absorbance)
    fov = painting.disc(size, eye.centre, eye.radius)
    image = cv2.GaussianBlur(image, (0, 0), 0.3 + 0.0008 * size)
    image *= cv2.GaussianBlur(fov, (0, 0), 0.004 * size + 0.3)[..., None]
    inside = (fov > 0.5).astype(np.uint8)
    vessel, disc = ((share > 0.5).astype(np.uint8) * inside for share in (covered, disc))
    return painting.expose(rng, image, rng.uniform(0.02, 0.045)), vessel, disc, inside


def _rng(seed: int, index: int, kind: int, size: int) -> np.random.Generator:
    if size < SMALLEST:
        raise ValueError(f"size is {size}; generated images are at least {SMALLEST} pixels a side")
    return np.random.default_rng([seed, index, kind])


def _eye(rng: np.random.Generator) -> vessels.Eye:
    side = 1 if rng.random() < 0.5 else -1
    centre = tuple(0.5 + rng.uniform(-0.01, 0.01, 2))
    disc = (0.5 - side * rng.uniform(0.02, 0.24), 0.5 + rng.uniform(-0.06, 0.06))
    macula = (disc[0] + side * rng.uniform(0.28, 0.34), disc[1] + rng.uniform(-0.01, 0.05))
    return vessels.Eye(disc, rng.uniform(0.062, 0.09), macula, centre, rng.uniform(0.465, 0.495))


def _retina(rng: np.random.Generator, eye: vessels.Eye, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint the retina without its vessels, as light; return it and the optic disc's share of each pixel."""
    x, y = painting.grid(size)
    tones = np.array([(0.65, 0.16, 0.03), (0.95, 0.20, 0.03), (0.52, 0.20, 0.06), (0.80, 0.34, 0.15)])
    image = rng.dirichlet(np.full(len(tones), 0.7)) @ tones * np.ones((size, size, 3))
    fine, coarse = painting.noise(rng, size, 9, 3), painting.noise(rng, size, 3)
    mottle = fine * rng.uniform(0.02, 0.07) + coarse * rng.uniform(0.02, 0.08)
    image *= np.exp(mottle[..., None] * (0.7, 1.2, 1.3))  # pigment and choroid: red the least
    macula = np.exp(-((x - eye.macula[0]) ** 2 + (y - eye.macula[1]) ** 2) / 2 / rng.uniform(0.045, 0.07) ** 2)
    image *= np.exp(-macula[..., None] * rng.uniform(0.2, 0.5) * np.array((0.8, 1.1, 0.8)))
    image, disc = _optic_disc(rng, eye, image)
    # Light falls off towards the rim and to one side.
    angle, tilt = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.9)
    slope = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
    rim = np.hypot(x - eye.centre[0], y - eye.centre[1]) / eye.radius
    light = np.exp(tilt * slope - rng.uniform(0.15, 0.5) * rim**3 + 0.15 * painting.noise(rng, size, 2))
    return image * light[..., None] * rng.uniform(0.85, 1.15), disc


def _optic_disc(rng: np.random.Generator, eye: vessels.Eye, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Paint the optic disc over the retina; return it, and the disc's share of each pixel: a half at its edge."""
    size = image.shape[0]
    x, y = painting.grid(size)
    wobble = 1 + 0.05 * painting.noise(rng, size, 4)
    stretch = rng.uniform(0.85, 1.0)
    distance = np.hypot((x - eye.disc[0]) / stretch, y - eye.disc[1]) / eye.disc_radius * wobble
    rim = 1 / (1 + np.exp((distance - 1) * rng.uniform(12, 25)))[..., None]
    middle = eye.disc + rng.uniform(-0.2, 0.2, 2) * eye.disc_radius
    cup = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (0.5 * eye.disc_radius) ** 2)
    halo = np.exp(-np.maximum(distance - 1, 0) * 2.5)[..., None] * (1 - rim)
    bright = np.array((1.45, 0.62, 0.16)) * rng.uniform(0.8, 1.15)
    image = image * (1 + halo * rng.uniform(0.0, 0.25)) * (1 - rim * 0.85) + rim * 0.85 * bright
    return image + cup[..., None] * rng.uniform(0.2, 0.6) * np.array((0.6, 1.0, 0.5)), rim[..., 0]


def _strokes(rng: np.random.Generator, eye: vessels.Eye, size: int) -> np.ndarray:
    """Paint the absorbance of what is no vessel: choroid, strokes like bits of vessels, haemorrhages; bright specks."""
    scale = painting.oversampling(size)
    dark = np.zeros((size, size))
    for count, length, radius, depth, blur in (
        (rng.integers(0, 14), 0.25, 0.012, 0.35, 0.008),  # choroidal vessels: broad and blurred
        (rng.integers(6, 16), 0.05, 0.0035, 0.5, 0.001),  # short strokes
        (rng.integers(0, 7), 0.015, 0.008, 0.7, 0.002),  # blot haemorrhages
        (rng.integers(0, 12), 0.12, 0.006, -0.3, 0.004),  # sheen of the nerve fibres
        (rng.integers(0, 10), 0.006, 0.004, -0.7, 0.001),  # exudates
    ):
        layer = np.zeros((size * scale, size * scale), np.uint8)
        for _ in range(count):
            points, radii = _stroke(rng, eye, length, radius * painting.widening(size))
            painting.draw(layer, points, radii, int(255 * rng.uniform(0.4, 1)))
        dark += cv2.GaussianBlur(painting.shrink(layer, size), (0, 0), blur * size + 0.3) * depth
    return dark


def _stroke(rng, eye, length, radius):
    """Draw a short wavy line anywhere in the field of view, tapering to both ends: its points and half widths."""
    distance, around = eye.radius * math.sqrt(rng.random()) * 0.95, rng.uniform(0, 2 * math.pi)
    start = np.array(eye.centre) + distance * np.array((math.cos(around), math.sin(around)))
    steps = 12
    angle = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.12, steps) + rng.normal(0, 0.05))
    step = length * rng.uniform(0.6, 1.6) / steps
    points = start + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1) * step, axis=0)
    taper = np.sin(np.linspace(0.15, 0.9, steps) * math.pi) ** 0.5
    return points, radius * rng.uniform(0.6, 1.2) * taper


def _absorb(rng: np.random.Generator, tree: list[vessels.Vessel], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Paint the absorbance [size, size, 3] of the vessels, and the share of each pixel that they cover."""
    scale = painting.oversampling(size)
    shape = (size * scale, size * scale)
    veins, arteries, covered = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    contrast, reflex = rng.uniform(0.85, 1.35), rng.uniform(0.1, 0.4)
    for vessel in sorted(tree, key=lambda v: v.radii[0]):
        layer = arteries if vessel.artery else veins
        radii = vessel.radii * painting.widening(size)
        if 2 * radii.mean() * size < 1.5:
            continue  # thinner than the optics resolve
        # Thin vessels hold less blood in the line of sight.
        depth = vessel.contrast * min(1.0, 0.45 + vessel.radii.mean() * 90)
        painting.draw(layer, vessel.points, radii, int(200 * depth))
        painting.draw(covered, vessel.points, radii, 255)
        if vessel.radii[0] > 0.005:  # the light reflex along the axis of a wide vessel
            shine = reflex * (1.5 if vessel.artery else 1.0)
            painting.draw(layer, vessel.points, radii * 0.3, int(200 * depth * (1 - shine)))
    dark, bright = painting.shrink(veins, size)[..., None], painting.shrink(arteries, size)[..., None]
    fade = contrast * (1 + 0.15 * painting.noise(rng, size, 6)[..., None])
    # Arterial blood holds oxygen and lets more red through.
    return fade * (dark * (0.3, 0.75, 0.9) + bright * (0.15, 0.6, 0.8)), painting.shrink(covered, size)


def lesion(seed: int, index: int, size: int) -> tuple[Image, Mask]:
    """Return a dermoscopic image of one lesion and its mask, ``size`` pixels a side, mask in {0, 1}.

    The lesion is a level set of a distance warped by noise; its pigment absorbs the skin's light through a border
    that is sharp in places and fades in others. Hair, freckles, a ruler and dark corners come on top.
    Raises ValueError where ``size`` is below 32.
    """
    rng = _rng(seed, index, 1, size)
    image = _skin(rng, size)
    level = _level(rng, size)
    image *= np.exp(-_pigment(rng, level))
    image = _hair(rng, image)
    image = _instrument(rng, image)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.7))
    return painting.expose(rng, image, rng.uniform(0.012, 0.03)), _outlined(level)


def _skin(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint skin, as light: tone, blotches, fine texture, freckles, uneven light."""
    x, y = painting.grid(size)
    tones = np.array([(1.5, 1.05, 0.9), (1.1, 0.75, 0.6), (0.65, 0.42, 0.32), (1.0, 0.62, 0.55), (1.15, 1.1, 1.15)])
    image = rng.dirichlet((1.2, 1.0, 0.5, 0.6, 0.4)) @ tones * np.ones((size, size, 3))
    blotches = painting.noise(rng, size, 4, 3) * rng.uniform(0.02, 0.07)
    texture = painting.noise(rng, size, 40, 3) * rng.uniform(0.01, 0.05)
    image *= np.exp(-blotches[..., None] * (0.4, 1.2, 1.0) - texture[..., None])
    for _ in range(rng.poisson(6) if rng.random() < 0.5 else 0):  # freckles: pigment that is not the lesion
        centre, radius = rng.random(2), rng.uniform(0.006, 0.025)
        spot = np.exp(-(((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius**2))
        image *= np.exp(-spot[..., None] * rng.uniform(0.2, 0.8) * np.array((0.6, 1.0, 1.3)))
    angle = rng.uniform(0, 2 * math.pi)
    slope = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
    return image * np.exp(rng.uniform(0, 0.5) * slope + 0.08 * painting.noise(rng, size, 2))[..., None]


def _outlined(level: np.ndarray) -> Mask:
    """Return what an expert would draw: the largest part of the lesion, without holes."""
    high = cv2.resize(level, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    covered = painting.shrink(np.where(high > 0, np.uint8(255), np.uint8(0)), level.shape[0]) > 0.5
    outlines, _ = cv2.findContours(covered.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(level.shape, np.uint8), [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)


def _level(rng: np.random.Generator, size: int) -> np.ndarray:
    """Shape the lesion: a level that is positive inside, 0 on the border, and about 1 at the centre."""
    x, y = painting.grid(size)
    radius, centre = rng.uniform(0.1, 0.36), 0.5 + rng.normal(0, 0.05, 2)
    warp = rng.uniform(0.05, 0.22) * radius
    x, y = x - centre[0] + warp * painting.noise(rng, size, 4), y - centre[1] + warp * painting.noise(rng, size, 4)
    level = np.full((size, size), -np.inf)
    for lobe in range(rng.integers(1, 4)):
        angle, stretch = rng.uniform(0, math.pi), rng.uniform(0.65, 1.0)
        shift, share = (rng.uniform(-0.6, 0.6, 2) * radius, rng.uniform(0.4, 0.8)) if lobe else (np.zeros(2), 1.0)
        u = (x - shift[0]) * math.cos(angle) + (y - shift[1]) * math.sin(angle)
        v = (y - shift[1]) * math.cos(angle) - (x - shift[0]) * math.sin(angle)
        level = np.maximum(level, share - np.hypot(u, v / stretch) / radius)
    ragged = painting.noise(rng, size, rng.uniform(8, 20), 2) * rng.uniform(0.02, 0.12)
    return level + ragged


def _pigment(rng: np.random.Generator, level: np.ndarray) -> np.ndarray:
    """Paint the absorbance [size, size, 3] of the lesion's pigment: brown, black, red or blue-grey, unevenly spread."""
    size = level.shape[0]
    softness = rng.uniform(0.03, 0.12) * np.exp(0.6 * painting.noise(rng, size, 3))
    inside = 1 / (1 + np.exp(-np.clip(level / softness, -30, 30)))
    tones = np.array([(0.55, 1.05, 1.5), (1.1, 1.25, 1.3), (0.2, 1.0, 0.8), (1.0, 0.9, 0.6)])
    tone = rng.dirichlet((2.0, 0.7, 0.5, 0.2)) @ tones
    spread = 1 + rng.uniform(0.1, 0.4) * painting.noise(rng, size, 5, 2)
    network = 1 + rng.uniform(0, 0.25) * painting.noise(rng, size, rng.uniform(25, 45))
    dense = rng.uniform(0.35, 1.8) * np.maximum(spread * network, 0.25)
    core = 1 / (1 + np.exp(-(level - rng.uniform(0.3, 0.7)) / 0.1)) * rng.uniform(0, 1.0)
    return (inside * dense)[..., None] * tone + (inside * core)[..., None] * (0.9, 1.0, 1.0)


def _hair(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    size = image.shape[0]
    layer = np.zeros((size * painting.oversampling(size),) * 2, np.uint8)
    lie = rng.uniform(0, 2 * math.pi)  # hairs of one patch of skin point about the same way
    for _ in range(int(rng.exponential(9)) if rng.random() < 0.6 else 0):
        steps, length = 24, rng.uniform(0.2, 0.9)
        angle = lie + rng.normal(0, 0.5) + np.cumsum(np.full(steps, rng.normal(0, 0.04)))
        path = rng.uniform(-0.1, 1.1, 2) + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), 0) * length / steps
        radius = rng.uniform(0.0008, 0.002) * painting.widening(size)
        painting.draw(layer, path, np.linspace(radius, radius * 0.4, steps), int(rng.uniform(120, 240)))
    cover = painting.shrink(layer, size)[..., None]
    shade = np.array((0.16, 0.11, 0.08)) if rng.random() < 0.85 else np.array((1.6, 1.3, 1.0))
    return image * (1 - cover) + cover * shade


def _instrument(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add what the dermatoscope leaves in the picture: a ruler near the rim, dark corners."""
    size = image.shape[0]
    if rng.random() < 0.35:
        layer = np.zeros((size * painting.oversampling(size),) * 2, np.uint8)
        angle, ticks = rng.normal(0, 0.3), 15
        along, across = np.array((math.cos(angle), math.sin(angle))), np.array((-math.sin(angle), math.cos(angle)))
        start, gap = np.array((rng.uniform(0.15, 0.4), rng.uniform(0.82, 0.93))), rng.uniform(0.02, 0.035)
        width = 0.0016 * painting.widening(size)
        for tick in range(ticks):
            foot = start + along * gap * tick
            tip = foot - across * (0.035 if tick % 5 == 0 else 0.02)
            painting.draw(layer, np.stack([foot, tip]), np.full(2, width), 200)
        painting.draw(layer, np.stack([start, start + along * gap * (ticks - 1)]), np.full(2, width), 200)
        cover = painting.shrink(layer, size)[..., None]
        image = image * (1 - cover) + cover * 0.08
    if rng.random() < 0.4:
        centre = 0.5 + rng.normal(0, 0.02, 2)
        lit = painting.disc(size, centre, rng.uniform(0.53, 0.68), rng.uniform(0.02, 0.2))
        image = image * (0.03 + 0.97 * lit)[..., None]
    return image
