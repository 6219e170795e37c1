from __future__ import annotations

from snowmelt.viz.report.short_digests import short_digest


def test_a_digest_is_short_and_whole_on_demand():
    text = str(short_digest("0a" * 32))
    assert text.startswith('<details class="digest"><summary>0a0a0a0a0a0a…</summary>')
    assert "0a" * 32 in text


def test_any_other_text_stays_and_is_escaped():
    assert short_digest("classifier") == "classifier"
    assert short_digest("<b>" * 30) == "&lt;b&gt;" * 30
