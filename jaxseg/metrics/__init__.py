"""Scores from probabilities and masks: exact counts, exact AUC, four protocols side by side.

NumPy only, until distances between boundaries, a temperature (SciPy) or skeletons (scikit-image) are asked for.
"""

from jaxseg.metrics.counts import Counts as Counts
from jaxseg.metrics.counts import binary as binary
from jaxseg.metrics.counts import check_threshold as check_threshold
from jaxseg.metrics.counts import confusion as confusion
from jaxseg.metrics.counts import decide as decide
from jaxseg.metrics.curve_points import curve_points as curve_points
from jaxseg.metrics.curves import auc as auc
from jaxseg.metrics.curves import average_precision as average_precision
from jaxseg.metrics.curves import sensitivity_at as sensitivity_at
from jaxseg.metrics.evaluation import Evaluation as Evaluation
from jaxseg.metrics.scores import METRICS as METRICS
from jaxseg.metrics.scores import SCORES as SCORES
from jaxseg.metrics.scores import Metric as Metric
from jaxseg.metrics.scores import Option as Option
from jaxseg.metrics.scores import chosen as chosen
from jaxseg.metrics.scores import metric as metric
from jaxseg.metrics.scores import scores as scores
from jaxseg.metrics.summary import REDUCTIONS as REDUCTIONS
from jaxseg.metrics.summary import REGIONS as REGIONS
from jaxseg.metrics.summary import SD_DDOF as SD_DDOF
from jaxseg.metrics.summary import Tally as Tally
from jaxseg.metrics.summary import flatten as flatten
from jaxseg.metrics.summary import score_key as score_key
from jaxseg.metrics.temperature import NONE as NONE
from jaxseg.metrics.temperature import ON_VAL as ON_VAL
from jaxseg.metrics.temperature import Calibration as Calibration
from jaxseg.metrics.temperature import TemperatureSearch as TemperatureSearch
from jaxseg.metrics.temperature import tempered as tempered
from jaxseg.metrics.thresholds import FIXED as FIXED
from jaxseg.metrics.thresholds import RULES as RULES
from jaxseg.metrics.thresholds import ThresholdSearch as ThresholdSearch
from jaxseg.metrics.walk import OFF as OFF
from jaxseg.metrics.walk import Walk as Walk
