"""The steps from one format of the store to the next, run by `records.migrating`."""
