"""Devices that speak their real protocol on a pty, and a scripted patient to pull at them."""
