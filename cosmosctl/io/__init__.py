"""Files and processes: the only folder that writes to disk or starts anything."""
