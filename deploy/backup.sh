#!/bin/sh
# Saves the database every BACKUP_EVERY_SECONDS into the folder that is named, and keeps the latest BACKUPS_KEPT of what it
# saved. A backup that fails is tried again after five minutes.
set -eu
folder=$1
every=${BACKUP_EVERY_SECONDS:-86400}
kept=${BACKUPS_KEPT:-14}
trap 'exit 0' INT TERM

while :; do
    wait=$every
    if lrtune db backup "$folder/$(date -u +%Y-%m-%dT%H%M%SZ).backup"; then
        for file in "$folder"/????-??-??T??????Z.backup; do echo "$file"; done |
            sort -r | tail -n "+$((kept + 1))" | while IFS= read -r old; do rm -f -- "$old"; done
    elif [ "$every" -gt 300 ]; then
        wait=300
    fi
    sleep "$wait" &
    wait $!
done
