"""From photographs to probabilities, masks and scores."""

from jaxseg.inference.evaluate import evaluate as evaluate
from jaxseg.inference.load import load as load
from jaxseg.inference.predict_folder import predict_folder as predict_folder
from jaxseg.inference.predictor import Predictor as Predictor
