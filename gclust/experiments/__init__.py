"""What runs a study many times: sweeps of its parameters."""
