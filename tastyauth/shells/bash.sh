_tastyauth_has_epoch() {
    [[ ${BASH_VERSINFO[0]} -ge 5 && ${EPOCHSECONDS-} == [1-9]* ]]
}

_tastyauth_hide() {
    export -n _tastyauth_bound _tastyauth_state _tastyauth_told _tastyauth_seen \
        _tastyauth_at _tastyauth_due _tastyauth_end _tastyauth_pause
}

_tastyauth_install() {
    if [[ ${PROMPT_COMMAND[*]-} == *_tastyauth_hook* ]]; then return; fi
    if [[ ${BASH_VERSINFO[0]}${BASH_VERSINFO[1]} -ge 51 &&
        $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND=(_tastyauth_hook "${PROMPT_COMMAND[@]}")
    else # a string
        # shellcheck disable=SC2128,SC2178
        PROMPT_COMMAND="_tastyauth_hook${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
    fi
}

