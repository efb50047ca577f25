if ! typeset -f _tastyauth_renew >/dev/null || [[ ${_tastyauth_bound-} != @BOUND@ ]]; then
    # the hook of another profile goes, and takes what it has set with it
    # shellcheck disable=SC2218  # that one's function, not the one below
    if typeset -f _tastyauth_release >/dev/null; then _tastyauth_release; fi
    _tastyauth_bound=
fi

_tastyauth_call() { # in a subshell
    if [[ ${_tastyauth_told-} == 1 ]]; then exec 2>/dev/null; fi
    @CALL@ "$1" </dev/null
}

_tastyauth_unset() {
    unset @NAMES@
}

_tastyauth_look() {
    _tastyauth_found=@LOOK@
}

_tastyauth_is_number() {
    [[ ($1 == 0 || $1 == [1-9]*) && $1 != *[!0-9]* && ${#1} -lt 12 ]]
}

_tastyauth_release() {
    local _tastyauth_found
    _tastyauth_look
    if [[ ${_tastyauth_state-} == mine && $_tastyauth_found == "${_tastyauth_seen-}" ]]; then
        _tastyauth_unset
    fi
}

_tastyauth_renew() {
    if [[ -n ${ZSH_VERSION-} ]]; then emulate -L zsh; fi
    local now=$1 how=again answer _tastyauth_found _tastyauth_wait=60 _tastyauth_left=0
    if ! _tastyauth_is_number "$now"; then return 0; fi
    local traced=$-
    { set +x; } 2>/dev/null # no token is traced
    if ! _tastyauth_is_number "${_tastyauth_end-}"; then _tastyauth_end=0; fi
    if ! _tastyauth_is_number "${_tastyauth_pause-}"; then _tastyauth_pause=10; fi
    _tastyauth_look
    _tastyauth_at=$((now > 0 ? now - 1 : 0))
    _tastyauth_due=$((now + _tastyauth_pause)) # if this is interrupted, the next prompt waits too
    _tastyauth_mark=$_tastyauth_due${@EXPIRY@-}
    if [[ $_tastyauth_found != "${_tastyauth_seen-}" ]]; then
        how=changed
    elif [[ ${_tastyauth_state-} == aside ]]; then
        how=
    elif [[ ${_tastyauth_state-} == waits ]]; then
        if [[ $now -lt $_tastyauth_end ]]; then how=; else how=changed; fi
    elif [[ ${_tastyauth_state-} != mine ]]; then
        how=first
    fi
    if [[ -z $how ]]; then
        :
    elif _tastyauth_pause=$((_tastyauth_pause < 300 ? 2 * _tastyauth_pause : 600)) &&
        answer=$(_tastyauth_call "$how"); then
        eval "$answer"
        _tastyauth_due=$((now + _tastyauth_wait)) _tastyauth_end=$((now + _tastyauth_left))
        _tastyauth_pause=10 how=
    else
        _tastyauth_told=1
        if [[ $how == again && $now -ge $_tastyauth_end ]]; then _tastyauth_unset; fi
    fi
    if [[ $how != changed ]]; then
        _tastyauth_look
        _tastyauth_seen=$_tastyauth_found _tastyauth_mark=$_tastyauth_due${@EXPIRY@-}
    fi
    _tastyauth_hide
    if [[ $traced == *x* ]]; then set -x; fi
}

if _tastyauth_has_epoch; then
    _tastyauth_hook() {
        local code=$?
        # as text: arithmetic would run what a variable holds
        # shellcheck disable=SC2071
        [[ $EPOCHSECONDS > ${_tastyauth_at-} && $EPOCHSECONDS < ${_tastyauth_due-} &&
            $_tastyauth_due${@EXPIRY@-} == "$_tastyauth_mark" ]] ||
            _tastyauth_renew "$EPOCHSECONDS"
        return "$code"
    }
else
    # bash before 5 knows how long it has been running, and no more; anybody may set that back
    _tastyauth_hook() {
        local code=$?
        if [[ ${SECONDS%%.*}${_tastyauth_at-}${_tastyauth_due-} == *[!0-9]* ||
            ${_tastyauth_due-}${@EXPIRY@-} != "${_tastyauth_mark-}" ]] ||
            ((SECONDS < 10#0${_tastyauth_at-} || SECONDS >= 10#0${_tastyauth_due-})); then
            _tastyauth_renew "${SECONDS%%.*}"
        fi
        return "$code"
    }
fi

if [[ -z $_tastyauth_bound ]]; then
    _tastyauth_look
    _tastyauth_seen=$_tastyauth_found
    unset _tastyauth_found
    _tastyauth_state=first _tastyauth_told=0 _tastyauth_mark=
    _tastyauth_at=0 _tastyauth_due=0 _tastyauth_end=0 _tastyauth_pause=10
    _tastyauth_bound=@BOUND@
    _tastyauth_hide
fi
_tastyauth_install
