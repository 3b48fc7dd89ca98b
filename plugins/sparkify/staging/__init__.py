"""Fill a run's staging tables on either engine, and keep the ledger of the files read."""
