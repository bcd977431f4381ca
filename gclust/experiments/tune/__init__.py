"""The live tuner: a local page whose sliders try a study's parameters."""
