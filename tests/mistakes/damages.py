"""Folders of images, and runs, with something wrong, and words of the line that ends the command on each."""

import json

import cv2
import numpy as np


def png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def folder(path, *, stems=("a", "b", "c")):
    rng = np.random.default_rng(0)
    for stem in stems:
        png(path / "images" / f"{stem}.png", rng.integers(0, 255, (40, 36, 3)).astype(np.uint8))
        png(path / "masks" / f"{stem}.png", (rng.random((40, 36)) < 0.3).astype(np.uint8) * 255)
    return path


def _mask(path):
    return path / "masks" / "b.png"


def _image(path):
    return path / "images" / "b.png"


def _cut(path, size=200):
    path.write_bytes(path.read_bytes()[:size])


# What is done to a sound folder of three images.
FOLDERS = {
    "no mask": (lambda p: _mask(p).unlink(), ["b", "mask"]),
    "no image": (lambda p: _image(p).unlink(), ["b"]),
    "no masks": (lambda p: [f.unlink() for f in (p / "masks").iterdir()], ["masks"]),
    "other size": (lambda p: png(_mask(p), np.zeros((40, 35), np.uint8)), ["b.png", "35 wide and 40 high", "36 wide"]),
    "grey mask": (lambda p: png(_mask(p), np.full((40, 36), 7, np.uint8)), ["b.png", "7", "data.labels"]),
    "smooth mask": (
        lambda p: png(_mask(p), (np.arange(1440).reshape(40, 36) % 256).astype(np.uint8)),
        ["b.png", "256 values", "data.labels"],
    ),
    "coloured mask": (
        lambda p: png(_mask(p), np.dstack([np.zeros((40, 36, 2), np.uint8), np.full((40, 36), 255, np.uint8)])),
        ["b.png: a coloured mask", "data.labels"],
    ),
    "deep mask": (lambda p: png(_mask(p), np.full((40, 36), 999, np.uint16)), ["b.png", "999", "a mask of 0 and 255"]),
    "deep image": (
        lambda p: png(_image(p), np.zeros((40, 36, 3), np.uint16)),
        ["b.png", "uint16", "8 bits per channel"],
    ),
    "cut image": (lambda p: _cut(_image(p)), ["b.png: truncated", "download it again"]),
    "cut mask": (lambda p: _cut(_mask(p), 60), ["b.png", "truncated"]),
    "empty image": (lambda p: _image(p).write_bytes(b""), ["b.png: an empty file", "download it again"]),
    "no picture": (lambda p: _image(p).write_text("<html>404</html>"), ["b.png", "no picture", "save it again"]),
    "a folder for an image": (lambda p: (_image(p).unlink(), _image(p).mkdir()), ["b.png"]),
    "two of a name": (
        lambda p: png(p / "images" / "b.bmp", np.zeros((40, 36, 3), np.uint8)),
        ["b.bmp", "b.png"],
    ),
    "a jpeg for a mask": (
        lambda p: (_mask(p).unlink(), cv2.imwrite(str(p / "masks" / "b.jpg"), np.zeros((40, 36), np.uint8))),
        ["b.jpg", "PNG"],
    ),
    "held out": (lambda p: [(_image(p).unlink(), _mask(p).unlink())], ["data.holdout=2 leaves nothing of 2 images"]),
    "a link to nothing": (lambda p: (_image(p).unlink(), _image(p).symlink_to(p / "unplugged.png")), ["b.png"]),
}


def _edit(path, change):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def _remove(path):
    path.unlink()


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


# What is done to a sound run before it is scored.
_STATES = ("config.json", "data.json", "preprocess.json")
RUNS = {
    **{f"{name} cut": (lambda r, n=name: _cut(r / n, 40), [name, "restore it"]) for name in _STATES},
    **{f"{name} empty": (lambda r, n=name: _cut(r / n, 0), [name, "restore it"]) for name in _STATES},
    **{f"{name} a list": (lambda r, n=name: (r / n).write_text("[1]"), [name, "restore it"]) for name in _STATES},
    **{f"{name} null": (lambda r, n=name: (r / n).write_text("null"), [name, "restore it"]) for name in _STATES},
    **{f"{name} another": (lambda r, n=name: (r / n).write_text("{}"), [name, "restore it"]) for name in _STATES},
    **{f"{name} binary": (lambda r, n=name: _flip(r / n), [name, "restore it"]) for name in _STATES},
    "data.json gone": (lambda r: _remove(r / "data.json"), ["data.json: gone", "restore it"]),
    "preprocess.json gone": (lambda r: _remove(r / "preprocess.json"), ["preprocess.json: gone", "restore it"]),
    "config.json gone": (lambda r: _remove(r / "config.json"), ["holds no trained run", "--workdir"]),
    "mean of one": (
        lambda r: _edit(r / "preprocess.json", lambda c: c | {"mean": [1.0]}),
        ["preprocess.json", "mean", "restore it"],
    ),
    "no deviation": (
        lambda r: _edit(r / "preprocess.json", lambda c: c | {"std": [0.0, 1.0, 1.0]}),
        ["preprocess.json", "restore it"],
    ),
    "no section": (
        lambda r: _edit(r / "config.json", lambda c: {k: v for k, v in c.items() if k != "eval"}),
        ["config.json", "eval", "restore it"],
    ),
    "environment a list of numbers": (lambda r: (r / "environment.json").write_text("[1]"), ["environment.json"]),
    "a row without its step": (lambda r: (r / "metrics.jsonl").write_text('{"loss": 1}\n'), ["metrics.jsonl, line 1"]),
    "a row that is no row": (lambda r: (r / "metrics.jsonl").write_text("[3]\n"), ["metrics.jsonl, line 1"]),
    "no checkpoint": (
        lambda r: [f.rename(r.parent / f"{r.name}-{f.name}") for f in (r / "checkpoints").iterdir()],
        ["holds no finished checkpoint yet", "first evaluation"],
    ),
    "no checkpoints": (
        lambda r: (r / "checkpoints").rename(r.parent / f"{r.name}-checkpoints"),
        ["no checkpoints/", "--workdir"],
    ),
    "an empty checkpoint": (
        lambda r: [
            (step.rename(r.parent / f"{r.name}-{step.name}"), step.mkdir()) for step in (r / "checkpoints").iterdir()
        ],
        ["is damaged", "no checkpoint is sound"],
    ),
    "arrays cut": (
        lambda r: [_cut(f, f.stat().st_size // 2) for f in (r / "checkpoints").rglob("d/*")],
        ["is damaged", "no checkpoint is sound"],
    ),
    "manifests cut": (
        lambda r: [_cut(f, 20) for f in (r / "checkpoints").rglob("manifest.ocdbt")],
        ["is damaged", "no checkpoint is sound"],
    ),
}
