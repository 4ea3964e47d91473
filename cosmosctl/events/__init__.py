"""What a host tells while a batch runs: lines, bounded and decoded; how far each run is by them; the models' logs."""
