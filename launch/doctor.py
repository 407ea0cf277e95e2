"""Find what is wrong with a data set before it is trained on: ``python launch/doctor.py --data_dir=FOLDER``.

Reads every image and mask once; prints what it finds and writes ``doctor.html`` with pictures of it. Exit code 0:
nothing, or notes alone; 1: warnings (scores would be misleading); 2: errors (training would reject the set). With
``--config=FILE`` the set is read and split as for training, and the memory and time that training needs are estimated.
"""

import json
import sys
from pathlib import Path

from absl import flags

from jaxseg import cli

CONFIG = cli.config_flag(required=False)
DATA_DIR = flags.DEFINE_string("data_dir", None, "The folder of the images. Default: the config's data.dir.")
OUTPUT = flags.DEFINE_string("output", ".", "The folder that doctor.html goes to, made where it is not there.")
JSON = flags.DEFINE_boolean(
    "json",
    False,
    "Print nothing but the findings as JSON: {'findings': [{'rule', 'severity', 'files', 'text'}, ...]}.",
)


def main() -> None:
    """Examine, print, and leave the page."""
    from jaxseg.jobs import doctor

    Path(OUTPUT.value).mkdir(parents=True, exist_ok=True)  # what cannot be made is told before all is read
    found = doctor.examine(DATA_DIR.value or "", CONFIG.value, progress=not JSON.value)
    page = doctor.write_page(found, Path(OUTPUT.value))
    print(json.dumps(found.to_json(), indent=2) if JSON.value else f"{found}\n{page}")
    sys.exit(found.code)


if __name__ == "__main__":
    cli.run(main)
