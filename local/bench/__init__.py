"""How fast it loads: beside the floor, beside its peers, and as history grows."""
