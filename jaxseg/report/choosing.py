"""Two ways to choose a pixel in a notebook: clicks, which need a figure in a window, and sliders, which do not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxseg.report.attention import Scene, draw_pixel
from jaxseg.report.panels import Pixel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def follow_clicks(scene: Scene, pixel: Pixel, figure: Figure) -> None:
    """Draw the attention of a pixel on a figure in a window (or ipympl's), and again for each pixel that is clicked."""

    def clicked(event: Any) -> None:
        if event.inaxes is not None and event.inaxes.images:  # a panel, not a colour bar
            last = np.array(scene.image.shape[:2]) - 1
            y, x = np.clip(np.rint([event.ydata, event.xdata]).astype(int), 0, last).tolist()
            draw_pixel(scene, (y, x), figure)
            figure.canvas.draw_idle()

    draw_pixel(scene, pixel, figure)
    figure.canvas.mpl_connect("button_press_event", clicked)


def sliders(scene: Scene, pixel: Pixel) -> Any:
    """Return a widget: sliders for row and column above the picture of that pixel's attention.

    It needs ipywidgets, and a notebook with a running kernel.
    """
    from ipywidgets import Image, IntSlider, VBox  # pyright: ignore[reportMissingImports]  # the extra "notebook"

    picture = Image(format="png")
    row, column = (
        IntSlider(value, 0, side - 1, description=name, continuous_update=False)
        for name, value, side in zip(("row", "column"), pixel, scene.image.shape[:2], strict=True)
    )

    def draw(_: Any = None) -> None:
        stream = io.BytesIO()
        draw_pixel(scene, (row.value, column.value)).savefig(stream, dpi=80)
        picture.value = stream.getvalue()

    draw()
    row.observe(draw, "value")
    column.observe(draw, "value")
    return VBox([row, column, picture])
