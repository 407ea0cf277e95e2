"""What a training step is told to take, against what the compiled program says that it does."""

import dataclasses
import re

import jax
import numpy as np
import pytest

from jaxseg import counting, losses, models, optimizer
from jaxseg.config import defaults
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.data.records import Record, Records
from jaxseg.jobs.train import train
from jaxseg.training import devices as on
from jaxseg.training import feed, memory
from jaxseg.training.step import DEVICES, initial_state, parallel_step, parallel_steps

SETTINGS = dict(defaults().optimizer.to_dict(), updates=100, accumulate=1)


def records(count, side):
    def read(index):
        image = np.zeros((side, side, 3), np.uint8)
        return Record(str(index), image, image[..., 0], None, str(index))

    return Records(read, [str(index) for index in range(count)], [(side, side)] * count)


def step_and_arguments(network, side, *, batch=2, ema=False, at_once=1, seen=None):
    """Return a training step on one device, and the shapes of its arguments."""
    devices = jax.devices()[:1]
    network = network.clone(numerics=dataclasses.replace(network.numerics, axis_name=DEVICES))
    _, transform = optimizer.build(**SETTINGS)

    def sample(arrays, key, places):
        if seen is not None:
            seen.append(places.shape)
        return stream.sample(arrays, key, places, Augment(), (), (90.0,) * 3, (50.0,) * 3)

    step = (parallel_step if at_once == 1 else parallel_steps)(
        devices, model=network, loss=losses.build("cross_entropy"), optimizer=transform, sample=sample, ema_decay=0.5,
    )  # fmt: skip
    state = jax.eval_shape(
        lambda key: initial_state(models.initial_variables(network, key), transform, ema=ema), jax.random.key(0)
    )
    given = feed.shapes(records(9, side), devices, batch_size=batch, at_once=at_once)
    return devices, step, (on.shapes(state, devices), *given)


def compiled(step, arguments):
    """Return the bytes that the compiled program takes of a device, its arguments included."""
    found = step.lower(*arguments).compile().memory_analysis()
    return (
        found.temp_size_in_bytes + found.argument_size_in_bytes + found.output_size_in_bytes - found.alias_size_in_bytes
    )


CASES = [
    ("unet", {"width": 4, "attention": "pwa", "levels": (0,)}, 32, {"ema": True}),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in [
            ("denseunet", {"size": "tiny"}, 96, {}),
            ("denseunet", {"size": "tiny", "attention": "ja9"}, 64, {"batch": 3}),
            ("denseunet", {"size": "tiny", "attention": "ja9", "remat": True}, 96, {}),
            ("denseunet", {"size": "tiny", "attention": "cbam", "dtype": "bfloat16"}, 64, {}),
            ("denseunet", {"size": "tiny", "attention": "swin"}, 96, {}),
            ("unet", {"width": 16, "dtype": "bfloat16"}, 64, {}),
            ("unet", {"width": 8, "attention": "nonlocal_embedded", "levels": (1, 2, 3)}, 64, {"ema": True}),
        ]
    ),
]


@pytest.mark.parametrize(("name", "options", "side", "others"), CASES)
def test_it_is_what_the_compiled_program_takes_to_a_quarter(name, options, side, others):
    _, step, arguments = step_and_arguments(models.build(name, **options), side, **others)
    need = memory.Need(**memory.of_step(step, arguments), room=None)
    assert need.whole == pytest.approx(compiled(step, arguments), rel=0.25)
    given = sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(arguments))
    assert need.given == pytest.approx(given, rel=0.01)  # and a few constants


class Line(models.Network):
    """The smallest of networks."""

    stride = 1

    def features(self, x, attend, *, train):
        return x


def test_the_trace_is_that_of_the_first_step():
    seen = []
    devices, step, arguments = step_and_arguments(Line(), 8, seen=seen)
    memory.of_step(step, arguments)
    state, key, arrays, indices, places = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), arguments)
    step(*(on.split(tree, devices) for tree in (state, key, arrays, indices, places)))
    assert seen == [(2,)]


def test_several_steps_sent_together_take_as_much_as_one():
    one, many = (
        memory.of_step(step, arguments)["whole"]
        for _, step, arguments in (step_and_arguments(Line(), 16, at_once=count) for count in (1, 8))
    )
    assert one <= many < 1.02 * one


def test_a_run_that_cannot_fit_is_refused_with_what_helps(tmp_path, monkeypatch):
    config = defaults()
    config.model.update(name="unet", attention="pwa")
    config.model.options = dict(width=2)
    config.data.cache_dir = str(tmp_path / "cache")
    config.data.synthetic.update(size=64, train=4, val=2, test=2)
    config.train.update(steps=2, batch_size=4)
    monkeypatch.setattr(counting, "room", lambda device: 12 * 2**20)
    wanted = (
        r"a training step takes about \S+ MiB.*, of 12\.0 MiB that .*, which is too little; what helps, the most "
        r"first: --config\.train\.batch_size=[12], --config\.data\.patch_size='\((16|32|48), (16|32|48)\)', "
        r"--config\.model\.remat=true, --config\.model\.levels='\(1, 2, 3\)'$"
    )
    with pytest.raises(ValueError, match=wanted):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_the_remedies_fit():
    """A batch and a patch that are named are the largest that take no more than there is."""
    config = defaults()
    config.train.batch_size = 8
    network = models.build("unet", width=2, attention="pwa", levels=(0, 1), remat=True)
    cpu, gpu = jax.devices()[:1], [type("Device", (), {"platform": "gpu"})()] * 2
    need = memory.Need(whole=1100, given=100, room=600)
    first = "--config.train.batch_size=4, --config.data.patch_size='(64, 80)', "
    levels = "--config.model.levels='(1,)'"
    for devices, others in ((cpu, levels), (gpu, f"--config.model.dtype=bfloat16, {levels}")):
        with pytest.raises(ValueError, match=re.escape(f"the most first: {first}{others}") + "$"):
            memory.require(need, devices, config, network, (96, 128))
    need = memory.Need(whole=1100, given=700, room=600)
    with pytest.raises(ValueError, match=r"first: --config\.data\.device_limit=0 .*, a smaller network"):
        memory.require(need, cpu, config, network, (96, 128))
    memory.require(need._replace(room=1100), cpu, config, network, (96, 128))
    memory.require(need._replace(room=None), cpu, config, network, (96, 128))


def test_the_line():
    cpu, gpu = jax.devices()[:1], [type("Device", (), {"platform": "gpu"})()]
    need = memory.Need(whole=600 * 2**20, given=2**20, room=11 * 2**30)
    takes = "a training step takes about 600 MiB"
    assert memory.told(need, cpu) == f"{takes}, of 11.0 GiB that are free"
    assert memory.told(need, cpu * 2) == f"{takes} on each of 2 devices, of 22.0 GiB that they share"
    assert memory.told(need, gpu) == f"{takes}, of 11.0 GiB"
    assert memory.told(need._replace(room=None), gpu * 2) == f"{takes} on each of 2 devices"
