# SPDX-License-Identifier: BSD-3-Clause
# Sourced.  make_certificates FOLDER: an authority, and from it a server for
# localhost, a client 'friend', a client 'former' that is revoked; and a client
# of another authority, in a folder each as clients want them.

certificate ()
{
  # certificate FOLDER/NAME AUTHORITY TEMPLATE-LINE...
  local target=$1 authority=$2
  shift 2
  printf '%s\n' "$@" expiration_days=30 signing_key >"$target.template"
  certtool --generate-privkey --key-type=ecdsa --outfile "$target-key.pem"
  certtool --generate-certificate --load-privkey "$target-key.pem" \
    --load-ca-certificate "$authority-cert.pem" \
    --load-ca-privkey "$authority-key.pem" \
    --template "$target.template" --outfile "$target-cert.pem"
}

authority ()
{
  printf '%s\n' "cn=$2" ca cert_signing_key crl_signing_key \
    expiration_days=30 >"$1.template"
  certtool --generate-privkey --key-type=ecdsa --outfile "$1-key.pem"
  certtool --generate-self-signed --load-privkey "$1-key.pem" \
    --template "$1.template" --outfile "$1-cert.pem"
}

make_certificates ()
{
  local name
  (
    cd "$1"
    mkdir server friend former stranger
    authority ca "test authority"
    authority other "other authority"
    certificate server/server ca cn=localhost dns_name=localhost \
      ip_address=127.0.0.1 tls_www_server
    certificate friend/client ca cn=friend organization=Friends tls_www_client
    certificate former/client ca cn=former organization=Friends tls_www_client
    certificate stranger/client other cn=friend tls_www_client
    printf 'crl_next_update=30\ncrl_number=1\n' >crl.template
    certtool --generate-crl --load-ca-privkey ca-key.pem \
      --load-ca-certificate ca-cert.pem \
      --load-certificate former/client-cert.pem \
      --template crl.template --outfile server/ca-crl.pem
    # The stranger knows whom to trust; it is not trusted.
    for name in server friend former stranger; do
      cp ca-cert.pem $name/
    done
  ) >"$1/certtool.log" 2>&1
}
