-- Songs, under the Kimball name that some tools expect.
{% include "reader/songs.sql" %}
