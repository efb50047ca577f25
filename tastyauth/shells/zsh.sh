_tastyauth_has_epoch() {
    zmodload zsh/datetime 2>/dev/null
}

_tastyauth_hide() {
    typeset -g +x _tastyauth_bound _tastyauth_state _tastyauth_told _tastyauth_seen \
        _tastyauth_at _tastyauth_due _tastyauth_end _tastyauth_pause _tastyauth_mark
}

_tastyauth_install() {
    typeset -ga precmd_functions preexec_functions
    if [[ " ${precmd_functions[*]} " != *' _tastyauth_hook '* ]]; then
        precmd_functions=(_tastyauth_hook "${precmd_functions[@]}")
    fi
    if [[ " ${preexec_functions[*]} " != *' _tastyauth_hook '* ]]; then
        preexec_functions=(_tastyauth_hook "${preexec_functions[@]}")
    fi
}

