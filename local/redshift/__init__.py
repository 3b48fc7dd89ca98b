"""
A stand-in for Redshift on this machine: its wire protocol, its COPY and its refusals.

A client connects as it would to Redshift. What Redshift would refuse is refused, what it does in
its own way is done that way, and the rest is done by the embedded PostgreSQL. It is meant to be
stricter than Redshift, never kinder.
"""
