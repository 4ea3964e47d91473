"""What was made: judged, enlarged, gone on from."""
