"""The live tuner: a local web page with sliders to try a study's parameters."""
