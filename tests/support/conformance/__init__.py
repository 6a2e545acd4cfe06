"""What the conformance kit is tested against: correct programs, and mutants that each break one clause."""
