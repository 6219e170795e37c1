"""Guidance: making samples agree with what is known; `conf/guidance/` names it."""
