"""
A stand-in for Redshift: its wire protocol, its COPY and its restrictions.

A client connects as it would to Redshift. The stand-in refuses what Redshift refuses, implements
what Redshift does differently, and passes the rest to the embedded PostgreSQL. It may be stricter
than Redshift, but never more lenient.
"""
