"""The smallest honest server of each common design: the yardsticks. None of them logs, limits or waits.

Each runs as `python -m benchmarks.reference.NAME PORT [CERTIFICATE KEY]`.
"""
