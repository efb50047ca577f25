"""Every attack that was thought of, the test that carries it out, and the defence against it.

Each attack has one test, whose failure means that the defence is gone.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Attack(NamedTuple):
    """What is tried, which test below tests/ tries it, and what defends against it."""

    attack: str
    test: str
    defence: str


_TABLE = """
# Trust
a config that was found, or named by a loaded .env, acts before anybody allowed it
    e2e/test_system_calls.py::test_before_it_is_allowed_a_config_reaches_nothing
    trust.require before any source, request or export
a config named by a loaded .env runs its commands, or is sent what is typed, in init
    test_attack_trust.py::test_setting_up_does_not_run_what_a_loaded_env_file_names
    trust.require in init
init approves the rest of a hostile config together with the profile that it adds
    test_attack_trust.py::test_adding_a_profile_approves_nothing_that_was_not_shown
    trust.require in init
the doctor rehearses cron with a config that may not act
    doctor/test_doctor.py::test_an_untrusted_config_makes_nothing_happen
    checks that need `trust`
a config that others can write, or reach through a link, passes for one's own
    config/test_trust.py::test_what_somebody_else_could_have_written_waits_for_approval
    files.writable_by_others of every step on the way
an ACL lets somebody else write a config whose mode looks private
    posix/test_writable_by_others.py::test_an_acl_for_somebody_else_is_exposed
    a group that may write, beside an ACL, counts as somebody else
a group looks empty because the directory service does not list who is in it
    posix/test_writable_by_others.py::test_a_group_that_the_directory_service_does_not_list_has_others
    only a user and a group that are listed prove that a group has no others
a repository brings a link, and init writes the schema through it
    cli/test_second_profile.py::test_nothing_is_written_through_a_link_out_of_the_directory
    files.leads_out before anything is written beside a config
a stranger's config in a shared directory shadows one's own
    test_attack_trust.py::test_a_strangers_config_in_a_shared_directory_shadows_nobodys
    a config of the project that is neither this user's nor root's is passed over
a loaded .env says that nobody can be asked, and brings the hash of its own config
    test_attack_trust.py::test_a_loaded_env_file_approves_nothing_at_a_terminal
    a hash counts only where stdin, stdout and stderr are no terminal
the same, for a hook that reads nothing and writes nowhere
    test_attack_trust.py::test_nor_for_a_hook_whose_descriptors_are_no_terminal
    a hash does not count in a hook that has a controlling terminal
a record of an approval is put into a directory that others can write
    config/test_trust.py::test_records_in_a_directory_that_others_can_write_approve_nothing
    files.writable_by_others of the record
an empty file with the name of an approval approves a plan
    config/test_trust.py::test_a_record_approves_the_plan_that_it_holds_and_no_other
    the record is compared with the plan
a program of the tree around a submodule, or of any version control, is approved
    config/test_plan.py::test_the_tree_around_a_submodule_is_the_project_too
    all trees around the config, up to the home directory
a program that was approved is replaced by somebody who may write there
    config/test_trust.py::test_a_found_file_that_goes_too_far_cannot_be_approved
    files.writable_by_others of each program of a plan
a pipe, a terminal or an endless device lies where a config is looked for
    test_attack_trust.py::test_a_config_that_is_no_file_keeps_nobody
    only a file is a config that may be found
the largest and worst config costs minutes or gigabytes before it is refused
    test_attack_trust.py::test_the_largest_config_is_refused_in_time
    64 KiB, 20 levels, a limit of problems
YAML that is made to take long: nests, aliases, quotes, tags
    validation/test_document.py::test_64_kib_of_nonsense_are_read_at_once
    events of the pure loader; nothing is constructed
YAML tags construct objects
    validation/test_document.py::test_tags_are_refused_and_never_run
    nothing is constructed
any effective change slips in under an old approval
    config/test_plan.py::test_any_effective_change_changes_the_plan
    the plan is made of all that the executor uses
another program of the approved name comes first on PATH
    cli/test_allow.py::test_another_program_of_that_name_needs_a_new_approval
    the plan holds the resolved program
a program dropped into the project is found through an empty or relative PATH entry
    sources/test_sources.py::test_a_program_is_looked_up_in_absolute_entries_of_path_only
    such entries are dropped
a program of the project is run, by its path, by PATH or through a link
    config/test_plan.py::test_a_program_of_the_project_is_refused
    refuse_outlaws
a program of the project is found by PATH
    config/test_plan.py::test_a_program_of_the_project_is_refused_on_the_path_too
    refuse_outlaws
a link outside leads to a program of the project
    config/test_plan.py::test_a_link_to_a_program_of_the_project_is_refused
    refuse_outlaws looks at both ends
a project file sends secrets to a host of its choosing
    config/test_plan.py::test_a_project_file_sends_to_no_host_of_its_choosing
    refuse_outlaws
the config is swapped while the question stands
    cli/test_allow.py::test_what_was_judged_is_what_is_recorded
    the plan that was shown is recorded
a program comes first on PATH while the question stands
    cli/test_allow.py::test_what_was_shown_is_what_is_recorded
    the plan that was shown is recorded
the config is swapped between the look at it and its use
    cli/test_allow.py::test_what_was_judged_is_what_runs
    it is read once
the approval of one path is replayed at another
    config/test_trust.py::test_the_same_file_elsewhere_needs_an_approval_of_its_own
    a record belongs to a path
somebody else, or a link, makes the record of an approval
    config/test_trust.py::test_a_record_that_others_could_have_made_approves_nothing
    locate.read_private
the cache serves a token to a config whose approval is gone
    cache/test_cache.py::test_an_entry_whose_approval_was_withdrawn_is_a_miss
    an outline names its approval
the cache serves a found config what --config fetched
    cache/test_cache.py::test_a_found_config_is_not_served_what_config_fetched_for_it
    an outline names its approval
a variable approves what somebody at the terminal would have refused
    cli/test_allow.py::test_at_a_terminal_the_hash_does_not_count
    whoever can be asked is asked
an argument with escape sequences or marks from right to left hides part of the plan
    config/test_plan.py::test_whatever_is_in_a_reference_is_shown_whole_and_in_plain_ascii
    the plan is ASCII
rows of blanks push a part of the plan out of sight
    test_attack_trust.py::test_spaces_push_no_part_of_an_argument_out_of_sight
    blanks in a row are spelled out
two long plans are made so that their difference takes hours
    test_attack_trust.py::test_a_long_plan_is_shown_again_in_time
    long plans are shown whole
the name of a directory steers the terminal of `allow`
    cli/test_allow.py::test_an_odd_directory_cannot_steer_the_terminal
    paths are printed escaped
the name of a directory forges a line of tastyauth's output
    test_attack_trust.py::test_a_directory_forges_no_line
    paths are printed escaped
the name of a directory forges a line in a hint, or changes the command that it says to type
    test_attack_trust.py::test_a_hint_about_an_odd_directory_is_one_line_that_can_be_typed
    paths in commands are quoted, and escaped where they cannot be printed
the name of a directory forges a line in a program's log
    test_attack_trust.py::test_an_exception_about_an_odd_directory_is_one_line
    the text of an exception is one printable line
the name of a directory adds a job to the crontab
    test_attack_trust.py::test_a_line_for_the_crontab_is_one_line
    what is not printable has no line
exports take over the shell: PATH, LD_PRELOAD, PROMPT_COMMAND
    validation/test_check.py::test_names_that_change_how_programs_behave_are_refused
    the names that the schema refuses
an untrusted config chooses the names that a failure unsets
    shells/test_shells.py::test_an_untrusted_or_invalid_config_chooses_no_names
    the four defaults
# Destination
the script of as-curl sends both secrets for this machine through http_proxy
    shells/test_curl_script.py::test_no_proxy_gets_what_stays_on_this_machine
    --noproxy
a ~/.curlrc has the script of as-curl write the secrets down, or send them elsewhere
    shells/test_curl_script.py::test_settings_of_curl_write_nothing_down_and_send_it_nowhere_else
    --disable
an address reads like another: user information, backslash, other alphabets, dots, ports, capitals, and loopback in decimal, octal, hexadecimal or IPv6
    test_attack_destination.py::test_an_address_that_reads_like_another_gets_nothing
    the pattern of api_url
the same, past the schema
    exchange/test_route.py::test_no_secret_goes_to_an_address_like_this
    route.read_endpoint
a hosts file or a name server makes localhost another machine
    test_attack_destination.py::test_plain_http_stays_here_whatever_localhost_means
    the peer of a plain connection is looked at before anything is written
a redirect takes the body, or the token, elsewhere
    test_attack_destination.py::test_no_redirect_is_followed
    a transport without a client
netrc, cookies or Authorization are added to the request
    exchange/test_wire.py::test_the_request_to_the_byte
    a transport without a client
a netrc or a proxy of the environment gets into the request
    exchange/test_wire.py::test_nothing_of_the_environment_gets_into_the_request
    trust_env=False
a cookie of one answer comes back with the next request
    exchange/test_wire.py::test_a_cookie_is_not_sent_back
    a transport without a client
a proxy reads what is meant for this machine
    test_attack_destination.py::test_a_proxy_is_not_asked_for_plain_http
    no proxy for http
a proxy of another scheme (socks, ftp) is used, or passed over in silence
    exchange/test_route.py::test_a_proxy_that_cannot_be_used_is_named_by_its_variable
    78, by the name of the variable
a proxy reads the sealed bytes, or another's password
    exchange/test_tls.py::test_a_proxy_is_given_a_name_and_sealed_bytes
    CONNECT, and TLS within
a proxy's answer makes us show its password
    test_sentinel.py::test_a_proxy_cannot_make_us_show_its_password
    server_text.shown
a certificate is expired, of another name or of an unknown authority
    exchange/test_tls.py::test_a_certificate_that_does_not_hold
    route.context
a server only speaks TLS 1.0 or 1.1
    test_attack_destination.py::test_a_server_of_old_tls_gets_nothing
    minimum_version
SSLKEYLOGFILE records the keys of every exchange
    exchange/test_tls.py::test_no_key_log_is_written
    a context of our own, without a key log
roots that cannot be read are replaced by others
    exchange/test_route.py::test_certificate_authorities_that_cannot_be_read_are_named
    78, by the name of the variable
a token of production is sent to the sandbox, or the reverse
    exchange/test_claims.py::test_a_sandbox_token_is_not_for_production
    claims.check_offline
a secret of one application is sent for another
    exchange/test_claims.py::test_another_client_is_named
    claims.check_offline
a token of one account stays in a shell that asked for another
    shells/test_shells.py::test_another_profile_leaves_no_name_of_the_first_behind
    foreign names are unset first
a token that another config has set under a default name stays
    shells/test_shells.py::test_the_token_of_another_config_is_gone_whatever_this_one_exports
    default names are foreign to who does not export them
# Output
the file of one account's fresh token reaches a command of another account
    shells/test_shells.py::test_nothing_of_a_kept_fresh_command_reaches_a_command_of_another_account
    names of every profile are unset first
the file of a fresh token reaches a command of the same profile whose variable is another account's
    shells/test_shells.py::test_it_goes_when_the_same_profile_is_another_account
    the name of the file tells whose it is, variables included
a read-only variable in the shell keeps an old token
    test_export.py::test_a_variable_that_is_read_only_fails_the_eval
    statements that depend on each other
a local or universal variable of fish hides the new token from programs, or outlives it
    test_export.py::test_in_fish_no_variable_of_another_scope_hides_or_outlives_the_token
    names are erased in every scope first
what was told to a shell of a variable (typeset) changes the token, or has an error show it
    test_export.py::test_what_a_shell_was_told_to_do_with_a_variable_does_not_change_the_token
    all names are unset first
an odd IFS makes the unquoted eval succeed without the token, or print it
    test_export.py::test_odd_separators_never_succeed_without_the_token_nor_print_it
    words that fail when they are split
a signal in the middle leaves nothing to evaluate, and eval succeeds
    shells/test_shells.py::test_a_signal_in_the_middle_is_a_failure
    posix.raise_when_stopped
an answer whose access token is our own secret
    exchange/test_response.py::test_a_secret_is_never_taken_for_an_access_token
    response.read_response
a long line makes the search for secrets take minutes
    validation/test_time.py::test_a_long_line_is_searched_and_reported_in_linear_time
    every reader of text is linear
a long line makes validation take minutes
    validation/test_time.py::test_a_long_line_is_validated_and_reported_in_linear_time
    every reader of text is linear
the words of a server or program make an error take minutes
    validation/test_time.py::test_the_words_of_a_server_or_program_are_quoted_in_linear_time
    every reader of text is linear
a server's words steer the terminal, or repeat a secret, in the script of as-curl
    shells/test_curl_script.py::test_what_a_server_says_is_shown_without_harm
    tr, sed and cut
an answer holds commands, quotes, escapes, wrong types, duplicate keys, deep JSON, 30 MB, a compression bomb, headers without end
    test_attack_output.py::test_an_answer_that_is_none_does_nothing
    server_text.Answer, response.read_response, 64 KiB, nothing is unpacked
an answer drips, breaks off, or never ends
    test_attack_output.py::test_an_answer_that_does_not_come_ends_in_time
    deadline.within
the text of a refusal steers the terminal, now or when it is remembered
    test_attack_output.py::test_hostile_words_are_shown_tame
    server_text.shown
a server drips in any phase of its answer
    exchange/test_wire.py::test_a_server_that_drips_does_not_keep_anyone
    deadline.within
a name server, or a handshake, hangs
    exchange/test_wire.py::test_a_name_server_that_hangs_ends_on_time
    deadline.within
a server echoes our secrets, cut, escaped or encoded
    exchange/test_response.py::test_no_echo_shows_a_secret
    server_text.shown
a failure of any kind shows a secret in output, errors, cache or state
    test_sentinel.py::test_no_secret_is_shown_however_it_ends
    Secret, mask, server_text.shown
a log of the local variables of a traceback, as of Sentry, shows a secret of the environment
    library/test_wanted.py::test_no_local_variable_of_a_failure_shows_a_secret_of_the_environment
    the traceback of a failure begins at the border of the library
a bug shows a secret in its trace
    test_sentinel.py::test_a_bug_shows_where_it_is_and_no_secret
    the one boundary names place and kind
a secret's program makes us repeat what it says
    test_sentinel.py::test_a_secrets_program_cannot_make_us_gossip
    its complaint is masked
a secret's program steers the terminal
    sources/test_sources.py::test_what_a_failing_command_says_is_cut_and_cannot_steer_the_terminal
    its complaint is stripped and cut
a secret pasted into the config is repeated by the report
    validation/test_report.py::test_a_secret_is_never_echoed_wherever_it_is
    reports are made of known words
a secret typed on the command line is repeated
    test_sentinel.py::test_a_secret_typed_by_mistake_is_not_repeated
    secret.shown
a file name forges a line of a report, or a workflow command
    cli/test_validate.py::test_a_file_name_forges_no_line
    names are printed without what steers
a value runs in a shell that evaluates it, quoted or not
    test_export.py::test_a_shell_reads_the_very_bytes
    octal through printf
a value is read in another way by one of the readers of .env
    test_export.py::test_dotenv_refuses_what_its_readers_disagree_on
    it is refused
a failure looks like success to eval
    shells/test_shells.py::test_eval_of_a_failure_fails_with_its_code_and_leaves_nothing
    the last line of every failing run
# Hygiene
a command of one profile sees the secrets of another
    cli/test_exec.py::test_variables_that_hold_the_secrets_of_another_profile_are_gone_too
    Profile.withheld
the program of one secret sees the variables of the others
    sources/test_stores.py::test_a_program_does_not_get_the_variables_that_hold_other_secrets
    Surroundings.withholding
a store that is asked whether it is available sees the variables of secrets
    cli/test_secret_set.py::test_while_a_store_is_chosen_its_program_sees_no_secret_of_any_profile
    Console.withheld
a program is given a secret in its arguments or variables
    e2e/test_system_calls.py::test_no_program_is_given_a_secret_in_arguments_or_variables
    stdin; Surroundings.passed_on
a secret's program that failed seems to have succeeded, where a program waits for all its children
    posix/test_process.py::test_a_program_whose_exit_code_somebody_else_has_taken_has_not_succeeded
    process.ExitCodeLost; SIGCHLD is set aside meanwhile
a secret's program sees the other secret
    test_sentinel.py::test_a_secrets_program_sees_no_other_secret
    Surroundings.passed_on
a secret's program, or CMD of exec, sees the secrets of another profile
    test_attack_hygiene.py::test_a_secrets_program_sees_no_secret_of_another_profile
    Surroundings.passed_on, of the whole config; ProfileOutline.variables
the program that stores a secret sees the other
    test_attack_hygiene.py::test_the_program_that_stores_a_secret_sees_no_other
    Surroundings.passed_on
the program that is started early sees the other secret
    test_attack_hygiene.py::test_the_program_that_is_started_early_sees_no_other_secret
    Surroundings.passed_on
CMD of exec sees the variables that hold the long-lived secrets
    cli/test_exec.py::test_variables_that_hold_the_secrets_are_gone
    posix.environment
a crash leaves an image of the memory with secrets in it
    test_attack_hygiene.py::test_while_secrets_are_held_a_crash_leaves_no_image
    posix.forbid_core_dumps
a crash of the keeper of a fresh token does
    test_attack_hygiene.py::test_the_keeper_of_a_fresh_token_leaves_no_image_either
    posix.forbid_core_dumps
a crash of a secret's program does
    test_attack_hygiene.py::test_a_program_for_a_secret_leaves_no_image_either
    posix.forbid_core_dumps, inherited
CMD of exec can leave no core dump, though its caller wants one
    test_attack_hygiene.py::test_any_limit_of_the_caller_is_taken
    posix.become gives the limit back
a json.py or httpx.py of the working directory is imported
    test_attack_hygiene.py::test_files_of_the_working_directory_are_not_imported
    the console script; __main__ drops the working directory
a keyring.py of the working directory is imported by the keyring's child
    test_attack_hygiene.py::test_the_child_that_asks_the_keyring_imports_nothing_from_there
    python -P, in /
a secret is pickled, copied or formatted into a log
    test_secret.py::test_no_rendering_shows_the_value
    Secret
a command that runs tastyauth runs itself for ever
    sources/test_sources.py::test_a_command_inside_a_command_is_refused
    TASTYAUTH_SOURCE
# Files
the umask opens the cache to others
    session/test_places.py::test_the_cache_is_made_for_its_owner_alone_whatever_the_umask
    modes are given when files are made
the cache directory is a link, open, or somebody else's
    session/test_places.py::test_a_cache_directory_that_is_not_ours_alone_is_not_used
    locate.check_private
a file of the cache is a link
    cache/test_cache.py::test_a_link_in_the_place_of_an_entry_is_not_written_through
    O_NOFOLLOW, rename
a file of the cache belongs to another user
    cache/test_cache.py::test_a_file_of_another_user_is_a_miss
    locate.read_private
a left-over temporary file is a link
    posix/test_files.py::test_a_leftover_that_is_a_link_is_not_followed
    O_EXCL
the lock is a symbolic or hard link
    cache/test_lock.py::test_there_is_no_lock_behind_a_link
    O_NOFOLLOW; a lock has one name
as root, files are made in the home of another user
    session/test_places.py::test_root_creates_nothing_in_the_home_of_another_user
    files.make_ancestors
the disk is read-only
    session/test_places.py::test_on_a_read_only_disk_the_token_still_comes
    what cannot be stored is no reason to withhold a token
the disk becomes full anywhere in the middle
    session/test_places.py::test_on_a_full_disk_the_token_still_comes_wherever_it_becomes_full
    what cannot be stored is no reason to withhold a token
a system call fails: ENOLCK, EIO
    session/test_places.py::test_a_system_call_that_fails_does_not_keep_the_token
    what cannot be stored is no reason to withhold a token
a reader sees half a file
    posix/test_files.py::test_a_reader_sees_the_old_or_the_new_file_never_a_part
    rename
a kill in the middle of a write of a rotated token loses the one before
    session/test_rotation.py::test_what_was_recorded_survives_a_kill_at_any_moment
    one write; a link that ends with its line is whole
a hard link stands in the place of a file
    posix/test_files.py::test_a_link_is_replaced_and_its_target_left_alone
    O_EXCL, rename
a kill at any system call leaves half a file, or a secret in the cache
    e2e/test_kills.py::test_a_process_killed_while_it_gets_a_token_leaves_everything_whole
    rename; a link that ends with its line
a kill at any system call of `secret set` leaves neither the old nor the new secret
    e2e/test_kills.py::test_a_process_killed_while_it_stores_a_secret_leaves_the_old_or_the_new_one
    rename
what a kill left beside a secret file stays there
    session/test_rotating_server.py::test_what_a_killed_writer_has_left_beside_the_file_goes_with_the_next_rotation
    files.remove_unfinished
what a kill left beside the files of grants stays there
    session/test_rotation.py::test_what_killed_writers_have_left_goes_with_the_next_rotation
    Grant.moved sweeps
a disk becomes full in the middle of a rotated token
    posix/test_files.py::test_what_cannot_be_written_leaves_no_part_of_it
    what is not whole is removed
# Races
200 processes without a token
    cache/test_herd.py::test_two_hundred_processes_without_a_token_cause_one_exchange
    single flight
any number of them with a token that ends
    cache/test_herd.py::test_any_number_of_processes_with_a_token_that_ends_cause_one_exchange
    single flight
any number of processes ask for a grant that was revoked
    cache/test_herd.py::test_a_revoked_grant_is_asked_once_in_five_minutes_by_any_number_of_processes
    the attempt record
the holder of the lock is killed
    cache/test_herd.py::test_the_next_takes_over_at_once_when_the_holder_is_killed
    a kernel lock
the holder of the lock is stopped
    cache/test_herd.py::test_who_waits_for_a_stopped_holder_ends_with_75_after_its_promise_and_not_before
    the holder's promise
an interruption at any line while a program of the user's has the lock
    cache/test_lock.py::test_a_lock_is_free_whatever_line_an_interruption_comes_at
    a context that is left in C
a forked child keeps the lock of its parent
    cache/test_lock.py::test_a_forked_child_does_not_keep_the_lock
    closed in the child
threads that take turns, as gevent's, wait for each other for ever
    cache/test_lock.py::test_where_threads_take_turns_nobody_waits_in_the_kernel
    polled there
a program hammers a server that fails
    session/test_session.py::test_a_server_that_fails_is_asked_at_a_pace_of_its_own
    a pace for each kind of failure
a program in a loop asks a proxy that wants another password until the account is locked
    cache/test_last_attempt.py::test_each_kind_of_failure_has_its_pace
    a refusal of a proxy has a pace, too
a job hammers a server that fails, and writes its secret files anew each time it starts
    session/test_session.py::test_a_file_that_is_written_again_with_the_same_secret_asks_no_sooner
    a failure with the same secrets counts, whatever has become of their files
each run of a profile whose secret comes through a named pipe asks the server
    session/test_session.py::test_what_a_pipe_yields_is_asked_for_with_once
    the times of a pipe are not compared
the server hangs for twenty callers
    cache/test_herd.py::test_twenty_callers_of_a_hanging_server_wait_once
    one outcome for all who wait
the clock steps
    cache/test_cache.py::test_a_clock_that_steps_costs_one_exchange_and_no_harm
    a token from the future is a miss
the clock is set while 200 processes wait
    cache/test_clock_jumps.py::test_a_clock_that_is_set_while_all_wait_costs_one_exchange_at_the_most
    what came while one waited is good enough
the clock is set again and again
    cache/test_clock_jumps.py::test_a_clock_that_is_set_again_and_again_costs_one_exchange_each_time
    a token from the future is a miss
# Rotation
a rotated token cannot be written to where the old one came from
    session/test_rotating_server.py::test_where_the_source_cannot_be_written_the_journal_keeps_the_token_and_says_so
    a private file per grant
the files of grants were opened to others, and an old token is sent
    session/test_rotating_server.py::test_a_journal_that_cannot_be_used_is_named_and_no_old_token_is_sent
    Grant.newest
a disk is full, so that a rotated token can be written neither to its source nor anywhere else
    session/test_places.py::test_on_a_full_disk_a_server_that_rotates_costs_no_grant
    the file of the source is written over
a new refresh token comes with an answer that is no use
    session/test_rotating_server.py::test_a_new_refresh_token_is_kept_whatever_else_is_wrong_with_the_answer
    RotatedError
a token is used up where the next one cannot be kept
    session/test_rotation.py::test_a_token_is_not_used_up_where_the_next_one_cannot_be_kept
    Grant.sole_use
a comment in the config, or `clear`, loses the rotated token
    session/test_rotating_server.py::test_neither_a_comment_nor_clear_loses_it
    the file is keyed by the grant
processes of two profiles replay each other's token
    session/test_rotating_server.py::test_many_processes_of_two_profiles_share_a_grant_and_keep_it
    a lock per grant
a kill at any moment, on a server that takes the last token once more
    session/test_rotating_server.py::test_a_kill_at_any_moment_does_not_lose_the_grant
    stored before it is used
hundreds of rotations by parallel processes, with kills, stops and comments, on a real server that ends the grant at the first replay
    e2e/test_torture.py::test_the_grant_outlives_whatever_happens_to_those_who_use_it
    a lock per grant; its file before anything else
INT, QUIT, TERM or HUP while the answer is on its way, on a server that takes the last token once more
    session/test_rotating_server.py::test_being_asked_to_stop_while_the_answer_comes_does_not_lose_the_grant
    stored before it is used
a service is stopped while `exec --keep-fresh` renews
    session/test_rotating_server.py::test_stopping_all_processes_of_a_service_does_not_lose_the_grant
    the same in the background
a signal in the middle of the write of a rotated token, in a program of the user's
    session/test_rotating_server.py::test_a_signal_while_a_new_refresh_token_is_written_waits_for_that
    posix.HeldBack
`secret set` beside a rotation into a slow store is overwritten by the old grant
    session/test_rotating_server.py::test_a_new_secret_is_not_overwritten_by_a_rotation_with_a_slow_store
    one writer per source
the newest token stays in clear although its source has it
    session/test_rotating_server.py::test_the_newest_token_is_in_clear_only_where_its_source_cannot_be_written
    Grant.moved
the writer of a file is killed at it
    session/test_rotation.py::test_a_file_whose_writer_was_killed_at_it_is_none
    a token ends with its line
# Sharing
the engine of `shared`, and the way to it, are searched for tokens, secrets and names
    e2e/test_fleet.py::test_nothing_that_is_secret_is_in_the_engine_or_in_transit_to_it
    AES-256-GCM, keyed by the grant
a sealed value with any bit altered, or cut
    shared/test_sealing.py::test_a_value_with_any_bit_altered_or_cut_off_is_not_opened
    AES-GCM
a sealed value of another grant, environment, client or scope
    shared/test_sealing.py::test_another_grant_has_another_name_and_another_key
    HKDF over grant and endpoint
a sealed value is moved to another key
    shared/test_fleet.py::test_a_value_that_was_moved_to_another_key_is_not_used
    kind and name are authenticated
a lease that never ends, or for hours
    shared/test_machines.py::test_a_hostile_lease_keeps_nobody
    next_step
ten megabytes, or garbage, in place of a token
    shared/test_machines.py::test_a_value_that_nobody_sealed_is_replaced
    the script of a look, and AES-GCM
an engine that answers what no engine does
    shared/test_machines.py::test_whatever_an_engine_answers_the_token_comes_with_one_warning
    Connected catches all of it
a project names an engine elsewhere, with any secret as its password
    shared/test_profile.py::test_an_engine_elsewhere_is_refused_in_a_project
    plan.refuse_outlaws
an engine with a certificate of nobody, or for another name
    e2e/test_fleet.py::test_a_certificate_that_is_not_trusted_or_for_another_name_is_trouble
    ssl_check_hostname
an engine keeps a sealed refusal, and brings it back with a time of its choosing
    shared/test_protocol.py::test_a_refusal_that_an_engine_brings_back_is_not_obeyed
    the clock of the machine that was refused, in the seal
a machine that was frozen comes back late with its token
    shared/test_machines.py::test_a_holder_that_was_frozen_past_its_lease_changes_nothing
    a lease of its own value
"""  # noqa: E501
"""By the classes of SECURITY.md, three lines for each: the attack, its test, its defence."""


def _classes() -> Iterator[tuple[str, tuple[Attack, ...]]]:
    for part in _TABLE.split("\n# ")[1:]:
        name, *lines = map(str.strip, part.strip().split("\n"))
        rows = zip(lines[::3], lines[1::3], lines[2::3], strict=True)
        yield name, tuple(Attack(*row) for row in rows)


ATTACKS = dict(_classes())
