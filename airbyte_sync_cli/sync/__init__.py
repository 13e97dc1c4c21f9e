"""Exactly one sync, from trigger to outcome; knows neither terminal nor HTTP."""
