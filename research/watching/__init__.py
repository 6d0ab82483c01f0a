"""Unusual use by researchers: `rules` is pure, `looking` reads what happened and puts it before the privacy officer."""
