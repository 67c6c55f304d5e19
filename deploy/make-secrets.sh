#!/bin/sh
# Makes what docker-compose.yml calls secrets, at random, in deploy/secrets; what is there already is left as it is.
#   deploy/make-secrets.sh [FOLDER]
# The folder is for you alone. The files in it can be read by all, as each container reads its own as another user.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-$here/secrets}"
folder=$(cd "${1:-$here/secrets}" && pwd)
chmod 0700 "$folder"
cd "$folder"

word() { openssl rand -hex 24; }

# keep NAME: what comes on standard input becomes the file, unless there is one.
keep() {
    if [ -e "$1" ]; then
        cat >/dev/null
    else
        cat >"$1"
        chmod 0444 "$1"
    fi
}

for name in jwt_secret postgres_password redis_password storage_access_key_id storage_secret_access_key \
    grafana_password elastic_password kibana_password logstash_password; do
    word | tr -d '\n' | keep "$name"
done

printf 'postgresql://dfd:%s@postgres:5432/dfd' "$(cat postgres_password)" | keep database_url
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" | keep broker_url
printf 'requirepass %s\nsave ""\nappendonly no\nmaxmemory 128mb\nmaxmemory-policy noeviction\n' "$(cat redis_password)" |
    keep redis_conf
printf '{"identities": [{"name": "dfd", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], "actions": ["Admin"]}]}\n' \
    "$(cat storage_access_key_id)" "$(cat storage_secret_access_key)" | keep s3_config
# Where Alertmanager sends alerts. Until you write your own, to nobody: it says so in its log.
printf 'http://127.0.0.1:9/' | keep alert_webhook_url

[ -e tls/fullchain.pem ] || "$here/nginx/dev-ca.sh" "$folder" ${DFD_DOMAIN:+"$DFD_DOMAIN"} localhost 127.0.0.1 ::1
