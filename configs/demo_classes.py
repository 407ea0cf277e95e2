"""Generated images of vessels and optic discs: two classes beside the background, learnt by one softmax.

Two CPU cores:

    python launch/train.py --config=configs/demo_classes.py --workdir=runs/demo_classes
    python launch/evaluate.py --workdir=runs/demo_classes --split=test

2.4 minutes with all scoring (2026-11-27, two cores of an AMD EPYC, nothing compiled before; jax 0.10.2). Test, full
image, mean over the 16 images (SD), seed 0, the most probable class, the checkpoint with the best val Dice (step 600):
Dice of the vessels .871 (.017), of the disc .903 (.041), their mean .887.

Needs no download. The scores show that the installation works; they say nothing about images of patients.
"""

from jaxseg import presets


def get_config():
    config = presets.demo(attention="ja9")
    config.data.classes = {"vessel": 1, "disc": 2}  # the values of the generated masks
    config.data.synthetic.kind = "vessels_disc"
    config.train.steps = 600
    return config
