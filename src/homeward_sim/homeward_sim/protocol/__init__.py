"""CARLA 0.9.16's client protocol: what goes over the wire, and nothing else."""
