"""From photographs to probabilities, masks and scores."""

from jaxseg.inference.evaluate import evaluate as evaluate
from jaxseg.inference.predictor import Predictor as Predictor
