#!/bin/sh
# Makes the secrets that docker-compose.yml and deploy/kubernetes mount, each in a file of the folder `secrets` (or of the
# one that is named). One that is there stays as it is. The containers' users read the files; the folder keeps others out.
set -eu
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"

make() { # NAME PREFIX
    [ -s "$folder/$1" ] && return
    printf '%s%s\n' "$2" "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')" >"$folder/$1"
    chmod 644 "$folder/$1"
    echo "made $folder/$1"
}

make postgres-password ''
make admin-token lrt_
make worker-token lrt_
make metrics-token ''
make grafana-password ''
