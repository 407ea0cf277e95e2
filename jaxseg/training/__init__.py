"""Training: the step, pmapped over devices, and the loop around it."""

from jaxseg.training.loop import Run as Run
from jaxseg.training.loop import Stopped as Stopped
