#!/bin/sh
# Write .env, or the given file, from .env.example, with a random value for each empty secret.
set -eu
cd "$(dirname "$0")/../.."

file=${1:-.env}
if [ -e "$file" ]; then
    echo "$file exists already, and the databases use its passwords. Edit it, or delete it and start" \
        "from scratch (docker compose down --volumes)." >&2
    exit 1
fi

umask 077
rm -f "$file.unfinished"  # an existing file would keep its mode
while IFS= read -r line; do
    case $line in
        FERNET_KEY=) line="$line$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')" ;;
        [A-Z]*=) line="$line$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" ;;
    esac
    printf '%s\n' "$line"
done < .env.example > "$file.unfinished"
mv "$file.unfinished" "$file"

echo "Wrote $file. Next: docker compose up --build --detach"
echo "The web UI is then at http://127.0.0.1:8080: user admin, password ADMIN_PASSWORD in .env"
