#!/usr/bin/env bash
# Test docker-compose.yaml end to end: up, healthy, the month loaded, the page behind its login, a
# backfill, down. `try.sh celery` runs the tasks on Celery workers.
#
# It has its own project name, secrets and ports, and removes everything but the image. Without a
# Docker engine or the images it exits with 75; the caller decides whether that is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

SKIPPED=75
PROJECT=sparkify-try
PATIENCE=${PATIENCE:-900}
executor=${1:-local}
folder=$(mktemp -d)
settings=$folder/env

# Ignore the caller's settings, which belong to another deployment.
for name in $(compgen -e AIRFLOW_) COMPOSE_PROFILES COMPOSE_FILE COMPOSE_PROJECT_NAME; do unset "$name"; done

log() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

compose() { ${COMPOSE:-docker compose} --project-name "$PROJECT" --env-file "$settings" "$@"; }

skip() {
    echo "docker-compose.yaml was not tested: $*"
    rm -r "$folder"
    exit $SKIPPED
}

# List every container, volume and network of the project.
resources() {
    docker ps --all --filter "label=com.docker.compose.project=$PROJECT" --format "container {{.Names}} {{.Status}}"
    docker volume ls --filter "label=com.docker.compose.project=$PROJECT" --format "volume {{.Name}}"
    docker network ls --filter "label=com.docker.compose.project=$PROJECT" --format "network {{.Name}}"
}

cleanup() {
    status=$?
    if [ $status != 0 ]; then
        resources
        compose logs --no-color --tail 100
    fi
    compose down --volumes --remove-orphans >"$folder/down" 2>&1 || cat "$folder/down"
    rm -r "$folder"
    left=$(resources)
    [ -z "$left" ] || { echo "down has left:"; echo "$left"; exit 1; }
    log "down, nothing is left"
    exit $status
}

wait_until_healthy() {
    until state=$(resources) && ! grep -qE "health: starting|unhealthy|Created|Restarting" <<<"$state"; do
        [ $SECONDS -lt "$PATIENCE" ] || { echo "Not everything is healthy after $PATIENCE s."; return 1; }
        sleep 2
    done
}

# HTTP status of the page's data, with extra arguments for curl.
answer_status() {
    curl --silent --output "$folder/answer" --write-out "%{http_code}" "$@" \
        "http://$web/sparkify/answers/most_played_songs.json"
}

query() { compose exec -T warehouse psql -U sparkify -Atc "$1"; }

tasks_by_host() {
    compose exec -T postgres psql -U airflow -Atc \
        "select hostname || ': ' || count(*) || ' tasks' from task_instance where state = 'success' group by hostname"
}

docker info >/dev/null 2>&1 || skip "no Docker engine is running (docker info)."

sh local/compose/make_env.sh "$settings" >/dev/null
{
    # Docker picks free ports.
    printf '%s=0\n' WEB_PORT WAREHOUSE_PORT S3_PORT
    if [ "$executor" = celery ]; then
        printf '%s\n' COMPOSE_PROFILES=local,celery AIRFLOW_EXECUTOR=CeleryExecutor CELERY_WORKERS=2
    fi
} >>"$settings"

for image in $(sed -n 's/^FROM //p' Dockerfile) $(compose config --images | sort -u | grep -v '^sparkify-airflow$'); do
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" 2>"$folder/pull" ||
        skip "the image $image is not available: $(tail -1 "$folder/pull")"
done

trap cleanup EXIT
trap 'exit 1' INT TERM
compose build --quiet airflow-init  # all services share one image
log "built"
began=$SECONDS
compose up --detach --quiet-pull
wait_until_healthy
log "healthy, $((SECONDS - began)) s after up"

loaded=$(docker wait "$(compose ps --all --quiet first-load)")
[ "$loaded" = 0 ] || { echo "first-load ended with $loaded"; exit 1; }
plays=$(query "select count(*) from songplays")
[ "$plays" -gt 0 ]
log "loaded: $plays plays"

web=$(compose port airflow-apiserver 8080)
[ "$(answer_status)" = 401 ] || { echo "The page answers without a login."; exit 1; }
password=$(sed -n 's/^ADMIN_PASSWORD=//p' "$settings")
token=$(curl --silent --fail --header "Content-Type: application/json" \
    --data "{\"username\": \"admin\", \"password\": \"$password\"}" "http://$web/auth/token" |
    sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')
[ "$(answer_status --header "Authorization: Bearer $token")" = 200 ] || { cat "$folder/answer"; exit 1; }
log "the page requires a login"

compose exec -T airflow-scheduler airflow dags backfill -s 2018-11-15 -e 2018-11-15T03:00 sparkify
[ "$(query "select count(*) from songplays")" = "$plays" ] || { echo "The backfill changed the plays."; exit 1; }
log "backfilled four hours; tasks by host:"
tasks_by_host
if [ "$executor" = celery ]; then
    [ "$(tasks_by_host | wc -l)" = 2 ] || { echo "Only one worker ran tasks."; exit 1; }
fi
