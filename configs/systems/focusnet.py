"""FocusNetAlpha (Kaul et al. 2019) on ISIC-2017.

    python launch/train.py --config=configs/systems/focusnet.py --config.data.dir=FOLDER --workdir=runs/focusnet
    python launch/evaluate.py --workdir=runs/focusnet --split=test

Settings of chaitanya-kaul/TheFocusNetSeries, focusnetpp.py: batches of 4, 50 epochs, Adam at 1e-4 to epoch 15, then a
tenth of it three times; here it falls by a cosine, later than there. That code stretches each image to 0..255 after its
normalisation, and no augmentation is in it. Its loss is missing from the repository: by the paper (not verified)
it adds balanced cross entropy, a Tversky loss (0.7 on what is missed) and a logarithmic one, of which the Tversky loss
alone is implemented. Its row of ISIC-2017 (Dice .8404) follows another protocol than per-image means. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.isic("none")
    config.model.name = "focusnet"
    config.train.steps = 25_000
    config.loss.name = "tversky"
    config.loss.options = {"alpha": 0.3, "beta": 0.7}
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "cosine"
    config.optimizer.beta2 = 0.999
    return config
