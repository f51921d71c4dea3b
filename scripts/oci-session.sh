#!/usr/bin/env bash
# Exchanges the identity token of a GitHub Actions run for a session of Oracle Cloud, valid for an hour at most: no key of a
# user is stored. (Token exchange grant, JWT to UPST:
# https://docs.oracle.com/en-us/iaas/Content/Identity/api-getstarted/json_web_token_exchange.htm)
#
# The identity domain has an identity propagation trust for GitHub's issuer, which gives the subject
# `repo:OWNER/NAME:environment:NAME` a service user. The client's id and secret are of its OAuth application and give nothing
# without such a token.
set -euo pipefail

: "${OCI_DOMAIN_URL:?the identity domain, https://idcs-….identity.oraclecloud.com}"
: "${OCI_CLIENT_ID:?}" "${OCI_CLIENT_SECRET:?}" "${OCI_TENANCY:?}" "${OCI_REGION:?}"
: "${ACTIONS_ID_TOKEN_REQUEST_URL:?the job needs the permission id-token: write}" "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:?}"

umask 077
folder=$HOME/.oci
mkdir -p "$folder"
openssl genrsa -out "$folder/session.pem" 2048 2>/dev/null
public=$(openssl rsa -in "$folder/session.pem" -pubout -outform DER 2>/dev/null | base64 --wrap 0)

# Secrets go by file descriptor: a command line is seen by everybody on the machine.
identity=$(curl --fail --silent --show-error --max-time 20 \
    --config <(printf 'header = "authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN") \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$OCI_DOMAIN_URL" | jq --exit-status --raw-output .value)
echo "::add-mask::$identity"
token=$(curl --fail-with-body --silent --show-error --max-time 20 \
    --config <(printf 'user = "%s:%s"\n' "$OCI_CLIENT_ID" "$OCI_CLIENT_SECRET") \
    --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode requested_token_type=urn:oci:token-type:oci-upst \
    --data-urlencode subject_token_type=jwt \
    --data-urlencode subject_token@<(printf %s "$identity") \
    --data-urlencode public_key="$public" \
    "${OCI_DOMAIN_URL%/}/oauth2/v1/token" | jq --exit-status --raw-output .token)
echo "::add-mask::$token"
printf %s "$token" >"$folder/session.token"

fingerprint=$(openssl rsa -in "$folder/session.pem" -pubout -outform DER 2>/dev/null | openssl md5 -c | sed 's/^.*= *//')
cat >"$folder/config" <<END
[DEFAULT]
tenancy=$OCI_TENANCY
region=$OCI_REGION
fingerprint=$fingerprint
key_file=$folder/session.pem
security_token_file=$folder/session.token
END
if [ -n "${GITHUB_ENV:-}" ]; then
    echo "OCI_CLI_AUTH=security_token" >>"$GITHUB_ENV"
fi
