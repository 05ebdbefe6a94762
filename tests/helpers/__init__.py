"""What several tests use: runs of seconds, records, processes that may be killed, the command line."""
