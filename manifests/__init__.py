"""What a run is, and what happened: manifest, steps, store, command line."""
