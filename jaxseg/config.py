"""The one definition of every setting: ``defaults()`` says what it is, ``validate()`` which combinations make sense."""

from __future__ import annotations

from ml_collections import ConfigDict


def defaults() -> ConfigDict:
    """Return every setting with its default; a file in ``configs/`` changes what its experiment needs.

    The constants are the paper's (supplement, section 1) where it states them. A comment marks each choice
    that the paper leaves open.
    """
    config = ConfigDict()
    config.seed = 0

    config.model = ConfigDict(
        dict(
            name="denseunet",
            size="161",
            attention="none",
            attention_options=dict(),  # arguments of the mechanism, e.g. {'activation': 'identity'}
            levels=(0, 1, 2, 3),  # Paper: not stated. Skips that carry attention, for strides 2, 4, 8, 16.
            head="plain",  # "author": BatchNorm and ReLU on the logits.
            dtype="float32",  # "bfloat16" computes in bfloat16; parameters, statistics, softmax stay float32.
        )
    )

    config.data = ConfigDict(
        dict(
            name="synthetic",  # synthetic, drive, isic2017, chase_db1, folder
            dir="",  # the owner's layout, or images/ masks/ [fov/]
            cache_dir="~/.cache/jaxseg",  # prepared records live in cache_dir/<content hash>/
            image_size=(),  # (height, width) to resize to; () keeps the native size
            patch_size=(),  # (height, width) of a training crop; () trains on whole images
            holdout=0,  # training images held out as val, where the set has no val split of its own
            test=0,  # images cut off as test, where the set has no test split of its own
            split_seed=0,
            labels=(),  # a folder's foreground: () for {0, 1} and {0, 255}, else label values or "#rrggbb" colours
            # Paper: CLAHE and normalisation, parameters not stated.
            clahe=dict(mode="lab", clip_limit=2.0, tiles=8),  # mode: none, lab, rgb, green, gray
            # Paper: augmentation not stated.
            augment=dict(
                flips=False,
                quarter_turns=False,
                foreground=0.0,  # probability that a crop is centred on a foreground pixel
                rotate=0.0,  # largest angle, degrees
                scale=0.0,  # zoom drawn from [1 - scale, 1 + scale]
                brightness=0.0,  # shift drawn from [-brightness, brightness], in fractions of the grey range
                contrast=0.0,  # gain drawn from [1 - contrast, 1 + contrast]
            ),
            device_limit=8.0,  # GiB; a larger training set is streamed by Grain instead of living on the device
            synthetic=dict(kind="fundus", size=96, train=48, val=8, test=16),  # the embedded default
        )
    )

    config.train = ConfigDict(
        dict(
            steps=1000,
            batch_size=4,  # images in one step, over all devices
            accumulate=1,  # steps that share one optimiser update
            ema_decay=0.0,  # 0 switches the moving average of the parameters off
            log_every=50,
            eval_every=500,
            init_from="",  # workdir of a run whose weights start this one
            devices=0,  # 0: all GPUs; on a CPU the largest divisor of the batch that the cores allow
        )
    )

    config.optimizer = ConfigDict(
        dict(
            learning_rate=1e-3,
            schedule="constant",  # constant, cosine, polynomial
            warmup_steps=0,
            power=0.9,  # of the polynomial schedule
            beta1=0.9,
            beta2=0.99,
            eps=1e-8,
            weight_decay=1e-8,
            weight_decay_kind="decoupled",  # "l2" adds it to the gradient
        )
    )

    config.eval = ConfigDict(
        dict(
            threshold=0.5,
            tile=(),  # (height, width) of overlapping tiles; () predicts whole images
            overlap=0.5,
            flips=False,  # average over the four flips
            scored_at="prepared",  # "original" scores at the images' own size
        )
    )
    return config
