# which command, and how many words of its own stand before the cursor
function __tastyauth_at -a command place
    set -l found
    set -l count 0
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word --config --profile -p --color --format --min-valid --require-environment --environment --api-url --client-id --scopes --store --from --only --port --fail --lifetime --seed
            set skip 1
        else if test "$found" = exec; and test "$word" = --
            set found --
        else if string match -q -- '-*' $word
            continue
        else if test -z "$found"
            set found $word
        else
            set count (math $count + 1)
        end
    end
    test "$found" = "$command"; and test -z "$place" -o "$place" = $count
end

function __tastyauth_profiles
    set -l words (commandline -opc)
    set -l config
    if set -l i (contains -i -- --config $words)
        set config --config $words[(math $i + 1)]
    end
    command $words[1] $config completion fish --profiles 2>/dev/null </dev/null
end

function __tastyauth_program
    set -l words (commandline -opc) (commandline -ct)
    set -l i (contains -i -- -- $words)
    complete -C (string join ' ' -- (string escape -- $words[(math $i + 1)..]))
end

complete -c tastyauth -f
complete -c tastyauth -n '__tastyauth_at --' -a '(__tastyauth_program)'
complete -c tastyauth -n 'not __tastyauth_at --' -l config -r -F -d 'the config to use ($TASTYAUTH_CONFIG)'
complete -c tastyauth -n 'not __tastyauth_at --' -l profile -s p -x -a '(__tastyauth_profiles)' -d 'the profile to use ($TASTYAUTH_PROFILE)'
complete -c tastyauth -n 'not __tastyauth_at --' -l quiet -s q -d 'errors only'
complete -c tastyauth -n 'not __tastyauth_at --' -l verbose -s v -d 'show each step'
complete -c tastyauth -n 'not __tastyauth_at --' -l color -x -a 'auto always never' -d 'colours on a terminal (NO_COLOR, FORCE_COLOR)'
complete -c tastyauth -n 'not __tastyauth_at --' -l version -d 'print the version'
complete -c tastyauth -n 'not __tastyauth_at --' -l help -s h -d 'print this help'
complete -c tastyauth -n "__tastyauth_at ''" -a env -d 'print the exports, for eval'
complete -c tastyauth -n '__tastyauth_at env' -l format -x -a 'sh fish csh json dotenv github-env' -d 'the output format (default: sh)'
complete -c tastyauth -n '__tastyauth_at env' -l unset -d 'only unset what env sets'
complete -c tastyauth -n '__tastyauth_at env' -l min-valid -x -d 'seconds the token must have left (default: 60, or a sixth of its lifetime if less)'
complete -c tastyauth -n '__tastyauth_at env' -l refresh -d 'fetch a new token even if one is cached'
complete -c tastyauth -n '__tastyauth_at env' -l require-environment -x -a 'production sandbox' -d 'fail with 78 if the profile is for the other environment ($TASTYAUTH_REQUIRE_ENVIRONMENT)'
complete -c tastyauth -n "__tastyauth_at ''" -a token -d 'print only the access token'
complete -c tastyauth -n '__tastyauth_at token' -l header -d 'print the whole Authorization header, for curl -H @-'
complete -c tastyauth -n '__tastyauth_at token' -l min-valid -x -d 'seconds the token must have left (default: 60, or a sixth of its lifetime if less)'
complete -c tastyauth -n '__tastyauth_at token' -l refresh -d 'fetch a new token even if one is cached'
complete -c tastyauth -n '__tastyauth_at token' -l require-environment -x -a 'production sandbox' -d 'fail with 78 if the profile is for the other environment ($TASTYAUTH_REQUIRE_ENVIRONMENT)'
complete -c tastyauth -n "__tastyauth_at ''" -a exec -d 'run a command with the exports in its environment (exec -- CMD ...)'
complete -c tastyauth -n '__tastyauth_at exec' -l keep-fresh -d 'keep a fresh token in the file $TASTYTRADE_ACCESS_TOKEN_FILE while CMD runs'
complete -c tastyauth -n '__tastyauth_at exec' -l min-valid -x -d 'seconds the token must have left (default: 60, or a sixth of its lifetime if less)'
complete -c tastyauth -n '__tastyauth_at exec' -l refresh -d 'fetch a new token even if one is cached'
complete -c tastyauth -n '__tastyauth_at exec' -l require-environment -x -a 'production sandbox' -d 'fail with 78 if the profile is for the other environment ($TASTYAUTH_REQUIRE_ENVIRONMENT)'
complete -c tastyauth -n "__tastyauth_at ''" -a init -d 'create the config, or add a profile with -p NAME'
complete -c tastyauth -n '__tastyauth_at init' -l environment -x -a 'production sandbox custom' -d 'real money, the test system, or the server at --api-url'
complete -c tastyauth -n '__tastyauth_at init' -l api-url -x -d 'with --environment custom only'
complete -c tastyauth -n '__tastyauth_at init' -l client-id -x -d 'the client ID of your application (default: read from the refresh token)'
complete -c tastyauth -n '__tastyauth_at init' -l scopes -x -a 'read trade read,trade any' -d 'exactly what the grant may do: read | trade | read,trade | any (default: ask, else read)'
complete -c tastyauth -n '__tastyauth_at init' -l store -x -a 'file keyring pass' -d 'where to keep the secrets'
complete -c tastyauth -n '__tastyauth_at init' -l from -r -F -d 'read the credentials from a bot\'s .env'
complete -c tastyauth -n '__tastyauth_at init' -l browser -d 'open the OAuth Applications page in a browser'
complete -c tastyauth -n '__tastyauth_at init' -l print -d 'print an annotated example config'
complete -c tastyauth -n "__tastyauth_at ''" -a secret -d 'store new secrets (secret set)'
complete -c tastyauth -n '__tastyauth_at secret' -l only -x -a 'client_secret refresh_token' -d 'replace only this one'
complete -c tastyauth -n '__tastyauth_at secret' -l undo -d 'go back to the earlier secrets, while the new ones are untested'
complete -c tastyauth -n '__tastyauth_at secret 0' -a 'set'
complete -c tastyauth -n "__tastyauth_at ''" -a hook -d 'print the code that keeps a shell\'s exports fresh'
complete -c tastyauth -n '__tastyauth_at hook' -l require-environment -x -a 'production sandbox' -d 'fail with 78 if the profile is for the other environment ($TASTYAUTH_REQUIRE_ENVIRONMENT)'
complete -c tastyauth -n '__tastyauth_at hook 0' -a 'bash zsh fish'
complete -c tastyauth -n "__tastyauth_at ''" -a allow -d 'show what a config would do, and approve it'
complete -c tastyauth -n '__tastyauth_at allow' -l print -d 'print the plan (of one profile with -p) and its hash, for $TASTYAUTH_TRUST_SHA256'
complete -c tastyauth -n '__tastyauth_at allow 0' -F
complete -c tastyauth -n "__tastyauth_at ''" -a deny -d 'remove every approval of a config'
complete -c tastyauth -n '__tastyauth_at deny 0' -F
complete -c tastyauth -n "__tastyauth_at ''" -a validate -d 'check configs, without touching a secret or running anything'
complete -c tastyauth -n '__tastyauth_at validate' -l format -x -a 'human json github' -d 'the output format (default: human)'
complete -c tastyauth -n '__tastyauth_at validate' -F
complete -c tastyauth -n "__tastyauth_at ''" -a no-secrets -d 'look for tastytrade secrets in text files'
complete -c tastyauth -n '__tastyauth_at no-secrets' -l format -x -a 'human json github' -d 'the output format (default: human)'
complete -c tastyauth -n '__tastyauth_at no-secrets' -F
complete -c tastyauth -n "__tastyauth_at ''" -a schema -d 'print the JSON Schema of the config'
complete -c tastyauth -n "__tastyauth_at ''" -a explain -d 'explain a diagnostic, an exit code or a topic'
complete -c tastyauth -n "__tastyauth_at ''" -a completion -d 'print completions for a shell'
complete -c tastyauth -n '__tastyauth_at completion 0' -a 'bash zsh fish'
complete -c tastyauth -n "__tastyauth_at ''" -a status -d 'show what is configured, cached, refused and missing'
complete -c tastyauth -n '__tastyauth_at status' -l format -x -a 'human json' -d 'the output format (default: human)'
complete -c tastyauth -n "__tastyauth_at ''" -a as-curl -d 'print the token exchange as a script for sh and curl'
complete -c tastyauth -n "__tastyauth_at ''" -a clear -d 'forget cached tokens and failed attempts'
complete -c tastyauth -n '__tastyauth_at clear' -l all -d 'for every config, not only this one'
complete -c tastyauth -n "__tastyauth_at ''" -a doctor -d 'check every step to a token, and say what to do'
complete -c tastyauth -n '__tastyauth_at doctor' -l offline -d 'stop before going online'
complete -c tastyauth -n '__tastyauth_at doctor' -l cron -d 'also rehearse a run under cron'
complete -c tastyauth -n '__tastyauth_at doctor' -l format -x -a 'human json' -d 'the output format (default: human)'
complete -c tastyauth -n "__tastyauth_at ''" -a simulator -d 'simulate tastytrade\'s token and account endpoints locally'
complete -c tastyauth -n '__tastyauth_at simulator' -l port -x -d 'the port to listen on (default: any free one)'
complete -c tastyauth -n '__tastyauth_at simulator' -l fail -x -a 'grant-revoked secret-mismatch invalid-jwt not-a-customer 429 503 html-401 slow redirect not-json echo' -d 'make every token request fail this way'
complete -c tastyauth -n '__tastyauth_at simulator' -l lifetime -x -d 'lifetime of an access token in seconds (default: 900)'
complete -c tastyauth -n '__tastyauth_at simulator' -l environment -x -a 'production sandbox' -d 'which environment its tokens are for (default: sandbox)'
complete -c tastyauth -n '__tastyauth_at simulator' -l scopes -x -a 'read trade read,trade none' -d 'what its grant may do, besides openid: read | trade | read,trade | none (not stated) (default: read)'
complete -c tastyauth -n '__tastyauth_at simulator' -l seed -x -d 'the same word always makes the same credentials'
complete -c tastyauth -n "__tastyauth_at ''" -a demo -d 'show a whole run, from config to token, with the simulator'
