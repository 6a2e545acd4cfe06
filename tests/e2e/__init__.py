"""The topologies: what the tests of this folder share ends with the last of them."""
