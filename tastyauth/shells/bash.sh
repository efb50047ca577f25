_tastyauth_has_epoch() {
    [[ ${BASH_VERSINFO[0]} -ge 5 && ${EPOCHSECONDS-} == [1-9]* ]]
}

_tastyauth_hide() {
    export -n _tastyauth_bound _tastyauth_state _tastyauth_told _tastyauth_seen \
        _tastyauth_at _tastyauth_due _tastyauth_end _tastyauth_pause _tastyauth_mark _tastyauth_go
}

_tastyauth_before() { # a command, which still sees $_
    _tastyauth_hook
    : "$1"
}

_tastyauth_install() {
    local version=$((100 * BASH_VERSINFO[0] + BASH_VERSINFO[1])) clock=SECONDS
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
    # Before a command, bash expands PS0, which can start a subshell and no more: when a renewal is
    # due, that one sends a signal, for which this shell renews. Nobody else needs SIGURG, and it is
    # harmless where it is not trapped.
    if [[ $version -ge 404 && ${PS0-} != *_tastyauth_go* && -z $(trap -p URG) ]] &&
        shopt -q promptvars; then
        if _tastyauth_has_epoch; then clock=EPOCHSECONDS; fi
        # shellcheck disable=SC2034  # PS0 looks there
        _tastyauth_go=([1]=now)
        trap '_tastyauth_before "$_"' URG
        # in digits alone, since arithmetic would run what a variable holds
        # shellcheck disable=SC2016
        PS0='${_tastyauth_go[('$clock' <= 10#0${_tastyauth_at//[^0-9]})
            | ('$clock' >= 10#0${_tastyauth_due//[^0-9]})
            | (10#0${_tastyauth_due//[^0-9]}${@EXPIRY@//[^0-9]}
                ^ 10#0${_tastyauth_mark//[^0-9]} ? 1 : 0)]:+$(builtin kill -URG "$$")}'${PS0-}
    fi
}

