#!/bin/sh
# A certificate authority of your own for development, and a certificate by it:
#   deploy/nginx/dev-ca.sh FOLDER [NAME...]      names or addresses; localhost, 127.0.0.1 and ::1 unless given
# FOLDER/ca.pem is for callers to trust; FOLDER/tls has fullchain.pem and privkey.pem for Nginx. The authority is kept and
# used again.
set -eu

folder=${1:?usage: dev-ca.sh FOLDER [NAME...]}
shift
[ $# -gt 0 ] || set -- localhost 127.0.0.1 ::1
mkdir -p "$folder/tls"
cd "$folder"
umask 077

if [ ! -e ca-key.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=DFD development' \
        -addext basicConstraints=critical,CA:true,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout ca-key.pem -out ca.pem 2>/dev/null
fi

names=
for name in "$@"; do
    case $name in
    *:* | *[0-9].[0-9]*) names="$names,IP:$name" ;;
    *) names="$names,DNS:$name" ;;
    esac
done
extensions=$(mktemp)
trap 'rm -f "$extensions" request.pem' EXIT
printf '%s\n' "subjectAltName=${names#,}" basicConstraints=critical,CA:false keyUsage=critical,digitalSignature \
    extendedKeyUsage=serverAuth >"$extensions"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout tls/privkey.pem -out request.pem 2>/dev/null
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 397 -extfile "$extensions" \
    -out leaf.pem 2>/dev/null
cat leaf.pem ca.pem >tls/fullchain.pem
rm leaf.pem
# Nginx in a container is another user than you: keep others out by the mode of FOLDER.
chmod 0755 tls
chmod 0444 ca.pem tls/fullchain.pem tls/privkey.pem
