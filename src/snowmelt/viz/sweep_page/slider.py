"""The script of the slider over training steps, the one that the page allows to run.

Without it the last moment is shown. The browser moves the slider by mouse and keyboard.
"""

from __future__ import annotations

import base64
import hashlib

SCRIPT = """
"use strict";
const slider = document.querySelector("#moment");
const moments = document.querySelectorAll(".moment");
function show() {
  moments.forEach((one, place) => { one.hidden = place !== Number(slider.value); });
  const told = moments[Number(slider.value)].dataset.told;
  slider.setAttribute("aria-valuetext", told);
  document.querySelector("#moment-told").textContent = told;
}
slider.addEventListener("input", show);
document.querySelector(".slide").hidden = false;
show();
"""


def allowed() -> str:
    """What a content security policy says of it: its digest, and of no other script."""
    digest = hashlib.sha256(SCRIPT.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
