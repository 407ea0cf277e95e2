"""What papers print: tables as data, each row with its protocol, and what a row can come from."""

from jaxseg.published.consistency import LEAST as LEAST
from jaxseg.published.consistency import OVERLAP as OVERLAP
from jaxseg.published.consistency import SCORES as SCORES
from jaxseg.published.consistency import Finding as Finding
from jaxseg.published.consistency import find as find
from jaxseg.published.pixel_counts import COUNTED as COUNTED
from jaxseg.published.pixel_counts import PixelCounts as PixelCounts
from jaxseg.published.pixel_counts import pixel_counts as pixel_counts
from jaxseg.published.regions import Estimate as Estimate
from jaxseg.published.regions import converted as converted
from jaxseg.published.regions import foreground as foreground
from jaxseg.published.regions import implied_dice as implied_dice
from jaxseg.published.row import FOV as FOV
from jaxseg.published.row import FULL as FULL
from jaxseg.published.row import IMAGE_MEAN as IMAGE_MEAN
from jaxseg.published.row import POOLED as POOLED
from jaxseg.published.row import Row as Row
from jaxseg.published.row import Table as Table
from jaxseg.published.table import TABLES as TABLES
from jaxseg.published.table import table as table
