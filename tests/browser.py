"""A page in headless Chromium: what a script finds in it at a width and a colour scheme, and what the console says."""

import json
import re
import shutil
import subprocess

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")

# The page is shown in a frame of the asked width: a window of Chromium is never narrower than 500 pixels.
_FRAME = """<!doctype html><meta charset="utf-8"><body style="margin:0"><script>
const frame = document.createElement("iframe");
frame.style = "border:0;height:900px;width:WIDTHpx";
frame.onload = () => {
  const found = (function (document, window) { SCRIPT })(frame.contentDocument, frame.contentWindow);
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
};
frame.srcdoc = PAGE;
document.body.append(frame);
</script>"""


def browser():
    """Return the path of Chromium; skip the test where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    return found


def look(page, script, folder, *, width, dark=False):
    """Return what a script of JavaScript returns from a page, and the lines of the console.

    Args:
        page: the path of an HTML file.
        script: the body of a function of the page's ``document`` and ``window``.
        folder: for the browser's own files.
        width: of the page, CSS pixels.
        dark: whether the reader prefers dark pages.
    """
    text = json.dumps(page.read_text()).replace("</", "<\\/")
    outer = folder / "frame.html"
    outer.write_text(_FRAME.replace("WIDTH", str(width)).replace("SCRIPT", script).replace("PAGE", text))
    command = [
        browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
        f"--user-data-dir={folder / 'browser'}", "--window-size=1400,1000", "--virtual-time-budget=10000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", outer.as_uri(),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search(r'<pre id="told">(.*?)</pre>', ran.stdout, re.DOTALL)
    assert told, ran.stderr
    found = told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(found), re.findall(r"CONSOLE.*", ran.stderr)
