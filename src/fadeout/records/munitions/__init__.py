"""Munition types of the shipped table, types.toml; `fadeout.records.munition_items` makes numbers of them."""
