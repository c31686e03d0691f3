// Package app is what an application implements to be started, failed over and taken over by a cluster.
//
// An instance is one value of App on one member. Its controller (package appctrl) calls it from one goroutine at a time:
//
//	          Start{Role: Standby}               Start{Role: Active}
//	new value ------------------> standby ------------------------> active
//	    |                            ^                                |
//	    |  Start{Role: Active}       | Start{Role: Standby}           | Stop -> handover bytes
//	    +-------------------------------------- active                v
//	                                 +--------------------------- quiesced (acts no more, still in memory)
//
// A standby that becomes active gets a second Start on the same value and no Stop between; every other way out of a role
// goes through Stop. An instance that crashes is thrown away: its successor is a new value, started with Kind Restart.
//
// Every entry into a role has its own Context, which is cancelled, and stops being Active, before Stop is called. An
// active application asks Context.Active right before each act that must not happen twice in the cluster, for example a
// message to the outside world. That check costs no lock, no message and no allocation; it is false as soon as the role is
// left, the member's lease has ended, or the lease ended once and was granted again.
//
// Promised: a Context is never Active again once it was left or its lease term ended; callbacks of one value never
// overlap; a panic in a callback is an error of that instance, not of the process. Not promised: that an act which began
// just before the lease ended is not still on its way afterwards. Whoever receives such acts compares Context.Epoch, which
// only rises, and refuses lower ones.
package app

// MaxHandover is how many bytes one instance may hand over. It travels in records of the cluster, which are for small state
// such as a counter or a name; hand over more by leaving it where the successor finds it.
const MaxHandover = 64 << 10

// An App is one instance of an application. Embed Defaults to implement only Start.
//
// Callbacks may block; each is bounded by a timeout of the controller, after which the instance is abandoned: its Context
// is left, its mailbox closed, and a late return is ignored. Callbacks must not retain another entry's Context.
type App interface {
	// Start enters the role s.Role. It returns when the role is taken up: an error, or a panic, means that it was not.
	// It is called again on the same value when a standby becomes active and when a quiesced instance becomes standby
	// or active. Work that goes on after Start returned belongs in goroutines that end when ctx is done.
	Start(ctx *Context, s Start) error

	// Stop leaves the role that ctx was entered with. ctx is cancelled and not Active by then. After Stop returned
	// nothing of that role may act any more. The handover bytes of an active instance travel to its successor's
	// Start; those of a standby are dropped. More than MaxHandover bytes are dropped too, which is reported, and the
	// successor starts without any; so it does if what all applications of a group hand over, together, does not fit
	// into one record (the largest are dropped then). An error means that the instance cannot be reused; it is
	// reported, and its handover is dropped.
	Stop(ctx *Context) (handover []byte, err error)

	// Receive handles a message sent to the instance's PID, in the order of arrival. ctx is that of the latest
	// entry, which may have been left already while the instance is quiesced.
	Receive(ctx *Context, msg any)
}

// Defaults implements the optional part of App: Stop hands over nothing, Receive ignores every message.
type Defaults struct{}

// Stop returns no handover and no error.
func (Defaults) Stop(*Context) ([]byte, error) { return nil, nil }

// Receive ignores msg.
func (Defaults) Receive(*Context, any) {}

// A Registry names the applications a member is able to run. Each call of a constructor returns a fresh value.
type Registry map[string]func() App
