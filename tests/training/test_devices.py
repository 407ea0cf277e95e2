import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxseg.training.devices import _largest_divisor, set_up


def ran(program):
    """Return what a program of this folder prints in a process that sees eight devices."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"
    path = str(Path(__file__).parents[1])  # for tests/small.py
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    path = Path(__file__).with_name(program)
    found = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-3000:]
    return json.loads(found.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def outcome():
    return ran("eight_devices.py")


def test_eight_devices_draw_the_batches_of_one(outcome):
    assert outcome["devices"] == 8
    assert outcome["batches_equal"]


def test_raw_gradients_and_statistics_agree(outcome):
    assert outcome["gradient_top"] > 1e-3
    assert outcome["gradients"] < 1e-5
    assert outcome["statistics"] < 1e-5
    assert outcome["losses"][0] == pytest.approx(outcome["losses"][1], rel=1e-5)


def test_parameters_agree_after_three_steps_of_gradient_descent(outcome):
    assert outcome["moved"] > 1e-4
    assert outcome["parameters"] < 1e-5
    assert outcome["copies_equal"]


def test_eight_devices_drop_what_one_drops_and_add_the_same_auxiliary_loss(outcome):
    assert outcome["dropout_gradients"] < 1e-5
    assert outcome["dropout_losses"][0] == pytest.approx(outcome["dropout_losses"][1], rel=1e-5)


@pytest.mark.slow
def test_networks_that_draw_or_average_over_the_batch_take_the_same_step():
    """The contour of DACN has its means of all images, and the dropout of the Non-local U-Net draws by image."""
    found = ran("eight_networks.py")
    assert found.pop("devices") == 8
    for name, figures in found.items():
        assert figures["gradient_top"] > 1e-3, name
        assert figures["gradients"] < 1e-5, name
        assert figures["statistics"] < 1e-5, name
        assert figures["losses"][0] == pytest.approx(figures["losses"][1], rel=1e-5), name


def test_devices_that_do_not_divide_the_batch_are_refused_with_the_numbers(tmp_path):
    with pytest.raises(ValueError, match=r"batch_size 4 is not divided by train.devices 3"):
        set_up(4, 3)


@pytest.mark.parametrize(("batch", "cores", "devices"), [(4, 2, 2), (4, 3, 2), (3, 2, 1), (6, 16, 6), (1, 8, 1)])
def test_the_largest_divisor_that_the_cores_allow(batch, cores, devices):
    assert _largest_divisor(batch, cores) == devices
