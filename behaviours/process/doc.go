// Package process gives protoactor actors what OTP processes have: reasons for ending, monitors that report them,
// links that carry them, names, calls that never hang, timers that can really be cancelled, and one interpreter for pure
// cores.
//
//	            Lift              Step               Perform
//	mailbox ----------> event ----------> effects ----------> sends, spawns, timers, Exit
//	                                |
//	                              State (fresh in every incarnation)
//
// An actor made with Props ends in one of three ways: Exit (its own reason), a stop from outside (ErrShutdown), or a
// panic anywhere in its code (*PanicError). In each case Terminate runs once, taken calls are answered with *ExitError,
// queued calls with an error that is ErrNoProc, other queued messages become dead letters (protoactor's event), and every
// monitor gets exactly one Down, in the user lane, after everything the actor sent to that watcher before. A panic also reaches the parent's
// supervision as a *PanicError; an actor without a parent is not restarted.
//
// Promised: no reply reaches a caller that has given up; no cancelled timer is handled; a Down of an earlier
// incarnation of the watcher, or of a monitor that was taken back, is never handled.
//
// Not promised: an actor that never returns from Receive cannot be ended; a plain protoactor actor gives no reason
// (ErrUnknown) and is not seen to restart. Call, Monitor, Link, Inspect and Send cross members once something carries
// frames between them (Connect); names, protoactor's own Watch and its Stop do not.
package process

// EnvelopeVersion is the version of Envelope that this code writes. A receiver refuses a newer one and survives it.
const EnvelopeVersion = 1

//go:generate sh -c "bin=$DOLLAR(mktemp -d) && go build -o $DOLLAR{bin} google.golang.org/protobuf/cmd/protoc-gen-go && PATH=$DOLLAR{bin}:$DOLLAR{PATH} protoc --go_out=. --go_opt=paths=source_relative envelope.proto; rm -r $DOLLAR{bin}"
