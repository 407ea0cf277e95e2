"""From photographs to probabilities, masks and scores."""

from jaxseg.inference.predict_folder import predict_folder as predict_folder
from jaxseg.inference.predictions import Predictions as Predictions
from jaxseg.inference.predictions import expecting as expecting
from jaxseg.inference.predictor import Predictor as Predictor
from jaxseg.inference.restore import load as load
from jaxseg.inference.restore import options as options
from jaxseg.inference.scoring import choose_threshold as choose_threshold
from jaxseg.inference.scoring import fit_temperature as fit_temperature
from jaxseg.inference.scoring import score as score
