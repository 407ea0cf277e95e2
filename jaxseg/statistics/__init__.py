"""From scores of images to intervals and tests. NumPy arrays in, plain numbers out; undefined scores are NaN there."""

from jaxseg.statistics.holm import holm as holm
from jaxseg.statistics.intervals import LEVEL as LEVEL
from jaxseg.statistics.intervals import RESAMPLES as RESAMPLES
from jaxseg.statistics.intervals import Interval as Interval
from jaxseg.statistics.intervals import bootstrap as bootstrap
from jaxseg.statistics.mean import Mean as Mean
from jaxseg.statistics.mean import mean as mean
from jaxseg.statistics.paired import Difference as Difference
from jaxseg.statistics.paired import over_images as over_images
from jaxseg.statistics.paired import over_seeds as over_seeds
from jaxseg.statistics.ranks import Ranks as Ranks
from jaxseg.statistics.ranks import ranks as ranks
from jaxseg.statistics.smallest import ALPHA as ALPHA
from jaxseg.statistics.smallest import POWER as POWER
from jaxseg.statistics.smallest import smallest_difference as smallest_difference
from jaxseg.statistics.units import Units as Units
from jaxseg.statistics.units import gather as gather
