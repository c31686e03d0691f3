// Package supervisor is OTP's supervisor: it starts children in order, starts again those that end and should not have,
// gives up when that happens too often, and stops its children in reverse order, one after another.
//
//	                    all up                     too many restarts, or told to stop
//	starting ----------------------> running ------------------------------------------> stopping ---> done
//	   `-- a child fails to start: stopping                                   last child first, each with a deadline
//
//	child:  waiting --> starting --> up --> (ended: starting again, or gone)
//	                        `--------`----> stopping --> gone, or abandoned at the deadline
//
// The strategy is one_for_one: a death concerns only the child that died. Restarts are counted per supervisor, not per
// child. A child that is made with process.Props (a genserver, another supervisor) says itself why it ended and when it
// has started; of a plain protoactor actor a crash is known by its panic, and any other end is process.ErrUnknown, which
// is abnormal.
//
// Promised: child n starts only when all before it have started; a child is spawned again only when the earlier
// incarnation is gone or abandoned; no more than MaxRestarts within Period; however the supervisor is told to stop
// (ctx.Stop, Poison, its own supervisor), children stop one after another, and every wait has a deadline.
//
// Not promised: Go cannot kill. A child that does not return from its callback is abandoned at its deadline: it is
// reported, forgotten, may still run, and a successor gets another name. The supervisor ends without it.
package supervisor
