"""The parts of the simulated clinic; `ketaoutcomes.cohort.simulate` puts them together."""
