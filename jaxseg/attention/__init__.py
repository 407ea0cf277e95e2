"""Spatial attention as one operator: every mechanism is a declaration of support, score, norm and value (Eq. 1).

The words of a declaration lie in ``supports``, ``scores``, ``norms`` and ``values``; ``module`` has the protocol.
"""

from jaxseg.attention import norms as norms
from jaxseg.attention import scores as scores
from jaxseg.attention import supports as supports
from jaxseg.attention import values as values
from jaxseg.attention.channel import ChannelAttention as ChannelAttention
from jaxseg.attention.channel import ChannelGate as ChannelGate
from jaxseg.attention.channel import SqueezeExcite as SqueezeExcite
from jaxseg.attention.costs import cost as cost
from jaxseg.attention.form import Dense as Dense
from jaxseg.attention.form import Form as Form
from jaxseg.attention.lowerings import aggregate as aggregate
from jaxseg.attention.lowerings import lowering as lowering
from jaxseg.attention.maps import dense as dense
from jaxseg.attention.maps import gate_maps as gate_maps
from jaxseg.attention.maps import rows as rows
from jaxseg.attention.mechanisms.sequence import Sequence as Sequence
from jaxseg.attention.mechanisms.table import MECHANISMS as MECHANISMS
from jaxseg.attention.mechanisms.table import build as build
from jaxseg.attention.module import Attention as Attention
from jaxseg.attention.module import Part as Part
from jaxseg.attention.module import flat as flat
from jaxseg.attention.module import flat_mask as flat_mask
