_tastyauth() {
    local IFS=$' \t\n' current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' config='' place=0 words='' kind='' i word
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $command == exec && $word == -- ]]; then
            _tastyauth_program "$((i + 1))"
            return
        fi
        case $word in
            --config | --profile | -p | --color | --format | --min-valid | --require-environment | --environment | --api-url | --client-id | --scopes | --store | --from | --only | --port | --fail | --lifetime | --seed)
                if [[ ${COMP_WORDS[i + 1]-} == = ]]; then ((i += 1)); fi
                ((i += 1))
                if [[ $word == --config ]]; then config=${COMP_WORDS[i]-}; fi
                ;;
            -* | =) ;;
            *) if [[ -z $command ]]; then command=$word; else ((place += 1)); fi ;;
        esac
    done
    # readline takes --flag=value for three words
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case "$command $previous" in
        *' --config') kind=files ;;
        *' --profile' | *' -p') kind=profiles ;;
        *' --color') words='auto always never' ;;
        'env --format') words='sh fish csh json dotenv github-env' ;;
        'env --min-valid') : ;;
        'env --require-environment') words='production sandbox' ;;
        'token --min-valid') : ;;
        'token --require-environment') words='production sandbox' ;;
        'exec --min-valid') : ;;
        'exec --require-environment') words='production sandbox' ;;
        'init --environment') words='production sandbox custom' ;;
        'init --api-url') : ;;
        'init --client-id') : ;;
        'init --scopes') words='read trade read,trade any' ;;
        'init --store') words='file keyring pass' ;;
        'init --from') kind=files ;;
        'secret --only') words='client_secret refresh_token' ;;
        'hook --require-environment') words='production sandbox' ;;
        'validate --format') words='human json github' ;;
        'no-secrets --format') words='human json github' ;;
        'status --format') words='human json' ;;
        'doctor --format') words='human json' ;;
        'simulator --port') : ;;
        'simulator --fail') words='grant-revoked secret-mismatch invalid-jwt not-a-customer 429 503 html-401 slow redirect not-json echo' ;;
        'simulator --lifetime') : ;;
        'simulator --environment') words='production sandbox' ;;
        'simulator --scopes') words='read trade read,trade none' ;;
        'simulator --seed') : ;;
        *)
            case "$command $place" in
                ' 0') words='env token exec init secret hook allow deny validate no-secrets schema explain completion status as-curl clear doctor simulator demo' ;;
                'secret 0') words='set' ;;
                'hook 0') words='bash zsh fish' ;;
                'allow 0') kind=files ;;
                'deny 0') kind=files ;;
                'validate '*) kind=files ;;
                'no-secrets '*) kind=files ;;
                'completion 0') words='bash zsh fish' ;;
            esac
            if [[ $current == -* || -z $words$kind ]]; then
                kind='' words='--config --profile -p --quiet -q --verbose -v --color --version --help -h'
                case $command in
                    env) words+=' --format --unset --min-valid --refresh --require-environment' ;;
                    token) words+=' --header --min-valid --refresh --require-environment' ;;
                    exec) words+=' --keep-fresh --min-valid --refresh --require-environment' ;;
                    init) words+=' --environment --api-url --client-id --scopes --store --from --browser --print' ;;
                    secret) words+=' --only --undo' ;;
                    hook) words+=' --require-environment' ;;
                    allow) words+=' --print' ;;
                    validate) words+=' --format' ;;
                    no-secrets) words+=' --format' ;;
                    status) words+=' --format' ;;
                    clear) words+=' --all' ;;
                    doctor) words+=' --offline --cron --format' ;;
                    simulator) words+=' --port --fail --lifetime --environment --scopes --seed' ;;
                esac
            fi
            ;;
    esac
    if [[ $kind == profiles ]]; then
        words=$("$1" ${config:+--config "$config"} \
            completion bash --profiles </dev/null 2>/dev/null)
    fi
    if [[ $kind == files ]]; then
        compopt -o filenames 2>/dev/null
        _tastyauth_reply -f -- "$current"
    else
        _tastyauth_reply -W "$words" -- "$current"
    fi
}

_tastyauth_reply() {
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@")
}

_tastyauth_program() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        _tastyauth_reply -c -- "${COMP_WORDS[COMP_CWORD]}"
    else
        compopt -o filenames 2>/dev/null
        _tastyauth_reply -f -- "${COMP_WORDS[COMP_CWORD]}"
    fi
}

complete -F _tastyauth tastyauth
