#!/bin/bash
# What Elasticsearch and Kibana must know before logs arrive. Doing it again does no harm.
set -euo pipefail
here=$(dirname "$0")

# ask SERVER-AND-PATH METHOD [BODY]: with the superuser's password, which is on no command line.
ask() {
    local body=()
    [[ $# -lt 3 ]] || body=(--header 'Content-Type: application/json' --data-binary "$3")
    curl --config <(printf 'user = "elastic:%s"\n' "$(</run/secrets/elastic_password)") --silent --show-error --fail \
        --header 'kbn-xsrf: dfd' --request "$2" "${body[@]}" "$1" >/dev/null
}

ask "$ELASTICSEARCH/_security/user/kibana_system/_password" POST "{\"password\": \"$(</run/secrets/kibana_password)\"}"
ask "$ELASTICSEARCH/_ilm/policy/dfd-logs" PUT "@$here/lifecycle.json"
ask "$ELASTICSEARCH/_index_template/logs-dfd" PUT "@$here/index-template.json"
# May add lines to the one data stream, and neither read nor change any.
ask "$ELASTICSEARCH/_security/role/dfd_logstash" PUT \
    '{"cluster": ["monitor"], "indices": [{"names": ["logs-dfd-*"], "privileges": ["auto_configure", "create_doc"]}]}'
ask "$ELASTICSEARCH/_security/user/dfd_logstash" PUT \
    "{\"password\": \"$(</run/secrets/logstash_password)\", \"roles\": [\"dfd_logstash\"]}"

until curl --silent --fail --output /dev/null "$KIBANA/api/status"; do
    sleep 5
done
ask "$KIBANA/api/data_views/data_view" POST \
    '{"override": true, "data_view": {"id": "dfd-logs", "name": "DFD", "title": "logs-dfd-*", "timeFieldName": "@timestamp"}}'
