"""``dynod doctor``: what is wrong with a station, and what to do about it."""
