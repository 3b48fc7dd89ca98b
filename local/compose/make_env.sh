#!/bin/sh
# Writes .env, or the file that is named, from .env.example, with a new random value for each secret
# that is left empty there.
set -eu
cd "$(dirname "$0")/../.."

file=${1:-.env}
if [ -e "$file" ]; then
    echo "$file is there already, and databases were made with its passwords. Edit it, or delete it" \
        "and start anew (docker compose down --volumes)." >&2
    exit 1
fi

umask 077
rm -f "$file.unfinished"  # another's mode would be kept
while IFS= read -r line; do
    case $line in
        FERNET_KEY=) line="$line$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')" ;;
        [A-Z]*=) line="$line$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" ;;
    esac
    printf '%s\n' "$line"
done < .env.example > "$file.unfinished"
mv "$file.unfinished" "$file"

echo "Wrote $file. Next: docker compose up --build --detach"
echo "The web UI is then on http://127.0.0.1:8080, user admin, password: ADMIN_PASSWORD in .env"
