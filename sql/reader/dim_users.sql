-- Users, without their names, under the Kimball name that some tools expect.
{% include "reader/users.sql" %}
