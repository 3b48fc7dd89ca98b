"""Fill the staging tables of a run, on either engine, and keep the ledger of the files read."""
