"""The record of runs: steps, summary, the state of each hour, audit and alerts."""
