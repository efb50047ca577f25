_tastyauth_has_epoch() {
    [[ ${BASH_VERSINFO[0]} -ge 5 && ${EPOCHSECONDS-} == [1-9]* ]]
}

_tastyauth_hide() {
    export -n _tastyauth_bound _tastyauth_state _tastyauth_told _tastyauth_seen \
        _tastyauth_at _tastyauth_due _tastyauth_end _tastyauth_pause _tastyauth_mark _tastyauth_on
}

_tastyauth_before() { # the first command of a line, which still sees $_
    _tastyauth_hook
    : "$1"
}

_tastyauth_install() {
    local version=$((100 * BASH_VERSINFO[0] + BASH_VERSINFO[1]))
    if [[ -n ${bash_preexec_imported-}${__bp_imported-} ]]; then # there is bash-preexec
        if [[ " ${precmd_functions[*]-} " != *' _tastyauth_hook '* ]]; then
            precmd_functions=(_tastyauth_hook ${precmd_functions[@]+"${precmd_functions[@]}"})
        fi
    elif [[ ${PROMPT_COMMAND[*]-} == *_tastyauth_hook* ]]; then
        :
    elif [[ $version -ge 501 && $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
        PROMPT_COMMAND=(_tastyauth_hook "${PROMPT_COMMAND[@]}")
    else # a string: what was there first still sees PIPESTATUS
        # shellcheck disable=SC2128,SC2178,SC2179
        PROMPT_COMMAND+=${PROMPT_COMMAND:+$'\n'}_tastyauth_hook
    fi
    # Before a line of any kind PS0 is expanded. That runs nothing in this shell, but once a renewal
    # is due it sends it a signal that nobody heeds otherwise. In its arithmetic are only digits.
    # shellcheck disable=SC2016
    local clock=SECONDS due='10#0${_tastyauth_due//[^0-9]/}' trap
    trap=$(trap -p URG)
    if [[ $- == *i* && $version -ge 404 && ${PS0-} != *_tastyauth_on* ]] &&
        [[ -z ${trap/*_tastyauth_before*/} ]] && shopt -q promptvars; then
        if _tastyauth_has_epoch; then clock=EPOCHSECONDS; fi
        _tastyauth_on=('' on)
        trap '_tastyauth_before "$_"' URG
        due="\${_tastyauth_on[10#0\${$clock//[^0-9]/} >= $due]:+\$(builtin kill -s URG \$\$)}"
        PS0=${PS0-}"\${_tastyauth_due:+$due}"
    fi
}

