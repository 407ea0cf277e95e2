"""The layers that attention and the models share; each is a pure function first and a Flax module second."""

from jaxseg.layers.convolution import Conv as Conv
from jaxseg.layers.convolution import conv as conv
from jaxseg.layers.dropout import Dropout as Dropout
from jaxseg.layers.normalization import BatchNorm as BatchNorm
from jaxseg.layers.numerics import Numerics as Numerics
from jaxseg.layers.resampling import avg_pool as avg_pool
from jaxseg.layers.resampling import avg_pool2 as avg_pool2
from jaxseg.layers.resampling import max_pool as max_pool
from jaxseg.layers.resampling import max_pool2 as max_pool2
from jaxseg.layers.resampling import moved as moved
from jaxseg.layers.resampling import repeat2 as repeat2
from jaxseg.layers.resampling import resize as resize
from jaxseg.layers.resampling import upsample2 as upsample2
