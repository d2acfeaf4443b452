#!/bin/sh
# Made the certificates beside it, once, for a hundred years. Their keys guard nothing but tests on loopback.
set -eu
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout ca.key -out ca.pem \
    -subj "/CN=django_blesta test authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
issue() { # name, alternative names, not before, not after
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' "$2" > "$1.ext"
    touch index.txt && echo "$3" > serial
    openssl ca -batch -notext -md sha256 -keyfile ca.key -cert ca.pem -in "$1.csr" -out "$1.crt" -outdir . \
        -startdate "$4" -enddate "$5" -extfile "$1.ext" -config minimal.cnf
    cat "$1.crt" "$1.key" > "$1.pem"
    rm -f "$1.key" "$1.csr" "$1.ext" "$1.crt" index.txt* serial* ./*.attr 0?.pem
}
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\npolicy=p\n[p]\ncommonName=supplied\n' > minimal.cnf
issue good "DNS:localhost,IP:127.0.0.1" 01 20260101000000Z 21251231000000Z
issue wrong_host "DNS:elsewhere.example" 02 20260101000000Z 21251231000000Z
issue expired "DNS:localhost,IP:127.0.0.1" 03 20200101000000Z 20210101000000Z
rm -f minimal.cnf ca.key
