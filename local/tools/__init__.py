"""Tools of the developer: verification, documentation and the SQL of a load."""
