#!/bin/sh
# Deploys a certificate to Alibaba Cloud's Certificate Management Service (CAS): a deploy hook of
# acme.sh over casctl, which must be on the search path.
#
#   cp ali_cas.sh ~/.acme.sh/deploy/
#   acme.sh --deploy -d example.com --deploy-hook ali_cas
#
# The access key is the one that casctl finds: see `casctl whoami`. If the environment has none and
# dns_ali has saved Ali_Key and Ali_Secret, it is that one.
#
#   CASCTL             the program, if it is not on the search path
#   CASCTL_ENDPOINT, CASCTL_REGION, CASCTL_PROFILE and so on: the options of casctl
#   ALI_CAS_OPTIONS    more options, such as --on-conflict=replace
#
# acme.sh saves CASCTL, CASCTL_ENDPOINT, CASCTL_REGION, CASCTL_PROFILE and ALI_CAS_OPTIONS for the
# renewals of the domain.

# ali_cas_deploy DOMAIN KEY CERT CA FULLCHAIN
ali_cas_deploy() {
  _cdomain="$1"
  _ckey="$2"
  _ccert="$3"
  _cca="$4"
  _cfullchain="$5"

  for _variable in CASCTL CASCTL_ENDPOINT CASCTL_REGION CASCTL_PROFILE ALI_CAS_OPTIONS; do
    _getdeployconf "$_variable"
    eval "_value=\"\${$_variable:-}\""
    [ -z "$_value" ] || _savedeployconf "$_variable" "$_value"
  done

  _casctl="${CASCTL:-casctl}"
  if ! command -v "$_casctl" >/dev/null 2>&1; then
    _err "$_casctl is not on the search path. Install it, or set CASCTL to its path."
    return 1
  fi

  # In a subshell: nothing that is exported here reaches other hooks.
  (
    if [ -z "${ALIBABA_CLOUD_ACCESS_KEY_ID:-}${CASCTL_PROFILE:-}" ]; then
      Ali_Key="${Ali_Key:-$(_readaccountconf_mutable Ali_Key)}"
      Ali_Secret="${Ali_Secret:-$(_readaccountconf_mutable Ali_Secret)}"
      if [ "$Ali_Key" ] && [ "$Ali_Secret" ]; then
        export ALIBABA_CLOUD_ACCESS_KEY_ID="$Ali_Key"
        export ALIBABA_CLOUD_ACCESS_KEY_SECRET="$Ali_Secret"
      fi
    fi
    for _variable in CASCTL_ENDPOINT CASCTL_REGION CASCTL_PROFILE; do
      eval "[ -z \"\${$_variable:-}\" ] || export $_variable"
    done
    export CERT_PATH="$_ccert" CERT_KEY_PATH="$_ckey" CA_CERT_PATH="$_cca"
    export CERT_FULLCHAIN_PATH="$_cfullchain" Le_Domain="$_cdomain"
    # shellcheck disable=SC2086 # several options are separated by spaces
    "$_casctl" hook acme.sh ${ALI_CAS_OPTIONS:-}
  )
}
