"""What everything else stands on: errors, files, random numbers, progress, and what this machine is."""
