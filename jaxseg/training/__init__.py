"""Training: the step, pmapped over devices, and the loop around it."""

from jaxseg.training.loop import Stopped as Stopped
from jaxseg.training.loop import train as train
