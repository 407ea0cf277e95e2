"""Results for readers: tables, learning curves, example images, pictures of attention, and the report of a run."""

from jaxseg.report.attention import Scene as Scene
from jaxseg.report.attention import draw_comparison as draw_comparison
from jaxseg.report.attention import draw_pixel as draw_pixel
from jaxseg.report.choosing import follow_clicks as follow_clicks
from jaxseg.report.choosing import sliders as sliders
from jaxseg.report.comparison import COMPARISON_FILES as COMPARISON_FILES
from jaxseg.report.comparison import comparison_text as comparison_text
from jaxseg.report.comparison import write_comparison as write_comparison
from jaxseg.report.doctor_page import SHOWN as SHOWN
from jaxseg.report.doctor_page import counted as counted
from jaxseg.report.doctor_page import doctor_page as doctor_page
from jaxseg.report.figures import save as save
from jaxseg.report.learning_curves import draw_curves as draw_curves
from jaxseg.report.overlays import Example as Example
from jaxseg.report.overlays import draw_examples as draw_examples
from jaxseg.report.run_report import write_run as write_run
