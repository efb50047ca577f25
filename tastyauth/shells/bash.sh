_tastyauth_has_epoch() {
    [[ ${BASH_VERSINFO[0]} -ge 5 && ${EPOCHSECONDS-} == [1-9]* ]]
}

_tastyauth_hide() {
    export -n _tastyauth_bound _tastyauth_state _tastyauth_told _tastyauth_seen \
        _tastyauth_at _tastyauth_due _tastyauth_end _tastyauth_pause _tastyauth_mark \
        _tastyauth_line _tastyauth_number
}

_tastyauth_before() { # the first command of a line, which still sees $_
    _tastyauth_hook
    _tastyauth_line=$1
    export -n _tastyauth_line
    : "${2-}"
}

_tastyauth_install() {
    local version=$((100 * BASH_VERSINFO[0] + BASH_VERSINFO[1]))
    if [[ -n ${bash_preexec_imported-}${__bp_imported-} ]]; then # there is bash-preexec
        if [[ " ${precmd_functions[*]-} " != *' _tastyauth_hook '* ]]; then
            precmd_functions=(_tastyauth_hook ${precmd_functions[@]+"${precmd_functions[@]}"})
            preexec_functions=(_tastyauth_hook ${preexec_functions[@]+"${preexec_functions[@]}"})
        fi
        return
    fi
    if [[ ${PROMPT_COMMAND[*]-} == *_tastyauth_hook* ]]; then
        :
    elif [[ $version -ge 501 && $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND=(_tastyauth_hook "${PROMPT_COMMAND[@]}")
    else # a string: what was there first still sees PIPESTATUS
        # shellcheck disable=SC2128,SC2178,SC2179
        PROMPT_COMMAND+=${PROMPT_COMMAND:+$'\n'}_tastyauth_hook
    fi
}

