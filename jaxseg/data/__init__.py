"""Data sets, from files to prepared records and training batches. Images are read and prepared with OpenCV here."""

from jaxseg.data.load import DATASETS as DATASETS
from jaxseg.data.load import Splits as Splits
from jaxseg.data.load import configure as configure
from jaxseg.data.load import load as load
from jaxseg.data.load import load_split as load_split
from jaxseg.data.load import num_classes as num_classes
from jaxseg.data.preprocess import Preprocess as Preprocess
from jaxseg.data.records import Record as Record
from jaxseg.data.records import Records as Records
