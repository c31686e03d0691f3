// Package supervisor is OTP's supervisor: it starts children in order, starts again those that end and should not have,
// gives up when that happens too often, and stops its children in reverse order, one after another.
//
//	                    all up                     too many restarts, a significant child ended, or told to stop
//	starting ----------------------> running ------------------------------------------> stopping ---> done
//	   `-- a child fails to start: stopping                                   last child first, each with a deadline
//
//	child:  waiting --> starting --> up --> (ended: waiting again, or gone)
//	           ^            `--------`----> stopping --> gone, or abandoned at the deadline
//	           `--- for a sibling's sake -------`
//
// The strategy says whom a death concerns besides the dead one: nobody (OneForOne), all (OneForAll), or those started
// after it (RestForOne); they are stopped in reverse order and started in order. SimpleOneForOne has any number of
// instances of one template, started at run time. Restarts are counted per supervisor, not per child. A child that is
// made with process.Props (a genserver, another supervisor) says itself why it ended and when it has started; of a plain
// protoactor actor a crash is known by its panic, and any other end is process.ErrUnknown, which is abnormal.
//
// StartChild and its like change the children at run time, Tree draws them, Subscribe tells what happens to them.
//
// As in OTP, a supervisor does one thing after another: commands, and the ends of children, that come while it starts,
// restarts or terminates children wait until that is over, in the order in which they came. Only a stop of the supervisor
// itself, and questions, do not wait. A running OneForOne waits less: its children have nothing to do with one another, so
// the restart of one waits for nobody, and a command waits for earlier commands and for the child that it is about. The
// instances of a SimpleOneForOne wait for nothing. A panic is an end when it happens; the next incarnation is started when
// the one that panicked is gone.
//
// Promised: child n starts only when all before it have started; a child is spawned again only when the earlier
// incarnation is gone or abandoned; no more than MaxRestarts within Period; however the supervisor is told to stop
// (ctx.Stop, Poison, its own supervisor), children stop one after another, except that instances of a SimpleOneForOne
// stop all at once; and every wait has a deadline, unless it is set to Infinity.
//
// Not promised: Go cannot kill. A child that does not return from its callback is abandoned at its deadline: monitors
// hear that it ended with process.ErrKilled, its registered names are free, and it is reported, but it may still run,
// keeps its PID, and a successor gets another one. The supervisor ends without it.
package supervisor
