"""The demo's settings with a U-Net and images that train in seconds."""

from config_files import FOLDER, module_of


def little(cache, *, attention="none", val=2, test=2, **train):
    """Return them; ``cache`` is a folder for prepared images, ``train`` are settings of ``config.train``."""
    config = module_of(FOLDER / "demo_ja9.py").get_config()
    config.model.name, config.model.attention = "unet", attention
    with config.unlocked():
        config.model.options = {"width": 2}
    config.data.cache_dir = str(cache)
    config.data.synthetic.update(size=40, train=6, val=val, test=test)
    config.train.update(dict(steps=4, batch_size=2, eval_every=2, log_every=1) | train)
    return config
