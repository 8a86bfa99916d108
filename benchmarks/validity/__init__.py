"""Do the dimensions measure what they say? ``python -m benchmarks.validity`` writes the answer."""
