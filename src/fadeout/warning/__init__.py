"""What goes out to the public and what comes in from it: snapshots, reports, alerts."""
