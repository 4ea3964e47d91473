"""What came back: read as a stranger's, judged, put into run folders, and the receipts that tell of it."""
