-- Plays, under the Kimball name that some tools expect.
{% include "reader/songplays.sql" %}
