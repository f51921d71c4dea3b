# Runs one server: `sh -c THIS name PROGRAM ARGUMENT…`, as the leader of a process group of its own.
#
# Standard output gets a line with the server's process id. Standard input brings one signal's name a line, and each is
# answered by a line once it is sent. When that pipe ends (the owner dropped it, or died in whatever way), the server and
# all of its children are killed. The server's own output goes to standard error, which the owner has opened as the log.

trap '' INT HUP
exec 3<&0 4>&1 </dev/null >&2

"$@" 3<&- 4>&- &
server=$!
echo "$server" >&4

# Every process below $1. They may be in groups of their own (each of Postgres' is).
below() {
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null || pgrep -P "$1"); do
        echo "$child"
        below "$child"
    done
}

gone() {
    case "$(cat "/proc/$1/stat" 2>/dev/null)" in
    '' | *') Z '*) ! [ -d /proc/self ] || return 0 ;;
    esac
    ! kill -0 "$1" 2>/dev/null
}

# Frozen first, so that nothing new starts between the listing and the killing; then waits until all are gone, since
# a server can't start again on data that a last child still holds.
kill_all() {
    trap '' TERM
    kill -STOP "$server" 2>/dev/null
    children=$(below "$server")
    kill -KILL $children "$server" 2>/dev/null
    for child in $children; do
        until gone "$child"; do sleep 0.01; done
    done
}

(
    while read -r signal <&3; do
        case $signal in
        KILL) kill_all; exit ;;
        STOP) kill -STOP "$server"; kill -STOP $(below "$server") ;;
        CONT) kill -CONT $(below "$server") "$server" ;;
        *) kill "-$signal" "$server" ;;
        esac
        echo sent >&4
    done
    kill_all
) &
keeper=$!
exec 3<&- 4>&-

wait "$server"
code=$?
kill -TERM "$keeper" 2>/dev/null
wait "$keeper"
exit "$code"
