"""The lobby: the Valkey that the tests of this folder share ends with the last of them."""
