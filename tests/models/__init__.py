"""Models of the workload programs in plain Python: what tests take for the truth. See world.py."""
