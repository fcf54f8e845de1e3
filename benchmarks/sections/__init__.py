"""What `benchmarks/run` measures, a section of BENCHMARKS.md each, and what the sections share."""
