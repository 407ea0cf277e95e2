import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import samples
import tensorflow_datasets as tfds

from jaxseg.ahead import ahead
from jaxseg.data import DATASETS, configure
from jaxseg.data.builder import Config, SegmentationBuilder, decode, quiet
from jaxseg.data.chase_db1 import ChaseConfig, ChaseDb1
from jaxseg.data.preprocess import Preprocess


@pytest.mark.parametrize("name", DATASETS)
def test_every_set_is_a_tfds_builder_that_makes_itself_without_preparation(name, tmp_path):
    builder = DATASETS[name]
    assert issubclass(builder, tfds.core.GeneratorBasedBuilder)
    assert builder.name == name
    assert name in tfds.core.registered.list_imported_builders()
    made = tfds.builder(name, data_dir=tmp_path, file_format="array_record")
    assert type(made) is builder
    assert type(made.settings) is type(configure(samples.settings(tmp_path, name=name, dir="nowhere"))[1])
    assert (made.settings.name, made.settings.preprocess) == ("native", Preprocess())
    if name != "synthetic":
        assert "--config.data.dir=" in builder.MANUAL_DOWNLOAD_INSTRUCTIONS


def test_a_builder_works_by_tfds_means_alone(tmp_path):
    folder = samples.chase(tmp_path / "chase")
    builder = ChaseDb1(data_dir=tmp_path / "out", config="native", file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
    source = builder.as_data_source("train")
    example = source[3]
    _, mask, _ = samples.eye(5, *samples.CHASE)
    assert example["id"] == b"Image_02R"
    np.testing.assert_array_equal(example["mask"][..., 0], mask)
    np.testing.assert_array_equal(decode(example).observer2, samples.observer2(mask))
    assert len(builder.as_data_source("train+test")) == 6


def test_totals_are_exact_and_read_back(tmp_path):
    folder = samples.chase(tmp_path / "chase")
    resized = ChaseConfig(name="resized", preprocess=Preprocess((64, 72), "lab"))
    for _ in range(2):  # made, then found
        with quiet():
            builder = ChaseDb1(data_dir=tmp_path / "out", config=resized, file_format="array_record")
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
        for place, example in enumerate(builder.as_data_source("train")):
            pixels = example["image"].reshape(-1, 3).astype(np.int64)
            totals = {name: values[place] for name, values in builder.totals["train"].items()}
            assert totals.pop("facts")[0] == [96, 100]
            assert totals == {
                "sizes": [64, 72],
                "foreground": int(example["mask"].sum()),
                "sums": pixels.sum(axis=0).tolist(),
                "squares": (pixels**2).sum(axis=0).tolist(),
            }


def test_work_ahead_keeps_the_order_and_raises_what_was_raised():
    assert list(ahead(lambda i: i * i, range(30))) == [i * i for i in range(30)]

    def broken(i):
        if i == 7:
            raise ValueError("seven")
        return i

    results = ahead(broken, range(30))
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(ValueError, match="^seven$"):
        next(results)


def test_the_base_is_no_data_set():
    assert "segmentation_builder" not in tfds.core.registered.list_imported_builders()
    with pytest.raises(NotImplementedError):
        SegmentationBuilder.listing(Path(), Config(name="native"))


SCRIPT = """
import sys
{before}
import samples, pathlib
from jaxseg.data import load
here = pathlib.Path({here!r})
data = samples.settings(here, name="folder", dir=str(samples.plain(here / "own")), test=1, {options})
splits = load(data)
assert len([record.image.shape for record in splits.train]) == 5
assert not [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "torch")]
"""


def run(here, before="", options=""):
    script = textwrap.dedent(SCRIPT).format(before=before, here=str(here), options=options)
    path = f"import sys; sys.path[:0] = {sys.path!r}"
    return subprocess.run([sys.executable, "-c", f"{path}\n{script}"], capture_output=True, text=True, timeout=120)


def test_preparing_and_reading_import_no_tensorflow_and_print_nothing(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_prepared_set_is_read_without_opencv(tmp_path):
    assert run(tmp_path).returncode == 0
    done = run(tmp_path, before="sys.modules['cv2'] = None")
    assert done.returncode == 0, done.stderr
