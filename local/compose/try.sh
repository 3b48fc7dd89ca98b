#!/usr/bin/env bash
# Runs docker-compose.yaml for real, from nothing to nothing: up, healthy, the month loaded, the page
# behind its login, a backfill, down. `try.sh celery` does it on workers of their own.
#
# It is a deployment beside any other: with a name, secrets and ports of its own; only the image that
# it builds stays. Where it cannot be tried, because there is no engine or the images are not to be
# had, it says so and ends with 75: whoever calls it decides whether that is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

UNTRIED=75
PROJECT=sparkify-try
PATIENCE=${PATIENCE:-900}
executor=${1:-local}
folder=$(mktemp -d)
settings=$folder/env

# What the caller's environment says of a deployment is about another one.
for name in $(compgen -e AIRFLOW_) COMPOSE_PROFILES COMPOSE_FILE COMPOSE_PROJECT_NAME; do unset "$name"; done

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

compose() { ${COMPOSE:-docker compose} --project-name "$PROJECT" --env-file "$settings" "$@"; }

untried() {
    echo "docker-compose.yaml was not tried: $*"
    rm -r "$folder"
    exit $UNTRIED
}

# Every container, volume and network of the project, a line each.
made() {
    docker ps --all --filter "label=com.docker.compose.project=$PROJECT" --format "container {{.Names}} {{.Status}}"
    docker volume ls --filter "label=com.docker.compose.project=$PROJECT" --format "volume {{.Name}}"
    docker network ls --filter "label=com.docker.compose.project=$PROJECT" --format "network {{.Name}}"
}

end() {
    status=$?
    if [ $status != 0 ]; then
        made
        compose logs --no-color --tail 100
    fi
    compose down --volumes --remove-orphans >"$folder/down" 2>&1 || cat "$folder/down"
    rm -r "$folder"
    left=$(made)
    [ -z "$left" ] || { echo "down has left:"; echo "$left"; exit 1; }
    say "down, and nothing is left"
    exit $status
}

wait_until_healthy() {
    until state=$(made) && ! grep -qE "health: starting|unhealthy|Created|Restarting" <<<"$state"; do
        [ $SECONDS -lt "$PATIENCE" ] || { echo "After $PATIENCE s not all is healthy."; return 1; }
        sleep 2
    done
}

# HTTP status of the page's own data, with whatever else curl is told.
status_of_answer() {
    curl --silent --output "$folder/answer" --write-out "%{http_code}" "$@" \
        "http://$web/sparkify/answers/most_played_songs.json"
}

asked() { compose exec -T warehouse psql -U sparkify -Atc "$1"; }

worked() {
    compose exec -T postgres psql -U airflow -Atc \
        "select hostname || ': ' || count(*) || ' tasks' from task_instance where state = 'success' group by hostname"
}

docker info >/dev/null 2>&1 || untried "no Docker engine answers (docker info)."

sh local/compose/make_env.sh "$settings" >/dev/null
{
    # Docker finds free ports.
    printf '%s=0\n' WEB_PORT WAREHOUSE_PORT S3_PORT
    if [ "$executor" = celery ]; then
        printf '%s\n' COMPOSE_PROFILES=local,celery AIRFLOW_EXECUTOR=CeleryExecutor CELERY_WORKERS=2
    fi
} >>"$settings"

for image in $(sed -n 's/^FROM //p' Dockerfile) $(compose config --images | sort -u | grep -v '^sparkify-airflow$'); do
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" 2>"$folder/pull" ||
        untried "the image $image is not to be had: $(tail -1 "$folder/pull")"
done

trap end EXIT
trap 'exit 1' INT TERM
compose build --quiet airflow-init  # one image, which all have
say "built"
began=$SECONDS
compose up --detach --quiet-pull
wait_until_healthy
say "healthy, $((SECONDS - began)) s after up"

loaded=$(docker wait "$(compose ps --all --quiet first-load)")
[ "$loaded" = 0 ] || { echo "first-load ended with $loaded"; exit 1; }
plays=$(asked "select count(*) from songplays")
[ "$plays" -gt 0 ]
say "loaded: $plays plays"

web=$(compose port airflow-apiserver 8080)
[ "$(status_of_answer)" = 401 ] || { echo "The page answers whoever asks."; exit 1; }
password=$(sed -n 's/^ADMIN_PASSWORD=//p' "$settings")
token=$(curl --silent --fail --header "Content-Type: application/json" \
    --data "{\"username\": \"admin\", \"password\": \"$password\"}" "http://$web/auth/token" |
    sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
[ "$(status_of_answer --header "Authorization: Bearer $token")" = 200 ] || { cat "$folder/answer"; exit 1; }
say "the page answers who is logged in, and nobody else"

compose exec -T airflow-scheduler airflow dags backfill -s 2018-11-15 -e 2018-11-15T03:00 sparkify
[ "$(asked "select count(*) from songplays")" = "$plays" ] || { echo "The backfill changed the plays."; exit 1; }
say "backfilled four hours; by host:"
worked
if [ "$executor" = celery ]; then
    [ "$(worked | wc -l)" = 2 ] || { echo "Not both workers had work."; exit 1; }
fi
