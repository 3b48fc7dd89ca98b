-- Moments at which something was played, under the Kimball name that some tools expect.
{% include "reader/time.sql" %}
