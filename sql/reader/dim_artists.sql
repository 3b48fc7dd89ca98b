-- Artists, under the Kimball name that some tools expect.
{% include "reader/artists.sql" %}
