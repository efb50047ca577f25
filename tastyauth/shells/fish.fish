if not functions -q _tastyauth_renew; or test "$_tastyauth_bound" != @BOUND@
    # the hook of another profile goes, and takes what it has set with it
    functions -q _tastyauth_release; and _tastyauth_release
    set -gu _tastyauth_bound ''
end

# fish has no clock, but tells the age of a file, which makes one; before 3.6 it has neither
if type -q path; and path mtime -R / >/dev/null 2>&1
    function _tastyauth_now
        math (path mtime /) + (path mtime -R /)
    end
else
    function _tastyauth_now
        command date +%s
    end
end

function _tastyauth_call
    @SETTINGS@
    if test "$_tastyauth_told" = 1
        @CALL@ $argv[1] </dev/null 2>/dev/null
    else
        @CALL@ $argv[1] </dev/null
    end
end

function _tastyauth_unset
    for name in @NAMES@
        while set -e $name # in every scope
        end
    end
end

function _tastyauth_look --no-scope-shadowing
    set _tastyauth_found
    for _tastyauth_name in @NAMES@
        if set -q $_tastyauth_name
            set -a _tastyauth_found "=$$_tastyauth_name"
        else
            set -a _tastyauth_found -
        end
    end
end

function _tastyauth_are_numbers
    not string match -qvr '^[0-9]{1,11}\z' -- $argv
end

function _tastyauth_release
    set -l _tastyauth_found
    _tastyauth_look
    if test "$_tastyauth_state" = mine; and test "$_tastyauth_found" = "$_tastyauth_seen"
        _tastyauth_unset
    end
end

function _tastyauth_renew -a now
    set -l how again
    set -l _tastyauth_found
    set -l _tastyauth_wait 60
    set -l _tastyauth_left 0
    _tastyauth_are_numbers "$_tastyauth_end"; or set -gu _tastyauth_end 0
    _tastyauth_are_numbers "$_tastyauth_pause"; or set -gu _tastyauth_pause 10
    _tastyauth_look
    set -gu _tastyauth_mark "$@EXPIRY@"
    set -gu _tastyauth_at $now
    # if this is interrupted, the next prompt waits too
    set -gu _tastyauth_due (math $now + $_tastyauth_pause)
    if test "$_tastyauth_found" != "$_tastyauth_seen"
        set how changed
    else if test "$_tastyauth_state" = aside
        return
    else if test "$_tastyauth_state" = waits
        test $now -lt $_tastyauth_end; and return
        set how changed
    else if test "$_tastyauth_state" != mine
        set how first
    end
    set -gu _tastyauth_pause (math "min(2 * $_tastyauth_pause, 600)")
    set -l answer (_tastyauth_call $how)
    if test $status -eq 0
        eval "$answer"
        set -gu _tastyauth_due (math $now + $_tastyauth_wait)
        set -gu _tastyauth_end (math $now + $_tastyauth_left)
        set -gu _tastyauth_pause 10
        set how
    else
        set -gu _tastyauth_told 1
        if test $how = again; and test $now -ge $_tastyauth_end
            _tastyauth_unset
        end
    end
    if test "$how" != changed
        _tastyauth_look
        set -gu _tastyauth_seen "$_tastyauth_found"
        set -gu _tastyauth_mark "$@EXPIRY@"
    end
end

function _tastyauth_hook --on-event fish_prompt --on-event fish_preexec
    set -l now (_tastyauth_now)
    _tastyauth_are_numbers "$now"; or return
    if not _tastyauth_are_numbers "$_tastyauth_at" "$_tastyauth_due"
        _tastyauth_renew $now
    else if test $now -lt $_tastyauth_at; or test $now -ge $_tastyauth_due
        _tastyauth_renew $now
    else if test "$@EXPIRY@" != "$_tastyauth_mark"
        _tastyauth_renew $now
    end
end

if test -z "$_tastyauth_bound"
    set -l _tastyauth_found
    _tastyauth_look
    set -gu _tastyauth_seen "$_tastyauth_found"
    set -gu _tastyauth_mark "$@EXPIRY@"
    set -gu _tastyauth_state first
    set -gu _tastyauth_told 0
    set -gu _tastyauth_at 0
    set -gu _tastyauth_due 0
    set -gu _tastyauth_end 0
    set -gu _tastyauth_pause 10
    set -gu _tastyauth_bound @BOUND@
end
true
