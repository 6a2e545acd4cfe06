"""What the programs share around the protocol: settings, logging, encryption. No rule of the game is here."""
