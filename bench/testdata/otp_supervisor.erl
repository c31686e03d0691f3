%% OTP's supervisor for the benchmarks of this directory. Each line of standard input names what to do and how often; the
%% answer is a line with the time of each in nanoseconds.
-module(otp_supervisor).
-export([main/0, start_worker/1, init/1, handle_call/3, handle_cast/2]).

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    serve().

serve() ->
    case io:get_line("") of
        eof ->
            halt();
        Line ->
            [What, N] = string:lexemes(Line, " \n"),
            Times = run(What, list_to_integer(N)),
            io:put_chars([lists:join(" ", [integer_to_list(T) || T <- Times]), "\n"]),
            serve()
    end.

%% A child of a simple_one_for_one, from the command to its answer.
run("start", N) ->
    Sup = sup(#{strategy => simple_one_for_one}, temporary, [none]),
    Times = [timed(fun() -> {ok, _} = supervisor:start_child(Sup, []) end) || _ <- lists:seq(1, N)],
    stop(Sup),
    Times;
%% From the message that makes a child crash to the init of its successor.
run(How, N) ->
    Sup = sup(#{strategy => one_for_one, intensity => 1000000000, period => 1}, permanent, [self()]),
    Pid = receive {up, First, _} -> First end,
    Times = crashes(N, list_to_atom(How), Pid, []),
    stop(Sup),
    Times.

crashes(0, _, _, Times) ->
    Times;
crashes(N, How, Pid, Times) ->
    Begin = erlang:monotonic_time(nanosecond),
    gen_server:cast(Pid, How),
    receive {up, Next, At} -> crashes(N - 1, How, Next, [At - Begin | Times]) end.

timed(F) ->
    Begin = erlang:monotonic_time(nanosecond),
    F(),
    erlang:monotonic_time(nanosecond) - Begin.

sup(Flags, Restart, Args) ->
    Child = #{id => w, start => {?MODULE, start_worker, Args}, restart => Restart},
    {ok, Sup} = supervisor:start_link(?MODULE, {Flags, [Child]}),
    Sup.

stop(Sup) ->
    unlink(Sup),
    exit(Sup, shutdown),
    Ref = monitor(process, Sup),
    receive {'DOWN', Ref, process, Sup, _} -> ok end.

start_worker(Tell) -> gen_server:start_link(?MODULE, Tell, []).

init({Flags, Children}) ->
    {ok, {Flags, Children}};
init(none) ->
    {ok, none};
init(Tell) ->
    Tell ! {up, self(), erlang:monotonic_time(nanosecond)},
    {ok, none}.

handle_call(_, _, State) -> {reply, ok, State}.

handle_cast(exit, _) -> exit(boom);
handle_cast(panic, _) -> error(boom).
