"""How fast an analysis is on this machine: each stage alone, the whole, and a plain loop to compare with."""
