"""fadeout: where cluster munition remnants may still lie, and how sure that is."""
