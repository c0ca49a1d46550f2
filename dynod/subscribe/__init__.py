"""The record system's side: what a subscriber does with what a station publishes."""
