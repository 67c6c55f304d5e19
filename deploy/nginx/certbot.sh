#!/bin/sh
# Asks Let's Encrypt for a certificate of DFD_DOMAIN and renews it, through the folder that Nginx answers challenges from.
# Runs in certbot's image; Nginx takes over what is in /tls by its next reload.
set -eu

: "${DFD_DOMAIN:?is not set: the name that callers reach this machine by}"
: "${ACME_EMAIL:?is not set: who is told when a certificate is about to end}"

while :; do
    if certbot certonly --non-interactive --agree-tos --email "$ACME_EMAIL" --server "$ACME_SERVER" --webroot \
        --webroot-path /var/www/acme --domain "$DFD_DOMAIN" --keep-until-expiring; then
        live=/etc/letsencrypt/live/$DFD_DOMAIN
        for name in fullchain privkey; do
            if ! cmp -s "$live/$name.pem" "/tls/$name.pem"; then
                cp -L "$live/$name.pem" "/tls/$name.new"
                chmod 0444 "/tls/$name.new"
                mv "/tls/$name.new" "/tls/$name.pem"
            fi
        done
    fi
    sleep 43200
done
