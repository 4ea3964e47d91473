"""Programs for whoever works on cosmosctl; none of them is in the wheel."""
