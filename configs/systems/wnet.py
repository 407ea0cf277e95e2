"""W-Net (Galdran et al. 2020) on DRIVE: the small baseline.

    python launch/train.py --config=configs/systems/wnet.py --config.data.dir=FOLDER --workdir=runs/wnet
    python launch/evaluate.py --workdir=runs/wnet --split=test

Settings of agaldran/lwnet, train_cyclical.py: images of 512 x 512, batches of 4, Adam at 0.01 falling to 0 by a cosine,
1000 epochs of 16 images; there the cosine starts anew every 50 epochs. The threshold there is the best one on the
training images; here 0.5. No result yet.
"""

from jaxseg import presets


def get_config():
    config = presets.drive("none")
    config.model.name = "wnet"
    config.data.image_size = (512, 512)
    config.data.patch_size = ()
    config.train.steps = 4000
    config.optimizer.learning_rate = 0.01
    config.optimizer.schedule = "cosine"
    config.optimizer.beta2 = 0.999
    return config
